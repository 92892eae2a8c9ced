"""Through which proxy does a request go? Prometheus's answer, from the same settings.

The rules are Prometheus's for ``proxy_url``, ``no_proxy`` and ``proxy_from_environment`` (those of
Go's golang.org/x/net/http/httpproxy). The environment counts only when the configuration says so.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from ccpush.config.settings import HttpConfig
from ccpush.errors import ConfigError

_DEFAULT_PORTS = {"http": 80, "https": 443}


def proxy_for(config: HttpConfig, url: str, environ: Mapping[str, str]) -> str | None:
    """The URL of the proxy for ``url``, or None; raises :class:`ConfigError` for a kind we lack."""
    target = urlsplit(url)
    if config.proxy_url:
        # Without no_proxy everything goes through it, this machine's own addresses too.
        direct = config.no_proxy and _is_direct(target, config.no_proxy)
        return None if direct else _checked("proxy_url", config.proxy_url)
    if not config.proxy_from_environment:
        return None
    name = f"{target.scheme}_proxy"
    proxy = environ.get(name) or environ.get(name.upper())
    if not proxy or _is_direct(target, environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
        return None
    return _checked(name, proxy if "://" in proxy else f"http://{proxy}")


def _checked(key: str, proxy: str) -> str:
    scheme = urlsplit(proxy).scheme
    if scheme not in _DEFAULT_PORTS:
        raise ConfigError(
            f"{key}: a proxy of the kind {scheme or 'without scheme'!r} is not supported",
            hint="give one that begins with http:// or https://",
        )
    return proxy


def _is_direct(target: SplitResult, no_proxy: str) -> bool:
    host = (target.hostname or "").rstrip(".")
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    port = target.port or _DEFAULT_PORTS.get(target.scheme)
    entries = (entry.strip().lower() for entry in no_proxy.split(","))
    return any(_matches(entry, host, address, port) for entry in entries if entry)


def _matches(
    entry: str,
    host: str,
    address: ipaddress.IPv4Address | ipaddress.IPv6Address | None,
    port: int | None,
) -> bool:
    if entry == "*":
        return True
    if address is not None and (network := _network(entry)) is not None:
        return address in network
    name, colon, number = entry.rpartition(":")
    if colon and number.isdigit() and (name.endswith("]") or ":" not in name):
        if int(number) != port:
            return False
        entry = name
    entry = entry.strip("[]")
    if address is not None:
        return _address(entry) == address
    # "*.example.org" and ".example.org" leave out example.org itself.
    entry = entry.removeprefix("*")
    return host.endswith(entry) if entry.startswith(".") else f".{host}".endswith(f".{entry}")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if "/" not in text:
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
