"""What was counted on each local day? All increments by day, and what they cannot say; for reports.

One snapshot. Reads the whole table, so it is nothing for a tick.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Final

import msgspec

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.ledger.booking import MINUTES_PER_QUARTER, LocalTime
from ccpush.ledger.imports import UNSPLIT
from ccpush.ledger.labels import OTHER
from ccpush.ledger.store import snapshot


class Days(msgspec.Struct, frozen=True):
    """Everything by local day, in the time zone of the moment.

    ``counted`` are increments, whose sums over all days are the counters. ``unsplit`` are the
    tokens of imported days, where ``counted`` may have a part of them. ``before_prices`` are the
    tokens of responses, by day and model, that were counted before there were prices and never read
    again: of such a day the families of later generations lack what the same transcripts held.
    """

    today: date
    counted: Mapping[date, Mapping[Series, int]]
    unsplit: Mapping[date, int]
    before_prices: Mapping[tuple[date, str], int]


_COUNTED: Final = (
    "SELECT quarter, family, a, b, SUM(amount) FROM increment JOIN series ON series.id = series"
    " GROUP BY quarter, series.id"
)
_IMPORTED: Final = (
    "SELECT day, SUM(CASE WHEN family = ? AND a = '' THEN amount ELSE 0 END)"
    " FROM imported GROUP BY day"
)
_UNPRICED: Final = (
    "SELECT minute / ?, name, SUM(input + output + cache_read + cache_creation)"
    " FROM response JOIN model ON model.id = model WHERE prices IS NULL GROUP BY 1, 2"
)

_QUARTERS: Final = (
    "SELECT DISTINCT series, quarter FROM increment"
    " WHERE series IN (SELECT id FROM series WHERE family = ?)"
)


def read_days(connection: sqlite3.Connection, now_s: float) -> Days:
    """Return all days there are, seen from now."""
    local = LocalTime()
    with snapshot(connection):
        return Days(
            today=date.fromordinal(local.day_and_hour(int(now_s) // (60 * MINUTES_PER_QUARTER))[0]),
            counted=_counted(connection, local),
            unsplit={
                date.fromordinal(day): amount
                for day, amount in connection.execute(_IMPORTED, (UNSPLIT,))
            },
            before_prices=_before_prices(connection, local),
        )


def last_days(connection: sqlite3.Connection, family: str) -> dict[str, date]:
    """Return the local day on which each first label of a family last grew."""
    rows = connection.execute("SELECT id, a FROM series WHERE family = ?", (family,))
    names = dict(rows.fetchall())
    if not names:
        return {}
    local, found = LocalTime(), dict.fromkeys(names.values(), 0)
    for number, quarter in connection.execute(_QUARTERS, (family,)):
        a = names[number]
        found[a] = max(found[a], local.day_and_hour(quarter)[0])
    return {a: date.fromordinal(day) for a, day in sorted(found.items()) if day}


def _counted(connection: sqlite3.Connection, local: LocalTime) -> dict[date, Counter[Series]]:
    found: dict[int, Counter[Series]] = {}
    for quarter, family, a, b, amount in connection.execute(_COUNTED):
        day = local.day_and_hour(quarter)[0]
        found.setdefault(day, Counter())[Series(family, a, b)] += amount
    return {date.fromordinal(day): amounts for day, amounts in sorted(found.items())}


def _before_prices(connection: sqlite3.Connection, local: LocalTime) -> Counter[tuple[date, str]]:
    # a model that was one too many has no series of its own
    named = {
        row[0] for row in connection.execute("SELECT b FROM series WHERE family = ?", (f.TOKENS,))
    }
    found: Counter[tuple[date, str]] = Counter()
    for quarter, model, tokens in connection.execute(_UNPRICED, (MINUTES_PER_QUARTER,)):
        day = date.fromordinal(local.day_and_hour(quarter)[0])
        found[day, model if model in named else OTHER] += tokens
    return found
