"""What an invented home says of cost and outcome: true to the rows, and what ccpush reads of it."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import demo_metrics
import homes
import pytest
import slow_tools
from brought_metrics import COUNTED, MONEY, differences, said
from slow_brought import responses, slow_brought
from slow_rows import Piece, flat, of_type

from ccpush.demo.invent import invent_home
from ccpush.demo.truth import Truth

END = datetime(2026, 9, 16, 15, 40, tzinfo=UTC)
STORIES = ((60, 1), (60, 7), (25, 5), (9, 3), (1, 2))
CREATES = ("gh pr create", "glab mr create")


def pieces(root: Path) -> list[Piece]:
    """The rows of all transcripts, main files before subagents' files."""
    paths = [path for path in root.glob("projects/**/*.jsonl") if path.name != "journal.jsonl"]
    paths.sort(key=lambda path: ("subagents" in path.parts or path.name.startswith("agent-"), path))
    return [
        (str(path), [json.loads(line) for line in path.read_bytes().splitlines()]) for path in paths
    ]


def reading(call: str, command: str) -> tuple[int, bool]:
    """What an invented command does; nothing that it quotes has these words."""
    del call
    creates = any(words in command for words in CREATES) and "--web" not in command
    return command.count("git commit"), creates


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """Sixty days, invented once for the tests here that only read them."""
    root = tmp_path_factory.mktemp("home")
    return root, invent_home(root, end=END)


@pytest.fixture(scope="module")
def rows(home: tuple[Path, Truth]) -> list[dict[str, Any]]:
    """All its rows; those that a subagent's parent repeats are taken out of their news."""
    return [row for _, row in flat(pieces(home[0]))]


@pytest.mark.parametrize(("days", "seed"), STORIES)
def test_the_truth_is_what_a_slow_and_obvious_count_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, seed: int
) -> None:
    """Metric for metric, the inventor's figures are those of the rows, by the rules of counting."""
    languages = {suffix[1:]: name for suffix, name in demo_metrics.LANGUAGES.items() if suffix}
    monkeypatch.setattr(slow_tools, "LANGUAGES", languages)
    truth = invent_home(tmp_path / "home", end=END, days=days, seed=seed)
    found = slow_brought(pieces(tmp_path / "home"), reading)

    assert differences(demo_metrics.expected(truth), found) == {}


@pytest.mark.parametrize(("days", "seed"), STORIES)
def test_each_response_is_told_as_its_rows_tell_it(tmp_path: Path, days: int, seed: int) -> None:
    """Model, origin, time, tokens and searches and mode: whoever prices them prices the same."""
    truth = invent_home(tmp_path / "home", end=END, days=days, seed=seed)
    found = Counter(
        (one["model"], one["origin"], one["at"].timestamp(), *one["numbers"], one["fast"])
        for one in responses(row for _, row in flat(pieces(tmp_path / "home"))).values()
    )
    told = Counter(
        (
            *(one.model, one.origin, one.at_ms / 1000),
            *(one.input, one.output, one.cache_read, one.cache_5m + one.cache_1h, one.cache_1h),
            *(one.searches, one.fast),
        )
        for one in truth.spent
    )

    assert told == found


@pytest.mark.parametrize(("days", "seed"), STORIES)
def test_ccpush_reads_the_truth(tmp_path: Path, days: int, seed: int) -> None:
    """What sessions cost and brought is read as it was invented, to the nano-dollar."""
    truth = invent_home(tmp_path / "home", end=END, days=days, seed=seed)
    reader = homes.Reader(tmp_path / "state", tmp_path / "home", now_s=END.timestamp())
    reader.run()

    assert differences(demo_metrics.expected(truth), said(reader, COUNTED)) == {}
    assert said(reader, MONEY) == pytest.approx(demo_metrics.money(truth), rel=1e-12, abs=1e-12)


def test_every_metric_is_met(home: tuple[Path, Truth]) -> None:
    """Sixty days show something of all that is counted, and of each kind of it."""
    expected = {**demo_metrics.expected(home[1]), **demo_metrics.money(home[1])}
    assert {name for name, _ in expected} == COUNTED | MONEY
    labels = {(label, value) for _, given in expected for label, value in given}
    wanted = """origin=main origin=subagent ttl=5m ttl=1h type=user type=cli type=added type=removed
        decision=accept decision=reject source=unknown source=user_reject source=user_abort
        source=config kind=error kind=denied kind=interrupted status=429 status=unknown
        trigger=auto trigger=manual trigger=unknown tool_name=Edit tool_name=Write
        tool_name=MultiEdit tool_name=NotebookEdit model=claude-opus-5-5 model=claude-sonnet-5-5
        model=claude-haiku-5-5 model=claude-fable-5-1 model=glm-4.6 model=claude-opus-4-1-20250805
    """
    assert {tuple(one.split("=")) for one in wanted.split()} - labels == set()


def test_prompts_come_in_all_their_shapes(rows: list[dict[str, Any]]) -> None:
    """With and without a source, as text and as blocks, beside all that only looks like one."""
    said_by_people = [row for row in rows if row["type"] == "user" and not row["isSidechain"]]
    plain = [row for row in said_by_people if not of_type(row, "tool_result")]
    kinds = {(row.get("origin") or {}).get("kind") for row in plain}
    assert {None, "human", "task-notification"} <= kinds
    assert {None, "typed", "queued", "sdk", "system"} == {row.get("promptSource") for row in plain}
    assert any("promptId" in row and "promptSource" not in row for row in plain)
    assert any(of_type(row, "image") for row in plain)
    texts = [
        row["message"]["content"] for row in plain if isinstance(row["message"]["content"], str)
    ]
    beginnings = (
        "<command-name",
        "<command-message",
        "<bash-input",
        "<bash-stdout",
        "<local-command",
    )
    assert [one for one in beginnings if not any(text.startswith(one) for text in texts)] == []
    modes = {
        row["attachment"].get("commandMode")
        for row in rows
        if row["type"] == "attachment" and row["attachment"]["type"] == "queued_command"
    }
    assert {"prompt", "task-notification"} <= modes


def test_edits_are_told_by_patches_contents_and_arguments(rows: list[dict[str, Any]]) -> None:
    """Main transcripts show a patch or a new file's content; subagents' rows show neither."""
    calls = {
        block["id"]: block["name"]
        for row in rows
        if row["type"] == "assistant"
        for block in of_type(row, "tool_use")
    }
    shapes: set[tuple[str, str]] = set()
    for row in rows:
        for block in of_type(row, "tool_result") if row["type"] == "user" else []:
            detail = row.get("toolUseResult")
            told = "nothing" if detail is None else "patch"
            if isinstance(detail, dict):
                told = detail.get("type", told)
            shapes.add((calls.get(block["tool_use_id"], ""), told))
    wanted = {("Edit", "patch"), ("MultiEdit", "patch"), ("Write", "create"), ("Write", "update")}
    assert wanted | {("Edit", "nothing"), ("Write", "nothing")} <= shapes
    assert any("toolDenialKind" in row for row in rows)


def test_what_goes_wrong_is_told_as_each_version_does(rows: list[dict[str, Any]]) -> None:
    """Statuses, hooks with and without durations, compactions with what was left, fast mode."""
    hooks = [row["attachment"] for row in rows if row["type"] == "attachment"]
    kinds = {one["type"] for one in hooks if one.get("hookEvent") == "PostToolUse"}
    assert {"hook_success", "hook_non_blocking_error", "hook_blocking_error"} <= kinds
    assert {"Stop", "SubagentStop", "UserPromptSubmit"} <= {one.get("hookEvent") for one in hooks}
    summaries = [row for row in rows if row.get("subtype") == "stop_hook_summary"]
    timed = {"durationMs" in info for row in summaries for info in row["hookInfos"]}
    assert timed == {True, False}
    compactions = [row["compactMetadata"] for row in rows if "compactMetadata" in row]
    assert any("cumulativeDroppedTokens" in one for one in compactions)
    assert any("postTokens" not in one for one in compactions)
    assert any("apiErrorStatus" in row for row in rows)
    speeds = {
        (row["message"]["usage"] or {}).get("speed") for row in rows if row["type"] == "assistant"
    }
    assert {None, "standard", "fast"} == speeds
