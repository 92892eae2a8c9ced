"""What did the ledger's series stand at, at any grid step? Sums at one step, and the steps after.

Everything up to a frozen step is final: these queries need no common snapshot, and a walk over a
month may take as long as its receiver does.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import Final, NamedTuple

import msgspec

from ccpush.claude.facts import Series
from ccpush.ledger.store import snapshot


class Change(NamedTuple):
    """A series grew at a step; ``imported`` when only all-time figures did, by imported days."""

    step: int
    series: Series
    amount: int
    imported: bool


class Sums(msgspec.Struct, frozen=True):
    """What each series stands at; ``imported`` is what all-time figures have beside it."""

    counted: Counter[Series]
    imported: Counter[Series]


_SERIES: Final = "SELECT id, family, a, b, total FROM series"
_LATER: Final = "SELECT series, SUM(amount) FROM increment WHERE booked > ? GROUP BY series"
_OVERLAY: Final = "SELECT series, SUM(amount) FROM overlay WHERE booked <= ? GROUP BY series"
_IMPORTED: Final = (
    "SELECT family, a, b, SUM(amount) FROM imported WHERE booked <= ? GROUP BY family, a, b"
)
_CHANGES: Final = """
SELECT booked, family, a, b, SUM(amount), 0 FROM increment JOIN series ON series.id = series
 WHERE booked > :after AND booked <= :through GROUP BY booked, series
UNION ALL SELECT booked, family, a, b, -amount, 1 FROM overlay JOIN series ON series.id = series
 WHERE booked > :after AND booked <= :through
UNION ALL SELECT booked, family, a, b, SUM(amount), 1 FROM imported
 WHERE booked > :after AND booked <= :through GROUP BY booked, family, a, b
ORDER BY 1"""


def sums_at(connection: sqlite3.Connection, step: int) -> Sums:
    """Return what every series stood at, at a step; reads only what was booked after it."""
    with snapshot(connection):
        later = dict(connection.execute(_LATER, (step,)))
        names: dict[int, Series] = {}
        counted: Counter[Series] = Counter()
        for number, family, a, b, total in connection.execute(_SERIES):
            names[number] = Series(family, a, b)
            counted[names[number]] = total - later.get(number, 0)
        imported: Counter[Series] = Counter()
        for family, a, b, amount in connection.execute(_IMPORTED, (step,)):
            imported[Series(family, a, b)] += amount
        for number, amount in connection.execute(_OVERLAY, (step,)):
            imported[names[number]] -= amount
    return Sums(counted, imported)


def changes(connection: sqlite3.Connection, after: int, through: int) -> list[Change]:
    """Return what grew at the steps ``after`` < step <= ``through``, oldest first."""
    rows = connection.execute(_CHANGES, {"after": after, "through": through})
    return [
        Change(step, Series(family, a, b), amount, bool(imported))
        for step, family, a, b, amount, imported in rows
    ]


def beginning(connection: sqlite3.Connection, step: int, reach_steps: int) -> int:
    """Return the step before the first at which anything was booked, within reach of ``step``."""
    found = connection.execute("SELECT MIN(booked) FROM increment").fetchone()[0]
    first = step if found is None else int(found) - 1
    return max(step - reach_steps, min(step, first))
