"""The remote-write sink against a receiver that checks every MUST of the specifications."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from push_ledger import (
    DECLARED,
    GAUGE,
    MESSAGES,
    NOW_S,
    STEP,
    THREE_STEPS,
    TOKENS,
    Books,
    in_turn,
    output,
    steps,
)
from push_offers import family, numbered, sample
from receivers import Answer, Request, always, serve
from strict import LOST_ANSWER, LOST_REQUEST
from strict_rules import message_of

from ccpush.config.settings import RelabelRule
from ccpush.ledger.cursors import Cursor
from ccpush.push.sink import PushResult

BUSY = Answer(503, {"Retry-After": "30"})


def test_a_first_push_brings_the_past(books: Books) -> None:
    """Every step since before the first event, zero at first; every series at every step."""
    with books.receiver() as receiver:
        result = books.push(receiver)

    values = [0.0, *[3.0] * 5, *[7.0] * 6]
    assert steps(receiver.history(GAUGE)) == list(zip(range(-11, 1), values, strict=True))
    assert {len(points) for points in receiver.samples.values()} == {12}
    assert len(receiver.samples) == DECLARED
    assert result == PushResult(
        "delivered",
        sent=DECLARED * 12,
        skew_s=result.skew_s,
        through_s=STEP * 60.0,
        counted=True,
    )


def test_every_series_bears_the_path_and_the_identity(books: Books) -> None:
    """Job, instance and the identity's labels, whatever the metric."""
    with books.receiver() as receiver:
        books.push(receiver, family("live", sample("live", 2.0, user="jörg")))

    assert {dict(labels)["job"] for labels in receiver.samples} == {"ccpush"}
    assert {dict(labels)["instance"] for labels in receiver.samples} == {"laptop"}
    assert {dict(labels)["user"] for labels in receiver.samples} == {"ada", "jörg"}
    assert receiver.server.requests[0].headers["user-agent"] == "ccpush/test"


def test_a_second_push_brings_what_is_new(books: Books) -> None:
    """One minute later one more step is due, and nothing of before."""
    with books.receiver() as receiver:
        books.push(receiver)
        for _ in range(2):
            books.now_s += 60
            books.grow((MESSAGES, int(STEP - books.now_s // 60), 1))
            result = books.push(receiver)

    assert result.sent == DECLARED
    assert steps(receiver.history(GAUGE))[-3:] == [(0, 7.0), (1, 8.0), (2, 9.0)]
    assert {len(points) for points in receiver.samples.values()} == {14}


def test_within_one_minute_nothing_of_the_grid_is_due(books: Books) -> None:
    """Ticks may come at any rate; only what is true now is sent again."""
    with books.receiver() as receiver:
        books.push(receiver, numbered(2))
        books.now_s += 10
        result = books.push(receiver, numbered(2))

    assert result.sent == 2
    assert receiver.batch_sizes == [0, DECLARED * 12 + 2, 0, 2]


@pytest.mark.parametrize("protocol", ["1.0", "2.0"])
@pytest.mark.parametrize("size", [1, 7, 100, 150])
def test_no_request_holds_more_than_it_may(books: Books, size: int, protocol: Any) -> None:
    """``max_samples_per_send`` holds, also for series that begin, and for what is true now."""
    books.grow((output("opus"), 8, 1), (output("haiku"), 3, 1))
    with books.receiver() as receiver:
        settings = {"max_samples_per_send": size, "protobuf_message": protocol}
        result = books.push(receiver, numbered(5), **settings)

    assert max(receiver.batch_sizes) <= size
    assert sum(receiver.batch_sizes) == result.sent
    assert steps(receiver.history(TOKENS, model="haiku")) == [
        (-4, 0.0), (-3, 1.0), (-2, 1.0), (-1, 1.0), (0, 1.0),
    ]  # fmt: skip
    assert len(receiver.history(TOKENS, model="opus")) == 10


def test_a_busy_receiver_gets_the_rest_next_time(books: Books) -> None:
    """After a 503 nothing more is sent; the next push goes on where the receiver stands."""
    with books.receiver() as receiver:
        in_turn(receiver, None, None, BUSY)
        first = books.push(receiver, max_samples_per_send=THREE_STEPS)
        stands = books.cursors()
        requests = receiver.requests
        second = books.push(receiver, max_samples_per_send=THREE_STEPS)

    assert (first.outcome, first.status, first.retry_after_s) == ("retry", 503, 30.0)
    assert first.error == "the receiver answered 503 Service Unavailable"
    assert (first.sent, first.retried) == (2 * 3 * DECLARED, 3 * DECLARED)
    assert requests == 4
    assert stands == {Cursor("", STEP - 11, STEP - 6, STEP)}
    assert (second.outcome, first.sent + second.sent) == ("delivered", DECLARED * 12)
    assert {len(points) for points in receiver.samples.values()} == {12}


def test_what_was_sent_before_a_push_ended_early_is_not_sent_again(books: Books) -> None:
    """Each window is taken off the backlog as soon as the receiver has it."""
    with (
        books.receiver() as receiver,
        books.sink(receiver.url, max_samples_per_send=THREE_STEPS) as sink,
    ):
        results = [sink.push(books.offer(until_s=0.0)) for _ in range(4)]

    assert [result.outcome for result in results] == ["retry", "retry", "retry", "retry"]
    assert {result.error for result in results} == {"the backlog is long; the next push goes on"}
    assert [result.sent for result in results] == [3 * DECLARED] * 4
    assert {len(points) for points in receiver.samples.values()} == {12}


@pytest.mark.parametrize("lost", [LOST_ANSWER, LOST_REQUEST, Answer(500, stored=True)])
def test_a_request_without_a_clear_answer_is_sent_again_as_it_was(
    books: Books, lost: Answer
) -> None:
    """Whether the receiver had it or not: the same samples have the same values again."""
    with books.receiver() as receiver:
        in_turn(receiver, lost)
        result = books.push(receiver, numbered(2))

    assert (result.outcome, result.sent) == ("delivered", DECLARED * 12 + 2)
    assert {len(set(points)) for points in receiver.samples.values()} == {12, 1}


def test_what_may_have_arrived_is_remembered(books: Books) -> None:
    """Through a crash too: what was tried is on the disk before it is sent."""
    seen: list[set[Cursor]] = []

    def look(request: Request) -> None:
        if message_of(request).entries:
            seen.append(books.cursors())

    with books.receiver() as receiver:
        receiver.on_write = look
        books.push(receiver)

    assert seen == [{Cursor("", STEP - 11, STEP - 12, STEP)}]
    assert books.cursors() == {Cursor("", STEP - 11, STEP, STEP)}


def test_counts_are_in_the_ledger_once(books: Books) -> None:
    """Sent, rejected by reason and put off make up everything; the next push adds to it."""
    twice = family("x", sample("x", 1.0), sample("x", 2.0))
    with books.receiver() as receiver:
        in_turn(receiver, None, BUSY)
        first = books.push(receiver, twice, max_samples_per_send=THREE_STEPS)
        books.now_s += 1
        second = books.push(receiver, twice, max_samples_per_send=THREE_STEPS)

    assert first.counted
    assert second.counted
    assert (first.rejected, second.rejected) == ({"duplicate_series": 2}, {"duplicate_series": 2})
    assert books.state().samples == {
        ("sent", ""): first.sent + second.sent,
        ("retried", ""): 3 * DECLARED,
        ("rejected", "duplicate_series"): 4,
    }
    assert first.sent + second.sent == DECLARED * 12


def test_a_duplicate_series_is_told(books: Books) -> None:
    """What was left out makes the result a refusal with a sentence, though the rest arrived."""
    with books.receiver() as receiver:
        twice = family("x", sample("x", 1.0), sample("x", 1.0))
        result = books.push(receiver, twice, numbered(2))

    assert (result.outcome, result.sent) == ("rejected", DECLARED * 12 + 2)
    assert result.rejected == {"duplicate_series": 2}
    assert result.error == "a series of x occurs twice; samples not sent: 2"


def test_a_forbidden_label_name_is_told(books: Books) -> None:
    """A name that no receiver must take is left out and explained."""
    books.identity = msgspec.structs.replace(books.identity, labels={"my-team": "core"})
    with books.receiver() as receiver:
        books.push(receiver)
        books.now_s += 60
        result = books.push(receiver, numbered(1))

    assert (result.outcome, result.sent) == ("rejected", 1)
    assert result.rejected == {"invalid_name": DECLARED}
    assert result.error is not None
    assert result.error.startswith("a name in claude_total_sessions is not allowed")


def test_relabelling_is_applied_to_everything(books: Books) -> None:
    """Dropped series are not sent, renamed ones under their names; values are what they were."""
    rules = (
        RelabelRule("drop", ("__name__",), regex="claude_(compact|turn)_.*"),
        RelabelRule("replace", ("__name__",), "_", "numbered", 0, "__name__", "counted"),
        RelabelRule("labeldrop", regex="user"),
    )
    with books.receiver() as receiver:
        result = books.push(receiver, numbered(2), write_relabel_configs=rules)

    names = {dict(labels)["__name__"] for labels in receiver.samples}
    assert result.outcome == "delivered"
    assert not [name for name in names if name.startswith(("claude_compact_pre", "claude_turn"))]
    assert "counted" in names
    assert receiver.value(GAUGE) == 7.0
    assert not [labels for labels in receiver.samples if "user" in dict(labels)]


def test_a_dead_receiver_keeps_everything(books: Books) -> None:
    """Nobody there: nothing sent, the reason in a sentence, and all of it when there is one."""
    with serve(always()) as gone:
        url = gone.url
    with books.sink(url) as sink:
        result = sink.push(books.offer(numbered(3)))

    assert (result.outcome, result.sent, result.retried) == ("retry", 0, 0)
    assert result.error == f"{url[7:]} refuses connections"
    assert books.cursors() == set()


def test_another_address_is_another_receiver(books: Books) -> None:
    """A sink whose url has changed begins anew there: what the old one has does not count."""
    with books.receiver() as one, books.receiver() as other:
        books.push(one)
        books.now_s += 60
        result = books.push(other)

    assert result.sent == DECLARED * 13
    assert steps(other.history(GAUGE))[:2] == [(-11, 0.0), (-10, 3.0)]


def test_metadata_is_sent_once_a_minute(books: Books) -> None:
    """Types and help texts go with the first request, then at most once a minute."""
    with books.receiver() as receiver, books.sink(receiver.url, max_samples_per_send=60) as sink:
        for after_s, expected in [(0, True), (29, False), (59, False), (60, True), (89, False)]:
            books.now_s = NOW_S + after_s
            receiver.metadata.clear()
            sink.push(books.offer(numbered(1)))
            assert (receiver.metadata != {}) == expected, after_s

        books.now_s = NOW_S + 120
        receiver.metadata.clear()
        sink.push(books.offer(numbered(1)))

    assert receiver.metadata["numbered"] == (2, "Help of numbered.", "")
    assert receiver.metadata[TOKENS][0] == 1
    assert receiver.metadata["claude_turn_duration_seconds"][0] == 3
    assert receiver.metadata["claude_turn_duration_seconds"][2] == "seconds"


def test_metadata_that_did_not_arrive_is_sent_again(books: Books) -> None:
    """A request that failed has not told the metadata."""
    with books.receiver() as receiver, books.sink(receiver.url) as sink:
        in_turn(receiver, BUSY)
        sink.push(books.offer())
        assert receiver.metadata == {}
        sink.push(books.offer())

    assert GAUGE in receiver.metadata


@pytest.mark.parametrize("protocol", ["1.0", "2.0"])
def test_metadata_can_be_switched_off(books: Books, protocol: Any) -> None:
    """``metadata_config.send: false`` sends samples only; in 2.0 it belongs to the series."""
    with books.receiver() as receiver:
        books.push(receiver, send_metadata=False, protobuf_message=protocol)

    assert (receiver.metadata == {}) == (protocol == "1.0")


def test_the_clock_skew_is_told_with_every_outcome(books: Books) -> None:
    """Our clock minus the receiver's ``Date``, also when it refused."""
    with books.receiver() as receiver, books.sink(receiver.url) as sink:
        receiver.now = lambda: books.now_s - 20.0
        delivered = sink.push(books.offer())
        receiver.answers.append(Answer(500))
        receiver.answers.append(Answer(503, {"Retry-After": "9"}))
        books.now_s += 60
        refused = sink.push(books.offer())

    assert (delivered.outcome, refused.outcome) == ("delivered", "retry")
    assert delivered.skew_s == pytest.approx(20.5)
    assert refused.skew_s == pytest.approx(20.5)


@pytest.mark.parametrize("behind_s", [-86_400.0, -61.0, -59.0, 59.0, 61.0, 3 * 86_400.0])
def test_nothing_is_sent_of_the_receivers_future(books: Books, behind_s: float) -> None:
    """Whichever clock is wrong: the newest step is one that is past for both, or its own."""
    with books.receiver() as receiver:
        receiver.now = lambda: books.now_s - behind_s
        result = books.push(receiver, numbered(1))

    ours, theirs = int(NOW_S // 60), int((NOW_S - behind_s) // 60)
    newest = theirs if abs(behind_s) > 60 else min(ours, theirs)
    assert result.through_s == newest * 60.0
    assert receiver.history(GAUGE)[-1][0] == newest * 60_000
    ((ts_ms, _),) = receiver.history("numbered")
    assert ts_ms <= (NOW_S - behind_s) * 1000


def test_a_cursor_in_the_future_is_told(books: Books) -> None:
    """A clock that was days ahead and is right again: nothing is sent until then, in words."""
    with books.receiver() as receiver:
        books.now_s += 3 * 86_400
        books.push(receiver)
        books.now_s = NOW_S
        result = books.push(receiver, numbered(2))

    assert (result.outcome, result.sent) == ("retry", 0)
    assert result.error == "what was delivered is 4320 minutes ahead of the receiver's clock"
    assert result.hint is not None


def test_the_body_of_a_success_is_ignored(books: Books) -> None:
    """Whatever a 2xx says beside HTML, it is a delivery."""
    with books.receiver() as receiver:
        in_turn(receiver, Answer(200, {}, b'{"status":"error"}'))
        assert books.push(receiver).outcome == "delivered"


@pytest.mark.parametrize("where", ["before", "within"])
def test_a_captive_portal_delivers_nothing(books: Books, where: str) -> None:
    """A hotel's sign-in page is no receiver; the samples stay due."""
    page = Answer(200, {"Content-Type": "text/html"}, b"<html>Welcome</html>", stored=False)
    with books.receiver() as receiver:
        if where == "before":
            receiver.answers.append(page)
        else:
            in_turn(receiver, page)
        result = books.push(receiver)
        assert receiver.samples == {}
        books.push(receiver)

    assert (result.outcome, result.sent) == ("retry", 0)
    assert receiver.value(GAUGE) == 7.0


def test_after_an_abort_nothing_is_sent(books: Books) -> None:
    """An aborted sink answers at once that it was stopped."""
    with books.receiver() as receiver, books.sink(receiver.url) as sink:
        sink.abort()
        result = sink.push(books.offer(numbered(3)))

    assert result.outcome == "retry"
    assert result.error == "stopped before the answer came"
    assert receiver.requests == 0
