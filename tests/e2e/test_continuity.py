"""A ledger that is lost, put back from a copy, cloned, or away for long: nothing counts twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from central import DAY_S, HOUR_S, KEEP, NOON_S, WINDOW, falls, gaps, grown, output, settle
from laptops import Clock, Laptop
from programs import Desk
from roads import Road, no_queries, road

pytestmark = pytest.mark.integration

TWO_DAYS_AGO_S = NOON_S - 2 * DAY_S + 30.5


@pytest.fixture
def clock() -> Clock:
    """The time of a laptop and of its receivers."""
    return Clock(TWO_DAYS_AGO_S)


@pytest.fixture
def ways(
    clock: Clock, prometheus: servers.Server, victoria: servers.Server
) -> Iterator[tuple[Road, Road]]:
    """The ways to both."""
    with road(prometheus.url, clock) as one, road(victoria.url, clock) as two:
        yield one, two


def outcomes(laptop: Laptop) -> set[str]:
    """What becomes of a push."""
    return {result.outcome for result in laptop.tick().values()}


def lived(laptop: Laptop, clock: Clock, *, grows: bool = True) -> Path:
    """Two pushes on two days, and something since; the ledger's copy is from the first.

    ``grows``: of the second day's response a part came too late for its push.
    """
    laptop.use(ago_s=5 * HOUR_S, output=100)
    assert {"delivered"} == outcomes(laptop)
    copy = laptop.back_up()
    clock.forward(DAY_S)
    laptop.use(ago_s=2 * HOUR_S, output=1000)
    assert {"delivered"} == outcomes(laptop)
    if grows:
        laptop.grow(by=500)
    clock.forward(HOUR_S)
    laptop.use(ago_s=600, output=10)
    return copy


@pytest.mark.parametrize("forgetful", [False, True], ids=["cache kept", "cache lost"])
@pytest.mark.parametrize("what", ["deleted", "rolled back", "deleted with an old transcript"])
def test_after_the_loss_of_a_ledger_counters_go_on(
    what: str,
    forgetful: bool,
    tmp_path: Path,
    clock: Clock,
    ways: tuple[Road, Road],
    prometheus: servers.Server,
    victoria: servers.Server,
) -> None:
    """The receiver is asked twice, then every sample is what it would have been without the loss."""
    name = f"{what} {forgetful}"
    laptop = Laptop(tmp_path / name, clock, *ways)
    # what is gone from the disk cannot be told from what has come since
    copy = lived(laptop, clock, grows="transcript" not in what)
    laptop.restore(copy if what == "rolled back" else None, forgetful=forgetful)
    if "transcript" in what:
        laptop.transcript(0).path.unlink()
    settle(victoria)
    first = outcomes(laptop)
    clock.forward(61)
    second = outcomes(laptop)
    clock.forward(300)
    laptop.use(ago_s=90, output=1)
    third = outcomes(laptop)

    assert [{"retry"}, {"delivered"}, {"delivered"}] == [first, second, third]
    for server in (prometheus, victoria):
        points = output(server, name, clock())
        assert laptop.spent() == grown(points) == points[-1][1]
        assert [] == gaps(points) == laptop.untrue(points)


@pytest.mark.parametrize(
    ("what", "forgetful"),
    [
        ("deleted", False),
        ("deleted", True),
        # a copy is another file, even when nothing else tells
        ("rolled back", False),
        ("rolled back", True),
        ("rolled back in place", False),
    ],
)
def test_where_nobody_can_be_asked_nothing_counts_twice(
    what: str,
    forgetful: bool,
    tmp_path: Path,
    clock: Clock,
    ways: tuple[Road, Road],
    prometheus: servers.Server,
    victoria: servers.Server,
) -> None:
    """With the query API closed counters begin again with zero, and totals are in the gauges."""
    name = f"closed {what} {forgetful}"
    laptop = Laptop(tmp_path / name, clock, *ways)
    copy = lived(laptop, clock)
    for way in ways:
        way.answer = no_queries
    laptop.restore(
        None if what == "deleted" else copy, in_place="in place" in what, forgetful=forgetful
    )
    outcomes(laptop)
    clock.forward(300)
    laptop.use(ago_s=90, output=1)
    assert {"delivered"} == outcomes(laptop)

    for server in (prometheus, victoria):
        points = output(server, name, clock())
        # a response's growth and the one after it came before the counters began again
        assert ([(1100.0, 0.0)], 1101) == (falls(points), grown(points))
        assert [] == laptop.untrue([point for point in points if point[1] >= 100])
        total = f'claude_model_output_tokens{{instance="{name}"}}'
        assert laptop.spent() == server.value(total, clock())


def test_a_first_push_to_who_cannot_be_asked_brings_nothing_old(
    tmp_path: Path, clock: Clock, ways: tuple[Road, Road], prometheus: servers.Server
) -> None:
    """Counters begin with zero at the next step, and this is told; the gauges have the totals."""
    way, _ = ways
    way.answer = no_queries
    laptop = Laptop(tmp_path / "unasked", clock, way)
    laptop.use(ago_s=HOUR_S, output=100)
    assert {"delivered"} == outcomes(laptop)
    clock.forward(120)
    laptop.use(ago_s=90, output=10)
    assert {"delivered"} == outcomes(laptop)

    assert laptop.state().unknown_past
    points = output(prometheus, "unasked", clock())
    step_s = TWO_DAYS_AGO_S - 30.5
    assert [(step_s + 60, 0.0), (step_s + 120, 10.0)] == points
    assert 110 == prometheus.value('claude_model_output_tokens{instance="unasked"}', clock())


def test_a_clone_is_stopped_until_it_has_a_name(
    tmp_path: Path, clock: Clock, ways: tuple[Road, Road], prometheus: servers.Server
) -> None:
    """A copy of everything on another machine sends nothing as the first one, asked or not."""
    way, _ = ways
    first = Laptop(tmp_path / "first", clock, way)
    first.instance = None
    first.use(ago_s=HOUR_S, output=100)
    assert {"delivered"} == outcomes(first)
    second = first.clone("second")
    clock.forward(600)
    second.use(ago_s=90, output=10)
    asked = second.tick()["central"]
    way.answer = no_queries
    not_asked = second.tick()["central"]
    way.answer = lambda _: None
    second.instance = "second"
    named = outcomes(second)
    first.use(ago_s=30, output=1)
    assert {"delivered"} == outcomes(first)
    clock.forward(60)
    assert {"delivered"} == outcomes(second) == outcomes(first)

    for result in (asked, not_asked):
        assert ("stopped", 0) == (result.outcome, result.sent)
        assert "'first'" in (result.error or "")
        assert "instance:" in (result.hint or "")
    assert {"delivered"} == named
    of_first, of_second = (output(prometheus, name, clock()) for name in ("first", "second"))
    assert 101 == grown(of_first) == of_first[-1][1]
    assert [] == falls(of_second) == first.untrue(of_first)
    # the hundred that both have are the first one's
    assert 111 == grown(of_first) + grown(of_second)


def test_two_laptops_of_one_name_are_told_apart(tmp_path: Path, prometheus: servers.Server) -> None:
    """The second is stopped with the setting's name and exit code 78; the first goes on."""
    clock = Clock(time.time())
    with road(prometheus.url) as way:
        first = Laptop(tmp_path / "theirs", clock, way)
        first.use(ago_s=HOUR_S, output=100)
        assert {"delivered"} == outcomes(first)
        other = Laptop(tmp_path / "ours", clock, way)
        other.use(ago_s=HOUR_S, output=10)
        words = ("push", "--claude-home", str(other.home), "--remote-write-url", way.url)
        done = Desk(tmp_path).run(*words, "--instance", "theirs")
        clock.forward(60)
        again = outcomes(first)
        points = output(prometheus, "theirs", clock())

    assert 78 == done.returncode
    assert "'theirs'" in done.stderr
    assert "instance:" in done.stderr
    assert {"delivered"} == again
    assert [] == first.untrue(points)


def test_a_machine_that_was_off_for_two_months_goes_on(
    tmp_path: Path, victoria: servers.Server
) -> None:
    """Nothing older than 29 days is sent; the counter stands where it stood and grows from there."""
    clock = Clock(NOON_S - 60 * DAY_S + 30.5)
    with (
        servers.prometheus(WINDOW, tmp_path, KEEP) as fresh,
        road(fresh.url, clock) as one,
        road(victoria.url, clock) as two,
    ):
        laptop = Laptop(tmp_path / "away", clock, one, two)
        laptop.use(ago_s=HOUR_S, output=100)
        assert {"delivered"} == outcomes(laptop)
        left_s = clock() // 60 * 60
        clock.forward(60 * DAY_S)
        laptop.use(ago_s=600, output=10)
        back = laptop.tick()
        found = [output(server, "away", clock(), "80d") for server in (fresh, victoria)]
        clock.forward(60)
        assert {"delivered"} == outcomes(laptop)

    assert [0, 0] == [result.retried for result in back.values()]
    for points in found:
        ((from_s, to_s),) = gaps(points)
        assert (left_s, True) == (from_s, 0 <= to_s - (NOON_S - 29 * DAY_S) <= 240)
        assert [] == laptop.untrue(points)
        assert 110 == grown(points) == points[-1][1]
