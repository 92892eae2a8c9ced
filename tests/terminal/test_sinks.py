"""What the status says of sinks: how far they are, what is due, what went wrong and what to do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from laptop_status import START_S, Laptop
from receivers import Answer
from strict import StrictReceiver, strict_receiver

from ccpush.config.settings import HttpConfig, PushgatewayConfig, RemoteWriteConfig
from ccpush.metrics.catalogue import GRID
from ccpush.metrics.reasons import REJECTED, rejected_words

DAY_S = 86_400.0


@contextlib.contextmanager
def laptop_and_receiver(
    root: Path, *, config: dict[str, Any] | None = None, **receiver: Any
) -> Iterator[tuple[Laptop, StrictReceiver]]:
    """A laptop whose only sink is a strict receiver with the same clock."""
    with strict_receiver(now=lambda: laptop.now_s, **receiver) as running:
        http = HttpConfig(running.url, timeout_s=5.0)
        sink = RemoteWriteConfig("central", http, **(config or {}))
        laptop = Laptop(root, remote_write=(sink,))
        yield laptop, running


def on_grid(receiver: StrictReceiver, after_s: float = 0.0) -> int:
    """How many samples of metrics with a past the receiver has after a moment."""
    names = tuple(metric.name for metric in GRID)
    return sum(
        dict(series)["__name__"].startswith(names) and ts_ms > after_s * 1000
        for series, points in receiver.samples.items()
        for ts_ms, _ in points
    )


def test_what_is_due_is_what_the_next_push_sends(tmp_path: Path) -> None:
    """After three days away the backlog is told in time and in exactly the samples to come."""
    with laptop_and_receiver(tmp_path, window_s=31 * DAY_S) as (laptop, receiver):
        laptop.push()
        laptop.now_s += 3 * DAY_S
        facts, text = laptop.facts(), laptop.text()
        backlog_s = laptop.metric("ccpush_push_backlog_seconds")
        laptop.push()
        sent = on_grid(receiver, after_s=START_S)
        after = laptop.facts()

    assert facts["backlog_samples"] == sent
    assert facts["backlog_s"] == backlog_s == 3 * DAY_S + 30.5
    assert f"backlog 3 d, {sent:,} samples" in text
    assert (after["backlog_samples"], after["backlog_s"]) == (0, 30.5)


def test_before_the_first_push_everything_is_due(tmp_path: Path) -> None:
    """A sink that was never pushed to says so, and the first push brings exactly what is due."""
    with laptop_and_receiver(tmp_path, window_s=31 * DAY_S) as (laptop, receiver):
        laptop.collect()
        facts, text = laptop.facts(), laptop.text()
        laptop.push()
        sent = on_grid(receiver)

    assert facts["backlog_samples"] == sent
    assert facts["delivered_through_s"] is None
    assert "has nothing yet: it was never pushed to" in text
    assert "pushed last with success never" in text


def test_a_receiver_that_takes_no_past_is_explained(tmp_path: Path) -> None:
    """What was refused for its age is counted, with how far back the receiver goes and a remedy."""
    with laptop_and_receiver(tmp_path) as (laptop, receiver):
        laptop.push()
        laptop.now_s += DAY_S
        oldest_ms = (laptop.now_s - 3600) * 1000
        receiver.storage.refuse = lambda _, ts_ms: "too old" if ts_ms < oldest_ms else None
        laptop.push()
        facts, text = laptop.facts(), laptop.text()

    (reason,) = facts["samples"]["rejected"]
    assert reason == "too_old"
    assert f"samples, too_old: {REJECTED['too_old']}" in text
    assert facts["takes_age_s"] < 3600.0
    assert "takes samples up to" in text
    assert "out_of_order_time_window: 31d" in text


def test_a_fall_back_to_the_older_protocol_is_told(tmp_path: Path) -> None:
    """The protocol that is spoken is named, and that it is not the one that was asked for."""
    wants = {"protobuf_message": "2.0"}
    with laptop_and_receiver(tmp_path, config=wants, speaks=(1,)) as (laptop, _):
        laptop.push()
        facts, text = laptop.facts(), laptop.text()

    assert (facts["protocol_wanted"], facts["protocol"]) == ("2.0", "1.0")
    assert "sink central (remote-write 1.0, the receiver does not know 2.0)" in text


def test_an_unknown_past_says_what_can_be_done(tmp_path: Path) -> None:
    """Where the receiver could not be asked the status says that the past was not sent."""
    with laptop_and_receiver(tmp_path) as (laptop, receiver):
        receiver.query_status = 404
        laptop.push()
        facts, text = laptop.facts(), laptop.text()

    assert facts["past_unknown"] is True
    assert "past not sent" in text
    assert "try: if the receiver is empty: ccpush push --backfill 29d" in text


def test_a_wish_to_wait_is_told_until_it_is_over(tmp_path: Path) -> None:
    """After a 429 with Retry-After the status names the moment, the error and how often it was."""
    with laptop_and_receiver(tmp_path) as (laptop, receiver):
        receiver.on_write = lambda _: Answer(429, {"Retry-After": "600"}, b"slow down")
        laptop.push()
        facts, text = laptop.facts(), laptop.text()
        laptop.now_s += 601
        later = laptop.facts()

    assert facts["waits_until_s"] == START_S + 600
    assert "(in 10 min)" in text
    assert "error the receiver answered 429 Too Many Requests: slow down" in text
    assert "1 have failed since" in text
    assert later["waits_until_s"] is None


def test_a_wrong_clock_is_told_by_its_side(tmp_path: Path) -> None:
    """The status says by how much this clock is ahead of the sink's."""
    with laptop_and_receiver(tmp_path) as (laptop, receiver):
        receiver.now = lambda: laptop.now_s - 3 * DAY_S
        laptop.push()
        facts, text = laptop.facts(), laptop.text()

    assert abs(facts["clock_skew_s"] - 3 * DAY_S) <= 1.0
    assert "clock this one is 3 d ahead of the sink's" in text


def test_a_pushgateway_has_no_backlog_of_samples(tmp_path: Path) -> None:
    """A Pushgateway takes no past: only times are told of it, and why a push failed."""
    gateway = PushgatewayConfig("gateway", HttpConfig("http://127.0.0.1:1", timeout_s=5.0))
    laptop = Laptop(tmp_path, pushgateway=(gateway,))
    laptop.push()
    facts, text = laptop.facts(), laptop.text()

    assert (facts["backlog_samples"], facts["protocol"]) == (None, None)
    assert "sink gateway (pushgateway)" in text
    assert "error 127.0.0.1:1 refuses connections" in text


def test_sinks_that_are_configured_no_more_are_not_shown(tmp_path: Path) -> None:
    """The ledger remembers a sink that was removed from the settings; the status does not tell."""
    with laptop_and_receiver(tmp_path) as (laptop, _):
        laptop.push()
        laptop.settings = msgspec.structs.replace(laptop.settings, remote_write=())
        text = laptop.text()

    assert "sinks none: nothing is pushed anywhere" in text


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("status_400", "the receiver answered 400 Bad Request"),
        ("status_999", "the receiver answered 999"),
        ("never_heard_of", "never_heard_of"),
    ],
)
def test_reasons_are_told_in_words(reason: str, words: str) -> None:
    """A status is told with its phrase; an unknown reason as it is."""
    assert words == rejected_words(reason)
