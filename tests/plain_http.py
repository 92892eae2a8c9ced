"""One HTTP request by the standard library alone, for tests of the servers that tests use."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Reply:
    """A complete answer; header names are found in any spelling."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


def send(
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    method: str = "POST",
    timeout_s: float = 5.0,
) -> Reply:
    """The answer on a connection of its own; OSError and HTTPException when there is none."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=timeout_s)
    with contextlib.closing(connection):
        connection.request(method, target, body, dict(headers or {}))
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
