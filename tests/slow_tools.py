"""What tools did, slow and obvious: errors, lines, commits, pull requests, decisions on edits.

How many commits and pull requests a shell command makes it cannot read: the caller says it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from slow_rows import Tally, key_of, of_type

if TYPE_CHECKING:
    from slow_count import Row

# Of a call's id and command: how many commits it makes, and whether it creates a pull request.
Reading = Callable[[str, str], tuple[int, bool]]

EDITORS = ("Edit", "MultiEdit", "Write", "NotebookEdit")
SETTLED = ("Permission to use", "Claude requested permissions to")
COMMITTED = re.compile(r"\[\S[^\]]* [0-9a-f]{7,40}\]")
UNCOMMITTED = ("nothing to commit", "nothing added to commit", "no changes added to commit")
LANGUAGES = {
    "css": "CSS",
    "ex": "Elixir",
    "exs": "Elixir",
    "js": "JavaScript",
    "json": "JSON",
    "md": "Markdown",
    "py": "Python",
    "sh": "Bash",
    "ts": "TypeScript",
    "tsx": "TypeScript",
    "txt": "Plain text",
}


def tools(rows: list[Row], reading: Reading, found: Tally) -> None:
    """Add what all calls with their results, and links to pull requests, come to."""
    calls: dict[str, Row] = {}
    results: dict[str, tuple[Row, Row]] = {}
    addresses = {row["prUrl"] for row in rows if row["type"] == "pr-link"}
    for row in rows:
        for block in of_type(row, "tool_use") if row["type"] == "assistant" else []:
            calls.setdefault(block["id"], block)
        for block in of_type(row, "tool_result") if row["type"] == "user" else []:
            # news of a result are repeated in the subagent's own file
            if not row.get("news") or block["tool_use_id"] in calls:
                results.setdefault(block["tool_use_id"], (row, block))
    for call_id in results.keys() & calls.keys():
        (row, block), call = results[call_id], calls[call_id]
        kind = _kind(row, block, call)
        _lines(row, block, call, kind, found)
        if kind != "ok":
            found[key_of("claude_tool_errors_total", tool=call["name"], kind=kind)] += 1
        if call["name"] in EDITORS:
            _decision(row, block, call, kind, found)
        if call["name"] == "Bash" and kind == "ok":
            commits, creates = reading(call_id, call["input"]["command"])
            said = _said(block)
            # what git says of a commit: [branch 1a2b3c4] message
            if COMMITTED.search(said) or not any(words in said for words in UNCOMMITTED):
                found[key_of("claude_code_commit_count_total")] += commits
            if creates:
                addresses.add(_last_address(said) or call_id)
    found[key_of("claude_code_pull_request_count_total")] = len(addresses)


def _said(block: Row) -> str:
    content = block.get("content") or ""
    if isinstance(content, str):
        return content
    return next((str(part["text"]) for part in content if part["type"] == "text"), "")


def _detail(row: Row) -> Row:
    detail = row.get("toolUseResult")
    return detail if isinstance(detail, dict) else {}


def _kind(row: Row, block: Row, call: Row) -> str:
    if row.get("toolDenialKind"):
        stopped = row["toolDenialKind"] in ("interrupted", "cancelled")
        return "interrupted" if stopped else "denied"
    if block.get("is_error") is not True:
        stopped = call["name"] == "Bash" and _detail(row).get("interrupted") is True
        return "interrupted" if stopped else "ok"
    said = _said(block)
    if said.startswith("The user doesn't want to proceed"):
        return "denied"
    if said.startswith(
        ("The user doesn't want to take this action right now", "[Request interrupted")
    ):
        return "interrupted"
    return "denied" if said.startswith(SETTLED) else "error"


def _last_address(said: str) -> str | None:
    """The last address of a pull or merge request among the words of an output."""
    for word in reversed(said.split()):
        *_, before, number = ["", "", *word.split("/")]
        if word.startswith("https://") and before in ("pull", "merge_requests"):
            return word if number.isdigit() else None
    return None


def _lines(row: Row, block: Row, call: Row, kind: str, found: Tally) -> None:
    if kind != "ok" or call["name"] not in EDITORS[:3]:
        return
    detail = _detail(row)
    added = removed = 0
    if detail.get("structuredPatch"):
        marks = [line[:1] for hunk in detail["structuredPatch"] for line in hunk["lines"]]
        added, removed = marks.count("+"), marks.count("-")
    elif detail.get("type") == "create":
        added = len(lines_of(detail["content"]))
    elif "structuredPatch" not in detail:
        added, removed = _lines_of_input(call, _said(block))
    found[key_of("claude_code_lines_of_code_count_total", type="added")] += added
    found[key_of("claude_code_lines_of_code_count_total", type="removed")] += removed


def _lines_of_input(call: Row, said: str) -> tuple[int, int]:
    given = call["input"]
    if call["name"] == "Write":
        created = said.startswith("File created successfully")
        return (len(lines_of(given["content"])) if created else 0), 0
    edits = given["edits"] if call["name"] == "MultiEdit" else [given]
    changes = [changed(edit["old_string"], edit["new_string"]) for edit in edits]
    return sum(added for added, _ in changes), sum(removed for _, removed in changes)


def lines_of(text: str) -> list[str]:
    """The lines of a text; a newline at its end begins no further one."""
    return text.removesuffix("\n").split("\n") if text else []


def changed(old: str, new: str) -> tuple[int, int]:
    """How many lines a minimal difference adds and removes: all but the most that can stay.

    Both are pieces of a file: what follows the last newline is a piece of a line.
    """
    if not old or not new:
        return len(lines_of(new)), len(lines_of(old))
    one, other = old.split("\n"), new.split("\n")
    # row by row, the longest common subsequence of what was gone through of both
    above = [0] * (len(other) + 1)
    for line in one:
        row = [0]
        for column, found in enumerate(other):
            row.append(above[column] + 1 if line == found else max(above[column + 1], row[-1]))
        above = row
    return len(other) - above[-1], len(one) - above[-1]


def _decision(row: Row, block: Row, call: Row, kind: str, found: Tally) -> None:
    if kind == "error":
        return
    source = "unknown"
    if kind != "ok":
        denial = row.get("toolDenialKind")
        personal = denial in (None, "user-rejected", "interrupted", "cancelled")
        source = "user_abort" if kind == "interrupted" else "user_reject"
        if not personal or _said(block).startswith(SETTLED):
            source = "config"
    given = call["input"]
    name = str(given.get("file_path") or given.get("notebook_path") or "").rpartition("/")[2]
    found[
        key_of(
            "claude_code_code_edit_tool_decision_total",
            tool_name=call["name"],
            decision="accept" if kind == "ok" else "reject",
            source=source,
            language=LANGUAGES.get(name.rpartition(".")[2], "unknown"),
        )
    ] += 1
