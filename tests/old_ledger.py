"""A ledger as the first release would have left it: its schema, its families, its keys, its rules.

    reader.run()
    old_ledger.set_back(reader, rows)

What a ledger holds of ``rows`` beyond that is taken out, so that the next pass is an upgrade's first.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ccpush.claude import facts as f
from ccpush.claude.keys import by_key
from ccpush.ledger.store import FILE_NAME

if TYPE_CHECKING:
    import homes
    from homes import Row

SCHEMA: Final = Path(__file__).with_name("ledger") / "schema_001.sql"
_EVENTS: Final = ("api_error", "turn_duration", "compact_boundary")
# of which other columns or rows are kept than the schema says
_CHOSEN: Final = ("series", "increment", "counted", "position")


def set_back(reader: homes.Reader, rows: list[Row]) -> None:
    """Make a reader's ledger one of the first release, which has read these rows."""
    path = reader.state_dir / FILE_NAME
    made = path.with_name("made")
    with contextlib.closing(sqlite3.connect(made, isolation_level=None)) as old:
        old.executescript(SCHEMA.read_text(encoding="utf-8"))
        old.execute("ATTACH ? AS new", (str(path),))
        for (table,) in old.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table'"
        ).fetchall():
            if table not in _CHOSEN:
                columns = ", ".join(row[1] for row in old.execute(f"PRAGMA table_info({table})"))
                old.execute(f"INSERT INTO {table} SELECT {columns} FROM new.{table}")
        _choose(old, set(_keys(rows)))
    for leftover in reader.state_dir.glob(f"{FILE_NAME}-*"):
        leftover.unlink()
    # in place: another file would look like a copy that was put back
    path.write_bytes(made.read_bytes())
    made.unlink()


def _choose(old: sqlite3.Connection, keys: set[int]) -> None:
    """Take over what the first release had, and nothing of what came later."""
    families = [name for name, generation in f.GENERATIONS.items() if generation == 1]
    known = ", ".join("?" * len(families))
    numbers = f"SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS number FROM new.series WHERE family IN ({known})"
    old.execute(
        f"INSERT INTO series SELECT number, family, a, b, total FROM new.series JOIN ({numbers})"
        " USING (id)",
        families,
    )
    old.execute(
        "INSERT INTO increment SELECT booked, quarter, number, amount FROM new.increment"
        f" JOIN ({numbers}) ON id = series",
        families,
    )
    old.executemany("INSERT INTO counted VALUES (?)", [(key,) for key in sorted(keys)])
    old.execute(
        "INSERT INTO position SELECT path, device, inode, size, mtime_ns, offset, fingerprint,"
        " 1, tail FROM new.position"
    )


def _keys(rows: list[Row]) -> Iterator[int]:
    """The keys of rows and calls that the first release counted, each once."""
    uuids, calls = set(), set()
    for row in rows:
        if row["type"] == "user" or row.get("subtype") in _EVENTS or row.get("isApiErrorMessage"):
            uuids.add(row["uuid"])
        elif row["type"] == "assistant":
            blocks = row["message"]["content"]
            calls |= {block["id"] for block in blocks if block["type"] == "tool_use"}
    yield from by_key("row", dict.fromkeys(uuids))
    yield from by_key("call", dict.fromkeys(calls))
