"""A large backlog is read by processes of its own: the same account, also when they fail."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any

import homes
import laws
import pytest

from ccpush.ledger import intake
from ccpush.ledger.intake import Intake, Pass
from ccpush.ledger.store import open_ledger


@pytest.fixture
def everything(tmp_path: Path, data: Path) -> homes.Home:
    """A home with all real transcripts."""
    home = homes.Home(tmp_path / "home")
    (home.projects / "data").symlink_to(data / "transcripts")
    return home


@pytest.fixture
def alone(tmp_path: Path, everything: homes.Home) -> homes.Reader:
    """What one process makes of them."""
    reader = homes.Reader(tmp_path / "alone", everything)
    reader.run()
    return reader


class Two:
    """A reader that uses two processes, which real transcripts of this size would not need."""

    def __init__(self, reader: homes.Reader, patch: pytest.MonkeyPatch) -> None:
        self.reader = reader
        self.started: list[subprocess.Popen[bytes]] = []
        self.may_start = 2
        self.kill_after_chunks: int | None = None
        self.chunks = 0
        start = subprocess.Popen

        def started(*arguments: Any, **keywords: Any) -> subprocess.Popen[bytes]:
            if len(self.started) >= self.may_start:
                raise OSError("no more processes")
            process: subprocess.Popen[bytes] = start(*arguments, **keywords)
            self.started.append(process)
            self.kill_in_time()
            return process

        patch.setattr(intake, "MIN_BYTES", 1)
        patch.setattr(subprocess, "Popen", started)

    def kill_in_time(self) -> None:
        """Kill the first process once enough chunks were kept."""
        if self.chunks == self.kill_after_chunks:
            self.started[0].send_signal(signal.SIGKILL)

    def note(self, _: int) -> None:
        """A chunk was kept."""
        self.chunks += 1
        self.kill_in_time()

    def run(self) -> Pass:
        """One pass."""
        with open_ledger(self.reader.state_dir, write=True) as connection:
            reader = Intake(
                connection,
                self.reader.homes,
                now=lambda: self.reader.now_s,
                chunk_keys=100,
                workers=2,
            )
            return reader.run(self.note)


@pytest.fixture
def two(
    tmp_path: Path,
    everything: homes.Home,
    alone: homes.Reader,
    monkeypatch: pytest.MonkeyPatch,
) -> Two:
    """A new ledger that is filled by two processes, after one has filled its own."""
    del alone
    return Two(homes.Reader(tmp_path / "two", everything), monkeypatch)


def assert_same(two: Two, alone: homes.Reader) -> None:
    """Totals and tallies; which of two copies came first may differ, and so its minute."""
    laws.hold(two.reader)
    assert two.reader.account().totals == alone.account().totals
    assert two.reader.account().tallies == alone.account().tallies


def test_two_processes_make_the_same_account(two: Two, alone: homes.Reader) -> None:
    """In whichever order their chunks arrive, everything is counted once."""
    done = two.run()

    assert (done.complete, done.files, len(two.started)) == (True, 38, 2)
    assert_same(two, alone)


@pytest.mark.parametrize("may_start", [0, 1])
def test_processes_that_cannot_start_are_done_without(
    two: Two, alone: homes.Reader, may_start: int
) -> None:
    """No processes to be had, or one too few: the pass reads by itself, and leaves none behind."""
    two.may_start = may_start

    assert two.run().complete
    assert [process.returncode is None for process in two.started] == [False] * may_start
    assert_same(two, alone)


@pytest.mark.parametrize("chunks", [0, 3])
def test_a_process_that_dies_costs_nothing(two: Two, alone: homes.Reader, chunks: int) -> None:
    """Killed before its first chunk or after a few: what it had not handed on is read again."""
    two.kill_after_chunks = chunks

    assert two.run().complete
    assert two.chunks > chunks
    assert_same(two, alone)
