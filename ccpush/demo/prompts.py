"""What people say and do in a session: prompts in all their shapes, commands, and interruptions.

Up to 2.1.114 only the text tells a prompt from what programs write in its place; later versions
say where it is from.
"""

from __future__ import annotations

from ccpush.demo import hooks, rows
from ccpush.demo.rows import Row
from ccpush.demo.stage import Stage
from ccpush.demo.transcript import Transcript

# a picture of one pixel; what is in it is of no interest
_PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"


def prompt(stage: Stage, main: Transcript) -> int:
    """Somebody types something, or a script asks; gives the time at which they did."""
    at_ms = stage.clock.after(15, 420)
    main.note(rows.file_history_snapshot(stage.chance.row_id(), at_ms))
    text = stage.words.prompt()
    extras: Row = {"permissionMode": "default"} if stage.in_folders else {}
    if stage.era.envelope_last:
        extras["promptId"] = stage.chance.row_id()
    scripted = main.envelope.entrypoint != "cli"
    if stage.era.sources_told:
        extras |= _source(stage, scripted=scripted)
    content = text if scripted else _content(stage, text)
    stage.hear(main, "program" if scripted else "prompt", content, at_ms, **extras)
    if stage.era.envelope_last:
        _beside(stage, main, text)
    return at_ms


def _source(stage: Stage, *, scripted: bool) -> Row:
    if scripted:
        return {"promptSource": "sdk"}
    source: Row = {"promptSource": "queued" if stage.chance.often(0.05) else "typed"}
    return source | ({"origin": {"kind": "human"}} if stage.chance.often(0.8) else {})


def _content(stage: Stage, text: str) -> object:
    """Mostly a string; blocks when an editor sends it, or when there is a picture."""
    picture: Row = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": _PICTURE},
    }
    said: Row = {"type": "text", "text": text}
    choices: tuple[object, ...] = (text, [said], [picture, said], [picture])
    return stage.chance.choices(choices, (30, 8, 2, 1))[0]


def _beside(stage: Stage, main: Transcript, text: str) -> None:
    session_id = main.envelope.session_id
    hooks.before_prompt(stage, main)
    used = {"type": "total_tokens_reminder", "used": main.context_tokens, "total": 1_000_000}
    main.attachment(used, stage.clock.after(0.01, 0.1))
    main.note({"type": "last-prompt", "lastPrompt": text, "sessionId": session_id})
    main.note({"type": "permission-mode", "permissionMode": "default", "sessionId": session_id})
    if stage.chance.often(0.4):
        title = stage.words.title()
        main.note({"type": "ai-title", "aiTitle": title, "sessionId": session_id})


def queued_prompt(stage: Stage, main: Transcript) -> None:
    """A prompt typed while a turn is going on; later versions write it as an attachment."""
    text, session_id = stage.words.prompt(), main.envelope.session_id
    main.note(rows.queue_operation(session_id, "enqueue", stage.clock.after(1, 5), text))
    main.note(rows.queue_operation(session_id, "dequeue", stage.clock.after(1, 5), None))
    if not stage.era.envelope_last:
        stage.hear(main, "prompt", text, stage.clock.after(0.01, 0.1))
        return
    queued: Row = {"type": "queued_command", "prompt": text}
    if stage.era.sources_told:
        queued |= {"commandMode": "prompt", "origin": {"kind": "human"}}
    main.attachment(queued, stage.clock.after(0.01, 0.1))
    stage.tally.prompts += 1


def interruption(stage: Stage, main: Transcript, *, of_a_tool: bool) -> None:
    """Somebody stops the turn."""
    text = f"[Request interrupted by user{' for tool use' if of_a_tool else ''}]"
    said: Row = {"type": "text", "text": text}
    stage.hear(main, "act", [said], stage.clock.after(0.3, 8))


def slash_command(stage: Stage, main: Transcript, command: str) -> None:
    """A command of the client's own, and what it prints."""
    name = f"<command-name>/{command}</command-name>"
    about = f"<command-message>{command}</command-message>"
    # the order changed: whoever looks for one of them at the beginning must look for both
    text = f"{name}\n{about}" if stage.in_folders else f"{about}\n{name}"
    stage.hear(main, "act", text, stage.clock.after(2, 30))
    printed = f"<local-command-stdout>{command}</local-command-stdout>"
    if stage.era.envelope_last:
        main.system("local_command", stage.clock.after(0.01, 0.1), content=printed, level="info")
    else:
        stage.hear(main, "note", printed, stage.clock.after(0.01, 0.1))


def custom_command(stage: Stage, main: Transcript) -> None:
    """A command that stands for a longer request; the request is no prompt that somebody typed."""
    text = "<command-message>review</command-message>\n<command-name>/review</command-name>"
    stage.hear(main, "act", text, stage.clock.after(8, 90))
    stage.hear(main, "note", stage.words.answer(6), stage.clock.after(0.01, 0.1), isMeta=True)


def shell_line(stage: Stage, main: Transcript) -> None:
    """A command line that somebody runs from the prompt."""
    stage.hear(main, "act", "<bash-input>git status</bash-input>", stage.clock.after(4, 60))
    printed = f"<bash-stdout>{stage.words.output(2)}</bash-stdout><bash-stderr></bash-stderr>"
    stage.hear(main, "note", printed, stage.clock.after(0.2, 3))


def notification(stage: Stage, main: Transcript) -> None:
    """A program tells the model that something is done, and the model goes on by itself."""
    at_ms = stage.clock.after(30, 900)
    if not stage.era.sources_told:
        text = f"<task-notification>{stage.words.title()}</task-notification>"
        stage.hear(main, "program", text, at_ms)
        return
    kind = stage.chance.choice(("task-notification", "auto-continuation", "peer"))
    source: Row = {"promptSource": "system", "origin": {"kind": kind}}
    stage.hear(main, "program", stage.words.title(), at_ms, **source)
    queued: Row = {"type": "queued_command", "prompt": stage.words.title()}
    queued |= {"commandMode": "task-notification", "origin": {"kind": "task-notification"}}
    main.attachment(queued, stage.clock.after(0.01, 0.1))
