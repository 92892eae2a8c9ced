"""Schemas: the first release's is what the first migration makes, and every one leads to the last."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import homes
import laws
import pytest

from ccpush.ledger import schema, store
from ccpush.ledger.store import open_ledger

# As released with each schema; never edited. A later schema gets a file of its own.
RELEASED = {n: Path(__file__).with_name(f"schema_{n:03}.sql") for n in (1, 2)}


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """An empty database file."""
    with contextlib.closing(
        sqlite3.connect(tmp_path / "empty.db", isolation_level=None)
    ) as connection:
        yield connection


def shape(connection: sqlite3.Connection) -> dict[str, object]:
    """Tables, columns with types, defaults and keys, and indices, however the SQL was written."""
    tables = [
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    ]
    return {
        table: (
            connection.execute(f"PRAGMA table_xinfo({table})").fetchall(),
            [row[2:] for row in connection.execute(f"PRAGMA index_list({table})")],
            connection.execute(
                "SELECT wr, strict FROM pragma_table_list WHERE name = ?", (table,)
            ).fetchall(),
        )
        for table in sorted(tables)
    }


@pytest.mark.parametrize("number", sorted(RELEASED))
def test_a_released_schema_is_never_edited(connection: sqlite3.Connection, number: int) -> None:
    """The migrations up to a release still make exactly what was released."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        for migration in schema.MIGRATIONS[:number]:
            made.executescript(migration)
        expected = shape(made)

    connection.executescript(RELEASED[number].read_text(encoding="utf-8"))

    assert shape(connection) == expected
    assert schema.version(connection) == number


def test_every_schema_has_its_released_text() -> None:
    """Whoever adds a migration adds the schema that it leads to."""
    assert sorted(RELEASED) == list(range(1, schema.VERSION + 1))


def test_an_empty_file_becomes_the_newest_schema(connection: sqlite3.Connection) -> None:
    """From nothing; and once more, which changes nothing."""
    assert schema.version(connection) == 0

    schema.migrate(connection)
    before = shape(connection)
    schema.migrate(connection)

    assert schema.version(connection) == schema.VERSION
    assert shape(connection) == before


@pytest.mark.parametrize("number", sorted(RELEASED))
def test_a_ledger_of_any_release_is_brought_up_to_date(tmp_path: Path, number: int) -> None:
    """A ledger with an old schema is migrated by the next pass, which goes on with it."""
    home = homes.Home(tmp_path / "home")
    home.main().write(homes.user(), homes.assistant("msg_1", output=7))
    reader = homes.Reader(tmp_path / "state", home)
    reader.state_dir.mkdir()
    path = reader.state_dir / store.FILE_NAME
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.executescript(RELEASED[number].read_text(encoding="utf-8"))

    reader.run()

    laws.hold(reader)
    assert reader.tokens() == {homes.OPUS: (10, 7, 0, 0)}
    with open_ledger(reader.state_dir, write=False) as connection:
        assert schema.version(connection) == schema.VERSION


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration and the record of it are one transaction."""
    schema.migrate(connection)
    before = shape(connection)
    broken = (*schema.MIGRATIONS, "CREATE TABLE half (x);\nNO SUCH STATEMENT;\n")
    monkeypatch.setattr(schema, "MIGRATIONS", broken)
    monkeypatch.setattr(schema, "VERSION", len(broken))

    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(connection)

    assert shape(connection) == before
    assert schema.version(connection) == len(broken) - 1
