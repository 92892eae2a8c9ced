"""Which sockets does one HTTP client hold? Known here, so that they can be cut from outside.

urllib3 asks :class:`Wire` for every new connection. Wire keeps a second handle on each, so that a
deadline, or another thread, can end whatever is going on there: connecting, the TLS handshake,
sending, a server that drips its answer byte by byte. It never reads or writes a byte itself.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

# One address of a host may be dead (IPv6 on many networks); the next one must get its turn.
CONNECT_TIMEOUT_S = 10.0
# How soon a connect under way notices that it is to end.
_CONNECT_POLL_S = 0.1
_IN_PROGRESS = {errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR}


class Wire:
    """The sockets of one client. ``abort`` is for any thread, the rest for the requesting one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handles: list[tuple[HTTPConnection, socket.socket]] = []
        self._request: object | None = None
        self._expires_s = 0.0
        self.expired = False
        self.aborted = False

    @contextlib.contextmanager
    def deadline(self, timeout_s: float) -> Iterator[None]:
        """Cut every socket when the block takes longer than ``timeout_s``; sets ``expired``.

        What is blocked in there then ends with an ordinary connection error. The one thing that
        cannot be cut is the system's name lookup, which has time limits of its own.
        """
        request = object()
        with self._lock:
            self._request = request
            self._expires_s = time.monotonic() + timeout_s
            self.expired = False
        timer = threading.Timer(timeout_s, self._expire, (request,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._lock:
                self._request = None
            self.drop_closed()

    def abort(self) -> None:
        """Cut every socket, now and for good: later connects fail too."""
        with self._lock:
            self.aborted = True
            self._cut()

    def connect(self, connection: HTTPConnection, host: str, port: int) -> socket.socket:
        """A socket connected to the first address of ``host`` that takes it.

        Raises ``socket.gaierror``, ``TimeoutError`` or another ``OSError`` of the last address.
        """
        failure: OSError = socket.gaierror(socket.EAI_NONAME, "no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        ):
            sock = socket.socket(family, kind, protocol)
            try:
                self._connect(sock, address)
                self._keep(connection, sock)
            except OSError as error:
                sock.close()
                failure = error
                if self.aborted or self.expired:
                    break
            else:
                return sock
        raise failure

    def close(self) -> None:
        """Let go of the handles; the connections themselves are closed by who owns them."""
        with self._lock:
            for _, handle in self._handles:
                handle.close()
            self._handles.clear()

    def drop_closed(self) -> None:
        """Let go of the handles of closed connections."""
        # Only between requests: the body of a "Connection: close" answer is still being read when
        # urllib3 has already let go of the socket.
        with self._lock:
            for connection, handle in self._handles:
                if connection.sock is None:
                    handle.close()
            self._handles = [kept for kept in self._handles if kept[0].sock is not None]

    def _connect(self, sock: socket.socket, address: object) -> None:
        # Not sock.settimeout + connect: a connect under way cannot be cut on every system.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        error = sock.connect_ex(address)  # type: ignore[arg-type]
        if error in _IN_PROGRESS:
            error = self._await_connection(sock)
        if error:
            raise OSError(error, os.strerror(error))
        sock.settimeout(max(self._left_s(), _CONNECT_POLL_S))

    def _await_connection(self, sock: socket.socket) -> int:
        until_s = time.monotonic() + min(CONNECT_TIMEOUT_S, self._left_s())
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_WRITE)
            while not selector.select(_CONNECT_POLL_S):
                if self.aborted or time.monotonic() >= until_s:
                    return errno.ETIMEDOUT
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def _left_s(self) -> float:
        return self._expires_s - time.monotonic()

    def _keep(self, connection: HTTPConnection, sock: socket.socket) -> None:
        # A duplicate, because TLS takes the original apart, and because its number cannot be
        # given to another file while we hold it. Shutting down either end of it cuts both.
        handle = sock.dup()
        with self._lock:
            if self.aborted or self.expired:
                handle.close()
                raise ConnectionAbortedError(errno.ECONNABORTED, os.strerror(errno.ECONNABORTED))
            self._handles.append((connection, handle))

    def _expire(self, request: object) -> None:
        with self._lock:
            # The timer of a request that has just ended must not cut the next one.
            if self._request is request:
                self.expired = True
                self._cut()

    def _cut(self) -> None:
        for _, handle in self._handles:
            # ENOTCONN: the other side was faster.
            with contextlib.suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)


def pool_classes(wire: Wire) -> dict[str, Any]:
    """The pool classes, by scheme, whose connections ``wire`` makes."""

    class WiredConnection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(wire, self)

    class WiredTlsConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(wire, self)

    class WiredPool(HTTPConnectionPool):
        ConnectionCls = WiredConnection

    class WiredTlsPool(HTTPSConnectionPool):
        ConnectionCls = WiredTlsConnection

    return {"http": WiredPool, "https": WiredTlsPool}


def _connected(wire: Wire, connection: HTTPConnection) -> socket.socket:
    host, port = connection._dns_host, connection.port or connection.default_port  # noqa: SLF001
    try:
        return wire.connect(connection, host, port)
    except OSError as error:
        # urllib3 would take a bare reset in here for one that came while sending, and go on to
        # wait for the answer.
        raise NewConnectionError(connection, "cannot connect") from error
