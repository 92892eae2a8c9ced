"""What may happen to the first push of an upgrade: kills, cuts, a lost ledger. It ends whole."""

from __future__ import annotations

import itertools
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import first_release
import msgspec
import pytest
import small_steps
from brought_metrics import COST
from central import TOKENS
from fault_proxy import fault_proxy
from faults import Fault
from first_release import Imitated
from laptops import Clock, Laptop, to
from receivers import Answer
from roads import Road, road
from upgrades import (
    BEGIN_S,
    NEW,
    OLD_COUNTERS,
    SESSIONS,
    Kept,
    brought,
    fresh_laptop,
    increases,
    kept,
    left_by_the_first_release,
    name_of,
)

from ccpush.ledger.intake import Intake
from ccpush.ledger.store import FILE_NAME

if TYPE_CHECKING:
    import servers
    from receivers import Request

pytestmark = pytest.mark.integration

TOO_MUCH = b'{"status":"error","errorType":"execution","error":"too many samples"}'


@pytest.fixture
def clock() -> Clock:
    """The time of a laptop and of its receivers."""
    return Clock(BEGIN_S + 30.5)


@pytest.fixture
def way(clock: Clock, prometheus: servers.Server) -> Iterator[Road]:
    """The way to a Prometheus."""
    with road(prometheus.url, clock) as found:
        yield found


@pytest.fixture
def laptop(tmp_path: Path, clock: Clock, way: Road, request: pytest.FixtureRequest) -> Laptop:
    """One that the first release has pushed from and left."""
    return left_by_the_first_release(Laptop(tmp_path / request.node.name, clock, way), clock)


def small_requests(laptop: Laptop) -> None:
    """Let the laptop send no more than 2000 samples at once."""
    (sink,) = laptop.remote_write
    laptop.remote_write = [msgspec.structs.replace(sink, max_samples_per_send=2000)]


def assert_whole(laptop: Laptop, way: Road, server: servers.Server, before: Kept) -> None:
    """The receiver has what it had, and of what is new what a fresh ledger sends, no sample twice."""
    fresh = fresh_laptop(laptop, way)
    assert fresh.tick()["central"].outcome == "delivered"
    at_s = laptop.clock() + 1
    expected, found = (kept(server, one.root.name, at_s) for one in (fresh, laptop))

    assert {name_of(labels) for labels in brought(expected)} == NEW
    assert brought(expected) == brought(found)
    for labels, points in before.items():
        assert points == {ts_s: value for ts_s, value in found[labels].items() if ts_s in points}


def versions(laptop: Laptop) -> set[int]:
    """By which versions of the rules the files were last read."""
    ledger = sqlite3.connect(laptop.root / "state" / FILE_NAME)
    found = {version for (version,) in ledger.execute("SELECT extractor FROM position")}
    ledger.close()
    return found


def test_killed_while_it_reads_again(laptop: Laptop, way: Road, prometheus: servers.Server) -> None:
    """The next pass goes on where it was killed, and nothing is offered before it is through."""
    before = kept(prometheus, laptop.root.name, laptop.clock())
    reading = [sys.executable, small_steps.__file__, str(laptop.root / "state"), str(laptop.home)]
    with subprocess.Popen(
        [*reading, str(laptop.clock())], stdout=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdout is not None
        assert b"." * 10 == b"".join(process.stdout.read(1) for _ in range(10))
        process.kill()
    found = versions(laptop)
    assert before == kept(prometheus, laptop.root.name, laptop.clock())
    assert laptop.tick()["central"].outcome == "delivered"

    assert {1, 2} == found
    assert_whole(laptop, way, prometheus, before)


def test_stopped_while_it_reads_again(
    laptop: Laptop, way: Road, prometheus: servers.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read until then is kept, and nothing is offered."""
    before = kept(prometheus, laptop.root.name, laptop.clock())
    with monkeypatch.context() as patch:
        small_steps.take_small_steps(patch)
        defaults = {**(Intake.__init__.__kwdefaults__ or {}), "chunk_keys": 1}
        patch.setattr(Intake.__init__, "__kwdefaults__", defaults)
        with laptop.running() as pipeline:
            stopped = pipeline.tick(advance=lambda _: pipeline.stop())
    found = versions(laptop)
    assert before == kept(prometheus, laptop.root.name, laptop.clock())
    assert laptop.tick()["central"].outcome == "delivered"

    assert (False, ()) == (stopped.collected.complete, stopped.results)
    assert {1, 2} == found
    assert_whole(laptop, way, prometheus, before)


@pytest.mark.parametrize("writes", [3, 8])
def test_killed_between_two_requests(
    writes: int, laptop: Laptop, clock: Clock, way: Road, prometheus: servers.Server
) -> None:
    """The next push goes on; what had arrived unheard arrives again as it was."""
    before = kept(prometheus, laptop.root.name, laptop.clock())
    small_requests(laptop)
    posts = itertools.count(1)

    def kill(request: Request) -> None:
        if request.method == "POST" and len(request.body) > 200 and next(posts) == writes:
            process.kill()
            process.wait()

    way.answer = kill
    with first_release.ticking(laptop) as process:
        process.communicate()
    way.answer = lambda _: None
    assert process.returncode == -signal.SIGKILL
    partly = kept(prometheus, laptop.root.name, clock() + 1)
    clock.forward(1)
    assert laptop.tick()["central"].outcome == "delivered"

    assert brought(partly) != {}
    assert_whole(laptop, way, prometheus, before)
    whole = brought(kept(prometheus, laptop.root.name, clock() + 1))
    assert all(
        points.items() <= whole[labels].items() for labels, points in brought(partly).items()
    )
    assert sum(map(len, whole.values())) > sum(map(len, brought(partly).values()))


@pytest.mark.parametrize("what", ["lost", "put back"])
def test_a_ledger_that_is_lost_with_the_upgrade(
    what: str, laptop: Laptop, clock: Clock, way: Road, prometheus: servers.Server
) -> None:
    """What was there goes on where it stood, and what is new has its past all the same."""
    copy = laptop.back_up()
    assert Imitated().tick(laptop) == {"central": "delivered"}
    clock.forward(600)
    laptop.use(ago_s=60, output=7)
    before = kept(prometheus, laptop.root.name, clock())
    laptop.restore(None if what == "lost" else copy)
    # a receiver that has more than the ledger is asked twice
    assert laptop.tick()["central"].outcome == "retry"
    clock.forward(61)
    assert laptop.tick()["central"].outcome == "delivered"

    assert_whole(laptop, way, prometheus, before)
    since_s, at_s = max(map(max, before.values())) // 60 * 60, clock() // 60 * 60
    grown = increases(prometheus, NEW | OLD_COUNTERS, laptop.root.name, since_s, at_s)
    assert {"claude_responses_total", COST, TOKENS, SESSIONS} == {name for name, _ in grown}
    assert [1.0] == [n for (name, _), n in grown.items() if name == SESSIONS]


def test_lost_with_the_upgrade_where_little_may_be_asked(
    laptop: Laptop, clock: Clock, way: Road, prometheus: servers.Server
) -> None:
    """A receiver that does not tell all it has may have the past of what is new: it begins now."""

    def refuse(request: Request) -> Answer | None:
        much = "last_over_time" in request.target and "ccpush_" not in request.target
        return Answer(422, {"Content-Type": "application/json"}, TOO_MUCH) if much else None

    before = kept(prometheus, laptop.root.name, clock())
    way.answer = refuse
    laptop.restore(None)
    outcomes = []
    for _ in range(3):
        outcomes.append(laptop.tick()["central"].outcome)
        clock.forward(61)
    found = brought(kept(prometheus, laptop.root.name, clock()))
    newest_s = max(max(points) for points in before.values())

    assert ["retry", "delivered", "delivered"] == outcomes
    assert {name_of(labels) for labels in found} == NEW
    # all that there was it has at once, which no increase shows
    assert all(min(points) > newest_s - 60 for points in found.values())
    grown = {name_of(labels) for labels, points in found.items() if len(set(points.values())) > 1}
    assert {"claude_responses_total", COST} == grown


def test_a_network_that_cuts_the_making_up(
    tmp_path: Path, clock: Clock, way: Road, prometheus: servers.Server
) -> None:
    """Requests and answers are lost between others: the receiver ends with all of it."""
    bad = (Fault.CUT_BODY, Fault.CUT_ANSWER, Fault.ERROR_AFTER, Fault.TRUNCATED, Fault.ERROR_BEFORE)
    faults = itertools.cycle(fault for one in bad for fault in (Fault.PASS, Fault.PASS, one))
    with fault_proxy(way.server.url, lambda _: Fault.PASS) as proxy:
        laptop = Laptop(tmp_path / "cut", clock, way)
        laptop.remote_write = [to(f"{proxy.url}/api/v1/write")]
        left_by_the_first_release(laptop, clock)
        before = kept(prometheus, "cut", clock())
        small_requests(laptop)
        proxy.decide = lambda head: next(faults) if head.method == "POST" else Fault.PASS
        outcomes = [laptop.tick()["central"].outcome]
        while outcomes[-1] != "delivered" and len(outcomes) < 20:
            clock.forward(1)
            outcomes.append(laptop.tick()["central"].outcome)

    assert "delivered" == outcomes[-1]
    assert set(bad) <= proxy.counts.keys()
    assert_whole(laptop, way, prometheus, before)
