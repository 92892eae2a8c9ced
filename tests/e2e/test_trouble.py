"""Wrong clocks, wrong passwords, ill receivers, samples that are refused: what arrives all the same."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import servers
from central import DAY_S, HOUR_S, KEEP, NOON_S, TOKENS, falls, gaps, output, series
from hand_made import request_v1, write
from homes import HAIKU
from laptops import Clock, Laptop, to
from receivers import Answer, Request
from roads import road
from strict import strict_receiver

from ccpush.config.settings import BasicAuth, Secret

if TYPE_CHECKING:
    from strict_wire import Labels

pytestmark = pytest.mark.integration

OTHER = [("__name__", "up"), ("job", "other")]


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[servers.Server]:
    """A Prometheus that takes nothing old, to which another client writes too."""
    with servers.prometheus("", tmp_path, KEEP) as server:
        assert 204 == of_another(server, NOON_S)
        yield server


def of_another(server: servers.Server, at_s: float) -> int:
    """What the server answers to a sample of another client."""
    points = [(int(at_s * 1000), 1.0)]
    return write(f"{server.url}/api/v1/write", request_v1((OTHER, points))).status


def told(laptop: Laptop, event: str) -> list[float]:
    """The seconds of every such event in the log."""
    lines = map(json.loads, laptop.said.getvalue().splitlines())
    return [line["seconds"] for line in lines if line["event"] == event]


def newest_s(server: servers.Server, instance: str) -> float:
    """The newest moment of any sample of a laptop, however far ahead."""
    found = series(server, f'{{instance="{instance}"}}', NOON_S + 20 * DAY_S)
    return max(points[-1][0] for points in found)


def test_a_clock_three_days_ahead_harms_nobody(tmp_path: Path, plain: servers.Server) -> None:
    """Nothing is sent of the receiver's future, others can write, and it is told and made up for."""
    now, ahead = Clock(), Clock(NOON_S + 3 * DAY_S + 30.5)
    with road(plain.url, now) as way, strict_receiver(now=now, window_s=0) as strict:
        laptop = Laptop(tmp_path / "ahead", ahead, way)
        laptop.remote_write.append(to(strict.url, "strict"))
        laptop.use(ago_s=600, output=100)
        first = laptop.tick()
        newest, others = newest_s(plain, "ahead"), of_another(plain, now())
        skew_s = laptop.state().skew_s
        now.forward(600)
        laptop.clock = now
        laptop.use(ago_s=300, output=10)
        second = laptop.tick()
        right = output(plain, "ahead", now())[-1][1]
        # what claimed to be of that time is there when it has come
        now.forward(3 * DAY_S)
        laptop.tick()
        whole = output(plain, "ahead", now())
        strictly = strict.value(TOKENS, type="output")

    for results in (first, second):
        assert {"delivered"} == {result.outcome for result in results.values()}
    assert (True, 204) == (newest <= NOON_S + 31, others)
    assert skew_s == pytest.approx(3 * DAY_S, abs=2)
    assert told(laptop, "clock_skew")[0] == pytest.approx(3 * DAY_S, abs=2)
    assert (10, 110, 110) == (right, whole[-1][1], strictly)
    assert [] == falls(whole)


def test_a_clock_three_days_behind_harms_nobody(tmp_path: Path, prometheus: servers.Server) -> None:
    """What it says is late is counted late, once; it is told, and later everything is in order."""
    now, behind = Clock(NOON_S - 569.5), Clock(NOON_S - 569.5 - 3 * DAY_S)
    with road(prometheus.url, now) as way, strict_receiver(now=now) as strict:
        laptop = Laptop(tmp_path / "behind", behind, way)
        laptop.remote_write.append(to(strict.url, "strict"))
        laptop.use(ago_s=600, output=100)
        first = laptop.tick()
        now.forward(120)
        behind.forward(120)
        laptop.use(ago_s=60, output=10)
        second = laptop.tick()
        now.forward(480)
        laptop.clock = now
        laptop.use(ago_s=90, output=1)
        third = laptop.tick()
        strictly = strict.value(TOKENS, type="output")

    for results in (first, second, third):
        assert {"delivered"} == {result.outcome for result in results.values()}
    assert told(laptop, "clock_skew")[0] == pytest.approx(-3 * DAY_S, abs=2)
    points = output(prometheus, "behind", now())
    assert ((NOON_S, 111), 111) == (points[-1], strictly)
    assert [] == falls(points) == gaps(points)


def test_one_refused_series_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """A receiver that takes everything but one model's tokens gets everything but those."""
    clock = Clock()

    def refuse(labels: Labels, _: int) -> str | None:
        return "no haiku" if {("model", HAIKU), ("__name__", TOKENS)} <= set(labels) else None

    with strict_receiver(now=clock, refuse=refuse) as picky, strict_receiver(now=clock) as fond:
        laptop = Laptop(tmp_path / "picky", clock)
        laptop.remote_write = [to(picky.url, "picky"), to(fond.url, "fond")]
        for hours in range(1, 6):
            laptop.use(ago_s=hours * HOUR_S, output=7)
            laptop.use(ago_s=hours * HOUR_S, output=7, model=HAIKU)
        results = laptop.tick()

    refused = {labels for labels in fond.samples if refuse(labels, 0)}
    assert 1 == len(refused)
    probes = {labels for labels in picky.samples if ("__name__", "ccpush_probe") in labels}
    assert fond.samples.keys() - refused == picky.samples.keys() - probes
    assert sum(len(fond.samples[one]) for one in refused) == results["picky"].rejected["status_400"]
    # what it says of its sinks differs, of course
    for labels in picky.samples.keys() & fond.samples.keys():
        if "sink" not in dict(labels):
            assert fond.samples[labels] == picky.samples[labels]
    assert ("rejected", True) == (
        results["picky"].outcome,
        "no haiku" in (results["picky"].error or ""),
    )


def test_one_sample_that_conflicts_does_not_hold_up_the_others(
    tmp_path: Path, plain: servers.Server
) -> None:
    """Where somebody has written other values into one series, a real Prometheus has all others."""
    clock = Clock()
    name = "claude_code_session_count_total"
    own = sorted({"__name__": name, "instance": "mixed", "job": "ccpush", "user": "ada"}.items())
    conflict = [(NOON_S * 1000 - 60_000, 99.0), (NOON_S * 1000, 99.0)]
    with road(plain.url, clock) as way:
        write(f"{plain.url}/api/v1/write", request_v1((own, conflict)))
        laptop = Laptop(tmp_path / "mixed", clock, way)
        laptop.use(ago_s=1200, output=7)
        first = laptop.tick()["central"]
        clock.forward(120)
        second = laptop.tick()["central"]

    assert ("rejected", {"status_400": 21}) == (first.outcome, first.rejected)
    assert "delivered" == second.outcome
    points = output(plain, "mixed", clock())
    assert [] == laptop.untrue(points) == gaps(points)
    assert (21 + 2, 1.0) == (len(points), plain.value(f'{name}{{instance="mixed"}}', clock()))


def test_a_wrong_password_for_a_day_costs_nothing(
    tmp_path: Path, prometheus: servers.Server
) -> None:
    """While it is wrong it is told with the setting's name; afterwards nothing is missing."""
    clock = Clock(NOON_S - DAY_S + 30.5)
    right = "Basic " + base64.b64encode(b"ada:right").decode()

    def door(request: Request) -> Answer | None:
        return None if request.headers.get("authorization") == right else Answer(401)

    with road(prometheus.url, clock) as way:
        way.answer = door
        laptop = Laptop(tmp_path / "locked", clock)
        seen = []
        for password in ("right", "wrong", "wrong", "wrong", "right"):
            auth = BasicAuth("ada", None, Secret(password))
            laptop.remote_write = [to(way, basic_auth=auth)]
            laptop.use(ago_s=90, output=10)
            seen.append(laptop.tick()["central"])
            clock.forward(DAY_S / 4)

    assert ["delivered", *["retry"] * 3, "delivered"] == [result.outcome for result in seen]
    assert {(401, True)} == {(one.status, "basic_auth" in (one.hint or "")) for one in seen[1:4]}
    points = output(prometheus, "locked", NOON_S + 60)
    assert (50, []) == (points[-1][1], laptop.untrue(points))
    assert [] == gaps(points)


def test_an_ill_receiver_gets_everything_when_it_is_well(
    tmp_path: Path, prometheus: servers.Server
) -> None:
    """While it answers 500, at once or in the middle, nothing is given up or asked for ever."""
    clock, well_for = Clock(NOON_S - 2 * HOUR_S + 30.5), [1000]

    def answer(request: Request) -> Answer | None:
        well_for[0] -= request.method == "POST"
        return Answer(500) if well_for[0] < 0 else None

    with road(prometheus.url, clock) as way:
        way.answer = answer
        laptop = Laptop(tmp_path / "patient", clock, way)
        laptop.use(ago_s=20 * HOUR_S, output=1)
        laptop.tick()
        before, ill = len(way.statuses), []
        for well_for[0] in (0, 1, 1, 0):
            clock.forward(HOUR_S / 2)
            laptop.use(ago_s=90, output=10)
            ill.append(laptop.tick()["central"])
        asked = len(way.statuses) - before
        well_for[0] = 1000
        well = laptop.tick()["central"]

    assert {("retry", 500)} == {(result.outcome, result.status) for result in ill}
    assert [True, False, False, True] == [result.retried == 0 for result in ill]
    assert asked <= 4 * 5
    assert ("delivered", {}) == (well.outcome, well.rejected)
    points = output(prometheus, "patient", NOON_S)
    assert ((NOON_S, 41), []) == (points[-1], laptop.untrue(points))
    assert [] == gaps(points)


def test_a_batch_that_makes_the_receiver_fail_is_refused_by_age(tmp_path: Path) -> None:
    """A 500 for what is too old is no illness: the young part arrives, the rest is counted."""
    clock = Clock()
    window = "storage: {tsdb: {out_of_order_time_window: 2h}}\n"
    with servers.prometheus(window, tmp_path, KEEP) as short, road(short.url, clock) as way:
        of_another(short, NOON_S)
        laptop = Laptop(tmp_path / "poison", clock, way)
        laptop.use(ago_s=DAY_S, output=100)
        laptop.use(ago_s=HOUR_S / 2, output=10)
        first = laptop.tick()["central"]
        requests = len(way.statuses)
        clock.forward(300)
        laptop.use(ago_s=90, output=1)
        second = laptop.tick()["central"]
        points = output(short, "poison", clock())

    assert 500 in way.statuses
    assert ("rejected", {"too_old"}) == (first.outcome, set(first.rejected))
    assert requests <= 40
    assert "delivered" == second.outcome
    assert (0.0, 111) == (points[0][1], points[-1][1])
    assert [] == laptop.untrue(points) == gaps(points)
    assert 0 <= points[0][0] - (NOON_S - 2 * HOUR_S) <= 240
