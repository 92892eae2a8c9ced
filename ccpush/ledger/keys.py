"""Keys of what is counted: 64 bits of a hash, so that the ledger holds no identifier."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final, Literal

Kind = Literal["response", "call", "row", "session", "path"]
# SQLite's oldest limit on parameters of one statement is 999.
_BATCH: Final = 900


def key_of(kind: Kind, text: str) -> int:
    """Hash ``text`` to a signed 64-bit number; kinds do not collide with one another."""
    return next(iter(keys_of(kind, (text,))))


def keys_of(kind: Kind, texts: Iterable[str]) -> dict[int, str]:
    """Return the texts by their keys."""
    person, number = kind.encode(), int.from_bytes
    return {
        number(
            blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, person=person).digest(),
            "big",
            signed=True,
        ): text
        for text in texts
    }


def select_in(
    connection: sqlite3.Connection, query: str, keys: Iterable[int]
) -> Iterator[tuple[int, ...]]:
    """Run ``query``, whose ``{}`` stands for a list of parameters, over all ``keys``."""
    ordered = sorted(keys)
    for start in range(0, len(ordered), _BATCH):
        batch = ordered[start : start + _BATCH]
        yield from connection.execute(query.format(",".join("?" * len(batch))), batch)
