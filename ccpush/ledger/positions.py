"""Positions: how far each transcript was read, by the hash of its path."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

import msgspec

from ccpush.claude.tail import Position


def load(connection: sqlite3.Connection) -> dict[int, Position]:
    """Return all positions by path key."""
    rows = connection.execute(
        "SELECT path, device, inode, size, mtime_ns, offset, fingerprint, extractor, tail,"
        " stretch, latest_s FROM position"
    )
    return {row[0]: Position(*row[1:]) for row in rows}


def save(connection: sqlite3.Connection, reached: Mapping[int, Position]) -> None:
    """Write the positions reached, in the caller's transaction."""
    connection.executemany(
        "INSERT OR REPLACE INTO position VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(path, *msgspec.structs.astuple(position)) for path, position in sorted(reached.items())],
    )


def forget(connection: sqlite3.Connection, gone: Iterable[int]) -> None:
    """Drop the positions of files that are no more; what they held stays counted."""
    connection.executemany("DELETE FROM position WHERE path = ?", [(path,) for path in gone])
