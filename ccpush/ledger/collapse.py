"""What is older than 400 days is kept by the day: one increment per day and series.

Increments of one UTC day of steps move to that day's last step, and forget their own time but for
the local day it lay in; daily figures stay what they are, and the hours of the day are kept beside
them in ``day_hour``. No total changes, nor any value at a step of the last 400 days or at a UTC
midnight before. A value within an older day may, which nobody asks for: history reaches 29 days.
What a family was frozen through stays exact even so.

A local day that two UTC days share keeps a row in each. A collapsed day remains the local day it
was when it was collapsed, wherever the laptop goes.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from typing import Final

from ccpush.ledger.booking import (
    HOURLY,
    NO_HOUR,
    LocalTime,
    figure_kinds,
    frozen_through,
    whole_day,
)
from ccpush.ledger.meta import get_meta, set_meta
from ccpush.ledger.store import transaction

KEPT_DAYS: Final = 400
# About what one transaction takes in; a day is never split.
MAX_ROWS: Final = 5_000
_STEPS_A_DAY: Final = 24 * 60
_NEVER: Final = -1


def collapse(
    connection: sqlite3.Connection, now_s: float, local: LocalTime, stop: Callable[[], bool]
) -> None:
    """Collapse what has grown old since the last time; at most once a day, in short transactions.

    Ended early, by ``stop`` or a crash, it goes on from there the next time.
    """
    through = _due(connection, now_s)
    while through is not None and not stop():
        with transaction(connection):
            after = int(get_meta(connection, "collapsed_through") or _NEVER)
            reached = _reach(connection, after, through)
            _collapse_days(connection, after, reached, local)
            set_meta(connection, "collapsed_through", reached)
            if reached >= through:
                set_meta(connection, "collapse_done", through)
                through = None


def reopen(connection: sqlite3.Connection, oldest: int | None) -> None:
    """Have days collapsed again, the next time, from the oldest step that was now booked at."""
    through = get_meta(connection, "collapsed_through")
    if through is not None and oldest is not None and oldest <= int(through):
        set_meta(connection, "collapsed_through", _day_end(oldest) - _STEPS_A_DAY)


def _due(connection: sqlite3.Connection, now_s: float) -> int | None:
    """Return the step through which everything is to be collapsed, None if that was done.

    Counted from the newest increment if that is earlier than now: a clock that runs years ahead for
    an hour must not collapse what is still to be sent.
    """
    done = int(get_meta(connection, "collapse_done") or _NEVER)
    if _kept_from(int(now_s) // 60) <= done:
        return None
    newest = connection.execute("SELECT MAX(booked) FROM increment").fetchone()[0]
    if newest is None:
        return None
    through = _kept_from(min(int(now_s) // 60, newest))
    return through if through > done else None


def _kept_from(step: int) -> int:
    """Return the last UTC midnight that lies 400 days before a step."""
    return (step // _STEPS_A_DAY - KEPT_DAYS) * _STEPS_A_DAY


def _day_end(step: int) -> int:
    """Return the step at which the UTC day ends whose increments are booked at ``step``."""
    return -(-step // _STEPS_A_DAY) * _STEPS_A_DAY


def _reach(connection: sqlite3.Connection, after: int, through: int) -> int:
    """Return the end of the day with which a transaction has enough to do."""
    found = connection.execute(
        "SELECT booked FROM increment WHERE booked > ? AND booked <= ?"
        " ORDER BY booked LIMIT 1 OFFSET ?",
        (after, through, MAX_ROWS),
    ).fetchone()
    return through if found is None else _day_end(found[0])


def _collapse_days(
    connection: sqlite3.Connection, after: int, through: int, local: LocalTime
) -> None:
    """Collapse the whole days of the steps ``after`` < step <= ``through``."""
    between = "FROM increment WHERE booked > ? AND booked <= ?"
    steps = (after, through)
    rows = connection.execute(f"SELECT booked, quarter, series, amount {between}", steps).fetchall()
    kinds, frozen = figure_kinds(connection), _frozen(connection)
    days: Counter[tuple[int, int, int]] = Counter()
    hours: Counter[tuple[int, int, str]] = Counter()
    for booked, quarter, number, amount in rows:
        day, hour = local.day_and_hour(quarter)
        end, mark = _day_end(booked), frozen.get(number, _NEVER)
        days[min(end, mark) if booked <= mark else end, whole_day(day), number] += amount
        kind = kinds[number]
        if kind in HOURLY and hour != NO_HOUR:
            hours[day, hour, kind] += amount
    if days == {row[:3]: row[3] for row in rows}:
        return
    connection.execute(f"DELETE {between}", steps)
    connection.executemany(
        "INSERT INTO increment VALUES (?, ?, ?, ?)",
        [(*key, amount) for key, amount in sorted(days.items())],
    )
    connection.executemany(
        "INSERT INTO day_hour VALUES (?, ?, ?, ?) ON CONFLICT (day, hour, kind)"
        " DO UPDATE SET amount = amount + excluded.amount",
        [(*key, amount) for key, amount in sorted(hours.items())],
    )


def _frozen(connection: sqlite3.Connection) -> dict[int, int]:
    """Return, for each series ever offered, the newest step at which it was."""
    marks = frozen_through(connection)
    rows = connection.execute("SELECT id, family FROM series")
    return {number: marks[family] for number, family in rows if family in marks}
