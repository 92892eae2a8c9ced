"""What happens now and then in a session: compactions, failing requests, asides, local commands.

Each scene tells the tally what is new in it and writes, beside that, every copy Claude Code would.
"""

from __future__ import annotations

from dataclasses import replace

from ccpush.demo import rows
from ccpush.demo.prompts import (
    custom_command,
    notification,
    prompt,
    queued_prompt,
    shell_line,
    slash_command,
)
from ccpush.demo.rows import Row
from ccpush.demo.stage import Stage
from ccpush.demo.subagents import open_subagent
from ccpush.demo.tools import web_fetch, web_search
from ccpush.demo.transcript import Transcript
from ccpush.demo.turns import close, work


def compaction(stage: Stage, main: Transcript, *, by_hand: bool = False) -> None:
    """The context is summed up and begun afresh; the call that did it has a file of its own."""
    if by_hand:
        slash_command(stage, main, "compact")
    main.context_tokens += stage.chance.randrange(30_000, 260_000)
    before_tokens = main.context_tokens
    if stage.in_folders:
        helper = open_subagent(stage, main, f"acompact-{stage.chance.hex_id(6)}")
        helper.context_tokens = before_tokens
        asked = "Sum up what was said so far."
        stage.hear(helper, "note", asked, stage.clock.after(0.1, 1), isMeta=True)
        stage.respond(helper, [stage.saying(12)], "end_turn")
    told, after_tokens = _about(stage, before_tokens, by_hand=by_hand)
    logical_parent, main.parent = main.parent, None
    main.system(
        "compact_boundary",
        stage.clock.after(5, 40),
        content="Conversation compacted",
        isMeta=False,
        level="info",
        compactMetadata=told,
        logicalParentUuid=logical_parent,
    )
    stage.tally.compaction(told.get("trigger", "unknown"), before_tokens, after_tokens)
    flags = {"isVisibleInTranscriptOnly": True, "isCompactSummary": True}
    stage.hear(main, "note", stage.words.answer(20), stage.clock.after(0.01, 0.1), **flags)
    main.context_tokens = 26_000


def _about(stage: Stage, before_tokens: int, *, by_hand: bool) -> tuple[Row, int | None]:
    """What a compaction's row says of it, and how many tokens it says were left, if it does."""
    told: Row = {"trigger": "manual" if by_hand else "auto", "preTokens": before_tokens}
    if not stage.in_folders:
        del told["trigger"]
    if not stage.era.envelope_last:
        return told, None
    left = stage.chance.randrange(6_000, 12_000)
    dropped = before_tokens - left
    # the sum over a conversation, whichever compaction it was
    told |= {"postTokens": left, "durationMs": 41_000, "cumulativeDroppedTokens": dropped + 900}
    return told, left


def failures(stage: Stage, main: Transcript, attempts: int) -> None:
    """Requests that fail and are made again, each a row with the number of the attempt."""
    for attempt in range(1, attempts + 1):
        cause = {"code": "ConnectionRefused", "path": "https://api.example.org", "errno": 0}
        told: Row = {"cause": cause, "error": {"cause": cause}}
        status = None
        if stage.era.envelope_last and stage.chance.often(0.8):
            status = stage.chance.choice((429, 500, 503, 529, 529))
            told = {"error": {"status": status, "type": "overloaded_error"}}
        wait_ms = round(540.3 * 2**attempt, 1)
        main.system(
            "api_error",
            stage.clock.after(0.5, 8),
            level="error",
            **told,
            retryInMs=wait_ms,
            retryAttempt=attempt,
            maxRetries=10,
        )
        stage.tally.api_error(status, wait_ms)


def refusal(stage: Stage, main: Transcript) -> None:
    """A turn that ends with an error shown to the person, in a row that the client made up."""
    prompt(stage, main)
    failures(stage, main, 2)
    message = rows.synthetic_message(stage.chance.row_id(), "API Error: the limit was reached")
    flags: Row = {"error": "rate_limit", "isApiErrorMessage": True}
    status = 429 if stage.era.sources_told else None
    if status is not None:
        flags["apiErrorStatus"] = status
    main.assistant(message, None, stage.clock.after(0.5, 2), **flags)
    stage.tally.api_error(status)


def silence(stage: Stage, main: Transcript) -> None:
    """A row that the client made up and that is no error, and no response either."""
    message = rows.synthetic_message(stage.chance.row_id(), "No response requested.")
    main.assistant(message, None, stage.clock.after(0.01, 0.1), isApiErrorMessage=False)


def research(stage: Stage, main: Transcript) -> None:
    """A turn that looks things up, by tools and, in later versions, on the server."""
    cwd = stage.plan.project.cwd
    began_ms = prompt(stage, main)
    work(stage, main, [web_search(stage.chance, stage.words, cwd)])
    work(stage, main, [web_fetch(stage.chance, stage.words, cwd) for _ in range(2)])
    if stage.era.envelope_last:
        stage.respond(main, [stage.saying(3)], "pause_turn", searches=2, fetches=1)
    close(stage, main, began_ms)


def aside(stage: Stage, main: Transcript) -> None:
    """A side question: its file replays the last response under a new request, as a sidechain."""
    helper = open_subagent(stage, main, f"aside-{stage.chance.hex_id(6)}")
    last = next(row for row in reversed(main.rows) if row["type"] == "assistant")
    replayed = dict(last["message"])
    cache_read = replayed["usage"]["cache_read_input_tokens"]
    # other cache numbers than the original's, which alone count
    replayed["usage"] = {**replayed["usage"], "cache_read_input_tokens": cache_read + 7_000}
    request_id = stage.chance.request_id() if "requestId" in last else None
    helper.assistant(replayed, request_id, stage.clock.after(5, 60))
    stage.hear(helper, "note", stage.words.prompt(), stage.clock.after(0.01, 0.1))
    stage.respond(helper, [stage.saying(2)], "end_turn")


def local_commands(stage: Stage, main: Transcript) -> None:
    """A session in which nobody asks the model anything."""
    for command in ("status", "model", "exit"):
        slash_command(stage, main, command)


def between_turns(stage: Stage, main: Transcript) -> None:
    """What people do besides prompting, now and then."""
    if stage.chance.often(0.06):
        queued_prompt(stage, main)
    if stage.chance.often(0.05):
        slash_command(stage, main, stage.chance.choice(("cost", "model", "clear")))
    if stage.chance.often(0.03):
        shell_line(stage, main)
    if stage.chance.often(0.03):
        custom_command(stage, main)
        close(stage, main, stage.clock.now_ms)
    if stage.era.envelope_last and stage.chance.often(0.04):
        notification(stage, main)
        close(stage, main, stage.clock.now_ms)


def fork(stage: Stage, source: Transcript) -> Transcript:
    """A new session that begins with a copy of another's history: only its session id is new."""
    session_id = stage.chance.row_id()
    folder = source.path.rsplit("/", 1)[0]
    envelope = replace(source.envelope, session_id=session_id)
    forked = Transcript(f"{folder}/{session_id}.jsonl", envelope, stage.chance)
    kept = [row for row in source.rows if "uuid" in row]
    for row in kept[: len(kept) * 2 // 3]:
        forked.rows.append({**row, "sessionId": session_id})
    forked.parent = forked.rows[-1]["uuid"]
    forked.context_tokens = source.context_tokens
    assert source.presence is not None
    forked.presence = source.presence.copied(row["uuid"] for row in forked.rows)
    stage.transcripts.append(forked)
    return forked
