"""Sessions: when each was last written to, and how much it has used.

A session is counted at its first row outside any sidechain. Its own messages and tokens are kept
for the figures of sessions that are active; who asks decides what active means.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping

from ccpush.claude import facts as f
from ccpush.claude.facts import Seen, Series
from ccpush.claude.keys import key_of
from ccpush.ledger.booking import Booking
from ccpush.ledger.keys import select_in


class Sessions:
    """The sessions that one chunk touches."""

    def __init__(self, connection: sqlite3.Connection, booking: Booking) -> None:
        self._connection = connection
        self._booking = booking
        self._names: dict[str, int] = {}
        self._rows: dict[int, tuple[int, int, int | None, int]] = {}
        self._messages: Counter[int] = Counter()
        self._tokens: dict[tuple[int, int], tuple[int, int]] = {}

    def load(self, seen: Mapping[int, Seen]) -> None:
        """Note when rows were written, and count sessions that are new."""
        known = {
            row[0]: row
            for row in select_in(
                self._connection,
                "SELECT key, last_s, main_s, messages FROM session WHERE key IN ({})",
                seen,
            )
        }
        for key, new in seen.items():
            _, last_s, main_s, messages = known.get(key) or (key, 0, None, 0)
            if main_s is None and new.main_s is not None:
                main_s = new.main_s
                self._booking.add(Series(f.SESSIONS), self._booking.minute(main_s), 1)
            # A row of tomorrow must not keep a session alive until then; nor must one that was
            # read while the clock was ahead hide what happens in it now.
            held_s = last_s if last_s <= self._booking.now_s else 0
            last_s = max(held_s, min(new.last_s, self._booking.now_s))
            self._rows[key] = (key, last_s, main_s, messages)

    def add_messages(self, by_session: Mapping[str, int]) -> None:
        """Count messages towards their sessions, as far as they name one."""
        for session, amount in by_session.items():
            if session:
                self._messages[self._key(session)] += amount

    def add_tokens(self, session: str, model: int, new_input: int, new_output: int) -> None:
        """Count tokens towards the session, if the row names one."""
        if session and (new_input or new_output):
            key = self._key(session)
            old_input, old_output = self._tokens.get((key, model), (0, 0))
            self._tokens[key, model] = (old_input + new_input, old_output + new_output)

    def _key(self, session: str) -> int:
        key = self._names.get(session)
        if key is None:
            key = self._names[session] = key_of("session", session)
        return key

    def write(self) -> None:
        """Write all that was noted."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?)",
            [
                (key, last_s, main_s, messages + self._messages[key])
                for key, last_s, main_s, messages in sorted(self._rows.values())
            ],
        )
        self._connection.executemany(
            "INSERT INTO session_tokens VALUES (?, ?, ?, ?) ON CONFLICT (session, model)"
            " DO UPDATE SET input = input + excluded.input, output = output + excluded.output",
            [(*key, *amounts) for key, amounts in sorted(self._tokens.items())],
        )
