"""Why did a request get no answer? An exception of the network becomes a sentence.

Says only what the operating system says, host and port: never a whole URL, which may hold a token.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

import msgspec
import requests

# setup: nothing was sent, a setting is at fault.  aborted: we ended it ourselves.
# token: an OAuth2 endpoint gave no token, so nothing was sent to the receiver.
FailureKind = Literal[
    "setup", "dns", "unreachable", "tls", "proxy", "timeout", "cut", "not_http", "aborted", "token"
]

# OpenSSL's numbers: the name or address is not the certificate's; not valid yet, no longer valid.
_MISMATCHES = (62, 64)
_WRONG_TIME = (9, 10)
_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3}[^:]*)")


class Failure(msgspec.Struct, frozen=True):
    """A request without an answer; whether the receiver got it is not known."""

    kind: FailureKind
    message: str
    hint: str | None = None


def explain(error: Exception, url: str, proxy: str | None) -> Failure:
    """The sentence for whatever requests, urllib3, http.client or the system raised."""
    causes = tuple(_causes(error))
    via_proxy = any(isinstance(cause, requests.exceptions.ProxyError) for cause in causes)
    where = f"the proxy {_host(proxy)}" if via_proxy and proxy else _host(url)
    for find in (_setup, _tls, _lookup, _tunnel, _timeout, _cut, _system):
        failure = find(causes, where)
        if failure is not None:
            return failure
    return Failure("unreachable", f"the request to {where} failed: {type(causes[-1]).__name__}")


def _setup(causes: tuple[BaseException, ...], where: str) -> Failure | None:
    outer = causes[0]
    # Never the exception's own words here: they contain the header, which may be a password.
    if isinstance(outer, requests.exceptions.InvalidHeader) or (
        isinstance(outer, UnicodeEncodeError) and outer.encoding == "latin-1"
    ):
        return Failure("setup", "a header cannot be sent", "check headers and authorization")
    if isinstance(outer, UnicodeError):
        return Failure("setup", f"{where} is not a possible host name", "check url")
    if isinstance(outer, requests.RequestException) and isinstance(outer, ValueError):
        return Failure("setup", "the URL cannot be used", "check url")
    return None


def _tls(causes: tuple[BaseException, ...], where: str) -> Failure | None:
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _untrusted(cause, where)
    for cause in causes:
        # A connection that ends in the middle of TLS is cut, not misconfigured.
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            words = (cause.reason or "handshake failed").replace("_", " ").lower()
            hint = "does url say https where the server speaks plain http?"
            if "alert" in words or "certificate" in words:
                hint = "the server may want tls_config.cert_file and key_file"
            return Failure("tls", f"TLS with {where} failed: {words}", hint)
    return None


def _untrusted(cause: ssl.SSLCertVerificationError, where: str) -> Failure:
    message = f"the certificate of {where} is not trusted: {cause.verify_message}"
    if cause.verify_code in _WRONG_TIME:
        return Failure("tls", message, "is this machine's clock right?")
    if cause.verify_code in _MISMATCHES:
        return Failure("tls", message, "set tls_config.server_name to a name it was issued for")
    return Failure("tls", message, "set tls_config.ca_file to the certificate of its CA")


def _lookup(causes: tuple[BaseException, ...], where: str) -> Failure | None:
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return Failure("dns", f"{where} cannot be looked up: {cause.strerror}")
    return None


def _tunnel(causes: tuple[BaseException, ...], where: str) -> Failure | None:
    for cause in causes:
        found = _TUNNEL.search(str(cause)) if isinstance(cause, OSError) else None
        if found:
            hint = "check user and password in proxy_url" if "407" in found[1] else None
            return Failure("proxy", f"{where} refused to connect us: {found[1].strip()}", hint)
    return None


def _timeout(causes: tuple[BaseException, ...], where: str) -> Failure | None:
    if any(isinstance(cause, TimeoutError | requests.Timeout) for cause in causes):
        return Failure("timeout", f"no answer from {where} in time")
    return None


def _cut(causes: tuple[BaseException, ...], where: str) -> Failure | None:
    cut = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError, ssl.SSLEOFError)
    if any(isinstance(cause, cut) for cause in causes):
        return Failure("cut", f"the connection to {where} was cut before the answer was complete")
    for cause in causes:
        if isinstance(cause, http.client.HTTPException):
            return Failure(
                "not_http",
                f"what {where} answered is not HTTP",
                "does url say http where the server speaks https, or name another port?",
            )
    return None


def _system(causes: tuple[BaseException, ...], where: str) -> Failure | None:
    for cause in causes:
        if isinstance(cause, ConnectionRefusedError):
            hint = "is it running, and is the port in url right?"
            return Failure("unreachable", f"{where} refuses connections", hint)
    for cause in causes:
        if isinstance(cause, OSError) and cause.strerror:
            return Failure("unreachable", f"{where} cannot be reached: {cause.strerror}")
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and everything it was made from, outermost first."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        # requests and urllib3 wrap by argument and by ``reason`` as well as by ``from``.
        waiting += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]


def _host(url: str | None) -> str:
    parts = urlsplit(url or "")
    return parts.netloc.rpartition("@")[2]
