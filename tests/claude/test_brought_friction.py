"""What went wrong or took time on the way: errors, waits, compactions, hooks; each row once.

The rules are those of docs/counting.md.
"""

from __future__ import annotations

from typing import Any

import homes
import pytest
from brought_metrics import by_label, value
from homes import Row, agent_progress, put
from tool_rows import attachment, hook

ERRORS = "claude_api_error_responses_total"
WAITED = "claude_retry_wait_seconds_total"
COMPACTIONS = "claude_compactions_total"
DROPPED = "claude_compaction_dropped_tokens_total"
HOOKS = "claude_hook_seconds_total"


def read(home: homes.Home, reader: homes.Reader, *rows: Row) -> homes.Reader:
    """The reader, after it has read these rows as a session."""
    home.main().write(*rows)
    reader.run()
    return reader


@pytest.mark.parametrize(
    ("row", "status"),
    [
        (homes.api_error(), "529"),
        (homes.api_error(0), "529"),
        (put(homes.api_error(), "error", {"status": 429, "error": {}}), "429"),
        (put(homes.api_error(), "error", {"cause": {"code": "ECONNREFUSED"}}), "unknown"),
        (put(homes.api_error(), "error", None), "unknown"),
        (put(homes.api_error(), "error.status", None), "unknown"),
        (put(homes.api_error(), "error.status", 99), "unknown"),
        (put(homes.api_error(), "error.status", 600), "unknown"),
        ({**homes.api_error_message(), "apiErrorStatus": 401}, "401"),
        ({**homes.api_error_message(), "apiErrorStatus": None}, "unknown"),
        (homes.api_error_message(), "unknown"),
    ],
)
def test_errors_of_the_api_are_by_status(
    home: homes.Home, reader: homes.Reader, row: Row, status: str
) -> None:
    """A connection that failed has none; each row counts once."""
    read(home, reader, row, row)
    assert by_label(reader, ERRORS, "status") == {status: 1}


def test_errors_of_subagents_count_too(home: homes.Home, reader: homes.Reader) -> None:
    """In the parent's news and in their own file they are one."""
    row = {**homes.api_error_message(sidechain=True), "apiErrorStatus": 400}
    news = put(agent_progress(row), "data.message.apiErrorStatus", 400)
    home.agent().write(row)
    read(home, reader, news)
    assert by_label(reader, ERRORS, "status") == {"400": 1}


def test_waiting_adds_up(home: homes.Home, reader: homes.Reader) -> None:
    """Milliseconds, and parts of them; rows without it add nothing."""
    rows = [
        homes.api_error(),
        put(homes.api_error(), "retryInMs", 1067.5),
        put(homes.api_error(), "retryInMs", None),
        homes.without(homes.api_error(), "retryInMs"),
        homes.api_error_message(),
    ]
    read(home, reader, *rows, rows[0])
    assert value(reader, WAITED) == pytest.approx(1.5675, abs=0.001)
    assert sum(by_label(reader, ERRORS, "status").values()) == 5


@pytest.mark.parametrize(
    ("metadata", "trigger", "dropped"),
    [
        ({"trigger": "auto", "preTokens": 160_000}, "auto", 0),
        ({"trigger": "manual", "preTokens": 160_000, "postTokens": 9_000}, "manual", 151_000),
        (
            {
                "trigger": "auto",
                "preTokens": 160_000,
                "postTokens": 9_000,
                "cumulativeDroppedTokens": 400_000,
                "durationMs": 60_000,
            },
            "auto",
            151_000,
        ),
        ({"trigger": "auto", "postTokens": 9_000}, "auto", 0),
        ({"trigger": "moon", "preTokens": 160_000}, "unknown", 0),
        ({"preTokens": 160_000}, "unknown", 0),
    ],
)
def test_compactions_are_by_trigger(
    home: homes.Home, reader: homes.Reader, metadata: Row, trigger: str, dropped: int
) -> None:
    """What was dropped is told where a row has both numbers, and never from running sums."""
    row = put(homes.compact_boundary(), "compactMetadata", metadata)
    read(home, reader, row, row)
    assert by_label(reader, COMPACTIONS, "trigger") == {trigger: 1}
    assert value(reader, DROPPED) == dropped


def test_a_small_compaction_is_none(home: homes.Home, reader: homes.Reader) -> None:
    """Old results of tools were cleared away; the conversation stays."""
    metadata = {"trigger": "auto", "preTokens": 60_000, "postTokens": 40_000, "tokensSaved": 20_000}
    read(home, reader, homes.system("microcompact_boundary", microcompactMetadata=metadata))
    assert by_label(reader, COMPACTIONS, "trigger") == {}
    assert value(reader, DROPPED) == 0


@pytest.mark.parametrize(
    ("row", "seconds"),
    [
        (hook("hook_success"), 1.5),
        (hook("hook_non_blocking_error"), 1.5),
        (hook("hook_blocking_error"), 1.5),
        (hook("hook_cancelled"), 1.5),
        (hook(event="SessionStart", duration_ms=20), 0.02),
        (hook(event="PreToolUse"), 1.5),
        (hook(event="UserPromptSubmit"), 1.5),
        # these the summaries have
        (hook(event="Stop"), 0),
        (hook("hook_blocking_error", event="SubagentStop"), 0),
        (hook(duration_ms=None), 0),
        (attachment("hook_additional_context", hookEvent="PreToolUse", durationMs=9), 0),
        (attachment("task_reminder", durationMs=9), 0),
    ],
)
def test_hooks_take_time(home: homes.Home, reader: homes.Reader, row: Row, seconds: float) -> None:
    """Each attachment once; those of the end of a turn are in its summary."""
    read(home, reader, row, row)
    assert value(reader, HOOKS) == pytest.approx(seconds, abs=1e-9)


def summary(*durations_ms: Any) -> Row:
    """The hooks that ran at the end of a turn."""
    infos = [{"command": "x"} | ({} if ms is None else {"durationMs": ms}) for ms in durations_ms]
    return homes.system("stop_hook_summary", hookCount=len(infos), hookInfos=infos, hookErrors=[])


@pytest.mark.parametrize(
    ("durations_ms", "seconds"),
    [((1200, 300), 1.5), ((None, 300), 0.3), ((None,), 0), ((), 0), ((0,), 0)],
)
def test_hooks_at_the_end_of_a_turn_are_summed_up(
    home: homes.Home, reader: homes.Reader, durations_ms: Any, seconds: float
) -> None:
    """Older summaries do not say how long each took."""
    row = summary(*durations_ms)
    read(home, reader, row, row, hook(event="Stop"))
    assert value(reader, HOOKS) == pytest.approx(seconds, abs=1e-9)
