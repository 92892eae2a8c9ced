"""Through which step does each sink have each metric? And what is therefore frozen.

A cursor only advances on a receiver's word that it has the samples. What is due is always computed
again from the increments: there is no spool, and a crash at any point costs a repetition at most.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping

import msgspec

from ccpush.ledger.meta import get_meta, set_meta
from ccpush.ledger.store import transaction

SECONDS_PER_STEP = 60


class Cursor(msgspec.Struct, frozen=True):
    """How far a sink has one metric; all are grid steps.

    ``begin`` is the step at which its zeros lie, None when the receiver had the metric already.
    Between ``through`` and ``tried`` lies what was sent without an answer that says what became
    of it: the receiver may have it.
    """

    metric: str
    begin: int | None
    through: int
    tried: int


# (metric's name, suffix, values of its own labels)
ShiftKey = tuple[str, str, tuple[str, ...]]


def freeze(connection: sqlite3.Connection, families: Iterable[str], through: int) -> None:
    """Freeze the families up to grid step ``through``, on the disk before this returns.

    Never falls. Call before anything of that step is sent, and read what is sent afterwards.
    """
    with transaction(connection, durable=True):
        freeze_within(connection, families, through)


def freeze_within(connection: sqlite3.Connection, families: Iterable[str], through: int) -> None:
    """Freeze as :func:`freeze` does, inside the caller's durable transaction."""
    connection.executemany(
        "INSERT INTO frozen VALUES (?, ?) ON CONFLICT (family)"
        " DO UPDATE SET through = MAX(through, excluded.through)",
        [(family, through) for family in sorted(families)],
    )
    offered_s = float(get_meta(connection, "offered_s") or 0)
    set_meta(connection, "offered_s", max(offered_s, through * SECONDS_PER_STEP))


def read_cursors(connection: sqlite3.Connection, sink: str) -> dict[str, Cursor]:
    """Return a sink's cursors by metric."""
    rows = connection.execute(
        "SELECT metric, begin, through, tried FROM cursor WHERE sink = ?", (sink,)
    )
    return {row[0]: Cursor(*row) for row in rows}


def place(connection: sqlite3.Connection, sink: str, cursors: Iterable[Cursor]) -> None:
    """Set cursors to where they are told, in the caller's transaction."""
    connection.executemany(
        "INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?, ?)",
        [(sink, c.metric, c.begin, c.through, c.tried) for c in cursors],
    )


def advance(
    connection: sqlite3.Connection, sink: str, metrics: Collection[str], through: int
) -> None:
    """Move cursors forwards, in the caller's transaction; never backwards."""
    connection.executemany(
        "UPDATE cursor SET through = MAX(through, ?1), tried = MAX(tried, ?1)"
        " WHERE sink = ?2 AND metric = ?3",
        [(through, sink, metric) for metric in metrics],
    )


def settle_tried(connection: sqlite3.Connection, sink: str, maybe: int) -> None:
    """Note that the receiver has what the cursors say, and perhaps what lies until ``maybe``."""
    connection.execute(
        "UPDATE cursor SET tried = MAX(through, MIN(tried, ?)) WHERE sink = ?", (maybe, sink)
    )


def read_shifts(connection: sqlite3.Connection, sink: str) -> dict[ShiftKey, float]:
    """Return what is added to the ledger's sums at this sink, by cell, where it is not nothing."""
    rows = connection.execute(
        "SELECT metric, suffix, labels, amount FROM shift WHERE sink = ?", (sink,)
    )
    return {(m, s, tuple(msgspec.json.decode(v, type=list[str]))): n for m, s, v, n in rows}


def replace_shifts(
    connection: sqlite3.Connection, sink: str, shifts: Mapping[ShiftKey, float]
) -> None:
    """Set all shifts of a sink, in the caller's transaction."""
    connection.execute("DELETE FROM shift WHERE sink = ?", (sink,))
    connection.executemany(
        "INSERT INTO shift VALUES (?, ?, ?, ?, ?)",
        [
            (sink, metric, suffix, msgspec.json.encode(labels).decode(), amount)
            for (metric, suffix, labels), amount in shifts.items()
            if amount
        ],
    )


def read_delivered(connection: sqlite3.Connection, sink: str) -> set[str]:
    """Return the series that a sink was offered and that have not ended there."""
    rows = connection.execute("SELECT labels FROM delivered WHERE sink = ?", (sink,))
    return {row[0] for row in rows}


def note_delivered(
    connection: sqlite3.Connection, sink: str, new: Iterable[str], ended: Iterable[str]
) -> None:
    """Remember series as offered, and forget those that have ended, in the caller's transaction."""
    connection.executemany(
        "INSERT OR IGNORE INTO delivered VALUES (?, ?)", [(sink, labels) for labels in new]
    )
    connection.executemany(
        "DELETE FROM delivered WHERE sink = ? AND labels = ?", [(sink, labels) for labels in ended]
    )


def forget_history(connection: sqlite3.Connection, sink: str) -> None:
    """Forget how far a sink has what, in the caller's transaction; series offered stay known."""
    for table in ("cursor", "shift"):
        connection.execute(f"DELETE FROM {table} WHERE sink = ?", (sink,))  # noqa: S608


def forget(connection: sqlite3.Connection, sink: str) -> None:
    """Forget what a sink has, as if it had never been sent anything; in the caller's transaction.

    Its counts stay: they say what was done.
    """
    forget_history(connection, sink)
    connection.execute("DELETE FROM delivered WHERE sink = ?", (sink,))
    connection.execute(
        "UPDATE sink SET offered_s = NULL, destination = NULL, settled_as = NULL, unknown_past = 0,"
        " asked = NULL, protocol = NULL, protocol_at_s = NULL, horizon_s = NULL,"
        " horizon_at_s = NULL WHERE name = ?",
        (sink,),
    )
