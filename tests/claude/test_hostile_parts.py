"""Parts that are looked at only on demand: whatever they hold, no row stops a pass or is misread."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import homes
import old_ledger
import pytest
from homes import NOW_S, assistant, line, text, user
from tool_rows import bash, call, edit, patch, result, write

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.claude.line_changes import MAX_LINES, changed_lines
from ccpush.claude.model_names import normalise
from ccpush.claude.shell import MAX_CHARACTERS, outcomes_of
from ccpush.claude.timestamps import Clock

TORN = b"caf\xe9 \xff"


def torn(*rows: homes.Row) -> list[bytes]:
    """The rows' lines; what stands for torn bytes has become some."""
    return [line(row).rstrip().replace(b"@@", TORN) for row in rows]


@pytest.mark.parametrize("blocks", [False, True])
def test_a_prompt_of_torn_bytes_is_one(
    home: homes.Home, reader: homes.Reader, blocks: bool
) -> None:
    """A text is a prompt, in a block or not, though half of one of its characters is missing."""
    home.main().write(*torn(user([text("@@")] if blocks else "@@")), user())
    reader.run()

    assert (reader.total(f.PROMPTS), reader.tallies("rows_skipped")) == (2, {})


TOUCHED = {
    "commit": (bash("git commit -m '@@'", output="@@"), {Series(f.COMMITS): 1}),
    "edit": ([edit(new="@@\nb"), result("t1")], {Series(f.LINES, "added"): 2}),
    "patch": ([edit(new="b"), result("t1", detail=patch("+@@"))], {Series(f.LINES, "added"): 1}),
    "write": (
        [write(content="@@\n"), result("t1", detail={"type": "create", "content": "@@\n"})],
        {},
    ),
    "texts": (
        [call("t1", "Read"), result("t1", [{"type": "text", "text": "Permission to use @@"}], error=True)],
        {Series(f.TOOL_ERRORS, "Read", "denied"): 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TOUCHED)
def test_torn_bytes_in_calls_and_results(home: homes.Home, reader: homes.Reader, what: str) -> None:
    """What is looked into is mended, so that it adds what it would add if it were whole."""
    rows, added = TOUCHED[what]
    home.main().write(*torn(*rows))
    reader.run()
    totals = reader.account().totals

    assert {series: totals.get(series, 0) for series in added} == added
    if what in ("edit", "patch", "write"):
        assert Series(f.EDIT_DECISIONS, _tool(rows), "accept unknown Python") in totals


def _tool(rows: list[homes.Row]) -> str:
    name: str = rows[0]["message"]["content"][0]["name"]
    return name


def test_parts_that_are_as_deep_as_can_be(home: homes.Home, reader: homes.Reader) -> None:
    """A row that can just be decoded may hold a part that cannot, where that is looked at."""
    limit = sys.getrecursionlimit()
    lines = []
    for depth in range(limit - 120, limit):
        for rows in (
            [edit(f"e{depth}"), result(f"e{depth}", detail={"structuredPatch": [], "deep": "@@"})],
            [call(f"c{depth}", "Write", file_path="a.py", deep="@@"), result(f"c{depth}")],
            [call(f"r{depth}"), result(f"r{depth}", [{"type": "text", "deep": "@@"}], error=True)],
            [homes.put(homes.api_error(1), "error", {"deep": "@@"})],
        ):
            deep = b"[" * depth + b"]" * depth
            lines += [line(row).rstrip().replace(b'"@@"', deep) for row in rows]
    home.main().write(*lines, assistant("msg_last", model="last-model"))
    done = reader.run()

    assert (done.complete, done.lines) == (True, len(lines) + 1)
    assert reader.by_a(f.RESPONSES)["last-model"] == 1
    tallies = ("rows_counted", "rows_duplicate", "rows_skipped")
    assert sum(sum(reader.tallies(name).values()) for name in tallies) == done.lines


def test_the_language_of_an_edit_whose_texts_are_none(tmp_path: Path, home: homes.Home) -> None:
    """It is the file name's, whether or not the call's texts have to be looked at."""
    rows = [edit(), result("t1", detail=patch("+a"))]
    rows[0]["message"]["content"][0]["input"]["new_string"] = 5
    found = []
    for cut in (False, True):
        reader = homes.Reader(tmp_path / f"state {cut}", home)
        home.main().write(*(rows[:1] if cut else rows))
        reader.run()
        home.main().write(*rows)
        reader.run()
        found.append(
            {s: n for s, n in reader.account().totals.items() if s.family in (f.EDIT_DECISIONS, f.LINES) and n}
        )  # fmt: skip

    assert found[0] == {
        Series(f.EDIT_DECISIONS, "Edit", "accept unknown Python"): 1,
        Series(f.LINES, "added"): 1,
    }
    assert found[1] == found[0]


@pytest.mark.parametrize(
    "odd",
    [
        "2026-02-10T22:16:14.2]8Z",
        "2026-02-10T22:16:14,258Z",
        "2026-02-10T22:16:60.258Z",
        "2026-02-10T22:16:14.\u06f2\u06f5\u06f8Z",
    ],
)
def test_a_time_is_one_whether_or_not_its_minute_was_met_before(odd: str) -> None:
    """A remembered minute makes nothing a time, and nothing none."""
    warm = Clock()
    assert warm.seconds("2026-02-10T22:16:00.000Z") > 0

    assert warm.seconds(odd) == Clock().seconds(odd)


def test_a_copy_and_a_main_row_that_an_upgrade_reads_at_once(
    tmp_path: Path, home: homes.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A response known by a copy in a sidechain is priced alike, read in one go or row by row."""
    spent: list[dict[str, Any]] = [homes.usage(input=10, flat=flat) for flat in (900, 100)]
    copy, main = (assistant("msg_1", spent=each, at_s=NOW_S - 3000) for each in spent)
    copy["isSidechain"] = True
    found = []
    for cut in (False, True):
        reader = homes.Reader(tmp_path / f"state {cut}", home)
        home.main().write(copy)
        reader.run()
        old_ledger.set_back(reader, [copy])
        home.main().write(copy, main)
        if cut:
            homes.read_in_pieces(monkeypatch, 10)
        reader.run(**({"chunk_keys": 1} if cut else {}))
        found.append((reader.by_a(f.COST), reader.by_a(f.CACHE_WRITES)))

    assert found[0][1] == {"5m": 900}
    assert found[1] == found[0]


@pytest.mark.parametrize("name", ["[" * 1_000_000, "/claude-" * 100_000 + "\nx"])
def test_a_megabyte_of_a_model_s_name_takes_no_time(name: str) -> None:
    """It is cut first; in full it would take minutes."""
    assert len(normalise(name)) <= 80


def test_texts_beyond_all_measure_are_not_compared() -> None:
    """Millions of newlines are lines added and removed; a megabyte is no command line."""
    many = "\n" * (MAX_LINES + 1)

    assert changed_lines(many, many + "a") == (MAX_LINES + 2, MAX_LINES + 1)
    assert changed_lines(many[:-1], many[:-1] + "a") == (1, 1)
    assert outcomes_of("git commit;" + " " * MAX_CHARACTERS) == (0, 0)
