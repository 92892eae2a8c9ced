"""One HTTP client for every sink: a request goes out once, within its time, as configured.

Nothing that requests would do unasked is done: no netrc, no proxies from the environment, no
redirects (a redirected POST would come back as a GET without body, and look like success), no
cookies, no retries. Error bodies are read up to a few kilobytes, whatever their size.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import msgspec
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from ccpush.config.settings import HttpConfig, TlsConfig
from ccpush.errors import CcpushError, ConfigError
from ccpush.push import tls
from ccpush.push.credentials import authorization, basic
from ccpush.push.failure import Failure, explain
from ccpush.push.proxy import proxy_for
from ccpush.push.sockets import CONNECT_TIMEOUT_S, Wire, pool_classes

MAX_BODY_BYTES = 4096
MAX_TEXT_CHARS = 1024
_CHUNK_BYTES = 512
# An older connection is not used again: after a sleep or in another network it is dead without
# knowing it, and the request would hang until its timeout.
MAX_IDLE_S = 30.0


class Reply(msgspec.Struct, frozen=True):
    """An answer; ``body_text`` is its beginning, printable, in one line, at most 1024 characters.

    ``headers`` are found in any spelling of their names.
    """

    status: int
    headers: Mapping[str, str]
    body_text: str
    elapsed_s: float


class HttpClient:
    """Requests to one destination, one at a time; connections are kept for the next request.

    ``request`` never raises for what network, receiver or files of credentials do. ``abort`` may
    be called from any thread and is final; a name lookup under way is the only thing that may
    outlast it, for as long as the system's resolver takes. ``environ`` is read for
    ``proxy_from_environment`` only; ``now`` is the clock on the wall, which does not stand still
    while the machine sleeps.
    """

    def __init__(
        self,
        config: HttpConfig,
        user_agent: str,
        *,
        now: Callable[[], float] = time.time,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._config = config
        self._user_agent = user_agent
        self._now = now
        self._environ = environ
        self._wire = Wire()
        self._adapter: _Adapter | None = None
        self._used_at_s = 0.0

    def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Reply | Failure:
        """The answer, or why there is none, within ``timeout_s`` of the configuration."""
        started_s = time.monotonic()
        proxy: str | None = None
        with self._wire.deadline(self._config.timeout_s):
            try:
                target = _checked(url)
                proxy = proxy_for(self._config, url, self._environ)
                prepared = self._prepare(method, target, headers, body)
                with self._send(prepared, proxy) as response:
                    if self._wire.expired or self._wire.aborted:
                        # Headers that we cut ourselves look complete to http.client.
                        return self._failure(ConnectionAbortedError(), url, proxy)
                    text = _text(_beginning(response))
                    elapsed_s = time.monotonic() - started_s
                    return Reply(response.status_code, response.headers, text, elapsed_s)
            except CcpushError as error:
                return Failure("setup", str(error), error.hint)
            except (urllib3.exceptions.HTTPError, OSError, UnicodeError) as error:
                # OSError: all of requests' own exceptions as well.
                return self._failure(error, url, proxy)

    def abort(self) -> None:
        """End the request under way in another thread at once, and every later one."""
        self._wire.abort()

    def close(self) -> None:
        """Close all connections."""
        if self._adapter is not None:
            self._adapter.close()
            self._adapter = None
        self._wire.close()

    def _prepare(
        self, method: str, target: SplitResult, headers: Mapping[str, str], body: bytes
    ) -> requests.PreparedRequest:
        # Ours come last: a configured header cannot replace what the protocol prescribes.
        merged = CaseInsensitiveDict(self._config.headers)
        merged.update(headers)
        merged["User-Agent"] = self._user_agent
        credentials = authorization(self._config, target)
        if credentials is not None:
            merged["Authorization"] = credentials
        # Without user and password, which requests would prefer to the header just set.
        bare = urlunsplit(target._replace(netloc=target.netloc.rpartition("@")[2], fragment=""))
        return requests.Request(method, bare, headers=merged, data=body).prepare()

    def _send(self, prepared: requests.PreparedRequest, proxy: str | None) -> requests.Response:
        adapter = self._ready_adapter(str(prepared.url), proxy)
        self._used_at_s = self._now()
        return adapter.send(
            prepared,
            stream=True,
            timeout=(CONNECT_TIMEOUT_S, self._config.timeout_s),
            proxies={"http": proxy, "https": proxy} if proxy else {},
        )

    def _ready_adapter(self, url: str, proxy: str | None) -> _Adapter:
        secure = url.startswith("https:")
        made_for = (secure, proxy, tls.stamp(self._config.tls) if secure else ())
        idle_s = self._now() - self._used_at_s
        # A clock that was set back tells nothing about the connection's age.
        fresh = 0.0 <= idle_s < MAX_IDLE_S
        if self._adapter is None or self._adapter.made_for != made_for or not fresh:
            self.close()
            self._adapter = _Adapter(self._config.tls, self._wire, made_for)
        return self._adapter

    def _failure(self, error: Exception, url: str, proxy: str | None) -> Failure:
        if self._wire.aborted:
            return Failure("aborted", "stopped before the answer came")
        if self._wire.expired:
            host = urlsplit(url).netloc.rpartition("@")[2]
            return Failure("timeout", f"no answer from {host} within {self._config.timeout_s:g} s")
        return explain(error, url, proxy)


class _Adapter(HTTPAdapter):
    """requests' transport over our own sockets, TLS context and choice of proxy.

    Used without a ``requests.Session``, because what a Session adds is what must not happen here.
    """

    def __init__(
        self, config: TlsConfig, wire: Wire, made_for: tuple[bool, str | None, tls.Stamp]
    ) -> None:
        self.made_for = made_for
        secure, proxy, _ = made_for
        self._manager = _manager(proxy, tls.context(config) if secure else None, config)
        self._manager.pool_classes_by_scheme = pool_classes(wire)
        super().__init__()
        if config.insecure_skip_verify:
            # Asked for in the configuration; said once there, not at every request.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def init_poolmanager(self, *_: object, **__: object) -> None:
        """Ours, in place of the one that requests would make."""
        self.poolmanager = self._manager

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, *_: object, **__: object
    ) -> urllib3.HTTPConnectionPool:
        """The pool for a request; the TLS context is in it already."""
        return self._manager.connection_from_url(str(request.url))

    def get_connection(self, url: str | bytes, *_: object) -> urllib3.HTTPConnectionPool:
        """The same, as requests before 2.32 asks for it."""
        return self._manager.connection_from_url(str(url))

    def cert_verify(self, *_: object) -> None:
        """Nothing: requests would add certifi's certificates to the ones that are trusted."""


def _manager(
    proxy: str | None, context: ssl.SSLContext | None, config: TlsConfig
) -> urllib3.PoolManager:
    options: dict[str, Any] = {}
    if context is not None:
        options = {"ssl_context": context, "server_hostname": config.server_name}
    if proxy is None:
        return urllib3.PoolManager(**options)
    parts = urlsplit(proxy)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    headers = {}
    if parts.username is not None:
        user, password = unquote(parts.username), unquote(parts.password or "")
        headers["Proxy-Authorization"] = basic(user, password)
    return urllib3.ProxyManager(bare, proxy_headers=headers, **options)


def _checked(url: str) -> SplitResult:
    try:
        target = urlsplit(url)
        # Looked at because that is when it is parsed.
        _ = target.port
    except ValueError as error:
        raise ConfigError(f"the URL cannot be used: {error}", hint="check url") from error
    return target


def _beginning(response: requests.Response) -> bytes:
    """What there is of the body, up to a limit; how the rest fares does not matter."""
    found = bytearray()
    with contextlib.suppress(OSError, urllib3.exceptions.HTTPError, http.client.HTTPException):
        # Raw: a compressed bomb stays a few kilobytes. We never ask for compression.
        while len(found) < MAX_BODY_BYTES and (
            chunk := response.raw.read(_CHUNK_BYTES, decode_content=False)
        ):
            found += chunk
    return bytes(found)


def _text(body: bytes) -> str:
    """Printable and in one line: what a receiver says goes to terminals and logs."""
    text = body.decode("utf-8", "replace")
    shown = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(shown.split())[:MAX_TEXT_CHARS]
