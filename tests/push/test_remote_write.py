"""The remote-write sink against a receiver that checks every MUST of the specification."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from push_offers import GRID_TS_MS, NOW_TS_MS, family, histogram, numbered, offer, sample
from receivers import Answer, StrictReceiver, always, serve, strict_receiver

from ccpush.config.settings import HttpConfig, RemoteWriteConfig
from ccpush.push.remote_write.sink import RemoteWriteSink
from ccpush.push.sink import PushResult


@contextlib.contextmanager
def _sink(
    url: str, clock: list[float] | None = None, max_samples: int = 2000, metadata: bool = True
) -> Iterator[RemoteWriteSink]:
    config = RemoteWriteConfig("test", HttpConfig(url=url, timeout_s=5.0), max_samples, metadata)
    now = (clock or [NOW_TS_MS / 1000]).__getitem__
    with contextlib.closing(RemoteWriteSink(config, "ccpush/test", now=lambda: now(0))) as sink:
        yield sink


@pytest.fixture
def receiver() -> Iterator[StrictReceiver]:
    """A strict receiver; the test fails when a rule was broken."""
    with strict_receiver() as running:
        yield running


def test_an_offer_arrives_complete(receiver: StrictReceiver) -> None:
    """Every sample of every family is there with its value, its time and its labels."""
    live = family("claude_live_sessions", sample("claude_live_sessions", 2.0, user="jörg"))
    with _sink(receiver.url) as sink:
        result = sink.push(offer(live, histogram()))

    assert result == PushResult("delivered", sent=5, status=204)
    assert len(receiver.samples) == 5
    own = {"instance": "laptop", "job": "ccpush", "user": "jörg"}
    labels = tuple(sorted({"__name__": "claude_live_sessions", **own}.items()))
    assert receiver.samples[labels] == [(NOW_TS_MS, 2.0)]
    assert receiver.value("turn_seconds_bucket", le="+Inf") == 3.0
    assert receiver.server.requests[0].headers["user-agent"] == "ccpush/test"


def test_a_second_offer_continues_the_series(receiver: StrictReceiver) -> None:
    """Offers that follow each other add samples to the same series, in time order."""
    with _sink(receiver.url) as sink:
        for minute in range(3):
            later = minute * 60_000
            sink.push(
                offer(
                    histogram(),
                    numbered(3),
                    grid_ts_ms=GRID_TS_MS + later,
                    now_ts_ms=NOW_TS_MS + later,
                )
            )

    assert {len(points) for points in receiver.samples.values()} == {3}
    assert len(receiver.samples) == 7


def test_many_samples_go_in_batches(receiver: StrictReceiver) -> None:
    """No request holds more than ``max_samples_per_send``; together they hold everything."""
    with _sink(receiver.url, max_samples=100) as sink:
        result = sink.push(offer(numbered(250), histogram()))

    assert result == PushResult("delivered", sent=254, status=204)
    assert receiver.batch_sizes == [100, 100, 54]
    assert len(receiver.samples) == 254


def test_a_refused_batch_does_not_hold_up_the_others(receiver: StrictReceiver) -> None:
    """A 400 counts its batch by status and quotes the receiver; the next batches go out."""
    receiver.answers += [Answer(), Answer(400, {}, b"out of order sample"), Answer()]
    with _sink(receiver.url, max_samples=100) as sink:
        result = sink.push(offer(numbered(250)))

    assert result == PushResult(
        "rejected",
        sent=150,
        rejected={"status_400": 100},
        status=400,
        error="the receiver answered 400 Bad Request: out of order sample",
    )
    assert len(receiver.samples) == 150


def test_the_first_batch_to_be_retried_ends_the_push(receiver: StrictReceiver) -> None:
    """After a 503 nothing more is sent; what was not delivered counts as to be tried again."""
    receiver.answers += [Answer(), Answer(503, {"Retry-After": "30"}), Answer()]
    with _sink(receiver.url, max_samples=100) as sink:
        result = sink.push(offer(numbered(250)))

    assert result == PushResult(
        "retry",
        sent=100,
        retried=150,
        status=503,
        error="the receiver answered 503 Service Unavailable",
        retry_after_s=30.0,
    )
    assert receiver.batch_sizes == [100, 100]


def test_counts_add_up_in_a_push_with_every_outcome(receiver: StrictReceiver) -> None:
    """Sent, rejected by reason and to be retried make up the whole offer."""
    receiver.answers += [Answer(400), Answer(), Answer(413), Answer(429), Answer()]
    twice = family("x", sample("x", 1.0), sample("x", 2.0))
    with _sink(receiver.url, max_samples=10) as sink:
        result = sink.push(offer(numbered(48), twice))

    assert result.outcome == "retry"
    assert (result.sent, result.retried) == (10, 18)
    assert result.rejected == {"status_400": 10, "status_413": 10, "duplicate_series": 2}
    assert (result.status, result.error) == (429, "the receiver answered 429 Too Many Requests")


def test_a_duplicate_series_is_told(receiver: StrictReceiver) -> None:
    """What was left out makes the result a refusal with a sentence, though the rest arrived."""
    with _sink(receiver.url) as sink:
        result = sink.push(offer(family("x", sample("x", 1.0), sample("x", 1.0)), numbered(2)))

    assert (result.outcome, result.sent, result.rejected) == (
        "rejected",
        2,
        {"duplicate_series": 2},
    )
    assert result.error == "a series of x occurs twice; samples not sent: 2"
    assert len(receiver.samples) == 2


def test_a_forbidden_label_name_is_told(receiver: StrictReceiver) -> None:
    """A name that no receiver must take is left out and explained."""
    wrong = family("x", sample("x", 1.0, **{"my-team": "core"}))
    with _sink(receiver.url) as sink:
        result = sink.push(offer(wrong, numbered(2)))

    assert (result.outcome, result.sent, result.rejected) == ("rejected", 2, {"invalid_name": 1})
    assert result.error == "a name in x is not allowed; samples not sent: 1"


def test_a_dead_receiver_keeps_everything() -> None:
    """Nobody there: nothing sent, all to be tried again, the reason in a sentence."""
    with serve(always()) as gone:
        url = gone.url
    with _sink(url) as sink:
        result = sink.push(offer(numbered(3)))

    assert (result.outcome, result.sent, result.retried) == ("retry", 0, 3)
    assert result.error == f"{url[7:]} refuses connections"


def test_an_offer_without_samples_sends_nothing(receiver: StrictReceiver) -> None:
    """Nothing due: no request, and that is a delivery."""
    with _sink(receiver.url) as sink:
        result = sink.push(offer(family("empty")))

    assert result == PushResult("delivered")
    assert receiver.batch_sizes == []


def test_metadata_is_sent_once_a_minute(receiver: StrictReceiver) -> None:
    """Types and help texts go with the first request, then at most once a minute."""
    clock = [1000.0]
    with _sink(receiver.url, clock, max_samples=2) as sink:
        for now, expected in [(1000.0, True), (1059.0, False), (1060.0, True), (900.0, True)]:
            clock[0] = now
            receiver.metadata.clear()
            sink.push(offer(histogram()))
            assert (receiver.metadata != {}) == expected, now

    assert receiver.metadata == {"turn_seconds": (3, "Help of turn_seconds.", "seconds")}


def test_metadata_that_did_not_arrive_is_sent_again(receiver: StrictReceiver) -> None:
    """A request that failed has not told the metadata."""
    receiver.answers += [Answer(503)]
    with _sink(receiver.url) as sink:
        sink.push(offer(histogram()))
        assert receiver.metadata == {}
        sink.push(offer(histogram()))

    assert set(receiver.metadata) == {"turn_seconds"}


def test_metadata_can_be_switched_off(receiver: StrictReceiver) -> None:
    """``metadata_config.send: false`` sends samples only."""
    with _sink(receiver.url, metadata=False) as sink:
        sink.push(offer(histogram()))

    assert receiver.metadata == {}
    assert len(receiver.samples) == 4


def test_the_clock_skew_is_told_with_every_outcome(receiver: StrictReceiver) -> None:
    """Our clock minus the receiver's ``Date``, also when it refused."""
    date = {"Date": "Sun, 01 Nov 2026 12:00:00 GMT"}
    receiver.answers += [Answer(204, date), Answer(400, date), Answer(500, date), Answer()]
    with _sink(receiver.url) as sink:
        skews = [sink.push(offer(numbered(1))).skew_s for _ in range(4)]

    assert skews == [pytest.approx(12.345)] * 3 + [None]


def test_the_body_of_a_success_is_ignored(receiver: StrictReceiver) -> None:
    """Whatever a 2xx says beside HTML, it is a delivery."""
    receiver.answers += [Answer(200, {}, b'{"status":"error"}')]
    with _sink(receiver.url) as sink:
        assert sink.push(offer(numbered(1))).outcome == "delivered"


def test_a_captive_portal_delivers_nothing(receiver: StrictReceiver) -> None:
    """A hotel's sign-in page is no receiver; the samples stay due."""
    receiver.answers += [Answer(200, {"Content-Type": "text/html"}, b"<html>Welcome</html>")]
    with _sink(receiver.url) as sink:
        result = sink.push(offer(numbered(3)))

    assert (result.outcome, result.sent, result.retried) == ("retry", 0, 3)


def test_after_an_abort_nothing_is_sent(receiver: StrictReceiver) -> None:
    """An aborted sink answers at once that it was stopped."""
    with _sink(receiver.url) as sink:
        sink.abort()
        result = sink.push(offer(numbered(3)))

    assert (result.outcome, result.retried) == ("retry", 3)
    assert result.error == "stopped before the answer came"
    assert receiver.batch_sizes == []
