"""On real transcripts the account equals what was counted by others, however they are read."""

from __future__ import annotations

import csv
import os
import random
from collections.abc import Iterator
from pathlib import Path

import homes
import laws
import pytest
from slow_count import Row, Slow, parse, slow_count
from small_steps import take_small_steps

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.ledger.intake import Intake
from ccpush.ledger.store import open_ledger

# data/README.md: responses, input, output, cache creation and cache read of all files together
ALL_TOGETHER = (1195, 13_479, 252_562, 2_801_695, 85_036_142)
FILES = 38
# The client made these two rows itself ("No response requested."): they are no API's responses.
SYNTHETIC_FILE = "transcripts/moredip+session-share/fixtures/general-tool-calls.jsonl"
SYNTHETIC_IDS = {"cdf86093-cd0a-4d80-934d-40a735cb3b57", "6c2de77d-0b6a-4dda-9e9a-c2ddfe69ac00"}


def reader_of(folder: Path, what: Path, name: str = "data") -> homes.Reader:
    """A new ledger over a home in which a file or folder of real data appears by a link."""
    home = homes.Home(folder / "home")
    (home.projects / name).symlink_to(what)
    return homes.Reader(folder / "state", home)


@pytest.fixture
def everything(tmp_path: Path, data: Path) -> homes.Reader:
    """A new ledger over all real transcripts."""
    return reader_of(tmp_path / "everything", data / "transcripts")


def figures(reader: homes.Reader) -> tuple[int, ...]:
    """Responses and tokens in the order in which data/README.md says them."""
    with open_ledger(reader.state_dir, write=False) as connection:
        (responses,) = connection.execute("SELECT COUNT(*) FROM response").fetchone()
    new_input, output, read, creation = (
        sum(column) for column in zip(*reader.tokens().values(), strict=True)
    )
    return responses, new_input, output, creation, read


def rows_in_order(folder: Path) -> Iterator[Row]:
    """All rows of all transcripts, main transcripts first."""
    paths = sorted(folder.rglob("*.jsonl"))
    main = [p for p in paths if "subagents" not in p.parts and not p.name.startswith("agent-")]
    for path in main + [p for p in paths if p not in main]:
        yield from filter(None, map(parse, path.read_bytes().splitlines()))


def test_each_file_alone_equals_the_expected_totals(tmp_path: Path, data: Path) -> None:
    """Every file's tokens are what the rule yields; its responses too, but for synthetic rows."""
    with (data / "expected_totals.tsv").open(newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    fields = ("distinct_responses", "input", "output_max", "cache_creation", "cache_read")
    expected = {row["path"]: tuple(int(row[name]) for name in fields) for row in rows}
    responses, *tokens = expected[SYNTHETIC_FILE]
    expected[SYNTHETIC_FILE] = (responses - len(SYNTHETIC_IDS), *tokens)

    actual = {}
    for number, path in enumerate(expected):
        reader = reader_of(tmp_path / str(number), data / path, Path(path).name)
        reader.run()
        laws.hold(reader)
        actual[path] = figures(reader)

    assert len(expected) == FILES - 1
    assert actual == expected


def test_the_difference_in_responses_is_two_synthetic_rows(tmp_path: Path, data: Path) -> None:
    """The one file with fewer responses than expected has two rows that the client made up."""
    raw = filter(None, map(parse, (data / SYNTHETIC_FILE).read_bytes().splitlines()))
    made_up = [row for row in raw if (row.get("message") or {}).get("model") == "<synthetic>"]
    reader = reader_of(tmp_path, data / SYNTHETIC_FILE, "one.jsonl")
    reader.run()

    assert {row["message"]["id"] for row in made_up} == SYNTHETIC_IDS
    assert {n for row in made_up for n in row["message"]["usage"].values() if type(n) is int} == {0}
    assert reader.tallies("rows_skipped")["synthetic"] == len(SYNTHETIC_IDS)


def test_all_files_together_are_counted_once_each(everything: homes.Reader) -> None:
    """What all files say, each response once over all of them, is what data/README.md says."""
    done = everything.run()

    laws.hold(everything)
    assert figures(everything) == ALL_TOGETHER
    assert (done.files, done.skipped, done.restarts) == (FILES, {}, {})


def test_everything_else_equals_a_slow_recount(everything: homes.Reader, data: Path) -> None:
    """Messages, sessions, tools, stops, errors and compactions are what plain json finds."""
    everything.run()
    slow = slow_count(rows_in_order(data / "transcripts"))

    assert len(slow.responses) == ALL_TOGETHER[0]
    assert said(everything) == told(slow)


def said(reader: homes.Reader) -> dict[str, object]:
    """The account's figures that a recount can tell."""
    totals = reader.account().totals

    def whole(family: str) -> int:
        return sum(reader.by_a(family).values())

    return {
        "messages": totals[Series(f.MESSAGES)],
        "sessions": totals[Series(f.SESSIONS)],
        "tools": reader.by_a(f.TOOL_CALLS),
        "stops": whole(f.STOP_REASONS),
        "errors": whole(f.API_ERRORS),
        "retries": whole(f.API_RETRIES),
        "compactions": whole(f.COMPACTIONS),
        "turns": whole(f.TURN_DURATION_BUCKETS),
    }


def told(slow: Slow) -> dict[str, object]:
    """The same figures of a recount."""
    return {
        "messages": slow.messages,
        "sessions": len(slow.sessions),
        "tools": dict(slow.tool_calls()),
        "stops": len(slow.stopped),
        "errors": len(slow.errors),
        "retries": len(slow.retries),
        "compactions": len(slow.compactions),
        "turns": len(slow.turns),
    }


@pytest.mark.parametrize("chunk_keys", [1, 7])
def test_chunks_of_any_size_make_one_account(
    everything: homes.Reader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    chunk_keys: int,
) -> None:
    """Where a transaction ends leaves no trace: every table is the same, down to the increment."""
    everything.run()
    take_small_steps(monkeypatch)
    other = homes.Reader(tmp_path / "other", *everything.homes)
    other.run(chunk_keys=chunk_keys)

    laws.hold(other)
    assert laws.tables(other) == laws.tables(everything)
    assert other.account().tallies == everything.account().tallies


def test_reading_twice_changes_nothing(everything: homes.Reader) -> None:
    """A second pass opens no file; one that has forgotten all positions finds nothing new."""
    lines = everything.run().lines
    before = laws.tables(everything)
    assert everything.run().files_read == 0

    with open_ledger(everything.state_dir, write=True) as connection:
        connection.execute("DELETE FROM position")
    again = everything.run()

    laws.hold(everything)
    assert (again.files_read, again.lines) == (FILES, lines)
    assert laws.tables(everything) == before


def test_files_made_in_reversed_order_make_the_same_totals(tmp_path: Path, data: Path) -> None:
    """In which order a folder lists its files changes no total."""
    sources = sorted((data / "transcripts").rglob("*.jsonl"))
    found = []
    for name, ordered in {"forth": sources, "back": sources[::-1]}.items():
        home = homes.Home(tmp_path / name / "home")
        for source in ordered:
            link = home.projects / source.relative_to(data)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(source)
        reader = homes.Reader(tmp_path / name / "state", home)
        reader.run()
        laws.hold(reader)
        found.append((figures(reader), said(reader)))

    assert found[0] == found[1]
    assert found[0][0] == ALL_TOGETHER


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_files_growing_by_any_bytes_make_the_same_account(
    everything: homes.Reader, tmp_path: Path, data: Path, seed: int
) -> None:
    """However the bytes arrive, with a pass after each arrival, no row is lost or read twice."""
    chance = random.Random(seed)
    home = homes.Home(tmp_path / "growing")
    growing = homes.Reader(tmp_path / "state", home)
    left = {
        home.projects / source.relative_to(data): source.read_bytes()
        for source in sorted((data / "transcripts").rglob("*.jsonl"))
    }
    with open_ledger(growing.state_dir, write=True) as connection:
        for last in [*[False] * 12, True]:
            # never ten minutes in all: half a line that still is gets looked at
            growing.now_s += chance.choice([0.5, 20, 45])
            for path, rest in left.items():
                cut = len(rest) if last else int(len(rest) * chance.random() ** 3)
                grow(path, rest[:cut], growing.now_s)
                left[path] = rest[cut:]
            chunk_keys = chance.choice([1, 50, 20_000])
            now = lambda: growing.now_s  # noqa: E731
            Intake(connection, growing.homes, now=now, chunk_keys=chunk_keys).run()
            laws.assert_laws(connection, growing.now_s)
    everything.run()

    assert figures(growing) == ALL_TOGETHER
    assert said(growing) == said(everything)
    # a line that was left unfinished for ten minutes was looked at, and read again once it was whole
    tallies = dict(growing.account().tallies)
    tallies[("lines_read", "")] -= tallies.pop(("rows_skipped", "half_line"), 0)
    assert tallies == everything.account().tallies


def grow(path: Path, more: bytes, at_s: float) -> None:
    """Append to a file at a moment; a file that does not grow is not touched."""
    if more:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as out:
            out.write(more)
        os.utime(path, (at_s, at_s))


def test_the_real_files_are_not_touched(everything: homes.Reader, data: Path) -> None:
    """Reading changes no name, size or time below the Claude home."""

    def looks() -> list[tuple[str, int, int]]:
        found = ((path, path.stat()) for path in sorted(data.rglob("*")))
        return [(str(path), info.st_size, info.st_mtime_ns) for path, info in found]

    before = looks()
    everything.run(chunk_keys=50)

    assert looks() == before
