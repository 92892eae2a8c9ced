"""The export: the ledger's whole history as a file for receivers that take no old samples.

Changes nothing in the ledger. A file appears under its name only when it is complete.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec

from ccpush.app import look
from ccpush.config.durations import parse_duration
from ccpush.config.settings import RelabelRule, Settings
from ccpush.config.texts import RefusedError
from ccpush.errors import CcpushError, ConfigError
from ccpush.ledger import store
from ccpush.ledger.history import beginning
from ccpush.metrics.grid import step_of
from ccpush.metrics.openmetrics import (
    NAME_LABEL,
    History,
    Written,
    expected_samples,
    write_history,
)
from ccpush.metrics.samples import Labels
from ccpush.progress import deliveries
from ccpush.push.remote_write.naming import Naming
from ccpush.terminal.once import is_quiet

# as remote-write has it; the blocks and what is pushed later are one series
JOB = "ccpush"


class Wanted(msgspec.Struct, frozen=True):
    """What the options say: moments as they were written, a file, a sink."""

    since: str | None = None
    until: str | None = None
    output: str | None = None
    sink: str | None = None


def export(settings: Settings, wanted: Wanted, *, now: Callable[[], float] = time.time) -> Written:
    """Write the history; raises ConfigError for what cannot be, CcpushError for a full disk."""
    account, known = look(settings, now=now)
    until_s = _moment("--until", wanted.until, account.as_of_s)
    through = min(step_of(until_s), step_of(account.as_of_s))
    since_s = _moment("--since", wanted.since, account.as_of_s, default_s=0.0)
    since = step_of(since_s)
    if since >= through:
        raise ConfigError(f"--since: found {wanted.since}; accepted: earlier than the end")
    final = _final(settings, wanted.sink, known.identity.instance)
    to_terminal = wanted.output is None and sys.stdout.isatty()
    with (
        store.open_ledger(settings.state_dir, write=False) as connection,
        store.snapshot(connection),
        deliveries("Exporting samples", quiet=to_terminal or is_quiet(settings)) as progress,
        _opened(wanted.output) as out,
    ):
        begin = beginning(connection, through, through - since)
        history = History(begin, through, known.identity, final)
        due = expected_samples(connection, history)
        return write_history(connection, history, out, lambda done: progress.told(done, due))


def words(written: Written) -> Iterator[str]:
    """Say what was written, and what to do next."""
    yield f"{written.samples:,} samples of {written.series:,} series written"
    if written.left_out:
        yield f"{written.left_out:,} series left out: relabelling makes them the same"


def _moment(option: str, text: str | None, now_s: float, default_s: float | None = None) -> float:
    """Return a moment in seconds: a duration before now, or a local date or time."""
    if text is None:
        return now_s if default_s is None else default_s
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        pass
    try:
        return now_s - parse_duration(text)
    except RefusedError as error:
        raise ConfigError(
            f"{option}: found {text!r}; accepted: a date such as 2026-10-01, a time such as"
            " 2026-10-01T12:00, or how long ago, such as 29d"
        ) from error


def _final(
    settings: Settings, sink: str | None, instance: str
) -> Callable[[Labels], Labels | None]:
    rules: tuple[RelabelRule, ...] = ()
    if sink is not None:
        named = {config.name: config for config in settings.remote_write}
        if sink not in named:
            accepted = ", ".join(named) or "none, as there is no remote_write: block"
            raise ConfigError(f"--sink: found {sink!r}; accepted: {accepted}")
        rules = named[sink].write_relabel_configs
    naming = Naming({"job": JOB, "instance": instance}, rules)

    def final(labels: Labels) -> Labels | None:
        found = naming.final(labels)
        name = dict(labels)[NAME_LABEL]
        if found is not None and dict(found)[NAME_LABEL] != name:
            raise ConfigError(
                f"write_relabel_configs of {sink} renames {name}, and an export keeps names",
                hint="export without --sink, and relabel when the blocks are queried",
            )
        return found

    return final


@contextlib.contextmanager
def _opened(output: str | None) -> Iterator[IO[str]]:
    if output is None:
        yield sys.stdout
        return
    path = Path(output)
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as out:
            yield out
        part.replace(path)
    except OSError as error:
        raise CcpushError(f"{output} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
