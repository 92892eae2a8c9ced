"""How a command ends: errors in a line and a hint, and the exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

import click

from ccpush.crash import crash_values
from ccpush.errors import EXIT_FAILURE, EXIT_OK, CcpushError


def told(command: Callable[[], object], *, debug: bool) -> int:
    """Run a command and return its exit code; what went wrong is told on standard error."""
    try:
        code = command()
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CcpushError as error:
        if debug:
            raise
        click.echo(f"Error: {error}", err=True)
        if error.hint:
            click.echo(f"Try: {error.hint}", err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # whoever read has read enough
        return 128 + 13
    except Exception as error:
        # A mistake of ours; told without words that might quote what was read.
        if debug:
            raise
        values = crash_values(error)
        click.echo(f"Error: unexpected {values['error']} at {values['at']}", err=True)
        click.echo("Try: the same with --debug, and report what it shows", err=True)
        return EXIT_FAILURE
    return code if isinstance(code, int) else EXIT_OK


def leave(code: int) -> NoReturn:
    """End the process at once: nothing is open, and tidying modules up would take 30 ms."""
    try:
        sys.stderr.flush()
    finally:
        os._exit(code)
