"""On which socket we listen, and if we cannot, why not.

Every reason is a sentence that names the setting. Looks nothing up but the configured host.
"""

from __future__ import annotations

import errno
import http.client
import socket
from typing import Any

from ccpush.errors import CcpushError

SETTING = "web.listen_address"
SERVER_NAME = "ccpush"
_BACKLOG = 128
_PROBE_TIMEOUT_S = 1.0


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; an empty host or ``::`` means every interface, of both IP versions.

    Raises CcpushError with a hint when the address is taken, not ours or not allowed.
    """
    try:
        family, address = _resolve(host, port)
    except socket.gaierror as error:
        raise CcpushError(
            f"cannot listen on {_shown(host, port)}: the host is not known: {error.strerror}",
            hint=f"set {SETTING} to an address of this machine, such as 127.0.0.1:9101",
        ) from error
    both = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server(address, family=family, backlog=_BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        raise CcpushError(
            f"cannot listen on {_shown(host, port)}: {_reason(error)}",
            hint=_hint(error, address[0], port),
        ) from error


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    if not host:
        host = "::" if socket.has_dualstack_ipv6() else "0.0.0.0"  # noqa: S104 - asked for
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # IPv4 first: who says localhost means 127.0.0.1, and so do the clients.
    found.sort(key=lambda info: info[0] != socket.AF_INET)
    family, _, _, _, address = found[0]
    return family, address


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reason(error: OSError) -> str:
    reasons = {
        errno.EADDRINUSE: "the port is taken",
        errno.EADDRNOTAVAIL: "this is not an address of this machine",
        errno.EACCES: "not allowed; ports below 1024 need privileges",
    }
    return reasons.get(error.errno or 0, str(error))


def _hint(error: OSError, ip: str, port: int) -> str:
    if error.errno != errno.EADDRINUSE:
        return f"set {SETTING} to another address, such as 127.0.0.1:9101"
    if _ccpush_answers(ip, port):
        return f"another ccpush answers there: stop it, or set {SETTING} to another port"
    return f"stop what listens there, or set {SETTING} to another port"


def _ccpush_answers(ip: str, port: int) -> bool:
    # A ccpush that speaks TLS says its name to plain HTTP too.
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(ip, ip)  # noqa: S104 - not bound here
    client = http.client.HTTPConnection(reachable, port, timeout=_PROBE_TIMEOUT_S)
    try:
        client.request("HEAD", "/-/healthy")
        return client.getresponse().headers.get("Server") == SERVER_NAME
    except (OSError, http.client.HTTPException):
        # Silent, or not HTTP: then it is not one of ours.
        return False
    finally:
        client.close()
