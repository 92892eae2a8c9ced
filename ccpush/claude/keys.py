"""Keys of what is counted: 64 bits of a hash, so that the ledger holds no identifier."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from struct import unpack
from typing import Literal, TypeVar

Value = TypeVar("Value")
Kind = Literal["response", "call", "result", "row", "pull", "later", "session", "stretch", "path"]


def key_of(kind: Kind, text: str) -> int:
    """Hash ``text`` to a signed 64-bit number; kinds do not collide with one another."""
    return next(iter(by_key(kind, {text: None})))


def by_key(kind: Kind, values: Mapping[str, Value]) -> dict[int, Value]:
    """Return the values by the hashes of their keys."""
    person = kind.encode()
    digests = [
        blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, person=person).digest()
        for text in values
    ]
    # all at once: a call of int.from_bytes for each would take a third of the time
    keys = unpack(f">{len(digests)}q", b"".join(digests))
    return dict(zip(keys, values.values(), strict=True))
