"""Which metrics stand where at a sink: those that stand at the same step go together.

Usually all of them do. A metric that an upgrade brought has its whole past before it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from ccpush.ledger.cursors import Cursor, read_cursors
from ccpush.ledger.history import beginning
from ccpush.metrics.catalogue import GRID, Metric


class Group(msgspec.Struct, frozen=True):
    """Metrics that stand at the same step; ``last`` when no other group follows.

    ``unsure``: the receiver may have more of them than the cursors say.
    """

    metrics: tuple[Metric, ...]
    begin: int | None
    through: int
    unsure: bool
    last: bool

    @property
    def names(self) -> list[str]:
        """The names of its metrics."""
        return [metric.name for metric in self.metrics]


def all_cursors(
    connection: sqlite3.Connection, sink: str, step: int, reach_steps: int
) -> list[Cursor]:
    """Return the cursors of all metrics; one that is new to the sink begins with its past."""
    held = read_cursors(connection, sink)
    begin = beginning(connection, step, reach_steps)
    return [
        held.get(metric.name) or Cursor(metric.name, begin, begin - 1, begin - 1) for metric in GRID
    ]


def groups(cursors: Sequence[Cursor], step: int) -> list[Group]:
    """Return the groups of what is due through ``step``."""
    places: dict[tuple[int | None, int, bool], set[str]] = {}
    for cursor in cursors:
        if cursor.through < step:
            unsure = cursor.tried > cursor.through
            names = places.setdefault((cursor.begin, cursor.through, unsure), set())
            names.add(cursor.metric)
    found = []
    for number, ((begin, through, unsure), names) in enumerate(places.items(), 1):
        metrics = tuple(metric for metric in GRID if metric.name in names)
        found.append(Group(metrics, begin, through, unsure, last=number == len(places)))
    return found
