"""Remote-write 2.0 against the strict receiver: what it adds, and when 1.0 is spoken instead."""

from __future__ import annotations

import pytest
from push_ledger import DECLARED, GAUGE, STEP, TOKENS, Books, in_turn, output
from receivers import Answer, Request
from strict_rules import message_of

from ccpush.ledger.cursors import Cursor

WRITTEN = "X-Prometheus-Remote-Write-Samples-Written"


def test_2_0_brings_metadata_and_starts(books: Books) -> None:
    """Every request says what its metrics are and since when counters count: the first zero."""
    books.grow((output("opus"), 4, 9))
    with books.receiver() as receiver:
        result = books.push(receiver, protobuf_message="2.0", max_samples_per_send=100)
        begin_ms = (STEP - 11) * 60_000
        counter = receiver.starts[receiver.labels(TOKENS, model="opus")]

    assert result.outcome == "delivered"
    assert set(receiver.versions) == {2}
    assert receiver.metadata[TOKENS][0] == 1
    assert set(counter.values()) == {begin_ms}
    assert sorted(counter) == [(STEP + at) * 60_000 for at in range(-5, 1)]
    assert receiver.labels(GAUGE) not in receiver.starts
    assert books.state().protocol is None


@pytest.mark.parametrize(
    "unknown", [{"unknown_status": 415}, {"unknown_status": 204}], ids=["415", "204"]
)
def test_a_receiver_without_2_0_gets_1_0(books: Books, unknown: dict[str, int]) -> None:
    """By its 415 or by an answer that says nothing of what was written; remembered a day."""
    with books.receiver(speaks=(1,), **unknown) as receiver:
        first = books.push(receiver, protobuf_message="2.0")
        asked = receiver.versions.copy()
        books.now_s += 86_000
        books.push(receiver, protobuf_message="2.0")
        within_a_day = receiver.versions[len(asked) :]
        books.now_s += 600
        books.push(receiver, protobuf_message="2.0")
        after_a_day = receiver.versions[len(asked) + len(within_a_day) :]

    assert (first.outcome, first.sent) == ("delivered", DECLARED * 12)
    assert asked == [2, 1, 1]
    assert set(within_a_day) == {1}
    assert after_a_day == [2, 1, 1]
    assert books.state().protocol == "1.0"


def test_a_receiver_that_has_learnt_2_0_is_spoken_to_in_it(books: Books) -> None:
    """After a day it is tried again, and what was remembered is forgotten."""
    with books.receiver(speaks=(1,)) as receiver:
        books.push(receiver, protobuf_message="2.0")
        receiver.speaks = (1, 2)
        books.now_s += 86_401
        books.push(receiver, protobuf_message="2.0")

    assert receiver.versions[-1] == 2
    assert books.state().protocol is None


def test_an_answer_that_was_cut_is_no_fallback(books: Books) -> None:
    """A 2xx that lacks its headers once is asked about; the same samples go again in 2.0."""
    with books.receiver() as receiver:

        def forgetful(request: Request) -> None:
            has_samples = bool(message_of(request).entries)
            receiver.speaks = (1,) if has_samples and not receiver.samples else (1, 2)
            if has_samples:
                receiver.on_write = known

        def known(_: Request) -> None:
            receiver.speaks = (1, 2)

        receiver.unknown_status = 204
        receiver.on_write = forgetful
        result = books.push(receiver, protobuf_message="2.0")

    assert (result.outcome, result.sent) == ("delivered", DECLARED * 12)
    assert receiver.versions == [2, 2, 2, 2]
    assert books.state().protocol is None


def test_what_a_receiver_says_it_did_not_write_is_counted(books: Books) -> None:
    """A 2.0 answer that counts fewer samples than were sent has lost the others."""
    with books.receiver() as receiver:
        in_turn(receiver, Answer(204, {WRITTEN: str(DECLARED * 12 - 4)}))
        result = books.push(receiver, protobuf_message="2.0")

    assert (result.outcome, result.sent) == ("rejected", DECLARED * 12 - 4)
    assert result.rejected == {"not_written": 4}
    assert result.error == "the receiver took the request but did not write 4 samples"
    assert books.state().samples[("rejected", "not_written")] == 4
    assert books.cursors() == {Cursor("", STEP - 11, STEP, STEP)}


@pytest.mark.parametrize("text", ["", "-1", "many", f"{DECLARED * 12}.0"])
def test_nonsense_in_the_count_is_nothing_written(books: Books, text: str) -> None:
    """What cannot be read is no promise."""
    with books.receiver() as receiver:
        in_turn(receiver, Answer(204, {WRITTEN: text}))
        result = books.push(receiver, protobuf_message="2.0")

    assert (result.sent, result.rejected) == (0, {"not_written": DECLARED * 12})
