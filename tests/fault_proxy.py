"""A proxy that does to HTTP requests what networks, proxies and sign-in pages do.

    with fault_proxy(prometheus.url, at_random(random.Random(7), {Fault.CUT_ANSWER: 1})) as proxy:
        push_to(proxy.url + "/api/v1/write")
        assert proxy.counts[Fault.CUT_ANSWER] > 0

A reverse proxy on a loopback port with a thread for each connection; what happens to a request is
decided before its body is read. Every wait ends with the block.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.utils import formatdate
from urllib.parse import urlsplit

from faults import Decide, Fault
from receivers import Answer, Conversation, LoopbackServer, Request, rendered, serve

UPSTREAM_TIMEOUT_S = 60.0
PIECES = 5
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


class FaultProxy:
    """A running proxy. ``target`` and ``decide`` may be set at any time, for the next requests.

    ``done`` is what was done, in order; ``unreachable`` counts the requests whose server did not
    answer, which the client is told with a 502.
    """

    def __init__(
        self,
        target: str,
        decide: Decide,
        *,
        slow_s: float,
        retry_after_s: float,
        rng: random.Random,
        now: Callable[[], float],
    ) -> None:
        self.target = target
        self.decide = decide
        self.slow_s = slow_s
        self.retry_after_s = retry_after_s
        self.done: list[Fault] = []
        self.unreachable = 0
        self.server: LoopbackServer
        self._rng = rng
        self._now = now
        self._lock = threading.Lock()
        self._upstream: set[socket.socket] = set()

    @property
    def url(self) -> str:
        """The proxy's root, to be used in place of the target's."""
        return self.server.url

    @property
    def counts(self) -> Counter[Fault]:
        """How often each thing was done."""
        return Counter(self.done)

    def stop(self) -> None:
        """Cut every connection, on both sides, and wait for the threads."""
        self.server.over.set()
        with self._lock:
            for sock in self._upstream:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        self.server.stop()

    def talk(self, conversation: Conversation) -> None:
        """Serve one connection until its end, or until it is cut."""
        try:
            while (head := conversation.read_head()) is not None:
                with self._lock:
                    fault = self.decide(head)
                    self.done.append(fault)
                if not self._do(fault, conversation, head):
                    return
        finally:
            conversation.close()

    def _do(self, fault: Fault, conversation: Conversation, head: Request) -> bool:
        """Whether the connection is still good for another request."""
        size = int(head.headers.get("content-length", "0"))
        if fault is Fault.CUT_BEFORE:
            conversation.reset()
            return False
        if fault is Fault.CUT_BODY:
            if size:
                self._send_half(replace(head, body=conversation.read_body(size // 2)), size)
            conversation.reset()
            return False
        request = replace(head, body=conversation.read_body(size))
        if len(request.body) < size:
            return False
        if not fault.forwarded:
            conversation.answer(self._own_answer(fault))
            return True
        answer = self._forward(request, slow=fault is Fault.SLOW_BODY)
        return self._hand_on(fault, conversation, answer)

    def _hand_on(self, fault: Fault, conversation: Conversation, answer: Answer) -> bool:
        if fault is Fault.CUT_ANSWER:
            conversation.reset()
            return False
        if fault is Fault.ERROR_AFTER:
            answer = Answer(500, {}, b"lost on the way back")
        data = rendered(answer)
        if fault is Fault.TRUNCATED:
            with self._lock:
                size = self._rng.randrange(1, len(data))
            conversation.send(data[:size])
            return False
        if fault is Fault.SLOW_ANSWER:
            self._trickle(data, conversation.send)
        else:
            conversation.send(data)
        return True

    def _own_answer(self, fault: Fault) -> Answer:
        if fault is Fault.BUSY_SECONDS:
            return Answer(429, {"Retry-After": f"{self.retry_after_s:.0f}"}, b"slow down")
        if fault is Fault.BUSY_DATE:
            date = formatdate(self._now() + self.retry_after_s, usegmt=True)
            return Answer(429, {"Retry-After": date}, b"slow down")
        if fault is Fault.PORTAL:
            page = b"<html><body>Welcome! Please sign in.</body></html>"
            return Answer(200, {"Content-Type": "text/html; charset=utf-8"}, page)
        if fault is Fault.REDIRECT:
            return Answer(302, {"Location": self.url + "/welcome"})
        return Answer(500, {}, b"out of order today")

    def _forward(self, request: Request, slow: bool) -> Answer:
        """The server's answer, 502 if there is none."""
        try:
            with self._connected() as upstream:
                self._send_head(upstream, request, len(request.body))
                if slow:
                    self._trickle(request.body, upstream.send)
                elif request.body:
                    upstream.send(request.body)
                found = upstream.getresponse()
                kept = {k: v for k, v in found.getheaders() if k.lower() not in _HOP_BY_HOP}
                return Answer(found.status, kept, found.read())
        except (OSError, http.client.HTTPException) as error:
            if self.server.over.is_set():
                raise ConnectionAbortedError from error
            self.unreachable += 1
            return Answer(502, {}, f"no answer: {error!r}".encode())

    def _send_half(self, request: Request, size: int) -> None:
        with contextlib.suppress(OSError), self._connected() as upstream:
            self._send_head(upstream, request, size)
            if request.body:
                upstream.send(request.body)

    def _send_head(self, upstream: http.client.HTTPConnection, request: Request, size: int) -> None:
        upstream.putrequest(
            request.method, request.target, skip_host=True, skip_accept_encoding=True
        )
        for name, value in request.headers.items():
            if name not in _HOP_BY_HOP:
                upstream.putheader(name, value)
        if size or request.method == "POST":
            upstream.putheader("content-length", str(size))
        upstream.endheaders()

    def _trickle(self, data: bytes, send: Callable[[bytes], None]) -> None:
        """All of it, in pieces, over ``slow_s``; ends early only with the proxy."""
        size = max(1, -(-len(data) // PIECES))
        for start in range(0, len(data), size):
            if self.server.over.wait(self.slow_s / PIECES):
                raise ConnectionAbortedError
            send(data[start : start + size])

    @contextlib.contextmanager
    def _connected(self) -> Iterator[http.client.HTTPConnection]:
        """A connection to the server, which :meth:`stop` can cut."""
        parts = urlsplit(self.target)
        upstream = http.client.HTTPConnection(
            str(parts.hostname), parts.port, timeout=UPSTREAM_TIMEOUT_S
        )
        upstream.connect()
        sock = upstream.sock
        with self._lock:
            self._upstream.add(sock)
        try:
            if self.server.over.is_set():
                raise ConnectionAbortedError
            yield upstream
        finally:
            with self._lock:
                self._upstream.discard(sock)
            upstream.close()


@contextlib.contextmanager
def fault_proxy(
    target: str,
    decide: Decide,
    *,
    slow_s: float = 0.2,
    retry_after_s: float = 1.0,
    rng: random.Random | None = None,
    now: Callable[[], float] = time.time,
) -> Iterator[FaultProxy]:
    """A proxy to the server at ``target`` (a root URL) that does what ``decide`` says.

    ``slow_s`` is how long a slow body or answer takes in all, ``rng`` says where answers are cut.
    """
    proxy = FaultProxy(
        target,
        decide,
        slow_s=slow_s,
        retry_after_s=retry_after_s,
        rng=rng or random.Random(0),
        now=now,
    )
    with serve(proxy.talk) as proxy.server:
        try:
            yield proxy
        finally:
            proxy.stop()
