"""Pushes to real servers: the values are asked back by PromQL."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from push_offers import family, histogram, numbered, offer, sample

from ccpush.config.settings import (
    Authorization,
    BasicAuth,
    HttpConfig,
    PushgatewayConfig,
    RemoteWriteConfig,
    Secret,
)
from ccpush.metrics.samples import Family
from ccpush.push.pushgateway import PushgatewaySink
from ccpush.push.remote_write.sink import RemoteWriteSink
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


def _now_offer(*families: Family, age_s: float = 0.0) -> Offer:
    now_s = time.time() - age_s
    grid_s = now_s // 60 * 60
    return offer(*families, grid_ts_ms=int(grid_s * 1000), now_ts_ms=int(now_s * 1000))


@contextlib.contextmanager
def _remote_write(
    server: servers.Server, max_samples: int = 2000, **http: object
) -> Iterator[RemoteWriteSink]:
    config = HttpConfig(url=server.url + "/api/v1/write", **http)  # type: ignore[arg-type]
    sink = RemoteWriteSink(RemoteWriteConfig("real", config, max_samples), "ccpush/test")
    with contextlib.closing(sink):
        yield sink


@contextlib.contextmanager
def _gateway(server: servers.Server, **key: str) -> Iterator[PushgatewaySink]:
    config = PushgatewayConfig("real", HttpConfig(url=server.url), grouping_key=key)
    with contextlib.closing(PushgatewaySink(config, "ccpush/test")) as sink:
        yield sink


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


def test_prometheus_takes_the_remote_write(tmp_path: Path) -> None:
    """A real Prometheus has every value, under job ccpush, at the offer's timestamps."""
    made = _now_offer(*_families())
    with servers.prometheus("", tmp_path) as prometheus, _remote_write(prometheus) as sink:
        result = sink.push(made)
        _assert_all_there(prometheus, "ccpush")
        (seen,) = prometheus.query("timestamp(claude_live_sessions) * 1000")
        (seen_grid,) = prometheus.query('timestamp(claude_model_input_tokens{model="haiku"})*1000')

    assert (result.outcome, result.sent, result.status) == ("delivered", 7, 204)
    # Date has whole seconds, and the servers share our clock.
    assert result.skew_s is not None
    assert -0.5 < result.skew_s < 2.0
    assert round(float(seen["value"][1])) == made.now_ts_ms
    assert round(float(seen_grid["value"][1])) == made.grid_ts_ms


def test_prometheus_takes_many_batches_and_the_same_again(tmp_path: Path) -> None:
    """Batches arrive complete; the same offer again, as after a lost answer, is harmless."""
    made = _now_offer(numbered(2500))
    with servers.prometheus("", tmp_path) as prometheus, _remote_write(prometheus, 999) as sink:
        first, again = sink.push(made), sink.push(made)
        count = prometheus.value("count(numbered)")
        total = prometheus.value("sum(numbered)")
        samples = prometheus.value("sum(count_over_time(numbered[1h]))")

    assert [result.sent for result in (first, again)] == [2500, 2500]
    assert (count, total, samples) == (2500.0, 2499 * 2500 / 2, 2500.0)


def test_prometheus_refuses_what_is_too_old(tmp_path: Path) -> None:
    """What is older than the head of a Prometheus without window is refused, in its own words."""
    with servers.prometheus("", tmp_path) as prometheus, _remote_write(prometheus) as sink:
        newer = sink.push(_now_offer(numbered(3)))
        older = sink.push(_now_offer(numbered(3), age_s=7200))

    assert newer.outcome == "delivered"
    assert (older.outcome, older.rejected, older.status) == ("rejected", {"status_400": 3}, 400)
    assert older.error is not None
    assert older.error.startswith("the receiver answered 400 Bad Request: out of ")


def test_a_wrong_path_has_a_hint(tmp_path: Path) -> None:
    """A path that Prometheus does not know keeps the samples and names the right one."""
    with servers.prometheus("", tmp_path) as prometheus:
        config = RemoteWriteConfig("x", HttpConfig(url=prometheus.url + "/api/v1/writ"))
        with contextlib.closing(RemoteWriteSink(config, "ccpush/test")) as sink:
            result = sink.push(_now_offer(numbered(1)))

    assert (result.outcome, result.retried, result.status) == ("retry", 1, 404)
    assert result.hint is not None
    assert "/api/v1/write" in result.hint


def test_victoria_metrics_takes_the_remote_write(tmp_path: Path) -> None:
    """The same offer into VictoriaMetrics gives the same answers."""
    with servers.victoria_metrics(tmp_path) as victoria, _remote_write(victoria) as sink:
        result = sink.push(_now_offer(*_families()))
        victoria.wait_for("claude_live_sessions")
        _assert_all_there(victoria, "ccpush")

    assert (result.outcome, result.sent) == ("delivered", 7)


def test_a_wrong_password_keeps_the_samples(tmp_path: Path) -> None:
    """401 from a real server: nothing is lost, the setting is named; the right one delivers."""
    flags = ["-httpAuth.username=anna", "-httpAuth.password=right"]
    made = _now_offer(numbered(2))
    with servers.victoria_metrics(tmp_path, flags) as victoria:
        wrong = BasicAuth("anna", None, Secret("wrong"))
        with _remote_write(victoria, basic_auth=wrong) as sink:
            refused = sink.push(made)
        with _remote_write(victoria, basic_auth=BasicAuth("anna", None, Secret("right"))) as sink:
            taken = sink.push(made)
        bearer = Authorization("Bearer", Secret("right"))
        with _remote_write(victoria, authorization=bearer) as sink:
            other = sink.push(made)

    assert (refused.outcome, refused.retried, refused.status) == ("retry", 2, 401)
    assert refused.hint == "check basic_auth or authorization of this sink"
    assert (taken.outcome, taken.sent) == ("delivered", 2)
    assert other.status == 401


def test_a_pushgateway_takes_the_group(tmp_path: Path) -> None:
    """A real Pushgateway has the pushed lines, and nothing of the push before."""
    with servers.pushgateway(tmp_path) as gateway, _gateway(gateway) as sink:
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
    with servers.pushgateway(tmp_path) as gateway, _gateway(gateway, **key) as sink:
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
        with _gateway(gateway, team="a") as sink:
            sink.push(_now_offer(family("z_total", sample("z_total", 1.0))))
        with _gateway(gateway, team="b") as sink:
            counter = family("z_total", sample("z_total", 1.0), type="counter")
            result = sink.push(_now_offer(counter))

    assert (result.outcome, result.rejected) == ("rejected", {"status_400": 1})
    assert result.hint is not None
    assert result.hint.startswith("another group pushes this metric with another type")


def test_a_group_is_deleted(tmp_path: Path) -> None:
    """``delete`` removes the group of its instance only, and may be repeated."""
    with servers.pushgateway(tmp_path) as gateway, _gateway(gateway) as sink:
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
    with servers.pushgateway(tmp_path) as gateway, _gateway(gateway) as sink:
        sink.push(_now_offer(*_families()))
        config = servers.scrape_config("gateway", gateway.url, extra="honor_labels: true")
        with servers.prometheus(config, tmp_path) as prometheus:
            prometheus.wait_for("claude_live_sessions")
            _assert_all_there(prometheus, "ccpush_pushgateway")
