"""Keys of what is counted: 64 bits of a hash, so that the ledger holds no identifier."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Literal, TypeVar

Value = TypeVar("Value")
Kind = Literal["response", "call", "row", "later", "session", "path"]


def key_of(kind: Kind, text: str) -> int:
    """Hash ``text`` to a signed 64-bit number; kinds do not collide with one another."""
    return next(iter(by_key(kind, {text: None})))


def by_key(kind: Kind, values: Mapping[str, Value]) -> dict[int, Value]:
    """Return the values by the hashes of their keys."""
    person, number = kind.encode(), int.from_bytes
    return {
        number(
            blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, person=person).digest(),
            "big",
            signed=True,
        ): value
        for text, value in values.items()
    }
