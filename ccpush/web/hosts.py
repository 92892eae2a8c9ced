"""By which names a client may call us.

A web page anywhere can let its own name resolve to 127.0.0.1 and so make a browser read what is
served there (DNS rebinding); the Host header gives such a page away. Only a listener on loopback is
protected so: one that is open to the network cannot know its names, and has TLS and users for that.
"""

from __future__ import annotations

import ipaddress
import re

# How a container calls the machine it runs on; Docker Desktop forwards these to loopback. Nobody
# can register a name below .internal.
_CONTAINER_NAMES = frozenset({"host.docker.internal", "host.containers.internal"})
_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::[0-9]*)?")


def names_of(bound_ip: str, configured: str, own_name: str) -> frozenset[str] | None:
    """The names to answer to beside loopback addresses, in lower case; None means any.

    ``bound_ip`` is where we listen, ``configured`` what the settings call it, ``own_name`` the
    machine's.
    """
    if not _is_loopback(bound_ip):
        return None
    own = own_name.lower().rstrip(".")
    short = own.partition(".")[0]
    names = {"localhost", configured.lower().rstrip("."), own, short, f"{short}.local"}
    return (frozenset(names) | _CONTAINER_NAMES) - {"", ".local"}


def is_ours(host: str, names: frozenset[str] | None) -> bool:
    """Whether the value of a Host header is one of ``names`` or a loopback address."""
    if names is None:
        return True
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = (match["six"] or match["name"]).lower().rstrip(".")
    return name in names or _is_loopback(name)


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
