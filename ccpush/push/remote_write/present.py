"""Which series a sink has now, and which have ended there.

What was offered is remembered by its labels. A series that is not offered any more (a day gone by,
a model no longer active, labels that were changed) gets one stale marker, or the receiver would
show its last value for minutes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

import msgspec

from ccpush.ledger.cursors import note_delivered, read_delivered
from ccpush.ledger.store import transaction
from ccpush.metrics.catalogue import CATALOGUE, GRID
from ccpush.metrics.history import Run, Stretch
from ccpush.metrics.samples import Described, Labels, MetricType
from ccpush.push.remote_write.batch import STALE_NAN, Batch, of_now
from ccpush.push.remote_write.naming import NAME_LABEL, Named, Naming
from ccpush.push.sink import Offer

_SUFFIXES: Final = ("_bucket", "_sum", "_count")


class Present:
    """The series of one push: those of now, those of the grid as they are seen, those that ended.

    ``now_ms`` None: nothing of now is sent this time.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        sink: str,
        naming: Naming,
        offer: Offer,
        now_ms: int | None,
    ) -> None:
        self._connection = connection
        self._sink = sink
        self._now_ms = now_ms
        families = [f for f in offer.current if f.timing == "now"] if now_ms is not None else []
        self.named: Named = naming.name(of_now(families, now_ms or 0).runs)
        self._grid: dict[Labels, str] = {}
        self._seen_metrics: set[str] = set()
        self._held = read_delivered(connection, sink)
        self._ended: tuple[str, ...] = ()
        self.sent = False

    @property
    def runs(self) -> tuple[Run, ...]:
        """The series of now."""
        return self.named.runs

    def see(self, grid: Iterable[Run], metrics: Iterable[str]) -> None:
        """Take note of the grid's series as they are at the newest step, of these metrics."""
        self._grid.update((run.labels, "") for run in grid)
        self._seen_metrics.update(metrics)

    def batch(self) -> Batch:
        """Return the values of now and the markers of what has ended."""
        if self._now_ms is None:
            return Batch((), ())
        runs = list(self.runs)
        # Only who has seen all that there is can tell what is there no more.
        if self._seen_metrics >= {metric.name for metric in GRID}:
            self._ended = tuple(sorted(self._held - self._all()))
            runs += map(_marker, self._ended)
        return Batch((self._now_ms,), tuple(runs))

    def keep(self) -> None:
        """Remember what the sink was offered."""
        new = self._all() - self._held
        if new or self._ended:
            with transaction(self._connection):
                note_delivered(self._connection, self._sink, sorted(new), self._ended)

    def _all(self) -> set[str]:
        now = (run.labels for run in self.runs)
        return {_text(labels) for labels in (*self._grid, *now)}


class _Ended(msgspec.Struct, frozen=True):
    """A metric of which only the name is known."""

    name: str
    type: MetricType = "gauge"
    help: str = ""
    unit: str = ""


def _marker(text: str) -> Run:
    labels = tuple((name, value) for name, value in msgspec.json.decode(text, type=list[list[str]]))
    return Run(labels, _described(dict(labels).get(NAME_LABEL, "")), (Stretch(0, 0, STALE_NAN),))


def _described(name: str) -> Described:
    for metric in CATALOGUE:
        if name == metric.name or any(name == metric.name + suffix for suffix in _SUFFIXES):
            return metric
    return _Ended(name)


def _text(labels: Labels) -> str:
    return msgspec.json.encode(labels).decode()
