"""The past that was left out, brought afterwards on the user's word: added, never counted twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from push_ledger import STEP, Books, steps
from receivers import Answer

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.ledger.booking import Booking, LocalTime
from ccpush.ledger.store import transaction

SESSIONS = Series(f.SESSIONS)
COUNTER = "claude_code_session_count_total"
MONTH_S = 29 * 86_400.0


@pytest.fixture
def books(tmp_path: Path) -> Books:
    """A ledger in which seven sessions began some hours ago."""
    books = Books(tmp_path)
    books.grow((SESSIONS, 300, 3), (SESSIONS, 100, 4))
    return books


def later(books: Books, amount: int = 0) -> None:
    """Let two minutes pass, in the first of which sessions begin."""
    with books.ledger() as connection, transaction(connection):
        booking = Booking(connection, books.now_s + 60, LocalTime(), set())
        booking.add(SESSIONS, int(books.now_s) // 60, amount)
        booking.write()
    books.now_s += 120


def test_only_what_lies_before_is_brought(books: Books) -> None:
    """What the receiver got since stays as it is, so that both together are what happened."""
    # A counter that begins anew is what an unknown past looks like; nothing else may be wrong.
    with (  # noqa: PT012
        pytest.raises(AssertionError) as broken,
        books.receiver(strict_order=False) as receiver,
        books.sink(receiver.url) as sink,
    ):
        receiver.query_status = 404
        sink.push(books.offer())
        later(books, 5)
        sink.push(books.offer())
        had, unknown = steps(receiver.history(COUNTER)), books.state().unknown_past
        outcomes = [sink.push(books.offer(backfill_s=MONTH_S)).outcome]
        found = dict(steps(receiver.history(COUNTER)))
        # whoever gives the word twice does no harm
        later(books, 1)
        outcomes.append(sink.push(books.offer(backfill_s=MONTH_S)).outcome)
        newest = steps(receiver.history(COUNTER))[-1]

    assert ([(1, 0.0), (2, 5.0)], True) == (had, unknown)
    assert (["delivered"] * 2, False) == (outcomes, books.state().unknown_past)
    assert [0.0, 3.0, 7.0, 0.0, 5.0] == [found[step] for step in (-301, -300, 0, 1, 2)]
    assert (4, 6.0) == newest
    (fault,) = str(broken.value).splitlines()[1:]
    assert "a counter falls from 7" in fault


def test_a_past_that_is_too_old_is_counted(books: Books) -> None:
    """What the receiver does not take of it is told; what it takes is there."""
    with (  # noqa: PT012
        # what was refused counts there as if it had been kept
        pytest.raises(AssertionError, match="a counter falls from 7"),
        books.receiver(strict_order=False) as receiver,
        books.sink(receiver.url) as sink,
    ):
        receiver.query_status = 404
        sink.push(books.offer())
        later(books)
        oldest_ms = (STEP - 120) * 60_000
        receiver.storage.refuse = lambda _, ts_ms: "too old" if ts_ms < oldest_ms else None
        result = sink.push(books.offer(backfill_s=MONTH_S))
        history = steps(receiver.history(COUNTER))

    assert ("rejected", ["too_old"]) == (result.outcome, list(result.rejected))
    assert -120 <= history[0][0] <= -59
    assert False is books.state().unknown_past


def test_a_past_that_is_put_off_is_brought_next_time(books: Books) -> None:
    """A receiver that fails in the middle gets it by the next word, the same samples again."""
    with (
        books.receiver(strict_order=False) as receiver,
        books.sink(receiver.url, max_samples_per_send=1000) as sink,
    ):
        receiver.query_status = 404
        sink.push(books.offer())
        later(books)
        receiver.on_write = lambda _: Answer(503) if receiver.requests > 4 else None
        first = sink.push(books.offer(backfill_s=MONTH_S))
        unknown = books.state().unknown_past
        receiver.on_write = None
        second = sink.push(books.offer(backfill_s=MONTH_S))
        found = dict(steps(receiver.history(COUNTER)))

    assert ("retry", True, "delivered") == (first.outcome, unknown, second.outcome)
    assert [0.0, 3.0, 7.0, 0.0] == [found[step] for step in (-301, -300, 0, 1)]
