"""Who is connected, and until when they may be.

Each connection has a deadline that moves with what it is doing; whoever is overdue is cut off,
whether it is slow to shake hands, to ask or to read. Sockets are ended here from other threads,
closed only by the thread that serves them. Knows nothing of HTTP.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

# What is read, and for how long, of a client that was answered before it had finished.
_MAX_LINGER_BYTES = 1_048_576
_LINGER_S = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How many at once, and how long each step of a connection may take, in seconds."""

    connections: int = 32
    # above ``connections``, so many more are told so; beyond that they are dropped unheard
    refusals: int = 32
    handshake_s: float = 10.0
    head_s: float = 10.0
    # making the answer (a scrape may collect for 5 s) and writing it
    answer_s: float = 30.0
    # longer than the usual scrape interval, so that Prometheus keeps its connection
    idle_s: float = 75.0
    refusal_s: float = 2.0
    # how long an answer under way is waited for when we stop
    stop_s: float = 0.5


@dataclass(slots=True, eq=False)
class Connection:
    """One client's socket; ``deadline`` on the monotonic clock, ``idle`` between two requests."""

    sock: socket.socket
    refused: bool
    deadline: float
    idle: bool = False


class Connections:
    """All open connections; safe to use from every thread."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self.limits = limits
        self._monotonic = monotonic
        self._open: set[Connection] = set()
        self._changed = threading.Condition()
        self._stopping = False

    @property
    def stopping(self) -> bool:
        """Whether no further request is to be taken."""
        return self._stopping

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, sock: socket.socket) -> Connection | None:
        """Take a new client in: ``refused`` if it is one too many, None if it must be dropped."""
        with self._changed:
            count = len(self._open)
            if self._stopping or count >= self.limits.connections + self.limits.refusals:
                return None
            refused = count >= self.limits.connections
            time_s = self.limits.refusal_s if refused else self.limits.handshake_s
            connection = Connection(sock, refused, self._monotonic() + time_s)
            self._open.add(connection)
            return connection

    def allow(self, connection: Connection, time_s: float, *, idle: bool = False) -> bool:
        """Give a connection so long from now; False when it must not go on, because we stop.

        A refused one keeps the little time it got.
        """
        with self._changed:
            if not connection.refused:
                connection.deadline = self._monotonic() + time_s
            connection.idle = idle
            return not (idle and self._stopping)

    def replace(self, connection: Connection, sock: socket.socket) -> bool:
        """Put the TLS socket in the place of the plain one; False when we stop.

        The plain one has given up its descriptor by then, so that ending it would do nothing.
        """
        with self._changed:
            connection.sock = sock
            return not self._stopping

    def close(self, connection: Connection) -> None:
        """Close a connection's socket and forget it; called by the thread that serves it."""
        with self._changed:
            # Forgotten first, so that nobody ends a descriptor that is somebody else's by then.
            self._open.discard(connection)
            self._changed.notify_all()
        connection.sock.close()

    def linger(self, connection: Connection) -> None:
        """Say that nothing more will come, and hear out a client that still talks.

        A socket closed over unread bytes resets the connection, and the answer may be lost.
        """
        self.allow(connection, _LINGER_S)
        # The raw socket, also under TLS: the bytes are thrown away.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(connection.sock, socket.SHUT_WR)
            left_bytes = _MAX_LINGER_BYTES
            while left_bytes > 0:
                read_bytes = len(socket.socket.recv(connection.sock, 65_536))
                left_bytes = left_bytes - read_bytes if read_bytes else 0

    def say_plainly(self, connection: Connection, words: bytes) -> None:
        """Send without TLS on a socket where the handshake has failed, and linger."""
        with contextlib.suppress(OSError):
            socket.socket.sendall(connection.sock, words)
        self.linger(connection)

    def cut_overdue(self) -> None:
        """End every connection that has used up its time."""
        now = self._monotonic()
        with self._changed:
            for connection in self._open:
                if connection.deadline <= now:
                    _end(connection.sock)

    def stop(self) -> None:
        """End the idle ones now, the others when they have answered or have had their time."""
        with self._changed:
            self._stopping = True
            for connection in self._open:
                if connection.idle:
                    _end(connection.sock)
            self._changed.wait_for(lambda: not self._open, self.limits.stop_s)
            for connection in self._open:
                _end(connection.sock)


def _end(sock: socket.socket) -> None:
    # socket's own shutdown, also for TLS: an SSLSocket's would pull the ground from under the
    # thread that reads from it. It fails when the client has gone, which is as good.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
