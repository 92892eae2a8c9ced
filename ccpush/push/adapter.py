"""Over which connections do requests go? requests' transport, with our sockets, TLS and proxy.

Nothing that requests would do unasked is done here: no certificates but the configured ones, no
proxy but the chosen one, no retries.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

import urllib3
from requests.adapters import HTTPAdapter

from ccpush.config.secrets import read_secret
from ccpush.config.settings import HttpConfig
from ccpush.push import tls
from ccpush.push.credentials import basic
from ccpush.push.sockets import Wire, pool_classes

if TYPE_CHECKING:
    import requests

# What connections depend on: whether the receiver speaks TLS, the proxy, the files of tls_config.
MadeFor = tuple[bool, str | None, tls.Stamp]


def made_for(config: HttpConfig, url: str, proxy: str | None) -> MadeFor:
    """What the connections for ``url`` depend on now; another value needs another adapter."""
    secure = url.startswith("https:")
    return secure, proxy, tls.stamp(config.tls) if secure or _is_secure(proxy) else ()


class Adapter(HTTPAdapter):
    """The transport for one destination, made new whenever ``made_for`` changes.

    Used without a ``requests.Session``, because what a Session adds is what must not happen here.
    Raises ConfigError for TLS settings that do not serve.
    """

    def __init__(self, config: HttpConfig, wire: Wire, made_for: MadeFor) -> None:
        self.made_for = made_for
        self._manager = _manager(config, made_for)
        self._manager.pool_classes_by_scheme = pool_classes(wire)
        super().__init__()
        if config.tls.insecure_skip_verify:
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


def _manager(config: HttpConfig, made_for: MadeFor) -> urllib3.PoolManager:
    secure, proxy, _ = made_for
    options: dict[str, Any] = {}
    context: ssl.SSLContext | None = None
    if secure or _is_secure(proxy):
        context = tls.context(config.tls)
        options["ssl_context"] = context
    if secure:
        # The receiver's name, not the proxy's.
        options["server_hostname"] = config.tls.server_name
    if proxy is None:
        return urllib3.PoolManager(**options)
    parts = urlsplit(proxy)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    # Prometheus sends these when it asks for a tunnel, never with a plain request.
    headers = _connect_headers(config) if secure else urllib3.HTTPHeaderDict()
    if parts.username is not None:
        user, password = unquote(parts.username), unquote(parts.password or "")
        headers["Proxy-Authorization"] = basic(user, password)
    return urllib3.ProxyManager(bare, proxy_headers=headers, proxy_ssl_context=context, **options)


def _connect_headers(config: HttpConfig) -> urllib3.HTTPHeaderDict:
    headers = urllib3.HTTPHeaderDict()
    for name, values in config.proxy_connect_header.items():
        for value in values:
            headers.add(name, read_secret(value))
    return headers


def _is_secure(proxy: str | None) -> bool:
    return proxy is not None and proxy.startswith("https:")
