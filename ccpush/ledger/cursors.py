"""What each sink has been offered, what became of it, and what is therefore frozen."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

import msgspec

from ccpush.ledger.meta import get_meta, set_meta
from ccpush.ledger.store import transaction


class SinkState(msgspec.Struct, frozen=True):
    """A sink as the ledger remembers it; moments in seconds since 1970, None for never.

    ``offered_s`` is the newest moment whose values were delivered, ``success_s`` when the last push
    succeeded. ``samples`` counts by (outcome, reason): sent, retried, rejected.
    """

    name: str
    kind: str
    offered_s: float | None = None
    attempt_s: float | None = None
    success_s: float | None = None
    error: str | None = None
    hint: str | None = None
    retry_at_s: float | None = None
    skew_s: float | None = None
    samples: Mapping[tuple[str, str], int] = msgspec.field(default_factory=dict)


def freeze(connection: sqlite3.Connection, families: Iterable[str], through: int) -> None:
    """Freeze the families up to grid step ``through``, on the disk before this returns.

    Never falls. Call before anything of that step is sent, and read what is sent afterwards.
    """
    with transaction(connection, durable=True):
        connection.executemany(
            "INSERT INTO frozen VALUES (?, ?) ON CONFLICT (family)"
            " DO UPDATE SET through = MAX(through, excluded.through)",
            [(family, through) for family in sorted(families)],
        )
        offered_s = float(get_meta(connection, "offered_s") or 0)
        set_meta(connection, "offered_s", max(offered_s, through * 60))


def record_attempt(
    connection: sqlite3.Connection, state: SinkState, counts: Mapping[tuple[str, str], int]
) -> None:
    """Remember one push: the sink's state after it, and how many samples went which way."""
    with transaction(connection):
        connection.execute(
            "INSERT INTO sink VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
            " kind = excluded.kind, offered_s = COALESCE(excluded.offered_s, offered_s),"
            " attempt_s = excluded.attempt_s, success_s = COALESCE(excluded.success_s, success_s),"
            " error = excluded.error, hint = excluded.hint, retry_at_s = excluded.retry_at_s,"
            " skew_s = COALESCE(excluded.skew_s, skew_s)",
            (
                state.name,
                state.kind,
                state.offered_s,
                state.attempt_s,
                state.success_s,
                state.error,
                state.hint,
                state.retry_at_s,
                state.skew_s,
            ),
        )
        connection.executemany(
            "INSERT INTO sink_samples VALUES (?, ?, ?, ?) ON CONFLICT (sink, outcome, reason)"
            " DO UPDATE SET samples = samples + excluded.samples",
            [(state.name, *key, n) for key, n in sorted(counts.items()) if n],
        )


def read_sinks(connection: sqlite3.Connection) -> tuple[SinkState, ...]:
    """Return all sinks that were ever pushed to, by name."""
    samples: dict[str, dict[tuple[str, str], int]] = {}
    for name, outcome, reason, n in connection.execute("SELECT * FROM sink_samples"):
        samples.setdefault(name, {})[outcome, reason] = n
    rows = connection.execute("SELECT * FROM sink ORDER BY name")
    return tuple(
        msgspec.structs.replace(SinkState(*row), samples=samples.get(row[0], {})) for row in rows
    )
