"""The options that commands share, and what they settle: settings, log, lock."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import click

from ccpush.config.load import load_settings
from ccpush.config.places import default_places
from ccpush.config.settings import Settings
from ccpush.identity import lock_name
from ccpush.log import Log, LogLevel, configure
from ccpush.schedule.lock import RunLock

# A failing sink fails at every tick; the log of a resident process says so this often.
THROTTLE_S = 3600.0

Command = Callable[..., Any]

_SHARED = (
    click.option("--config", metavar="FILE", help="Settings file.  [CCPUSH_CONFIG]"),
    click.option(
        "--claude-home",
        metavar="DIR",
        multiple=True,
        help="Claude home to read; may be repeated.  [CLAUDE_HOME, CLAUDE_CONFIG_DIR]",
    ),
    click.option("--state", metavar="DIR", help="Where the ledger lies.  [CCPUSH_STATE]"),
    click.option("--log-level", metavar="LEVEL", help="debug, info, warning or error."),
    click.option("--log-format", metavar="FORMAT", help="text or json."),
    click.option("--debug", is_flag=True, expose_value=False, help="Show where an error arose."),
)
_IDENTITY = (
    click.option("--instance", metavar="NAME", help="What this machine is called."),
    click.option("--user", metavar="NAME", help="Value of the user label."),
)
_PUSHING = (
    click.option("--remote-write-url", metavar="URL", help="Push by remote-write, instead."),
    click.option("--pushgateway-url", metavar="URL", help="Push to a Pushgateway, instead."),
)
_WEB = (
    click.option(
        "--listen-address", metavar="HOST:PORT", help="Where to serve.  [default: 127.0.0.1:9101]"
    ),
    click.option("--web-config-file", metavar="FILE", help="TLS and passwords for serving."),
    click.option("--interval", metavar="DURATION", help="Time between ticks.  [default: 1m]"),
)


def shared(command: Command) -> Command:
    """Give a command the options that every command has."""
    return _apply(command, (*_SHARED, *_IDENTITY))


def pushing(command: Command) -> Command:
    """Give a command the options of where to push to."""
    return _apply(command, _PUSHING)


def staying(command: Command) -> Command:
    """Give a command the options of the resident process."""
    return _apply(command, _WEB)


def _apply(command: Command, options: tuple[Command, ...]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def settle(flags: Mapping[str, object]) -> Settings:
    """Find the settings from flags, environment, file and defaults; raises ConfigError."""
    places = default_places()
    return load_settings(
        flags,
        os.environ,
        home=places.home,
        config_dir=places.config_dir,
        state_dir=places.state_dir,
        runtime_dir=places.runtime_dir,
        cache_dir=places.cache_dir,
    )


def open_log(settings: Settings, default: LogLevel, *, throttle_s: float = 0.0) -> Log:
    """Make the log and put the notes about the settings into it."""
    level = settings.log_level or default
    log = configure(level, settings.log_format, sys.stderr, throttle_s=throttle_s)
    for note in settings.notes:
        log.warning("config_note", note=note)
    return log


def run_lock(settings: Settings, command: str) -> RunLock:
    """Make the lock that one run of this identity holds at a time."""
    return RunLock(settings.runtime_dir, lock_name(), command=f"ccpush {command}")
