"""An ordinary turn: a prompt, responses that call tools, their answers, and a last word.

What is out of the ordinary is in :mod:`ccpush.demo.scenes`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ccpush.demo import git, hooks, rows
from ccpush.demo.calls import Call
from ccpush.demo.friction import stopped
from ccpush.demo.prompts import interruption, prompt
from ccpush.demo.rows import Row
from ccpush.demo.stage import Stage
from ccpush.demo.tools import any_call
from ccpush.demo.transcript import Transcript

# up to 2.1.50 the length of shorter turns was not written down
_SHORTEST_NOTED_TURN_MS = 30_000


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
    structured = not (stage.in_folders and by.envelope.sidechain)
    if structured:
        extras["toolUseResult"] = call.result
    if stage.in_folders:
        extras["sourceToolAssistantUUID"] = asked[1]
    if stage.era.sources_told and call.denial is not None:
        extras["toolDenialKind"] = call.denial
    # that nothing failed is said of commands alone
    error = call.error or (False if call.name == "Bash" else None)
    block = rows.tool_result(asked[0], call.content, error=error)
    stage.hear(by, "result", [block], at_ms, **extras)
    # what is nowhere to be read has no outcome, either
    if by.kept:
        stage.tally.result(call, structured=structured)
        hooks.around_tool(stage, by, call.name)


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
    for _ in range(count):
        calls = [_some_call(stage, by)]
        if stage.chance.often(0.15):
            calls.append(_some_call(stage, by))
        work(stage, by, calls)


def _some_call(stage: Stage, by: Transcript) -> Call:
    return any_call(
        stage.chance,
        stage.words,
        stage.plan.project.cwd,
        era=stage.era,
        with_a_person=not by.envelope.sidechain,
    )


def close(stage: Stage, main: Transcript, began_ms: int) -> None:
    """The last word of a turn, and what the client notes about it."""
    stop = "max_tokens" if stage.chance.often(0.02) else "end_turn"
    stage.respond(main, [*stage.musing(), stage.saying(4)], stop)
    if stage.in_folders and stage.chance.often(0.4):
        hooks.at_end(stage, main)
    if main.envelope.entrypoint != "cli" or not stage.in_folders:
        return
    took_ms = stage.clock.now_ms - began_ms
    if stage.era.envelope_last or took_ms >= _SHORTEST_NOTED_TURN_MS:
        main.system("turn_duration", stage.clock.now_ms, durationMs=took_ms, isMeta=False)
        stage.tally.turn_durations_ms.append(took_ms)


def turn(stage: Stage, main: Transcript) -> None:
    """A whole ordinary turn."""
    began_ms = prompt(stage, main)
    steps(stage, main, stage.chance.randrange(1, 8))
    close(stage, main, began_ms)


def broken_turn(stage: Stage, main: Transcript) -> None:
    """A turn that somebody stops: while a tool is at work, or while the model speaks."""
    prompt(stage, main)
    steps(stage, main, stage.chance.randrange(1, 4))
    of_a_tool = stage.chance.often(0.6)
    if of_a_tool:
        cwd = stage.plan.project.cwd
        work(stage, main, [stopped(stage.chance, stage.words, cwd)])
    else:
        stage.respond(main, [stage.saying(2)], "end_turn")
    interruption(stage, main, of_a_tool=of_a_tool)


def shipping_turn(stage: Stage, main: Transcript) -> None:
    """A turn whose outcome is committed and proposed to others."""
    project = stage.plan.project
    began_ms = prompt(stage, main)
    work(stage, main, [git.commit(stage.chance, stage.words, project.cwd)])
    proposal = git.propose(stage.chance, stage.words, project)
    work(stage, main, [proposal])
    if stage.era.envelope_last and proposal.proposes:
        link_to(stage, main, proposal.proposes)
    close(stage, main, began_ms)


def link_to(stage: Stage, main: Transcript, url: str) -> None:
    """A pull request is noted as this session's; it may have been told before."""
    timestamp = rows.iso(stage.clock.now_ms)
    main.note(git.pr_link(main.envelope.session_id, url, timestamp))
    stage.tally.addresses.add(url)
