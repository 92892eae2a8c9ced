"""An upgrade where receivers take no past, and one that a timer makes: no step, nothing twice."""

from __future__ import annotations

import subprocess
import time
from itertools import pairwise
from pathlib import Path

import demo_metrics
import homes
import pytest
import servers
from brought_metrics import COST
from central import DAY_S, HOUR_S, TOKENS
from first_release import Unpacked
from homes import OPUS
from laptops import Laptop
from programs import Desk, stop
from slow_rows import key_of
from upgrades import (
    LEFT,
    NEW,
    OLD_COUNTERS,
    RELEASES,
    SESSIONS,
    brought,
    kept,
    name_of,
    session,
    the_release,
    transcript,
)

from ccpush.config.settings import HttpConfig, PushgatewayConfig
from ccpush.demo.invent import invent_home

pytestmark = pytest.mark.integration


def counters(server: servers.Server, job: str) -> dict[str, list[float]]:
    """What each counter's series grew by within the last minutes, as PromQL says it, by name."""
    return {
        name: [
            float(one["value"][1]) for one in server.query(f'increase({name}{{job="{job}"}}[5m])')
        ]
        for name in sorted(NEW | OLD_COUNTERS)
    }


def assert_no_step(prometheus: servers.Server, job: str) -> None:
    """All counters are there, for some scrapes, and none of them grew."""
    enough = f'count_over_time(claude_responses_total{{job="{job}"}}[5m]) >= 3'
    prometheus.wait_for(enough)
    found = counters(prometheus, job)

    assert [] == [name for name, increases in found.items() if not increases]
    assert {0.0} == {amount for increases in found.values() for amount in increases}


def assert_grew(prometheus: servers.Server, job: str, responses: float) -> None:
    """A further response of a known model is what counters grow by, the new ones and the old."""
    of_opus = f'{{job="{job}",model="{OPUS}",origin="main"}}'
    prometheus.wait_for(f"claude_responses_total{of_opus} == {responses + 1:.0f}")
    grown = {name for name, increases in counters(prometheus, job).items() if any(increases)}
    over = f"claude_responses_total{of_opus}[5m]"

    assert {"claude_responses_total", COST, TOKENS, SESSIONS} == grown
    assert 1 == prometheus.value(f"max_over_time({over}) - min_over_time({over})")
    assert 0 == prometheus.value(f"resets({over})")


@pytest.mark.parametrize("name", RELEASES)
def test_a_pushgateway_shows_no_step(name: str, tmp_path: Path) -> None:
    """New counters appear in the group as they are, and count from there; the old ones go on."""
    release = the_release(name, tmp_path)
    with servers.pushgateway(tmp_path) as gateway:
        config = servers.scrape_config("gate", gateway.url, "200ms", "honor_labels: true")
        with servers.prometheus(config, tmp_path) as prometheus:
            laptop = Laptop(tmp_path / "laptop", time.time)
            laptop.pushgateway = [PushgatewayConfig("gateway", HttpConfig(gateway.url))]
            truth = invent_home(laptop.home, end=time.time() - HOUR_S, days=2)
            at_s = time.time() - DAY_S
            transcript(laptop, "left").write(*session("left", at_s, LEFT), at_s=at_s)
            assert release.tick(laptop) == {"gateway": "delivered"}
            prometheus.wait_for("count_over_time(claude_code_session_count_total[5m]) >= 3")
            assert [] == prometheus.query("claude_responses_total")
            assert laptop.tick()["gateway"].outcome == "delivered"
            assert_no_step(prometheus, "ccpush_pushgateway")
            laptop.use(ago_s=1, output=10)
            assert laptop.tick()["gateway"].outcome == "delivered"
            before = truth.responses_by_origin.get((OPUS, "main"), 0)
            # the session that was left has four
            assert_grew(prometheus, "ccpush_pushgateway", before + 4)


def test_a_scrape_shows_no_step(tmp_path: Path) -> None:
    """The resident process of the first release is replaced while a Prometheus scrapes it."""
    release = Unpacked(tmp_path)
    desk, home = Desk(tmp_path), homes.Home(tmp_path / "claude")
    at_s = time.time() - DAY_S
    home.main("left").write(*session("left", at_s, LEFT), at_s=at_s)
    port = servers.free_port()
    words = ("run", "--claude-home", str(home.path), "--listen-address", f"127.0.0.1:{port}")
    config = servers.scrape_config("laptop", f"http://127.0.0.1:{port}", "200ms")
    with servers.prometheus(config, tmp_path) as prometheus:
        with subprocess.Popen(
            release.command(*words),
            env=desk.environment() | release.variables(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=tmp_path,
        ) as first:
            prometheus.wait_for("count_over_time(claude_code_session_count_total[5m]) >= 3")
            assert [] == prometheus.query("claude_responses_total")
            stop(first)
        with desk.staying(*words) as process:
            assert_no_step(prometheus, "laptop")
            now_s = time.time()
            row = homes.assistant("msg_new", at_s=now_s, session="new", input=0, output=10)
            home.main("new").write(row, at_s=now_s)
            assert_grew(prometheus, "laptop", 4)
            assert 0 == stop(process)[0]


def test_one_shots_after_an_upgrade(tmp_path: Path, prometheus: servers.Server) -> None:
    """``ccpush push`` by the old version, then twice by the new one: all of it, once."""
    release, desk, home = Unpacked(tmp_path), Desk(tmp_path), tmp_path / "claude"
    now_s = time.time()
    truth = invent_home(home, end=now_s - 2 * HOUR_S, days=4)
    url = f"{prometheus.url}/api/v1/write"
    words = ["push", "--claude-home", str(home), "--remote-write-url", url]
    words += ["--instance", "timer", "--user", "ada"]
    old = subprocess.run(
        release.command(*words),
        env=desk.environment() | release.variables(),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert (0, "") == (old.returncode, old.stderr)
    before = kept(prometheus, "timer", time.time() + 60)
    moments = []
    for _ in range(2):
        done = desk.run(*words)
        assert (0, "") == (done.returncode, done.stderr)
        moments.append(kept(prometheus, "timer", time.time() + 60))
    after, again = moments
    expected = {**demo_metrics.expected(truth), **demo_metrics.money(truth)}

    assert set() == brought(before).keys() != brought(after).keys()
    for earlier, later in ((before, after), (after, again)):
        for labels, points in earlier.items():
            assert points == {ts_s: n for ts_s, n in later[labels].items() if ts_s in points}
            assert min(later[labels]) == min(points)
    assert brought(after).keys() == brought(again).keys()
    newest = {
        key_of(name_of(labels), **{k: v for k, v in labels if k != "__name__"}): points
        for labels, points in brought(again).items()
    }
    assert {
        series: points[max(points)] for series, points in newest.items() if any(points.values())
    } == pytest.approx(expected, rel=1e-12)
    for series, points in newest.items():
        assert 0 == points[min(points)], series
        steps = [b - a for (_, a), (_, b) in pairwise(sorted(points.items()))]
        assert expected.get(series, 0) == pytest.approx(sum(steps), rel=1e-12)
        assert 0 <= min(steps)
