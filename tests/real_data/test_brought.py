"""On real transcripts what sessions cost and brought equals a slow count, however they are read."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import homes
import laws
import pytest
import small_steps
from brought_metrics import COST, SAVINGS, UNPRICED, by_label, differences, fallen, said, value
from slow_brought import slow_brought
from slow_cost import slow_cost
from slow_count import Row, parse
from slow_rows import flat

from ccpush.ledger.intake import Intake
from ccpush.ledger.store import open_ledger

if TYPE_CHECKING:
    from slow_rows import Key, Piece

FORKED = "f0e4ed00-0000-4000-8000-00000000000"

# Every call of Bash that commits, and how often, as a person reads its command. All of them are of
# the form "git add ... && git commit -m ..."; what is quoted in messages is no command.
COMMITS = {
    # 258c7280, the first followed by "git status", which says "nothing to commit" afterwards
    "toolu_01AJu7BCJWQYvVfkHiyyueFG": 1,
    "toolu_014KAwacAz9cjdUN3XNeAArp": 1,
    "toolu_01Nk1iTjemsPfVM1KMRMcAdq": 1,
    "toolu_01XCQp4LRgBj63jt7Lw1iMYU": 1,
    "toolu_019Au4Mph7ctVMx5xzw4mfru": 1,
    # 4d5611e5, three times stopped by a hook
    "toolu_01QC8siDGwEkXHfhKDNRgfTQ": 1,
    "toolu_01XUoQX8HzyR7rVLz9xV72x3": 1,
    "toolu_01KbgrdnUiMNuZyMzwDCjPxk": 1,
    "toolu_014d13oYeAkaD59m1TthqEc3": 1,
    # 8463c716, the second failed before it came to commit
    "toolu_01GASZGRnAp84Q1v17PYpxu2": 1,
    "toolu_015FbbF8GZborUDrwHW7ZA82": 1,
    "toolu_01PDxfhCPLkfdJFE6VBoctLZ": 1,
    "toolu_01E19FYf446PsUFrESNDMegF": 1,
    "toolu_01GcK9J1YyHKHfmLAQ2CjLsM": 1,
    # ae4a77f8, stopped by a hook: the first, and the seven after the third
    "toolu_01LbtdVUWbsLDTFPcZ2ShTTy": 1,
    "toolu_015VACgb3qeqk98siPDUXv3X": 1,
    "toolu_01Leboh9LhhAYymvvNVWKTqA": 1,
    "toolu_01TvAEBCAjRTemkSG67XM3wt": 1,
    "toolu_01EGvi6agZyQcoGm6KtR4yjn": 1,
    "toolu_01UnDE8JfasE2hsBrmFLwa24": 1,
    "toolu_01DUw3PsG8cXcMcPaRaQ9HB7": 1,
    "toolu_019MCyZ85iw9xKpwct7zfjuV": 1,
    "toolu_017KTmYsMom3GiceahYbkKJe": 1,
    "toolu_013pG5nAvZqKznWmBjiRXqVm": 1,
    "toolu_012AeGtxFvufNNFp27kQVVjp": 1,
    "toolu_01X1igZegSQUAERamiQE3k72": 1,
    "toolu_01BBsYfgYRVZeFJC3pAnfdaL": 1,
    "toolu_012CBZ3iTvG5RucGZaoWued1": 1,
    # fa812bfe, the third stopped by a hook, the fifth failed before; the last amends a commit
    "toolu_01AsknQR3uHuStVEwiEZX2bL": 1,
    "toolu_0159bEspXtqMrp8CJGym4ZqS": 1,
    "toolu_01ExXDymFKm57aBfmvtknDW8": 1,
    "toolu_011T5CQi5i71dz1zsZt8HV82": 1,
    "toolu_01R5H4mAJCm75V8Tuw6DP67V": 1,
    "toolu_01ARNdXJupotW6V8aSt9P1BF": 1,
    "toolu_01HVPJkfGVgiWVX4UWyjvfks": 1,
    # general-tool-calls
    "toolu_01XHL6gbVMnDGjim4DNwjCgu": 1,
    # has "All changes committed" in the description of a task, and no commit
    "toolu_011M8RRpDyyej4gUFf7q2zv8": 0,
}


def reading(call: str, command: str) -> tuple[int, bool]:
    """What a person reads in a command; no call of these creates a pull request."""
    del command
    return COMMITS.get(call, 0), False


@pytest.fixture(scope="module")
def pieces(data: Path) -> list[Piece]:
    """The rows of all transcripts, main transcripts first."""
    paths = sorted((data / "transcripts").rglob("*.jsonl"))
    main = [p for p in paths if "subagents" not in p.parts and not p.name.startswith("agent-")]
    ordered = main + [p for p in paths if p not in main]
    return [(str(path), rows_of(path)) for path in ordered]


def rows_of(path: Path) -> list[Row]:
    """The rows of a file."""
    return list(filter(None, map(parse, path.read_bytes().splitlines())))


@pytest.fixture
def everything(tmp_path: Path, data: Path) -> homes.Home:
    """A home with all real transcripts."""
    home = homes.Home(tmp_path / "home")
    (home.projects / "data").symlink_to(data / "transcripts")
    return home


@pytest.fixture(scope="module")
def expected(pieces: list[Piece]) -> dict[Key, float]:
    """What all transcripts say together."""
    return slow_brought(pieces, reading)


def commands(pieces: list[Piece]) -> Iterator[tuple[str, str]]:
    """Every call of Bash and its command, also those that subagents' news repeat."""
    for _, rows in pieces:
        for row in rows:
            inner = (row.get("data") or {}).get("message")
            message = (inner if isinstance(inner, dict) else row).get("message") or {}
            content = message.get("content")
            for block in content if isinstance(content, list) else []:
                if block["type"] == "tool_use" and block["name"] == "Bash":
                    yield block["id"], block["input"]["command"]


def test_a_person_has_read_every_command_that_might_commit(pieces: list[Piece]) -> None:
    """No command with the word, and none that might open a pull request, is left unread."""
    found = dict(commands(pieces))
    words = ("commit", "pr create", "mr create")

    assert {call for call, text in found.items() if any(w in text for w in words)} == set(COMMITS)
    assert not any(word in text for text in found.values() for word in words[1:])


def test_commits_are_those_that_a_person_reads(tmp_path: Path, everything: homes.Home) -> None:
    """All 22 that succeeded, also where "git status" after it says "nothing to commit"."""
    reader = homes.Reader(tmp_path / "state", everything)
    reader.run()

    assert (sum(COMMITS.values()), len(COMMITS)) == (36, 37)
    assert value(reader, "claude_code_commit_count_total") == 22
    assert value(reader, "claude_code_pull_request_count_total") == 0


def test_each_file_alone_brought_what_a_slow_count_finds(
    tmp_path: Path, pieces: list[Piece]
) -> None:
    """Metric for metric, label for label, for each of the files."""
    wrong: dict[str, Any] = {}
    for number, (path, rows) in enumerate(pieces):
        home = homes.Home(tmp_path / str(number))
        (home.projects / Path(path).name).symlink_to(path)
        reader = homes.Reader(tmp_path / str(number) / "state", home)
        reader.run()
        wrong[path] = differences(said(reader), slow_brought([(path, rows)], reading))

    assert len(wrong) == 38
    assert {path: found for path, found in wrong.items() if found} == {}


def test_all_files_together_brought_what_a_slow_count_finds(
    tmp_path: Path, everything: homes.Home, expected: dict[Key, float]
) -> None:
    """Once over all files, whichever of two copies is read first; and of each metric something."""
    reader = homes.Reader(tmp_path / "state", everything)
    reader.run()

    laws.hold(reader)
    assert differences(said(reader), expected) == {}


@pytest.mark.parametrize("chunk_keys", [1, 7])
def test_chunks_of_any_size_bring_the_same(
    tmp_path: Path,
    everything: homes.Home,
    expected: dict[Key, float],
    monkeypatch: pytest.MonkeyPatch,
    chunk_keys: int,
) -> None:
    """A call and its result, or a stretch of work, may lie in different transactions."""
    small_steps.take_small_steps(monkeypatch)
    reader = homes.Reader(tmp_path / "state", everything)
    reader.run(chunk_keys=chunk_keys)

    laws.hold(reader)
    assert differences(said(reader), expected) == {}


@pytest.mark.parametrize("seed", [1, 2])
def test_files_that_grow_bring_the_same_and_nothing_falls(
    tmp_path: Path, data: Path, expected: dict[Key, float], seed: int
) -> None:
    """However the bytes arrive, with a pass after each arrival, no counter ever goes back."""
    chance = random.Random(seed)
    home = homes.Home(tmp_path / "growing")
    reader = homes.Reader(tmp_path / "state", home)
    left = {
        homes.Transcript(home.projects / source.relative_to(data)): source.read_bytes()
        for source in sorted((data / "transcripts").rglob("*.jsonl"))
    }
    before: dict[Key, float] = {}
    for last in [*[False] * 8, True]:
        # never ten minutes in all: half a line that still is gets looked at
        reader.now_s += chance.choice([0.5, 20, 45])
        for transcript, rest in left.items():
            cut = len(rest) if last else int(len(rest) * chance.random() ** 3)
            if cut:
                transcript.append_bytes(rest[:cut], at_s=reader.now_s)
            left[transcript] = rest[cut:]
        reader.run(chunk_keys=chance.choice([1, 50, 20_000]))
        now = said(reader)
        assert fallen(before, now) == {}
        before = now

    laws.hold(reader)
    assert differences(before, expected) == {}


def test_reading_everything_again_brings_nothing_new(
    tmp_path: Path, everything: homes.Home, expected: dict[Key, float]
) -> None:
    """A pass that has forgotten how far it had read finds only what is known."""
    reader = homes.Reader(tmp_path / "state", everything)
    reader.run()
    with open_ledger(reader.state_dir, write=True) as connection:
        connection.execute("DELETE FROM position")
    reader.run()

    laws.hold(reader)
    assert differences(said(reader), expected) == {}


def test_two_processes_bring_the_same(
    tmp_path: Path,
    everything: homes.Home,
    expected: dict[Key, float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A call may be read by one process and its result by another, in any order."""
    monkeypatch.setattr("ccpush.ledger.intake.MIN_BYTES", 1)
    reader = homes.Reader(tmp_path / "state", everything)
    with open_ledger(reader.state_dir, write=True) as connection:
        intake = Intake(
            connection, reader.homes, now=lambda: reader.now_s, chunk_keys=100, workers=2
        )
        assert intake.run().complete

    laws.hold(reader)
    assert differences(said(reader), expected) == {}


def whole(rows: list[Row]) -> list[Row]:
    """All of a conversation."""
    return rows


def half(rows: list[Row]) -> list[Row]:
    """Its first half."""
    return rows[: len(rows) // 2]


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("part", [whole, half])
def test_forks_bring_nothing(
    tmp_path: Path,
    data: Path,
    expected: dict[Key, float],
    part: Callable[[list[Row]], list[Row]],
    first: bool,
) -> None:
    """A fork copies rows under another session, and it may be read before what it was made of."""
    home = homes.Home(tmp_path / "home")
    reader = homes.Reader(tmp_path / "state", home)
    originals = home.projects / "data"
    if not first:
        originals.symlink_to(data / "transcripts")
        reader.run()
    for number, path in enumerate(sorted((data / "transcripts" / "marot+spotter").glob("*.jsonl"))):
        session = f"{FORKED}{number}"
        copies = [{**row, "sessionId": session} for row in part(rows_of(path))]
        home.main(session).write(*copies)
    reader.run()
    if first:
        originals.symlink_to(data / "transcripts")
        reader.run()

    laws.hold(reader)
    assert differences(said(reader), expected) == {}


def test_kills_change_nothing(
    tmp_path: Path, everything: homes.Home, expected: dict[Key, float]
) -> None:
    """Killed in the middle of reading, again and again, and run to the end: as if undisturbed."""
    chance = random.Random(4)
    reader = homes.Reader(tmp_path / "state", everything)
    script = [sys.executable, small_steps.__file__, str(reader.state_dir), str(everything.path)]
    for _ in range(8):
        with subprocess.Popen([*script, str(reader.now_s)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(chance.randint(1, 300)):
                process.stdout.read(1)
            process.kill()
    reader.run()

    laws.hold(reader)
    assert differences(said(reader), expected) == {}


def test_all_files_together_cost_what_another_library_says(
    tmp_path: Path, everything: homes.Home, pieces: list[Piece]
) -> None:
    """Cost and savings by model, to the billionth of a dollar; every model has its price."""
    reader = homes.Reader(tmp_path / "state", everything)
    reader.run()
    cost, saved, unpriced = slow_cost(row for _, row in flat(pieces))

    assert (len(cost), unpriced) == (5, {})
    assert by_label(reader, COST, "model") == approximately(cost)
    assert by_label(reader, SAVINGS, "model") == approximately(saved)
    assert by_label(reader, UNPRICED, "model") == {}


def approximately(dollars: Mapping[str, Decimal]) -> Any:
    """Sums in dollars, to a billionth."""
    return pytest.approx({model: float(sum_) for model, sum_ in dollars.items()}, abs=1e-9)
