"""What was booked while the clock was ahead, once it is right again: booked anew, at now.

A row is booked no later than the clock says when it is read. A clock that was days ahead has so
booked rows in what is the future now, and receivers would get them only then. None of it was ever
offered, so it can still move: to the next step, and its own time to now. Sums stay what they are.

A clock that is *behind* looks the same, and every row of before would lose its time. So nothing
moves before the clock has said so for an hour, which a clock that lost its time at a boot does not:
it is set by the network. Nor when the clock is known to be behind.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import Final

from ccpush.ledger import figures
from ccpush.ledger.booking import (
    GRID_S,
    MINUTES_PER_QUARTER,
    OVERLAID_FAMILIES,
    LocalTime,
    add_overlay,
    frozen_through,
)
from ccpush.ledger.collapse import reopen
from ccpush.ledger.imports import imported_days
from ccpush.ledger.meta import forget_meta, set_meta, set_meta_once

PATIENCE_S: Final = 3600
# 2025-02-24: there was no Claude Code before.
_EARLIEST_S: Final = 1_740_355_200
_NEVER: Final = -1


def book_anew(connection: sqlite3.Connection, now_s: float, local: LocalTime) -> None:
    """Move what is booked later than the step after now; call inside a transaction.

    Costs one look at the newest increment when there is none, which is nearly always.
    """
    now_step = int(now_s) // GRID_S
    found = connection.execute("SELECT MAX(booked) FROM increment").fetchone()[0]
    if found is None or found <= now_step + 1 or _is_behind(connection, now_step):
        forget_meta(connection, "ahead_since_s")
        return
    since_s = float(set_meta_once(connection, "ahead_since_s", now_s))
    if since_s > now_s:
        # the clock went back once more
        set_meta(connection, "ahead_since_s", now_s)
    elif now_s - since_s >= PATIENCE_S:
        _move(connection, now_step, local)
        forget_meta(connection, "ahead_since_s")


def _is_behind(connection: sqlite3.Connection, now_step: int) -> bool:
    """Whether it was certainly later before: what was offered was so by a receiver's clock."""
    offered = max(frozen_through(connection).values(), default=_NEVER)
    return now_step < max(offered, _EARLIEST_S // GRID_S)


def _move(connection: sqlite3.Connection, now_step: int, local: LocalTime) -> None:
    """Book all that is later at the step after now, which no family is frozen through."""
    step, now_quarter = now_step + 1, now_step // MINUTES_PER_QUARTER
    families = dict(connection.execute("SELECT id, family FROM series"))
    overlaid = imported_days(connection)
    moved: Counter[tuple[int, int, int]] = Counter()
    overlay: Counter[tuple[int, int]] = Counter()
    for quarter, number, amount in connection.execute(
        "SELECT quarter, series, amount FROM increment WHERE booked > ?", (step,)
    ):
        own = min(quarter, now_quarter)
        moved[step, own, number] += amount
        if families[number] in OVERLAID_FAMILIES and local.day_and_hour(own)[0] in overlaid:
            overlay[step, number] += amount
    connection.execute("DELETE FROM increment WHERE booked > ?", (step,))
    connection.executemany(
        "INSERT INTO increment VALUES (?, ?, ?, ?) ON CONFLICT (booked, quarter, series)"
        " DO UPDATE SET amount = amount + excluded.amount",
        [(*key, amount) for key, amount in sorted(moved.items())],
    )
    # imports are booked after what is frozen, so what is overlaid later than that moved just now
    connection.execute("DELETE FROM overlay WHERE booked > ?", (step,))
    add_overlay(connection, overlay)
    # what responses grow by belongs to the day of what they had
    connection.execute("UPDATE response SET minute = ?1 WHERE minute > ?1", (now_step,))
    reopen(connection, step)
    figures.make_anew(connection, local)
