"""The commands: parse, call, print. What they do is done elsewhere."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import click

from ccpush import __version__
from ccpush.app import Pipeline, look
from ccpush.config.settings import Settings
from ccpush.errors import EXIT_FAILURE, EXIT_OK, EXIT_TEMPORARY, BusyError
from ccpush.ledger import store
from ccpush.ledger.query import read_account, read_days_by_model
from ccpush.log import Log
from ccpush.progress import bar
from ccpush.push.build import build_sinks
from ccpush.terminal.ending import leave, told
from ccpush.terminal.options import (
    THROTTLE_S,
    open_log,
    pushing,
    run_lock,
    settle,
    shared,
    staying,
)

LOCK_WAIT_S = 10.0
_EXIT_CODES = """\b
Exit codes: 0 done or nothing to do, 1 failure, 2 usage, 75 try again later,
78 configuration, 128+n ended by signal n."""


@click.group(epilog=_EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ccpush")
@click.option("--debug", is_flag=True, help="Show where an error arose.")
def cli(debug: bool) -> None:
    """An exact account of Claude Code usage, pushed to Prometheus.

    Reads what Claude Code leaves on disk, keeps the account in a local ledger, serves it on :9101
    and pushes it by remote-write or to a Pushgateway. Nothing but numbers leaves this machine.

    \b
    Examples:
      ccpush metrics            what would be served, right now
      ccpush report             tokens by day and model
      ccpush run                stay: serve on :9101, push on a schedule
      ccpush push               push once, for timers
      ccpush demo               see it all work without Claude data
    """  # noqa: D301
    del debug


@cli.command(epilog="Example:  ccpush run --listen-address :9101")
@shared
@pushing
@staying
def run(**flags: object) -> int:
    """Stay resident: serve :9101, collect and push on a schedule.

    Ends on SIGTERM or SIGINT within two seconds, with exit code 0.
    """
    from ccpush import resident

    settings = settle(flags)
    log = open_log(settings, "info", throttle_s=THROTTLE_S)
    lock = run_lock(settings, "run")
    lock.acquire(LOCK_WAIT_S)
    with lock, Pipeline(settings, log, sinks=build_sinks(settings)) as pipeline:
        return resident.run(pipeline, log)


@cli.command(epilog="Example:  ccpush push --remote-write-url http://localhost:9099/api/v1/write")
@shared
@pushing
def push(**flags: object) -> int:
    """Collect and push once, as a timer does.

    Exits 75 when a sink could not be reached: nothing is lost, the next run tries again.
    """
    settings = settle(flags)
    log = open_log(settings, "warning")
    lock = run_lock(settings, "push")
    lock.acquire()
    with lock, Pipeline(settings, log, sinks=build_sinks(settings)) as pipeline:
        with _progress(pipeline, settings) as advance:
            tick = pipeline.tick(advance)
        if not pipeline.pushes:
            click.echo(_no_sink(settings), err=True)
        outcomes = {result.outcome for _, result in tick.results}
    if "rejected" in outcomes:
        return EXIT_FAILURE
    return EXIT_TEMPORARY if tick.silent or "retry" in outcomes else EXIT_OK


@cli.command(epilog="Example:  ccpush metrics | promtool check metrics")
@shared
def metrics(**flags: object) -> int:
    """Collect, and print the exposition as :9101 would serve it.

    While another run holds the lock, what that run has collected is printed.
    """
    from ccpush.metrics.collector import render
    from ccpush.metrics.evaluate import evaluate

    settings = settle(flags)
    _collect_if_free(settings, open_log(settings, "warning"), "metrics")
    account, known = look(settings)
    body, _ = render(evaluate(account, known.identity))
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()
    return EXIT_OK


@cli.command(epilog="Example:  ccpush report --days 7 --csv > week.csv")
@shared
@click.option("--days", default=30, show_default=True, help="How many days back; 0 for all.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
def report(days: int, form: str | None, **flags: object) -> int:
    """Tokens by day and model."""
    from ccpush.terminal import report as printed

    settings = settle(flags)
    _collect_if_free(settings, open_log(settings, "warning"), "report")
    now_s = _now()
    with store.open_ledger(settings.state_dir, write=False) as connection:
        account = read_account(connection, now_s, settings.active_window_s)
        by_model = read_days_by_model(connection)
    since = account.today - timedelta(days=days - 1) if days > 0 else date.min
    rows = printed.report_rows(by_model, account.days, since)
    if form == "json":
        click.echo(printed.as_json(rows))
    elif form == "csv":
        click.echo(printed.as_csv(rows), nl=False)
    elif rows:
        printed.print_table(rows, sys.stdout)
    else:
        click.echo("nothing was used in these days")
    return EXIT_OK


@cli.command(epilog="Example:  ccpush status --json | jq .sinks")
@shared
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool, **flags: object) -> int:
    """What was read, what was skipped and why, and how each sink is doing."""
    from ccpush.terminal import status as printed

    settings = settle(flags)
    if not store.exists(settings.state_dir):
        click.echo(f"nothing collected yet: no ledger in {settings.state_dir}", err=True)
        click.echo("Try: ccpush metrics", err=True)
        return EXIT_OK
    account, known = look(settings)
    holder = run_lock(settings, "status").holder()
    form = printed.as_json if as_json else printed.as_text
    click.echo(form(account, known.identity, settings, holder))
    return EXIT_OK


@cli.command(epilog="Example:  ccpush demo --listen-address :9102")
@staying
@click.option("--dir", "folder", metavar="DIR", help="Where to invent it.  [default: a temporary]")
@click.option("--days", default=60, show_default=True, help="How many days to invent.")
@click.option("--seed", default=1, show_default=True, help="Which story to tell.")
@click.option("--home-only", is_flag=True, help="Invent the home, print its folder and end.")
@pushing
def demo(folder: str | None, days: int, seed: int, home_only: bool, **flags: object) -> int:
    """Invent a Claude home and run on it, to see everything work without Claude data.

    The home, the ledger and the identity are the demo's own: neither your Claude data nor your
    ledger is touched, and your settings are not read.
    """
    from ccpush.demo.show import show

    return show(Path(folder) if folder else None, days, seed, flags, home_only=home_only)


def main() -> None:
    """Run a command and leave with its exit code."""
    debug = "--debug" in sys.argv[1:]
    leave(told(lambda: cli.main(standalone_mode=False), debug=debug))


def _now() -> float:
    import time

    return time.time()


@contextlib.contextmanager
def _progress(pipeline: Pipeline, settings: Settings) -> Iterator[Callable[[int], None]]:
    """Show a bar while a long read lasts, where somebody watches."""
    quiet = settings.log_format == "json" or "CI" in os.environ or not sys.stderr.isatty()
    total_bytes = 0 if quiet else pipeline.pending_bytes()
    with bar(total_bytes, quiet=quiet) as progress:
        yield progress.advance


def _collect_if_free(settings: Settings, log: Log, command: str) -> None:
    """Bring the ledger up to date, unless another run is at it."""
    lock = run_lock(settings, command)
    if lock.try_acquire():
        with (
            lock,
            Pipeline(settings, log) as pipeline,
            _progress(pipeline, settings) as advance,
        ):
            pipeline.collect(advance)
    elif not store.exists(settings.state_dir):
        raise BusyError(
            "another run has just begun to collect; there is nothing to show yet",
            hint="try again in a moment",
        )


def _no_sink(settings: Settings) -> str:
    file = settings.config_file or "ccpush.yml"
    return f"collected, and pushed nowhere: add remote_write: or pushgateway: to {file}"
