"""A receiver that knows more, or of which nothing is known: the rules, without a real server."""

from __future__ import annotations

import msgspec
from push_ledger import GAUGE, TOKENS, Books, output, steps


def test_where_nobody_can_be_asked_counters_begin_with_nothing(books: Books) -> None:
    """A second copy of the past would count twice: totals are in gauges, counters go on from 0."""
    books.grow((output("opus"), 9, 5))
    with books.receiver() as receiver:
        receiver.query_status = 404
        first = books.push(receiver)
        books.now_s += 60
        books.grow((output("opus"), -1, 2))
        second = books.push(receiver)
        books.now_s += 60
        third = books.push(receiver)

    assert (first.outcome, first.sent) == ("delivered", 0)
    assert (second.outcome, third.outcome) == ("delivered", "delivered")
    assert steps(receiver.history(TOKENS, model="opus")) == [(1, 0.0), (2, 2.0)]
    assert steps(receiver.history(GAUGE)) == [(1, 0.0), (2, 7.0)]
    assert books.state().unknown_past


def test_another_machine_under_this_name_stops_it(books: Books) -> None:
    """Two laptops with one instance are told apart, and the later one is told what to set."""
    with books.receiver() as receiver:
        books.push(receiver)
        books.identity = msgspec.structs.replace(books.identity, id="f" * 16)
        before = receiver.requests
        result = books.push(receiver)

    assert (result.outcome, result.sent) == ("stopped", 0)
    assert result.hint is not None
    assert "instance:" in result.hint
    assert receiver.batch_sizes[before:] == [0]


def test_the_users_word_begins_anew(books: Books) -> None:
    """``--backfill`` sends the past of so long to a receiver that nobody could ask."""
    with books.receiver() as receiver, books.sink(receiver.url) as sink:
        receiver.query_status = 404
        result = sink.push(books.offer(backfill_s=420.0))

    assert result.outcome == "delivered"
    assert steps(receiver.history(GAUGE)) == [
        (-7, 0.0), (-6, 3.0), (-5, 7.0), (-4, 7.0), (-3, 7.0), (-2, 7.0), (-1, 7.0), (0, 7.0),
    ]  # fmt: skip


def test_what_is_older_than_the_configured_limit_is_counted_not_sent(books: Books) -> None:
    """``sample_age_limit``: the backlog beyond it is given up, in words."""
    with books.receiver() as receiver:
        books.push(receiver)
        books.now_s += 7200
        result = books.push(receiver, sample_age_limit_s=1800.0)

    points = steps(receiver.history(GAUGE))
    assert result.outcome == "rejected"
    assert list(result.rejected) == ["too_old"]
    assert [at for at, _ in points if at > 0] == list(range(90, 121))
