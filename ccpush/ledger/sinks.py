"""What is known of each sink: how the last push went, and what was found out about its receiver."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

import msgspec

from ccpush.ledger.store import transaction


class SinkState(msgspec.Struct, frozen=True):
    """A sink as the ledger remembers it; moments in seconds since 1970, None for never.

    ``offered_s`` is the newest moment whose values were delivered, ``success_s`` when the last push
    succeeded, ``failures`` how many have failed since. ``samples`` counts by (outcome, reason):
    sent, retried, rejected.
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
    failures: int = 0
    # a hash of the address: a sink whose address has changed is another one
    destination: str | None = None
    # the identity for which it is settled how this ledger goes on at this receiver
    settled_as: str | None = None
    # what was before the ledger's first step there was not sent, because nobody could be asked
    unknown_past: bool = False
    # what the receiver said when it was asked the first time
    asked: str | None = None
    # the protocol that the receiver speaks, when it is not the configured one, and since when
    protocol: str | None = None
    protocol_at_s: float | None = None
    # the greatest age of samples that the receiver takes, and when that was found
    horizon_s: float | None = None
    horizon_at_s: float | None = None
    # the newest timestamp of samples that are true now
    now_ts_ms: int | None = None


_FOUND_OUT: Final = (
    "destination", "settled_as", "unknown_past", "asked", "protocol", "protocol_at_s",
    "horizon_s", "horizon_at_s", "now_ts_ms",
)  # fmt: skip
_PUSHED: Final = (
    "name", "kind", "offered_s", "attempt_s", "success_s", "error", "hint", "retry_at_s",
    "skew_s", "failures",
)  # fmt: skip
_SELECT: Final = f"SELECT {', '.join((*_PUSHED, *_FOUND_OUT))} FROM sink"  # noqa: S608


def record_attempt(
    connection: sqlite3.Connection, state: SinkState, counts: Mapping[tuple[str, str], int]
) -> None:
    """Remember one push: the sink's state after it, and how many samples went which way."""
    with transaction(connection):
        connection.execute(
            f"INSERT INTO sink ({', '.join(_PUSHED)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
            " ON CONFLICT (name) DO UPDATE SET"
            " kind = excluded.kind, offered_s = COALESCE(excluded.offered_s, offered_s),"
            " attempt_s = excluded.attempt_s, success_s = COALESCE(excluded.success_s, success_s),"
            " error = excluded.error, hint = excluded.hint, retry_at_s = excluded.retry_at_s,"
            " skew_s = COALESCE(excluded.skew_s, skew_s),"
            " failures = CASE excluded.failures WHEN 0 THEN 0 ELSE failures + 1 END",
            [getattr(state, name) for name in _PUSHED],
        )
        add_counts(connection, state.name, counts)


def add_counts(
    connection: sqlite3.Connection, sink: str, counts: Mapping[tuple[str, str], int]
) -> None:
    """Count samples by (outcome, reason), in the caller's transaction."""
    connection.executemany(
        "INSERT INTO sink_samples VALUES (?, ?, ?, ?) ON CONFLICT (sink, outcome, reason)"
        " DO UPDATE SET samples = samples + excluded.samples",
        [(sink, *key, n) for key, n in sorted(counts.items()) if n],
    )


def note(connection: sqlite3.Connection, sink: str, kind: str, **found: str | float | None) -> None:
    """Remember what was found out about a sink's receiver, in the caller's transaction.

    Takes the fields of :class:`SinkState` from ``destination`` on.
    """
    assert set(found) <= set(_FOUND_OUT)
    connection.execute(
        "INSERT INTO sink (name, kind) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", (sink, kind)
    )
    columns = ", ".join(f"{name} = ?" for name in found)
    connection.execute(
        f"UPDATE sink SET {columns} WHERE name = ?",  # noqa: S608
        (*found.values(), sink),
    )


def read_sink(connection: sqlite3.Connection, name: str, kind: str) -> SinkState:
    """Return one sink's state, without its counts; an empty one when it was never pushed to."""
    row = connection.execute(f"{_SELECT} WHERE name = ?", (name,)).fetchone()
    return SinkState(name, kind) if row is None else _state(row)


def read_sinks(connection: sqlite3.Connection) -> tuple[SinkState, ...]:
    """Return all sinks that were ever pushed to, by name."""
    samples: dict[str, dict[tuple[str, str], int]] = {}
    for name, outcome, reason, n in connection.execute("SELECT * FROM sink_samples"):
        samples.setdefault(name, {})[outcome, reason] = n
    return tuple(
        msgspec.structs.replace(_state(row), samples=samples.get(row[0], {}))
        for row in connection.execute(f"{_SELECT} ORDER BY name")
    )


def _state(row: tuple[object, ...]) -> SinkState:
    found = dict(zip((*_PUSHED, *_FOUND_OUT), row, strict=True))
    found["unknown_past"] = bool(found["unknown_past"])
    return msgspec.convert(found, SinkState)
