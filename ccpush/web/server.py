"""The pull endpoint: from the settings to a port that answers, and back.

One thread accepts, one serves each connection, TLS handshake included; none runs while nobody is
connected. Knows nothing of where the figures come from.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer

from ccpush.config.settings import WebConfig
from ccpush.crash import crash_values
from ccpush.log import Log
from ccpush.web.answers import Pages, Service
from ccpush.web.connections import Connection, Connections, Limits
from ccpush.web.guard import Guard
from ccpush.web.handler import Handler
from ccpush.web.hosts import names_of
from ccpush.web.listen import SERVER_NAME, listen
from ccpush.web.passwords import Passwords

# How late an overdue connection may be cut.
_SWEEP_S = 0.25
_JOIN_S = 0.3
_ACCEPT_PAUSE_S = 0.05
_NOT_TLS = (
    "HTTP/1.0 400 Bad Request\r\n"
    f"Server: {SERVER_NAME}\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Connection: close\r\n\r\n"
    "This port speaks TLS: use https.\n"
).encode()


class WebServer:
    """The pull endpoint on ``web.listen_address``; ``start`` and ``stop`` it once each."""

    def __init__(
        self,
        config: WebConfig,
        pages: Pages,
        log: Log,
        *,
        limits: Limits | None = None,
        passwords: Passwords | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._pages = pages
        self._log = log
        self._limits = limits or Limits()
        self._passwords = passwords or Passwords()
        self._now = now
        self._http: HttpServer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen and serve in the background.

        Raises CcpushError when the address cannot be had, ConfigError for a bad web config file.
        """
        guard = Guard(self._config.config_file, self._log)
        guard.load()
        listener = listen(self._config.host, self._config.port)
        bound_ip = listener.getsockname()[0]
        names = names_of(bound_ip, self._config.host, socket.gethostname())
        service = Service(self._pages, self._passwords, names, self._now, self._log)
        self._http = HttpServer(listener, guard, service, Connections(self._limits, time.monotonic))
        self._thread = threading.Thread(target=self._http.serve, name="ccpush-web", daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """The IP address and port that are really listened on; only after ``start``."""
        assert self._http is not None
        host, port = self._http.socket.getsockname()[:2]
        return host, port

    @property
    def url(self) -> str:
        """Where ``/metrics`` is, for a log or a person."""
        assert self._http is not None
        scheme = "https" if self._http.guard.rules().tls else "http"
        host, port = self.address
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/metrics"

    def stop(self) -> None:
        """Stop listening and end all connections, within a second; may be called at any time."""
        if self._http is None or self._thread is None:
            return
        self._http.stop()
        self._thread.join(_JOIN_S)
        self._http.server_close()


class HttpServer(HTTPServer):
    """Accepts connections and gives each a thread; made with a socket that already listens."""

    def __init__(
        self, listener: socket.socket, guard: Guard, service: Service, connections: Connections
    ) -> None:
        self.address_family = listener.family
        # Not bound by the base class: it would look up our own name, which may take seconds.
        super().__init__(listener.getsockname(), BaseHTTPRequestHandler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        # A client that leaves between being seen and being accepted must not block us.
        listener.settimeout(1.0)
        self.guard = guard
        self.service = service
        self.connections = connections
        self._wake, self._waker = socket.socketpair()

    def serve(self) -> None:
        """Accept until stopped; wakes only for clients, and to cut those that are overdue."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while not self.connections.stopping:
                ready = selector.select(_SWEEP_S if len(self.connections) else None)
                self.connections.cut_overdue()
                if any(key.fileobj is self.socket for key, _ in ready):
                    self._accept()

    def stop(self) -> None:
        """End all connections and let ``serve`` return; called from another thread, once."""
        self._waker.close()
        self.connections.stop()

    def server_close(self) -> None:
        """Let go of the port."""
        super().server_close()
        self._wake.close()

    def _accept(self) -> None:
        try:
            sock, client = self.socket.accept()
        except OSError as error:
            self._lost(error)
            # When descriptors have run out the next try would fail at once, and the next.
            time.sleep(_ACCEPT_PAUSE_S)
            return
        # The last packet of an answer must not wait until the client has confirmed the others.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = self.connections.admit(sock)
        if connection is None:
            sock.close()
            return
        name = "ccpush-web-connection"
        thread = threading.Thread(
            target=self._serve_connection, args=(connection, client), name=name, daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            self._lost(error)
            self.connections.close(connection)

    def _serve_connection(self, connection: Connection, client: object) -> None:
        try:
            rules = self.guard.rules()
            if rules.tls is None or self._shake_hands(connection, rules.tls):
                Handler(connection, client, self, rules)
        except Exception as error:  # noqa: BLE001
            # Nothing is above this in its thread, and Python's own last word would quote values.
            # The client has its 500; the next request is a new chance.
            tell = self.service.log.error
            tell("web_request_failed", **crash_values(error))
        finally:
            self.connections.close(connection)

    def _lost(self, why: Exception) -> None:
        self.service.log.debug("web_client_lost", reason=why)

    def _shake_hands(self, connection: Connection, tls: ssl.SSLContext) -> bool:
        """Whether the connection now speaks TLS; a client may take until its deadline."""
        try:
            sock = tls.wrap_socket(connection.sock, server_side=True, do_handshake_on_connect=False)
            if not self.connections.replace(connection, sock):
                return False
            sock.do_handshake()
        except OSError as error:
            self._lost(error)
            if isinstance(error, ssl.SSLError) and error.reason == "HTTP_REQUEST":
                self.connections.say_plainly(connection, _NOT_TLS)
            return False
        return True
