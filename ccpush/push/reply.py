"""What did a server say? The beginning of its answer, of any length, as bytes and as one safe line.

Error bodies are read up to a few kilobytes, whatever their size; nothing is ever unpacked.
"""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
import urllib3

if TYPE_CHECKING:
    import requests

MAX_BODY_BYTES = 4096
MAX_TEXT_CHARS = 1024
_CHUNK_BYTES = 512
_LONG_CHUNK_BYTES = 65536


class Reply(msgspec.Struct, frozen=True):
    """An answer; ``body_text`` is its beginning, printable, in one line, at most 1024 characters.

    ``headers`` are found in any spelling of their names. ``body`` is the raw beginning, as long as
    the request allowed; ``complete`` says that nothing was left out and nothing got lost.
    """

    status: int
    headers: Mapping[str, str]
    body_text: str
    elapsed_s: float
    body: bytes = b""
    complete: bool = True


def beginning(response: requests.Response, max_bytes: int) -> tuple[bytes, bool]:
    """What there is of the body, up to a limit, and whether that is all of it."""
    found = bytearray()
    # Small steps: what a dripping or broken answer said until then is kept. A long body is wanted
    # whole or not at all.
    step_bytes = _CHUNK_BYTES if max_bytes <= MAX_BODY_BYTES else _LONG_CHUNK_BYTES
    with contextlib.suppress(OSError, urllib3.exceptions.HTTPError, http.client.HTTPException):
        # Raw: a compressed bomb stays a few kilobytes. We never ask for compression.
        while chunk := response.raw.read(step_bytes, decode_content=False):
            found += chunk
            if len(found) > max_bytes:
                break
        else:
            return bytes(found), True
    return bytes(found[:max_bytes]), False


def printable(body: bytes, *hidden: str) -> str:
    """Printable and in one line: what a receiver says goes to terminals and logs.

    What is in ``hidden`` is not shown: a receiver may quote what it was sent.
    """
    text = body[:MAX_BODY_BYTES].decode("utf-8", "replace")
    # The longest first: one may be a part of another.
    for secret in sorted(filter(None, hidden), key=len, reverse=True):
        text = text.replace(secret, "<hidden>")
    shown = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(shown.split())[:MAX_TEXT_CHARS]
