"""Positions: remembered in full over restarts, forgotten with their files."""

from __future__ import annotations

from pathlib import Path

import homes
import laws
import pytest
from homes import assistant, user

from ccpush.claude.discover import as_signed
from ccpush.claude.tail import Position
from ccpush.ledger import positions
from ccpush.ledger.store import open_ledger

BIGGEST = (1 << 63) - 1


@pytest.mark.parametrize("number", [0, 1, BIGGEST, BIGGEST + 1, (1 << 64) - 1])
def test_unsigned_64_bit_inodes_survive(tmp_path: Path, number: int) -> None:
    """Some file systems number inodes and devices beyond what SQLite holds; they stay apart."""
    position = Position(
        device=as_signed(number), inode=as_signed(number), size=BIGGEST, mtime_ns=-1,
        offset=BIGGEST, fingerprint=-BIGGEST - 1, extractor=1, tail="waiting",
    )  # fmt: skip
    with open_ledger(tmp_path, write=True) as connection:
        positions.save(connection, {-BIGGEST - 1: position, 7: position})
    with open_ledger(tmp_path, write=True) as connection:
        found = positions.load(connection)
        positions.forget(connection, [7])
        left = positions.load(connection)

    assert found == {-BIGGEST - 1: position, 7: position}
    assert left == {-BIGGEST - 1: position}


def test_signed_numbers_stay_apart() -> None:
    """No two inodes become one."""
    numbers = [0, 1, BIGGEST, BIGGEST + 1, (1 << 64) - 1]

    assert len({as_signed(n) for n in numbers}) == len(numbers)
    assert all(-BIGGEST - 1 <= as_signed(n) <= BIGGEST for n in numbers)


def test_a_new_process_reads_only_what_is_new(home: homes.Home, reader: homes.Reader) -> None:
    """Positions are in the ledger: after a restart an unchanged file is not even opened."""
    transcript = home.main()
    transcript.write(user(), assistant())
    home.main("other").write(user())
    reader.run()
    assert reader.run().files_read == 0

    transcript.append(assistant("msg_2"), at_s=homes.NOW_S + 1)
    done = reader.run()

    assert (done.files, done.files_read, done.lines) == (2, 1, 1)


def test_what_a_file_held_stays_counted_when_it_goes(
    home: homes.Home, reader: homes.Reader
) -> None:
    """Claude Code deletes old transcripts: the position goes, the account stays."""
    transcript = home.main()
    transcript.write(user(), assistant())
    home.main("other").write(user())
    reader.run()
    before = laws.tables(reader)
    transcript.path.unlink()
    reader.run()

    laws.hold(reader)
    assert laws.tables(reader) == before
    with open_ledger(reader.state_dir, write=False) as connection:
        assert len(positions.load(connection)) == 1


def test_positions_are_kept_when_a_pass_was_not_complete(
    home: homes.Home, reader: homes.Reader
) -> None:
    """A stopped pass, or a home that is away, says nothing about which files are gone."""
    home.main().write(user())
    home.main("other").write(user())
    reader.run()
    reader.run(stop=lambda: True)
    home.projects.rename(home.path / "away")
    home.path.rename(home.path.with_name("unmounted"))
    done = reader.run()

    assert not done.complete
    with open_ledger(reader.state_dir, write=False) as connection:
        assert len(positions.load(connection)) == 2


def test_new_rules_read_every_file_again(
    home: homes.Home, reader: homes.Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positions of an older extractor are no longer valid; nothing is counted twice for it."""
    home.main().write(user(), assistant())
    reader.run()
    before = laws.tables(reader)
    monkeypatch.setattr("ccpush.claude.extract.VERSION", 999)
    done = reader.run()

    laws.hold(reader)
    assert (done.files_read, done.lines, dict(done.restarts)) == (1, 2, {"new_rules": 1})
    assert laws.tables(reader) == before
