"""The strict receiver remembers what was offered, and what of it may have arrived."""

from __future__ import annotations

import pytest
from hand_made import X, noticing, offer, request_v1, request_v2, write
from receivers import Answer
from strict import LOST_ANSWER, LOST_REQUEST, strict_receiver
from strict_wire import STALE_BITS, Point, decode, decode_v2, is_stale

STALE = Point(0, STALE_BITS).value
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW_MS = 100 * DAY_MS


ANSWERS = [Answer(), Answer(400), Answer(503), LOST_ANSWER, LOST_REQUEST]


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("again", [1, 2])
def test_what_was_offered_keeps_its_value(answer: Answer, again: int) -> None:
    """Whatever became of a sample, its time never bears another value, in either version."""
    with noticing(strict_order=False) as (receiver, faults):
        receiver.answers.append(answer)
        assert offer(receiver, (1, 1.0), (2, 2.0)) == answer.status
        offer(receiver, (1, 1.0), (2, 2.5), version=again)

    assert ["two values at 2: 2.0, then 2.5" in fault for fault in faults] == [True]


def test_a_stale_end_is_a_value_too() -> None:
    """Where a series was said to end there must be no sample later."""
    with noticing() as (receiver, faults):
        offer(receiver, (1, 1.0), (2, STALE))
        offer(receiver, (2, 1.0))

    assert ["two values at 2: nan, then 1.0" in fault for fault in faults] == [True]


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_did_not_arrive_is_sent_again(answer: Answer) -> None:
    """An identical repetition is fine as long as the series has not gone on."""
    with strict_receiver() as receiver:
        receiver.answers.append(answer)
        offer(receiver, (1, 1.0), (2, 2.0))
        assert offer(receiver, (1, 1.0), (2, 2.0)) == 204

    assert receiver.history("x") == [(1, 1.0), (2, 2.0)]


def test_what_may_have_arrived_is_repeated_in_any_order() -> None:
    """A sender without an answer begins again where it stood, however far it had come."""
    with strict_receiver() as receiver:
        offer(receiver, (1, 1.0), (2, 2.0))
        receiver.answers.append(LOST_ANSWER)
        offer(receiver, (3, 3.0))
        assert offer(receiver, (1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)) == 204

    assert [ts_ms for ts_ms, _ in receiver.samples[tuple(X)]] == [1, 2, 3, 1, 2, 3, 4]
    assert receiver.value("x") == 4.0


@pytest.mark.parametrize("answer", [Answer(400), Answer(503), LOST_REQUEST, None])
def test_a_series_does_not_go_back(answer: Answer | None) -> None:
    """Once it has gone on, nothing older comes that cannot have arrived."""
    for strict_order, expected in [(True, [True]), (False, [])]:
        with noticing(strict_order=strict_order) as (receiver, faults):
            if answer is not None:
                receiver.answers.append(answer)
                offer(receiver, (1, 1.0))
            offer(receiver, (2, 2.0))
            offer(receiver, (1, 1.0))

        assert ["1 after 2" in fault for fault in faults] == expected


def _counters(
    name: str, kind: int, first: float, second: float, version: int = 1
) -> tuple[bytes, ...]:
    series = [("__name__", name)]
    if version == 2:
        return tuple(
            request_v2((series, [(ts_ms, value)]), kind=kind)
            for ts_ms, value in [(1, first), (2, second)]
        )
    family = name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")
    return (
        request_v1((series, [(1, first)])),
        request_v1((series, [(2, second)]), types={family: kind}),
    )


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("name", "kind", "falls"),
    [
        ("x_total", 1, True),
        ("x", 1, True),
        ("x_bucket", 3, True),
        ("x_count", 3, True),
        ("x_sum", 3, True),
        ("x_total", 2, False),
        ("x_total", 0, False),
        ("x_count", 2, False),
    ],
)
def test_a_counter_that_falls_is_noticed(name: str, kind: int, falls: bool, version: int) -> None:
    """Counters and the parts of histograms, by the type that the sender tells; gauges may fall."""
    with noticing() as (receiver, faults):
        for body in _counters(name, kind, 5.0, 4.0, version):
            write(receiver.url, body, version)

    assert ["falls from 5 at 1 to 4 at 2" in fault for fault in faults] == [True] * falls


def test_a_counter_may_stand_still_and_end() -> None:
    """Only less is wrong; a stale marker is no number."""
    with strict_receiver() as receiver:
        receiver.account.types["x"] = 1
        offer(receiver, (1, 5.0), (2, 5.0), (3, STALE), (4, 6.0))


def test_a_counter_that_falls_in_a_refused_sample_is_noticed() -> None:
    """What it was going to say counts, and the order of time rather than that of arrival."""
    with noticing(strict_order=False) as (receiver, faults):
        receiver.account.types["x"] = 1
        receiver.answers += [Answer(), Answer(400)]
        offer(receiver, (2, 5.0))
        offer(receiver, (1, 6.0))

    assert ["falls from 6 at 1 to 5 at 2" in fault for fault in faults] == [True]


def test_2_0_is_told_what_was_written() -> None:
    """Three headers, on success and failure; 1.0 knows none of them."""
    names = [f"X-Prometheus-Remote-Write-{what}-Written" for what in ("Samples", "Histograms")]
    with strict_receiver(now=lambda: 0.5) as receiver:
        receiver.answers += [Answer(), Answer(503)]
        replies = [write(receiver.url, request_v2((X, [(1, 1.0), (2, 2.0)])), 2) for _ in "ab"]
        old = write(receiver.url, request_v1((X, [(1, 1.0)])))

    assert [[reply.headers[name] for name in names] for reply in replies] == [["2", "0"], ["0"] * 2]
    assert old.headers[names[0]] is None
    assert old.headers["Date"] == "Thu, 01 Jan 1970 00:00:00 GMT"


@pytest.mark.parametrize(
    ("speaks", "unknown_status", "statuses", "kept"),
    [((1,), 415, (204, 415), [1]), ((1,), 204, (204, 204), [1]), ((2,), 415, (415, 204), [2])],
)
def test_a_receiver_may_know_one_version_only(
    speaks: tuple[int, ...], unknown_status: int, statuses: tuple[int, int], kept: list[int]
) -> None:
    """It refuses the other, or takes it for empty; either way it keeps nothing of it."""
    with strict_receiver(speaks=speaks, unknown_status=unknown_status) as receiver:
        assert offer(receiver, (1, 1.0)) == statuses[0]
        reply = write(receiver.url, request_v2((X, [(2, 2.0)])), 2)

    assert reply.status == statuses[1]
    assert (reply.headers["X-Prometheus-Remote-Write-Samples-Written"] is None) == (2 not in speaks)
    assert [ts_ms for ts_ms, _ in receiver.samples[tuple(X)]] == kept
    assert (receiver.versions, receiver.requests) == ([1, 2], 2)


def test_the_decoders_read_what_the_messages_say() -> None:
    """Every bit of every number, of both versions."""
    points = [(-5, -0.0), (1 << 40, 1e308)]
    for message in (decode(request_v1((X, points))), decode_v2(request_v2((X, points)))):
        assert message.series == [(tuple(X), points)]
        assert str(message.entries[0].points[0].value) == "-0.0"
    assert is_stale(STALE)
    assert not is_stale(float("nan"))
