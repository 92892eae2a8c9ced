"""What a sink was offered and what became of it; what the ledger knows of itself."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ccpush.errors import LedgerError
from ccpush.ledger.booking import frozen_through
from ccpush.ledger.cursors import SinkState, freeze, read_sinks, record_attempt
from ccpush.ledger.meta import get_meta, set_meta, set_meta_once
from ccpush.ledger.store import open_ledger
from ccpush.ledger.tallies import add_tallies, set_tallies


def test_a_sink_never_pushed_to_is_not_known(tmp_path: Path) -> None:
    """The ledger remembers attempts, not settings."""
    with open_ledger(tmp_path, write=True) as connection:
        assert read_sinks(connection) == ()


def test_attempts_are_remembered_and_samples_add_up(tmp_path: Path) -> None:
    """A failure keeps what a success had reached, and replaces what is said of now."""
    first = SinkState("mimir", "remote_write", 600.0, 601.5, 601.5, None, None, None, 0.25)
    failed = SinkState("mimir", "remote_write", None, 661.0, None, "503", "wait", 700.0, None)
    again = SinkState("mimir", "remote_write", 720.0, 721.0, 721.0)
    other = SinkState("gate", "pushgateway", attempt_s=5.0)
    with open_ledger(tmp_path, write=True) as connection:
        record_attempt(connection, first, {("sent", ""): 40, ("retried", ""): 0})
        record_attempt(connection, other, {})
        record_attempt(connection, failed, {("retried", ""): 40, ("rejected", "400"): 2})
        after_failure = read_sinks(connection)
        record_attempt(connection, again, {("sent", ""): 41, ("rejected", "400"): 1})

    with open_ledger(tmp_path, write=False) as connection:
        after_success = read_sinks(connection)

    counts = {("sent", ""): 40, ("retried", ""): 40, ("rejected", "400"): 2}
    assert after_failure == (
        other,
        SinkState("mimir", "remote_write", 600.0, 661.0, 601.5, "503", "wait", 700.0, 0.25, counts),
    )
    counts = {("sent", ""): 81, ("retried", ""): 40, ("rejected", "400"): 3}
    assert after_success == (
        other,
        SinkState("mimir", "remote_write", 720.0, 721.0, 721.0, None, None, None, 0.25, counts),
    )


def test_freezing_is_by_family_and_never_falls(tmp_path: Path) -> None:
    """Each family has its own mark; the newest one holds, whatever comes later."""
    with open_ledger(tmp_path, write=True) as connection:
        freeze(connection, {"tokens", "messages"}, 100)
        freeze(connection, {"tokens"}, 90)
        freeze(connection, {"sessions", "tokens"}, 120)
        freeze(connection, {"messages"}, 110)

        assert frozen_through(connection) == {"tokens": 120, "messages": 110, "sessions": 120}
        assert get_meta(connection, "offered_s") == 120 * 60


def test_freezing_waits_for_the_disk(tmp_path: Path) -> None:
    """A power cut after the first sample was sent must not thaw what was offered."""
    seen: list[str] = []
    with open_ledger(tmp_path, write=True) as connection:
        connection.set_trace_callback(seen.append)
        freeze(connection, {"tokens"}, 1)
        connection.set_trace_callback(None)

    assert seen[0] == "PRAGMA synchronous = FULL"
    assert seen[1].startswith("BEGIN IMMEDIATE")
    assert seen[-1] == "COMMIT"


def test_a_value_is_set_once_or_again(tmp_path: Path) -> None:
    """What is settled at the first run stays; the rest is as last set."""
    with open_ledger(tmp_path, write=True) as connection:
        assert get_meta(connection, "instance") is None
        assert set_meta_once(connection, "instance", "laptop") == "laptop"
        assert set_meta_once(connection, "instance", "renamed") == "laptop"
        set_meta(connection, "files", 3)
        set_meta(connection, "files", 4)

    with open_ledger(tmp_path, write=False) as connection:
        assert (get_meta(connection, "instance"), get_meta(connection, "files")) == ("laptop", 4)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            set_meta(connection, "files", 5)


def test_tallies_add_up_or_are_replaced(tmp_path: Path) -> None:
    """Work done grows for ever; what is found anew at each pass takes the place of the old."""
    with open_ledger(tmp_path, write=True) as connection:
        add_tallies(connection, {("lines_read", ""): 2, ("rows_skipped", "not_json"): 1})
        add_tallies(connection, {("lines_read", ""): 3, ("rows_skipped", "blank"): 0})
        set_tallies(connection, "files_skipped", {"unreadable": 2, "vanished": 1})
        set_tallies(connection, "files_skipped", {"vanished": 5})

        assert sorted(connection.execute("SELECT * FROM tally")) == [
            ("files_skipped", "vanished", 5.0),
            ("lines_read", "", 5.0),
            ("rows_skipped", "not_json", 1.0),
        ]


def test_an_error_while_a_ledger_is_open_is_explained(tmp_path: Path) -> None:
    """Who works with a ledger never sees the database's own exceptions."""
    with (
        pytest.raises(LedgerError, match="no such table"),
        open_ledger(tmp_path, write=True) as connection,
    ):
        connection.execute("SELECT * FROM nowhere")
