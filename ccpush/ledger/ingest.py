"""Takes the facts of one chunk into the ledger: each response, row and call once.

One transaction holds a chunk's increments and the positions up to which files were read for it, so
that a crash at any moment costs nothing and counts nothing twice.

What is in the ledger is seen at once, by a scrape or a Pushgateway, and its counters must never
fall. So of a response's rows, in the order in which they are read, the field-wise maximum counts,
except that copies in sidechains add nothing any more once a row outside them is known. A main row
outranks its copies by being read first, which the order of files sees to; a larger copy that came
before it stays. The same rows in the same order make the same account however they are cut.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from operator import add
from typing import Final, TypeVar

import msgspec

from ccpush.claude import facts as f
from ccpush.claude.extract import label, search_series
from ccpush.claude.facts import Event, KeyedFacts, Observed, Series, largest
from ccpush.claude.tail import Position
from ccpush.ledger import positions
from ccpush.ledger.booking import MAIN, STOP_COUNTED, Booking, LocalTime
from ccpush.ledger.collapse import reopen
from ccpush.ledger.keys import select_in
from ccpush.ledger.sessions import Sessions
from ccpush.ledger.tallies import add_tallies

_TOKEN_TYPES: Final = ("input", "output", "cacheRead", "cacheCreation")
_MESSAGES: Final = Series(f.MESSAGES)
_WEB_SEARCHES: Final = Series(f.WEB_SEARCHES)
_WEB_FETCHES: Final = Series(f.WEB_FETCHES)


class Ingest:
    """One chunk on its way into the ledger; use inside one transaction, then drop it."""

    def __init__(
        self, connection: sqlite3.Connection, now_s: float, local: LocalTime, overlaid: set[int]
    ) -> None:
        self._connection = connection
        self._booking = Booking(connection, now_s, local, overlaid)
        self._sessions = Sessions(connection, self._booking)
        self._models = _Models(connection)
        self._counted = 0
        self._duplicates = 0
        self._new_keys: set[int] = set()

    def take(self, facts: KeyedFacts, reached: Mapping[int, Position]) -> None:
        """Write everything the facts add, and the positions that were reached."""
        self._duplicates += facts.duplicates
        self._sessions.load(facts.sessions)
        self._responses(facts)
        self._rows(facts)
        self._tool_calls(facts)
        # of rows that were counted above, or by an earlier version
        self._events(facts.later)
        self._connection.executemany(
            "INSERT INTO counted VALUES (?)", [(key,) for key in sorted(self._new_keys)]
        )
        self._sessions.write()
        reopen(self._connection, self._booking.write())
        positions.save(self._connection, reached)
        add_tallies(self._connection, self._tallies(facts))

    def _tallies(self, facts: KeyedFacts) -> Counter[tuple[str, str]]:
        tallies = Counter(
            {
                ("lines_read", ""): facts.lines,
                ("rows_counted", ""): self._counted,
                ("rows_duplicate", ""): self._duplicates,
            }
        )
        tallies.update({("rows_skipped", reason): n for reason, n in facts.skipped.items()})
        tallies.update({("unknown_types", name): n for name, n in facts.unknown_types.items()})
        return tallies

    def _responses(self, facts: KeyedFacts) -> None:
        seen = facts.responses
        known = list(select_in(self._connection, "SELECT * FROM response WHERE key IN ({})", seen))
        written = []
        for row in known:
            observed = seen.pop(row[0])
            self._duplicates += observed.rows
            raised = self._raise_response(row, observed)
            if raised != row:
                written.append(raised)
        self._counted += len(seen)
        written += self._new_responses(seen)
        written.sort()
        self._connection.executemany(
            "INSERT OR REPLACE INTO response VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", written
        )

    def _new_responses(self, seen: Mapping[int, Observed]) -> list[tuple[int, ...]]:
        """Count responses never seen before, summed by minute and model; return their rows."""
        minute_of, model_number, astuple = (
            self._booking.minute,
            self._models.number,
            msgspec.structs.astuple,
        )
        written: list[tuple[int, ...]] = []
        cells: dict[tuple[int, str], list[int]] = {}
        used: dict[tuple[str, int], list[int]] = {}
        for key, observed in seen.items():
            main, ts_s, model, session, counts, stop, rows, aside = astuple(observed)
            if aside is not None:
                counts = largest(counts, aside)
            minute, number = minute_of(ts_s), model_number(model)
            _add_up(cells, (minute, model), (1, *counts))
            _add_up(used, (session, number), (1, counts[0], counts[1]))
            self._duplicates += rows - 1
            flags = MAIN if main else 0
            if stop is not None:
                flags |= STOP_COUNTED
                self._booking.add(_stop(stop), minute, 1)
            written.append((key, minute, number, flags, *counts))
        for (minute, model), (messages, *counts) in cells.items():
            self._booking.add(_MESSAGES, minute, messages)
            self._add_counts(model, minute, counts)
        for (session, number), (messages, new_input, new_output) in used.items():
            self._sessions.add_messages({session: messages})
            self._sessions.add_tokens(session, number, new_input, new_output)
        return written

    def _raise_response(self, row: tuple[int, ...], seen: Observed) -> tuple[int, ...]:
        """Add what a known response has grown by; day and model stay those first counted."""
        key, counted_at, model, flags = row[:4]
        old: tuple[int, ...] = row[4:]
        # it may have been counted while the clock was ahead
        minute = self._booking.minute(counted_at * 60)
        new = old
        if seen.main or not flags & MAIN:
            new = tuple(map(max, old, seen.counts))
        if seen.aside is not None and not flags & MAIN:
            new = tuple(map(max, new, seen.aside))
        growth = tuple(b - a for a, b in zip(old, new, strict=True))
        self._add_counts(self._models.name(model), minute, growth)
        self._sessions.add_tokens(seen.session, model, growth[0], growth[1])
        flags |= MAIN if seen.main else 0
        if seen.stop_reason is not None and not flags & STOP_COUNTED:
            flags |= STOP_COUNTED
            self._booking.add(_stop(seen.stop_reason), minute, 1)
        return (key, counted_at, model, flags, *new)

    def _add_counts(self, model: str, minute: int, counts: Sequence[int]) -> None:
        book = self._booking.add
        for series, amount in zip(self._models.series(model), counts, strict=False):
            book(series, minute, amount)
        book(_WEB_SEARCHES, minute, counts[4])
        book(_WEB_FETCHES, minute, counts[5])

    def _rows(self, facts: KeyedFacts) -> None:
        booking = self._booking
        messages: Counter[int] = Counter()
        by_session: Counter[str] = Counter()
        new = self._unknown(facts.prompts)
        for key in new:
            ts_s, session = facts.prompts[key]
            messages[booking.minute(ts_s)] += 1
            by_session[session] += 1
        for minute, amount in messages.items():
            booking.add(_MESSAGES, minute, amount)
        self._sessions.add_messages(by_session)
        counted = len(new) + self._events(facts.events)
        self._counted += counted
        self._duplicates += len(facts.prompts) + len(facts.events) - counted

    def _events(self, events: Mapping[int, Event]) -> int:
        """Book the events never counted before; return how many they are."""
        booking = self._booking
        new = self._unknown(events)
        for key in new:
            event = events[key]
            minute = booking.minute(event.ts_s)
            for series, amount in event.increments:
                booking.add(series, minute, amount)
        return len(new)

    def _tool_calls(self, facts: KeyedFacts) -> None:
        booking = self._booking
        calls: Counter[tuple[str, int]] = Counter()
        for key in self._unknown(facts.tool_calls):
            tool, ts_s = facts.tool_calls[key]
            calls[tool, booking.minute(ts_s)] += 1
        for (tool, minute), amount in calls.items():
            booking.add(Series(f.TOOL_CALLS, tool), minute, amount)
            search = search_series(tool)
            if search is not None:
                booking.add(search, minute, amount)

    def _unknown(self, keys: Collection[int]) -> set[int]:
        """Return the keys never counted before, and remember them as counted."""
        found = select_in(self._connection, "SELECT key FROM counted WHERE key IN ({})", keys)
        new = set(keys).difference(row[0] for row in found)
        self._new_keys.update(new)
        return new


class _Models:
    """Numbers for model names, so that a response's row stays small."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._names: dict[int, str] = dict(connection.execute("SELECT id, name FROM model"))
        self._numbers = {name: number for number, name in self._names.items()}
        self._series: dict[str, tuple[Series, ...]] = {}

    def number(self, name: str) -> int:
        found = self._numbers.get(name)
        if found is None:
            found = len(self._names)
            self._connection.execute("INSERT INTO model VALUES (?, ?)", (found, name))
            self._names[found] = name
            self._numbers[name] = found
        return found

    def name(self, number: int) -> str:
        return self._names[number]

    def series(self, name: str) -> tuple[Series, ...]:
        found = self._series.get(name)
        if found is None:
            found = tuple(Series(f.TOKENS, kind, name) for kind in _TOKEN_TYPES)
            self._series[name] = found
        return found


def _stop(reason: str) -> Series:
    return Series(f.STOP_REASONS, label(reason))


Cell = TypeVar("Cell")


def _add_up(sums: dict[Cell, list[int]], cell: Cell, amounts: Sequence[int]) -> None:
    found = sums.get(cell)
    if found is None:
        sums[cell] = list(amounts)
    else:
        sums[cell] = list(map(add, found, amounts))
