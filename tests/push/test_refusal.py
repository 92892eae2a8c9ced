"""What a receiver refuses: found with few requests, counted by reason, and nothing else lost."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from push_ledger import DECLARED, NOW_S, STEP, Books, in_turn, refusing, steps
from push_offers import numbered
from receivers import Answer, Request
from strict import LOST_ANSWER, StrictReceiver
from strict_rules import message_of
from strict_wire import Entry, Point, bits_of

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.ledger.cursors import Cursor
from ccpush.push.remote_write.refusal import MAX_REQUESTS, PROBE

GAUGE = "claude_total_messages"
TOKENS = "claude_code_token_usage_tokens_total"
DAY = 24 * 60


@pytest.fixture
def books(tmp_path: Path) -> Books:
    """A ledger with one event ten minutes ago: twelve steps of every declared series."""
    made = Books(tmp_path)
    made.grow((Series(f.MESSAGES), 10, 3))
    return made


@pytest.fixture
def old_books(tmp_path: Path) -> Books:
    """A ledger with an event of ten days ago."""
    made = Books(tmp_path)
    made.grow((Series(f.MESSAGES), 10 * DAY, 3))
    return made


def _with_samples(receiver: StrictReceiver) -> int:
    """How many writes brought samples."""
    return sum(1 for size in receiver.batch_sizes if size)


def _others(receiver: StrictReceiver, *names: str) -> set[int]:
    """How many samples other series have."""
    return {
        len(points)
        for labels, points in receiver.samples.items()
        if dict(labels)["__name__"] not in {PROBE, *names}
    }


def test_a_receiver_that_refuses_one_series_gets_all_others(books: Books) -> None:
    """One series is at fault; it is found by halving, counted, and told in the receiver's words."""
    with books.receiver(refuse=refusing(GAUGE)) as receiver:
        result = books.push(receiver)

    assert result.outcome == "rejected"
    assert result.rejected == {"status_400": 12}
    assert result.error == "the receiver answered 400 Bad Request: not this one"
    assert result.sent == (DECLARED - 1) * 12
    assert _others(receiver) == {12}
    assert len(receiver.samples) == DECLARED - 1 + 1
    # once whole, one probe, two for each halving of 44 series, and of the one 6, 3, 1, 2, 1 and
    # the newest
    assert _with_samples(receiver) == 1 + 1 + 2 * 5 + 6
    assert books.state().samples[("rejected", "status_400")] == 12
    assert books.cursors() == {Cursor("", STEP - 11, STEP, STEP)}


@pytest.mark.parametrize("status", [400, 402, 409, 413, 415, 422])
def test_refusals_are_counted_by_status(books: Books, status: int) -> None:
    """Whatever a receiver refuses with, what it does not refuse arrives."""
    with books.receiver(refuse=refusing(GAUGE), refuse_status=status) as receiver:
        result = books.push(receiver)

    assert result.rejected == {f"status_{status}": 12}
    assert _others(receiver) == {12}


@pytest.mark.parametrize("at", [-11, -10, -4, -1, 0])
def test_one_bad_sample_costs_no_other(books: Books, at: int) -> None:
    """In a series that is taken otherwise, only the sample itself is given up, in time order."""
    bad_ms = (STEP + at) * 60_000

    def refuse(labels: tuple[tuple[str, str], ...], ts_ms: int) -> str | None:
        return "not then" if dict(labels)["__name__"] == GAUGE and ts_ms == bad_ms else None

    with books.receiver(refuse=refuse, window_s=0.0, too_old_status=400) as receiver:
        result = books.push(receiver)

    assert result.rejected == {"status_400": 1}
    assert [on for on, _ in steps(receiver.history(GAUGE))] == [
        *range(-11, at), *range(at + 1, 1)
    ]  # fmt: skip
    assert _others(receiver, GAUGE) == {12}


def test_a_hopeless_series_is_left_out_for_the_rest_of_the_push(books: Books) -> None:
    """It is found once; further windows go without it, and what they leave out is counted."""
    with books.receiver(refuse=refusing(GAUGE)) as receiver:
        result = books.push(receiver, max_samples_per_send=DECLARED * 3)
        requests = _with_samples(receiver)
        books.now_s += 60
        again = books.push(receiver, max_samples_per_send=DECLARED * 3)

    assert result.rejected == {"status_400": 12}
    assert requests == 1 + 1 + 2 * 5 + 4 + 3
    assert (again.rejected, again.sent) == ({"status_400": 1}, DECLARED - 1)
    assert _others(receiver) == {13}


def test_many_bad_series_cost_few_requests(books: Books) -> None:
    """Not more than so many for a batch: what is not found by then is given up and counted."""
    models = [f"model-{n:02}" for n in range(30)]
    books.grow(
        *(
            (Series(f.TOKENS, kind, model), 10, 1)
            for kind in ("input", "output")
            for model in models
        )
    )

    def refuse(labels: tuple[tuple[str, str], ...], _: int) -> str | None:
        model = dict(labels).get("model", "")
        return "odd" if model and int(model[-2:]) % 2 else None

    with books.receiver(refuse=refuse) as receiver:
        result = books.push(receiver)

    total = (DECLARED + 2 * 60) * 12
    # the batch itself and the probe beside what the search may need
    assert _with_samples(receiver) <= MAX_REQUESTS + 2
    assert result.sent + result.rejected["status_400"] == total
    assert result.sent >= DECLARED * 12
    assert result.rejected["status_400"] >= 60 * 12
    assert books.cursors() == {Cursor("", STEP - 11, STEP, STEP)}


@pytest.mark.parametrize("status", [400, 422])
def test_a_receiver_that_refuses_everything_is_ill(books: Books, status: int) -> None:
    """A sample of now is refused too: nothing is given up, it is left alone for minutes."""
    with books.receiver(refuse=lambda _, __: "no", refuse_status=status) as receiver:
        result = books.push(receiver)
        requests = _with_samples(receiver)
        receiver.storage.refuse = None
        later = books.push(receiver)

    assert (result.outcome, result.status, result.rejected) == ("retry", status, {})
    assert (result.sent, result.retried, requests) == (0, DECLARED * 12, 2)
    assert result.error is not None
    assert result.error.endswith(": no")
    assert result.retry_after_s == 150.0
    assert (later.outcome, later.sent) == ("delivered", DECLARED * 12)


def test_a_receiver_that_becomes_busy_meanwhile_ends_the_search(books: Books) -> None:
    """What is not known is not given up: the next push begins with the same batch."""
    with books.receiver(refuse=refusing(GAUGE)) as receiver:
        in_turn(receiver, None, None, None, Answer(429, {"Retry-After": "7"}))
        first = books.push(receiver)
        second = books.push(receiver)

    assert (first.outcome, first.retry_after_s, first.rejected) == ("retry", 7.0, {})
    assert (second.outcome, second.rejected) == ("rejected", {"status_400": 12})
    assert _others(receiver) == {12}


def test_the_probe_is_a_series_of_its_own(books: Books) -> None:
    """It harms no other, and says whose it is."""
    with books.receiver(refuse=refusing(GAUGE)) as receiver:
        books.push(receiver)

    (labels,) = (labels for labels in receiver.samples if dict(labels)["__name__"] == PROBE)
    assert dict(labels) == {
        "__name__": PROBE,
        "id": "0123456789abcdef",
        "instance": "laptop",
        "job": "ccpush",
        "purpose": "current",
    }


# How old samples may be


@pytest.fixture
def no_window(old_books: Books) -> Iterator[StrictReceiver]:
    """A Prometheus that takes no old samples, and has had some of now."""
    with old_books.receiver(window_s=0.0, too_old_status=400) as receiver:
        _has_samples_of(receiver, old_books.now_s)
        yield receiver


def _has_samples_of(receiver: StrictReceiver, at_s: float) -> None:
    point = Point(int(at_s * 1000), bits_of(1.0))
    receiver.storage.keep([Entry((("__name__", "up"), ("job", "other")), [point])])


def _grid_requests(receiver: StrictReceiver) -> int:
    return sum(1 for size in receiver.batch_sizes if size > 1)


def test_the_age_that_a_receiver_takes_is_found_and_remembered(
    old_books: Books, no_window: StrictReceiver
) -> None:
    """What is older is counted without being sent; from there on everything arrives."""
    result = old_books.push(no_window)
    requests = no_window.requests
    state = old_books.state()
    points = steps(no_window.history(GAUGE))

    assert result.outcome == "rejected"
    assert list(result.rejected) == ["too_old"]
    assert result.error == "what is older than an hour was not sent: the receiver does not take it"
    assert result.hint is not None
    assert "out_of_order_time_window" in result.hint
    assert requests <= 40
    assert _grid_requests(no_window) == 2
    assert points == [(at, 3.0 if at > -59 else 0.0) for at in range(-59, 1)]
    assert (state.horizon_s, state.horizon_at_s) == (3540.0, NOW_S)
    # Ten days at steps of four minutes, a day at two: of every series.
    assert DECLARED * 3800 < result.rejected["too_old"] < DECLARED * 4000

    old_books.now_s += 60
    assert old_books.push(no_window).rejected == {}
    assert no_window.requests == requests + 2


def test_a_known_age_is_not_asked_for_again(old_books: Books, no_window: StrictReceiver) -> None:
    """Two hours offline, later that day: what is too old is counted at once."""
    old_books.push(no_window)
    requests = no_window.requests
    old_books.now_s += 7200
    _has_samples_of(no_window, old_books.now_s)
    result = old_books.push(no_window)

    assert list(result.rejected) == ["too_old"]
    assert no_window.requests == requests + 2
    assert [at for at, _ in steps(no_window.history(GAUGE)) if at > 0] == list(range(61, 121))


def test_a_window_that_was_widened_is_found_after_a_day(
    old_books: Books, no_window: StrictReceiver
) -> None:
    """An operator who follows the hint gets what is missed from then on."""
    old_books.push(no_window)
    no_window.storage.window_s = 31 * 86_400.0
    old_books.now_s += 86_400 + 7200
    _has_samples_of(no_window, old_books.now_s)
    result = old_books.push(no_window)

    assert (result.outcome, result.rejected) == ("delivered", {})
    gaps = [at for at, _ in steps(no_window.history(GAUGE)) if at > 0]
    assert max(other - one for one, other in pairwise(gaps)) <= 4


@pytest.mark.parametrize("status", [400, 500])
def test_a_window_of_days_is_used_to_the_hour(old_books: Books, status: int) -> None:
    """Prometheus before 2.50 answers 500 to what is too old: the same search, few requests."""
    with old_books.receiver(window_s=5 * 86_400.0, too_old_status=status) as receiver:
        _has_samples_of(receiver, old_books.now_s)
        result = old_books.push(receiver)

    reach = 5 * DAY
    oldest = steps(receiver.history(GAUGE))[0]
    assert list(result.rejected) == ["too_old"]
    assert receiver.requests <= 40
    assert -reach <= oldest[0] <= -reach + 60
    assert oldest[1] == 0.0
    assert receiver.value(GAUGE) == 3.0


def test_a_failure_that_passes_is_no_answer_to_how_old(old_books: Books) -> None:
    """Every age is asked once more after a 500: one bad moment must not cost days of the past."""
    with old_books.receiver(window_s=5 * 86_400.0, too_old_status=400) as receiver:
        _has_samples_of(receiver, old_books.now_s)
        asked: set[str] = set()

        def fail_at_first(request: Request) -> Answer | None:
            for entry in message_of(request).entries:
                purpose = dict(entry.labels).get("purpose", "")
                if purpose.startswith("age_") and purpose not in asked:
                    asked.add(purpose)
                    return Answer(500, stored=False)
            return None

        receiver.on_write = fail_at_first
        old_books.push(receiver)

    assert asked
    assert -5 * DAY <= steps(receiver.history(GAUGE))[0][0] <= -5 * DAY + 60


def test_a_receiver_of_everything_is_never_probed(old_books: Books) -> None:
    """No refusal, no search: a month in one go."""
    with old_books.receiver() as receiver:
        result = old_books.push(receiver)

    assert result.outcome == "delivered"
    assert not [labels for labels in receiver.samples if dict(labels)["__name__"] == PROBE]
    assert old_books.state().horizon_s is None


# What makes a receiver fail


def test_a_batch_that_makes_the_receiver_fail_is_parted_too(books: Books) -> None:
    """It fails with these samples and not without them: all others arrive."""
    with books.receiver(refuse=refusing(GAUGE), refuse_status=500) as receiver:
        result = books.push(receiver)

    assert result.outcome == "rejected"
    assert result.rejected == {"status_500": 12}
    assert _others(receiver) == {12}
    assert books.cursors() == {Cursor("", STEP - 11, STEP, STEP)}


def test_a_receiver_that_fails_by_itself_is_left_alone(books: Books) -> None:
    """An empty request fails too: the batch is innocent, and kept."""
    with books.receiver() as receiver:
        failing = [False]

        def answer(request: Request) -> Answer | None:
            failing[0] = failing[0] or bool(message_of(request).entries)
            return Answer(500, {}, b"ill") if failing[0] else None

        receiver.on_write = answer
        result = books.push(receiver)

    assert (result.outcome, result.status, result.rejected) == ("retry", 500, {})
    assert result.retried == DECLARED * 12
    assert _with_samples(receiver) == 3


def test_a_receiver_that_fails_for_any_sample_is_ill(books: Books) -> None:
    """Empty requests are answered by whoever stands before it: nothing is given up."""
    with books.receiver(refuse=lambda _, __: "down", refuse_status=503) as receiver:
        result = books.push(receiver)

    assert (result.outcome, result.status, result.rejected) == ("retry", 503, {})
    assert result.retried == DECLARED * 12


def test_who_says_when_to_come_back_is_busy(books: Books) -> None:
    """A 503 with Retry-After is no sign of a bad sample, though empty requests are taken."""
    with books.receiver() as receiver:
        in_turn(receiver, Answer(503, {"Retry-After": "30"}))
        result = books.push(receiver)

    assert (result.outcome, result.retry_after_s, result.rejected) == ("retry", 30.0, {})
    assert _with_samples(receiver) == 1


@pytest.mark.parametrize("later_s", [5, 60, 180])
def test_what_may_be_there_already_is_not_called_refused(books: Books, later_s: int) -> None:
    """The answer was lost, and then an older copy is refused: only the newest samples tell.

    What is new since then is delivered beside them.
    """
    with books.receiver(window_s=0.0, too_old_status=400) as receiver:
        _has_samples_of(receiver, books.now_s)
        in_turn(receiver, *[LOST_ANSWER] * 3)
        first = books.push(receiver)
        books.now_s += later_s
        second = books.push(receiver)

    new = later_s // 60
    assert first.outcome == "retry"
    assert second.rejected == {"maybe_delivered": DECLARED * 11}
    assert second.sent == DECLARED * (1 + new)
    assert _others(receiver, "up") == {12 + new}
    assert _with_samples(receiver) <= 3 + 4


def test_now_and_the_grid_share_a_request_and_a_fate(books: Books) -> None:
    """A gauge of now that is refused costs the grid nothing."""
    with (
        books.receiver(refuse=refusing("numbered", n="00001")) as receiver,
        books.sink(receiver.url) as sink,
    ):
        result = sink.push(books.offer(numbered(3)))

    assert result.rejected == {"status_400": 1}
    assert result.sent == DECLARED * 12 + 2
