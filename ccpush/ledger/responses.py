"""Counts responses: each once with the largest numbers that its rows said, and priced as it grows.

A response has two sets of families: those of the first ledgers, and those that came with prices
(``prices`` is NULL in what was counted before them). What was counted before is priced when a row
of it is read again: as a whole then, with the numbers that are known.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from operator import add, itemgetter
from typing import Any, Final, TypeVar

import msgspec

from ccpush.claude import facts as f
from ccpush.claude.extract import label
from ccpush.claude.facts import Counts, Observed, Series, largest
from ccpush.ledger.booking import MAIN, STOP_COUNTED, Booking
from ccpush.ledger.keys import select_in
from ccpush.ledger.pricing import NOTHING, Pricing, Worth
from ccpush.ledger.sessions import Sessions

# a row of the table: numbers, of which the last may be NULL
Row = tuple[Any, ...]

_TOKEN_TYPES: Final = ("input", "output", "cacheRead", "cacheCreation")
_MESSAGES: Final = Series(f.MESSAGES)
_WEB_SEARCHES: Final = Series(f.WEB_SEARCHES)
_WEB_FETCHES: Final = Series(f.WEB_FETCHES)
# where the counts are in a row of the table
_COUNTS: Final = slice(4, 13)


class Responses:
    """The responses of one chunk; ``counted`` are new ones, ``duplicates`` further rows."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        booking: Booking,
        sessions: Sessions,
        pricing: Pricing,
    ) -> None:
        self._connection = connection
        self._booking = booking
        self._sessions = sessions
        self._pricing = pricing
        self._models = _Models(connection)
        self.counted = 0
        self.duplicates = 0

    def take(self, seen: dict[int, Observed]) -> None:
        """Count what is new of each."""
        known = list(select_in(self._connection, "SELECT * FROM response WHERE key IN ({})", seen))
        written: list[Row] = []
        for row in known:
            observed = seen.pop(row[0])
            self.duplicates += observed.rows
            raised = self._raise(row, observed)
            if raised != row:
                written.append(raised)
        self.counted += len(seen)
        written += self._new(seen)
        written.sort(key=itemgetter(0))
        self._connection.executemany(
            "INSERT OR REPLACE INTO response VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            written,
        )

    def _new(self, seen: Mapping[int, Observed]) -> list[Row]:
        """Count responses never seen before, summed by minute and model; return their rows."""
        minute_of, model_number, astuple, is_linear = (
            self._booking.minute,
            self._models.number,
            msgspec.structs.astuple,
            self._pricing.is_linear,
        )
        version = self._pricing.version
        written: list[Row] = []
        cells: dict[tuple[int, str, int, bool], list[int]] = {}
        used: dict[tuple[str, int], list[int]] = {}
        further = 0
        for key, observed in seen.items():
            main, ts_s, model, session, counts, stop, rows, aside = astuple(observed)
            if aside is not None:
                counts = largest(counts, aside)
            minute, number = minute_of(ts_s), model_number(model)
            mode = counts[8]
            # the price of a sum, where that is the sum of the prices
            summed = is_linear(model, minute, mode)
            worth = NOTHING if summed else self._pricing.worth(model, minute, counts)
            amounts = (1, int(main and aside is None), *counts[:8], *worth)
            _add_up(cells, (minute, model, mode, summed), amounts)
            _add_up(used, (session, number), (1, counts[0], counts[1]))
            further += rows - 1
            flags = MAIN if main else 0
            if stop is not None:
                flags |= STOP_COUNTED
                self._booking.add(_stop(stop), minute, 1)
            written.append((key, minute, number, flags, *counts, version))
        self.duplicates += further
        for (minute, model, mode, summed), (messages, mains, *sums) in cells.items():
            self._booking.add(_MESSAGES, minute, messages)
            self._booking.add_each(self._models.origins(model), minute, (mains, messages - mains))
            self._add_counts(model, minute, sums)
            worth = Worth(*sums[8:])
            if summed:
                a, b, c, d, e, g, h, i = sums[:8]
                worth = self._pricing.worth(model, minute, (a, b, c, d, e, g, h, i, mode))
            self._add_worth(model, minute, sums[6:8], worth)
        for (session, number), (messages, new_input, new_output) in used.items():
            self._sessions.add_messages({session: messages})
            self._sessions.add_tokens(session, number, new_input, new_output)
        return written

    def _raise(self, row: Row, seen: Observed) -> Row:
        """Add what a known response has grown by; day and model stay those first counted."""
        key, counted_at, number, flags = row[:4]
        model, version = self._models.name(number), row[13]
        # it may have been counted while the clock was ahead
        minute = self._booking.minute(counted_at * 60)
        old = _counts(row)
        new = old
        if seen.main or not flags & MAIN:
            new = largest(old, seen.counts)
        if seen.aside is not None and not flags & MAIN:
            new = largest(new, seen.aside)
        growth = [b - a for a, b in zip(old[:6], new[:6], strict=True)]
        self._add_counts(model, minute, growth)
        self._sessions.add_tokens(seen.session, number, growth[0], growth[1])
        if version is None:
            # all that is told: read one by one, a copy that came first would have been taken too
            new = (*new[:6], *largest(seen.counts, seen.aside or seen.counts)[6:])
            main = seen.main and seen.aside is None
            self._booking.add_each(self._models.origins(model), minute, (main, not main))
            lives, before = new[6:8], NOTHING
        else:
            lives = (new[6] - old[6], new[7] - old[7])
            before = self._pricing.worth(model, counted_at, old)
        if version is None or new != old:
            after = self._pricing.worth(model, counted_at, new)
            gained = [max(0, b - a) for a, b in zip(before, after, strict=True)]
            self._add_worth(model, minute, lives, gained)
            version = self._pricing.version
        flags |= MAIN if seen.main else 0
        if seen.stop_reason is not None and not flags & STOP_COUNTED:
            flags |= STOP_COUNTED
            self._booking.add(_stop(seen.stop_reason), minute, 1)
        return (key, counted_at, number, flags, *new, version)

    def _add_counts(self, model: str, minute: int, counts: Sequence[int]) -> None:
        self._booking.add_each(self._models.tokens(model), minute, counts[:6])

    def _add_worth(
        self, model: str, minute: int, lives: Sequence[int], worth: Sequence[int]
    ) -> None:
        self._booking.add_each(self._models.worth(model), minute, (*lives, *worth))


class _Models:
    """Numbers for model names, so that a response's row stays small."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._names: dict[int, str] = dict(connection.execute("SELECT id, name FROM model"))
        self._numbers = {name: number for number, name in self._names.items()}
        self._tokens: dict[str, tuple[Series, ...]] = {}
        self._worth: dict[str, tuple[Series, ...]] = {}
        self._origins: dict[str, tuple[Series, ...]] = {}

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

    def tokens(self, name: str) -> tuple[Series, ...]:
        """The series of the four types of tokens, and of searches and fetches."""
        found = self._tokens.get(name)
        if found is None:
            tokens = (Series(f.TOKENS, kind, name) for kind in _TOKEN_TYPES)
            found = self._tokens[name] = (*tokens, _WEB_SEARCHES, _WEB_FETCHES)
        return found

    def origins(self, name: str) -> tuple[Series, ...]:
        """The series of responses in main conversations and of subagents."""
        found = self._origins.get(name)
        if found is None:
            found = self._origins[name] = (
                Series(f.RESPONSES, name, "main"),
                Series(f.RESPONSES, name, "subagent"),
            )
        return found

    def worth(self, name: str) -> tuple[Series, ...]:
        """The series of cache writes by life, and of a Worth."""
        found = self._worth.get(name)
        if found is None:
            found = self._worth[name] = (
                Series(f.CACHE_WRITES, "5m", name),
                Series(f.CACHE_WRITES, "1h", name),
                Series(f.COST, name),
                Series(f.SAVINGS, name),
                Series(f.UNPRICED, name),
            )
        return found


def _counts(row: Row) -> Counts:
    # NULL in what was counted before there were prices
    a, b, c, d, e, g, *later = row[_COUNTS]
    h, i, j = later if row[13] is not None else (0, 0, 0)
    return (a, b, c, d, e, g, h, i, j)


def _stop(reason: str) -> Series:
    return Series(f.STOP_REASONS, label(reason))


Cell = TypeVar("Cell")


def _add_up(sums: dict[Cell, list[int]], cell: Cell, amounts: Sequence[int]) -> None:
    found = sums.get(cell)
    if found is None:
        sums[cell] = list(amounts)
    else:
        sums[cell] = list(map(add, found, amounts))
