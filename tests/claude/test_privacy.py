"""No text of a transcript is kept or said: a sentinel in every free-text field turns up nowhere."""

from __future__ import annotations

import homes
import pytest
from homes import (
    SESSION,
    agent_progress,
    api_error,
    api_error_message,
    assistant,
    compact_boundary,
    line,
    progress,
    synthetic,
    system,
    text,
    tool_result,
    tool_use,
    turn_duration,
    user,
)

from ccpush.ledger.store import open_ledger
from ccpush.metrics.evaluate import Identity, evaluate

SENTINEL = "SENTINEL"


def secret(where: str) -> str:
    """A sentinel that says where it stood, should it ever turn up."""
    return f"{SENTINEL} {where} SENTINEL-{where}"


def private(row: homes.Row) -> homes.Row:
    """The row with a sentinel in every field of the envelope that says where or who."""
    session = f"{SENTINEL}-session"
    fields = (
        "cwd",
        "gitBranch",
        "slug",
        "agentId",
        "userType",
        "entrypoint",
        "version",
        "parentUuid",
    )
    return {**row, **{name: secret(name) for name in fields}, "sessionId": session}


def private_rows() -> list[homes.Row]:
    """One row of every type that there is, full of sentinels."""
    thinking = {
        "type": "thinking",
        "thinking": secret("thinking"),
        "signature": secret("signature"),
    }
    call = tool_use(
        "toolu_1",
        "Edit",
        file_path=secret("path"),
        old_string=secret("old"),
        new_string=secret("new"),
    )
    answer = assistant(
        "msg_1",
        blocks=[thinking, text(secret("answer")), call],
        stop="end_turn",
        request=secret("request"),
    )
    told = homes.put(answer, "message.stop_sequence", secret("stop-sequence"))
    result = {
        **tool_result("toolu_1", secret("result")),
        "toolUseResult": {"stdout": secret("stdout"), "filePath": secret("file"), "originalFile": secret("original")},
    }  # fmt: skip
    error = api_error(1)
    error["error"] = {
        "status": 529,
        "message": secret("api-error"),
        "headers": {"x": secret("header")},
    }
    hooks = [{"command": secret("hook"), "durationMs": 5}]
    return [
        user(secret("prompt"), promptId=secret("prompt-id"), origin={"kind": secret("origin")}),
        user([text(secret("prompt-block"))], isMeta=True, planContent=secret("plan")),
        told,
        {**answer, "attributionSkill": secret("skill"), "attributionPlugin": secret("plugin")},
        result,
        agent_progress(assistant("msg_2", blocks=[text(secret("agents-answer"))])),
        progress("bash_progress", output=secret("output"), fullOutput=secret("full-output")),
        progress("hook_progress", command=secret("hook-command"), hookName=secret("hook-name")),
        progress("query_update", query=secret("query")),
        synthetic(secret("synthetic")),
        api_error_message(secret("error-message")),
        error,
        compact_boundary(100, summary=secret("summary")),
        turn_duration(9_000, note=secret("note")),
        system("stop_hook_summary", hookInfos=hooks, hookErrors=[secret("hook-error")]),
        system("local_command", content=secret("command")),
        system(secret("subtype"), content=secret("content")),
    ]


METADATA: list[homes.Row] = [
    {"type": "summary", "summary": secret("title"), "leafUuid": secret("leaf")},
    {"type": "custom-title", "customTitle": secret("custom-title")},
    {"type": "ai-title", "aiTitle": secret("ai-title")},
    {"type": "last-prompt", "lastPrompt": secret("last-prompt")},
    {"type": "queue-operation", "operation": "enqueue", "content": secret("queue"), "timestamp": secret("time")},
    {"type": "attachment", "attachment": {"type": "session_context", "email": secret("email"), "prompt": secret("p")}},
    {"type": "file-history-snapshot", "snapshot": {"trackedFileBackups": {secret("tracked"): {}}}},
    {"type": "pr-link", "prUrl": secret("url")},
    {"type": "bridge-session", "accountUuid": secret("account")},
    {"type": "cost-state", "modelUsage": {secret("cost-model"): {"costUSD": 1}}},
    {"type": secret("unknown type"), "x": secret("unknown")},
    {secret("key"): secret("value")},
]  # fmt: skip


@pytest.fixture
def furnished(home: homes.Home) -> homes.Home:
    """A home whose names and contents are full of sentinels, whole and damaged, in every shape."""
    project = f"-home-{SENTINEL}-project"
    rows = [private(row) for row in private_rows()]
    for number, shape in enumerate(homes.SHAPES):
        home.main(f"{SENTINEL}-{number}", project=project).write(*rows, *METADATA, shape=shape)
    half = line(private(user(secret("half"))))
    damaged: list[homes.Row | bytes | str] = [
        half[:-1].replace(b"half", b"h\xff\\ud83dlf"),
        half[:-20],
        f"not json at all {SENTINEL}",
        homes.put(private(assistant("msg_9")), "message.content", {"text": secret("odd-content")}),
        homes.put(private(assistant("msg_10")), "message.usage.input_tokens", secret("number")),
        homes.put(private(user()), "timestamp", secret("timestamp")),
        homes.put(private(user()), "isSidechain", secret("flag")),
    ]
    sub = home.agent(f"{SENTINEL}-agent", session=f"{SENTINEL}-0", project=project)
    sub.write(*damaged)
    sub.append_bytes(half[:-30], at_s=homes.NOW_S - 900)
    home.write_stats_cache(
        {
            "version": 4,
            "lastComputedDate": "2026-07-01",
            "dailyActivity": [{"date": "2026-07-01", "messageCount": 3, "sessionCount": 1, "toolCallCount": 2}],
            "dailyModelTokens": [],
            "modelUsage": {},
            "longestSession": {"sessionId": f"{SENTINEL}-longest"},
            "hourCounts": {"9": 1},
        }
    )  # fmt: skip
    (home.path / "settings.json").write_text(f'{{"env": {{"TOKEN": "{SENTINEL}"}}, "x": 1}}')
    (home.path / "history.jsonl").write_text(SENTINEL)
    return home


def everything_said(reader: homes.Reader) -> str:
    """All families with all labels, as they would leave the machine."""
    families = evaluate(reader.account(), Identity("id", "laptop"))
    return repr(families)


def test_the_ledger_holds_no_text(furnished: homes.Home, reader: homes.Reader) -> None:
    """Not in the database and not in its log, while it is open and after; ids are hashes."""
    del furnished
    done = reader.run()
    assert done.imported_days == 1
    assert reader.tallies("rows_counted")[""] > 10

    def kept() -> bytes:
        return b"".join(path.read_bytes() for path in sorted(reader.state_dir.iterdir()))

    with open_ledger(reader.state_dir, write=True) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE meta SET value = value")
        connection.execute("COMMIT")
        assert any(path.name.endswith("-wal") for path in reader.state_dir.iterdir())
        assert SENTINEL.encode() not in kept()
    assert SENTINEL.encode() not in kept()
    assert SESSION.encode() not in kept()
    assert b"msg_1" not in kept()
    assert b"toolu_1" not in kept()


def test_no_metric_says_any_text(furnished: homes.Home, reader: homes.Reader) -> None:
    """Labels are models, tools, reasons and types, none of which is anybody's words."""
    del furnished
    reader.run()
    said = everything_said(reader)
    assert "claude_tool_use_total" in said
    assert SENTINEL not in said


def test_names_that_become_labels_come_from_few_fields(
    home: homes.Home, reader: homes.Reader
) -> None:
    """Only model, tool name and stop reason, and a type that looks like one."""
    home.main().write(
        assistant("msg_1", model="the-model", stop="the-reason", blocks=[tool_use(name="TheTool")]),
        {"type": "the-type"},
    )
    reader.run()
    account = reader.account()
    names = {name for series in account.totals for name in series[1:]} | {
        label for _, label in account.tallies
    }
    fixed = {"", "input", "output", "cacheRead", "cacheCreation", "main", "unknown_type"}
    assert names - fixed == {"the-model", "the-reason", "TheTool", "the-type"}
