"""How tests of pushing make an HTTP client and one request."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ccpush.config.settings import HttpConfig
from ccpush.push.failure import Failure
from ccpush.push.http import HttpClient, Reply


@contextlib.contextmanager
def client(url: str, timeout_s: float = 5.0, **settings: Any) -> Iterator[HttpClient]:
    """A client with these settings, closed at the end."""
    made = HttpClient(HttpConfig(url=url, timeout_s=timeout_s, **settings), "ccpush/test")
    with contextlib.closing(made):
        yield made


def post(sender: HttpClient, url: str, body: bytes = b"x") -> Reply | Failure:
    """A small POST."""
    return sender.request("POST", url, {"Content-Type": "text/plain"}, body)
