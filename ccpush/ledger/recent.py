"""What was counted lately? Increments of the last local days, by day and by hour of the week.

For whoever shows them often: reads only the end of the table, by its key, never the years before.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Final

import msgspec

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.ledger.booking import MINUTES_PER_QUARTER, LocalTime
from ccpush.ledger.labels import OTHER
from ccpush.ledger.store import snapshot

# The families that are read; the others are not what anybody looks at by the day.
FAMILIES: Final = (
    f.TOKENS, f.COST, f.UNPRICED, f.MESSAGES, f.SESSIONS, f.TOOL_CALLS, f.LINES, f.COMMITS,
)  # fmt: skip


class Recent(msgspec.Struct, frozen=True):
    """The local days from ``first`` to ``today``, in the time zone of the moment.

    ``counted`` are increments; imported days have theirs in the account. ``week_hours`` are
    messages by (weekday, hour), Monday 0, since ``hours_since``: whole weeks, so that weekdays
    compare. ``before_prices`` are tokens by (day, model) that were counted before there were prices
    and never read again, so that their cost is not in ``counted``.
    """

    today: date
    first: date
    hours_since: date
    counted: Mapping[date, Mapping[Series, int]]
    week_hours: Mapping[tuple[int, int], int]
    before_prices: Mapping[tuple[date, str], int]


# An increment is booked after its own time, never before: what is booked earlier is older.
_COUNTED: Final = (
    "SELECT quarter, series, SUM(amount) FROM increment"
    " WHERE booked > ? AND quarter >= ? AND series IN (SELECT id FROM series WHERE family IN ({}))"
    " GROUP BY quarter, series"
)
_NUMBERS: Final = "SELECT id, family, a, b FROM series WHERE family IN ({})"
_PLACES: Final = ", ".join("?" * len(FAMILIES))
_UNPRICED: Final = (
    "SELECT minute / ?, name, SUM(input + output + cache_read + cache_creation)"
    " FROM response JOIN model ON model.id = model"
    " WHERE prices IS NULL AND minute >= ? GROUP BY 1, 2"
)


def read_recent(
    connection: sqlite3.Connection, now_s: float, *, days: int, weeks: int = 4
) -> Recent:
    """Return the last ``days`` local days, today included; the hours of the last whole weeks.

    ``weeks`` must not reach further back than ``days``.
    """
    local = LocalTime()
    today = date.fromordinal(local.day_and_hour(_quarter(now_s))[0])
    first = today - timedelta(days=days - 1)
    hours_since = today - timedelta(days=7 * weeks - 1)
    # in the zone of the process; nothing of the day lies before its midnight
    since = _quarter(datetime.combine(first, time.min).timestamp())
    with snapshot(connection):
        counted, hours = _counted(connection, local, since, hours_since.toordinal())
        before_prices = _before_prices(connection, local, since)
    return Recent(
        today=today,
        first=first,
        hours_since=hours_since,
        counted={
            date.fromordinal(day): amounts
            for day, amounts in sorted(counted.items())
            if first.toordinal() <= day <= today.toordinal()
        },
        week_hours=hours,
        before_prices=before_prices,
    )


def _quarter(at_s: float) -> int:
    return int(at_s) // (60 * MINUTES_PER_QUARTER)


def _counted(
    connection: sqlite3.Connection, local: LocalTime, since: int, hours_since: int
) -> tuple[dict[int, Counter[Series]], Counter[tuple[int, int]]]:
    found = connection.execute(_NUMBERS.format(_PLACES), FAMILIES)
    names = {row[0]: Series(*row[1:]) for row in found}
    days: dict[int, Counter[Series]] = {}
    hours: Counter[tuple[int, int]] = Counter()
    which = (since * MINUTES_PER_QUARTER, since, *FAMILIES)
    for quarter, number, amount in connection.execute(_COUNTED.format(_PLACES), which):
        series = names[number]
        day, hour = local.day_and_hour(quarter)
        days.setdefault(day, Counter())[series] += amount
        if series.family == f.MESSAGES and day >= hours_since:
            hours[date.fromordinal(day).weekday(), hour] += amount
    return days, hours


def _before_prices(
    connection: sqlite3.Connection, local: LocalTime, since: int
) -> Counter[tuple[date, str]]:
    rows = connection.execute(_UNPRICED, (MINUTES_PER_QUARTER, since * MINUTES_PER_QUARTER))
    found: Counter[tuple[date, str]] = Counter()
    named: set[str] | None = None
    for quarter, model, tokens in rows.fetchall():
        if named is None:
            query = "SELECT b FROM series WHERE family = ?"
            named = {row[0] for row in connection.execute(query, (f.TOKENS,))}
        # a model that was one too many has no series of its own
        kept = model if model in named else OTHER
        found[date.fromordinal(local.day_and_hour(quarter)[0]), kept] += tokens
    return found
