"""Rows of the ledger by many keys at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final

# SQLite's oldest limit on parameters of one statement is 999.
_BATCH: Final = 900


def select_in(
    connection: sqlite3.Connection, query: str, keys: Iterable[int]
) -> Iterator[tuple[int, ...]]:
    """Run ``query``, whose ``{}`` stands for a list of parameters, over all ``keys``."""
    ordered = sorted(keys)
    for start in range(0, len(ordered), _BATCH):
        batch = ordered[start : start + _BATCH]
        yield from connection.execute(query.format(",".join("?" * len(batch))), batch)
