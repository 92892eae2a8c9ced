"""What one line of a transcript says: a row that matters, or the reason why not.

Never raises, whatever the bytes are. The typed decoder takes what has the expected shape; the rare
rest is mended (torn UTF-8, lone surrogates) or coerced field by field.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec

from ccpush.claude.coerce import TYPES, BadNumberError, coerce_row
from ccpush.claude.records import (
    Block,
    Envelope,
    LargeUser,
    Message,
    Row,
    TypedAssistant,
    User,
)

# Above this a line whose shape surprises is skipped instead of being decoded into Python objects:
# those take about ten times its bytes.
MAX_SURPRISING_BYTES: Final = 4 << 20
# Responses are that long by one text, if ever; this many blocks would fill the memory.
MAX_OBJECTS: Final = 500_000
# The same for calls and their results, of which more is remembered.
MAX_CALLS: Final = 100_000

# Row types that are known and carry nothing that is counted (claude-code 1.0 to 2.1.287).
# fmt: off
KNOWN_TYPES: Final = frozenset(
    {
        "agent-color", "agent-name", "agent-setting", "ai-title", "artifact-autoreact-ledger",
        "atis-latch", "attribution-snapshot", "bridge-session",
        "content-replacement", "continued-in", "cost-state", "custom-title", "ended-by-model",
        "file-history-delta", "file-history-snapshot", "fork-context-ref", "frame-link",
        "history-suppression", "last-prompt", "mode", "permission-mode",
        "queue-operation", "relocated", "saved_hook_context", "speculation-accept", "summary",
        "tag", "turn_end", "worktree-state",
    }
)
# fmt: on
_KNOWN_PREFIXES: Final = ("artifact-", "marble-origami-")

_decode_row: Final[Callable[[bytes], Row]] = msgspec.json.Decoder(Row).decode
# without the search for the type that the union needs; they still check it
_decode_user: Final[Callable[[bytes], Row]] = msgspec.json.Decoder(User).decode
_decode_assistant: Final[Callable[[bytes], Row]] = msgspec.json.Decoder(TypedAssistant).decode
_decode_large_user: Final = msgspec.json.Decoder(LargeUser).decode
_decode_blocks: Final = msgspec.json.Decoder(list[Block]).decode
_USER_FIELDS: Final = tuple(name for name in User.__struct_fields__ if name != "message")
# of a very long text only the beginning tells who put it
_HEAD_BYTES: Final = 200
_decode_envelope = msgspec.json.Decoder(Envelope).decode
_BOM: Final = b"\xef\xbb\xbf"
_BLANK: Final = b" \t\r\n" + _BOM
_MAX_TEXT_BYTES: Final = 1024
_SURROGATE: Final = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}|\\u[dD][c-fC-F][0-9a-fA-F]{2}")


class Skip(msgspec.Struct, gc=False, frozen=True):
    """A line that is no row of ours; ``reason`` is a label value."""

    reason: str
    unknown_type: str | None = None


NOT_JSON: Final = Skip("not_json")
NOT_OBJECT: Final = Skip("not_object")
NO_METRIC: Final = Skip("no_metric")
NO_TYPE: Final = Skip("no_type")
BAD_FIELD: Final = Skip("bad_field")
BAD_NUMBER: Final = Skip("bad_number")
TOO_DEEP: Final = Skip("too_deep")
BLANK: Final = Skip("blank")


def decode(line: bytes) -> Row | Skip:
    """Say what a line is: one of the rows that matter, or why it is passed over."""
    if len(line) > MAX_SURPRISING_BYTES:
        return _decode_large(line)
    # Up to the second opening brace everything lies at depth one, and an unescaped quote cannot
    # stand inside a string; so what is found there is the row's own.
    brace = line.find(b"{", 1)
    try:
        if line.startswith(b'"message":', brace - 10):
            if line.startswith(b'"type":"user",', brace - 24):
                return _decode_user(line)
            return _decode_assistant(line)
        if _proven_irrelevant(line, brace):
            return NO_METRIC
        return _decode_row(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _decode_closely(line)


def proven_irrelevant(line: bytes) -> bool:
    """Whether the line's head alone proves that the row carries nothing to count.

    Nothing is ever accepted by its head: whatever is not proven is decoded.
    """
    return _proven_irrelevant(line, line.find(b"{", 1))


def _proven_irrelevant(line: bytes, brace: int) -> bool:
    if line.startswith(b',"type":"progress","data":', brace - 26):
        return line.startswith(_IRRELEVANT_PROGRESS, brace)
    return line.startswith(_IRRELEVANT_START)


_IRRELEVANT_PROGRESS: Final = (
    b'{"type":"bash_progress",',
    b'{"type":"hook_progress",',
    b'{"type":"mcp_progress",',
)
_IRRELEVANT_START: Final = (b'{"type":"file-history-snapshot",', b'{"type":"queue-operation",')


def time_and_session(line: bytes) -> tuple[str | None, str | None]:
    """Read when a row was written and of which session, whatever else it says."""
    try:
        found = _decode_envelope(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, None
    return _text(found.timestamp), _text(found.sessionId)


def is_whole(line: bytes) -> bool:
    """Whether the bytes are a JSON object to their end, and not the first half of one."""
    try:
        _decode_envelope(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # half a line, or one that no further byte would mend
        return False
    return True


def _decode_large(line: bytes) -> Row | Skip:
    """Take a very long line without decoding what is long in it."""
    if proven_irrelevant(line):
        return NO_METRIC
    braces = line.count(b"{")
    try:
        kind = _type_of(line)
        if isinstance(kind, Skip):
            return kind
        if kind == "user":
            results = line.count(b'"tool_use_id"') if braces > MAX_CALLS else 0
            return _large_user(line, look=braces <= MAX_OBJECTS and results <= MAX_CALLS)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # what is surprising about it is not looked for in so long a line
        return _decode_closely(line)
    except RecursionError:
        return TOO_DEEP
    if braces > MAX_CALLS:
        return BAD_FIELD
    try:
        return _decode_row(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _decode_closely(line)


def _large_user(line: bytes, *, look: bool) -> User:
    """Decode a user's row, and of what it says only blocks without their text, or how it begins."""
    row = _decode_large_user(line)
    content: list[Block] | str | None = None
    if look and row.message is not None:
        raw = row.message.content
        head = bytes(memoryview(raw)[:_HEAD_BYTES])
        if head.startswith(b"["):
            content = _decode_blocks(raw)
        elif head.startswith(b'"'):
            content = head[1:].decode("utf-8", "ignore")
    rest = {name: getattr(row, name) for name in _USER_FIELDS}
    return User(message=None if content is None else Message(content=content), **rest)


def _decode_closely(line: bytes) -> Row | Skip:
    """Take what is valid of a line that was refused, after mending it if it is no JSON."""
    if line.isspace() or (len(line) < 8 and not line.strip(_BLANK)):
        return BLANK
    try:
        try:
            return _decode_odd(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _decode_odd(_mended(line))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return NOT_JSON
    except RecursionError:
        return TOO_DEEP


def _mended(line: bytes) -> bytes:
    """Replace what JSON.stringify and text editors write and the decoder refuses."""
    if len(line) > 4 * MAX_SURPRISING_BYTES:
        return line
    # a power cut leaves runs of zeros, and what is written next goes on behind them
    begun = line.lstrip(b"\0").removeprefix(_BOM)
    # strings cut in mid-emoji, and torn bytes
    return _SURROGATE.sub(rb"\\ufffd", begun).decode("utf-8", "replace").encode()


def _decode_odd(line: bytes) -> Row | Skip:
    """Take a row whose fields have surprising types; raises when the line is no JSON."""
    try:
        return _decode_row(line)
    except msgspec.ValidationError:
        # of another type, or of another shape
        kind = _type_of(line)
    if isinstance(kind, Skip):
        return kind
    if len(line) > MAX_SURPRISING_BYTES:
        return BAD_FIELD
    try:
        return coerce_row(kind, msgspec.json.decode(line))
    except (BadNumberError, msgspec.ValidationError):
        # of untyped JSON only a number of thousands of digits is refused
        return BAD_NUMBER


def _type_of(line: bytes) -> str | Skip:
    """Return the type of a row that matters, or why it does not; raises when it is no JSON."""
    try:
        kind = _text(_decode_envelope(line).type)
    except msgspec.ValidationError:
        return NOT_OBJECT
    if kind is None:
        return NO_TYPE
    if kind in KNOWN_TYPES or kind.startswith(_KNOWN_PREFIXES):
        return NO_METRIC
    if kind not in TYPES:
        return Skip("unknown_type", unknown_type=_safe_name(kind))
    return kind


def _text(value: msgspec.Raw) -> str | None:
    """Return a short text; anything else, however large, is not even decoded."""
    if len(memoryview(value)) > _MAX_TEXT_BYTES:
        return None
    try:
        return msgspec.json.decode(value, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _safe_name(kind: str) -> str:
    """Keep a type's name only if it looks like one: anything else might be somebody's words."""
    return kind if re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,39}", kind) else "(odd)"
