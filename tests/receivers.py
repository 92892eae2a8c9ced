"""Servers of our own for tests, real ones on loopback sockets, that do what a script says.

:func:`serve` runs a script for each connection, which may break every rule of HTTP. What is built
on it: the strict remote-write receiver (``strict.py``) and the fault proxy (``fault_proxy.py``).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

Script = Callable[["Conversation"], None]


@dataclass(frozen=True)
class Request:
    """One request as it came; header names in lower case, ``repeated`` those that came twice."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    repeated: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Answer:
    """What to answer a request with.

    The strict receiver also knows status 0, no answer at all, and ``stored``: whether it keeps
    what it got; None is what the status says.
    """

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    stored: bool | None = None


class Conversation:
    """One connection, from the server's side."""

    def __init__(self, server: LoopbackServer, sock: socket.socket) -> None:
        self.server = server
        self.sock = sock
        self._in = sock.makefile("rb")

    def read(self) -> Request | None:
        """The next request, None at the end of the connection, also when that is inside one."""
        head = self.read_head()
        if head is None:
            return None
        size = int(head.headers.get("content-length", "0"))
        request = replace(head, body=self.read_body(size))
        if len(request.body) < size:
            return None
        self.server.requests.append(request)
        return request

    def read_head(self) -> Request | None:
        """The next request without its body, which is left to :meth:`read_body`."""
        line = self._in.readline().decode("latin-1")
        if not line:
            return None
        method, target, _ = line.split(" ")
        headers: dict[str, str] = {}
        repeated: set[str] = set()
        while (line := self._in.readline().decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = line.partition(":")
            if name.lower() in headers:
                repeated.add(name.lower())
            headers[name.lower()] = value.strip()
        return Request(method, target, headers, b"", frozenset(repeated))

    def read_body(self, size: int) -> bytes:
        """The next bytes of a body; fewer at the end of the connection."""
        return self._in.read(size)

    def answer(self, answer: Answer) -> None:
        """A complete answer that keeps the connection."""
        self.send(rendered(answer))

    def send(self, data: bytes) -> None:
        """Exactly these bytes."""
        self.sock.sendall(data)

    def reset(self) -> None:
        """End the connection with a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def hang(self, timeout_s: float = 20.0) -> bool:
        """Do nothing until the test is over; True then, False when the time is up first."""
        return self.server.over.wait(timeout_s)

    def close(self) -> None:
        """End the connection."""
        self._in.close()
        self.sock.close()


def rendered(answer: Answer) -> bytes:
    """An answer as it goes over the wire."""
    headers = dict(answer.headers)
    if answer.status != 204:
        headers.setdefault("Content-Length", str(len(answer.body)))
    lines = [f"HTTP/1.1 {answer.status} Whatever", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + answer.body


class LoopbackServer:
    """A listening socket whose connections each run ``script`` in a thread."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.over = threading.Event()
        self._script = script
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[Conversation] = []
        self.port = int(self._listening.getsockname()[1])
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def stop(self) -> None:
        """End everything and wait for the threads."""
        self.over.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for conversation in self._open:
            with contextlib.suppress(OSError):
                conversation.sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5.0)
        for conversation in self._open:
            conversation.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._talk, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _talk(self, sock: socket.socket) -> None:
        try:
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True)
        except OSError:
            # The client did not like our certificate.
            sock.close()
            return
        conversation = Conversation(self, sock)
        self._open.append(conversation)
        # A client that goes away in the middle is part of many tests.
        with contextlib.suppress(OSError, ValueError):
            self._script(conversation)
            sock.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def serve(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[LoopbackServer]:
    """A server on a free loopback port; it stops at the end of the block."""
    server = LoopbackServer(script, tls)
    try:
        yield server
    finally:
        server.stop()


def always(
    status: int = 204, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Script:
    """A script that gives every request the same answer."""

    def script(conversation: Conversation) -> None:
        while conversation.read() is not None:
            conversation.answer(Answer(status, headers or {}, body))

    return script
