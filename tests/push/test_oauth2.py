"""OAuth2's client credentials: how a token is asked for, how long it is kept, where it goes."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from push_client import post
from receivers import Answer, Conversation, LoopbackServer, always, serve

from ccpush.config.settings import HttpConfig, OAuth2, Secret
from ccpush.push.http import HttpClient, Reply


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


def token(name: str, **more: object) -> Answer:
    """An endpoint's answer with this token."""
    body = json.dumps({"access_token": name, "token_type": "bearer", **more})
    return Answer(200, {"Content-Type": "application/json"}, body.encode())


@contextlib.contextmanager
def answering(*answers: Answer) -> Iterator[LoopbackServer]:
    """A server that gives these answers in turn, and the last one from then on."""
    left = list(answers)

    def script(conversation: Conversation) -> None:
        while conversation.read():
            conversation.answer(left.pop(0) if len(left) > 1 else left[0])

    with serve(script) as server:
        yield server


@contextlib.contextmanager
def client(
    receiver: LoopbackServer, endpoint: LoopbackServer, now: Clock | None = None, **settings: Any
) -> Iterator[HttpClient]:
    """A client of ``receiver`` with tokens of ``endpoint``."""
    settings = {"client_id": "ada", "client_secret": Secret("s3cret"), **settings}
    oauth2 = OAuth2(endpoint=HttpConfig(url=endpoint.url + "/token?tenant=a"), **settings)
    config = HttpConfig(url=receiver.url, timeout_s=5.0, oauth2=oauth2)
    made = HttpClient(config, "ccpush/test", now=now or Clock())
    with contextlib.closing(made):
        yield made


def tokens_seen(receiver: LoopbackServer) -> list[str]:
    """The Authorization headers that a receiver got."""
    return [request.headers["authorization"] for request in receiver.requests]


def test_a_token_is_asked_for_and_kept() -> None:
    """One request to the endpoint, as RFC 6749 has it, then its token with every request."""
    with serve(always()) as receiver, answering(token("abc", expires_in=3600)) as endpoint:
        settings: dict[str, Any] = {
            "client_id": "ada:lovelace/1",
            "client_secret": Secret("s3 cret+ü"),
            "scopes": ("write", "read"),
            "endpoint_params": {"audience": "a b"},
        }
        with client(receiver, endpoint, **settings) as sender:
            replies = [post(sender, receiver.url) for _ in range(3)]

    assert [reply.status for reply in replies if isinstance(reply, Reply)] == [204] * 3
    assert tokens_seen(receiver) == ["Bearer abc"] * 3
    (asked,) = endpoint.requests
    assert (asked.method, asked.target) == ("POST", "/token?tenant=a")
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.headers["user-agent"] == "ccpush/test"
    scheme, _, credentials = asked.headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(credentials)) == (
        "Basic",
        b"ada%3Alovelace%2F1:s3+cret%2B%C3%BC",
    )
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["write read"],
        "audience": ["a b"],
    }
    assert receiver.connections == endpoint.connections == 1


@pytest.mark.parametrize("status", [400, 401])
def test_an_endpoint_may_want_the_secret_in_the_body(status: int) -> None:
    """When it refuses the header, id and secret go into the body; so they do from then on."""
    clock = Clock()
    refused = Answer(status, {}, b'{"error": "invalid_client"}')
    answers = (refused, token("one", expires_in=60), token("two", expires_in=60))
    with (
        serve(always()) as receiver,
        answering(*answers) as endpoint,
        client(receiver, endpoint, clock) as sender,
    ):
        post(sender, receiver.url)
        clock.now_s += 60
        post(sender, receiver.url)

    assert tokens_seen(receiver) == ["Bearer one", "Bearer two"]
    assert ["authorization" in asked.headers for asked in endpoint.requests] == [True, False, False]
    for asked in endpoint.requests[1:]:
        form = parse_qs(asked.body.decode())
        assert (form["client_id"], form["client_secret"]) == (["ada"], ["s3cret"])


def test_the_place_of_the_secret_is_looked_for_once() -> None:
    """An endpoint that took the header is not asked in another way when it refuses later."""
    clock = Clock()
    answers = (token("one", expires_in=60), Answer(401), token("two", expires_in=60))
    with (
        serve(always()) as receiver,
        answering(*answers) as endpoint,
        client(receiver, endpoint, clock) as sender,
    ):
        for _ in range(3):
            post(sender, receiver.url)
            clock.now_s += 60

    assert tokens_seen(receiver) == ["Bearer one", "Bearer two"]
    assert all("authorization" in asked.headers for asked in endpoint.requests)


@pytest.mark.parametrize(
    ("lifetime", "kept_s"),
    [
        ({"expires_in": 60}, 49.9),
        ({"expires_in": "60"}, 49.9),
        ({"expires_in": 60.5}, 50.4),
        ({}, 1e9),
        ({"expires_in": 0}, 1e9),
        ({"expires_in": None}, 1e9),
        ({"expires_in": "soon"}, 1e9),
        ({"expires_in": 10**400}, 1e9),
    ],
)
def test_a_token_is_kept_until_shortly_before_it_expires(
    lifetime: dict[str, object], kept_s: float
) -> None:
    """Ten seconds before ``expires_in`` a new one is fetched; without it, a token is for ever."""
    clock = Clock()
    with (
        serve(always()) as receiver,
        answering(token("abc", **lifetime)) as endpoint,
        client(receiver, endpoint, clock) as sender,
    ):
        post(sender, receiver.url)
        clock.now_s += kept_s
        post(sender, receiver.url)
        assert len(endpoint.requests) == 1
        if kept_s < 100:
            clock.now_s += 0.2
            post(sender, receiver.url)
            assert len(endpoint.requests) == 2


@pytest.mark.parametrize("step_s", [0.0, -1.0])
def test_a_token_whose_age_is_not_known_is_not_kept(step_s: float) -> None:
    """One that expires at once, or under a clock that was set back, is fetched anew."""
    clock = Clock()
    expires_in = 10 if step_s == 0.0 else 3600
    with (
        serve(always()) as receiver,
        answering(token("abc", expires_in=expires_in)) as endpoint,
        client(receiver, endpoint, clock) as sender,
    ):
        post(sender, receiver.url)
        clock.now_s += step_s
        post(sender, receiver.url)

    assert len(endpoint.requests) == 2


@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "text/plain; x=y"])
def test_an_endpoint_may_answer_with_a_form(media_type: str) -> None:
    """Some endpoints give the token as a form and not in JSON."""
    clock = Clock()
    form = b"access_token=a%2Bb&token_type=MAC&expires_in=60"
    with (
        serve(always()) as receiver,
        answering(Answer(200, {"Content-Type": media_type}, form)) as endpoint,
        client(receiver, endpoint, clock) as sender,
    ):
        post(sender, receiver.url)
        clock.now_s += 60
        post(sender, receiver.url)

    assert tokens_seen(receiver) == ["MAC a+b"] * 2
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize(
    ("kind", "sent"), [("bearer", "Bearer"), ("BEARER", "Bearer"), ("", "Bearer"), ("DPoP", "DPoP")]
)
def test_the_type_of_a_token_goes_before_it(kind: str, sent: str) -> None:
    """Receivers are picky about the case of Bearer, and endpoints are not."""
    with (
        serve(always()) as receiver,
        answering(token("abc", token_type=kind)) as endpoint,
        client(receiver, endpoint) as sender,
    ):
        post(sender, receiver.url)

    assert tokens_seen(receiver) == [f"{sent} abc"]


def test_a_token_that_is_no_longer_taken_is_replaced_once() -> None:
    """A 401 to a kept token: a new one is fetched and the request sent again, within the call."""
    answers = (Answer(204), Answer(401), Answer(200, {}, b"fine"))
    with (
        answering(*answers) as receiver,
        answering(token("one"), token("two")) as endpoint,
        client(receiver, endpoint) as sender,
    ):
        replies = [post(sender, receiver.url, b"sample") for _ in range(2)]

    assert [reply.status for reply in replies if isinstance(reply, Reply)] == [204, 200]
    assert tokens_seen(receiver) == ["Bearer one", "Bearer one", "Bearer two"]
    assert [request.body for request in receiver.requests] == [b"sample"] * 3


def test_a_new_token_that_is_not_taken_ends_the_request() -> None:
    """A 401 to a token just fetched is the answer; the next request asks for a new one."""
    with (
        serve(always(401)) as receiver,
        answering(token("one"), token("two")) as endpoint,
        client(receiver, endpoint) as sender,
    ):
        replies = [post(sender, receiver.url) for _ in range(2)]

    assert [reply.status for reply in replies if isinstance(reply, Reply)] == [401, 401]
    assert tokens_seen(receiver) == ["Bearer one", "Bearer two"]


def test_a_changed_secret_file_takes_effect_at_once(tmp_path: Path) -> None:
    """A token fetched with another secret is not used any more, however long it would last."""
    file = tmp_path / "secret"
    file.write_text("eins\n")
    with (
        serve(always()) as receiver,
        answering(token("one", expires_in=3600), token("two", expires_in=3600)) as endpoint,
        client(receiver, endpoint, client_secret=Secret(file=file)) as sender,
    ):
        post(sender, receiver.url)
        file.write_text("zwei\n")
        post(sender, receiver.url)

    assert tokens_seen(receiver) == ["Bearer one", "Bearer two"]
    asked = [request.headers["authorization"][6:] for request in endpoint.requests]
    assert [base64.b64decode(each) for each in asked] == [b"ada:eins", b"ada:zwei"]


def test_without_oauth2_none_of_its_code_is_loaded() -> None:
    """A client without ``oauth2`` does not pay for it."""
    code = (
        "import sys, ccpush.config.sinks; from ccpush.config.settings import HttpConfig;"
        "from ccpush.push.http import HttpClient;"
        "HttpClient(HttpConfig(url='http://127.0.0.1/'), 'ccpush/test').close();"
        "print([name for name in sys.modules if name.startswith('ccpush') and 'oauth' in name])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout == "[]\n"
