"""The ledger's tables, as numbered migrations; each runs in one transaction with its record.

A migration that has been released is never edited: a change is a new one at the end of the list.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from ccpush.errors import LedgerTooNewError

# One increment: at grid step ``booked`` (minutes since 1970) the series grew by ``amount``;
# ``quarter`` is the quarter-hour in which that really happened, below 0 a whole day, of whose hours
# ``day_hour`` knows (see collapse.py). ``total`` is the sum of a series' increments; ``overlay`` is
# the part of it that lies on imported days, by grid step.
# ``cursor`` says through which step a sink has a metric, from which on (``begin``, where its zeros
# lie) and through which it may have it (``tried``); ``shift`` is what a sink's values differ by.
# response.minute is the minute of the row first counted; its flags are in booking.py.
_M001: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE series (
    id INTEGER PRIMARY KEY, family TEXT NOT NULL, a TEXT NOT NULL, b TEXT NOT NULL,
    total INTEGER NOT NULL DEFAULT 0, UNIQUE (family, a, b));
CREATE TABLE increment (
    booked INTEGER NOT NULL, quarter INTEGER NOT NULL, series INTEGER NOT NULL,
    amount INTEGER NOT NULL, PRIMARY KEY (booked, quarter, series)) WITHOUT ROWID;
CREATE TABLE model (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE response (
    key INTEGER PRIMARY KEY, minute INTEGER NOT NULL, model INTEGER NOT NULL,
    flags INTEGER NOT NULL, input INTEGER NOT NULL, output INTEGER NOT NULL,
    cache_read INTEGER NOT NULL, cache_creation INTEGER NOT NULL,
    web_searches INTEGER NOT NULL, web_fetches INTEGER NOT NULL);
CREATE TABLE counted (key INTEGER PRIMARY KEY);
CREATE TABLE session (
    key INTEGER PRIMARY KEY, last_s INTEGER NOT NULL, main_s INTEGER, messages INTEGER NOT NULL);
CREATE TABLE session_tokens (
    session INTEGER NOT NULL, model INTEGER NOT NULL, input INTEGER NOT NULL,
    output INTEGER NOT NULL, PRIMARY KEY (session, model)) WITHOUT ROWID;
CREATE TABLE position (
    path INTEGER PRIMARY KEY, device INTEGER NOT NULL, inode INTEGER NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, offset INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL, extractor INTEGER NOT NULL, tail TEXT NOT NULL);
CREATE TABLE frozen (family TEXT PRIMARY KEY, through INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE figure (
    span TEXT NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL, amount INTEGER NOT NULL,
    PRIMARY KEY (span, at, kind)) WITHOUT ROWID;
CREATE TABLE day_hour (
    day INTEGER NOT NULL, hour INTEGER NOT NULL, kind TEXT NOT NULL, amount INTEGER NOT NULL,
    PRIMARY KEY (day, hour, kind)) WITHOUT ROWID;
CREATE TABLE imported (
    day INTEGER NOT NULL, family TEXT NOT NULL, a TEXT NOT NULL, b TEXT NOT NULL,
    booked INTEGER NOT NULL, amount INTEGER NOT NULL,
    PRIMARY KEY (day, family, a, b)) WITHOUT ROWID;
CREATE TABLE overlay (
    booked INTEGER NOT NULL, series INTEGER NOT NULL, amount INTEGER NOT NULL,
    PRIMARY KEY (booked, series)) WITHOUT ROWID;
CREATE TABLE tally (
    name TEXT NOT NULL, label TEXT NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (name, label)) WITHOUT ROWID;
CREATE TABLE sink (
    name TEXT PRIMARY KEY, kind TEXT NOT NULL, offered_s REAL, attempt_s REAL, success_s REAL,
    error TEXT, hint TEXT, retry_at_s REAL, skew_s REAL, failures INTEGER NOT NULL DEFAULT 0,
    destination TEXT, settled_as TEXT, unknown_past INTEGER NOT NULL DEFAULT 0, asked TEXT,
    protocol TEXT, protocol_at_s REAL, horizon_s REAL, horizon_at_s REAL,
    now_ts_ms INTEGER) WITHOUT ROWID;
CREATE TABLE cursor (
    sink TEXT NOT NULL, metric TEXT NOT NULL, begin INTEGER, through INTEGER NOT NULL,
    tried INTEGER NOT NULL, PRIMARY KEY (sink, metric)) WITHOUT ROWID;
CREATE TABLE shift (
    sink TEXT NOT NULL, metric TEXT NOT NULL, suffix TEXT NOT NULL, labels TEXT NOT NULL,
    amount REAL NOT NULL, PRIMARY KEY (sink, metric, suffix, labels)) WITHOUT ROWID;
CREATE TABLE delivered (
    sink TEXT NOT NULL, labels TEXT NOT NULL, PRIMARY KEY (sink, labels)) WITHOUT ROWID;
CREATE TABLE sink_samples (
    sink TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL, samples INTEGER NOT NULL,
    PRIMARY KEY (sink, outcome, reason)) WITHOUT ROWID;
"""

# What was brought and what it cost. The new columns of response are NULL in what was counted before
# there were prices; price_table says which version of them a number stands for. ``unsettled`` holds
# halves of tool calls: calls without their results, and results without their calls. ``stretch``
# says through which second the work after a prompt was counted; a position says in which stretch
# its file was left, and its latest time.
_M002: Final = """
ALTER TABLE response ADD COLUMN write_5m INTEGER;
ALTER TABLE response ADD COLUMN write_1h INTEGER;
ALTER TABLE response ADD COLUMN mode INTEGER;
ALTER TABLE response ADD COLUMN prices INTEGER;
ALTER TABLE position ADD COLUMN stretch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE position ADD COLUMN latest_s INTEGER NOT NULL DEFAULT 0;
CREATE TABLE price_table (id INTEGER PRIMARY KEY, version TEXT NOT NULL UNIQUE);
CREATE TABLE unsettled (
    key INTEGER PRIMARY KEY, day INTEGER NOT NULL, half TEXT NOT NULL, said BLOB NOT NULL);
CREATE TABLE stretch (key INTEGER PRIMARY KEY, through_s INTEGER NOT NULL);
"""

MIGRATIONS: Final[tuple[str, ...]] = (_M001, _M002)
VERSION: Final = len(MIGRATIONS)


def refuse_newer(connection: sqlite3.Connection) -> None:
    """Raise LedgerTooNewError if a later ccpush made the ledger; changes nothing."""
    found = version(connection)
    if found > VERSION:
        raise LedgerTooNewError(
            f"the ledger has schema {found}; this ccpush knows schemas up to {VERSION}",
            hint="upgrade ccpush, or name another ledger with --state",
        )


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date; raises LedgerTooNewError before touching a newer one."""
    refuse_newer(connection)
    for number in range(version(connection) + 1, VERSION + 1):
        _apply(connection, number)


def version(connection: sqlite3.Connection) -> int:
    """Return the number of the last migration that was applied."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _apply(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have applied it while this one waited for the lock.
        if version(connection) < number:
            for statement in MIGRATIONS[number - 1].split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number:d}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
