"""Servers of our own for tests: one that does what a script says, and a strict remote-write one.

Both are real HTTP servers on loopback sockets. :func:`serve` runs a script for each connection and
may break every rule of HTTP; :func:`strict_receiver` holds a sender to every MUST of remote-write
1.0 and fails the test at the end if one was broken. Its decoder knows the field numbers from the
specification and shares no code with what it checks.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import snappy

Labels = tuple[tuple[str, str], ...]
Script = Callable[["Conversation"], None]


@dataclass(frozen=True)
class Request:
    """One request as it came; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What to answer a request with."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Conversation:
    """One connection, from the server's side."""

    def __init__(self, server: LoopbackServer, sock: socket.socket) -> None:
        self.server = server
        self.sock = sock
        self._in = sock.makefile("rb")

    def read(self) -> Request | None:
        """The next request, None at the end of the connection."""
        line = self._in.readline().decode("latin-1")
        if not line:
            return None
        method, target, _ = line.split(" ")
        headers: dict[str, str] = {}
        while (line := self._in.readline().decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = self._in.read(int(headers.get("content-length", "0")))
        request = Request(method, target, headers, body)
        self.server.requests.append(request)
        return request

    def answer(self, answer: Answer) -> None:
        """A complete answer that keeps the connection."""
        headers = dict(answer.headers)
        if answer.status != 204:
            headers.setdefault("Content-Length", str(len(answer.body)))
        lines = [f"HTTP/1.1 {answer.status} Whatever", *(f"{k}: {v}" for k, v in headers.items())]
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + answer.body)

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


@dataclass
class StrictReceiver:
    """What a sender has delivered, and every rule that it has broken.

    ``answers`` are given to the next requests in turn, 204 when there are none left; only what
    was answered with a 2xx is stored.
    """

    server: LoopbackServer
    samples: dict[Labels, list[tuple[int, float]]] = field(default_factory=dict)
    metadata: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    answers: deque[Answer] = field(default_factory=deque)
    batch_sizes: list[int] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.server.url + "/api/v1/write"

    def value(self, name: str, **labels: str) -> float:
        """The newest value of the one series with this name and these labels among its own."""
        wanted = {("__name__", name), *labels.items()}
        (found,) = (points for series, points in self.samples.items() if wanted <= set(series))
        return found[-1][1]


@contextlib.contextmanager
def strict_receiver() -> Iterator[StrictReceiver]:
    """A remote-write 1.0 receiver that fails the test when the sender breaks the specification."""

    def script(conversation: Conversation) -> None:
        while (request := conversation.read()) is not None:
            answer = receiver.answers.popleft() if receiver.answers else Answer()
            try:
                _take(receiver, request, stored=200 <= answer.status < 300)
            except (ValueError, IndexError, struct.error, snappy.UncompressError) as error:
                receiver.broken.append(f"cannot be decoded: {error!r}")
            conversation.answer(answer)

    with serve(script) as server:
        receiver = StrictReceiver(server)
        yield receiver
    assert receiver.broken == []


_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_HEADERS = {
    "content-encoding": "snappy",
    "content-type": "application/x-protobuf",
    "x-prometheus-remote-write-version": "0.1.0",
}


def _take(receiver: StrictReceiver, request: Request, stored: bool) -> None:
    broken = receiver.broken
    if request.method != "POST":
        broken.append(f"method {request.method}")
    for name, value in _HEADERS.items():
        if request.headers.get(name) != value:
            broken.append(f"header {name}: {request.headers.get(name)}")
    if not request.headers.get("user-agent"):
        broken.append("no User-Agent")
    message = decode(snappy.decompress(request.body))
    seen: set[Labels] = set()
    for labels, points in message.series:
        broken += _label_faults(labels)
        if labels in seen:
            broken.append(f"series twice in one request: {labels}")
        seen.add(labels)
        if not points:
            broken.append(f"series without samples: {labels}")
        if stored:
            _store(receiver, labels, points)
    receiver.batch_sizes.append(sum(len(points) for _, points in message.series))
    if stored:
        receiver.metadata |= message.metadata


def _label_faults(labels: Labels) -> list[str]:
    names = [name for name, _ in labels]
    faults = []
    if names != sorted(names):
        faults.append(f"labels not sorted: {names}")
    if len(names) != len(set(names)):
        faults.append(f"a label name twice: {names}")
    if not _METRIC_NAME.fullmatch(dict(labels).get("__name__", "")):
        faults.append(f"metric name: {labels}")
    faults += [f"label name: {name!r}" for name in names if not _LABEL_NAME.fullmatch(name)]
    faults += [f"label without value: {name!r}" for name, value in labels if not value]
    return faults


def _store(receiver: StrictReceiver, labels: Labels, points: list[tuple[int, float]]) -> None:
    known = receiver.samples.setdefault(labels, [])
    for ts_ms, value in points:
        if known and ts_ms < known[-1][0]:
            receiver.broken.append(f"{labels}: {ts_ms} after {known[-1][0]}")
        if known and ts_ms == known[-1][0] and _bits(value) != _bits(known[-1][1]):
            receiver.broken.append(f"{labels}: two values at {ts_ms}")
        known.append((ts_ms, value))


def _bits(value: float) -> bytes:
    return struct.pack("<d", value)


@dataclass(frozen=True)
class Message:
    """A decoded WriteRequest; metadata is name → (type, help, unit)."""

    series: list[tuple[Labels, list[tuple[int, float]]]]
    metadata: dict[str, tuple[int, str, str]]


def decode(data: bytes) -> Message:
    """A remote-write 1.0 WriteRequest, by the field numbers of the specification."""
    message = Message([], {})
    for number, value in _fields(data):
        assert isinstance(value, bytes)
        if number == 1:
            message.series.append(_series(value))
        elif number == 3:
            parts = dict(_fields(value))
            kind = parts.get(1, 0)
            assert isinstance(kind, int)
            message.metadata[_text(parts.get(2))] = (kind, _text(parts.get(4)), _text(parts.get(5)))
        else:
            raise ValueError(f"field {number} in WriteRequest")
    return message


def _series(data: bytes) -> tuple[Labels, list[tuple[int, float]]]:
    labels: list[tuple[str, str]] = []
    points: list[tuple[int, float]] = []
    for number, value in _fields(data):
        assert isinstance(value, bytes)
        parts = dict(_fields(value))
        if number == 1:
            labels.append((_text(parts.get(1)), _text(parts.get(2))))
        elif number == 2:
            (amount,) = struct.unpack("<d", bytes(parts.get(1, bytes(8))))
            ts_ms = parts.get(2, 0)
            assert isinstance(ts_ms, int)
            points.append((ts_ms - (1 << 64) if ts_ms >> 63 else ts_ms, amount))
        else:
            raise ValueError(f"field {number} in TimeSeries")
    return tuple(labels), points


def _text(value: int | bytes | None) -> str:
    assert not isinstance(value, int)
    return (value or b"").decode("utf-8")


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field number and value: varints as int, fixed64 and length-delimited as bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        size = 8
        if wire_type == 2:
            size, at = _varint(data, at)
        elif wire_type != 1:
            raise ValueError(f"wire type {wire_type}")
        if at + size > len(data):
            raise ValueError("cut off")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
