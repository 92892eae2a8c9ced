"""What the parts of a row say that were left raw when the row was decoded.

A part is looked at long after its row was found to be whole, and that did not look inside: its
bytes may be torn, and it may lie too deep for where it is looked at. Never raises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

Told = TypeVar("Told")


def told_by(raw: msgspec.Raw, decode: Callable[[bytes | msgspec.Raw], Told]) -> Told | None:
    """Return what the part says, its torn bytes mended; None when it has another shape."""
    try:
        return decode(raw)
    except UnicodeDecodeError:
        mended = bytes(raw).decode("utf-8", "replace").encode()
    except (msgspec.DecodeError, RecursionError):
        return None
    try:
        return decode(mended)
    except (msgspec.DecodeError, RecursionError):
        return None
