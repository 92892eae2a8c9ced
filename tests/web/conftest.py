"""A running pull endpoint, and a client that hides nothing."""

from __future__ import annotations

import http.client
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPMessage

import homes
import msgspec
import pytest
from shown import Element, shown

from ccpush.config.settings import WebConfig
from ccpush.ledger.query import read_account
from ccpush.ledger.recent import read_recent
from ccpush.ledger.store import open_ledger
from ccpush.log import configure
from ccpush.metrics.samples import Family, Sample
from ccpush.web.page.facts import DAYS, WEEKS, Facts
from ccpush.web.server import WebServer

FAMILIES = (
    Family(
        "claude_tool_use_total",
        "gauge",
        "Tool calls.",
        "",
        "grid",
        (Sample("claude_tool_use_total", (("tool", "Bash"),), 3.0),),
    ),
    Family(
        "claude_code_session_count_total",
        "counter",
        "Sessions.",
        "",
        "grid",
        (Sample("claude_code_session_count_total", (), 7.0),),
    ),
    Family(
        "claude_turn_duration_seconds",
        "histogram",
        "Turns.",
        "seconds",
        "grid",
        (
            Sample("claude_turn_duration_seconds_bucket", (("le", "5.0"),), 1.0),
            Sample("claude_turn_duration_seconds_bucket", (("le", "+Inf"),), 2.0),
            Sample("claude_turn_duration_seconds_sum", (), 30.0),
            Sample("claude_turn_duration_seconds_count", (), 2.0),
        ),
    ),
)


@dataclass
class Pages:
    """What a test says the program knows; replace a field to change it at run time."""

    families: Callable[[], tuple[Family, ...]] = lambda: FAMILIES
    ready: Callable[[], bool] = lambda: True
    facts: Callable[[], Facts] = field(default=lambda: pytest.fail("no facts were expected"))


@dataclass
class Reply:
    status: int
    headers: HTTPMessage
    body: bytes


@pytest.fixture
def home(tmp_path) -> homes.Home:
    """An empty Claude home."""
    return homes.Home(tmp_path / "home")


@pytest.fixture
def reader(tmp_path, home) -> homes.Reader:
    """A new ledger over the home."""
    return homes.Reader(tmp_path / "state", home)


def facts_of(reader: homes.Reader, **changed) -> Facts:
    """What the page is told of a ledger, as the resident process reads it."""
    with open_ledger(reader.state_dir, write=True) as connection:
        account = read_account(connection, reader.now_s, 900.0)
        recent = read_recent(connection, reader.now_s, days=DAYS, weeks=WEEKS)
    facts = Facts(version="1.2.3", instance="laptop", account=account, recent=recent)
    return msgspec.structs.replace(facts, **changed)


@pytest.fixture
def pages(reader) -> Pages:
    """The pages of the servers of this test; the page's figures are the reader's ledger's."""
    return Pages(facts=lambda: facts_of(reader))


@pytest.fixture
def look(serve, ask, pages, reader) -> Callable[..., Element]:
    """Ask a server for the page of the reader's ledger, with some of its facts changed."""

    def look_once(later_s=0.0, **changed):
        pages.facts = lambda: facts_of(reader, **changed)
        reply = ask(serve(now=lambda: reader.now_s + later_s), "/")
        assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        return shown(reply.body)

    return look_once


@pytest.fixture
def logged() -> io.StringIO:
    """What the servers of this test log, from debug on, one JSON object a line."""
    return io.StringIO()


@pytest.fixture
def serve(pages, logged) -> Iterator[Callable[..., WebServer]]:
    """Start a server on a free loopback port; each is stopped, and must do so within a second."""
    servers = []

    def start(config_file=None, host="127.0.0.1", port=0, **options):
        config = WebConfig(host=host, port=port, config_file=config_file)
        server = WebServer(config, pages, configure("debug", "json", logged), **options)
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 1.0


@pytest.fixture
def ask() -> Callable[..., Reply]:
    """Ask a server one thing over a connection of its own (TLS when ``tls`` is a context)."""

    def ask_once(server, path="/metrics", method="GET", headers=None, body=None, tls=None):
        host, port = server.address
        if tls is None:
            client = http.client.HTTPConnection(host, port, timeout=10)
        else:
            client = http.client.HTTPSConnection(host, port, timeout=10, context=tls)
        try:
            client.request(method, path, body=body, headers=headers or {})
            response = client.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            client.close()

    return ask_once
