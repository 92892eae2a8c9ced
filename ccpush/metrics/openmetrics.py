"""How does the history look as OpenMetrics text? Every series at every grid step, in seconds.

The same walk as remote-write's makes it: the same series, values and steps. One metric at a time is
laid out in memory, as the steps at which its series change; text is only ever a few lines.
Spec: OpenMetrics 1.0. Families are contiguous, in them series, in them timestamps that rise; of a
histogram, whose parts make one series, all parts of a step stand together.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import IO, Final

import msgspec

from ccpush.metrics.catalogue import GRID, Metric
from ccpush.metrics.evaluate import Identity
from ccpush.metrics.grid import due_steps
from ccpush.metrics.history import Span, Walk, Window
from ccpush.metrics.samples import Labels

NAME_LABEL: Final = "__name__"
_WINDOW_SAMPLES: Final = 50_000
# how many lines are made at once
_LINES: Final = 5_000
_HELP_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n"})
_LABEL_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class History(msgspec.Struct, frozen=True):
    """Which steps are asked for, ``begin`` and ``through`` included; at ``begin`` all is 0.

    ``final`` gives a series' labels as they are sent, None for one that is not.
    """

    begin: int
    through: int
    identity: Identity
    final: Callable[[Labels], Labels | None]


class Written(msgspec.Struct, frozen=True):
    """What was written, and how many series were left out because their labels were not unique."""

    series: int
    samples: int
    left_out: int


class _Points:
    """One series: the values it takes, and from which timestamp on."""

    __slots__ = ("at", "values")

    def __init__(self) -> None:
        # as small as can be: a busy year has a million changes
        self.at = array("L")
        self.values = array("d")

    def add(self, at: int, value: float) -> None:
        if not self.values or self.values[-1] != value:
            self.at.append(at)
            self.values.append(value)


class _Laid(msgspec.Struct, frozen=True):
    """A metric through all steps: its series' points, and the timestamps as they are written."""

    points: dict[Labels, _Points]
    ends: list[str]
    left_out: int


def expected_samples(connection: sqlite3.Connection, history: History) -> int:
    """Return about how many samples there will be; for showing progress."""
    span = Span(GRID, history.through, history.through, None)
    steps = len(due_steps(history.begin, history.through)) + 1
    return Walk(connection, span, history.identity).size * steps


def write_history(
    connection: sqlite3.Connection,
    history: History,
    out: IO[str],
    told: Callable[[int], None] = lambda _: None,
) -> Written:
    """Write the whole history; ``told`` is told now and then how many samples are written.

    To be called inside a snapshot of the ledger.
    """
    series = samples = left_out = 0
    for metric in GRID:
        laid = _lay_out(connection, metric, history)
        left_out += laid.left_out
        if not laid.points:
            continue
        out.writelines(_head(metric))
        series += len(laid.points)
        for heads, begin, end in _blocks(metric, laid):
            for at in range(begin, end, _LINES):
                ends = laid.ends[at : min(end, at + _LINES)]
                out.writelines([head + moment for moment in ends for head in heads])
                samples += len(ends) * len(heads)
            told(samples)
    out.write("# EOF\n")
    return Written(series, samples, left_out)


def _lay_out(connection: sqlite3.Connection, metric: Metric, history: History) -> _Laid:
    span = Span((metric,), history.begin - 1, history.through, history.begin)
    points: dict[Labels, _Points] = {}
    ends: list[str] = []
    for window in Walk(connection, span, history.identity).windows(_WINDOW_SAMPLES):
        _take(window, points, len(ends) - 1)
        ends += (f"{ts_ms // 1000}\n" for ts_ms in window.timestamps_ms[1:])
    named = [(history.final(labels), found) for labels, found in points.items()]
    times = Counter(labels for labels, _ in named)
    twice = sum(n for labels, n in times.items() if labels is not None and n > 1)
    kept = {labels: found for labels, found in named if labels is not None and times[labels] == 1}
    return _Laid(kept, ends, twice)


def _take(window: Window, points: dict[Labels, _Points], before: int) -> None:
    """Add a window, the first timestamp of which is number ``before`` of all."""
    for run in window.runs:
        found = points.get(run.labels)
        if found is None:
            found = points[run.labels] = _Points()
        for stretch in run.stretches:
            found.add(before + stretch.first, stretch.value)


def _head(metric: Metric) -> Iterator[str]:
    name = metric.name.removesuffix("_total") if metric.type == "counter" else metric.name
    yield f"# TYPE {name} {metric.type}\n"
    # a unit must be the name's suffix
    if metric.unit and name.endswith(f"_{metric.unit}"):
        yield f"# UNIT {name} {metric.unit}\n"
    yield f"# HELP {name} {metric.help.translate(_HELP_ESCAPES)}\n"


def _blocks(metric: Metric, laid: _Laid) -> Iterator[tuple[Sequence[str], int, int]]:
    """Yield the beginnings of lines that repeat at each of some timestamps, in order."""
    if metric.type == "histogram":
        yield from _together(laid.points, len(laid.ends))
        return
    for labels, points in sorted(laid.points.items(), key=itemgetter(0)):
        series = _series(labels)
        ends = [*points.at[1:], len(laid.ends)]
        for at, until, value in zip(points.at, ends, points.values, strict=True):
            yield [f"{series} {_number(value)} "], at, until


def _together(
    members: dict[Labels, _Points], count: int
) -> Iterator[tuple[Sequence[str], int, int]]:
    """Yield the parts of a histogram, all of them for each timestamp."""
    changes = sorted(
        (at, labels, value)
        for labels, points in members.items()
        for at, value in zip(points.at, points.values, strict=True)
    )
    texts = {labels: _series(labels) for labels in members}
    now: dict[Labels, str] = {}
    for number, (at, labels, value) in enumerate(changes, 1):
        now[labels] = f"{texts[labels]} {_number(value)} "
        until = changes[number][0] if number < len(changes) else count
        if until > at:
            yield [now[each] for each in members if each in now], at, until


def _series(labels: Labels) -> str:
    own = [pair for pair in labels if pair[0] != NAME_LABEL]
    pairs = ",".join(f'{name}="{value.translate(_LABEL_ESCAPES)}"' for name, value in own)
    return f"{dict(labels)[NAME_LABEL]}{{{pairs}}}"


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
