"""Several receivers at once: each gets its own past at its own pace, whatever the others do."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import servers
from central import DAY_S, HOUR_S, NOON_S, TOKENS, gaps, output
from laptops import Clock, Laptop, to
from receivers import Conversation, serve
from roads import road

from ccpush import app
from ccpush.config.settings import HttpConfig, PushgatewayConfig

pytestmark = pytest.mark.integration


def hangs(conversation: Conversation) -> None:
    """Take a request and never answer."""
    if conversation.read() is not None:
        conversation.hang()


def test_a_sink_that_hangs_delays_no_other(
    tmp_path: Path, prometheus: servers.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process that stays, the others go on while one sink is still waiting for its answer."""
    clock = Clock(NOON_S - HOUR_S + 30.5)
    with serve(hangs) as dead, road(prometheus.url, clock) as way:
        laptop = Laptop(tmp_path / "busy", clock)
        laptop.remote_write = [to(f"{dead.url}/api/v1/write", "dead"), to(way)]
        laptop.use(ago_s=5 * HOUR_S, output=10)
        monkeypatch.setattr(app, "GRACE_S", 0.0)
        with laptop.running(deadline_s=2.0) as pipeline:
            for _ in range(3):
                laptop.use(ago_s=90, output=1)
                tick = pipeline.tick()
                assert [("central", "delivered")] == [(s.name, r.outcome) for s, r in tick.results]
                assert ["dead"] == [sink.name for sink in tick.silent]
                clock.forward(120)
            stopping_s = time.monotonic()
        stopped_s = time.monotonic() - stopping_s
        state = laptop.state()

    assert 1 == len(dead.requests)
    assert stopped_s < 2
    assert (NOON_S - HOUR_S + 240, None) == (state.offered_s, state.error)
    points = output(prometheus, "busy", clock())
    assert (13, [], []) == (points[-1][1], gaps(points), laptop.untrue(points))


def test_a_sink_has_a_cursor_of_its_own(
    tmp_path: Path, prometheus: servers.Server, victoria: servers.Server
) -> None:
    """A sink that was away and one that is new get their past; the others get nothing twice."""
    clock = Clock(NOON_S - DAY_S + 30.5)
    with road(victoria.url, clock) as one, road(prometheus.url, clock) as two:
        laptop = Laptop(tmp_path / "several", clock, one)
        nowhere = f"http://127.0.0.1:{servers.free_port()}/api/v1/write"
        laptop.remote_write.append(to(nowhere, "nowhere"))
        laptop.use(ago_s=5 * HOUR_S, output=10)
        first = laptop.tick()
        clock.forward(DAY_S / 2)
        laptop.remote_write.append(to(two, "late"))
        two.broken = True
        laptop.use(ago_s=HOUR_S, output=20)
        second = laptop.tick()
        # too late for what one of them has: so it is for the other
        laptop.grow(by=5)
        clock.forward(DAY_S / 2)
        two.broken = False
        laptop.use(ago_s=HOUR_S, output=30)
        third = laptop.tick()
        states = {name: laptop.state(name) for name in ("central", "nowhere", "late")}

    for results in (first, second, third):
        assert ("delivered", "retry") == (results["central"].outcome, results["nowhere"].outcome)
    assert ("retry", "delivered") == (second["late"].outcome, third["late"].outcome)
    for server in (victoria, prometheus):
        points = output(server, "several", NOON_S)
        assert (NOON_S - DAY_S - 5 * HOUR_S, 0.0) == pytest.approx(points[0], abs=120)
        assert (65, [], []) == (points[-1][1], gaps(points), laptop.untrue(points))
    assert [NOON_S, None, NOON_S] == [state.offered_s for state in states.values()]
    assert (3, 0) == (states["nowhere"].failures, states["late"].failures)
    assert states["central"].samples["sent", ""] > states["late"].samples["sent", ""] > 0


def test_a_pushgateway_beside_them_has_the_same_totals(
    tmp_path: Path, prometheus: servers.Server
) -> None:
    """It is told what is true now, and needs no cursor."""
    clock = Clock(NOON_S - HOUR_S + 30.5)
    with servers.pushgateway(tmp_path) as gateway, road(prometheus.url, clock) as way:
        laptop = Laptop(tmp_path / "both", clock, way)
        laptop.pushgateway = [PushgatewayConfig("gateway", HttpConfig(gateway.url))]
        way.broken = True
        for _ in range(2):
            laptop.use(ago_s=HOUR_S, output=10)
            results = laptop.tick()
            assert "delivered" == results["gateway"].outcome
            clock.forward(600)
            way.broken = False
        text = gateway.get("/metrics")

    lines = [line for line in text.splitlines() if line.startswith(TOKENS + "{")]
    (told,) = (line for line in lines if 'instance="both"' in line and 'type="output"' in line)
    assert 20 == float(told.rpartition(" ")[2])
    points = output(prometheus, "both", clock())
    assert (20, []) == (points[-1][1], laptop.untrue(points))
