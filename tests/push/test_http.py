"""The HTTP client against real sockets: what goes out and what comes back."""

from __future__ import annotations

import base64
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from push_client import client, post
from receivers import Answer, Conversation, LoopbackServer, always, serve

from ccpush.config.settings import Authorization, BasicAuth, HttpConfig, Secret
from ccpush.push.failure import Failure
from ccpush.push.http import HttpClient, Reply

if TYPE_CHECKING:
    import pytest


def _authorization_seen(server: LoopbackServer) -> str:
    scheme, _, value = server.requests[-1].headers["authorization"].partition(" ")
    return base64.b64decode(value).decode() if scheme == "Basic" else f"{scheme} {value}"


def test_a_request_arrives_as_given_and_the_answer_comes_back() -> None:
    """Method, path, headers and body go out unchanged; status, headers and body come back."""
    with serve(always(200, {"X-Seen": "yes"}, b"fine")) as server, client(server.url) as sender:
        reply = sender.request("PUT", server.url + "/a/b?c=d", {"X-Ours": "1"}, b"\x00\xff")

    assert isinstance(reply, Reply)
    assert (reply.status, reply.headers["x-seen"], reply.body_text) == (200, "yes", "fine")
    (request,) = server.requests
    assert (request.method, request.target, request.body) == ("PUT", "/a/b?c=d", b"\x00\xff")
    assert request.headers["x-ours"] == "1"
    assert request.headers["user-agent"] == "ccpush/test"
    assert request.headers["accept-encoding"] == "identity"


def test_configured_headers_are_sent_but_replace_none_of_the_protocols() -> None:
    """A configured header goes out; the ones that the protocol and we prescribe win over it."""
    headers = {"X-Scope-OrgID": "team", "content-type": "no", "USER-AGENT": "no"}
    with serve(always()) as server, client(server.url, headers=headers) as sender:
        post(sender, server.url)

    seen = server.requests[0].headers
    assert (seen["x-scope-orgid"], seen["content-type"], seen["user-agent"]) == (
        "team",
        "text/plain",
        "ccpush/test",
    )


def test_connections_are_used_again() -> None:
    """Requests that follow each other share one connection, whatever the status was."""
    answers = [Answer(200, {}, b"ok"), Answer(204), Answer(400, {}, b"bad"), Answer(500)]

    def script(conversation: Conversation) -> None:
        while conversation.read():
            conversation.answer(answers.pop(0))

    with serve(script) as server, client(server.url) as sender:
        replies = [post(sender, server.url) for _ in range(4)]

    assert [reply.status for reply in replies if isinstance(reply, Reply)] == [200, 204, 400, 500]
    assert server.connections == 1


def test_an_idle_connection_is_not_trusted() -> None:
    """After half a minute, or when the clock was set back, a new connection is made."""
    clock = [1000.0]
    config = HttpConfig(url="http://unused")
    with serve(always()) as server:
        sender = HttpClient(config, "ccpush/test", now=lambda: clock[0])
        with contextlib.closing(sender):
            for now, connections in [(1000.0, 1), (1029.0, 1), (1060.0, 2), (900.0, 3)]:
                clock[0] = now
                post(sender, server.url)
                assert server.connections == connections


def test_a_password_file_is_read_for_every_request(tmp_path: Path) -> None:
    """A changed password takes effect at the next request; user and password are UTF-8."""
    password = tmp_path / "password"
    password.write_text("eins\n", encoding="utf-8")
    basic = BasicAuth("jörg", None, Secret(file=password))
    with serve(always()) as server, client(server.url, basic_auth=basic) as sender:
        post(sender, server.url)
        assert _authorization_seen(server) == "jörg:eins"
        password.write_text("zwei:ß", encoding="utf-8")
        post(sender, server.url)
        assert _authorization_seen(server) == "jörg:zwei:ß"


def test_a_user_name_may_come_from_a_file(tmp_path: Path) -> None:
    """``username_file`` gives the user name, without its line end."""
    username = tmp_path / "username"
    username.write_text("anna\n", encoding="utf-8")
    basic = BasicAuth(None, username, Secret("secret"))
    with serve(always()) as server, client(server.url, basic_auth=basic) as sender:
        post(sender, server.url)

    assert _authorization_seen(server) == "anna:secret"


def test_a_missing_password_file_sends_nothing(tmp_path: Path) -> None:
    """Without the credentials asked for there is no request, and the file is named."""
    basic = BasicAuth("anna", None, Secret(file=tmp_path / "absent"))
    with serve(always()) as server, client(server.url, basic_auth=basic) as sender:
        failure = post(sender, server.url)

    assert isinstance(failure, Failure)
    assert failure.kind == "setup"
    assert "absent" in failure.message
    assert server.requests == []


def test_a_token_is_sent_with_its_type() -> None:
    """``authorization`` becomes the header as configured."""
    config = Authorization("Bearer", Secret("t0ken"))
    with serve(always()) as server, client(server.url, authorization=config) as sender:
        post(sender, server.url)

    assert _authorization_seen(server) == "Bearer t0ken"


def test_a_token_file_is_read_for_every_request(tmp_path: Path) -> None:
    """A rotated token takes effect at the next request, over the same connection."""
    token = tmp_path / "token"
    token.write_text("one\n")
    config = Authorization("Bearer", Secret(file=token))
    with serve(always()) as server, client(server.url, authorization=config) as sender:
        post(sender, server.url)
        token.write_text("two\n")
        post(sender, server.url)

    seen = [request.headers["authorization"] for request in server.requests]
    assert seen == ["Bearer one", "Bearer two"]
    assert server.connections == 1


def test_user_and_password_in_the_url_are_used_and_never_shown() -> None:
    """Credentials in the URL become basic auth; no sentence of ours repeats them."""
    with serve(always()) as server:
        url = f"http://anna:s%40cret@127.0.0.1:{server.port}/write"
        with client(url) as sender:
            post(sender, url)
    with client(url) as sender:
        failure = post(sender, url)

    assert _authorization_seen(server) == "anna:s@cret"
    assert server.requests[0].target == "/write"
    assert isinstance(failure, Failure)
    assert "s%40cret" not in repr(failure)
    assert "anna" not in repr(failure)


def test_a_netrc_file_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry for the host in ``~/.netrc`` neither adds nor replaces an Authorization header."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login evil password evil\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    config = Authorization("Bearer", Secret("t0ken"))
    with serve(always()) as server:
        with client(server.url) as sender:
            post(sender, server.url)
        with client(server.url, authorization=config) as sender:
            post(sender, server.url)

    assert "authorization" not in server.requests[0].headers
    assert _authorization_seen(server) == "Bearer t0ken"


def test_cookies_are_not_kept() -> None:
    """A cookie that the receiver sets does not come back to it."""
    with serve(always(200, {"Set-Cookie": "a=b"})) as server, client(server.url) as sender:
        post(sender, server.url)
        post(sender, server.url)

    assert all("cookie" not in request.headers for request in server.requests)


def test_redirects_are_not_followed() -> None:
    """A redirect is an answer like any other: one request, no GET after it."""
    location = {"Location": "/elsewhere"}
    with serve(always(301, location)) as server, client(server.url) as sender:
        reply = post(sender, server.url)

    assert isinstance(reply, Reply)
    assert (reply.status, reply.headers["Location"]) == (301, "/elsewhere")
    assert [request.method for request in server.requests] == ["POST"]


def test_a_receiver_that_quotes_a_token_does_not_get_it_shown() -> None:
    """The words of an answer go to terminals and logs; the credentials sent are cut out of them."""

    def script(conversation: Conversation) -> None:
        while request := conversation.read():
            conversation.answer(Answer(403, {}, request.headers["authorization"].encode()))

    config = Authorization("Bearer", Secret("t0ken"))
    with serve(script) as server, client(server.url, authorization=config) as sender:
        reply = post(sender, server.url)

    assert isinstance(reply, Reply)
    assert reply.body_text == "Bearer <hidden>"
