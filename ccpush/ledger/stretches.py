"""How long was worked: of each stretch, what lies after the latest second counted."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from ccpush.claude import facts as f
from ccpush.claude.activity import Worked
from ccpush.claude.facts import Series
from ccpush.ledger.booking import Booking
from ccpush.ledger.keys import select_in

_USER: Final = Series(f.ACTIVE_S, "user")
_CLI: Final = Series(f.ACTIVE_S, "cli")
_NEVER: Final = -1


def book_stretches(
    connection: sqlite3.Connection, booking: Booking, stretches: Mapping[int, list[Worked]]
) -> None:
    """Count the times worked that were not yet counted, in the caller's transaction."""
    query = "SELECT key, through_s FROM stretch WHERE key IN ({})"
    through = {row[0]: row[1] for row in select_in(connection, query, stretches)}
    user: defaultdict[int, int] = defaultdict(int)
    cli: defaultdict[int, int] = defaultdict(int)
    reached: list[tuple[int, int]] = []
    now_s = booking.now_s
    for key, times in stretches.items():
        known_s = through.get(key, _NEVER)
        for ts_s, user_s, cli_s in times:
            new_s = ts_s - known_s
            if new_s > 0:
                minute = (min(now_s, ts_s)) // 60
                # the first of them may reach back into what was counted
                if user_s:
                    user[minute] += min(new_s, user_s)
                else:
                    cli[minute] += min(new_s, cli_s)
        if times and times[-1].ts_s > known_s:
            reached.append((key, times[-1].ts_s))
    for series, amounts in ((_USER, user), (_CLI, cli)):
        for minute, seconds in amounts.items():
            booking.add(series, minute, seconds)
    connection.executemany("INSERT OR REPLACE INTO stretch VALUES (?, ?)", sorted(reached))
