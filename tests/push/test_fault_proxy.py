"""The fault proxy does what it says, to both sides, and counts it."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
import servers
from fault_proxy import fault_proxy
from faults import Fault, at_random, in_turn
from hand_made import X, request_v1, write
from plain_http import Reply, send
from receivers import Answer, Conversation, serve
from strict import StrictReceiver, strict_receiver

BODY = b"0123456789" * 100_000
PAGE = b"<page>" * 1000


class Upstream:
    """A server that remembers how much of each request it got, and answers with a page."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, conversation: Conversation) -> None:
        while (head := conversation.read_head()) is not None:
            self.sizes.append(0)
            size = int(head.headers.get("content-length", "0"))
            while self.sizes[-1] < size and (got := conversation.read_body(1)):
                rest = conversation.read_body(min(size - self.sizes[-1] - 1, 50_000))
                self.sizes[-1] += len(got + rest)
            if self.sizes[-1] == size:
                conversation.answer(Answer(200, {"X-Told": head.headers["x-asked"]}, PAGE))


def _through(fault: Fault, upstream: Upstream, **settings: float) -> Reply | Exception:
    with (
        serve(upstream) as server,
        fault_proxy(server.url, in_turn([fault]), now=lambda: 1e9, **settings) as proxy,  # type: ignore[arg-type]
    ):
        try:
            return send(proxy.url + "/x?y", BODY, {"X-Asked": "z"})
        except (OSError, http.client.HTTPException) as error:
            return error
        finally:
            assert proxy.counts == Counter([fault])
            # What was cut may still be on its way to the server.
            least = len(BODY) * fault.forwarded + len(BODY) // 2 * (fault is Fault.CUT_BODY)
            servers.wait_until(lambda: sum(upstream.sizes) >= least, 5.0, "the server sees it")


def test_what_passes_is_not_changed() -> None:
    """Target, headers and body go through, and so does the answer."""
    upstream = Upstream()
    reply = _through(Fault.PASS, upstream)

    assert isinstance(reply, Reply)
    assert (reply.status, reply.headers["X-Told"], reply.body) == (200, "z", PAGE)
    assert upstream.sizes == [len(BODY)]


@pytest.mark.parametrize(
    ("fault", "sizes"),
    [(Fault.CUT_BEFORE, []), (Fault.CUT_BODY, [len(BODY) // 2]), (Fault.CUT_ANSWER, [len(BODY)])],
)
def test_a_cut_leaves_no_answer(fault: Fault, sizes: list[int]) -> None:
    """The server has seen nothing, half, or all of the request; the client can not tell."""
    upstream = Upstream()

    assert isinstance(_through(fault, upstream), ConnectionError)
    servers.wait_until(lambda: upstream.sizes == sizes, 5.0, f"{sizes}, not {upstream.sizes}")


@pytest.mark.parametrize("fault", [Fault.SLOW_BODY, Fault.SLOW_ANSWER])
def test_what_trickles_arrives_whole(fault: Fault) -> None:
    """In the time that was given, unless the client has less patience."""
    upstream = Upstream()
    started_s = time.monotonic()
    reply = _through(fault, upstream, slow_s=0.2)

    assert time.monotonic() - started_s >= 0.19
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body, upstream.sizes) == (200, PAGE, [len(BODY)])


@pytest.mark.parametrize(
    ("fault", "status", "header"),
    [
        (Fault.ERROR_BEFORE, 500, None),
        (Fault.ERROR_AFTER, 500, None),
        (Fault.BUSY_SECONDS, 429, ("Retry-After", "30")),
        (Fault.BUSY_DATE, 429, ("Retry-After", "Sun, 09 Sep 2001 01:47:10 GMT")),
        (Fault.PORTAL, 200, ("Content-Type", "text/html; charset=utf-8")),
        (Fault.REDIRECT, 302, None),
    ],
)
def test_other_answers_come_from_the_proxy(
    fault: Fault, status: int, header: tuple[str, str] | None
) -> None:
    """Only one of them is given after the server has seen the request."""
    upstream = Upstream()
    reply = _through(fault, upstream, retry_after_s=30.0)

    assert isinstance(reply, Reply)
    assert reply.status == status
    assert header is None or reply.headers[header[0]] == header[1]
    assert upstream.sizes == [len(BODY)] * (fault is Fault.ERROR_AFTER)
    assert (reply.headers["Location"] is not None) == (fault is Fault.REDIRECT)


def test_a_date_to_retry_after_is_a_date() -> None:
    """By the proxy's clock."""
    reply = _through(Fault.BUSY_DATE, Upstream(), retry_after_s=1.0)

    assert isinstance(reply, Reply)
    assert parsedate_to_datetime(reply.headers["Retry-After"]).timestamp() == 1e9 + 1


def test_a_truncated_answer_is_never_complete() -> None:
    """Wherever it is cut, in the head or in the body, the end is missing."""
    with (
        serve(Upstream()) as server,
        fault_proxy(server.url, lambda _: Fault.TRUNCATED, rng=random.Random(3)) as proxy,
    ):
        replies: list[Reply] = []
        for _ in range(20):
            try:
                replies.append(send(proxy.url, b"", {"X-Asked": "z"}))
            except (OSError, http.client.HTTPException):
                continue

    assert all(len(reply.body) < len(PAGE) for reply in replies)
    assert proxy.counts[Fault.TRUNCATED] == 20


def test_an_unreachable_server_is_a_bad_gateway() -> None:
    """A server that is gone is not the proxy's doing, and counted apart; another may take over."""
    with serve(Upstream()) as gone:
        pass
    with strict_receiver() as receiver, fault_proxy(gone.url, in_turn([])) as proxy:
        assert send(proxy.url, b"").status == 502
        proxy.target = receiver.server.url
        assert write(proxy.url + "/api/v1/write", request_v1((X, [(1, 1.0)]))).status == 204

    assert (proxy.unreachable, proxy.done) == (1, [Fault.PASS, Fault.PASS])


def test_chance_repeats_itself() -> None:
    """One seed, one sequence, with every fault in it; the weights are kept to."""
    head = None
    decide, again = (at_random(random.Random(11)) for _ in range(2))
    drawn = [decide(head) for _ in range(500)]  # type: ignore[arg-type]
    only = at_random(random.Random(11), {Fault.PORTAL: 1.0, Fault.PASS: 0.0})

    assert drawn == [again(head) for _ in range(500)]  # type: ignore[arg-type]
    assert set(drawn) == set(Fault)
    assert 200 < drawn.count(Fault.PASS) < 300
    assert {only(head) for _ in range(20)} == {Fault.PORTAL}  # type: ignore[arg-type]


def test_a_proxy_stops_at_once() -> None:
    """Whatever it is doing: waiting for a server that hangs, or trickling for an hour."""

    def hang(conversation: Conversation) -> None:
        conversation.read()
        conversation.hang()

    def ask(url: str) -> None:
        try:
            send(url, b"x" * 100)
        except (OSError, http.client.HTTPException):
            failed.append(url)

    failed: list[str] = []
    for fault in (Fault.PASS, Fault.SLOW_BODY):
        with serve(hang) as server, fault_proxy(server.url, in_turn([fault]), slow_s=3600) as proxy:
            asking = threading.Thread(target=ask, args=(proxy.url,))
            asking.start()
            servers.wait_until(lambda: server.connections == 1, 5.0, "the server is asked")
            started_s = time.monotonic()
            proxy.stop()
            asking.join(5.0)
            assert time.monotonic() - started_s < 1.0

    assert len(failed) == 2


def _until_delivered(url: str, receiver: StrictReceiver, step: int) -> None:
    body = request_v1((X, [(step, float(step))]))
    for _ in range(200):
        try:
            reply = write(url, body)
        except (OSError, http.client.HTTPException):
            continue
        # A head that was cut behind its first line passes for one without headers.
        if reply.status == 204 or (reply.status == 200 and not reply.body and not reply.headers):
            return
    raise AssertionError(f"never delivered: {step}")


def test_a_sender_that_tries_again_gets_everything_through() -> None:
    """The least that a sender can do delivers all, once, behind every fault there is."""
    with (
        strict_receiver() as receiver,
        fault_proxy(receiver.server.url, at_random(random.Random(5)), slow_s=0.01) as proxy,
    ):
        for step in range(1, 101):
            _until_delivered(proxy.url + "/api/v1/write", receiver, step)

    assert receiver.history("x") == [(step, float(step)) for step in range(1, 101)]
    assert set(proxy.counts) == set(Fault)
    assert receiver.requests > 100


@pytest.mark.integration
def test_a_real_server_stands_behind_it(tmp_path: Path) -> None:
    """Half a request leaves nothing in a Prometheus; one whose answer was lost is all there."""
    faults = [Fault.CUT_BODY, Fault.CUT_ANSWER, Fault.TRUNCATED, Fault.PASS]
    with (
        servers.prometheus("", tmp_path) as prometheus,
        fault_proxy(prometheus.url, in_turn(faults[:2])) as proxy,
    ):
        for step in (1, 2):
            with pytest.raises(ConnectionError):
                write(proxy.url + "/api/v1/write", request_v1((X, [(step, float(step))])))
        found = send(proxy.url + "/api/v1/query?query=x&time=1", method="GET")
        assert prometheus.query("x[1h]", 1.0)[0]["values"] == [[0.002, "2"]]

    assert b'"2"' in found.body
    assert proxy.done == [Fault.CUT_BODY, Fault.CUT_ANSWER, Fault.PASS]
