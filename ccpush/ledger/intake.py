"""One pass over the files: what is new goes into the ledger, chunk by chunk.

A chunk is bounded by the keys it holds, so that memory is flat however much there is to read. A
pass that was stopped loses nothing: the next one goes on where the last chunk ended.
"""

from __future__ import annotations

import gc
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ccpush.claude.discover import Found, FoundFile, find_transcripts
from ccpush.claude.extract import Extractor
from ccpush.claude.retention import cleanup_period_days
from ccpush.claude.stats_cache import Stamp, StatsCacheError, read_stats_cache, stamp
from ccpush.claude.tail import Position, SourceError, read_on
from ccpush.ledger import figures, positions
from ccpush.ledger.booking import LocalTime
from ccpush.ledger.imports import covered_from, import_days, imported_days
from ccpush.ledger.ingest import Ingest
from ccpush.ledger.keys import key_of
from ccpush.ledger.meta import get_meta, set_meta, set_meta_once
from ccpush.ledger.store import transaction
from ccpush.ledger.tallies import add_tallies, set_tallies

# About 10 MB of facts, and a transaction of a few hundred milliseconds.
CHUNK_KEYS: Final = 20_000


@dataclass(slots=True)
class Pass:
    """What one pass did. ``complete`` unless it was stopped or a folder could not be listed."""

    complete: bool = False
    files: int = 0
    files_read: int = 0
    lines: int = 0
    read_bytes: int = 0
    duration_s: float = 0.0
    # files that could not be read, and files that were read again from the start, by reason
    skipped: Counter[str] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)
    homes: Sequence[Path] = ()
    imported_days: int = 0
    stats_cache: str = "none"


def _quiet(_: int) -> None:
    """Show no progress."""


def _never() -> bool:
    return False


class Intake:
    """Reads what is new in the Claude homes into the ledger; the only one that does.

    Keep it between passes: it remembers positions. ``stop`` is asked between chunks.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        homes: Sequence[Path],
        *,
        now: Callable[[], float] = time.time,
        stop: Callable[[], bool] = _never,
        chunk_keys: int = CHUNK_KEYS,
    ) -> None:
        self._connection = connection
        self._homes = homes
        self._now = now
        self._stop = stop
        self._chunk_keys = chunk_keys
        self._positions = positions.load(connection)
        self._path_keys: dict[str, int] = {}
        self._stamps: dict[Path, Stamp | None] | None = None
        self._stats_cache = str(get_meta(connection, "stats_cache") or "none")

    def pending_bytes(self) -> int:
        """How many bytes a pass would read now; for deciding whether to show progress."""
        return sum(
            file.size - (position.offset if position else 0)
            for _, file, position in self._to_read(find_transcripts(self._homes))
        )

    def run(self, advance: Callable[[int], None] = _quiet) -> Pass:
        """Make one pass; ``advance`` is told the bytes read as they are. Raises LedgerError."""
        done = Pass()
        started_s = time.monotonic()
        local = self._begin()
        found = find_transcripts(self._homes)
        done.homes = found.homes
        done.files = len(found.main) + len(found.sub)
        with _collector_paused():
            finished = self._read_files(found, local, done, advance)
        done.complete = finished and found.complete
        done.skipped.update(found.skipped)
        done.duration_s = time.monotonic() - started_s
        self._finish(found, local, done)
        return done

    def _begin(self) -> LocalTime:
        if hasattr(time, "tzset"):
            time.tzset()
        local = LocalTime()
        now_s = self._now()
        with transaction(self._connection):
            set_meta_once(self._connection, "first_run_s", now_s)
            figures.follow_zone(self._connection, now_s, local)
        return local

    def _to_read(self, found: Found) -> Iterator[tuple[int, FoundFile, Position | None]]:
        now_s, keys = self._now(), self._path_keys
        for file in found.in_order():
            key = keys.get(file.path)
            if key is None:
                key = keys[file.path] = key_of("path", file.path)
            position = self._positions.get(key)
            if position is None or not position.unchanged(file, now_s):
                yield key, file, position

    def _read_files(
        self, found: Found, local: LocalTime, done: Pass, advance: Callable[[int], None]
    ) -> bool:
        """Read all that is new; return whether the end was reached."""
        chunk = _Chunk(self._connection, self._positions, local, self._now)
        for key, file, start in self._to_read(found):
            position, at_end = start, False
            done.files_read += 1
            while not at_end:
                if self._stop():
                    chunk.write()
                    return False
                try:
                    stretch = read_on(
                        file, position, chunk.extractor, self._now(), self._chunk_keys
                    )
                except SourceError as error:
                    done.skipped[error.reason] += 1
                    break
                if stretch.restart is not None:
                    done.restarts[stretch.restart] += 1
                position, at_end = stretch.position, stretch.at_end
                chunk.reached[key] = position
                done.read_bytes += stretch.read_bytes
                advance(stretch.read_bytes)
                if chunk.extractor.facts.keys >= self._chunk_keys:
                    done.lines += chunk.write()
        done.lines += chunk.write()
        return True

    def _finish(self, found: Found, local: LocalTime, done: Pass) -> None:
        connection = self._connection
        gone = self._gone(found) if done.complete else []
        with transaction(connection):
            positions.forget(connection, gone)
            set_tallies(connection, "files_skipped", done.skipped)
            add_tallies(
                connection, {("files_restarted", reason): n for reason, n in done.restarts.items()}
            )
            set_meta(connection, "files", done.files)
            if done.complete:
                self._import(found, local, done)
                set_meta(connection, "collected_s", self._now())
                set_meta(connection, "collect_duration_s", done.duration_s)
                passes = get_meta(connection, "passes") or 0
                set_meta(connection, "passes", int(passes) + 1)
        for key in gone:
            del self._positions[key]
        done.stats_cache = self._stats_cache

    def _gone(self, found: Found) -> list[int]:
        here = {self._path_keys[file.path] for file in found.in_order()}
        return [key for key in self._positions if key not in here]

    def _import(self, found: Found, local: LocalTime, done: Pass) -> None:
        """Import days from stats caches that have changed since they were last looked at."""
        stamps = {home: stamp(home) for home in self._homes}
        if stamps == self._stamps:
            return
        caches, reasons = [], []
        for home in (home for home, found_stamp in stamps.items() if found_stamp is not None):
            try:
                caches.append(read_stats_cache(home))
            except StatsCacheError as error:
                reasons.append(error.reason)
        kept_days = max(map(cleanup_period_days, found.homes or self._homes), default=30)
        first_run_s = float(get_meta(self._connection, "first_run_s") or self._now())
        before = covered_from(self._connection, local, first_run_s, kept_days)
        done.imported_days = import_days(self._connection, caches, before, local)
        self._stats_cache = ", ".join(sorted(set(reasons))) or ("ok" if caches else "none")
        set_meta(self._connection, "stats_cache", self._stats_cache)
        self._stamps = stamps


class _Chunk:
    """The facts read since the last transaction, and how far files were read for them."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        known: dict[int, Position],
        local: LocalTime,
        now: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._known = known
        self._local = local
        self._now = now
        self.reached: dict[int, Position] = {}
        self.extractor = Extractor(now())

    def write(self) -> int:
        """Put all of it into the ledger at once; return how many lines it was."""
        facts, reached = self.extractor.facts, self.reached
        if reached:
            with transaction(self._connection):
                overlaid = imported_days(self._connection)
                ingest = Ingest(self._connection, self._now(), self._local, overlaid)
                ingest.take(facts, reached)
        self._known.update(reached)
        self.reached = {}
        self.extractor = Extractor(self._now())
        return facts.lines


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Rows make no reference cycles; looking for them in a chunk's facts costs a tenth of it."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
