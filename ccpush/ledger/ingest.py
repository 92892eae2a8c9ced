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
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from typing import Final

from ccpush.claude import facts as f
from ccpush.claude.extract import search_series
from ccpush.claude.facts import Event, KeyedFacts, Packed, Series
from ccpush.claude.tail import Position
from ccpush.ledger import positions
from ccpush.ledger.booking import Booking, LocalTime
from ccpush.ledger.collapse import reopen
from ccpush.ledger.keys import select_in
from ccpush.ledger.pricing import Pricing
from ccpush.ledger.responses import Responses
from ccpush.ledger.sessions import Sessions
from ccpush.ledger.stretches import book_stretches
from ccpush.ledger.tallies import add_tallies
from ccpush.ledger.unsettled import bring_together
from ccpush.prices.book import PriceBook

_MESSAGES: Final = Series(f.MESSAGES)


class Ingest:
    """One chunk on its way into the ledger; use inside one transaction, then drop it."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        now_s: float,
        local: LocalTime,
        overlaid: set[int],
        book: PriceBook,
    ) -> None:
        self._connection = connection
        self._booking = Booking(connection, now_s, local, overlaid)
        self._sessions = Sessions(connection, self._booking)
        self._responses = Responses(
            connection, self._booking, self._sessions, Pricing(connection, book)
        )
        self._counted = 0
        self._duplicates = 0
        self._new_keys: set[int] = set()
        # the same in runs that are in order, which are quickly sorted
        self._to_write: list[int] = []

    def take(self, facts: KeyedFacts, reached: Mapping[int, Position]) -> None:
        """Write everything the facts add, and the positions that were reached."""
        self._duplicates += facts.duplicates
        self._sessions.load(facts.sessions)
        self._responses.take(facts.responses)
        self._rows(facts)
        self._tool_calls(facts)
        # of rows that were counted above, or by an earlier version
        self._events(facts.later)
        self._settled(facts.settled)
        settled, pulls = bring_together(self._connection, facts, self._booking.now_s)
        self._events(settled)
        self._events(pulls)
        book_stretches(self._connection, self._booking, facts.stretches)
        self._connection.executemany(
            "INSERT INTO counted VALUES (?)", [(key,) for key in sorted(self._to_write)]
        )
        self._sessions.write()
        reopen(self._connection, self._booking.write())
        positions.save(self._connection, reached)
        add_tallies(self._connection, self._tallies(facts))

    def _tallies(self, facts: KeyedFacts) -> Counter[tuple[str, str]]:
        tallies = Counter(
            {
                ("lines_read", ""): facts.lines,
                ("rows_counted", ""): self._counted + self._responses.counted,
                ("rows_duplicate", ""): self._duplicates + self._responses.duplicates,
            }
        )
        tallies.update({("rows_skipped", reason): n for reason, n in facts.skipped.items()})
        tallies.update({("folded", kind): n for kind, n in self._booking.folded.items()})
        tallies.update({("unknown_types", name): n for name, n in facts.unknown_types.items()})
        return tallies

    def _rows(self, facts: KeyedFacts) -> None:
        booking, now_s, prompts = self._booking, self._booking.now_s, facts.prompts
        # not Counter: its += is twice as slow
        messages: defaultdict[int, int] = defaultdict(int)
        by_session: defaultdict[str, int] = defaultdict(int)
        new = self._unknown(prompts)
        for key in new:
            ts_s, session = prompts[key]
            messages[(min(now_s, ts_s)) // 60] += 1
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

    def _settled(self, settled: Packed) -> None:
        """Book what tool calls brought that are whole."""
        booking = self._booking
        for key in self._unknown(settled.events):
            minute = booking.minute(settled.events[key][0])
            for series, amount in settled.increments(key):
                booking.add(series, minute, amount)

    def _tool_calls(self, facts: KeyedFacts) -> None:
        booking, now_s, tool_calls = self._booking, self._booking.now_s, facts.tool_calls
        calls: defaultdict[tuple[str, int], int] = defaultdict(int)
        for key in self._unknown(tool_calls):
            tool, ts_s = tool_calls[key]
            calls[tool, (min(now_s, ts_s)) // 60] += 1
        for (tool, minute), amount in calls.items():
            booking.add(Series(f.TOOL_CALLS, tool), minute, amount)
            search = search_series(tool)
            if search is not None:
                booking.add(search, minute, amount)

    def _unknown(self, keys: Collection[int]) -> list[int]:
        """Return the keys never counted before, in the order of reading, and remember them."""
        if not keys:
            return []
        ordered = sorted(keys)
        query = "SELECT key FROM counted WHERE key IN ({})"
        known = {row[0] for row in select_in(self._connection, query, ordered)}
        if not self._new_keys.isdisjoint(ordered):
            known |= self._new_keys
        new = [key for key in ordered if key not in known] if known else ordered
        self._new_keys.update(new)
        self._to_write += new
        # which names of labels come first decides which are kept, so the order is that of reading
        return list(keys) if len(new) == len(keys) else list(filter(set(new).__contains__, keys))
