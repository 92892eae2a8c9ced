"""Headers of one's own, against real sockets: how they go out, and what they never replace."""

from __future__ import annotations

from pathlib import Path

import pytest
from push_client import client, post
from receivers import Answer, Conversation, Script, always, serve

from ccpush.config.settings import Secret
from ccpush.push.failure import Failure
from ccpush.push.http import Reply


def _lines_seen(heads: list[bytes], name: bytes) -> list[bytes]:
    lines = heads[-1].split(b"\r\n")
    return [line for line in lines if line.lower().startswith(name.lower() + b":")]


def _heads(heads: list[bytes]) -> Script:
    """A script that keeps the lines of each request as they came."""

    def script(conversation: Conversation) -> None:
        head = b""
        while data := conversation.sock.recv(65536):
            head += data
            if b"\r\n\r\n" in head:
                heads.append(head)
                head = b""
                conversation.answer(Answer())

    return script


def test_each_value_of_a_header_is_a_line_of_its_own(tmp_path: Path) -> None:
    """Values, secrets and files go out as Prometheus sends them: one line each, in this order."""
    file = tmp_path / "header"
    file.write_text(" third \n")
    several = {"X-Many": (Secret("first, really"), Secret("second"), Secret(file=file))}
    heads: list[bytes] = []
    with (
        serve(_heads(heads)) as server,
        client(server.url, headers={"X-One": "1"}, http_headers=several) as sender,
    ):
        reply = sender.request("GET", server.url, {}, b"")

    assert isinstance(reply, Reply)
    assert _lines_seen(heads, b"X-Many") == [
        b"X-Many: first, really",
        b"X-Many: second",
        b"X-Many: third",
    ]
    assert _lines_seen(heads, b"X-One") == [b"X-One: 1"]
    assert len(_lines_seen(heads, b"User-Agent")) == 1


def test_a_header_of_several_values_replaces_none_of_the_protocols() -> None:
    """What the protocol prescribes stands alone, whatever was configured beside it."""
    several = {"content-type": (Secret("no"), Secret("neither"))}
    heads: list[bytes] = []
    with serve(_heads(heads)) as server, client(server.url, http_headers=several) as sender:
        sender.request("GET", server.url, {"Content-Type": "text/plain"}, b"")

    assert _lines_seen(heads, b"Content-Type") == [b"Content-Type: text/plain"]


def test_a_header_file_is_read_for_every_request(tmp_path: Path) -> None:
    """A changed file takes effect at the next request; one that is gone stops it, by its name."""
    file = tmp_path / "header"
    file.write_text("one\n")
    headers = {"X-Key": (Secret(file=file),)}
    with serve(always()) as server, client(server.url, http_headers=headers) as sender:
        post(sender, server.url)
        file.write_text("two\n")
        post(sender, server.url)
        file.unlink()
        failure = post(sender, server.url)

    assert [request.headers["x-key"] for request in server.requests] == ["one", "two"]
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.message.partition(":")[0]) == ("setup", str(file))


@pytest.mark.parametrize("content", ["s3cret\r\nX-Injected: 1", "s3cret\N{SNOWMAN}"])
def test_a_header_file_that_no_header_can_hold(tmp_path: Path, content: str) -> None:
    """Such a file is told by its name, without what is in it, and nothing is sent."""
    file = tmp_path / "header"
    file.write_text(content, encoding="utf-8", newline="")
    headers = {"X-Key": (Secret(file=file),)}
    with serve(always()) as server, client(server.url, http_headers=headers) as sender:
        failure = post(sender, server.url)

    assert isinstance(failure, Failure)
    assert failure.message == (
        f"{file}: found something else; accepted: a value for the header X-Key, "
        "printable ASCII on one line"
    )
    assert "s3cret" not in repr(failure)
    assert server.requests == []
