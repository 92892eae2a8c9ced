"""What is true now and what has ended: strictly rising, never made up for, one marker each."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from push_ledger import NOW_S, TOKENS, Books, in_turn, output, steps
from push_offers import family, numbered, sample
from receivers import Answer, Request
from strict import LOST_ANSWER, LOST_REQUEST, StrictReceiver
from strict_rules import message_of
from strict_wire import is_stale

from ccpush.metrics.samples import Family

BUSY = Answer(503, {"Retry-After": "30"})


def _daily(*dates: str) -> Family:
    return family("daily", *(sample("daily", 1.0, date=date) for date in dates))


def _markers(receiver: StrictReceiver) -> dict[str, int]:
    """Names of series that have ended, with how many markers they got."""
    found = {}
    for labels, points in receiver.samples.items():
        count = sum(is_stale(value) for _, value in points)
        if count:
            found[dict(labels).get("date") or dict(labels)["__name__"]] = count
    return found


def test_a_series_that_ends_gets_one_marker(books: Books) -> None:
    """A day that is gone by; later pushes say no more of it, and it may come back."""
    with books.receiver() as receiver:
        for dates in (("1", "2"), ("2", "3"), ("3", "4"), ("3", "4")):
            books.push(receiver, _daily(*dates))
            books.now_s += 60
        assert _markers(receiver) == {"1": 1, "2": 1}
        assert is_stale(receiver.value("daily", date="1"))

        books.push(receiver, _daily("1", "3", "4"))
        assert receiver.value("daily", date="1") == 1.0


def test_a_marker_that_did_not_arrive_is_sent_again(books: Books) -> None:
    """Only what was delivered is remembered as ended."""
    with books.receiver() as receiver:
        books.push(receiver, _daily("1", "2"))
        books.now_s += 60
        in_turn(receiver, BUSY)
        books.push(receiver, _daily("2"))
        assert _markers(receiver) == {}
        books.now_s += 60
        books.push(receiver, _daily("2"))

    assert _markers(receiver) == {"1": 1}


def test_changed_labels_end_the_series_of_before(books: Books) -> None:
    """Another team: every series goes on under its new labels and ends under the old, once."""
    with books.receiver() as receiver:
        books.push(receiver, numbered(2))
        old = set(receiver.samples)
        books.identity = msgspec.structs.replace(
            books.identity, labels={"user": "ada", "team": "b"}
        )
        for _ in range(2):
            books.now_s += 60
            books.push(receiver, numbered(2))

        ended = {labels for labels, points in receiver.samples.items() if is_stale(points[-1][1])}
    grid = {labels for labels in old if dict(labels)["__name__"] != "numbered"}
    assert ended == grid
    for labels in ended:
        assert sum(is_stale(value) for _, value in receiver.samples[labels]) == 1


def test_what_is_true_now_rises_strictly(books: Books) -> None:
    """Two pushes at the same moment, or a clock set back a little: nothing of now twice."""
    with books.receiver() as receiver:
        for after_s in (0.0, 0.0, 0.25, -5.0, 0.25, 1.0):
            books.now_s = NOW_S + after_s
            books.push(receiver, numbered(1))

    times = [ts_ms / 1000 for ts_ms, _ in receiver.samples[receiver.labels("numbered")]]
    # The receiver's clock tells whole seconds, and the earlier clock counts.
    assert times == [NOW_S - 0.5, NOW_S + 0.5]


def test_what_was_true_is_not_sent_later(books: Books) -> None:
    """A push that failed is not made up for: the next one says what is true then."""
    with books.receiver() as receiver:
        in_turn(receiver, BUSY)
        books.push(receiver, numbered(1))
        books.now_s += 60
        books.push(receiver, numbered(1))

    ((ts_ms, _),) = receiver.samples[receiver.labels("numbered")]
    assert ts_ms > NOW_S * 1000 + 50_000


def test_order_holds_over_failures_and_requests(books: Books) -> None:
    """Whatever fails between: the receiver sees each series go forwards, in equal values only."""
    books.grow((output("opus"), 9, 5), (output("opus"), 2, 5))
    faults: list[Callable[[], Answer | None]] = [
        lambda: None,
        lambda: LOST_ANSWER,
        lambda: BUSY,
        lambda: None,
        lambda: LOST_REQUEST,
    ]
    with books.receiver(window_s=None) as receiver:
        count = 0

        def trouble(request: Request) -> Answer | None:
            nonlocal count
            count += bool(message_of(request).entries)
            return faults[count % len(faults)]() if message_of(request).entries else None

        receiver.on_write = trouble
        for _ in range(8):
            books.push(receiver, numbered(2), max_samples_per_send=90)
            books.now_s += 60
        receiver.on_write = None
        books.push(receiver, numbered(2), max_samples_per_send=90)

    points = receiver.history(TOKENS, model="opus")
    assert [value for _, value in steps(points)] == [0.0, *[5.0] * 7, *[10.0] * 11]
    assert [at for at, _ in steps(points)] == list(range(-10, 9))
