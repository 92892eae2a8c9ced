"""What series stood at, at any step: the same as a recount of every single increment."""

from __future__ import annotations

from collections import Counter

import homes
from histories import DAY, SERIES, STEP, Grown, Story, grown, stories
from hypothesis import given
from hypothesis import strategies as st

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.ledger.booking import Booking, LocalTime
from ccpush.ledger.history import Change, Sums, beginning, changes, sums_at
from ccpush.ledger.store import transaction

_steps = st.integers(STEP - 5 * DAY, STEP + 1) | st.integers(STEP - 25, STEP + 1)


def _nonzero(sums: Sums) -> tuple[dict[Series, int], dict[Series, int]]:
    return (
        {series: n for series, n in sums.counted.items() if n},
        {series: n for series, n in sums.imported.items() if n},
    )


@given(stories, st.lists(_steps, min_size=1, max_size=4))
def test_sums_are_a_recount(story: Story, at: list[int]) -> None:
    """At any step, before the first event and after the last, with imported days and without."""
    with story.ledger() as connection:
        for step in at:
            assert _nonzero(sums_at(connection, step)) == _nonzero(story.sums(step))


@given(stories, _steps, _steps)
def test_changes_lead_from_one_step_to_another(story: Story, one: int, other: int) -> None:
    """In the order of time, from after the one step through the other; nothing else."""
    after, through = sorted((one, other))
    with story.ledger() as connection:
        found = changes(connection, after, through)
        before, behind = sums_at(connection, after), sums_at(connection, through)

    assert all(after < change.step <= through for change in found)
    assert [change.step for change in found] == sorted(change.step for change in found)
    for change in found:
        sums = before.imported if change.imported else before.counted
        sums[change.series] += change.amount
    assert _nonzero(before) == _nonzero(behind)


@given(stories)
def test_each_change_is_told_once_for_a_step(story: Story) -> None:
    """What happened in one minute to one series is one change, however many rows told of it."""
    with story.ledger() as connection:
        found = [change for change in changes(connection, -1, STEP + 1) if not change.imported]

    sums: Counter[tuple[int, Series]] = Counter()
    for one in story.grown:
        sums[one.step, one.series] += one.amount
    expected = {Change(step, series, n, False) for (step, series), n in sums.items()}
    assert set(found) == expected
    assert len(found) == len(expected)


@given(st.lists(grown, max_size=8), st.integers(0, 4 * DAY), st.integers(-DAY, 1))
def test_the_beginning_is_the_step_before_anything(
    happened: list[Grown], reach: int, later: int
) -> None:
    """Within reach, and never after the step that is asked about."""
    step = STEP + later
    with Story(happened).ledger() as connection:
        found = beginning(connection, step, reach)

    first = min((one.step for one in happened), default=step + 1) - 1
    assert found == min(step, max(first, step - reach))


def test_history_needs_no_quiet_ledger() -> None:
    """What was frozen reads the same while further increments come in behind it."""
    story = Story([Grown(SERIES[0], 30, 5), Grown(SERIES[0], 10, 2)])
    with story.ledger() as connection:
        before = sums_at(connection, STEP - 5), changes(connection, STEP - 40, STEP - 5)
        with transaction(connection):
            booking = Booking(connection, homes.NOW_S, LocalTime(), set())
            booking.add(SERIES[0], STEP - 2, 100)
            booking.add(Series(f.MESSAGES), STEP - 1, 1)
            booking.write()

        assert _nonzero(sums_at(connection, STEP - 5)) == _nonzero(before[0])
        assert changes(connection, STEP - 40, STEP - 5) == before[1]
