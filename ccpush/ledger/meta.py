"""What the ledger knows about itself: single values by name."""

from __future__ import annotations

import sqlite3
from typing import Literal

MetaKey = Literal[
    "machine", "instance", "first_run_s", "first_row_s", "covered_from", "collected_s",
    "collect_duration_s", "files", "zone", "salt", "passes", "stats_cache", "offered_s",
    "collapsed_through", "collapse_done", "ahead_since_s",
]  # fmt: skip
Value = str | int | float


def get_meta(connection: sqlite3.Connection, key: MetaKey) -> Value | None:
    """Return the value, None when there is none."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else row[0]


def set_meta(connection: sqlite3.Connection, key: MetaKey, value: Value) -> None:
    """Set the value, in the caller's transaction if there is one."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def forget_meta(connection: sqlite3.Connection, key: MetaKey) -> None:
    """Drop the value, in the caller's transaction if there is one."""
    connection.execute("DELETE FROM meta WHERE key = ?", (key,))


def set_meta_once(connection: sqlite3.Connection, key: MetaKey, value: Value) -> Value:
    """Set the value if there is none; return the one that holds."""
    connection.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (key, value))
    held = get_meta(connection, key)
    assert held is not None
    return held
