"""Passes: whole ones, stopped ones and failed ones, and what a resident reader goes on with."""

from __future__ import annotations

import sqlite3
from typing import Any

import homes
import laws
import pytest
from homes import NOW_S, assistant, user

from ccpush.claude import facts as f
from ccpush.ledger import intake, positions
from ccpush.ledger.intake import Intake
from ccpush.ledger.store import open_ledger


def test_a_pass_says_what_it_did(home: homes.Home, reader: homes.Reader) -> None:
    """Files, lines and bytes read; a second pass over the same files does nothing."""
    path = home.main().write(user(), assistant())
    home.main("other").write(user())
    done, again = reader.run(), reader.run()

    assert (done.complete, done.files, done.files_read, done.lines) == (True, 2, 2, 3)
    assert done.read_bytes == path.stat().st_size + home.main("other").path.stat().st_size
    assert (again.complete, again.files, again.files_read, again.lines) == (True, 2, 0, 0)
    assert reader.account().passes == 2


def test_a_home_without_transcripts_is_whole(home: homes.Home, reader: homes.Reader) -> None:
    """Nothing to read is not a failure: the account is complete, and empty."""
    done = reader.run()

    assert (done.complete, done.files) == (True, 0)
    assert (reader.account().passes, reader.account().totals) == (1, {})


def test_no_home_is_no_complete_pass(reader: homes.Reader, home: homes.Home) -> None:
    """A home that is not there may be there later; until then nothing is said of it."""
    home.projects.rmdir()
    home.path.rmdir()
    done = reader.run()

    assert (done.complete, done.homes) == (False, [])
    assert reader.account().passes == 0


def test_a_stopped_pass_goes_on_where_it_ended(home: homes.Home, reader: homes.Reader) -> None:
    """What was read before the stop is kept, and the rest is read by the next pass."""
    for number in range(5):
        home.main(str(number)).write(assistant(f"msg_{number}"))
    answers = iter([False, False, False])
    done = reader.run(stop=lambda: next(answers, True), chunk_keys=1)
    kept = reader.total(f.MESSAGES)
    laws.hold(reader)
    rest = reader.run()

    assert not done.complete
    assert 0 < kept < 5
    assert (rest.complete, reader.total(f.MESSAGES)) == (True, 5)
    assert (rest.lines, reader.account().passes) == (5 - kept, 1)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_failed_transaction_is_made_up_for(
    home: homes.Home, reader: homes.Reader, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """A reader that stays, with its connection, reads again what could not be kept."""
    home.main().write(user(), assistant(output=5))
    save = positions.save
    with open_ledger(reader.state_dir, write=True) as connection:
        resident = Intake(connection, reader.homes, now=lambda: reader.now_s)
        resident.run()
        home.main().append(assistant("msg_2", output=7), at_s=NOW_S + 1)

        def fail(*arguments: Any) -> None:
            if after:
                save(*arguments)
            raise sqlite3.OperationalError("disk I/O error")

        with monkeypatch.context() as patch:
            patch.setattr(positions, "save", fail)
            with pytest.raises(sqlite3.OperationalError, match="disk I/O"):
                resident.run()
        laws.assert_laws(connection, reader.now_s)
        resident.run()

    laws.hold(reader)
    assert reader.tokens() == {homes.OPUS: (20, 12, 0, 0)}


def test_two_readers_never_count_twice(home: homes.Home, reader: homes.Reader) -> None:
    """Two processes that both pass over the files, each with its own positions, agree."""
    home.main().write(user(), assistant(output=5))
    with (
        open_ledger(reader.state_dir, write=True) as one,
        open_ledger(reader.state_dir, write=True) as two,
    ):
        first = Intake(one, reader.homes, now=lambda: reader.now_s)
        second = Intake(two, reader.homes, now=lambda: reader.now_s)
        first.run()
        second.run()
        home.main().append(assistant("msg_1", output=9), assistant("msg_2"), at_s=NOW_S + 1)
        second.run()
        first.run()

    laws.hold(reader)
    assert reader.tokens() == {homes.OPUS: (20, 29, 0, 0)}
    assert reader.total(f.MESSAGES) == 3


def test_processes_keep_main_rows_before_their_copies(
    home: homes.Home, reader: homes.Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However soon a process is through with a subagent's file, main files come first."""
    monkeypatch.setattr(intake, "MIN_BYTES", 1)
    # megabytes to read before the row that matters
    home.main().write_bytes(20_000 * homes.line(assistant("other", output=1)))
    home.main().append(assistant("main", output=40))
    # one for each process
    for agent in ("a1", "a2"):
        home.agent(agent).write(assistant("main", output=500, sidechain=True))
    with open_ledger(reader.state_dir, write=True) as connection:
        now = lambda: reader.now_s  # noqa: E731
        assert Intake(connection, reader.homes, now=now, chunk_keys=1, workers=2).run().complete

    laws.hold(reader)
    assert reader.tokens() == {homes.OPUS: (20, 41, 0, 0)}


@pytest.mark.parametrize("kind", ["bash_progress", "hook_progress", "mcp_progress"])
def test_half_a_line_that_is_finished_later_is_no_rewrite(
    home: homes.Home, reader: homes.Reader, kind: str
) -> None:
    """Half a line is left until it is whole, also where its head shows that nothing counts."""
    whole = homes.line(homes.progress(kind, output="x" * 100, fullOutput="y" * 100))
    home.main().write(user())
    home.main().append_bytes(whole[:-60])
    reader.now_s += 3600
    reader.run()
    home.main().append_bytes(whole[-60:], at_s=reader.now_s)
    done = reader.run()

    assert (done.lines, dict(done.restarts)) == (1, {})
