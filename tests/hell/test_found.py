"""What hell has found, each as the shortest story that shows it."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import homes
import pytest
from fault_proxy import fault_proxy
from faults import Decide, Fault
from receivers import Answer, Request
from strict import LOST_ANSWER, LOST_REQUEST, WRITE_PATH, StrictReceiver, strict_receiver

from ccpush.app import Pipeline
from ccpush.config.settings import HttpConfig, RemoteWriteConfig, Settings
from ccpush.log import configure
from ccpush.push.remote_write.sink import RemoteWriteSink
from ccpush.push.sink import PushResult

START_S = homes.NOW_S + 10.0
COUNTER = "claude_code_token_usage_tokens_total"
# the answer to the empty request by which a process learns of the receiver's clock
PROBED = Answer()
OUTPUT = {"type": "output", "model": homes.OPUS}


class Desk:
    """A laptop with one sink, and a clock that is set by hand."""

    def __init__(
        self, root: Path, receiver: StrictReceiver, now: list[float], url: str | None = None
    ) -> None:
        self.root = root
        self.url = url or receiver.url
        self.receiver = receiver
        self.now = now
        self.home = homes.Home(root / "home")

    def push(self, after_s: float = 60.0) -> PushResult:
        """Push some time later, in a process of its own."""
        self.now[0] += after_s
        config = RemoteWriteConfig("central", HttpConfig(self.url, timeout_s=5.0))
        settings = Settings(
            claude_homes=(self.home.path,),
            claude_homes_given=True,
            state_dir=self.root / "state",
            runtime_dir=self.root / "run",
            cache_dir=self.root / "cache",
            instance="laptop",
            user="ada",
            remote_write=(config,),
        )

        def now() -> float:
            return self.now[0]

        sink = RemoteWriteSink(
            config, settings, "ccpush/test", now=now, environ={}, chance=lambda: -0.495
        )
        log = configure("error", "text", io.StringIO(), now=now)
        with Pipeline(settings, log, sinks=[sink], now=now) as pipeline:
            ((_, result),) = pipeline.tick().results
        return result

    def newest(self, steps: int) -> list[tuple[int, float]]:
        """Seconds before now, and value, of the newest samples of one counter."""
        found = self.receiver.history(COUNTER, **OUTPUT)[-steps:]
        return [(int(self.now[0] - ts_ms / 1000) // 60 * 60, value) for ts_ms, value in found]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """One response was delivered; nobody can be asked what the receiver has."""
    now = [START_S]
    with strict_receiver(now=lambda: now[0]) as receiver:
        made = Desk(tmp_path, receiver, now)
        made.home.main().write(homes.assistant("msg_1", output=7, at_s=START_S - 300))
        assert made.push().outcome == "delivered"
        receiver.query_status = 404
        yield made


def test_a_receiver_that_asks_for_time_is_no_lost_ledger(desk: Desk) -> None:
    """After a push that was clearly not taken the next goes on, though nobody can be asked."""
    desk.receiver.answers += [PROBED, *[Answer(429)] * 3]
    assert desk.push().outcome == "retry"

    assert desk.push().outcome == "delivered"

    assert desk.newest(3) == [(120, 7), (60, 7), (0, 7)]


def test_a_process_that_ends_before_it_noted_anything_is_no_lost_ledger(desk: Desk) -> None:
    """A kill at the moment in which what is offered is noted leaves the ledger as it was."""
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr("ccpush.ledger.cursors.freeze_within", _die)
        desk.push()

    assert desk.push().outcome == "delivered"

    assert desk.newest(3) == [(120, 7), (60, 7), (0, 7)]


def test_what_may_have_arrived_stays_so_until_it_is_delivered(desk: Desk) -> None:
    """A clear answer to a later push says nothing about the one before."""
    desk.receiver.answers += [PROBED, *[LOST_ANSWER] * 3]
    assert desk.push().outcome == "retry"
    desk.receiver.answers += [PROBED, *[Answer(429)] * 3]
    assert desk.push().outcome == "retry"
    desk.receiver.query_status = 200

    # so long that the receiver is asked
    assert desk.push(900).outcome == "delivered"

    assert desk.newest(17) == [(60 * ago, 7) for ago in reversed(range(17))]


def test_what_failed_for_a_while_is_not_taken_for_delivered(desk: Desk) -> None:
    """That a receiver fails is no sign that it has what an earlier push may have brought it."""
    desk.receiver.answers += [PROBED, *[LOST_REQUEST] * 3]
    assert desk.push(900).outcome == "retry"
    desk.receiver.answers += [PROBED, *[Answer(500, stored=False)] * 3]

    result = desk.push()

    assert (result.outcome, result.rejected) == ("delivered", {})
    assert desk.newest(16) == [(60 * ago, 7) for ago in reversed(range(16))]


def test_a_page_in_place_of_the_first_answer_does_not_cost_the_past(tmp_path: Path) -> None:
    """What a sign-in page or a broken connection says about a receiver's past is not believed."""
    now = [START_S]
    with (
        strict_receiver(now=lambda: now[0]) as receiver,
        fault_proxy(receiver.server.url, passes) as proxy,
    ):
        desk = Desk(tmp_path, receiver, now, proxy.url + WRITE_PATH)
        desk.home.main().write(homes.assistant("msg_1", output=7, at_s=START_S - 300))
        for fault in (Fault.PORTAL, Fault.REDIRECT, Fault.TRUNCATED):
            proxy.decide = only_queries(fault)
            assert desk.push().outcome == "retry"
        proxy.decide = passes

        assert desk.push().outcome == "delivered"

        assert [value for _, value in desk.newest(5)] == [7] * 5


def only_queries(fault: Fault) -> Decide:
    """Let it happen to queries alone."""
    return lambda head: fault if head.method == "GET" else Fault.PASS


def passes(_: Request) -> Fault:
    """Nothing bad."""
    return Fault.PASS


def _die(*_: object) -> None:
    raise KeyboardInterrupt
