"""Subagents of an invented session, where each version of Claude Code leaves their rows.

Inline in the main file (1.0), in flat files beside it (2.0), in the session's own folder (2.1),
and a level deeper for workflows. While one works, 2.1.0 to 2.1.50 repeat its rows in the main file.
"""

from __future__ import annotations

import json
from dataclasses import replace

from ccpush.demo import hooks, rows
from ccpush.demo.calls import Call
from ccpush.demo.rows import Row
from ccpush.demo.stage import Stage
from ccpush.demo.transcript import Transcript
from ccpush.demo.turns import answer, steps


def open_subagent(
    stage: Stage, main: Transcript, agent_id: str, *, inside: str = "", kept: bool = True
) -> Transcript:
    """An empty transcript of a subagent; ``inside`` is a folder below ``subagents/``."""
    folder = main.path.rsplit("/", 1)[0]
    path = {
        "inline": main.path,
        "flat": f"{folder}/agent-{agent_id}.jsonl",
        "folder": f"{main.path.removesuffix('.jsonl')}/subagents/{inside}agent-{agent_id}.jsonl",
    }[stage.era.subagents]
    named = None if stage.era.subagents == "inline" else agent_id
    envelope = replace(main.envelope, sidechain=True, agent_id=named)
    helper = Transcript(path, envelope, stage.chance, kept=kept)
    if stage.era.subagents == "inline":
        helper.rows = main.rows
    elif kept:
        stage.transcripts.append(helper)
    return helper


def _agent_id(stage: Stage) -> str:
    digits = {"1.0.108": 8, "2.0.55": 8, "2.1.39": 7}.get(stage.era.version, 17)
    return stage.chance.hex_id(digits)


def subagent(stage: Stage, main: Transcript, *, lost: bool = False) -> None:
    """A task is handed over, worked on, and its outcome handed back.

    ``lost``: its file is gone, so its responses are found only in the main file's progress rows.
    """
    chance, words = stage.chance, stage.words
    task = words.prompt()
    tool = "Agent" if stage.era.envelope_last else "Task"
    call_id = chance.tool_use_id()
    arguments = {"description": words.title(), "prompt": task, "subagent_type": "Explore"}
    asked_by = stage.respond(main, [rows.tool_use(call_id, tool, arguments)], "tool_use")
    helper = open_subagent(stage, main, _agent_id(stage), kept=not lost)
    began_ms = stage.clock.now_ms
    stage.hear(helper, "note", task, stage.clock.after(0.1, 1))
    for _ in range(chance.randrange(3, 10)):
        seen = len(helper.rows)
        steps(stage, helper, 1)
        if stage.era.progress_rows:
            _mirror(stage, main, helper, (call_id, seen))
    seen = len(helper.rows)
    stage.respond(helper, [stage.saying(5)], "end_turn")
    if stage.era.progress_rows:
        _mirror(stage, main, helper, (call_id, seen))
    hooks.at_subagents_end(stage, helper)
    outcome = _outcome(helper, tool, arguments, stage.clock.now_ms - began_ms)
    answer(stage, main, outcome, (call_id, asked_by))
    if stage.in_folders and not lost:
        _describe(stage, helper, arguments)


def _mirror(stage: Stage, main: Transcript, helper: Transcript, since: tuple[str, int]) -> None:
    """Repeat a subagent's new rows in the main file, as they looked while they were streamed.

    ``since`` is the id of the call that began it and the number of rows already repeated.
    """
    call_id, seen = since
    for row in helper.rows[seen:]:
        message = row.get("message")
        # what a tool told a lost subagent is lost with it
        if message is None or (row["type"] == "user" and not helper.kept):
            continue
        embedded = {"type": row["type"], "timestamp": row["timestamp"], "message": message}
        if row["type"] == "assistant":
            if helper.kept:
                message = {**message, "usage": {**message["usage"], "output_tokens": 1}}
            embedded["message"] = message
            embedded |= {"requestId": row["requestId"]} if "requestId" in row else {}
        embedded["uuid"] = row["uuid"]
        data: Row = {"message": embedded, "normalizedMessages": [], "type": "agent_progress"}
        data |= {"prompt": "", "agentId": helper.envelope.agent_id}
        main.progress(data, call_id, stage.clock.after(0.01, 0.1))


def _outcome(helper: Transcript, tool: str, arguments: Row, took_ms: int) -> Call:
    """What the subagent hands back; it holds a usage of its own, which must not be counted."""
    last = _last_message(helper)
    result = {
        "status": "completed",
        "prompt": arguments["prompt"],
        "agentId": helper.envelope.agent_id,
        "content": last["content"],
        "totalDurationMs": took_ms,
        "totalTokens": helper.context_tokens,
        "totalToolUseCount": 3,
        "usage": last["usage"],
    }
    return Call(tool, arguments, last["content"][0]["text"], result, seconds=1, as_blocks=True)


def _last_message(helper: Transcript) -> Row:
    said: Row = next(row for row in reversed(helper.rows) if row["type"] == "assistant")["message"]
    return said


def _describe(stage: Stage, helper: Transcript, arguments: Row) -> None:
    path = helper.path.removesuffix(".jsonl") + ".meta.json"
    about = {"agentType": "Explore", "description": arguments["description"]}
    stage.other_files[path] = json.dumps(about)


def workflow(stage: Stage, main: Transcript) -> None:
    """Several subagents under one script, a folder deeper, with a journal that is no transcript."""
    chance = stage.chance
    name = f"wf_{chance.hex_id(8)}-{chance.hex_id(3)}"
    call_id = chance.tool_use_id()
    arguments = {"name": "review", "script": "review.js"}
    asked_by = stage.respond(main, [rows.tool_use(call_id, "Workflow", arguments)], "tool_use")
    journal: list[Row] = []
    for _ in range(2):
        helper = open_subagent(stage, main, _agent_id(stage), inside=f"workflows/{name}/")
        journal.append({"type": "started", "agentId": helper.envelope.agent_id})
        stage.hear(helper, "note", stage.words.prompt(), stage.clock.after(0.1, 1))
        steps(stage, helper, chance.randrange(1, 4))
        stage.respond(helper, [stage.saying(4)], "end_turn")
        journal.append({"type": "result", "result": _last_message(helper)})
        _describe(stage, helper, {"description": stage.words.title()})
    session_folder = main.path.removesuffix(".jsonl")
    lines = "".join(json.dumps(entry) + "\n" for entry in journal)
    stage.other_files[f"{session_folder}/subagents/workflows/{name}/journal.jsonl"] = lines
    stage.other_files[f"{session_folder}/workflows/{name}.json"] = json.dumps({"name": "review"})
    done = Call("Workflow", arguments, "All done.", {"status": "completed"}, seconds=1)
    answer(stage, main, done, (call_id, asked_by))
