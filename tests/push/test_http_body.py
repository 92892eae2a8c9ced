"""What the HTTP client makes of the bodies of answers: short and safe ones, long and whole ones."""

from __future__ import annotations

import pytest
from push_client import client, post
from receivers import Conversation, always, serve

from ccpush.push.http import Reply


def test_an_error_body_is_cut_and_made_safe() -> None:
    """Of a body, its beginning is kept: one printable line, without control characters."""
    body = b"a\x1b[31mb\r\n\x00c \xff\xe2\x80\xae d\n" + b"x" * 5000
    with serve(always(400, {}, body)) as server, client(server.url) as sender:
        reply = post(sender, server.url)

    assert isinstance(reply, Reply)
    assert reply.body_text.startswith("a [31mb c \N{REPLACEMENT CHARACTER} d xxx")
    assert len(reply.body_text) == 1024


def test_an_endless_error_body_costs_nothing() -> None:
    """A body of any length is read for a few kilobytes and the connection given up."""
    sent = [0]

    def script(conversation: Conversation) -> None:
        conversation.read()
        conversation.send(b"HTTP/1.1 500 No\r\nContent-Length: 1000000000\r\n\r\n")
        while sent[0] < 1_000_000_000:
            conversation.send(b"y" * 65536)
            sent[0] += 65536

    with serve(script) as server, client(server.url) as sender:
        reply = post(sender, server.url)

    assert isinstance(reply, Reply)
    assert (reply.status, reply.body_text) == (500, "y" * 1024)
    assert sent[0] < 50_000_000


def test_a_compressed_bomb_is_not_unpacked() -> None:
    """A body that claims to be compressed, though we never ask for it, is left as it is."""
    headers = {"Content-Encoding": "gzip"}
    with serve(always(400, headers, b"not gzip")) as server, client(server.url) as sender:
        reply = post(sender, server.url)

    assert isinstance(reply, Reply)
    assert reply.body_text == "not gzip"


def test_a_long_body_is_read_when_asked_for() -> None:
    """``max_body_bytes`` is how much of a body comes back, raw; ``complete`` says that it is all."""
    text = bytes(range(256)) * 12_000
    with serve(always(200, {}, text)) as server, client(server.url) as sender:
        whole = sender.request("GET", server.url, {}, b"", max_body_bytes=8_000_000)
        exact = sender.request("GET", server.url, {}, b"", max_body_bytes=len(text))
        part = sender.request("GET", server.url, {}, b"", max_body_bytes=len(text) - 1)
        usual = sender.request("GET", server.url, {}, b"")

    assert [request.method for request in server.requests] == ["GET"] * 4
    replies = [each for each in (whole, exact, part, usual) if isinstance(each, Reply)]
    assert [reply.body for reply in replies] == [text, text, text[:-1], text[:4096]]
    assert [reply.complete for reply in replies] == [True, True, False, False]
    assert len({reply.body_text for reply in replies}) == 1


@pytest.mark.parametrize("length", [b"Content-Length: 9000", b"Transfer-Encoding: chunked"])
def test_a_long_body_that_is_cut_is_not_complete(length: bytes) -> None:
    """What came of a body before it was cut comes back, and is not taken for all of it."""

    def script(conversation: Conversation) -> None:
        conversation.read()
        conversation.send(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n\r\n10\r\n0123456789abcdef\r\n")

    with serve(script) as server, client(server.url) as sender:
        reply = sender.request("GET", server.url, {}, b"", max_body_bytes=100_000)

    assert isinstance(reply, Reply)
    assert (reply.status, reply.complete) == (200, False)


def test_a_body_without_a_length_that_we_cut_is_not_complete() -> None:
    """At the deadline we cut the connection ourselves, which looks like the body's end."""

    def script(conversation: Conversation) -> None:
        conversation.read()
        conversation.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        conversation.hang()

    with serve(script) as server, client(server.url, timeout_s=1.0) as sender:
        reply = sender.request("GET", server.url, {}, b"", max_body_bytes=100_000)

    assert isinstance(reply, Reply)
    assert (reply.body, reply.complete) == (b"half", False)
