"""How many lines a change of text adds and removes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccpush.claude.line_changes import MAX_COMPARED_LINES, changed_lines, lines_in

TRANSCRIPTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "transcripts"


@pytest.mark.parametrize(
    ("text", "lines"),
    [("", 0), ("a", 1), ("a\n", 1), ("\n", 1), ("a\nb", 2), ("a\n\n", 2), ("a\r\nb\r\n", 2)],
)
def test_a_newline_at_the_end_makes_no_further_line(text: str, lines: int) -> None:
    """A file's lines are what its newlines end, and what is behind the last one."""
    assert lines_in(text) == lines


@pytest.mark.parametrize(
    ("old", "new", "added", "removed"),
    [
        ("a", "a", 0, 0),
        ("a", "b", 1, 1),
        ("a\nb\nc", "a\nx\nc", 1, 1),
        ("a\nc", "a\nb\nc", 1, 0),
        ("a\nb\nc", "a\nc", 0, 1),
        # lines that moved: the smallest patch keeps the longer part
        ("a\nb\nc\nd", "d\na\nb\nc", 1, 1),
        ("a\nb\nc\nd", "c\nd\na\nb", 2, 2),
        # head and tail may not share a line
        ("a\na", "a\na\na", 1, 0),
        ("a\na\na", "a", 0, 2),
        ("x\na\na\ny", "x\na\ny", 0, 1),
        # a text that is nothing has no line
        ("", "a\nb\n", 2, 0),
        ("a\nb\n", "", 0, 2),
        ("a\nb", "", 0, 2),
        ("", "", 0, 0),
        # what follows the last newline is a piece of a line
        ("a\n", "a\nb\n", 1, 0),
        ("a\nb", "ab", 1, 2),
    ],
)
def test_the_smallest_patch_is_counted(old: str, new: str, added: int, removed: int) -> None:
    """Lines that both texts have in the same order are neither added nor removed."""
    assert changed_lines(old, new) == (added, removed)


def slow_changes(old: list[str], new: list[str]) -> tuple[int, int]:
    """The textbook table of longest common subsequences."""
    above = [0] * (len(new) + 1)
    for line in old:
        row = [0]
        for column, other in enumerate(new):
            row.append(above[column] + 1 if line == other else max(above[column + 1], row[column]))
        above = row
    return len(new) - above[-1], len(old) - above[-1]


LINES = st.lists(
    st.sampled_from(["a", "b", "c", "d", " ", "", "a b", "é"]), min_size=1, max_size=90
)


@settings(max_examples=300)
@given(old=LINES, new=LINES)
def test_any_two_texts_differ_by_the_textbook(old: list[str], new: list[str]) -> None:
    """The counts are those of the quadratic table."""
    before, after = "\n".join(old), "\n".join(new)
    if before and after:
        assert changed_lines(before, after) == slow_changes(old, new)
    else:
        assert changed_lines(before, after) == (lines_in(after), lines_in(before))


@given(old=st.text("ab\n\r", max_size=40), new=st.text("ab\n\r", max_size=40))
def test_added_less_removed_is_the_growth(old: str, new: str) -> None:
    """The two counts differ by the newlines that the change adds; back is the same the other way."""
    added, removed = changed_lines(old, new)
    assert changed_lines(new, old) == (removed, added)
    if old and new:
        assert added - removed == new.count("\n") - old.count("\n")


def test_texts_beyond_the_bound_are_not_compared() -> None:
    """At the bound lines are compared, above it all count; in bounded time either way."""
    old = [f"line {n}" for n in range(MAX_COMPARED_LINES)]
    new = old[1::2] + old[0::2]
    started = time.perf_counter()
    half = MAX_COMPARED_LINES // 2
    assert changed_lines("\n".join(old), "\n".join(new)) == (half, half)
    old.append("one more")
    assert changed_lines("\n".join(old), "\n".join(new)) == (len(new), len(old))
    assert time.perf_counter() - started < 10


def test_equal_heads_and_tails_are_not_compared() -> None:
    """A small change in a file of any length is counted exactly."""
    old = [str(n) for n in range(5 * MAX_COMPARED_LINES)]
    new = [*old[:300], "new", *old[301:400], *old[402:]]
    assert changed_lines("\n".join(old), "\n".join(new)) == (1, 3)


# Of the 218 successful edits 216 agree; the two others replaced several places at once
# (replace_all), of which the call tells one.
EDITS, AGREEING = 218, 216


def test_calls_tell_what_real_patches_say() -> None:
    """The counts from a call's input are those of the patch that Claude Code itself wrote."""
    if not TRANSCRIPTS.is_dir():
        pytest.skip("the real transcripts are not beside this checkout (../shared/data)")
    pairs = list(edits_with_patches())
    agreeing = [call for call, patch in pairs if counts_of(call) == patch]
    others = [call for call, patch in pairs if counts_of(call) != patch]
    assert len(pairs) == EDITS
    assert len(agreeing) >= AGREEING
    assert all(call.get("replace_all") for call in others)


def counts_of(call: dict[str, Any]) -> tuple[int, int]:
    """Lines added and removed by an Edit's or a MultiEdit's input."""
    counts = [changed_lines(e["old_string"], e["new_string"]) for e in call.get("edits", [call])]
    return sum(added for added, _ in counts), sum(removed for _, removed in counts)


def edits_with_patches() -> Iterator[tuple[dict[str, Any], tuple[int, int]]]:
    """The input of each edit, and what the patch in its result adds and removes."""
    calls: dict[str, dict[str, Any]] = {}
    patches: dict[str, tuple[int, int]] = {}
    for row, block in blocks():
        if block.get("type") == "tool_use" and block["name"] in ("Edit", "MultiEdit"):
            calls[block["id"]] = block["input"]
        result = row.get("toolUseResult")
        if block.get("type") == "tool_result" and isinstance(result, dict):
            lines = [line for hunk in result.get("structuredPatch", ()) for line in hunk["lines"]]
            if lines:
                signs = [line[:1] for line in lines]
                patches[block["tool_use_id"]] = (signs.count("+"), signs.count("-"))
    return ((call, patches[key]) for key, call in calls.items() if key in patches)


def blocks() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every content block of every row of the real transcripts, with its row."""
    for path in sorted(TRANSCRIPTS.rglob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            message = row.get("message") if isinstance(row, dict) else None
            content = message.get("content") if isinstance(message, dict) else None
            for block in content if isinstance(content, list) else ():
                if isinstance(block, dict):
                    yield row, block
