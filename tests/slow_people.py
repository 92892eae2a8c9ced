"""When people were at work, slow and obvious: what they typed, and how long they and Claude took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from slow_rows import of_type, seconds, words

if TYPE_CHECKING:
    from slow_count import Row

NOT_TYPED = ("<command-", "<local-command", "<bash-", "<task-notification", "[Request interrupted")
ACTS = ("<command-name", "<command-message", "<bash-input", "[Request interrupted")
LONGEST_S = {"user": 120, "cli": 600}


def _is_said(row: Row) -> bool:
    """Whether it is a user row that says something, be it of a person or a program."""
    hidden = ("isMeta", "isCompactSummary", "isVisibleInTranscriptOnly", "isSidechain")
    return (
        row["type"] == "user"
        and not any(row.get(name) for name in hidden)
        and not of_type(row, "tool_result")
    )


def is_prompt(row: Row) -> bool:
    """Whether a person typed it."""
    if row["type"] == "attachment":
        return _is_queued(row)
    if not _is_said(row) or words(row).startswith(NOT_TYPED):
        return False
    origin = (row.get("origin") or {}).get("kind")
    if origin:
        return bool(origin == "human")
    if row.get("promptSource"):
        return row["promptSource"] in ("typed", "queued")
    if str(row.get("entrypoint", "")).startswith("sdk"):
        return False
    return bool(words(row) or of_type(row, "image"))


def _is_queued(row: Row) -> bool:
    given = row["attachment"]
    return (
        given["type"] == "queued_command"
        and not row.get("isMeta")
        and not given.get("isMeta")
        and not row.get("isSidechain")
        and given.get("commandMode") in (None, "prompt")
        and (given.get("origin") or {}).get("kind") in (None, "human")
    )


def _is_of_a_program(row: Row) -> bool:
    if not _is_said(row):
        return False
    if words(row).startswith(NOT_TYPED):
        # what is left of these is the output of commands
        return words(row).startswith("<task-notification")
    return (
        row.get("promptSource") not in (None, "typed", "queued")
        or (row.get("origin") or {}).get("kind") not in (None, "human")
        or str(row.get("entrypoint", "")).startswith("sdk")
    )


def _role(row: Row) -> str | None:
    """What a row is for the time that people and Claude are active."""
    if row.get("isSidechain"):
        return None
    if row["type"] == "assistant" or (row["type"] == "user" and of_type(row, "tool_result")):
        return "work"
    if row["type"] != "user":
        return None
    if is_prompt(row) or (_is_said(row) and words(row).startswith(ACTS)):
        return "act"
    return "program" if _is_of_a_program(row) else None


def active(rows: Iterable[tuple[str, Row]]) -> Counter[str]:
    """Seconds by type, file by file."""
    found: Counter[str] = Counter()
    latest: dict[str, int] = {}
    stretch: dict[str, str] = {}
    counted: dict[str, int] = {}
    for file, row in rows:
        role = _role(row)
        if role is None:
            continue
        at_s, begun = seconds(row), file in stretch
        if role != "work":
            stretch[file] = row["uuid"]
        if begun and role != "program":
            # a copy of the stretch may have had its time elsewhere
            since_s = max(latest[file], counted.get(stretch[file], 0))
            kind = "user" if role == "act" else "cli"
            if at_s > since_s:
                found[kind] += min(at_s - since_s, LONGEST_S[kind])
                counted[stretch[file]] = at_s
        latest[file] = max(at_s, latest.get(file, 0))
    return found
