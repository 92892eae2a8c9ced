"""Several sinks at once: nobody waits for a dead one, and a stop is quick."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from push_offers import numbered, offer
from receivers import Conversation, always, serve
from servers import wait_until
from strict import strict_receiver

from ccpush.config.settings import HttpConfig, PushgatewayConfig, RemoteWriteConfig, Settings
from ccpush.push.build import build_sinks
from ccpush.push.pump import Pump
from ccpush.push.sink import Offer, PushResult, Sink


class Record:
    """What a pump has recorded, and in which threads."""

    def __init__(self) -> None:
        self.results: list[tuple[str, Offer, PushResult]] = []
        self.threads: set[int] = set()

    def __call__(self, sink: Sink, made: Offer, result: PushResult) -> None:
        self.results.append((sink.name, made, result))
        self.threads.add(threading.get_ident())

    @property
    def outcomes(self) -> dict[str, str]:
        return {name: result.outcome for name, _, result in self.results}


@contextlib.contextmanager
def _pump(record: Record, deadline_s: float = 5.0, **urls: str) -> Iterator[Pump]:
    """A pump with a Pushgateway sink for each name and URL."""
    blocks = tuple(PushgatewayConfig(name, HttpConfig(url=url)) for name, url in urls.items())
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(Path(folder), pushgateway=blocks)
        pump = Pump(build_sinks(settings), record, deadline_s)
        try:
            yield pump
        finally:
            pump.stop()


def _settings(folder: Path, **sinks: Any) -> Settings:
    return Settings((), False, folder, folder, folder, **sinks)


def _hang(conversation: Conversation) -> None:
    conversation.read()
    conversation.hang()


def test_every_sink_gets_the_offer_and_the_caller_records() -> None:
    """Results of all sinks are recorded in the calling thread before ``offer`` returns."""
    record = Record()
    made = offer(numbered(3))
    with (
        serve(always(200)) as one,
        serve(always(202)) as two,
        _pump(record, one=one.url, two=two.url) as pump,
    ):
        unfinished = pump.offer(made)

    assert unfinished == ()
    assert sorted((name, found is made) for name, found, _ in record.results) == [
        ("one", True),
        ("two", True),
    ]
    assert record.outcomes == {"one": "delivered", "two": "delivered"}
    assert record.threads == {threading.get_ident()}
    assert [request.method for request in (one.requests[-1], two.requests[-1])] == ["PUT", "PUT"]


def test_remote_write_sinks_push_at_once_from_one_ledger(tmp_path: Path) -> None:
    """Each has its own cursors and its own connection: a dead one is nothing to the others."""
    record = Record()
    with strict_receiver() as one, strict_receiver() as two, serve(_hang) as dead:
        urls = {"one": one.url, "two": two.url, "dead": dead.url}
        blocks = tuple(RemoteWriteConfig(name, HttpConfig(url=url)) for name, url in urls.items())
        settings = _settings(tmp_path, remote_write=blocks)
        pump = Pump(build_sinks(settings), record, 2.0)
        try:
            made = offer(numbered(3), now_s=time.time())
            unfinished = [sink.name for sink in pump.offer(made)]
        finally:
            pump.stop()
        pump.collect()

    assert unfinished == ["dead"]
    assert record.outcomes == {"one": "delivered", "two": "delivered", "dead": "retry"}
    assert one.samples.keys() == two.samples.keys()
    assert sum(one.batch_sizes) == sum(two.batch_sizes) > 3


def test_a_hanging_sink_delays_no_other() -> None:
    """While one sink hangs, the other gets every offer; the hanging one is skipped."""
    record = Record()
    with (
        serve(always(200)) as live,
        serve(_hang) as dead,
        _pump(record, 0.3, live=live.url, dead=dead.url) as pump,
    ):
        started = time.monotonic()
        unfinished = [[sink.name for sink in pump.offer(offer(numbered(1)))] for _ in range(3)]
        elapsed = time.monotonic() - started

    assert unfinished == [["dead"]] * 3
    assert [name for name, _, _ in record.results] == ["live"] * 3
    # One deadline for the first; then the dead one is known to be busy and not waited for.
    assert elapsed < 0.6
    assert len(dead.requests) == 1


def test_a_late_result_is_recorded_by_the_next_call() -> None:
    """A sink that comes back after the deadline gives its result then, and the next offer too."""
    record = Record()
    go_on = threading.Event()

    def slow(conversation: Conversation) -> None:
        while conversation.read():
            go_on.wait(10.0)
            conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    first, second = offer(numbered(1)), offer(numbered(2))
    with serve(slow) as server, _pump(record, 0.1, slow=server.url) as pump:
        assert [sink.name for sink in pump.offer(first)] == ["slow"]
        assert record.results == []
        go_on.set()
        wait_until(lambda: not pump.offer(second), 5.0, "the second offer delivered")

    assert [(found, result.sent) for _, found, result in record.results] == [
        (first, 1),
        (second, 2),
    ]


def test_a_late_result_may_come_while_another_sink_is_waited_for() -> None:
    """It is recorded at once; the sink that gave it still has not had the newer offer."""
    record = Record()
    go_on = threading.Event()

    def late(conversation: Conversation) -> None:
        conversation.read()
        go_on.wait(10.0)
        conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def waits_for_the_late_one(conversation: Conversation) -> None:
        while conversation.read():
            if record.results:
                go_on.set()
                wait_until(lambda: "late" in record.outcomes, 5.0, "the late result")
            conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with (
        serve(late) as one,
        serve(waits_for_the_late_one) as two,
        _pump(record, 1.0, late=one.url, other=two.url) as pump,
    ):
        names = [[sink.name for sink in pump.offer(offer(numbered(1)))] for _ in range(2)]

    assert names == [["late"], ["late"]]
    assert [name for name, _, _ in record.results] == ["other", "late", "other"]


def test_a_stop_ends_a_waiting_offer_within_a_second() -> None:
    """``stop`` from another thread cuts the sockets; what became of the push is recorded."""
    record = Record()
    reached = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.read()
        reached.set()
        conversation.hang()

    with serve(script) as server, _pump(record, 30.0, hung=server.url) as pump:
        thread = threading.Thread(target=lambda: pump.offer(offer(numbered(1))))
        thread.start()
        assert reached.wait(5.0)
        started = time.monotonic()
        clean = pump.stop()
        thread.join(5.0)
        elapsed = time.monotonic() - started

    assert clean
    assert elapsed < 1.0
    assert record.outcomes == {"hung": "retry"}


def test_results_of_a_stop_are_collected_afterwards() -> None:
    """One-shot: offer until the deadline, stop, collect; nothing is left unrecorded."""
    record = Record()
    with serve(_hang) as server, _pump(record, 0.1, hung=server.url) as pump:
        assert [sink.name for sink in pump.offer(offer(numbered(2)))] == ["hung"]
        assert pump.stop()
        pump.collect()

    ((_, _, result),) = record.results
    assert (result.outcome, result.retried, result.error) == (
        "retry",
        2,
        "stopped before the answer came",
    )


def test_after_a_stop_nothing_is_pushed() -> None:
    """An offer after the end is given to no sink, and says so."""
    record = Record()
    with serve(always(200)) as server, _pump(record, one=server.url) as pump:
        pump.stop()
        unfinished = [sink.name for sink in pump.offer(offer(numbered(1)))]

    assert (unfinished, server.requests, record.results) == (["one"], [], [])


def test_a_stop_leaves_no_thread() -> None:
    """All threads of a pump have ended when ``stop`` returns."""
    before = threading.active_count()
    with serve(always(200)) as server:
        with_server = threading.active_count()
        with _pump(Record(), one=server.url, two=server.url) as pump:
            pump.offer(offer(numbered(1)))
            assert threading.active_count() > with_server
        wait_until(lambda: not _push_threads(), 1.0, "no thread of the pump")
    wait_until(lambda: threading.active_count() <= before, 5.0, "no thread at all")


def _push_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("push ")]


class Broken:
    """A sink with a mistake in it."""

    name = "broken"
    kind = "pushgateway"

    def push(self, made: Offer) -> PushResult:
        raise ZeroDivisionError("a mistake")

    def abort(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_mistake_in_a_sink_reaches_the_caller_after_the_others_are_recorded(
    tmp_path: Path,
) -> None:
    """An exception is not lost in a thread, and costs no other sink its result."""
    record = Record()
    config = PushgatewayConfig("fine", HttpConfig(url=""))
    with serve(always(200)) as server:
        config = PushgatewayConfig("fine", HttpConfig(url=server.url))
        settings = _settings(tmp_path, pushgateway=(config,))
        pump = Pump([Broken(), *build_sinks(settings)], record, 5.0)  # type: ignore[list-item]
        for _ in range(2):
            with pytest.raises(ZeroDivisionError, match="a mistake"):
                pump.offer(offer(numbered(1)))
        pump.stop()

    assert [name for name, _, _ in record.results] == ["fine", "fine"]
