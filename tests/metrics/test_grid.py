"""Which moments get a sample: a grid of minutes that depends on nothing but age."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ccpush.metrics.grid import due_steps, step_of, ts_ms

HOUR, DAY = 60, 24 * 60
NOW = 29_826_000

_through = st.integers(NOW, NOW + 8)
_lengths = st.integers(-3, 130) | st.integers(-3, 3 * DAY)


def _stride(age: int) -> int:
    """Every so many steps, by how far back a step lies."""
    if age > DAY:
        return 4
    return 2 if age > HOUR else 1


@given(_through, _lengths)
@example(NOW, 0)
@example(NOW, 1)
def test_the_grid_is_a_matter_of_age(through: int, length: int) -> None:
    """A minute, two beyond an hour, four beyond a day; always multiples, always the last."""
    after = through - length

    assert due_steps(after, through) == [
        step for step in range(after + 1, through + 1) if step % _stride(through - step) == 0
    ]


@given(_through, _lengths)
def test_steps_rise_without_a_gap_that_a_query_would_see(through: int, length: int) -> None:
    """Prometheus looks back five minutes: no two samples are further apart than four."""
    after = through - length
    steps = due_steps(after, through)

    assert (steps[-1:] or [after]) == [max(after, through)] or length <= 0
    assert all(1 <= other - one <= 4 for one, other in zip([after, *steps], steps, strict=False))


@given(_through, st.integers(0, 2 * DAY), st.integers(0, 2 * DAY))
def test_where_one_begins_does_not_move_the_grid(through: int, one: int, other: int) -> None:
    """Whoever has a part of it already gets the same steps for the rest."""
    early, late = sorted((through - one, through - other))

    assert [step for step in due_steps(early, through) if step > late] == due_steps(late, through)


@given(st.lists(st.integers(1, HOUR), min_size=1, max_size=12))
def test_when_ticks_run_does_not_show_in_the_last_hour(pauses: list[int]) -> None:
    """A timer every two minutes and a resident process make the same series."""
    at, steps = NOW, []
    for pause in pauses:
        steps += due_steps(at, at + pause)
        at += pause

    assert steps == list(range(NOW + 1, at + 1))


@pytest.mark.parametrize("late", [0, 1, 2, 3])
def test_a_month_is_a_quarter_of_its_minutes(late: int) -> None:
    """What is made up for does not cost a sample a minute."""
    through = NOW + late
    steps = due_steps(through - 29 * DAY, through)

    assert 28 * DAY // 4 + 23 * HOUR // 2 + HOUR - 4 <= len(steps)
    assert len(steps) <= 28 * DAY // 4 + 23 * HOUR // 2 + HOUR + 4


@pytest.mark.parametrize(
    ("ts_s", "step"), [(0.0, 0), (59.999, 0), (60.0, 1), (60.001, 1), (1_789_560_030.5, NOW)]
)
def test_a_moment_belongs_to_the_step_before_it(ts_s: float, step: int) -> None:
    """Never to one that is still to come."""
    assert step_of(ts_s) == step
    assert ts_ms(step) <= ts_s * 1000
