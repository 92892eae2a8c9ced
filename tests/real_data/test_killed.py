"""A process killed at any moment costs nothing and counts nothing twice."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import homes
import laws
import pytest
import small_steps

from ccpush.ledger.store import exists, open_ledger

KILLS = 50
READING = Path(small_steps.__file__)


def kill_while_reading(reader: homes.Reader, dots: int, then_s: float) -> None:
    """Start the process that reads, let it keep some chunks and a little more, kill it."""
    command = [sys.executable, str(READING), str(reader.state_dir), str(reader.homes[0])]
    with subprocess.Popen(
        [*command, str(reader.now_s)], stdout=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdout is not None
        try:
            for _ in range(dots):
                if process.stdout.read(1) != b".":
                    # on a busy machine it may have come to its end before it could be killed
                    assert process.wait() == 0
                    break
            time.sleep(then_s)
        finally:
            # SIGKILL: nothing of it runs after this
            process.kill()


def lines_kept(reader: homes.Reader) -> int:
    """How many lines are in the ledger, after every law was checked on it."""
    if not exists(reader.state_dir):
        return 0
    with open_ledger(reader.state_dir, write=True) as connection:
        laws.assert_laws(connection, reader.now_s)
        query = "SELECT TOTAL(value) FROM tally WHERE name = 'lines_read'"
        return int(connection.execute(query).fetchone()[0])


def test_fifty_kills_change_nothing(tmp_path: Path, data: Path) -> None:
    """Killed fifty times and run again, the account is that of one undisturbed run."""
    home = homes.Home(tmp_path / "home")
    (home.projects / "data").symlink_to(data / "transcripts")
    clean = homes.Reader(tmp_path / "clean", home)
    killed = homes.Reader(tmp_path / "killed", home)
    chunks: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        small_steps.take_small_steps(patch)
        clean.run(advance=chunks.append, chunk_keys=1)
    chance = random.Random(20)
    reached = [0]
    for _ in range(KILLS):
        dots = chance.randint(1, 2 * len(chunks) // KILLS)
        kill_while_reading(killed, dots, then_s=chance.uniform(0, 0.002))
        reached.append(lines_kept(killed))

    print(len(chunks), reached)
    killed.run()

    laws.hold(killed)
    # a process gets on even though the one before it was killed, and loses nothing
    assert reached == sorted(reached)
    assert len(set(reached)) > KILLS / 2
    assert killed.account().totals == clean.account().totals
    assert killed.account().tallies == clean.account().tallies
    assert laws.tables(killed) == laws.tables(clean)
