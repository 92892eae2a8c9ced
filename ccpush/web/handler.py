"""How a request is read from a connection, and an answer written to it.

HTTP/1.1 on the standard library's handler, with what it lacks: a bound on a request's head, a
deadline for each step, and no word of the client or of our version in any answer. Requests are
logged at debug only, credentials never.
"""

from __future__ import annotations

import io
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

from ccpush.web.answers import Answer, Request, answer, sentence
from ccpush.web.connections import Connection
from ccpush.web.guard import Rules
from ccpush.web.listen import SERVER_NAME
from ccpush.web.page.policy import content_security_policy

if TYPE_CHECKING:
    from ccpush.web.server import HttpServer

MAX_HEAD_BYTES = 32_768
_BROKE = sentence(HTTPStatus.INTERNAL_SERVER_ERROR, "ccpush failed to answer; its log says why.")
_BUSY = sentence(
    HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections at once; try again.", {"Retry-After": "1"}
)
_STALE = sentence(
    HTTPStatus.SERVICE_UNAVAILABLE, "The TLS settings have changed; please connect again."
)


class Handler(BaseHTTPRequestHandler):
    """Serves one connection until it ends; ``made_under`` are the rules it was accepted by."""

    server: HttpServer
    protocol_version = "HTTP/1.1"
    # What has no version is answered with a status line all the same.
    default_request_version = "HTTP/1.0"

    def __init__(
        self, connection: Connection, client: object, server: HttpServer, made_under: Rules
    ) -> None:
        self._held = connection
        self._made_under = made_under
        self._linger = connection.refused
        super().__init__(connection.sock, client, server)

    def setup(self) -> None:
        """Open the streams; the connection's own is kept, ``rfile`` holds one head at a time."""
        super().setup()
        self._stream = self.rfile

    def finish(self) -> None:
        """Close the streams, and let a client that still talks finish its sentence."""
        self.rfile = self._stream
        super().finish()
        if self._linger:
            self.server.connections.linger(self._held)

    def handle(self) -> None:
        """Answer requests until one side has had enough."""
        limits = self.server.connections.limits
        wait_s = limits.head_s
        self.close_connection = False
        while not self.close_connection and self._allow(wait_s, idle=True):
            self.handle_one_request()
            wait_s = limits.idle_s

    def handle_one_request(self) -> None:
        """Read one request and answer it."""
        self.close_connection = True
        try:
            is_read = self._read_request()
        except OSError as error:
            self._lost(error)
            return
        if not is_read:
            return
        self._allow(self.server.connections.limits.answer_s)
        self._decide_to_close()
        # Sent from ``finally``, so that a bug, too, is answered before it is reported.
        reply = _BROKE
        try:
            reply = self._answer()
        finally:
            self.close_connection |= reply is _BROKE
            self._send(reply)

    def version_string(self) -> str:
        """The Server header: what we are, not which."""
        return SERVER_NAME

    def handle_expect_100(self) -> bool:
        """No body is wanted, so the client is not asked for one."""
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what could not be read as a request; the client's own words stay out."""
        self._lost(f"{message} ({explain})" if explain else message)
        self.close_connection = True
        self._linger = True
        status = HTTPStatus(code)
        self._send(
            sentence(status, f"This is not a request that can be answered: {status.phrase}.")
        )

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Called by the base class for each answer; ``size`` it never knows."""
        line = self.requestline
        self.server.service.log.debug("web_request", request=line, status=code, size=size)

    def _lost(self, why: object) -> None:
        self.server.service.log.debug("web_client_lost", reason=why)

    def _allow(self, time_s: float, *, idle: bool = False) -> bool:
        return self.server.connections.allow(self._held, time_s, idle=idle)

    def _read_request(self) -> bool:
        # What an answer needs of a request, should this turn out not to be one.
        self.command, self.requestline = "", ""
        self.request_version = self.default_request_version
        first = self._stream.read(1)
        if first > b"\x7f" or first == b"\x16":
            # TLS on a plain port: without an answer that client would wait until its deadline.
            self.send_error(HTTPStatus.BAD_REQUEST)
            return False
        self._allow(self.server.connections.limits.head_s)
        lines = [first + self._stream.readline(MAX_HEAD_BYTES)]
        size_bytes = len(lines[0])
        while lines[-1].endswith(b"\n") and lines[-1] not in {b"\r\n", b"\n"}:
            lines.append(self._stream.readline(MAX_HEAD_BYTES + 1 - size_bytes))
            size_bytes += len(lines[-1])
        if size_bytes > MAX_HEAD_BYTES:
            self.send_error(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return False
        if not lines[-1].endswith(b"\n"):
            return False
        self.raw_requestline = lines[0]
        self.rfile = io.BytesIO(b"".join(lines[1:]))
        return self.parse_request()

    def _decide_to_close(self) -> None:
        # A body is not read, and what follows it could be taken for a request.
        self._linger = (
            self._linger
            or self.headers.get("Content-Length", "0").strip() != "0"
            or "Transfer-Encoding" in self.headers
        )
        if self._linger or self.request_version != "HTTP/1.1" or self.server.connections.stopping:
            self.close_connection = True

    def _answer(self) -> Answer:
        if self._held.refused:
            return _BUSY
        rules = self.server.guard.rules()
        if rules.tls is not self._made_under.tls:
            # One last answer, so that a new certificate costs no scrape.
            self.close_connection = True
        if not rules.hold_for(self._made_under):
            return _STALE
        request = Request(self.command, self.path, self.request_version, self.headers)
        return answer(request, self.server.service, rules)

    def _send(self, reply: Answer) -> None:
        # Head and body leave in one piece: one packet, one TLS record, where they are small.
        whole = io.BytesIO()
        self.wfile = whole
        self.send_response(reply.status)
        for name, value in self._headers_of(reply).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            whole.write(reply.body)
        try:
            self.request.sendall(whole.getvalue())
        except OSError as error:
            self.close_connection = True
            self._lost(error)

    def _headers_of(self, reply: Answer) -> dict[str, str]:
        headers = {
            "Content-Type": reply.content_type,
            "Content-Length": str(len(reply.body)),
            "Cache-Control": "no-store",
            "Content-Security-Policy": content_security_policy(),
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            **reply.headers,
        }
        if self.close_connection:
            headers["Connection"] = "close"
        # The web config file's own headers take the place of ours.
        return headers | dict(self.server.guard.rules().headers)
