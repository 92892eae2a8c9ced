"""Rows of tools at work, of prompts that waited, hooks and links, in the newer shapes.

home.main().write(call("t1", "Bash", command="git commit -m x"), result("t1"))
"""

from __future__ import annotations

from typing import Any

import homes
from homes import NOW_S, Row

AN_HOUR_AGO = NOW_S - 3600
PULL = "https://github.com/somebody/app/pull/12"


def call(call_id: str, tool: str = "Bash", *, at_s: float = AN_HOUR_AGO, **given: Any) -> Row:
    """A response that calls one tool with what is given."""
    blocks = [{"type": "tool_use", "id": call_id, "name": tool, "input": given}]
    return homes.assistant(f"msg_{call_id}", blocks=blocks, at_s=at_s)


def result(
    call_id: str,
    content: Any = "done",
    *,
    error: bool | None = None,
    detail: Any = None,
    at_s: float = AN_HOUR_AGO,
    **more: Any,
) -> Row:
    """What a tool gave back; ``detail`` is the ``toolUseResult``, which most subagents' rows lack."""
    block = {"tool_use_id": call_id, "type": "tool_result", "content": content}
    if error is not None:
        block["is_error"] = error
    if detail is not None:
        more["toolUseResult"] = detail
    return homes.user([block], at_s=at_s, **more)


def bash(
    command: str,
    output: str = "done",
    call_id: str = "t1",
    *,
    at_s: float = AN_HOUR_AGO,
    **more: Any,
) -> list[Row]:
    """A command and what came of it."""
    detail = {"stdout": output, "stderr": "", "interrupted": False}
    answer = result(call_id, output, detail=detail, at_s=at_s, **more)
    return [call(call_id, command=command, at_s=at_s), answer]


def patch(*lines: str) -> Row:
    """The detailed result of an edit that has one hunk of these lines."""
    hunk = {"oldStart": 1, "oldLines": 1, "newStart": 1, "newLines": 1, "lines": list(lines)}
    return {"filePath": "/app/a.py", "structuredPatch": [hunk]}


def edit(
    call_id: str = "t1", old: str = "a", new: str = "b", path: str = "/app/a.py", **more: Any
) -> Row:
    """A call of Edit."""
    return call(call_id, "Edit", file_path=path, old_string=old, new_string=new, **more)


def write(call_id: str = "t1", content: str = "a\nb\n", path: str = "/app/a.py") -> Row:
    """A call of Write."""
    return call(call_id, "Write", file_path=path, content=content)


def aside(*rows: Row) -> list[Row]:
    """The same rows as a subagent's file has them."""
    return [{**row, "isSidechain": True, "agentId": "a1b2c3d"} for row in rows]


def forked(*rows: Row) -> list[Row]:
    """Copies as a fork has them: all is kept but the session and where it was begun."""
    session = "f0e4ed00-0000-4000-8000-000000000000"
    return [{**row, "sessionId": session, "entrypoint": "sdk-cli"} for row in rows]


def attachment(kind: str, *, at_s: float = AN_HOUR_AGO, **given: Any) -> Row:
    """Something put beside a prompt; its fields lie in an object of their own."""
    return {
        **homes.envelope(),
        "attachment": {"type": kind, **given},
        "type": "attachment",
        "uuid": homes.new_uuid(),
        "timestamp": homes.iso(at_s),
    }


def hook(kind: str = "hook_success", event: str = "PostToolUse", duration_ms: Any = 1500) -> Row:
    """A hook that ran."""
    return attachment(
        kind,
        hookName=f"{event}:Bash",
        hookEvent=event,
        toolUseID="toolu_0",
        command="check.sh",
        durationMs=duration_ms,
    )


def pr_link(address: str = PULL, *, at_s: float = AN_HOUR_AGO) -> Row:
    """A session that is linked to a pull request."""
    return {
        "type": "pr-link",
        "sessionId": homes.SESSION,
        "prNumber": 12,
        "prUrl": address,
        "prRepository": "somebody/app",
        "timestamp": homes.iso(at_s),
    }
