"""Takes the facts of one chunk into the ledger: each response, row and call once.

One transaction holds a chunk's increments and the positions up to which files were read for it, so
that a crash at any moment costs nothing and counts nothing twice.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from ccpush.claude import facts as f
from ccpush.claude.extract import label, search_series
from ccpush.claude.facts import KeyedFacts, Observed, Series
from ccpush.claude.tail import Position
from ccpush.ledger import positions
from ccpush.ledger.booking import MAIN, STOP_COUNTED, Booking, LocalTime
from ccpush.ledger.keys import select_in
from ccpush.ledger.sessions import Sessions
from ccpush.ledger.tallies import add_tallies

_TOKEN_TYPES: Final = ("input", "output", "cacheRead", "cacheCreation")


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
        self._connection.executemany(
            "INSERT INTO counted VALUES (?)", [(key,) for key in sorted(self._new_keys)]
        )
        self._sessions.write()
        self._booking.write()
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
        keyed = facts.responses
        known = {
            row[0]: row
            for row in select_in(
                self._connection, "SELECT * FROM response WHERE key IN ({})", keyed
            )
        }
        written = []
        cells: defaultdict[tuple[int, str], list[int]] = defaultdict(lambda: [0] * 6)
        messages: Counter[int] = Counter()
        by_session: Counter[str] = Counter()
        for key in sorted(keyed):
            seen, row = keyed[key], known.get(key)
            if row is None:
                new = self._new_response(key, seen)
                messages[new[1]] += 1
                by_session[seen.session] += 1
                cell = cells[new[1], seen.model]
                for place, amount in enumerate(new[4:]):
                    cell[place] += amount
                self._duplicates += seen.rows - 1
                written.append(new)
            else:
                self._duplicates += seen.rows
                raised = self._raise_response(row, seen)
                if raised != row:
                    written.append(raised)
        self._counted += len(keyed) - len(known)
        self._add_messages(messages, by_session)
        for (minute, model), counts in cells.items():
            self._add_counts(model, minute, counts)
        self._connection.executemany(
            "INSERT OR REPLACE INTO response VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", written
        )

    def _new_response(self, key: int, seen: Observed) -> tuple[int, ...]:
        """Return a response's row and note what is not summed by the caller."""
        minute = self._booking.minute(seen.ts_s)
        model = self._models.number(seen.model)
        self._sessions.add_tokens(seen.session, model, seen.input, seen.output)
        flags = MAIN if seen.main else 0
        if seen.stop_reason is not None:
            flags |= STOP_COUNTED
            self._booking.add(_stop(seen.stop_reason), minute, 1)
        return (key, minute, model, flags, *_counts(seen))

    def _raise_response(self, row: tuple[int, ...], seen: Observed) -> tuple[int, ...]:
        """Add what a known response has grown by; day and model stay those first counted."""
        key, minute, model, flags = row[:4]
        old, new = row[4:], _counts(seen)
        if flags & MAIN and not seen.main:
            new = old
        elif flags & MAIN or not seen.main or self._booking.offered(minute):
            new = tuple(map(max, old, new))
        growth = tuple(b - a for a, b in zip(old, new, strict=True))
        self._add_counts(self._models.name(model), minute, growth)
        self._sessions.add_tokens(seen.session, model, growth[0], growth[1])
        flags |= MAIN if seen.main else 0
        if seen.stop_reason is not None and not flags & STOP_COUNTED:
            flags |= STOP_COUNTED
            self._booking.add(_stop(seen.stop_reason), minute, 1)
        return (key, minute, model, flags, *new)

    def _add_counts(self, model: str, minute: int, counts: Sequence[int]) -> None:
        add = self._booking.add
        for kind, amount in zip(_TOKEN_TYPES, counts, strict=False):
            add(Series(f.TOKENS, kind, model), minute, amount)
        add(Series(f.WEB_SEARCHES), minute, counts[4])
        add(Series(f.WEB_FETCHES), minute, counts[5])

    def _add_messages(self, by_minute: Mapping[int, int], by_session: Mapping[str, int]) -> None:
        message = Series(f.MESSAGES)
        for minute, amount in by_minute.items():
            self._booking.add(message, minute, amount)
        self._sessions.add_messages(by_session)

    def _rows(self, facts: KeyedFacts) -> None:
        booking = self._booking
        messages: Counter[int] = Counter()
        by_session: Counter[str] = Counter()
        new = self._unknown(facts.prompts)
        for key in new:
            ts_s, session = facts.prompts[key]
            messages[booking.minute(ts_s)] += 1
            by_session[session] += 1
        self._add_messages(messages, by_session)
        new_events = self._unknown(facts.events)
        for key in new_events:
            event = facts.events[key]
            for series, amount in event.increments:
                booking.add(series, booking.minute(event.ts_s), amount)
        counted = len(new) + len(new_events)
        self._counted += counted
        self._duplicates += len(facts.prompts) + len(facts.events) - counted

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


def _counts(seen: Observed) -> tuple[int, ...]:
    return (
        seen.input,
        seen.output,
        seen.cache_read,
        seen.cache_creation,
        seen.web_searches,
        seen.web_fetches,
    )


def _stop(reason: str) -> Series:
    return Series(f.STOP_REASONS, label(reason))
