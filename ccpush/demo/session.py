"""Plays one planned session from its first prompt to its last row."""

from __future__ import annotations

import json

from ccpush.demo import rows
from ccpush.demo.active import Presence
from ccpush.demo.chance import Chance, Clock
from ccpush.demo.git import address
from ccpush.demo.plot import Plan, Project
from ccpush.demo.prompts import prompt
from ccpush.demo.rows import Envelope
from ccpush.demo.scenes import (
    aside,
    between_turns,
    compaction,
    failures,
    fork,
    local_commands,
    refusal,
    research,
    silence,
)
from ccpush.demo.stage import Stage
from ccpush.demo.subagents import subagent, workflow
from ccpush.demo.tally import Tally
from ccpush.demo.transcript import Transcript
from ccpush.demo.turns import broken_turn, close, link_to, shipping_turn, steps, turn
from ccpush.demo.words import Words

_NICKNAMES = ("mellow-pear", "brisk-otter", "quiet-lantern", "early-thistle")
# an active session goes on until this near to the end
_UNTIL_NEAR_MS = 4 * 60_000
_FORK_LASTS_MS = 30 * 60_000
# whoever asks for a long context has a long text to read
_LONG_TEXT_TOKENS = 150_000


def play(plan: Plan, chance: Chance, tally: Tally) -> Stage:
    """Everything that the session leaves on disk, on the stage that it was played on."""
    clock = Clock(chance, plan.start_ms, plan.limit_ms)
    stage = Stage(plan, chance, clock, Words(chance, plan.project.suffix), tally)
    main = _open(stage)
    if plan.scene == "command":
        local_commands(stage, main)
    elif plan.scene == "scripted":
        _scripted(stage, main)
    else:
        _conversation(stage, main)
    if plan.active:
        _go_on(stage, main)
    else:
        _end(stage, main)
    if plan.scene == "fork":
        _fork(stage, main)
    return stage


def project_folder(project: Project) -> str:
    """The folder of a project's transcripts, relative to the Claude home."""
    return "projects/" + "".join(char if char.isalnum() else "-" for char in project.cwd)


def _open(stage: Stage) -> Transcript:
    plan, chance = stage.plan, stage.chance
    session_id = chance.row_id()
    envelope = Envelope(
        session_id=session_id,
        cwd=plan.project.cwd,
        version=plan.era.version,
        branch=plan.project.branch,
        slug=chance.choice(_NICKNAMES),
        envelope_last=plan.era.envelope_last,
        entrypoint="sdk-cli" if plan.scene == "scripted" else "cli",
    )
    path = f"{project_folder(plan.project)}/{session_id}.jsonl"
    main = Transcript(path, envelope, chance)
    main.presence = Presence(stage.tally.active_s)
    if stage.model_of(main).roomy:
        main.context_tokens += _LONG_TEXT_TOKENS
    stage.transcripts.append(main)
    if not stage.in_folders:
        title = stage.words.title()
        main.note({"type": "summary", "summary": title, "leafUuid": chance.row_id()})
    return main


def _scripted(stage: Stage, main: Transcript) -> None:
    at_ms = stage.clock.after(0.1, 1)
    main.note(rows.queue_operation(main.envelope.session_id, "dequeue", at_ms, None))
    turn(stage, main)


def _conversation(stage: Stage, main: Transcript) -> None:
    special = stage.plan.turns // 2
    for number in range(stage.plan.turns):
        if number == special:
            _scene(stage, main)
        elif stage.chance.often(0.07):
            broken_turn(stage, main)
        else:
            turn(stage, main)
        between_turns(stage, main)
    if stage.plan.project.forge and stage.chance.often(0.25):
        shipping_turn(stage, main)


def _scene(stage: Stage, main: Transcript) -> None:
    scene = stage.plan.scene
    if scene == "web":
        research(stage, main)
        return
    if scene == "refused":
        refusal(stage, main)
        silence(stage, main)
        return
    began_ms = prompt(stage, main)
    if scene == "retries":
        failures(stage, main, stage.chance.randrange(1, 4))
    elif scene == "workflow":
        workflow(stage, main)
    elif scene in {"subagent", "lost_subagent"}:
        subagent(stage, main, lost=scene == "lost_subagent")
    steps(stage, main, stage.chance.randrange(1, 5))
    if scene == "compaction":
        compaction(stage, main, by_hand=stage.chance.often(0.3))
    close(stage, main, began_ms)
    if scene == "aside":
        aside(stage, main)


def _go_on(stage: Stage, main: Transcript) -> None:
    """Work until a few minutes before the end, and stop in the middle of a turn."""
    while stage.clock.left_ms > _UNTIL_NEAR_MS:
        turn(stage, main)
    prompt(stage, main)
    steps(stage, main, 3)


def _end(stage: Stage, main: Transcript) -> None:
    session_id = main.envelope.session_id
    if not stage.era.envelope_last:
        return
    if stage.plan.project.forge and stage.chance.often(0.2):
        # one that was made elsewhere; and what was noted before is noted again
        link_to(stage, main, address(stage.plan.project, stage.chance.randrange(1, 400)))
        for row in [row for row in main.rows if row["type"] == "pr-link"]:
            link_to(stage, main, row["prUrl"])
    if stage.era.version == "2.1.270" and main.envelope.entrypoint == "cli":
        took_ms = stage.clock.now_ms - stage.plan.start_ms
        main.note(rows.cost_state(session_id, stage.spent, took_ms))
        large = f"{main.path.removesuffix('.jsonl')}/tool-results/{stage.chance.hex_id(9)}.txt"
        stage.other_files[large] = stage.words.output(30)
        title = {"title": stage.words.title()}
        named = f"{main.path.removesuffix('.jsonl')}/custom-title.json"
        stage.other_files[named] = json.dumps(title)


def _fork(stage: Stage, source: Transcript) -> None:
    stage.clock = Clock(stage.chance, stage.clock.now_ms, stage.plan.limit_ms + _FORK_LASTS_MS)
    forked = fork(stage, source)
    for _ in range(2):
        turn(stage, forked)
