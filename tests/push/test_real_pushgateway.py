"""Pushes to a real Pushgateway, read back as text and through a real Prometheus."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import servers
from push_gateway import gateway_sink
from push_offers import family, histogram, offer, sample

from ccpush.metrics.samples import Family
from ccpush.push.sink import Offer, PushResult

pytestmark = pytest.mark.integration

TOKENS = 12_345_678_901.0


def _families() -> tuple[Family, ...]:
    tokens = (
        sample("claude_model_input_tokens", TOKENS, model="opus-ü", user="jo"),
        sample("claude_model_input_tokens", 0.0, model="haiku", user="jo"),
    )
    return (
        family("claude_model_input_tokens", *tokens, timing="grid"),
        family("claude_live_sessions", sample("claude_live_sessions", 2.0, user="jo")),
        histogram(),
    )


def _now_offer(*families: Family) -> Offer:
    return offer(*families, now_s=time.time())


def _assert_all_there(server: servers.Server, job: str) -> None:
    assert server.value('claude_model_input_tokens{model="opus-ü"}') == TOKENS
    assert server.value('claude_model_input_tokens{model="haiku"}') == 0.0
    assert server.value("turn_seconds_sum") == 42.5
    assert server.value('turn_seconds_bucket{le="+Inf"}') == 3.0
    (live,) = server.query("claude_live_sessions")
    assert live["metric"] == {
        "__name__": "claude_live_sessions",
        "instance": "laptop",
        "job": job,
        "user": "jo",
    }
    assert live["value"][1] == "2"


def test_a_pushgateway_takes_the_group(tmp_path: Path) -> None:
    """A real Pushgateway has the pushed lines, and nothing of the push before."""
    with servers.pushgateway(tmp_path) as gateway, gateway_sink(gateway.url) as sink:
        sink.push(_now_offer(family("gone", sample("gone", 1.0)), *_families()))
        result = sink.push(_now_offer(*_families()))
        lines = gateway.get("/metrics").splitlines()

    assert result == PushResult("delivered", sent=7, status=200, skew_s=result.skew_s)
    key = 'instance="laptop",job="ccpush_pushgateway"'
    assert f'claude_live_sessions{{{key},user="jo"}} 2' in lines
    assert f'claude_model_input_tokens{{{key},model="opus-ü",user="jo"}} 1.2345678901e+10' in lines
    assert f'turn_seconds_bucket{{{key},le="5"}} 1' in lines
    assert "# TYPE turn_seconds histogram" in lines
    assert not [line for line in lines if line.startswith("gone") or "_created" in line]


def test_odd_grouping_labels_arrive_as_they_are(tmp_path: Path) -> None:
    """Slashes, spaces, signs, dots, nothing and other scripts in a value survive the address."""
    key = {"a": "x/y", "b": "x y+z%&?#", "c": "", "d": "団子 é", "e": "..", "f": "."}
    with servers.pushgateway(tmp_path) as gateway, gateway_sink(gateway.url, **key) as sink:
        result = sink.push(_now_offer(family("x", sample("x", 1.0))))
        (line,) = [line for line in gateway.get("/metrics").splitlines() if line.startswith("x{")]

    assert result.outcome == "delivered"
    assert line == (
        'x{a="x/y",b="x y+z%&?#",c="",d="団子 é",e="..",f=".",'
        'instance="laptop",job="ccpush_pushgateway"} 1'
    )


def test_a_type_conflict_is_explained(tmp_path: Path) -> None:
    """Another group with another type of the same metric: refused, and the hint says why."""
    with servers.pushgateway(tmp_path) as gateway:
        with gateway_sink(gateway.url, team="a") as sink:
            sink.push(_now_offer(family("z_total", sample("z_total", 1.0))))
        with gateway_sink(gateway.url, team="b") as sink:
            counter = family("z_total", sample("z_total", 1.0), type="counter")
            result = sink.push(_now_offer(counter))

    assert (result.outcome, result.rejected) == ("rejected", {"status_400": 1})
    assert result.hint is not None
    assert result.hint.startswith("another group pushes this metric with another type")


def test_a_group_is_deleted(tmp_path: Path) -> None:
    """``delete`` removes the group of its instance only, and may be repeated."""
    with servers.pushgateway(tmp_path) as gateway, gateway_sink(gateway.url) as sink:
        for instance in ("one", "two"):
            sink.push(offer(family("x", sample("x", 1.0)), instance=instance))
        outcomes = [sink.delete("one").outcome, sink.delete("one").outcome]
        # Deleting is done in the background there.
        servers.wait_until(
            lambda: 'instance="one"' not in gateway.get("/metrics"), 5.0, "group one deleted"
        )
        assert 'instance="two"' in gateway.get("/metrics")

    assert outcomes == ["delivered", "delivered"]


def test_a_prometheus_scrapes_the_pushgateway(tmp_path: Path) -> None:
    """Through Pushgateway and scrape the values are the same, under the Pushgateway's job."""
    with servers.pushgateway(tmp_path) as gateway, gateway_sink(gateway.url) as sink:
        sink.push(_now_offer(*_families()))
        config = servers.scrape_config("gateway", gateway.url, extra="honor_labels: true")
        with servers.prometheus(config, tmp_path) as prometheus:
            prometheus.wait_for("claude_live_sessions")
            _assert_all_there(prometheus, "ccpush_pushgateway")
