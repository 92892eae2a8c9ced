"""What one line of a transcript says: a row that matters, or the reason why not.

Never raises, whatever the bytes are. The typed decoder takes what has the expected shape; the rare
rest is mended (torn UTF-8, lone surrogates) or coerced field by field.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec

from ccpush.claude.coerce import BadNumberError, coerce_row
from ccpush.claude.records import Assistant, Envelope, Row, User

# Above this a line whose shape surprises is skipped instead of being decoded into Python objects:
# those take about ten times its bytes.
MAX_SURPRISING_BYTES: Final = 4 << 20

# Row types that are known and carry nothing that is counted (claude-code 1.0 to 2.1.287).
# fmt: off
KNOWN_TYPES: Final = frozenset(
    {
        "agent-color", "agent-name", "agent-setting", "ai-title", "artifact-autoreact-ledger",
        "atis-latch", "attachment", "attribution-snapshot", "bridge-session",
        "content-replacement", "continued-in", "cost-state", "custom-title", "ended-by-model",
        "file-history-delta", "file-history-snapshot", "fork-context-ref", "frame-link",
        "history-suppression", "last-prompt", "mode", "permission-mode", "pr-link",
        "queue-operation", "relocated", "saved_hook_context", "speculation-accept", "summary",
        "tag", "turn_end", "worktree-state",
    }
)
# fmt: on
_KNOWN_PREFIXES: Final = ("artifact-", "marble-origami-")

_decode_row: Final[Callable[[bytes], Row]] = msgspec.json.Decoder(Row).decode
# without the search for the type that the union needs; they still check it
_decode_user: Final[Callable[[bytes], Row]] = msgspec.json.Decoder(User).decode
_decode_assistant: Final[Callable[[bytes], Row]] = msgspec.json.Decoder(Assistant).decode
_decode_envelope = msgspec.json.Decoder(Envelope).decode
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
    """Say what a line is: one of the four rows that matter, or why it is passed over."""
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
    except msgspec.ValidationError:
        return _decode_surprising(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Strings cut in mid-emoji and torn bytes: legal for JSON.stringify, refused by the decoder.
        return _decode_damaged(line)
    except RecursionError:
        return TOO_DEEP


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


def envelope(line: bytes) -> Envelope | None:
    """Read type, time and session of a row, or None when it is no JSON object."""
    try:
        return _decode_envelope(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _decode_damaged(line: bytes) -> Row | Skip:
    if not line.strip(b" \t\r\n\xef\xbb\xbf"):
        return BLANK
    if len(line) > 4 * MAX_SURPRISING_BYTES:
        return NOT_JSON
    # a power cut leaves runs of zeros, and what is written next goes on behind them
    begun = line.lstrip(b"\0").removeprefix(b"\xef\xbb\xbf")
    mended = _SURROGATE.sub(rb"\\ufffd", begun)
    mended = mended.decode("utf-8", "replace").encode()
    if mended == line:
        return NOT_JSON
    try:
        return _decode_row(mended)
    except msgspec.ValidationError:
        return _decode_surprising(mended)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return NOT_JSON
    except RecursionError:
        return TOO_DEEP


def _decode_surprising(line: bytes) -> Row | Skip:
    try:
        # the typed decoders of decode() go by a line's head, which may mislead them
        return _decode_row(line)
    except msgspec.ValidationError:
        pass
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _decode_damaged(line)
    except RecursionError:
        return TOO_DEEP
    try:
        found = _decode_envelope(line)
    except msgspec.DecodeError:
        # it was JSON above, so it is no object
        return NOT_OBJECT
    return _decode_by_type(found.type, line)


def _decode_by_type(kind: object, line: bytes) -> Row | Skip:
    if not isinstance(kind, str):
        return NO_TYPE
    if kind in KNOWN_TYPES or kind.startswith(_KNOWN_PREFIXES):
        return NO_METRIC
    if kind not in ("assistant", "user", "system", "progress"):
        return Skip("unknown_type", unknown_type=_safe_name(kind))
    if len(line) > MAX_SURPRISING_BYTES:
        return BAD_FIELD
    return _coerce(kind, line)


def _safe_name(kind: str) -> str:
    """Keep a type's name only if it looks like one: anything else might be somebody's words."""
    return kind if re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]{0,39}", kind) else "(odd)"


def _coerce(kind: str, line: bytes) -> Row | Skip:
    """Take what is valid of a row whose fields have surprising types."""
    try:
        return coerce_row(kind, msgspec.json.decode(line))
    except (BadNumberError, msgspec.ValidationError):
        # of untyped JSON only a number of thousands of digits is refused
        return BAD_NUMBER
    except (msgspec.DecodeError, UnicodeDecodeError):
        return NOT_JSON
    except RecursionError:
        return TOO_DEEP
