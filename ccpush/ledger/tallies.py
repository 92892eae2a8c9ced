"""Tallies: what ccpush counts of its own work, kept so that the counts survive it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping


def add_tallies(connection: sqlite3.Connection, amounts: Mapping[tuple[str, str], float]) -> None:
    """Let each tally, named by (name, label), grow."""
    connection.executemany(
        "INSERT INTO tally VALUES (?, ?, ?) ON CONFLICT (name, label)"
        " DO UPDATE SET value = value + excluded.value",
        [(*key, amount) for key, amount in sorted(amounts.items()) if amount],
    )


def set_tallies(connection: sqlite3.Connection, name: str, values: Mapping[str, float]) -> None:
    """Replace all labels of one name; for what is found anew at each pass."""
    connection.execute("DELETE FROM tally WHERE name = ?", (name,))
    connection.executemany(
        "INSERT INTO tally VALUES (?, ?, ?)",
        [(name, label, value) for label, value in sorted(values.items())],
    )
