"""Daily and hourly figures: sums of increments over local days and hours of the day.

Kept up to date with every chunk, and made anew from the increments when the laptop's time zone has
changed, because days begin elsewhere then. They are a convenience: the increments are the account.
Of days that are kept whole (see ``collapse``), the hours are in ``day_hour``.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter

from ccpush.ledger.booking import (
    HOURLY,
    NO_HOUR,
    LocalTime,
    add_figures,
    figure_kinds,
)
from ccpush.ledger.meta import get_meta, set_meta

Figures = Counter[tuple[str, int, str]]


def zone(now_s: float) -> str:
    """Tell the process's time zone apart from others: its offsets through the last two years.

    Daylight saving does not change it, a flight does.
    """
    year = time.gmtime(now_s).tm_year
    months = [(year - back, month) for back in (1, 0) for month in range(1, 13)]
    offsets = []
    for when_year, month in months:
        middle = int((when_year - 1970) * 365.2425 * 86_400 + (month - 0.5) * 30.4 * 86_400)
        offsets.append(time.localtime(middle).tm_gmtoff)
    return ",".join(map(str, offsets))


def compute(connection: sqlite3.Connection, local: LocalTime) -> Figures:
    """Sum all increments into daily and hourly figures; reads the whole table."""
    kinds = figure_kinds(connection)
    imported = {row[0] for row in connection.execute("SELECT DISTINCT day FROM imported")}
    figures: Figures = Counter()
    for quarter, number, amount in connection.execute(
        "SELECT quarter, series, SUM(amount) FROM increment GROUP BY quarter, series"
    ):
        kind = kinds[number]
        if kind is not None:
            day, hour = local.day_and_hour(quarter)
            figures["day", day, kind] += amount
            if kind in HOURLY and hour != NO_HOUR and day not in imported:
                figures["hour", hour, kind] += amount
    for day, hour, kind, amount in connection.execute("SELECT * FROM day_hour"):
        if day not in imported:
            figures["hour", hour, kind] += amount
    return figures


def make_anew(connection: sqlite3.Connection, local: LocalTime) -> None:
    """Replace the table by what the increments say, in the caller's transaction."""
    connection.execute("DELETE FROM figure")
    add_figures(connection, compute(connection, local))


def follow_zone(connection: sqlite3.Connection, now_s: float, local: LocalTime) -> None:
    """Make the figures anew if the time zone is not the one they were made in."""
    current = zone(now_s)
    if get_meta(connection, "zone") != current:
        make_anew(connection, local)
        set_meta(connection, "zone", current)


def read(connection: sqlite3.Connection, now_s: float) -> Figures:
    """Return the figures in the present time zone, from the table if it was made in it."""
    if get_meta(connection, "zone") == zone(now_s):
        rows = connection.execute("SELECT span, at, kind, amount FROM figure")
        return Counter({(span, at, kind): amount for span, at, kind, amount in rows})
    return compute(connection, LocalTime())
