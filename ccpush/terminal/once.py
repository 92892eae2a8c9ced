"""One pass or push, as a timer or a person asks for it: what is shown meanwhile, and said.

Silent where all went well, unless somebody gave their word that the receivers are empty.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Final

import click

from ccpush.app import ONCE_DEADLINE_S, Pipeline, Pushing, Tick
from ccpush.config.durations import parse_duration
from ccpush.config.settings import Settings
from ccpush.config.texts import RefusedError
from ccpush.errors import (
    EXIT_CONFIG,
    EXIT_FAILURE,
    EXIT_OK,
    EXIT_TEMPORARY,
    BusyError,
    ConfigError,
)
from ccpush.ledger import store
from ccpush.ledger.cursors import SECONDS_PER_STEP, read_cursors
from ccpush.log import Log
from ccpush.progress import MIN_SHOWN_BYTES, bar, deliveries
from ccpush.push.build import build_sinks
from ccpush.push.remote_write.reach import REACH_S
from ccpush.push.sink import PushResult, Sink
from ccpush.terminal.options import run_lock

# What needs a person most decides the exit code.
_CODES: Final = (
    ("stopped", EXIT_CONFIG),
    ("rejected", EXIT_FAILURE),
    ("retry", EXIT_TEMPORARY),
)


def push_once(settings: Settings, log: Log, backfill: str | None) -> int:
    """Collect and push once under the caller's lock; return the exit code.

    ``backfill`` is a duration as Prometheus writes it: receivers are empty and get that much of the
    past. Raises ConfigError when it is none.
    """
    backfill_s = None if backfill is None else _backfill_s(backfill)
    pushing = Pushing(deadline_s=ONCE_DEADLINE_S, backfill_s=backfill_s)
    sinks = build_sinks(settings)
    with Pipeline(settings, log, sinks=sinks, pushing=pushing) as pipeline:
        read_with_bar(pipeline, settings)
        with _delivering(pipeline, settings):
            tick = pipeline.tick()
    if not sinks:
        click.echo(_no_sink(settings), err=True)
    if backfill_s is not None:
        for line in _told(settings, tick):
            click.echo(line)
    outcomes = {result.outcome for _, result in tick.results}
    for outcome, code in _CODES:
        if outcome in outcomes:
            return code
    return EXIT_TEMPORARY if tick.silent else EXIT_OK


def read_with_bar(pipeline: Pipeline, settings: Settings) -> None:
    """Collect what is much to read, with a bar, where somebody watches; else do nothing."""
    total_bytes = 0 if is_quiet(settings) else pipeline.pending_bytes()
    if total_bytes >= MIN_SHOWN_BYTES:
        with bar(total_bytes) as progress:
            pipeline.collect(progress.advance)


def collect_if_free(settings: Settings, log: Log, command: str) -> None:
    """Bring the ledger up to date, unless another run is at it; raises BusyError without any."""
    lock = run_lock(settings, command)
    if lock.try_acquire():
        with lock, Pipeline(settings, log) as pipeline:
            read_with_bar(pipeline, settings)
            pipeline.collect()
    elif not store.exists(settings.state_dir):
        raise BusyError(
            "another run has just begun to collect; there is nothing to show yet",
            hint="try again in a moment",
        )


def is_quiet(settings: Settings) -> bool:
    """Whether nobody is to be shown a bar."""
    return settings.log_format == "json" or "CI" in os.environ


@contextlib.contextmanager
def _delivering(pipeline: Pipeline, settings: Settings) -> Iterator[None]:
    with deliveries("Pushing samples", quiet=is_quiet(settings)) as progress:
        pipeline.progress = progress.told
        yield


def _backfill_s(text: str) -> float:
    # imported late: it brings the libraries that only remote-write needs
    try:
        wanted_s = parse_duration(text)
    except RefusedError as error:
        raise ConfigError(f"--backfill: found {text!r}; accepted: {error}") from error
    if wanted_s <= 0:
        raise ConfigError(f"--backfill: found {text!r}; accepted: more than 0, such as 29d")
    if wanted_s > REACH_S:
        most = f"{REACH_S / 86_400:.0f}d"
        click.echo(f"--backfill: {text} is more than receivers take; {most} it is", err=True)
    return min(wanted_s, REACH_S)


def _told(settings: Settings, tick: Tick) -> Iterator[str]:
    """Say of each sink what the backfill did."""
    if not tick.collected.complete:
        yield "nothing was sent: the files could not be read to their end"
        return
    if not settings.remote_write:
        yield "nothing to backfill: only remote-write takes a past"
    with store.open_ledger(settings.state_dir, write=False) as connection:
        for sink, result in tick.results:
            cursors = read_cursors(connection, sink.name).values()
            begins = [cursor.begin for cursor in cursors if cursor.begin is not None]
            yield f"{sink.name}: {_words(sink, result, min(begins, default=None))}"
    for sink in tick.silent:
        yield f"{sink.name}: nothing was sent, it has to wait; see ccpush status"


def _words(sink: Sink, result: PushResult, begin: int | None) -> str:
    if sink.kind == "pushgateway":
        return f"takes no past; {result.outcome}, {result.sent:,} samples of now"
    span = ""
    if begin is not None and result.through_s is not None and result.sent:
        span = f", from {_local(begin * SECONDS_PER_STEP)} through {_local(result.through_s)}"
    sent = f"{result.sent:,} samples sent{span}"
    if rejected := sum(result.rejected.values()):
        sent += f"; {rejected:,} rejected"
    if result.error:
        sent += f"; {result.error}"
    if result.outcome == "retry" and result.sent:
        sent += " (by 'ccpush push' alone: --backfill would begin again)"
    return sent


def _local(at_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at_s))


def _no_sink(settings: Settings) -> str:
    file = settings.config_file or "ccpush.yml"
    return f"collected, and pushed nowhere: add remote_write: or pushgateway: to {file}"
