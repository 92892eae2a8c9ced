"""What people typed.

The rules are those of docs/counting.md.
"""

from __future__ import annotations

from typing import Any

import homes
import pytest
from brought_metrics import value
from homes import Row, user
from tool_rows import attachment, forked, result

PROMPTS = "claude_prompts_total"
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
NOTICE = "<task-notification>\n<task-id>b1</task-id>"


def prompts(home: homes.Home, reader: homes.Reader, *rows: Row) -> float:
    """Prompts among rows."""
    home.main().write(*rows)
    reader.run()
    return value(reader, PROMPTS)


@pytest.mark.parametrize(
    "content",
    [
        "do it",
        [homes.text("do it")],
        [IMAGE],
        [IMAGE, homes.text("what is this?")],
        [homes.text("<ide_opened_file>The user opened a file</ide_opened_file>"), homes.text("x")],
        "How does <command-name> work?",
        "/compact is odd",
    ],
)
def test_what_a_person_types_is_a_prompt(
    home: homes.Home, reader: homes.Reader, content: Any
) -> None:
    """Words, an image, or both; once, whatever copies there are."""
    row = user(content)
    assert prompts(home, reader, row, row, user("another")) == 2


@pytest.mark.parametrize(
    "row",
    [
        user("Caveat", isMeta=True),
        user("This session is being continued", isCompactSummary=True),
        user("shown only", isVisibleInTranscriptOnly=True),
        user("look at it", sidechain=True),
        result("t1"),
        user([homes.text("x"), {"type": "tool_result", "tool_use_id": "t1", "content": "y"}]),
        user("<command-name>/model</command-name>"),
        user("<command-message>init is running</command-message>"),
        user("<local-command-stdout>ok</local-command-stdout>"),
        user("<bash-input>ls</bash-input>"),
        user("<bash-stdout>a</bash-stdout>"),
        user(NOTICE),
        user([homes.text("[Request interrupted by user]")]),
        user("[Request interrupted by user for tool use]", promptSource="typed"),
        user(NOTICE, origin={"kind": "human"}),
        user("<command-name>/model</command-name>", origin={"kind": "human"}),
        user(""),
        user([]),
        user("do it", entrypoint="sdk-cli"),
        user("do it", entrypoint="sdk-py"),
    ],
)
def test_what_nobody_typed_is_none(home: homes.Home, reader: homes.Reader, row: Row) -> None:
    """Results, notes of Claude Code itself, subagents' orders, commands, and what programs ask."""
    assert prompts(home, reader, row) == 0


@pytest.mark.parametrize(
    ("origin", "source", "entrypoint", "expected"),
    [
        ("human", None, "cli", 1),
        ("task-notification", None, "cli", 0),
        ("coordinator", None, "cli", 0),
        ("peer", None, "cli", 0),
        ("auto-continuation", None, "cli", 0),
        (None, "typed", "cli", 1),
        (None, "queued", "cli", 1),
        (None, "sdk", "cli", 0),
        (None, "system", "cli", 0),
        (None, None, "cli", 1),
        (None, None, "claude-vscode", 1),
        (None, None, "sdk-ts", 0),
        # what a row says of itself comes before where the session was begun
        ("human", None, "sdk-cli", 1),
        (None, "typed", "sdk-cli", 1),
        # and its origin before the way it came
        ("human", "sdk", "cli", 1),
        ("peer", "typed", "cli", 0),
    ],
)
def test_a_row_that_names_its_source_is_believed(
    home: homes.Home,
    reader: homes.Reader,
    origin: str | None,
    source: str | None,
    entrypoint: str,
    expected: int,
) -> None:
    """Newer versions say where a prompt came from."""
    more: Row = {"entrypoint": entrypoint}
    if origin is not None:
        more["origin"] = {"kind": origin}
    if source is not None:
        more["promptSource"] = source
    assert prompts(home, reader, user("do it", **more)) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (attachment("queued_command", prompt="and that"), 1),
        (attachment("queued_command", prompt="and that", commandMode="prompt"), 1),
        (attachment("queued_command", prompt="and that", origin={"kind": "human"}), 1),
        (attachment("queued_command", prompt=[IMAGE], commandMode="prompt"), 1),
        (attachment("queued_command", prompt=NOTICE, commandMode="task-notification"), 0),
        (attachment("queued_command", prompt="x", origin={"kind": "peer"}), 0),
        (attachment("queued_command", prompt="x", origin={"kind": "task-notification"}), 0),
        ({**attachment("queued_command", prompt="x"), "isMeta": True}, 0),
        ({**attachment("queued_command", prompt="x"), "isSidechain": True}, 0),
        (attachment("task_reminder", prompt="x"), 0),
    ],
)
def test_a_prompt_that_waited_never_becomes_a_row_of_the_user(
    home: homes.Home, reader: homes.Reader, row: Row, expected: int
) -> None:
    """Typed while Claude was at work; other things wait in the same queue."""
    assert prompts(home, reader, row, row) == expected


def test_a_fork_repeats_no_prompt(home: homes.Home, reader: homes.Reader) -> None:
    """A copy says that a program began its session; read first or last, it counts once."""
    row, queued = user("do it"), attachment("queued_command", prompt="and that")
    home.main("fork").write(*forked(row, queued))
    reader.run()
    assert prompts(home, reader, row, queued) == 2
    home.main("another").write(*forked(row, queued))
    reader.run()
    assert value(reader, PROMPTS) == 2
