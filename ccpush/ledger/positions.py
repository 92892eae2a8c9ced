"""Positions: how far each transcript was read, by the hash of its path."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import cast

from ccpush.claude.tail import Position, TailState

# inode and device are unsigned 64-bit numbers on some file systems; SQLite's are signed
_SIGN = 1 << 63


def load(connection: sqlite3.Connection) -> dict[int, Position]:
    """Return all positions by path key."""
    query = (
        "SELECT path, device, inode, size, mtime_ns, offset, fingerprint, extractor, tail"
        " FROM position"
    )
    return {path: _position(*fields) for path, *fields in connection.execute(query)}


def save(connection: sqlite3.Connection, reached: Mapping[int, Position]) -> None:
    """Write the positions reached, in the caller's transaction."""
    connection.executemany(
        "INSERT OR REPLACE INTO position VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                path,
                _signed(p.device),
                _signed(p.inode),
                p.size,
                p.mtime_ns,
                p.offset,
                p.fingerprint,
                p.extractor,
                p.tail,
            )
            for path, p in sorted(reached.items())
        ],
    )


def forget(connection: sqlite3.Connection, gone: Iterable[int]) -> None:
    """Drop the positions of files that are no more; what they held stays counted."""
    connection.executemany("DELETE FROM position WHERE path = ?", [(path,) for path in gone])


def _position(device: int, inode: int, *rest: int | str) -> Position:
    *numbers, tail = rest
    size, mtime_ns, offset, fingerprint, extractor = (int(n) for n in numbers)
    return Position(
        device=_unsigned(device),
        inode=_unsigned(inode),
        size=size,
        mtime_ns=mtime_ns,
        offset=offset,
        fingerprint=fingerprint,
        extractor=extractor,
        tail=cast("TailState", tail),
    )


def _signed(number: int) -> int:
    return number - 2 * _SIGN if number >= _SIGN else number


def _unsigned(number: int) -> int:
    return number + 2 * _SIGN if number < 0 else number
