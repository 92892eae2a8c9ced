"""OAuth2 when there is no token: what is told, and that what was to be sent is kept."""

from __future__ import annotations

import base64
import contextlib
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from push_client import post
from receivers import Answer, Conversation, Script, always, serve

from ccpush.config.settings import HttpConfig, OAuth2, Secret, TlsConfig
from ccpush.push.failure import Failure
from ccpush.push.http import HttpClient, Reply
from ccpush.push.outcome import judge

SECRET = "s3cret+x"
JSON = {"Content-Type": "application/json"}


@contextlib.contextmanager
def client(
    url: str, token_url: str, timeout_s: float = 5.0, **endpoint: Any
) -> Iterator[HttpClient]:
    """A client with tokens from ``token_url``."""
    oauth2 = OAuth2("ada", Secret(SECRET), HttpConfig(url=token_url, **endpoint))
    config = HttpConfig(url=url, timeout_s=timeout_s, oauth2=oauth2)
    with contextlib.closing(HttpClient(config, "ccpush/test")) as made:
        yield made


def failure_of(script: Script) -> tuple[Failure, str]:
    """What a request fails with when the endpoint does as scripted, and the endpoint's address."""
    with serve(always()) as receiver, serve(script) as endpoint:
        with client(receiver.url, endpoint.url) as sender:
            failure = post(sender, receiver.url)
        assert isinstance(failure, Failure)
        assert receiver.requests == []
        verdict = judge(failure, "remote_write", receiver.url, 0.0)
        assert (verdict.outcome, verdict.unclear) == ("retry", False)
    return failure, endpoint.url[7:]


ANSWERS: dict[str, tuple[Answer, str, str]] = {
    "wrong secret": (
        Answer(401, JSON, b'{"error": "invalid_client", "error_description": "who?"}'),
        "answered 401 Unauthorized: invalid_client who?",
        "check client_id and client_secret of oauth2",
    ),
    "wrong scope": (
        Answer(400, JSON, b'{"error": "invalid_scope"}'),
        "answered 400 Bad Request: invalid_scope",
        "check client_id, client_secret, scopes and endpoint_params of oauth2",
    ),
    "error in a success": (
        Answer(200, JSON, b'{"error": "bad\\u001b_id", "access_token": "t0ken"}'),
        "answered 200 OK: bad _id",
        "check client_id, client_secret, scopes and endpoint_params of oauth2",
    ),
    "wrong path": (
        Answer(404, {"Content-Type": "text/html"}, b"<html><p>no</p></html>"),
        "answered 404 Not Found",
        "check oauth2.token_url; redirects are not followed",
    ),
    "redirect": (
        Answer(302, {"Location": "/elsewhere"}),
        "answered 302 Found",
        "check oauth2.token_url; redirects are not followed",
    ),
    "words": (Answer(503, {}, b"later\x00, please"), "answered 503 Service Unavailable: later , please", ""),
    "portal": (
        Answer(200, {"Content-Type": "text/html"}, b"<html>sign in, t0ken</html>"),
        "answered without an access_token",
        "sign in to the network this machine is in, or check oauth2.token_url",
    ),
    "other name": (
        Answer(200, JSON, b'{"id_token": "t0ken"}'),
        "answered without an access_token",
        "sign in to the network this machine is in, or check oauth2.token_url",
    ),
    "list": (
        Answer(200, JSON, b'["t0ken"]'),
        "answered without an access_token",
        "sign in to the network this machine is in, or check oauth2.token_url",
    ),
    "deep": (
        Answer(200, JSON, b"[" * 900_000),
        "answered without an access_token",
        "sign in to the network this machine is in, or check oauth2.token_url",
    ),
    "endless": (
        Answer(200, JSON, b'{"x": "' + b"t0ken" * 300_000 + b'", "access_token": "y"}'),
        "answered without an access_token; the answer was cut off",
        "sign in to the network this machine is in, or check oauth2.token_url",
    ),
    "not UTF-8": (
        Answer(200, {"Content-Type": "text/plain"}, b"access_token=\xff\xfe"),
        "answered without an access_token",
        "sign in to the network this machine is in, or check oauth2.token_url",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_without_a_token_is_told(name: str) -> None:
    """What the endpoint said and what to look at; nothing is sent, and it is tried again later."""
    answer, words, hint = ANSWERS[name]
    failure, where = failure_of(always(answer.status, answer.headers, answer.body))

    assert failure == Failure(
        "token", f"no OAuth2 token: the token endpoint {where} {words}", hint or None
    )
    assert "t0ken" not in repr(failure)


@pytest.mark.parametrize("token", ["a\\nX-Injected: 1", "snow\\u2603man"])
def test_a_token_that_no_header_can_hold(token: str) -> None:
    """A token is checked before it becomes a header, and never shown."""
    body = b'{"access_token": "%s"}' % token.encode()
    failure, where = failure_of(always(200, JSON, body))

    assert failure.message == (
        f"no OAuth2 token: the token endpoint {where} gave a token that no header can hold"
    )


def _quoting(conversation: Conversation) -> None:
    """An endpoint that answers with everything it was sent."""
    while request := conversation.read():
        sent = request.headers.get("authorization", "").encode() + b" " + request.body
        conversation.answer(Answer(500, {}, sent + b" " + SECRET.encode()))


def test_an_endpoint_that_quotes_the_secret_does_not_get_it_shown() -> None:
    """Neither the secret, nor its encoded forms, nor the header made of it is in the error."""
    failure, _ = failure_of(_quoting)

    assert failure.message.count("<hidden>") == 2
    encoded = base64.b64encode(b"ada:s3cret%2Bx").decode()
    for form in (SECRET, "s3cret%2Bx", encoded):
        assert form not in repr(failure)


def test_a_secret_file_that_is_missing_is_named(tmp_path: Path) -> None:
    """Without its secret there is no request to anybody."""
    with serve(always()) as receiver, serve(always()) as endpoint:
        oauth2 = OAuth2("ada", Secret(file=tmp_path / "absent"), HttpConfig(url=endpoint.url))
        config = HttpConfig(url=receiver.url, oauth2=oauth2)
        with contextlib.closing(HttpClient(config, "ccpush/test")) as sender:
            failure = post(sender, receiver.url)

    assert isinstance(failure, Failure)
    assert failure.kind == "setup"
    assert failure.message.startswith(f"no OAuth2 token: {tmp_path / 'absent'}: found No such file")
    assert receiver.requests == endpoint.requests == []


def test_an_endpoint_that_is_not_there_is_told_as_such() -> None:
    """The address and the setting that are named are the endpoint's, not the receiver's."""
    with serve(always()) as endpoint:
        token_url = endpoint.url
    with client("http://127.0.0.1:1/", token_url) as sender:
        failure = post(sender, "http://127.0.0.1:1/")

    assert failure == Failure(
        "unreachable",
        f"no OAuth2 token: {token_url[7:]} refuses connections",
        "is it running, and is the port in oauth2.token_url right?",
    )


def test_an_endpoint_has_its_own_tls_settings() -> None:
    """``oauth2.tls_config`` counts for the endpoint, and the receiver's does not."""
    ca = trustme.CA()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    trusted = TlsConfig(ca=Secret(ca.cert_pem.bytes().decode()))
    answer = always(200, JSON, b'{"access_token": "abc"}')
    with serve(always()) as receiver, serve(answer, context) as endpoint:
        with client(receiver.url, endpoint.url, tls=trusted) as sender:
            reply = post(sender, receiver.url)
        with client(receiver.url, endpoint.url) as sender:
            failure = post(sender, receiver.url)

    assert isinstance(reply, Reply)
    assert isinstance(failure, Failure)
    assert failure.kind == "tls"
    assert failure.hint == "set oauth2.tls_config.ca_file to the certificate of its CA"


def test_an_endpoint_has_its_own_proxy() -> None:
    """``oauth2.proxy_url`` is the way to the endpoint; the receiver is reached directly."""
    answer = always(200, JSON, b'{"access_token": "abc"}')
    with (
        serve(always()) as receiver,
        serve(answer) as proxy,
        client(receiver.url, "http://login.invalid/token", proxy_url=proxy.url) as sender,
    ):
        reply = post(sender, receiver.url)

    assert isinstance(reply, Reply)
    assert [request.target for request in proxy.requests] == ["http://login.invalid/token"]
    assert [request.target for request in receiver.requests] == ["/"]


def _silent(conversation: Conversation) -> None:
    conversation.read()
    conversation.hang()


def test_the_time_of_a_request_includes_the_tokens() -> None:
    """Endpoint and receiver share one deadline: whoever is slow, the request ends in time."""

    def slow(conversation: Conversation) -> None:
        conversation.read()
        conversation.hang(0.35)
        conversation.answer(Answer(200, JSON, b'{"access_token": "abc"}'))
        conversation.hang()

    with serve(_silent) as receiver, serve(_silent) as endpoint, serve(slow) as slow_endpoint:
        started = time.monotonic()
        with client(receiver.url, endpoint.url, timeout_s=0.5) as sender:
            no_token = post(sender, receiver.url)
        with client(receiver.url, slow_endpoint.url, timeout_s=0.5) as sender:
            no_answer = post(sender, receiver.url)
        elapsed = time.monotonic() - started
        where, whence = receiver.url[7:], endpoint.url[7:]

    assert no_token == Failure("token", f"no OAuth2 token: no answer from {whence} within 0.5 s")
    assert no_answer == Failure("timeout", f"no answer from {where} within 0.5 s")
    assert elapsed < 1.5


def test_an_abort_ends_the_wait_for_a_token() -> None:
    """A stop does not wait for an endpoint either."""
    reached = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.read()
        reached.set()
        conversation.hang()

    answers: list[Reply | Failure] = []
    with (
        serve(always()) as receiver,
        serve(script) as endpoint,
        client(receiver.url, endpoint.url, timeout_s=20.0) as sender,
    ):
        thread = threading.Thread(target=lambda: answers.append(post(sender, receiver.url)))
        thread.start()
        assert reached.wait(5.0)
        started = time.monotonic()
        sender.abort()
        thread.join(5.0)
        elapsed = time.monotonic() - started
    assert elapsed < 0.5
    assert answers == [Failure("aborted", "stopped before the answer came")]
