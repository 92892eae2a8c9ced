"""Who put a row of the user there: a person, a program, or Claude Code by itself.

Newer versions name the source; of older rows the beginning of the text tells. No text is kept.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from ccpush.claude.parts import told_by
from ccpush.claude.records import Attachment, User

# prompt: typed by a person.  act: something else a person did.  program: a prompt that nobody
# typed.  other: what Claude Code put in by itself.
Put = Literal["prompt", "act", "program", "other"]

_ACTS: Final = (
    "[Request interrupted",
    "<command-name",
    "<command-message",
    "<bash-input",
)
_NOTICE: Final = "<task-notification"
_MACHINERY: Final = ("<command-", "<local-command", "<bash-")
_decode_text: Final = msgspec.json.Decoder(str).decode


def put_by(row: User) -> Put:
    """Say what kind of thing a row outside sidechains is that holds no result of a tool."""
    message = row.message
    content = message.content if message is not None else None
    text: str | None = None
    image = False
    if isinstance(content, str):
        text = content
    elif content is not None:
        for block in content:
            if text is None and block.type == "text":
                text = told_by(block.text, _decode_text)
            image = image or block.type == "image"
    if row.isMeta or row.isCompactSummary or row.isVisibleInTranscriptOnly:
        return "other"
    return _told_by(row, text or "", image=image)


def _told_by(row: User, text: str, *, image: bool) -> Put:
    if text.startswith(_ACTS):
        return "act"
    if text.startswith(_MACHINERY):
        return "other"
    if text.startswith(_NOTICE):
        return "program"
    if row.origin is not None and row.origin.kind is not None:
        return "prompt" if row.origin.kind == "human" else "program"
    if row.promptSource is not None:
        return "prompt" if row.promptSource in ("typed", "queued") else "program"
    if row.entrypoint is not None and row.entrypoint.startswith("sdk"):
        return "program"
    return "prompt" if text or image else "other"


def waited(row: Attachment) -> bool:
    """Whether this is a person's prompt that waited for Claude to be done; it has no other row."""
    body = row.attachment
    if body is None or body.type != "queued_command" or row.isMeta or body.isMeta:
        return False
    by_person = body.origin is None or body.origin.kind in (None, "human")
    return by_person and body.commandMode in (None, "prompt") and not row.isSidechain
