"""What a sink has, was offered, and what became of it; what the ledger knows of itself."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from ccpush.errors import LedgerError
from ccpush.ledger.booking import frozen_through
from ccpush.ledger.cursors import (
    Cursor,
    ShiftKey,
    advance,
    forget,
    forget_history,
    freeze,
    freeze_within,
    note_delivered,
    place,
    read_cursors,
    read_delivered,
    read_shifts,
    replace_shifts,
    settle_tried,
)
from ccpush.ledger.meta import get_meta, set_meta, set_meta_once
from ccpush.ledger.sinks import (
    SinkState,
    add_counts,
    note,
    read_sink,
    read_sinks,
    record_attempt,
)
from ccpush.ledger.store import open_ledger, transaction
from ccpush.ledger.tallies import add_tallies, set_tallies


def test_a_sink_never_pushed_to_is_not_known(tmp_path: Path) -> None:
    """The ledger remembers attempts, not settings."""
    with open_ledger(tmp_path, write=True) as connection:
        assert read_sinks(connection) == ()


def test_attempts_are_remembered_and_samples_add_up(tmp_path: Path) -> None:
    """A failure keeps what a success had reached, and replaces what is said of now."""
    first = SinkState("mimir", "remote_write", 600.0, 601.5, 601.5, None, None, None, 0.25)
    failed = SinkState(
        "mimir", "remote_write", None, 661.0, None, "503", "wait", 700.0, None, failures=1
    )
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
        SinkState(
            "mimir",
            "remote_write",
            600.0,
            661.0,
            601.5,
            "503",
            "wait",
            700.0,
            0.25,
            counts,
            failures=1,
        ),
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


def test_freezing_may_be_part_of_something_larger(tmp_path: Path) -> None:
    """Inside a transaction that fails nothing was frozen."""
    with open_ledger(tmp_path, write=True) as connection:
        with contextlib.suppress(ZeroDivisionError), transaction(connection, durable=True):
            freeze_within(connection, {"tokens"}, 100)
            raise ZeroDivisionError

        assert frozen_through(connection) == {}
        assert get_meta(connection, "offered_s") is None


def test_failures_are_counted_until_a_success(tmp_path: Path) -> None:
    """How long a sink has been ill shows in how many pushes have failed since it was well."""
    failed = SinkState("s", "remote_write", error="no", failures=1)
    counts = []
    with open_ledger(tmp_path, write=True) as connection:
        for state in (failed, failed, failed, SinkState("s", "remote_write"), failed):
            record_attempt(connection, state, {})
            counts.append(read_sink(connection, "s", "remote_write").failures)

    assert counts == [1, 2, 3, 0, 1]


def test_what_was_found_out_is_kept_apart_from_attempts(tmp_path: Path) -> None:
    """Neither overwrites the other, and what is told as None is forgotten."""
    with open_ledger(tmp_path, write=True) as connection:
        assert read_sink(connection, "s", "remote_write") == SinkState("s", "remote_write")
        with transaction(connection):
            note(connection, "s", "remote_write", protocol="1.0", protocol_at_s=5.0)
            note(connection, "s", "remote_write", horizon_s=3540.0, unknown_past=True)
            note(connection, "s", "remote_write", now_ts_ms=1_790_000_000_123, asked="x")
        record_attempt(connection, SinkState("s", "remote_write", 60.0, 61.0, 61.0), {})
        with transaction(connection):
            note(connection, "s", "remote_write", protocol=None, asked=None)

        assert read_sink(connection, "s", "remote_write") == SinkState(
            "s",
            "remote_write",
            offered_s=60.0,
            attempt_s=61.0,
            success_s=61.0,
            protocol_at_s=5.0,
            horizon_s=3540.0,
            unknown_past=True,
            now_ts_ms=1_790_000_000_123,
        )


def test_counts_may_be_added_with_what_they_count(tmp_path: Path) -> None:
    """In the transaction of the cursor, so that none is lost or counted twice."""
    with open_ledger(tmp_path, write=True) as connection:
        with transaction(connection):
            note(connection, "s", "remote_write", horizon_s=None)
            add_counts(connection, "s", {("sent", ""): 5, ("rejected", "x"): 0})
        with contextlib.suppress(ZeroDivisionError), transaction(connection):
            add_counts(connection, "s", {("sent", ""): 7})
            raise ZeroDivisionError
        (state,) = read_sinks(connection)

    assert state.samples == {("sent", ""): 5}


def _placed(connection: sqlite3.Connection, sink: str, *cursors: Cursor) -> None:
    with transaction(connection):
        place(connection, sink, cursors)


def test_cursors_are_each_sinks_own(tmp_path: Path) -> None:
    """Placed where they are told, forwards or backwards; another sink's stay."""
    one, other = Cursor("m", 10, 20, 30), Cursor("n", None, 5, 5)
    with open_ledger(tmp_path, write=True) as connection:
        assert read_cursors(connection, "a") == {}
        _placed(connection, "a", one, other)
        _placed(connection, "b", Cursor("m", 1, 1, 1))
        _placed(connection, "a", Cursor("m", None, 3, 4))

        assert read_cursors(connection, "a") == {"m": Cursor("m", None, 3, 4), "n": other}
        assert read_cursors(connection, "b") == {"m": Cursor("m", 1, 1, 1)}


def test_an_advance_never_goes_back(tmp_path: Path) -> None:
    """Of the metrics it is told, and only of those that the sink has a cursor of."""
    with open_ledger(tmp_path, write=True) as connection:
        _placed(
            connection, "a", Cursor("m", 1, 20, 25), Cursor("n", 1, 40, 40), Cursor("o", 1, 2, 3)
        )
        with transaction(connection):
            advance(connection, "a", ["m", "n", "unknown"], 30)

        assert read_cursors(connection, "a") == {
            "m": Cursor("m", 1, 30, 30),
            "n": Cursor("n", 1, 40, 40),
            "o": Cursor("o", 1, 2, 3),
        }


@pytest.mark.parametrize(("maybe", "tried"), [(-1, 20), (15, 20), (25, 25), (40, 30)])
def test_what_was_tried_is_settled(tmp_path: Path, maybe: int, tried: int) -> None:
    """The receiver has what the cursor says, and perhaps what lies until there; never less."""
    with open_ledger(tmp_path, write=True) as connection:
        _placed(connection, "a", Cursor("m", 1, 20, 30))
        _placed(connection, "b", Cursor("m", 1, 20, 30))
        with transaction(connection):
            settle_tried(connection, "a", maybe)

        assert read_cursors(connection, "a") == {"m": Cursor("m", 1, 20, tried)}
        assert read_cursors(connection, "b") == {"m": Cursor("m", 1, 20, 30)}


def test_shifts_come_back_as_they_were(tmp_path: Path) -> None:
    """Whatever is in a label, and all of them are replaced at once; nothing is no shift."""
    shifts: dict[ShiftKey, float] = {
        ("m", "", ("a", "b")): 5.0,
        ("m", "", ('[",]', "\u56e3\u5b50")): 2.5,
        ("h", "_bucket", ("+Inf",)): -3.0,
        ("h", "_sum", ()): 1.0,
    }
    with open_ledger(tmp_path, write=True) as connection:
        for sink in ("a", "b"):
            with transaction(connection):
                replace_shifts(connection, sink, {("old", "", ()): 1.0})
        with transaction(connection):
            replace_shifts(connection, "a", {**shifts, ("m", "", ("zero",)): 0.0})

        assert read_shifts(connection, "a") == shifts
        assert read_shifts(connection, "b") == {("old", "", ()): 1.0}


def test_what_was_delivered_is_remembered_until_it_ends(tmp_path: Path) -> None:
    """By sink; what was known already may be told again."""
    with open_ledger(tmp_path, write=True) as connection:
        with transaction(connection):
            note_delivered(connection, "a", ["x", "y"], [])
            note_delivered(connection, "b", ["x"], [])
            note_delivered(connection, "a", ["y", "z"], ["x", "never"])

        assert read_delivered(connection, "a") == {"y", "z"}
        assert read_delivered(connection, "b") == {"x"}


def test_a_sink_is_forgotten_but_for_what_was_done(tmp_path: Path) -> None:
    """Cursors, shifts, series and what was found out are gone; counts and the clock of now stay."""
    with open_ledger(tmp_path, write=True) as connection:
        record_attempt(
            connection, SinkState("a", "remote_write", 60.0, 61.0, 61.0), {("sent", ""): 9}
        )
        with transaction(connection):
            for sink in ("a", "b"):
                place(connection, sink, [Cursor("m", 1, 2, 3)])
                replace_shifts(connection, sink, {("m", "", ()): 1.0})
                note_delivered(connection, sink, ["x"], [])
            note(
                connection, "a", "remote_write", destination="d", settled_as="w", unknown_past=True,
                asked="q", protocol="1.0", protocol_at_s=1.0, horizon_s=1.0, horizon_at_s=1.0,
                now_ts_ms=77,
            )  # fmt: skip
            forget(connection, "a")
        (state,) = read_sinks(connection)

        assert read_cursors(connection, "a") == {}
        assert read_shifts(connection, "a") == {}
        assert read_delivered(connection, "a") == set()
        assert state == SinkState(
            "a",
            "remote_write",
            attempt_s=61.0,
            success_s=61.0,
            samples={("sent", ""): 9},
            now_ts_ms=77,
        )
        assert read_cursors(connection, "b") == {"m": Cursor("m", 1, 2, 3)}
        assert read_delivered(connection, "b") == {"x"}


def test_the_history_of_a_sink_may_be_forgotten_alone(tmp_path: Path) -> None:
    """What begins anew still knows which series there are to end."""
    with open_ledger(tmp_path, write=True) as connection:
        with transaction(connection):
            place(connection, "a", [Cursor("m", 1, 2, 3)])
            replace_shifts(connection, "a", {("m", "", ()): 1.0})
            note_delivered(connection, "a", ["x"], [])
            forget_history(connection, "a")

        assert read_cursors(connection, "a") == {}
        assert read_shifts(connection, "a") == {}
        assert read_delivered(connection, "a") == {"x"}


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
