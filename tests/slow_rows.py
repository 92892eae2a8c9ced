"""Rows as plain JSON, for the slow counters: where they lie and what words and blocks they hold.

Shares no code with ccpush. Knows well-formed rows only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from slow_count import Row

# A file's name and further rows of it; a file that grows comes several times.
Piece = tuple[str, list[Row]]
# A metric's name and its labels, sorted.
Key = tuple[str, tuple[tuple[str, str], ...]]
Tally = Counter[Key]


def key_of(name: str, **labels: str) -> Key:
    """The key of one series."""
    return name, tuple(sorted(labels.items()))


def flat(pieces: Iterable[Piece]) -> Iterator[tuple[str, Row]]:
    """All rows with their files; a subagent's row inside its parent's news lies in a sidechain."""
    for file, rows in pieces:
        for row in rows:
            inner = (row.get("data") or {}).get("message") if row["type"] == "progress" else None
            if isinstance(inner, dict):
                placed = {"isSidechain": True, "news": True}
                yield file, {"timestamp": row["timestamp"], **inner, **placed}
            elif row["type"] != "progress":
                yield file, row


def seconds(row: Row) -> int:
    """A row's time in whole seconds."""
    return int(datetime.fromisoformat(row["timestamp"]).timestamp())


def blocks(row: Row) -> list[Row]:
    """The blocks of a row's content."""
    content = (row.get("message") or {}).get("content")
    return content if isinstance(content, list) else []


def of_type(row: Row, kind: str) -> list[Row]:
    """Those of one type."""
    return [block for block in blocks(row) if block["type"] == kind]


def words(row: Row) -> str:
    """What a row says: its content, or the first text in it."""
    content = row["message"]["content"]
    if isinstance(content, str):
        return content
    return next((str(block["text"]) for block in of_type(row, "text")), "")
