"""What goes out in one request: some timestamps, and every series' values at them.

A batch can be parted, by series or by time, because a receiver that refuses one sample refuses the
whole request, and only smaller ones tell which it was.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from ccpush.metrics.history import Run, Stretch
from ccpush.metrics.samples import Family, Labels

# Prometheus's own NaN that means "this series has ended"; it must not be sent by accident.
STALE_NAN_BITS: Final = 0x7FF0000000000002
STALE_NAN: Final[float] = struct.unpack("<d", struct.pack("<Q", STALE_NAN_BITS))[0]


class Batch(msgspec.Struct, frozen=True):
    """One request's samples: every run's stretches are by index into ``timestamps_ms``."""

    timestamps_ms: tuple[int, ...]
    runs: tuple[Run, ...]

    @property
    def size(self) -> int:
        """How many samples it holds."""
        return sum(run.size for run in self.runs)


def of_now(families: Sequence[Family], ts_ms: int) -> Batch:
    """Return the values that are true now, each series once."""
    runs = [
        Run(_with_name(sample.name, sample.labels), family, (Stretch(0, 0, sample.value),))
        for family in families
        for sample in family.samples
    ]
    return Batch((ts_ms,), tuple(runs))


def joined(grid: Batch | None, now: Batch | None) -> Batch:
    """Return both in one: the values of now after those of the grid."""
    if grid is None or now is None:
        return grid or now or Batch((), ())
    at = len(grid.timestamps_ms)
    moved = (
        msgspec.structs.replace(
            run, stretches=[Stretch(at + s.first, at + s.last, s.value) for s in run.stretches]
        )
        for run in now.runs
    )
    return Batch((*grid.timestamps_ms, *now.timestamps_ms), (*grid.runs, *moved))


def parted(batch: Batch, max_samples: int) -> Iterator[Batch]:
    """Part a batch into ones of at most ``max_samples``, by series wherever one fits."""
    # Nearly always it fits, which its outline tells without counting.
    if 0 < len(batch.runs) * len(batch.timestamps_ms) <= max_samples:
        yield batch
        return
    runs: list[Run] = []
    size = 0
    for run in _shortened(batch, max_samples):
        if runs and size + run.size > max_samples:
            yield Batch(batch.timestamps_ms, tuple(runs))
            runs, size = [], 0
        runs.append(run)
        size += run.size
    if runs:
        yield Batch(batch.timestamps_ms, tuple(runs))


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """Part a batch in two, by series while there are several, then by time, the older first."""
    if len(batch.runs) > 1:
        middle = len(batch.runs) // 2
        return (
            Batch(batch.timestamps_ms, batch.runs[:middle]),
            Batch(batch.timestamps_ms, batch.runs[middle:]),
        )
    (run,) = batch.runs
    indexes = [at for s in run.stretches for at in range(s.first, s.last + 1)]
    middle = indexes[len(indexes) // 2]
    return _cut(batch, 0, middle - 1), _cut(batch, middle, len(batch.timestamps_ms) - 1)


def parted_at(batch: Batch, ts_ms: int) -> tuple[Batch, Batch]:
    """Part a batch by time: what lies no later than ``ts_ms``, and the rest."""
    count = bisect_right(batch.timestamps_ms, ts_ms)
    return _cut(batch, 0, count - 1), _cut(batch, count, len(batch.timestamps_ms) - 1)


def newest(batch: Batch) -> tuple[Batch, int]:
    """Return the newest sample of every series, and how many samples are left out by that."""
    runs = []
    for run in batch.runs:
        last = run.stretches[-1]
        stretches = (Stretch(last.last, last.last, last.value),)
        runs.append(msgspec.structs.replace(run, stretches=stretches))
    return Batch(batch.timestamps_ms, tuple(runs)), batch.size - len(runs)


def _shortened(batch: Batch, max_samples: int) -> Iterator[Run]:
    """Yield the runs; one that is too long for a request in several, no two of which fit in one."""
    for run in batch.runs:
        if run.size <= max_samples:
            yield run
            continue
        indexes = [at for s in run.stretches for at in range(s.first, s.last + 1)]
        for at in range(0, len(indexes), max_samples):
            piece = indexes[at : at + max_samples]
            yield _within(run, piece[0], piece[-1])


def _cut(batch: Batch, first: int, last: int) -> Batch:
    runs = (_within(run, first, last) for run in batch.runs)
    return Batch(batch.timestamps_ms, tuple(run for run in runs if run.stretches))


def _within(run: Run, first: int, last: int) -> Run:
    stretches = [
        Stretch(max(s.first, first), min(s.last, last), s.value)
        for s in run.stretches
        if s.first <= last and s.last >= first
    ]
    return msgspec.structs.replace(run, stretches=stretches)


def _with_name(name: str, labels: Labels) -> Labels:
    return tuple(sorted((*labels, ("__name__", name))))
