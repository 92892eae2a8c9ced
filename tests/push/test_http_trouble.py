"""The HTTP client when things go wrong: slow, cut, refused, aborted."""

from __future__ import annotations

import os
import socket
import threading
import time

import pytest
from push_client import client, post
from receivers import Answer, Conversation, Script, always, serve

from ccpush.config.settings import Authorization, Secret
from ccpush.push.failure import Failure
from ccpush.push.http import Reply


@pytest.mark.parametrize("part", ["status line", "headers", "nothing"])
def test_an_answer_that_never_comes_ends_at_the_timeout(part: str) -> None:
    """A receiver that drips its answer, or keeps silent, is given up after ``timeout_s`` in all."""
    start = {"status line": b"HTTP/1.1 2", "headers": b"HTTP/1.1 200 OK\r\nX-", "nothing": b""}[
        part
    ]

    def script(conversation: Conversation) -> None:
        conversation.read()
        conversation.send(start)
        # Each byte comes well within a read timeout.
        while not conversation.hang(0.05):
            if start:
                conversation.send(b"0")

    started = time.monotonic()
    with serve(script) as server, client(server.url, timeout_s=0.4) as sender:
        failure = post(sender, server.url)
        elapsed = time.monotonic() - started
        assert failure == Failure("timeout", f"no answer from {server.url[7:]} within 0.4 s")
    assert 0.3 < elapsed < 1.5


@pytest.mark.parametrize("close", [True, False])
def test_a_dripping_body_does_not_take_the_status_away(close: bool) -> None:
    """When the status has come, the time that its body takes is bounded and its end not needed."""
    header = b"Connection: close\r\n" if close else b""

    def script(conversation: Conversation) -> None:
        conversation.read()
        conversation.send(b"HTTP/1.1 200 OK\r\n" + header + b"Content-Length: 5000\r\n\r\n")
        while not conversation.hang(0.02):
            conversation.send(b"z")

    started = time.monotonic()
    with serve(script) as server, client(server.url, timeout_s=0.4) as sender:
        reply = post(sender, server.url)

    assert isinstance(reply, Reply)
    assert reply.status == 200
    assert 0.3 < time.monotonic() - started < 1.5


def test_a_server_that_does_not_read_ends_at_the_timeout() -> None:
    """A large request to a receiver that stops reading is given up after ``timeout_s``."""

    def script(conversation: Conversation) -> None:
        conversation.hang()

    with serve(script) as server, client(server.url, timeout_s=0.4) as sender:
        started = time.monotonic()
        failure = post(sender, server.url, b"x" * 50_000_000)
        elapsed = time.monotonic() - started

    assert isinstance(failure, Failure)
    assert failure.kind == "timeout"
    assert elapsed < 2.0


def test_the_client_goes_on_after_a_timeout() -> None:
    """The deadline of one request does not cut the next one."""
    silent = [True]

    def script(conversation: Conversation) -> None:
        while conversation.read():
            if silent[0]:
                conversation.hang(5.0)
                return
            conversation.answer(Answer(200))

    with serve(script) as server, client(server.url, timeout_s=0.3) as sender:
        first = post(sender, server.url)
        silent[0] = False
        second = post(sender, server.url)

    assert isinstance(first, Failure)
    assert isinstance(second, Reply)


def _cut_at_once(conversation: Conversation) -> None:
    conversation.reset()


def _cut_before_the_answer(conversation: Conversation) -> None:
    conversation.read()


def _cut_by_reset(conversation: Conversation) -> None:
    conversation.read()
    conversation.reset()


def _cut_in_the_headers(conversation: Conversation) -> None:
    conversation.read()
    conversation.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    conversation.reset()


@pytest.mark.parametrize(
    "script", [_cut_at_once, _cut_before_the_answer, _cut_by_reset, _cut_in_the_headers]
)
def test_a_cut_connection_is_a_failure(script: Script) -> None:
    """A connection that ends before the headers do is told as cut, with the receiver's address."""
    with serve(script) as server, client(server.url) as sender:
        failure = post(sender, server.url, b"x" * 10)
        where = server.url[7:]

    assert isinstance(failure, Failure)
    assert failure.kind == "cut"
    assert failure.message == f"the connection to {where} was cut before the answer was complete"


def test_a_connection_cut_within_the_body_still_gives_the_status() -> None:
    """When the headers have come, the receiver has decided; what is missing are its words."""

    def script(conversation: Conversation) -> None:
        conversation.read()
        conversation.send(b"HTTP/1.1 400 No\r\nContent-Length: 5000\r\n\r\nout of bou")
        conversation.reset()

    with serve(script) as server, client(server.url) as sender:
        reply = post(sender, server.url)

    assert isinstance(reply, Reply)
    assert reply.status == 400


def test_an_early_refusal_of_a_large_body_is_heard() -> None:
    """A receiver may answer and close before it has read everything (413)."""

    def script(conversation: Conversation) -> None:
        conversation.sock.recv(1000)
        conversation.send(b"HTTP/1.1 413 Too\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmuch")
        # A close with unread data would send a reset, which may overtake the answer.
        while conversation.sock.recv(1 << 20):
            pass

    with serve(script) as server, client(server.url) as sender:
        reply = post(sender, server.url, b"x" * 5_000_000)

    assert isinstance(reply, Reply)
    assert (reply.status, reply.body_text) == (413, "much")


def test_connections_that_end_leave_nothing_open() -> None:
    """Whatever becomes of a request, no file descriptor of it stays behind."""
    answers = [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall", b"HTTP/1.1 4", b""]
    turns = iter(range(100))

    def script(conversation: Conversation) -> None:
        conversation.read()
        conversation.send(answers[next(turns) % 3])
        conversation.close()

    with serve(script) as server, client(server.url) as sender:
        post(sender, server.url)
        before = len(os.listdir("/dev/fd"))
        for _ in range(12):
            post(sender, server.url)
        after = len(os.listdir("/dev/fd"))

    assert after <= before


def test_a_refused_connection_names_host_and_port() -> None:
    """Nobody listening: the address is told and what to look at."""
    with serve(always()) as server:
        url = server.url
    with client(url) as sender:
        failure = post(sender, url)

    assert failure == Failure(
        "unreachable",
        f"{url[7:]} refuses connections",
        "is it running, and is the port in url right?",
    )


def test_a_host_that_cannot_be_looked_up_is_named() -> None:
    """A name that has no address is a failure of its own kind (``.invalid`` never has one)."""
    url = "http://receiver.invalid:9090/api/v1/write"
    with client(url) as sender:
        failure = post(sender, url)

    assert isinstance(failure, Failure)
    assert failure.kind == "dns"
    assert failure.message.startswith("receiver.invalid:9090 cannot be looked up: ")


@pytest.mark.parametrize(
    ("host", "kind", "words"),
    [
        # The broadcast address: the system itself refuses to connect there.
        ("255.255.255.255", "unreachable", "255.255.255.255 cannot be reached: "),
        ("a" * 64 + ".example", "setup", " is not a possible host name"),
    ],
)
def test_an_impossible_host_is_told(host: str, kind: str, words: str) -> None:
    """What the system says about an address, or that it can be none."""
    with client(f"http://{host}/") as sender:
        failure = post(sender, f"http://{host}/")

    assert isinstance(failure, Failure)
    assert failure.kind == kind
    assert words in failure.message


def test_something_that_is_not_http_is_told() -> None:
    """Another protocol behind the port gives a sentence about url, not a traceback."""

    def script(conversation: Conversation) -> None:
        conversation.read()
        conversation.send(b"SSH-2.0-OpenSSH_9.2\r\n" * 10)

    with serve(script) as server, client(server.url) as sender:
        failure = post(sender, server.url)

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.message) == (
        "not_http",
        f"what {server.url[7:]} answered is not HTTP",
    )


@pytest.mark.parametrize("url", ["http://[::1", "http://host:99999/", "http://", "nonsense"])
def test_an_unusable_url_is_a_failure(url: str) -> None:
    """What config did not catch about a URL ends as a sentence with a hint."""
    with client(url) as sender:
        failure = post(sender, url)

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.hint) == ("setup", "check url")


@pytest.mark.parametrize("token", ["line\nbreak", "snow\N{SNOWMAN}man"])
def test_a_header_that_cannot_be_sent_does_not_show_its_value(token: str) -> None:
    """A token that no header can hold is told without repeating it."""
    config = Authorization("Bearer", Secret(token))
    with serve(always()) as server, client(server.url, authorization=config) as sender:
        failure = post(sender, server.url)

    assert failure == Failure("setup", "a header cannot be sent", "check headers and authorization")


def test_an_abort_ends_a_request_in_another_thread_at_once() -> None:
    """``abort`` cuts a request that waits for its answer; every later request fails too."""
    reached = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.read()
        reached.set()
        conversation.hang()

    answers: list[Reply | Failure] = []
    with serve(script) as server, client(server.url, timeout_s=20.0) as sender:
        thread = threading.Thread(target=lambda: answers.append(post(sender, server.url)))
        thread.start()
        assert reached.wait(5.0)
        started = time.monotonic()
        sender.abort()
        thread.join(5.0)
        elapsed = time.monotonic() - started
        later = post(sender, server.url)

    aborted = Failure("aborted", "stopped before the answer came")
    assert elapsed < 0.5
    assert answers == [aborted]
    assert later == aborted


def test_an_abort_ends_a_connect_under_way() -> None:
    """A connection that is not even made yet ends soon after an ``abort``."""
    answers: list[Reply | Failure] = []
    # A full queue: the kernel neither refuses nor accepts further connections.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        url = f"http://127.0.0.1:{port}/"
        with client(url, timeout_s=20.0) as sender:
            thread = threading.Thread(target=lambda: answers.append(post(sender, url)))
            thread.start()
            time.sleep(0.2)
            assert answers == []
            started = time.monotonic()
            sender.abort()
            thread.join(5.0)
            elapsed = time.monotonic() - started
        for sock in waiting:
            sock.close()

    assert elapsed < 0.5
    assert answers == [Failure("aborted", "stopped before the answer came")]
