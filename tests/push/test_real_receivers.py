"""Pushes to real servers: the values are asked back by PromQL."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import servers
from push_ledger import DECLARED, Books
from push_offers import family, numbered, sample

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.config.settings import Authorization, BasicAuth, Secret
from ccpush.metrics.evaluate import Identity
from ccpush.metrics.samples import Family
from ccpush.push.sink import PushResult

pytestmark = pytest.mark.integration

WRITE = "/api/v1/write"
TOKENS = "claude_code_token_usage_tokens_total"
MANY = 12_345_678_901
WINDOW = "storage: {tsdb: {out_of_order_time_window: 31d}}\n"
LIVE = family("claude_live_sessions", sample("claude_live_sessions", 2.0, user="jo"))


@pytest.fixture
def books(tmp_path: Path) -> Books:
    """A ledger of now: tokens ten minutes ago, a turn and a message five minutes ago."""
    made = Books(tmp_path, time.time())
    made.grow(
        (Series(f.TOKENS, "output", "opus-ü"), 10, MANY),
        (Series(f.TURN_DURATION_BUCKETS, "60"), 5, 1),
        (Series(f.TURN_DURATION_MS), 5, 42_500),
        (Series(f.MESSAGES), 5, 3),
    )
    return made


def _push(books: Books, server: servers.Server, *families: Family, **settings: Any) -> PushResult:
    with books.sink(server.url + WRITE, **settings) as sink:
        return sink.push(books.offer(*families))


def _assert_all_there(books: Books, server: servers.Server, through_s: float) -> None:
    assert server.value(f'{TOKENS}{{model="opus-ü"}}', through_s) == MANY
    assert server.value("claude_turn_duration_seconds_sum", through_s) == 42.5
    assert server.value('claude_turn_duration_seconds_bucket{le="30.0"}', through_s) == 0.0
    assert server.value('claude_turn_duration_seconds_bucket{le="+Inf"}', through_s) == 1.0
    (live,) = server.query("claude_live_sessions")
    assert live["metric"] == {
        "__name__": "claude_live_sessions",
        "instance": "laptop",
        "job": "ccpush",
        "user": "jo",
    }
    assert live["value"][1] == "2"
    # What happened is an increase, though nobody saw the counter before.
    assert server.value(f'{TOKENS}{{model="opus-ü"}}', (books.step - 11) * 60.0) == 0.0


def test_prometheus_takes_the_remote_write(books: Books, tmp_path: Path) -> None:
    """A real Prometheus has every value, under job ccpush, at its own timestamp."""
    with servers.prometheus(WINDOW, tmp_path) as prometheus:
        result = _push(books, prometheus, LIVE)
        assert result.through_s is not None
        _assert_all_there(books, prometheus, result.through_s)
        (seen,) = prometheus.query("timestamp(claude_live_sessions)")
        (grid,) = prometheus.query("timestamp(claude_total_messages)", result.through_s)

    assert result.outcome == "delivered"
    # Date has whole seconds, and the servers share our clock.
    assert result.skew_s is not None
    assert -5.0 < result.skew_s < 2.0
    assert 0.0 <= books.now_s - float(seen["value"][1]) < 2.0
    assert float(grid["value"][1]) == result.through_s
    assert result.through_s % 60 == 0.0


def test_prometheus_takes_many_batches(books: Books, tmp_path: Path) -> None:
    """Batches of any size arrive complete, and the next push adds to them."""
    with servers.prometheus(WINDOW, tmp_path) as prometheus:
        first = _push(books, prometheus, numbered(2500), max_samples_per_send=999)
        books.now_s += 0.5
        again = _push(books, prometheus, numbered(2500), max_samples_per_send=999)
        at_s = time.time()
        count = prometheus.value("count(numbered)", at_s)
        total = prometheus.value("sum(numbered)", at_s)
        samples = prometheus.value("count_over_time(claude_total_messages[1h])", at_s)

    steps = int(((first.through_s or 0) - (books.step - 11) * 60) // 60) + 1
    assert (first.outcome, again.outcome) == ("delivered", "delivered")
    # the tokens are a counter and a gauge
    assert first.sent == 2500 + (DECLARED + 2) * steps
    assert (count, total, samples) == (2500.0, 2499 * 2500 / 2, steps)


def test_prometheus_refuses_what_is_too_old(books: Books, tmp_path: Path) -> None:
    """Without a window it takes the last hour: the rest is counted, and the totals are right."""
    books.grow((Series(f.MESSAGES), 3 * 24 * 60, 4))
    other = Books(tmp_path / "other", books.now_s)
    other.identity = Identity("f" * 16, "desktop")
    with servers.prometheus("", tmp_path) as prometheus:
        # Its head is of now, as that of every Prometheus that scrapes itself.
        assert _push(other, prometheus, numbered(1)).outcome == "delivered"
        result = _push(books, prometheus)
        assert result.through_s is not None
        total = prometheus.value('claude_total_messages{instance="laptop"}', result.through_s)
        oldest = prometheus.value(
            'count_over_time(claude_total_messages{instance="laptop"}[4d])', result.through_s
        )

    assert (result.outcome, list(result.rejected)) == ("rejected", ["too_old"])
    assert result.hint is not None
    assert "out_of_order_time_window" in result.hint
    assert total == 7.0
    assert oldest is not None
    assert 55 <= oldest <= 61


def test_a_prometheus_of_today_falls_back_to_1_0(books: Books, tmp_path: Path) -> None:
    """One that knows 1.0 only is found out before anything is lost, and has everything."""
    with servers.prometheus(WINDOW, tmp_path) as prometheus:
        result = _push(books, prometheus, LIVE, protobuf_message="2.0")
        assert result.through_s is not None
        _assert_all_there(books, prometheus, result.through_s)

    assert result.outcome == "delivered"
    assert books.state().protocol == "1.0"


def test_a_wrong_path_has_a_hint(books: Books, tmp_path: Path) -> None:
    """A path that Prometheus does not know keeps the samples and names the right one."""
    with (
        servers.prometheus("", tmp_path) as prometheus,
        books.sink(prometheus.url + "/api/v1/writ") as sink,
    ):
        result = sink.push(books.offer(numbered(1)))

    assert (result.outcome, result.sent, result.status) == ("retry", 0, 404)
    assert result.hint is not None
    assert WRITE in result.hint


@pytest.mark.parametrize("protocol", ["1.0", "2.0"])
def test_victoria_metrics_takes_the_remote_write(
    books: Books, tmp_path: Path, protocol: Any
) -> None:
    """The same into VictoriaMetrics gives the same answers."""
    with servers.victoria_metrics(tmp_path) as victoria:
        result = _push(books, victoria, LIVE, protobuf_message=protocol)
        victoria.wait_for("claude_live_sessions")
        assert result.through_s is not None
        _assert_all_there(books, victoria, result.through_s)

    assert result.outcome == "delivered"


def test_a_wrong_password_keeps_the_samples(books: Books, tmp_path: Path) -> None:
    """401 from a real server: nothing is lost, the setting is named; the right one delivers."""
    flags = ["-httpAuth.username=anna", "-httpAuth.password=right"]
    with servers.victoria_metrics(tmp_path, flags) as victoria:
        refused, other, taken = (
            _push(books, victoria, numbered(2), http=http)
            for http in (
                {"basic_auth": BasicAuth("anna", None, Secret("wrong"))},
                {"authorization": Authorization("Bearer", Secret("right"))},
                {"basic_auth": BasicAuth("anna", None, Secret("right"))},
            )
        )

    assert (refused.outcome, refused.sent, refused.status) == ("retry", 0, 401)
    assert refused.hint == "check basic_auth, authorization or oauth2 of this sink"
    assert other.status == 401
    assert taken.outcome == "delivered"
    assert taken.sent > DECLARED * 11
