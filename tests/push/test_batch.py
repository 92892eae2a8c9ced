"""One request's samples, parted and joined: nothing is lost, changed, doubled or out of order."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from push_offers import family, histogram, sample

from ccpush.metrics.history import Run, Stretch
from ccpush.metrics.samples import Labels
from ccpush.push.remote_write.batch import (
    STALE_NAN,
    STALE_NAN_BITS,
    Batch,
    halves,
    joined,
    newest,
    of_now,
    parted,
    parted_at,
)

Point = tuple[Labels, int, float]
METRIC = family("m")


def _points(batch: Batch) -> list[Point]:
    """Every sample of a batch."""
    return [
        (run.labels, batch.timestamps_ms[at], stretch.value)
        for run in batch.runs
        for stretch in run.stretches
        for at in range(stretch.first, stretch.last + 1)
    ]


def _labels(number: int) -> Labels:
    return (("__name__", "m"), ("n", str(number)))


@st.composite
def _stretches(draw: st.DrawFn, length: int) -> list[Stretch]:
    """Stretches from somewhere to somewhere in a window of this length."""
    bounds = sorted(draw(st.sets(st.integers(0, length), min_size=2, max_size=5)))
    return [
        Stretch(first, end - 1, float(number))
        for number, (first, end) in enumerate(pairwise(bounds))
    ]


@st.composite
def _batches(draw: st.DrawFn, max_series: int = 8) -> Batch:
    length = draw(st.integers(1, 12))
    runs = [
        Run(_labels(number), METRIC, draw(_stretches(length)))
        for number in range(draw(st.integers(1, max_series)))
    ]
    return Batch(tuple(range(0, 60_000 * length, 60_000)), tuple(runs))


def _assert_well_formed(batch: Batch) -> None:
    """No series twice, none without samples, and time goes on in each."""
    assert all(run.size > 0 for run in batch.runs)
    assert max(Counter(run.labels for run in batch.runs).values(), default=1) == 1
    for run in batch.runs:
        ends = [(stretch.first, stretch.last) for stretch in run.stretches]
        assert all(first <= last for first, last in ends)
        assert all(one[1] < other[0] for one, other in pairwise(ends))


def _in_order(parts: Iterable[Batch]) -> bool:
    """Whether no series goes back in time from one part to the next."""
    newest_ms: dict[Labels, int] = {}
    for part in parts:
        for labels, ts_ms, _ in _points(part):
            if ts_ms <= newest_ms.get(labels, -1):
                return False
            newest_ms[labels] = ts_ms
    return True


@given(_batches(), st.integers(1, 30))
def test_parts_hold_everything_and_none_is_too_large(batch: Batch, size: int) -> None:
    """No part is larger than allowed, none empty; together they are the batch, in time order."""
    parts = list(parted(batch, size))

    for part in parts:
        _assert_well_formed(part)
        assert 0 < part.size <= size
    assert sorted(point for part in parts for point in _points(part)) == sorted(_points(batch))
    assert _in_order(parts)


def test_a_batch_that_fits_is_not_parted() -> None:
    """One request where one is enough, none for nothing."""
    batch = of_now([histogram()], 1)

    assert list(parted(batch, 4)) == [batch]
    assert list(parted(Batch((), ()), 4)) == []


@given(_batches())
def test_halves_are_the_batch_and_smaller(batch: Batch) -> None:
    """Both have something of what can be parted, and the first is never the later one."""
    if batch.size == 1:
        return
    parts = halves(batch)

    for part in parts:
        _assert_well_formed(part)
        assert 0 < part.size < batch.size
    assert sorted(point for part in parts for point in _points(part)) == sorted(_points(batch))
    assert _in_order(parts)


@given(_batches(max_series=1))
def test_one_series_is_parted_by_time_in_equal_halves(batch: Batch) -> None:
    """So that few requests find one sample among many."""
    if batch.size > 1:
        one, other = halves(batch)
        assert abs(one.size - other.size) <= 1


@given(_batches())
def test_the_newest_samples_are_one_of_each_series(batch: Batch) -> None:
    """And it is told how many others there are."""
    last, others = newest(batch)

    expected = {labels: (labels, ts_ms, value) for labels, ts_ms, value in _points(batch)}
    assert _points(last) == list(expected.values())
    assert last.size + others == batch.size


def test_what_is_true_now_has_one_moment() -> None:
    """Every sample of every family, its name among its sorted labels."""
    live = family("live", sample("live", 2.0, Zone="z", a="1"))
    batch = of_now([live, histogram()], 77)

    assert _points(batch)[0] == ((("Zone", "z"), ("__name__", "live"), ("a", "1")), 77, 2.0)
    assert {ts_ms for _, ts_ms, _ in _points(batch)} == {77}
    assert batch.size == 5
    assert [run.metric.name for run in batch.runs] == ["live", *["turn_seconds"] * 4]


@given(_batches(), st.integers(0, 3))
def test_grid_and_now_go_in_one(grid: Batch, series: int) -> None:
    """Joined they are both, each at its own timestamps."""
    now = of_now([family("live", *(sample("live", 1.0, n=str(n)) for n in range(series)))], 10**12)
    both = joined(grid, now)

    assert _points(both) == _points(grid) + _points(now)
    assert joined(grid, None) is grid
    assert joined(None, now) is now
    assert joined(None, None).size == 0


@pytest.mark.parametrize("value", [STALE_NAN])
def test_the_stale_marker_is_prometheus_own_nan(value: float) -> None:
    """Its bits survive being a number of Python's."""
    assert struct.pack("<d", value) == struct.pack("<Q", STALE_NAN_BITS)
    assert STALE_NAN_BITS == 0x7FF0000000000002


@given(_batches(), st.integers(-1, 12))
def test_a_batch_is_parted_at_a_moment(batch: Batch, minute: int) -> None:
    """What lies no later than it, and the rest."""
    parts = parted_at(batch, minute * 60_000)

    for part in parts:
        _assert_well_formed(part)
    assert [ts_ms <= minute * 60_000 for part in parts for _, ts_ms, _ in _points(part)] == [
        number == 0 for number, part in enumerate(parts) for _ in range(part.size)
    ]
    assert sorted(point for part in parts for point in _points(part)) == sorted(_points(batch))
