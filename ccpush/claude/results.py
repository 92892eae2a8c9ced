"""How a tool call went: well, with an error, refused or broken off; and what its result tells.

Of the result's text only its beginning is looked at, and for the address of a pull request. None of
it is kept.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import msgspec

from ccpush.claude.keys import key_of
from ccpush.claude.line_changes import lines_in
from ccpush.claude.parts import told_by
from ccpush.claude.records import NULL, Block

OK: Final = "ok"
ERROR: Final = "error"
DENIED: Final = "denied"
INTERRUPTED: Final = "interrupted"

EDITS: Final = frozenset({"Edit", "MultiEdit", "Write", "NotebookEdit"})
COMMAND: Final = "Bash"

# who said no to an edit, as telemetry names it
BY_USER: Final = "user_reject"
BY_ABORT: Final = "user_abort"
BY_CONFIG: Final = "config"

_BROKEN_OFF: Final = ("interrupted", "cancelled")
_REFUSED: Final = "The user doesn't want to proceed"
_STOPPED: Final = ("The user doesn't want to take this action right now", "[Request interrupted")
_FORBIDDEN: Final = ("Permission to use", "Claude requested permissions to")
_CREATED: Final = "File created successfully"
_NOTHING: Final = (b"nothing to commit", b"nothing added to commit", b"no changes added to commit")
_MAX_TAIL_BYTES: Final = 64 << 10
_PATCH_KEY: Final = b'"structuredPatch":'
_HEAD_BYTES: Final = 100
# More lines than a patch has, unless to fill the memory; unescaped, this stands between them only.
_MAX_PATCH_LINES: Final = 1_000_000
_BETWEEN_LINES: Final = b',"'
# as git says what it has committed: [main 1a2b3c4] message
_COMMITTED: Final = re.compile(rb"\[[^\[\]\n\"]{1,200} [0-9a-f]{7,40}\]")
_INTERRUPTED_KEY: Final = b'"interrupted":'
_ADDRESS: Final = re.compile(rb"https?://[\w.:-]+/[\w.~%/+-]*?(?:pull|merge_requests)/\d+")


class Answered(NamedTuple):
    """A result as it lies in a row."""

    ts_s: int
    block: Block
    told: msgspec.Raw
    denial: str | None


class Result(msgspec.Struct, gc=False, array_like=True, frozen=True):
    """How a call went. ``source`` is who said no to it.

    ``changed`` are the lines added and removed, None when the result does not tell; ``created``
    when it says that the file is new; ``broken_off`` when it was interrupted only if it was
    a command.
    """

    ts_s: int
    kind: str
    source: str | None = None
    changed: tuple[int, int] | None = None
    created: bool = False
    nothing_to_commit: bool = False
    pull: int | None = None
    broken_off: bool = False

    def of(self, tool: str) -> Result:
        """Return the same, now that the tool is known."""
        if self.broken_off and tool != COMMAND:
            return msgspec.structs.replace(self, kind=OK, source=None)
        return self


class _Hunk(msgspec.Struct, gc=False):
    lines: list[str] = []


class _Changed(msgspec.Struct, gc=False):
    type: str | None = None
    content: msgspec.Raw = NULL
    structuredPatch: list[_Hunk] | None = None  # noqa: N815


class _Ran(msgspec.Struct, gc=False):
    interrupted: bool | None = False


class _Text(msgspec.Struct, gc=False):
    type: str = ""
    text: str = ""


_decode_changed: Final = msgspec.json.Decoder(_Changed).decode
_decode_ran: Final = msgspec.json.Decoder(_Ran).decode
_decode_texts: Final = msgspec.json.Decoder(list[_Text]).decode
_decode_string: Final = msgspec.json.Decoder(str).decode


def result_of(answered: Answered) -> Result:
    """Say how a call went and all that its result tells, whatever was called."""
    if (wrong := _went_wrong(answered)) is not None:
        return wrong
    edited, ran = result_of_edit(answered), result_of_run(answered)
    both = msgspec.structs.replace(edited, nothing_to_commit=ran.nothing_to_commit, pull=ran.pull)
    if broken_off(answered.told):
        return msgspec.structs.replace(both, kind=INTERRUPTED, source=BY_ABORT, broken_off=True)
    return both


def result_of_call(answered: Answered, tool: str, *, outcomes: bool) -> Result:
    """Say how a call of ``tool`` went; ``outcomes`` when it may have brought commits."""
    if (wrong := _went_wrong(answered)) is not None:
        return wrong
    if tool in EDITS:
        return result_of_edit(answered)
    if tool == COMMAND:
        if broken_off(answered.told):
            return Result(answered.ts_s, INTERRUPTED, BY_ABORT)
        if outcomes:
            return result_of_run(answered)
    return Result(answered.ts_s, OK)


def result_of_edit(answered: Answered) -> Result:
    """Say what a result tells of the lines it changed."""
    changed, created = _changed(answered.told)
    return Result(
        answered.ts_s,
        OK,
        changed=changed,
        created=created or (changed is None and _text(answered.block).startswith(_CREATED)),
    )


def result_of_run(answered: Answered) -> Result:
    """Say what a command's output tells of commits and pull requests."""
    told = answered.told
    output = bytes(answered.block.content if _is_text(told) else told)
    addresses = _ADDRESS.findall(output) if b"http" in output else []
    return Result(
        answered.ts_s,
        OK,
        nothing_to_commit=any(words in output for words in _NOTHING)
        and _COMMITTED.search(output) is None,
        pull=pull_key(addresses[-1]) if addresses else None,
    )


def pull_key(address: bytes) -> int:
    """Return the key of a pull request by its address, whatever follows it."""
    found = _ADDRESS.search(address)
    text = (found[0] if found else address).decode("utf-8", "replace")
    return key_of("pull", text.lower().rstrip("/"))


def _went_wrong(answered: Answered) -> Result | None:
    ts_s, block, _, denial = answered
    if denial is not None:
        if denial in _BROKEN_OFF:
            return Result(ts_s, INTERRUPTED, BY_ABORT)
        return Result(ts_s, DENIED, BY_USER if denial == "user-rejected" else BY_CONFIG)
    if not block.is_error:
        return None
    text = _text(block)
    if text.startswith(_REFUSED):
        return Result(ts_s, DENIED, BY_USER)
    if text.startswith(_STOPPED):
        return Result(ts_s, INTERRUPTED, BY_ABORT)
    if text.startswith(_FORBIDDEN):
        return Result(ts_s, DENIED, BY_CONFIG)
    return Result(ts_s, ERROR)


def _is_text(told: msgspec.Raw) -> bool:
    """Whether there is no object that tells more than the text."""
    return bytes(memoryview(told)[:1]) != b"{"


def _text(block: Block) -> str:
    """Return how the text of a result, or its first text, begins."""
    if bytes(memoryview(block.content)[:1]) == b'"':
        # what is looked for holds nothing that JSON would escape
        return bytes(memoryview(block.content)[1:_HEAD_BYTES]).decode("utf-8", "replace")
    texts = told_by(block.content, _decode_texts) or ()
    return next((piece.text for piece in texts if piece.type == "text"), "")


def broken_off(detail: msgspec.Raw) -> bool:
    """Whether a command was stopped while it ran, by its ``toolUseResult``."""
    told = bytes(detail)
    # It stands behind the output, and no quote of the output is followed by a colon unescaped.
    at = told.rfind(_INTERRUPTED_KEY)
    if at < 0 or told.startswith(b"false", at + len(_INTERRUPTED_KEY)):
        return False
    ran = None if _is_text(detail) else told_by(detail, _decode_ran)
    return ran is not None and bool(ran.interrupted)


def _changed(told: msgspec.Raw) -> tuple[tuple[int, int] | None, bool]:
    """Count the lines of a result's patch, None without one; and say whether the file is new."""
    if _is_text(told):
        return None, False
    patch = _patch_at_the_end(bytes(told))
    if patch is not None:
        return patch, False
    if len(memoryview(told)) > _MAX_PATCH_LINES and (
        bytes(told).count(_BETWEEN_LINES) > _MAX_PATCH_LINES
    ):
        return None, False
    found = told_by(told, _decode_changed)
    if found is None:
        return None, False
    created = found.type == "create"
    if found.structuredPatch is None:
        return None, created
    if created and not found.structuredPatch:
        content = told_by(found.content, _decode_string)
        return (None, False) if content is None else ((lines_in(content), 0), True)
    return _marks(found.structuredPatch), created


def _patch_at_the_end(told: bytes) -> tuple[int, int] | None:
    """Count the lines of a patch by decoding only what follows its name; None when there is none.

    It stands behind the whole text of the file. What follows the name is valid JSON, with a brace
    before it, only if the name is the result's own.
    """
    at = told.rfind(_PATCH_KEY)
    if at < 0 or len(told) - at > _MAX_TAIL_BYTES:
        return None
    try:
        hunks = _decode_changed(b"{" + told[at:]).structuredPatch
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # the whole result is decoded then
        return None
    return _marks(hunks) if hunks else None


def _marks(hunks: list[_Hunk]) -> tuple[int, int]:
    marks = [line[:1] for hunk in hunks for line in hunk.lines]
    return marks.count("+"), marks.count("-")
