"""A ledger written by hand and pushes of it, for tests of remote-write.

    books = Books(tmp_path)
    books.grow((Series(f.MESSAGES), 10, 3))
    with books.receiver() as receiver, books.sink(receiver.url) as sink:
        assert sink.push(books.offer()).outcome == "delivered"

The clock stands half a minute after a grid step, and moves only when it is told.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import homes
from strict import StrictReceiver, strict_receiver
from strict_rules import message_of

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.config.settings import HttpConfig, RemoteWriteConfig, Settings
from ccpush.ledger.booking import Booking, LocalTime
from ccpush.ledger.cursors import Cursor, read_cursors
from ccpush.ledger.sinks import SinkState, read_sinks
from ccpush.ledger.store import open_ledger, transaction
from ccpush.metrics.evaluate import Identity
from ccpush.metrics.samples import Family
from ccpush.push.remote_write.sink import RemoteWriteSink
from ccpush.push.sink import Offer, PushResult

if TYPE_CHECKING:
    from receivers import Answer, Request

STEP: Final = homes.NOW_S // 60
NOW_S: Final = STEP * 60 + 30.5
WHO: Final = Identity("0123456789abcdef", "laptop", {"user": "ada"})
# what a ledger in which nothing ever happened has to say at each step
DECLARED: Final = 44
# room for three steps of it, and not for a fourth
THREE_STEPS: Final = 3 * DECLARED + 4

MESSAGES: Final = Series(f.MESSAGES)
GAUGE: Final = "claude_total_messages"
TOKENS: Final = "claude_code_token_usage_tokens_total"


def output(model: str) -> Series:
    """The series of a model's output tokens."""
    return Series(f.TOKENS, "output", model)


class Books:
    """A ledger, its clock and its identity."""

    def __init__(self, folder: Path, now_s: float = NOW_S) -> None:
        self.settings = Settings(
            claude_homes=(),
            claude_homes_given=True,
            state_dir=folder / "state",
            runtime_dir=folder / "run",
            cache_dir=folder / "cache",
        )
        self.identity = WHO
        self.now_s = now_s
        self.step = int(now_s) // 60
        with self.ledger():
            pass

    @contextlib.contextmanager
    def ledger(self) -> Iterator[sqlite3.Connection]:
        """A connection of one's own."""
        with open_ledger(self.settings.state_dir, write=True) as connection:
            yield connection

    def grow(self, *grown: tuple[Series, int, int]) -> None:
        """Book series: so many minutes before the first step, each by so much."""
        with self.ledger() as connection, transaction(connection):
            booking = Booking(connection, self.now_s, LocalTime(), set())
            for series, ago, amount in grown:
                booking.add(series, self.step - ago - 1, amount)
            booking.write()

    def offer(self, *families: Family, **more: Any) -> Offer:
        """What there is now; half a minute's time to take it."""
        begun_s = time.monotonic()
        given: dict[str, Any] = {"until_s": begun_s + 30.0, **more}
        return Offer(families, self.identity, self.now_s, begun_s, **given)

    @contextlib.contextmanager
    def sink(self, url: str, **settings: Any) -> Iterator[RemoteWriteSink]:
        """The sink ``central``, as a new process would have it; its pauses are the shortest."""
        http = HttpConfig(url=url, timeout_s=5.0, **settings.pop("http", {}))
        config = RemoteWriteConfig("central", http, **settings)
        sink = RemoteWriteSink(
            config,
            self.settings,
            "ccpush/test",
            now=lambda: self.now_s,
            environ={},
            chance=lambda: 0.0,
        )
        with contextlib.closing(sink):
            yield sink

    def push(self, receiver: StrictReceiver, *families: Family, **settings: Any) -> PushResult:
        """One push to a receiver, by a process of its own."""
        with self.sink(receiver.url, **settings) as sink:
            return sink.push(self.offer(*families))

    @contextlib.contextmanager
    def receiver(self, **settings: Any) -> Iterator[StrictReceiver]:
        """A strict receiver with this clock."""
        with strict_receiver(now=lambda: self.now_s, **settings) as running:
            yield running

    def state(self) -> SinkState:
        """What the ledger knows of ``central``, its counts included."""
        with self.ledger() as connection:
            (found,) = read_sinks(connection)
        return found

    def cursors(self) -> set[Cursor]:
        """Where ``central`` stands, whatever the metric."""
        with self.ledger() as connection:
            cursors = read_cursors(connection, "central").values()
        return {Cursor("", cursor.begin, cursor.through, cursor.tried) for cursor in cursors}


def in_turn(receiver: StrictReceiver, *answers: Answer | None) -> None:
    """Let these be the answers to the next writes that bring samples; None is its own."""
    left = list(answers)

    def answer(request: Request) -> Answer | None:
        return left.pop(0) if left and message_of(request).entries else None

    receiver.on_write = answer


def steps(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Samples with steps relative to the first one for their timestamps."""
    assert not [ts_ms for ts_ms, _ in points if ts_ms % 60_000]
    return [(ts_ms // 60_000 - STEP, value) for ts_ms, value in points]


Judge = Callable[[tuple[tuple[str, str], ...], int], str | None]


def refusing(name: str, **labels: str) -> Judge:
    """Why a sample must not be: that it is of this series."""
    wanted = {("__name__", name), *labels.items()}
    return lambda series, _: "not this one" if wanted <= set(series) else None
