"""An ordinary turn: a prompt, responses that call tools, their answers, and a last word.

What is out of the ordinary is in :mod:`ccpush.demo.scenes`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ccpush.demo import rows
from ccpush.demo.rows import Row
from ccpush.demo.stage import Stage
from ccpush.demo.tools import Call, any_call
from ccpush.demo.transcript import Transcript

# up to 2.1.50 the length of shorter turns was not written down
_SHORTEST_NOTED_TURN_MS = 30_000


def prompt(stage: Stage, main: Transcript) -> int:
    """Somebody types something; gives the time at which they did."""
    at_ms = stage.clock.after(15, 420)
    main.note(rows.file_history_snapshot(stage.chance.row_id(), at_ms))
    text = stage.words.prompt()
    extras: Row = {"permissionMode": "default"} if stage.in_folders else {}
    if stage.era.envelope_last:
        scripted = main.envelope.entrypoint != "cli"
        extras |= {"promptSource": "sdk" if scripted else "typed", "origin": {"kind": "human"}}
    stage.hear(main, text, at_ms, **extras)
    if stage.era.envelope_last:
        _beside_prompt(stage, main, text)
    return at_ms


def _beside_prompt(stage: Stage, main: Transcript, text: str) -> None:
    session_id = main.envelope.session_id
    hook = {"type": "hook_success", "hookName": "UserPromptSubmit", "content": "", "exitCode": 0}
    main.attachment(hook, stage.clock.after(0.01, 0.1))
    used = {"type": "total_tokens_reminder", "used": main.context_tokens, "total": 1_000_000}
    main.attachment(used, stage.clock.after(0.01, 0.1))
    main.note({"type": "last-prompt", "lastPrompt": text, "sessionId": session_id})
    main.note({"type": "permission-mode", "permissionMode": "default", "sessionId": session_id})
    if stage.chance.often(0.4):
        title = stage.words.title()
        main.note({"type": "ai-title", "aiTitle": title, "sessionId": session_id})


def work(stage: Stage, by: Transcript, calls: Sequence[Call]) -> None:
    """One response that calls these tools, then what they answer."""
    call_ids = [stage.chance.tool_use_id() for _ in calls]
    blocks = stage.musing()
    for call, call_id in zip(calls, call_ids, strict=True):
        blocks.append(rows.tool_use(call_id, call.name, call.arguments))
    asked_by = stage.respond(by, blocks, "tool_use")
    for call, call_id in zip(calls, call_ids, strict=True):
        if stage.era.progress_rows:
            _progress(stage, by, call, call_id)
        answer(stage, by, call, (call_id, asked_by))


def answer(stage: Stage, by: Transcript, call: Call, asked: tuple[str, str]) -> None:
    """A tool's answer; ``asked`` is the call's id and the id of the row that made it."""
    at_ms = stage.clock.after(call.seconds / 10, call.seconds)
    extras: Row = {}
    # since they have a folder, subagents' rows lack the structured result
    if not (stage.in_folders and by.envelope.sidechain):
        extras["toolUseResult"] = call.result
    if stage.in_folders:
        extras["sourceToolAssistantUUID"] = asked[1]
    block = rows.tool_result(asked[0], call.text, error=call.error)
    stage.hear(by, [block], at_ms, **extras)


def _progress(stage: Stage, by: Transcript, call: Call, call_id: str) -> None:
    if stage.chance.often(0.5):
        event = f"PreToolUse:{call.name}"
        hook = {"type": "hook_progress", "hookEvent": "PreToolUse", "hookName": event}
        by.progress({**hook, "command": "callback"}, call_id, stage.clock.after(0.01, 0.1))
    if call.name != "Bash":
        return
    for second in range(2, stage.chance.randrange(3, 8)):
        shown = stage.words.output(3)
        data = {
            "type": "bash_progress",
            "output": shown,
            "fullOutput": shown,
            "elapsedTimeSeconds": second,
            "totalLines": 3,
        }
        by.progress(data, call_id, stage.clock.after(0.9, 1.1))


def steps(stage: Stage, by: Transcript, count: int) -> None:
    """``count`` responses that each call a tool or two."""
    cwd = stage.plan.project.cwd
    for _ in range(count):
        calls = [any_call(stage.chance, stage.words, cwd)]
        if stage.chance.often(0.15):
            calls.append(any_call(stage.chance, stage.words, cwd))
        work(stage, by, calls)


def close(stage: Stage, main: Transcript, began_ms: int) -> None:
    """The last word of a turn, and what the client notes about it."""
    stop = "max_tokens" if stage.chance.often(0.02) else "end_turn"
    stage.respond(main, [*stage.musing(), stage.saying(4)], stop)
    if stage.in_folders and stage.chance.often(0.4):
        _stop_hooks(stage, main)
    if main.envelope.entrypoint != "cli" or not stage.in_folders:
        return
    took_ms = stage.clock.now_ms - began_ms
    if stage.era.envelope_last or took_ms >= _SHORTEST_NOTED_TURN_MS:
        main.system("turn_duration", stage.clock.now_ms, durationMs=took_ms, isMeta=False)
        stage.tally.turn_durations_ms.append(took_ms)


def _stop_hooks(stage: Stage, main: Transcript) -> None:
    main.system(
        "stop_hook_summary",
        stage.clock.after(0.05, 0.5),
        hookCount=1,
        hookInfos=[{"command": "make lint"}],
        hookErrors=[],
        preventedContinuation=False,
        stopReason="",
        hasOutput=False,
        level="suggestion",
    )


def turn(stage: Stage, main: Transcript) -> None:
    """A whole ordinary turn."""
    began_ms = prompt(stage, main)
    steps(stage, main, stage.chance.randrange(1, 8))
    close(stage, main, began_ms)
