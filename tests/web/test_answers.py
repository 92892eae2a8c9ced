"""What the endpoint answers, asked through a real socket."""

from __future__ import annotations

import gzip
import http.client
import json
import socket

import pytest
import servers
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from ccpush.errors import LedgerError
from ccpush.metrics.collector import render

TEXT = "text/plain; charset=utf-8"
TEXT_0_0_4 = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def raw(server, request: bytes) -> bytes:
    """What the server says to these bytes, until it closes."""
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(request)
        received = b""
        while chunk := client.recv(65536):
            received += chunk
        return received


def expected_samples(families):
    """Our samples as a set that can be compared."""
    return {(s.name, s.labels, s.value) for family in families for s in family.samples}


def samples_of(families):
    """A parser's samples as the same kind of set."""
    return {(s.name, tuple(sorted(s.labels.items())), s.value) for f in families for s in f.samples}


@pytest.mark.parametrize(
    ("accept", "content_type", "parse"),
    [
        (None, TEXT_0_0_4, parse_text),
        ("text/plain;version=0.0.4", TEXT_0_0_4, parse_text),
        ("text/plain;version=1.0.0", render((), "text/plain;version=1.0.0")[1], parse_text),
        ("application/openmetrics-text;version=1.0.0", OPENMETRICS, parse_openmetrics),
    ],
)
def test_metrics_come_in_the_format_asked_for(serve, ask, pages, accept, content_type, parse):
    """Each format parses back to exactly the samples that went in."""
    reply = ask(serve(), headers={"Accept": accept} if accept else {})
    assert (reply.status, reply.headers["Content-Type"].partition("; escaping=")[0]) == (
        200,
        content_type.partition("; escaping=")[0],
    )
    assert samples_of(parse(reply.body.decode())) == expected_samples(pages.families())
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("accepted", "is_gzip"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("identity", False),
        ("", False),
    ],
)
def test_gzip_only_when_it_is_asked_for(serve, ask, pages, accepted, is_gzip):
    """A client that takes gzip gets it and reads the same body; any other gets it plain."""
    reply = ask(serve(), headers={"Accept-Encoding": accepted})
    assert reply.headers["Content-Encoding"] == ("gzip" if is_gzip else None)
    assert reply.headers["Vary"] == "Accept, Accept-Encoding"
    body = gzip.decompress(reply.body) if is_gzip else reply.body
    assert body == render(pages.families())[0]


def test_names_restrict_what_is_sent(serve, ask):
    """``name[]`` keeps the named samples, as often as it is given, percent-encoded or not."""
    server = serve()
    reply = ask(
        server,
        "/metrics?name[]=claude_tool_use_total&name%5B%5D=claude_turn_duration_seconds_sum&x=1",
    )
    assert {name for name, _, _ in samples_of(parse_text(reply.body.decode()))} == {
        "claude_tool_use_total",
        "claude_turn_duration_seconds_sum",
    }
    assert ask(server, "/metrics?" + "name[]=x&" * 2000).status == 400


@pytest.mark.parametrize("path", ["/metrics", "/", "/-/healthy", "/-/ready", "/nothing"])
def test_head_is_get_without_the_body(serve, ask, path):
    """HEAD answers with the status and headers of GET, the length included, and no byte more."""
    server = serve()
    got, head = ask(server, path), ask(server, path, "HEAD")
    without_date = [
        {name: value for name, value in reply.headers.items() if name != "Date"}
        for reply in (got, head)
    ]
    assert head.status == got.status
    assert without_date[0] == without_date[1]
    assert head.headers["Content-Length"] == str(len(got.body))
    assert head.body == b""


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"])
@pytest.mark.parametrize("path", ["/metrics", "/"])
def test_other_methods_are_refused_by_name(serve, ask, method, path):
    """Anything but GET and HEAD gets 405 with what is allowed, also when it brings a body."""
    reply = ask(serve(), path, method, body=b"x" * 300_000)
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD")
    assert reply.body == b"Only GET, HEAD are answered here.\n"


def test_unknown_paths_get_a_sentence(serve, ask):
    """404 says where the metrics are, and never repeats what was asked."""
    reply = ask(serve(), "/<script>alert(1)</script>")
    assert (reply.status, reply.headers["Content-Type"]) == (404, TEXT)
    assert reply.body == b"There is nothing here; the metrics are at /metrics.\n"


def test_healthy_while_it_lives_ready_after_the_first_pass(serve, ask, pages):
    """``/-/healthy`` is always 200; ``/-/ready`` is 503 with a sentence until the pass is done."""
    pages.ready = lambda: False
    server = serve()
    assert ask(server, "/-/healthy").status == 200
    reply = ask(server, "/-/ready")
    assert (reply.status, reply.body) == (
        503,
        b"The first pass over the files is not complete yet.\n",
    )
    pages.ready = lambda: True
    assert ask(server, "/-/ready").status == 200


def events(logged, name):
    """The lines of the log about one kind of event."""
    return [
        line for line in map(json.loads, logged.getvalue().splitlines()) if line["event"] == name
    ]


def test_what_cannot_be_told_is_a_503_and_its_reason_is_in_the_log(serve, ask, pages, logged):
    """An error of the program becomes a 503 without its words, which are logged, and passes."""

    def fail():
        raise LedgerError("/home/ann/.local/state/ccpush: cannot be read", hint="look there")

    good, pages.families = pages.families, fail
    server = serve()
    reply = ask(server)
    assert (reply.status, reply.body) == (503, b"ccpush cannot tell just now; its log says why.\n")
    (line,) = events(logged, "web_unavailable")
    assert (line["level"], line["path"], line["error"], line["hint"]) == (
        "warning",
        "/metrics",
        "/home/ann/.local/state/ccpush: cannot be read",
        "look there",
    )
    pages.families = good
    assert ask(server).status == 200


def test_a_bug_is_answered_with_500_and_told_without_its_words(serve, ask, pages, logged):
    """An unforeseen exception costs one request; the log has its type and place, nobody its data."""

    def fail():
        raise ValueError("sentinel")

    pages.facts = fail
    server = serve()
    reply = ask(server, "/")
    assert (reply.status, reply.body) == (500, b"ccpush failed to answer; its log says why.\n")
    assert reply.headers["Connection"] == "close"
    servers.wait_until(lambda: bool(events(logged, "web_request_failed")), 10, "a line of the log")
    (line,) = events(logged, "web_request_failed")
    assert (line["level"], line["error"]) == ("error", "ValueError")
    assert "sentinel" not in logged.getvalue()
    assert ask(server, "/metrics").status == 200


def test_every_answer_keeps_a_browser_on_a_short_lead(serve, ask):
    """No foreign script, no frame, no sniffing, no caching, no version of us or of Python."""
    server = serve()
    for path in ("/", "/metrics", "/nothing"):
        headers = ask(server, path).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha2")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Server"] == "ccpush"


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:9101",
        "localhost.:1",
        "127.0.0.1",
        "127.8.9.10:80",
        "[::1]:9101",
        "host.docker.internal:9101",
        socket.gethostname(),
    ],
)
def test_on_loopback_own_names_are_answered(serve, ask, host):
    """Whoever reaches a loopback address by a name of this machine is served."""
    assert ask(serve(), headers={"Host": host}).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:9101",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "10.0.0.1",
        "[2001:db8::1]",
        "",
        "localhost@evil.example",
        "localhost:80:80",
        "evil.example/localhost",
    ],
)
def test_on_loopback_foreign_names_are_refused(serve, ask, host):
    """A page whose name resolves to loopback (DNS rebinding) gets 403 on every path."""
    server = serve()
    for path in ("/metrics", "/", "/-/healthy", "/nothing"):
        reply = ask(server, path, headers={"Host": host})
        assert reply.status == 403
        assert reply.body.startswith(b"This address serves only this machine")


def test_open_to_the_network_any_name_is_answered(serve, ask):
    """A listener beyond loopback cannot know its names and asks for none."""
    server = serve(host="0.0.0.0")
    assert ask(server, headers={"Host": "laptop.office.example:9101"}).status == 200


def test_a_request_has_one_host(serve):
    """HTTP/1.1 without Host or with two is a bad request; HTTP/1.0 may leave it out."""
    server = serve()
    assert raw(server, b"GET /-/healthy HTTP/1.1\r\nConnection: close\r\n\r\n").startswith(
        b"HTTP/1.1 400 "
    )
    twice = b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert raw(server, twice).startswith(b"HTTP/1.1 400 ")
    assert raw(server, b"GET /-/healthy HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    # the absolute form's host counts, not the header
    absolute = b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert raw(server, absolute).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"400"),
        (b"\xff\xfe\x00", b"400"),
        (b"<script>alert(1)</script>\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"505"),
        (b"GET //[ HTTP/1.0\r\n\r\n", b"404"),
        (b"GET http://[/ HTTP/1.0\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000, b"431"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n: y\r\n\r\n", b"400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"505"),
        (b"\r\n", None),
        (b"GET / HT", None),
    ],
)
def test_what_is_no_request_gets_a_sentence_or_nothing(serve, ask, request_bytes, status):
    """Garbage is refused without repeating a word of it, and the server goes on."""
    server = serve()
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(request_bytes)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
    assert answer.split(b" ")[1:2] == ([status] if status else [])
    assert b"script" not in answer.partition(b"\r\n\r\n")[2]
    assert ask(server).status == 200


def test_a_connection_is_kept_and_pipelined_requests_are_answered(serve):
    """HTTP/1.1 clients ask again on the same connection, even before the first answer."""
    server = serve()
    client = http.client.HTTPConnection(*server.address, timeout=10)
    try:
        local_ports = set()
        for _ in range(3):
            client.request("GET", "/-/healthy")
            assert client.getresponse().read() == b"ccpush is alive.\n"
            local_ports.add(client.sock.getsockname()[1])
        assert len(local_ports) == 1
    finally:
        client.close()
    ask_twice = (
        b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"
        b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    answers = raw(server, ask_twice)
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert answers.index(b"ccpush is alive.") < answers.index(b"ccpush is ready.")


def test_a_body_is_never_taken_for_a_request(serve):
    """What follows a head with a body is thrown away and the connection ends (no smuggling)."""
    smuggled = b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for framing in (b"Content-Length: %d" % len(smuggled), b"Transfer-Encoding: chunked"):
        request = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n" + framing + b"\r\n\r\n"
        answers = raw(serve(), request + smuggled)
        assert answers.count(b"HTTP/1.1") == 1
        assert b"Connection: close" in answers


def test_no_body_is_asked_for(serve):
    """``Expect: 100-continue`` gets its final answer at once."""
    request = (
        b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
        b"Expect: 100-continue\r\n\r\n"
    )
    with socket.create_connection(serve().address, timeout=10) as client:
        client.sendall(request)
        assert client.recv(65536).startswith(b"HTTP/1.1 405 ")


def test_requests_are_logged_at_debug_only_and_without_credentials(serve, ask, logged):
    """A scrape leaves one line, at debug, and no level shows an Authorization header."""
    server = serve()
    ask(server, "/metrics?x=1", headers={"Authorization": "Basic c2VudGluZWw6c2VudGluZWw="})
    (line,) = events(logged, "web_request")
    assert (line["level"], line["request"], line["status"]) == (
        "debug",
        "GET /metrics?x=1 HTTP/1.1",
        200,
    )
    assert "c2VudGluZWw" not in logged.getvalue()
