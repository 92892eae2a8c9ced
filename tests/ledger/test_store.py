"""The database file: private, opened by many at once, and explained when it cannot be used."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ccpush.errors import EXIT_CONFIG, EXIT_FAILURE, LedgerError, LedgerTooNewError
from ccpush.ledger import schema, store
from ccpush.ledger.meta import get_meta, set_meta
from ccpush.ledger.store import exists, open_ledger, snapshot, transaction


def modes(state_dir: Path) -> dict[str, int]:
    """The permissions of the folder and of every file in it."""
    found = {path.name: path for path in state_dir.iterdir()} | {".": state_dir}
    return {name: stat.S_IMODE(path.stat().st_mode) for name, path in found.items()}


def test_folder_and_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    """Folder 0700, database and its companions 0600, also where the umask allows all."""
    before = os.umask(0)
    try:
        with open_ledger(tmp_path / "state", write=True) as connection:
            set_meta(connection, "files", 1)
            found = modes(tmp_path / "state")
    finally:
        os.umask(before)

    assert found == {
        ".": 0o700,
        "ledger.db": 0o600,
        "ledger.db-wal": 0o600,
        "ledger.db-shm": 0o600,
    }


def test_a_new_ledger_is_in_wal_mode_at_the_newest_schema(tmp_path: Path) -> None:
    """Making it needs nothing but opening it for writing; asking whether it exists makes none."""
    assert not exists(tmp_path / "deep" / "state")

    with open_ledger(tmp_path / "deep" / "state", write=True) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert schema.version(connection) == schema.VERSION

    assert exists(tmp_path / "deep" / "state")


def test_reading_needs_a_ledger(tmp_path: Path) -> None:
    """Opening for reading makes no file and says which one is missing."""
    with pytest.raises(LedgerError, match=str(tmp_path)), open_ledger(tmp_path, write=False):
        pass

    assert list(tmp_path.iterdir()) == []


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    """Whatever is tried through a connection for reading, the ledger stays as it is."""
    with open_ledger(tmp_path, write=True):
        pass
    statements = (
        "INSERT INTO meta VALUES ('files', 1)",
        "DELETE FROM tally",
        "CREATE TABLE more (x)",
        "PRAGMA user_version = 7",
    )
    for statement in statements:
        with (
            pytest.raises(LedgerError, match="readonly"),
            open_ledger(tmp_path, write=False) as connection,
        ):
            connection.execute(statement)


def fabricate(state_dir: Path, version: int, journal: str) -> Path:
    """A ledger as another version of ccpush might have left it."""
    state_dir.mkdir(exist_ok=True)
    path = state_dir / store.FILE_NAME
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.execute("CREATE TABLE from_the_future (x)")
        connection.execute(f"PRAGMA user_version = {version}")
    return path


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
@pytest.mark.parametrize("write", [True, False])
def test_a_newer_schema_is_refused_and_left_alone(
    tmp_path: Path, journal: str, write: bool
) -> None:
    """A ledger of a later ccpush: exit 78, a hint, and not one byte of it changed."""
    path = fabricate(tmp_path, schema.VERSION + 1, journal)
    before = path.read_bytes()

    with pytest.raises(LedgerTooNewError) as caught, open_ledger(tmp_path, write=write):
        pass

    assert caught.value.exit_code == EXIT_CONFIG == 78
    assert str(schema.VERSION + 1) in str(caught.value)
    assert "upgrade ccpush" in (caught.value.hint or "")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [store.FILE_NAME]


def test_a_reader_does_not_migrate(tmp_path: Path) -> None:
    """An older schema is for the next writer to bring up to date; who reads says so."""
    path = fabricate(tmp_path, 0, "WAL")
    before = path.read_bytes()

    with pytest.raises(LedgerError, match="schema 0") as caught, open_ledger(tmp_path, write=False):
        pass

    assert "ccpush run" in (caught.value.hint or "")
    assert path.read_bytes() == before


def damage_all(path: Path) -> None:
    """No database at all."""
    path.write_bytes(b"these bytes are no database" * 400)


def damage_pages(path: Path) -> None:
    """A header that is right, and pages that are not."""
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [damage_all, damage_pages])
def test_a_damaged_file_is_explained(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """Damage is told with the file's name and the way out, never as a database's own words."""
    with open_ledger(tmp_path, write=True) as connection:
        set_meta(connection, "files", 1)
    damage(tmp_path / store.FILE_NAME)

    with (
        pytest.raises(LedgerError, match="is damaged") as caught,
        open_ledger(tmp_path, write=True) as connection,
    ):
        get_meta(connection, "files")

    assert str(tmp_path / store.FILE_NAME) in str(caught.value)
    assert "move the file away" in (caught.value.hint or "")
    assert caught.value.exit_code == EXIT_FAILURE


@pytest.mark.parametrize("folder", ["Dropbox", "OneDrive", "Google Drive/My Drive"])
@pytest.mark.parametrize("linked", [False, True])
def test_synced_folders_are_refused(tmp_path: Path, folder: str, linked: bool) -> None:
    """A ledger that a sync program would copy is refused with a hint, also behind a link."""
    synced = tmp_path / folder / "state"
    synced.parent.mkdir(parents=True)
    given = synced
    if linked:
        given = tmp_path / "innocent"
        given.symlink_to(synced.parent)

    with (
        pytest.raises(LedgerError, match="synced folder") as caught,
        open_ledger(given, write=True),
    ):
        pass

    assert "--state" in (caught.value.hint or "")
    assert list(synced.parent.iterdir()) == []


def test_network_file_systems_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where WAL cannot work the ledger is refused before a file is made."""
    monkeypatch.setattr(store, "_file_system", lambda _: "nfs4")

    with pytest.raises(LedgerError, match="nfs4 file system"), open_ledger(tmp_path, write=True):
        pass

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts are read from /proc")
def test_the_file_system_is_the_innermost_mount() -> None:
    """What a path is mounted as is found also where it does not exist yet."""
    assert store._file_system(Path("/proc/self/nothing/here")) == "proc"


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    """A file where the folder should be: which one, and what to name instead."""
    (tmp_path / "taken").write_text("")

    with (
        pytest.raises(LedgerError, match="taken") as caught,
        open_ledger(tmp_path / "taken" / "state", write=True),
    ):
        pass

    assert "--state" in (caught.value.hint or "")


def write_and_fail(connection: sqlite3.Connection) -> None:
    """An error after something was written."""
    with transaction(connection):
        set_meta(connection, "files", 1)
        raise KeyError


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    """What was written before an error is gone, and the connection goes on."""
    with open_ledger(tmp_path, write=True) as connection:
        with pytest.raises(KeyError):
            write_and_fail(connection)
        assert get_meta(connection, "files") is None
        with transaction(connection, durable=True):
            set_meta(connection, "files", 2)

    with open_ledger(tmp_path, write=False) as connection:
        assert get_meta(connection, "files") == 2


def test_a_commit_that_fails_does_not_stay_open(tmp_path: Path) -> None:
    """A resident process keeps its connection: after one commit that failed the next one works."""
    with open_ledger(tmp_path, write=True) as connection:
        connection.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        connection.execute(
            "CREATE TABLE child (id REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)"
        )
        connection.execute("PRAGMA foreign_keys = 1")
        # a deferred constraint is the one thing that makes a COMMIT fail at will
        with pytest.raises(sqlite3.IntegrityError), transaction(connection):
            connection.execute("INSERT INTO child VALUES (5)")
        with transaction(connection):
            set_meta(connection, "files", 3)

        assert get_meta(connection, "files") == 3


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for hardly more than an empty ledger."""
    if not (hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("mount")):
        pytest.skip("needs root, to mount a tiny file system")
    point = tmp_path / "tiny"
    point.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(point)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        yield point
    finally:
        subprocess.run(["umount", "-l", str(point)], check=True)


def write_much(connection: sqlite3.Connection, state_dir: Path) -> None:
    """Write a megabyte in small transactions, as a pass does."""
    with store.explained(state_dir):
        for number in range(500):
            with transaction(connection):
                row = (f"x{number}", os.urandom(2048))
                connection.execute("INSERT INTO meta VALUES (?, ?)", row)


def test_a_full_disk_is_explained_and_survived(full_disk: Path) -> None:
    """No room: a word about the disk; with room again the same connection goes on."""
    with contextlib.closing(store.connect(full_disk / "state", write=True)) as connection:
        ballast = full_disk / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as out:
            while True:
                out.write(b"0" * 4096)
        with pytest.raises(LedgerError, match="no room") as caught:
            write_much(connection, full_disk / "state")
        assert "free some disk space" in (caught.value.hint or "")

        ballast.unlink()
        with transaction(connection):
            set_meta(connection, "files", 1)
        assert get_meta(connection, "files") == 1


HOLDER = """
import sys
from pathlib import Path
from ccpush.ledger.meta import set_meta
from ccpush.ledger.store import open_ledger, transaction
with open_ledger(Path(sys.argv[1]), write=True) as connection:
    for number in range(1, 400):
        with transaction(connection):
            set_meta(connection, "files", number)
            print("in", flush=True)
            if sys.stdin.readline() != "on\\n":
                break
            set_meta(connection, "passes", number)
"""


def test_a_reader_never_waits_and_sees_whole_states(tmp_path: Path) -> None:
    """While a writer is in a transaction, readers get the state before it at once."""
    with open_ledger(tmp_path, write=True) as connection:
        set_meta(connection, "files", 0)
        set_meta(connection, "passes", 0)
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        try:
            for expected in range(5):
                assert writer.stdout.readline() == "in\n"
                with open_ledger(tmp_path, write=False) as connection, snapshot(connection):
                    # a reader that had to wait would fail at once
                    connection.execute("PRAGMA busy_timeout = 0")
                    found = (get_meta(connection, "files"), get_meta(connection, "passes"))
                    # the next transaction begins while this one still reads
                    writer.stdin.write("on\n")
                    assert writer.stdout.readline() == "in\n"
                    again = (get_meta(connection, "files"), get_meta(connection, "passes"))
                assert found == again == (2 * expected, 2 * expected)
                writer.stdin.write("on\n")
        finally:
            writer.kill()


OPENER = """
import sys
from pathlib import Path
from ccpush.ledger.store import open_ledger, transaction
from ccpush.ledger.tallies import add_tallies
sys.stdin.readline()
with open_ledger(Path(sys.argv[1]), write=True) as connection:
    for _ in range(50):
        with transaction(connection):
            add_tallies(connection, {("lines_read", ""): 1})
"""


def test_processes_that_make_the_ledger_at_once_make_one(tmp_path: Path) -> None:
    """Six processes open a ledger that does not exist yet, and write: nothing fails or is lost."""
    command = [sys.executable, "-c", OPENER, str(tmp_path / "state")]
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
                )
            )
            for _ in range(6)
        ]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
        errors = [process.communicate(timeout=60)[1] for process in processes]

    assert errors == [""] * 6
    with open_ledger(tmp_path / "state", write=False) as connection:
        assert connection.execute("SELECT value FROM tally").fetchall() == [(300.0,)]


def test_a_ledger_in_use_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a writer in vain is told to try again."""
    monkeypatch.setattr(store, "BUSY_TIMEOUT_S", 0.05)
    with (
        open_ledger(tmp_path, write=True) as first,
        transaction(first),
        pytest.raises(LedgerError, match="in use") as caught,
        open_ledger(tmp_path, write=True) as second,
        transaction(second),
    ):
        pytest.fail("two writers at once")

    assert "try again" in (caught.value.hint or "")


def test_a_connection_may_pass_from_thread_to_thread(tmp_path: Path) -> None:
    """The resident process hands one connection around, under its own lock."""
    with open_ledger(tmp_path, write=True) as connection:
        thread = threading.Thread(target=set_meta, args=(connection, "files", 9))
        thread.start()
        thread.join()

        assert get_meta(connection, "files") == 9


def test_a_folder_that_was_there_before_keeps_its_mode(tmp_path: Path) -> None:
    """A state folder may be a home or a shared one: only a folder that ccpush makes is closed."""
    state_dir = tmp_path / "shared"
    state_dir.mkdir()
    state_dir.chmod(0o755)

    with open_ledger(state_dir, write=True):
        pass

    assert state_dir.stat().st_mode & 0o777 == 0o755
    assert (state_dir / "ledger.db").stat().st_mode & 0o777 == 0o600
