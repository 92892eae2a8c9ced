"""Listening, stopping, and clients that are slow, silent or too many."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import servers

from ccpush.config.settings import WebConfig
from ccpush.errors import CcpushError
from ccpush.log import configure
from ccpush.metrics.samples import Family, Sample
from ccpush.web.connections import Limits
from ccpush.web.server import WebServer

ALIVE = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"


def has_ipv6() -> bool:
    """Whether this machine has the IPv6 loopback address."""
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")


def connect(server) -> socket.socket:
    """A client that fails the test rather than wait for ever."""
    return socket.create_connection(server.address, timeout=10)


def answered(client: socket.socket) -> bytes:
    """Ask on a connection whether the server lives, and the answer."""
    client.sendall(ALIVE)
    words = client.recv(65536)
    while words and not words.endswith(b".\n"):
        words += client.recv(65536)
    return words


def ends(client: socket.socket) -> bool:
    """Whether the server ends the connection; fails the test if it says anything more."""
    try:
        return client.recv(65536) == b""
    except ConnectionResetError:
        return True


def own_threads() -> list[str]:
    """The names of the endpoint's threads that live."""
    return [t.name for t in threading.enumerate() if t.name.startswith("ccpush-web")]


def test_a_stopped_server_leaves_nothing_behind(serve):
    """After a stop the port is free at once, no thread lives on, and stopping again is harmless."""
    server = serve()
    address = server.address
    with connect(server) as client:
        assert answered(client).startswith(b"HTTP/1.1 200 ")
        server.stop()
        assert ends(client)
    servers.wait_until(lambda: own_threads() == [], 5, "all threads have ended")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=10)
    again = serve(port=address[1])
    with connect(again) as client:
        assert answered(client).startswith(b"HTTP/1.1 200 ")
    server.stop()


def test_stopping_what_never_started_is_harmless(pages, logged):
    """``stop`` may be called whatever happened before."""
    WebServer(WebConfig(), pages, configure("debug", "json", logged)).stop()


def test_stop_does_not_wait_for_idle_connections(serve):
    """Kept-alive connections, and new ones that have not asked yet, end at once."""
    server = serve(limits=Limits(stop_s=8.0))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(20)]
        for client in clients[:10]:
            answered(client)
        servers.wait_until(lambda: len(own_threads()) == 21, 5, "each client has its thread")
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 1.0
        assert all(ends(client) for client in clients)


def test_stop_does_not_wait_for_half_a_request(serve):
    """Who is in the middle of asking gets half a second, then the connection ends."""
    server = serve()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(20)]
        for client in clients[:10]:
            answered(client)
        clients[-1].sendall(b"GET /me")
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 1.0
        assert all(ends(client) for client in clients)


def test_stop_lets_an_answer_under_way_be_finished(serve, pages):
    """A scrape that is nearly done gets its whole answer, and is told that it was the last."""
    asked, go_on = threading.Event(), threading.Event()
    families = pages.families()

    def slow():
        asked.set()
        assert go_on.wait(10)
        return families

    pages.families = slow
    server = serve()
    client = http.client.HTTPConnection(*server.address, timeout=10)
    client.request("GET", "/metrics")
    assert asked.wait(10)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    go_on.set()
    response = client.getresponse()
    body = response.read()
    stopping.join(10)
    client.close()
    assert (response.status, len(body)) == (200, int(response.headers["Content-Length"]))


def test_stop_does_not_wait_for_an_answer_that_takes_long(serve, pages):
    """A collection that hangs does not keep the server from stopping within a second."""
    asked, go_on = threading.Event(), threading.Event()

    def hang():
        asked.set()
        assert go_on.wait(10)
        return ()

    pages.families = hang
    server = serve()
    with connect(server) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert asked.wait(10)
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 1.0
        assert ends(client)
    go_on.set()
    servers.wait_until(lambda: own_threads() == [], 5, "all threads have ended")


def failure_to_listen(pages, logged, host, port) -> CcpushError:
    """The error of a server that cannot have this address."""
    server = WebServer(WebConfig(host=host, port=port), pages, configure("debug", "json", logged))
    with pytest.raises(CcpushError) as failure:
        server.start()
    return failure.value


def test_a_port_taken_by_another_ccpush_is_told_so(serve, pages, logged):
    """Who starts ccpush twice learns that it runs already, and which setting moves this one."""
    port = serve().address[1]
    error = failure_to_listen(pages, logged, "127.0.0.1", port)
    assert str(error) == f"cannot listen on 127.0.0.1:{port}: the port is taken"
    assert error.hint == (
        "another ccpush answers there: stop it, or set web.listen_address to another port"
    )


def test_a_port_taken_by_anything_else_is_told_so(pages, logged):
    """Another program, silent or an HTTP server, is not called a ccpush."""
    hint = "stop what listens there, or set web.listen_address to another port"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = failure_to_listen(pages, logged, "127.0.0.1", silent.getsockname()[1])
        assert error.hint == hint

    class Silent(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Silent) as other:
        thread = threading.Thread(target=other.handle_request)
        thread.start()
        error = failure_to_listen(pages, logged, "127.0.0.1", other.server_address[1])
        thread.join(10)
        assert error.hint == hint


@pytest.mark.parametrize(
    ("host", "shown", "reason"),
    [
        ("192.0.2.1", "192.0.2.1:9101", "this is not an address of this machine"),
        ("no-such-host.invalid", "no-such-host.invalid:9101", "the host is not known"),
    ],
)
def test_an_address_that_is_not_ours_is_told_so(pages, logged, host, shown, reason):
    """A wrong host is an error that names the setting and gives an address that works."""
    error = failure_to_listen(pages, logged, host, 9101)
    assert str(error).startswith(f"cannot listen on {shown}: {reason}")
    assert "web.listen_address" in error.hint
    assert "127.0.0.1:9101" in error.hint


@needs_ipv6
@pytest.mark.parametrize(
    ("host", "reached_by"),
    [("::1", ["::1"]), ("::", ["::1", "127.0.0.1"]), ("", ["::1", "127.0.0.1"])],
)
def test_ipv6(serve, host, reached_by):
    """An IPv6 address is listened on; ``::`` and no host at all mean both IP versions."""
    server = serve(host=host)
    for ip in reached_by:
        with socket.create_connection((ip, server.address[1]), timeout=10) as client:
            assert answered(client).startswith(b"HTTP/1.1 200 ")
    assert server.url == f"http://[{server.address[0]}]:{server.address[1]}/metrics"


def test_localhost_is_the_ipv4_loopback(serve):
    """Who says localhost gets the address that every client tries."""
    assert serve(host="localhost").address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "words",
    [[b""], [b"GET /metrics HTTP/1.1\r\nHost: local"], [b"G", *[b"x"] * 100]],
    ids=["silent", "half a head", "drop by drop"],
)
def test_a_client_that_is_slow_to_ask_is_cut_off(serve, words):
    """However it spreads its bytes, a client has a fixed time for a request's head."""
    server = serve(limits=Limits(head_s=0.4))
    began = time.monotonic()
    with connect(server) as slow, contextlib.suppress(ConnectionError):
        slow.settimeout(0.05)
        for word in words:
            slow.sendall(word)
            with contextlib.suppress(TimeoutError):
                assert slow.recv(100) == b""
                break
        slow.settimeout(10)
        assert ends(slow)
    # two spans of 0.4 s at most (to begin, then to finish), and the sweep
    assert time.monotonic() - began < 2.0


def test_a_kept_connection_ends_when_it_is_not_used(serve):
    """An idle connection gives its thread back, one that is used goes on."""
    server = serve(limits=Limits(idle_s=0.6))
    with connect(server) as client:
        for _ in range(4):
            assert answered(client).startswith(b"HTTP/1.1 200 ")
            time.sleep(0.2)
        assert ends(client)


def test_a_client_that_does_not_read_is_cut_off(serve, pages):
    """An answer that nobody takes does not hold a thread for longer than its time."""
    labels = (("padding", "x" * 1000),)
    big = tuple(
        Family(f"claude_x{i}", "gauge", "X.", "", "now", (Sample(f"claude_x{i}", labels, 1.0),))
        for i in range(20_000)
    )
    pages.families = lambda: big
    server = serve(limits=Limits(connections=1, answer_s=1.0, refusal_s=0.5))
    with connect(server) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")

        def is_served():
            with connect(server) as other:
                return answered(other).startswith(b"HTTP/1.1 200 ")

        assert client.recv(100).startswith(b"HTTP/1.1 200 ")
        servers.wait_until(is_served, 10, "the only place is free again")


def test_one_client_too_many_is_told_so(serve):
    """Above the limit a client gets 503 and when to come again; a free place is given at once."""
    server = serve(limits=Limits(connections=3))
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(3)]
        for client in clients:
            assert answered(client).startswith(b"HTTP/1.1 200 ")
        with connect(server) as refused:
            refused.sendall(b"POST /metrics HTTP/1.1\r\nContent-Length: 9\r\n\r\nbody body")
            words = refused.recv(65536)
            assert words.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nRetry-After: 1\r\n" in words
            assert words.endswith(b"Too many connections at once; try again.\n")
            assert ends(refused)
        assert answered(clients[0]).startswith(b"HTTP/1.1 200 ")
        clients[0].close()

        def is_served():
            with connect(server) as other:
                return answered(other).startswith(b"HTTP/1.1 200 ")

        servers.wait_until(is_served, 10, "the place that became free")


def test_a_refused_client_has_little_time(serve):
    """One client too many that does not even ask is cut off long before others would be."""
    server = serve(limits=Limits(connections=1, head_s=60.0, refusal_s=0.3))
    with connect(server) as served:
        assert answered(served).startswith(b"HTTP/1.1 200 ")
        for words in (b"", b"GET / HTTP/1.1\r\n"):
            with connect(server) as refused:
                refused.sendall(words)
                assert ends(refused)


def test_far_too_many_clients_cost_nothing(serve):
    """Beyond those that are told, connections are dropped; the ones that are served go on."""
    server = serve(limits=Limits(connections=2, refusals=2, refusal_s=5.0))
    with contextlib.ExitStack() as stack:
        served = [stack.enter_context(connect(server)) for _ in range(2)]
        for client in served:
            assert answered(client).startswith(b"HTTP/1.1 200 ")
        flood = [stack.enter_context(connect(server)) for _ in range(50)]
        assert all(ends(client) for client in flood[2:])
        assert len([name for name in own_threads() if name.endswith("connection")]) == 4
        assert answered(served[1]).startswith(b"HTTP/1.1 200 ")


def test_many_clients_at_once_all_get_the_same(serve, ask, pages):
    """Two hundred scrapes by sixteen clients at a time all succeed, and no connection stays."""
    server = serve()
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: ask(server), range(200)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == 1
    servers.wait_until(lambda: own_threads() == ["ccpush-web"], 5, "all connections are closed")


@pytest.mark.parametrize("words", [b"", b"GET /metr", ALIVE])
def test_a_client_that_goes_away_is_nobodys_trouble(serve, ask, logged, words):
    """A connection that is reset, whenever it is, leaves no thread and at most a line at debug."""
    server = serve()
    with connect(server) as client:
        client.sendall(words)
        servers.wait_until(lambda: len(own_threads()) == 2, 5, "the client has its thread")
        # closed with a reset instead of a farewell
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    servers.wait_until(lambda: own_threads() == ["ccpush-web"], 5, "the connection is closed")
    assert ask(server).status == 200
    assert {json.loads(line)["level"] for line in logged.getvalue().splitlines()} <= {
        "debug",
        "info",
    }
