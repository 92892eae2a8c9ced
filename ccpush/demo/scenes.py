"""What happens now and then in a session: compactions, failing requests, asides, local commands.

Each scene tells the tally what is new in it and writes, beside that, every copy Claude Code would.
"""

from __future__ import annotations

from dataclasses import replace

from ccpush.demo import rows
from ccpush.demo.rows import Row
from ccpush.demo.stage import Stage
from ccpush.demo.subagents import open_subagent
from ccpush.demo.tools import web_fetch, web_search
from ccpush.demo.transcript import Transcript
from ccpush.demo.turns import close, prompt, work


def compaction(stage: Stage, main: Transcript) -> None:
    """The context is summed up and begun afresh; the call that did it has a file of its own."""
    main.context_tokens += stage.chance.randrange(30_000, 260_000)
    before_tokens = main.context_tokens
    if stage.in_folders:
        helper = open_subagent(stage, main, f"acompact-{stage.chance.hex_id(6)}")
        helper.context_tokens = before_tokens
        stage.hear(helper, "Sum up what was said so far.", stage.clock.after(0.1, 1), isMeta=True)
        stage.respond(helper, [stage.saying(12)], "end_turn")
    told: Row = {"trigger": "auto", "preTokens": before_tokens}
    if stage.era.envelope_last:
        told |= {"postTokens": 9_000, "durationMs": 41_000}
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
    stage.tally.compact_pre_tokens.append(before_tokens)
    flags = {"isVisibleInTranscriptOnly": True, "isCompactSummary": True}
    stage.hear(main, stage.words.answer(20), stage.clock.after(0.01, 0.1), **flags)
    main.context_tokens = 26_000


def failures(stage: Stage, main: Transcript, attempts: int) -> None:
    """Requests that fail and are made again, each a row with the number of the attempt."""
    for attempt in range(1, attempts + 1):
        cause = {"code": "ConnectionRefused", "path": "https://api.example.org", "errno": 0}
        overloaded: Row = {"error": {"status": 529, "type": "overloaded_error"}}
        refused: Row = {"cause": cause, "error": {"cause": cause}}
        main.system(
            "api_error",
            stage.clock.after(0.5, 8),
            level="error",
            **(overloaded if stage.era.envelope_last else refused),
            retryInMs=540.25 * 2**attempt,
            retryAttempt=attempt,
            maxRetries=10,
        )
        stage.tally.api_error(retried=True)


def refusal(stage: Stage, main: Transcript) -> None:
    """A turn that ends with an error shown to the person, in a row that the client made up."""
    prompt(stage, main)
    failures(stage, main, 2)
    message = rows.synthetic_message(stage.chance.row_id(), "API Error: the limit was reached")
    flags = {"error": "rate_limit", "isApiErrorMessage": True}
    main.assistant(message, None, stage.clock.after(0.5, 2), **flags)
    stage.tally.api_error(retried=False)


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
    last = next(row for row in reversed(main.rows) if row.get("requestId"))
    replayed = dict(last["message"])
    cache_read = replayed["usage"]["cache_read_input_tokens"]
    # other cache numbers than the original's, which alone count
    replayed["usage"] = {**replayed["usage"], "cache_read_input_tokens": cache_read + 7_000}
    helper.assistant(replayed, stage.chance.request_id(), stage.clock.after(5, 60))
    stage.hear(helper, stage.words.prompt(), stage.clock.after(0.01, 0.1))
    stage.respond(helper, [stage.saying(2)], "end_turn")


def local_commands(stage: Stage, main: Transcript) -> None:
    """A session in which nobody asks the model anything."""
    for command in ("status", "model", "exit"):
        name = f"<command-name>/{command}</command-name>"
        stage.hear(main, name, stage.clock.after(2, 30))
        printed = f"<local-command-stdout>{command}</local-command-stdout>"
        main.system("local_command", stage.clock.after(0.01, 0.1), content=printed, level="info")


def queued_prompt(stage: Stage, main: Transcript) -> None:
    """A prompt typed while a turn is going on; later versions write it as an attachment."""
    text = stage.words.prompt()
    session_id = main.envelope.session_id
    main.note(rows.queue_operation(session_id, "enqueue", stage.clock.after(1, 5), text))
    main.note(rows.queue_operation(session_id, "dequeue", stage.clock.after(1, 5), None))
    if stage.era.envelope_last:
        queued = {"type": "queued_command", "prompt": text, "origin": {"kind": "human"}}
        main.attachment(queued, stage.clock.after(0.01, 0.1))
    else:
        stage.hear(main, text, stage.clock.after(0.01, 0.1))


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
    stage.transcripts.append(forked)
    return forked
