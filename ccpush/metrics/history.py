"""What is each grid metric worth at each step? A walk over the ledger, window after window.

Forwards from what was delivered: every series at every step, flat where nothing happened. A window
holds stretches of equal values, not samples, so that a month costs little; only one is in memory.
The first step that a sink is offered of a metric holds a zero for every series: so that what was
there before it is an increase, and a receiver's ``increase()`` misses nothing.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from ccpush.claude.facts import Series
from ccpush.ledger import history
from ccpush.ledger.cursors import ShiftKey
from ccpush.metrics.catalogue import IDENTITY_INFO, OFFERED_THROUGH, Metric
from ccpush.metrics.cumulative import Cell, Cumulative
from ccpush.metrics.evaluate import Identity, named
from ccpush.metrics.grid import due_steps, ts_ms
from ccpush.metrics.samples import Described, Labels


class Stretch(NamedTuple):
    """One value at consecutive timestamps of a window, by index, both ends included."""

    first: int
    last: int
    value: float


class Run(msgspec.Struct, frozen=True):
    """One series in one window. ``labels`` are sorted and hold ``__name__``.

    ``start_ms`` is when it was zero, as far as the sink knows; 0 when that is not known.
    """

    labels: Labels
    metric: Described
    stretches: Sequence[Stretch]
    start_ms: int = 0

    @property
    def size(self) -> int:
        """How many samples it holds."""
        return sum([last - first + 1 for first, last, _ in self.stretches])


class Window(msgspec.Struct, frozen=True):
    """Some steps and every series' run through them; ``through`` is the last step.

    The first timestamp is the step before: only a series that begins in this window is zero there.
    """

    timestamps_ms: tuple[int, ...]
    runs: tuple[Run, ...]
    through: int


class Span(msgspec.Struct, frozen=True):
    """What is asked of the walk: some metrics, after one step, through another.

    ``begin`` is the step at which the sink's zeros lie, None when the sink has had the metrics from
    elsewhere. ``shifts`` are added to a cell's sums, in the ledger's unit.
    """

    metrics: tuple[Metric, ...]
    after: int
    through: int
    begin: int | None
    shifts: Mapping[ShiftKey, float] = msgspec.field(default_factory=dict)


class _Track:
    """One series on its way through the windows."""

    __slots__ = ("amount", "begin", "born", "divisor", "labels", "marks", "metric", "shift")

    def __init__(self, metric: Metric, cell: Cell, labels: Labels, span: Span) -> None:
        assert isinstance(metric.source, Cumulative)
        self.metric = metric
        self.labels = labels
        self.divisor = metric.source.divisors.get(cell.suffix)
        self.shift = span.shifts.get((metric.name, *cell), 0)
        self.begin = span.begin
        self.amount = 0
        self.born = self.shift != 0
        # (index, amount) of this window's changes
        self.marks: list[tuple[int, int]] = []

    @property
    def value(self) -> float:
        """What it stands at, in the metric's unit."""
        amount = self.amount + self.shift
        return float(amount) if self.divisor is None else amount / self.divisor

    def run(self, last: int, *, begins: bool) -> Run:
        """Lay out its values through a window whose last index is ``last``, and move to its end.

        ``begins`` when the window's first step is the one that holds the sink's zeros.
        """
        start_ms = 0 if self.begin is None else ts_ms(self.begin)
        if self.born and not self.marks and not begins:
            return Run(self.labels, self.metric, (Stretch(1, last, self.value),), start_ms)
        stretches: list[Stretch] = []
        at = 1
        if not self.born:
            # A zero one step before the first event, which is the truth.
            at = self.marks[0][0] - 1
            self.born = True
        if begins and at <= 1:
            stretches.append(Stretch(1, 1, 0.0))
            at = 2
        for index, grown in self.marks:
            if index > at:
                stretches.append(Stretch(at, index - 1, self.value))
                at = index
            self.amount += grown
        self.marks = []
        if at <= last:
            stretches.append(Stretch(at, last, self.value))
        return Run(self.labels, self.metric, stretches, start_ms)


class Walk:
    """All series of a span, standing at one step and moving forwards."""

    def __init__(self, connection: sqlite3.Connection, span: Span, identity: Identity) -> None:
        self._connection = connection
        self._span = span
        self._common = tuple(identity.labels.items())
        self._tracks: dict[tuple[str, Cell], _Track] = {}
        self._constant: list[Run] = []
        self._clock: tuple[Metric, Labels] | None = None
        # which tracks a series adds to: the counted, and those that hold imported days too
        self._fed: dict[tuple[Series, bool], list[_Track]] = {}
        self._by_family: dict[str, list[Metric]] = {}
        for metric in span.metrics:
            self._declare(metric, identity)
        sums = history.sums_at(connection, span.after)
        for imported, amounts in ((False, sums.counted), (True, sums.imported)):
            for series, amount in amounts.items():
                for track in self._tracks_of(series, imported=imported) if amount else ():
                    track.amount += amount
                    track.born = True

    @property
    def size(self) -> int:
        """How many series there are now."""
        born = sum(track.born for track in self._tracks.values())
        return born + len(self._constant) + (self._clock is not None)

    def standing(self) -> Iterator[tuple[Metric, Cell, Labels, int]]:
        """Yield metric, cell, labels and sum (in the ledger's unit) where the walk stands."""
        for (_, cell), track in self._tracks.items():
            yield track.metric, cell, track.labels, track.amount

    def labels_of(self, name: str) -> Labels:
        """Return the labels of a metric that has one series whatever happened."""
        if self._clock is not None and self._clock[0].name == name:
            return self._clock[1]
        return next(run.labels for run in self._constant if run.metric.name == name)

    def windows(self, max_samples: int) -> Iterator[Window]:
        """Yield the windows, oldest first, of about ``max_samples`` each."""
        due = due_steps(self._span.after, self._span.through)
        if self._span.begin is not None and self._span.after < self._span.begin:
            # The zeros have a step of their own.
            due = [self._span.begin, *(step for step in due if step > self._span.begin)]
        previous, at = self._span.after, 0
        while at < len(due):
            count = max(1, max_samples // max(1, self.size))
            steps = due[at : at + count]
            yield self._window((previous, *steps))
            previous, at = steps[-1], at + len(steps)

    def _declare(self, metric: Metric, identity: Identity) -> None:
        if isinstance(metric.source, Cumulative):
            for family in metric.families:
                self._by_family.setdefault(family, []).append(metric)
            for cell in metric.source.declared:
                self._track(metric, cell).born = True
            # What only the receiver knows of goes on too.
            for name, suffix, own in self._span.shifts:
                if name == metric.name:
                    self._track(metric, Cell(suffix, own))
        elif metric.name == OFFERED_THROUGH:
            self._clock = (metric, wire_labels(metric, Cell(), self._common))
        elif metric.name == IDENTITY_INFO:
            cell = Cell("", (identity.id,))
            self._constant.append(Run(wire_labels(metric, cell, self._common), metric, ()))

    def _track(self, metric: Metric, cell: Cell) -> _Track:
        key = (metric.name, cell)
        found = self._tracks.get(key)
        if found is None:
            labels = wire_labels(metric, cell, self._common)
            found = self._tracks[key] = _Track(metric, cell, labels, self._span)
        return found

    def _tracks_of(self, series: Series, *, imported: bool) -> list[_Track]:
        found = self._fed.get((series, imported))
        if found is None:
            found = self._fed[series, imported] = []
            for metric in self._by_family.get(series.family, ()):
                source = metric.source
                assert isinstance(source, Cumulative)
                if source.imported or not imported:
                    found += (self._track(metric, cell) for cell in source.cells(series))
        return found

    def _window(self, steps: tuple[int, ...]) -> Window:
        for change in history.changes(self._connection, steps[0], steps[-1]):
            index = bisect_left(steps, change.step)
            for track in self._tracks_of(change.series, imported=change.imported):
                track.marks.append((index, change.amount))
        last, begins = len(steps) - 1, steps[1] == self._span.begin
        runs = [
            track.run(last, begins=begins)
            for track in self._tracks.values()
            if track.born or track.marks
        ]
        runs += (Run(run.labels, run.metric, (Stretch(1, last, 1.0),)) for run in self._constant)
        if self._clock is not None:
            metric, labels = self._clock
            times = [Stretch(at, at, ts_ms(steps[at]) / 1000) for at in range(1, last + 1)]
            runs.append(Run(labels, metric, times))
        return Window(tuple(map(ts_ms, steps)), tuple(runs), steps[-1])


def wire_labels(metric: Metric, cell: Cell, common: Labels) -> Labels:
    """Return all labels of a cell, sorted, with ``__name__``; ``common`` are the identity's."""
    name, labels = named(metric, cell, common)
    return tuple(sorted((*labels, ("__name__", name))))
