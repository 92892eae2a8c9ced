"""One pass over the files: what is new goes into the ledger, chunk by chunk.

A pass that was stopped loses nothing: the next one goes on where the last chunk ended. A large
backlog is read by processes of its own; this one alone writes to the ledger.
"""

from __future__ import annotations

import gc
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from ccpush.claude.discover import Found, find_transcripts
from ccpush.claude.keys import by_key, key_of
from ccpush.claude.parallel import MIN_BYTES, WorkerError, read_in_parallel
from ccpush.claude.reading import CHUNK_KEYS, Chunk, Work, read_chunks
from ccpush.claude.retention import cleanup_period_days
from ccpush.claude.stats_cache import Stamp, StatsCacheError, read_stats_cache, stamp
from ccpush.config.settings import PriceOverride
from ccpush.ledger import figures, positions
from ccpush.ledger.booking import LocalTime
from ccpush.ledger.collapse import collapse
from ccpush.ledger.imports import covered_from, import_days, imported_days
from ccpush.ledger.ingest import Ingest
from ccpush.ledger.meta import get_meta, set_meta, set_meta_once
from ccpush.ledger.rebooking import book_anew
from ccpush.ledger.store import transaction
from ccpush.ledger.tallies import add_tallies, set_tallies
from ccpush.ledger.unsettled import forget_old
from ccpush.prices.book import PriceBook, load_book

# More would wait for the ledger, which has one writer.
MAX_WORKERS: Final = 2


class Pass(msgspec.Struct):
    """What one pass did. ``complete`` unless it was stopped or there was no home to read."""

    complete: bool = False
    files: int = 0
    files_read: int = 0
    lines: int = 0
    read_bytes: int = 0
    duration_s: float = 0.0
    # files that could not be read, and files that were read again from the start, by reason
    skipped: Counter[str] = msgspec.field(default_factory=Counter)
    restarts: Counter[str] = msgspec.field(default_factory=Counter)
    homes: Sequence[Path] = ()
    # the homes asked for, whether or not they exist
    wanted_homes: Sequence[Path] = ()
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

    def __init__(  # noqa: PLR0913
        self,
        connection: sqlite3.Connection,
        homes: Sequence[Path],
        *,
        now: Callable[[], float] = time.time,
        stop: Callable[[], bool] = _never,
        chunk_keys: int = CHUNK_KEYS,
        workers: int | None = None,
        prices: Sequence[PriceOverride] = (),
    ) -> None:
        self._connection = connection
        self._homes = homes
        self._now = now
        self._stop = stop
        self._chunk_keys = chunk_keys
        self._workers = min(MAX_WORKERS, os.cpu_count() or 1) if workers is None else workers
        self._overrides = prices
        self._book: PriceBook | None = None
        self._positions = positions.load(connection)
        self._path_keys: dict[str, int] = {}
        self._stamps: dict[Path, Stamp | None] | None = None
        self._stats_cache = str(get_meta(connection, "stats_cache") or "none")

    def pending_bytes(self) -> int:
        """How many bytes a pass would read now; for deciding whether to show progress."""
        work = self._to_read(find_transcripts(self._homes))
        return sum(item.file.size - _offset(item) for item in work)

    def run(self, advance: Callable[[int], None] = _quiet) -> Pass:
        """Make one pass; ``advance`` is told the bytes read as they are. Raises LedgerError."""
        done = Pass(wanted_homes=self._homes)
        started_s = time.monotonic()
        local = self._begin()
        with _collector_paused():
            found = find_transcripts(self._homes)
            finished = self._read_files(found, local, done, advance)
        done.homes = found.homes
        done.files = len(found.main) + len(found.sub)
        done.complete = finished and found.usable
        done.skipped.update(found.skipped)
        done.duration_s = time.monotonic() - started_s
        self._finish(found, local, done)
        if done.complete:
            collapse(self._connection, self._now(), local, self._stop)
        return done

    def _begin(self) -> LocalTime:
        if hasattr(time, "tzset"):
            time.tzset()
        local = LocalTime()
        now_s = self._now()
        with transaction(self._connection):
            set_meta_once(self._connection, "first_run_s", now_s)
            book_anew(self._connection, now_s, local)
            figures.follow_zone(self._connection, now_s, local)
        return local

    def _to_read(self, found: Found) -> Iterator[Work]:
        now_s, keys, files = self._now(), self._path_keys, found.in_order()
        if not keys:
            paths = {file.path: file.path for file in files}
            keys.update((path, key) for key, path in by_key("path", paths).items())
        for file in files:
            key = keys.get(file.path)
            if key is None:
                key = keys[file.path] = key_of("path", file.path)
            position = self._positions.get(key)
            if position is None or not position.unchanged(file, now_s):
                yield Work(key, file, position)

    def _read_files(
        self, found: Found, local: LocalTime, done: Pass, advance: Callable[[int], None]
    ) -> bool:
        """Read all that is new; return whether the end was reached."""
        work = _in_order(found, list(self._to_read(found)))
        done.files_read = len(work)
        try:
            for chunk in self._chunks(found, work):
                self._keep(chunk, local)
                done.lines += chunk.facts.lines
                done.read_bytes += chunk.read_bytes
                done.skipped.update(chunk.skipped)
                done.restarts.update(chunk.restarts)
                advance(chunk.read_bytes)
        except WorkerError:
            # What it had not handed on is read here, where an error would be told.
            self._workers = 1
            return self._read_files(found, local, done, advance)
        return not self._stop()

    def _chunks(self, found: Found, work: Sequence[Work]) -> Iterator[Chunk]:
        size_bytes = sum(item.file.size - _offset(item) for item in work)
        workers = min(self._workers, len(work))
        if workers > 1 and size_bytes >= MIN_BYTES:
            # a copy in a subagent's file must not be kept before its main row
            main = {file.path for file in found.main}
            parts = (
                [item for item in work if item.file.path in main],
                [item for item in work if item.file.path not in main],
            )
            return read_in_parallel(parts, workers, self._chunk_keys, self._stop)
        return read_chunks(work, now=self._now, stop=self._stop, max_keys=self._chunk_keys)

    def _keep(self, chunk: Chunk, local: LocalTime) -> None:
        """Put a chunk into the ledger, facts and positions at once."""
        if chunk.reached:
            with transaction(self._connection):
                overlaid = imported_days(self._connection)
                if self._book is None:
                    self._book = load_book(self._overrides)
                ingest = Ingest(self._connection, self._now(), local, overlaid, self._book)
                ingest.take(chunk.facts, chunk.reached)
            self._positions.update(chunk.reached)

    def _finish(self, found: Found, local: LocalTime, done: Pass) -> None:
        connection = self._connection
        gone = self._gone(found) if done.complete and found.complete else []
        stamps = self._stamps
        with transaction(connection):
            positions.forget(connection, gone)
            forget_old(connection, self._now())
            set_tallies(connection, "files_skipped", done.skipped)
            add_tallies(
                connection, {("files_restarted", reason): n for reason, n in done.restarts.items()}
            )
            set_meta(connection, "files", done.files)
            if done.complete:
                stamps = self._import(found, local, done)
                set_meta(connection, "collected_s", self._now())
                set_meta(connection, "collect_duration_s", done.duration_s)
                passes = get_meta(connection, "passes") or 0
                set_meta(connection, "passes", int(passes) + 1)
        # only now: what was not kept is to be looked at again
        self._stamps = stamps
        for key in gone:
            del self._positions[key]
        done.stats_cache = self._stats_cache

    def _gone(self, found: Found) -> list[int]:
        here = {self._path_keys[file.path] for file in found.in_order()}
        return [key for key in self._positions if key not in here]

    def _import(
        self, found: Found, local: LocalTime, done: Pass
    ) -> dict[Path, Stamp | None] | None:
        """Import days from stats caches that have changed; return the stamps to remember."""
        stamps = {home: stamp(home) for home in self._homes}
        if stamps == self._stamps:
            return stamps
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
        return stamps if get_meta(self._connection, "covered_from") is not None else None


def _in_order(found: Found, work: list[Work]) -> list[Work]:
    """Put main files first, and each kind in the order of time.

    So what comes to lie side by side in the ledger is kept at about the same time, and a
    conversation before its copies.
    """
    if len(work) > 1:
        main = {file.path for file in found.main}
        work.sort(key=lambda item: (item.file.path not in main, item.file.mtime_ns))
    return work


def _offset(item: Work) -> int:
    return item.position.offset if item.position else 0


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Rows and entries make no reference cycles; looking for them would cost a tenth of a pass."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
