"""Where to send and where to listen: URLs and listen addresses, checked but not resolved.

Never opens a socket, and never repeats a URL in the words of an error: there may be a password
in it.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import SplitResult, urlsplit

from ccpush.config.texts import RefusedError

# what a page's placeholder, <your-host>, does not pass
_HOST_NAME = r"[\w.-]+"
_DOTTED_NUMBERS = r"[0-9.]+"
_PORT = r"[0-9]{1,5}"
_MAX_PORT = 65535
# an address that nothing but a program on this machine reaches
_LOOPBACK = r"localhost|127(\.[0-9]+){3}|::1"
DEFAULT_PORTS = {"http": 80, "https": 443}


def parse_url(text: str) -> str:
    """An http or https URL without user info and fragment; returned as written."""
    if _split(text).username is not None:
        raise RefusedError("without user name and password in it: they belong into basic_auth")
    return text


def parse_base_url(text: str) -> str:
    """A URL to which ccpush itself adds the path of the API, without a slash at its end."""
    parts = _split(parse_url(text))
    if parts.query:
        raise RefusedError("without a query (?…)")
    if "/metrics/job" in parts.path:
        raise RefusedError("without /metrics/job/…, which ccpush adds")
    return text.rstrip("/")


def parse_proxy_url(text: str) -> str:
    """An http or https URL of a proxy; user and password may be in it: they have no other place."""
    _split(text)
    return text


def url_host(url: str) -> str:
    """The host of a checked URL, in lower case, without port and brackets."""
    return urlsplit(url).hostname or ""


def url_port(url: str) -> int | None:
    """The port written in a checked URL; None for the scheme's own."""
    parts = urlsplit(url)
    return None if parts.port == DEFAULT_PORTS[parts.scheme] else parts.port


def url_path(url: str) -> str:
    """The path of a checked URL; empty when none was written."""
    return urlsplit(url).path


def is_loopback(host: str) -> bool:
    """Whether a host can only be this machine."""
    return re.fullmatch(_LOOPBACK, host) is not None


def _split(text: str) -> SplitResult:
    # urlsplit drops line breaks and tabs silently
    if not text.isprintable() or " " in text:
        raise RefusedError("without spaces and control characters")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise RefusedError("with a valid host and port") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise RefusedError("beginning with http:// or https://")
    if not host:
        raise RefusedError("with a host, as in https://metrics.example.com/api/v1/write")
    if port == 0:
        raise RefusedError("with a port from 1 to 65535")
    if "@" in parts.path + parts.query:
        # a password with a slash in it looks like this, and would be sent as a path
        raise RefusedError(
            "with %40 in place of each @ behind the host, and %2F for a password's /"
        )
    if "#" in text:
        raise RefusedError("without a fragment (#…)")
    _check_host(host)
    return parts


def parse_listen_address(text: str) -> tuple[str, int]:
    """``host:port`` as host and port; no host means all interfaces, port 0 any free port."""
    host, colon, port = text.rpartition(":")
    if not colon:
        raise RefusedError("with a port")
    if not re.fullmatch(_PORT, port) or int(port) > _MAX_PORT:
        raise RefusedError(f"with a port from 0 to {_MAX_PORT}")
    if not host:
        return "0.0.0.0", int(port)  # noqa: S104
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed != (":" in host):
        raise RefusedError("an IPv6 address, and nothing else, stands in brackets")
    host = host[1:-1] if bracketed else host
    _check_host(host)
    return host, int(port)


def _check_host(host: str) -> None:
    try:
        if ":" in host:
            IPv6Address(host)
        elif re.fullmatch(_DOTTED_NUMBERS, host):
            IPv4Address(host)
    except ValueError as error:
        raise RefusedError("with a valid IP address") from error
    if ":" not in host and not re.fullmatch(_HOST_NAME, host):
        raise RefusedError("with a host name or an IP address")
