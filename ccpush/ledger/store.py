"""The database file: where it lies, how it is opened, one transaction.

SQLite in WAL mode: one writer, any number of readers, none of which waits for another. The folder
is private (0700), the file too (0600).
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ccpush.errors import LedgerError
from ccpush.ledger import schema

FILE_NAME: Final = "ledger.db"
# A writer holds the file for the time of one chunk, well under a second.
BUSY_TIMEOUT_S: Final = 15
_LOCKED_PAUSE_S: Final = 0.01
# WAL needs shared memory, which these do not offer; and two machines would write one account.
NETWORK_FILE_SYSTEMS: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smbfs", "smb3", "afs", "afpfs", "9p", "fuse.sshfs", "fuse.rclone"}
)
SYNCED_FOLDERS: Final = frozenset(
    {"Dropbox", "OneDrive", "Google Drive", "Mobile Documents", "Nextcloud", "iCloud Drive"}
)


def connect(state_dir: Path, *, write: bool) -> sqlite3.Connection:
    """Open the ledger, made and migrated first when ``write``; raises LedgerError.

    Without ``write`` the file must exist and nothing can be changed through the connection. Use a
    connection in one thread at a time, inside :func:`explained`.
    """
    with explained(state_dir):
        return _connect(state_dir / FILE_NAME, write=write)


@contextmanager
def explained(state_dir: Path) -> Iterator[None]:
    """Turn errors of the database into LedgerErrors with words for a person."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, state_dir / FILE_NAME) from error


@contextmanager
def open_ledger(state_dir: Path, *, write: bool) -> Iterator[sqlite3.Connection]:
    """Open the ledger for the time of a ``with``; as :func:`connect`."""
    connection = connect(state_dir, write=write)
    try:
        with explained(state_dir):
            yield connection
    finally:
        connection.close()


def exists(state_dir: Path) -> bool:
    """Whether there is a ledger."""
    return (state_dir / FILE_NAME).is_file()


def file_number(connection: sqlite3.Connection) -> int:
    """Return the number that the file system has for the ledger's file; a copy has another one."""
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    try:
        return Path(path).stat().st_ino
    except OSError:
        # removed meanwhile: then nothing is known
        return 0


@contextmanager
def transaction(connection: sqlite3.Connection, *, durable: bool = False) -> Iterator[None]:
    """All or nothing; ``durable`` waits until it is on the disk, power cut included."""
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # a full disk has rolled back already, a commit that failed has not
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Let all reads inside see one state of the ledger: the outermost one's, where they nest."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def explain(error: sqlite3.Error, path: Path) -> LedgerError:
    """Put a database error into words for a person."""
    text = str(error)
    if "not a database" in text or "malformed" in text:
        return LedgerError(
            f"the ledger {path} is damaged: {text}",
            hint="move the file away; the next run builds a new one from the transcripts",
        )
    if "full" in text:
        return LedgerError(f"no room for the ledger {path}: {text}", hint="free some disk space")
    if "locked" in text:
        return LedgerError(f"the ledger {path} is in use: {text}", hint="try again in a moment")
    return LedgerError(f"the ledger {path} cannot be used: {text}")


def _connect(path: Path, *, write: bool) -> sqlite3.Connection:
    if write:
        _make_private(path)
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'rwc' if write else 'rw'}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        # handed from thread to thread, under a lock of whoever holds it
        check_same_thread=False,
    )
    try:
        if write:
            # before anything that writes: a newer ledger is left as it is
            schema.refuse_newer(connection)
            _write_ahead(connection)
            schema.migrate(connection)
        else:
            connection.execute("PRAGMA query_only = 1")
            _refuse_unready(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turn WAL on; it stays on for ever.

    Two processes that make the ledger at once would wait for each other here, so SQLite refuses one
    of them at once instead of letting it wait out its timeout: it tries again.
    """
    until_s = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= until_s:
                raise
            time.sleep(_LOCKED_PAUSE_S)
        else:
            return


def _refuse_unready(connection: sqlite3.Connection, path: Path) -> None:
    schema.refuse_newer(connection)
    found = schema.version(connection)
    if found < schema.VERSION:
        raise LedgerError(
            f"the ledger {path} has schema {found}, this ccpush needs {schema.VERSION}",
            hint="run 'ccpush push' or 'ccpush run' once, which brings it up to date",
        )


def _make_private(path: Path) -> None:
    _refuse_shared(path)
    try:
        # A folder that was there before is somebody else's to close: it may be a home, or /tmp.
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise LedgerError(
            f"the ledger cannot be made at {path}: {error.strerror}",
            hint="name a writable folder with --state",
        ) from error


def _refuse_shared(path: Path) -> None:
    parts = (*path.absolute().parts, *Path(os.path.realpath(path)).parts)
    synced = SYNCED_FOLDERS.intersection(parts)
    kind = _file_system(path)
    if synced or kind in NETWORK_FILE_SYSTEMS:
        where = f"a synced folder ({', '.join(synced)})" if synced else f"a {kind} file system"
        raise LedgerError(
            f"the ledger {path} would lie on {where}, where SQLite cannot keep it whole",
            hint="name a folder on a local disk with --state",
        )


def _file_system(path: Path) -> str | None:
    """Say what the path is mounted as, where /proc tells (Linux)."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        # without /proc there is nothing to go by; SQLite reports what it cannot do
        return None
    target = os.path.realpath(path.absolute())
    best, kind = "", None
    for line in mounts.splitlines():
        fields = line.split(" ")
        point = fields[1].replace("\\040", " ") if len(fields) > 2 else ""
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind
