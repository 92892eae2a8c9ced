"""The rows of a transcript that matter, in as few fields as the account needs.

Whitelisted fields only: no prompt, title, path or branch is ever decoded into memory. Claude Code
publishes no schema, so unknown fields are ignored, and anything may be missing or null.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

_NULL: Final = msgspec.Raw(b"null")


class CacheCreation(msgspec.Struct, gc=False):
    """Cache writes by life; they sum to the flat field, except before 2.1.152, when that was 0."""

    ephemeral_5m_input_tokens: int | None = 0
    ephemeral_1h_input_tokens: int | None = 0


class ServerToolUse(msgspec.Struct, gc=False):
    """Searches and fetches that the API made on its own side."""

    web_search_requests: int | None = 0
    web_fetch_requests: int | None = 0


class Usage(msgspec.Struct, gc=False):
    """Token counts of a response; any of them may be null in a partial flush (2.1.179 on)."""

    input_tokens: int | None = 0
    output_tokens: int | None = 0
    cache_read_input_tokens: int | None = 0
    cache_creation_input_tokens: int | None = 0
    cache_creation: CacheCreation | None = None
    server_tool_use: ServerToolUse | None = None


class Block(msgspec.Struct, gc=False):
    """One content block; only tool calls say more than their type here."""

    type: str = ""
    id: str | None = None
    name: str | None = None


class Message(msgspec.Struct, gc=False):
    """The API's message, without its text."""

    id: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    usage: Usage | None = None
    content: list[Block] | str | None = None


class Assistant(msgspec.Struct, gc=False, tag_field="type", tag="assistant"):
    """One content block of an API response, or an error message that the client made."""

    message: Message | None = None
    timestamp: str | None = None
    uuid: str | None = None
    requestId: str | None = None  # noqa: N815
    sessionId: str | None = None  # noqa: N815
    isSidechain: bool | None = False  # noqa: N815
    isApiErrorMessage: bool | None = False  # noqa: N815


class TypedAssistant(Assistant, gc=False, tag=False, kw_only=True):
    """The same, when what is decoded may be of another type or of none."""

    type: Literal["assistant"]


class User(msgspec.Struct, gc=False, tag_field="type", tag="user"):
    """Something said to the model: a prompt or the result of a tool."""

    timestamp: str | None = None
    uuid: str | None = None
    sessionId: str | None = None  # noqa: N815
    isSidechain: bool | None = False  # noqa: N815


class CompactMetadata(msgspec.Struct, gc=False):
    """What a compaction began with."""

    preTokens: float | None = None  # noqa: N815


class System(msgspec.Struct, gc=False, tag_field="type", tag="system"):
    """An event of the client: a turn's duration, an API error, a compaction."""

    subtype: str | None = None
    timestamp: str | None = None
    uuid: str | None = None
    sessionId: str | None = None  # noqa: N815
    isSidechain: bool | None = False  # noqa: N815
    durationMs: float | None = None  # noqa: N815
    retryAttempt: float | None = None  # noqa: N815
    compactMetadata: CompactMetadata | None = None  # noqa: N815


class Embedded(msgspec.Struct, gc=False):
    """A subagent's row inside an ``agent_progress`` row of its parent."""

    type: str | None = None
    message: Message | None = None
    timestamp: str | None = None
    uuid: str | None = None
    requestId: str | None = None  # noqa: N815
    isApiErrorMessage: bool | None = False  # noqa: N815


class ProgressData(msgspec.Struct, gc=False):
    """What progressed; only ``agent_progress`` carries a message."""

    type: str | None = None
    message: Embedded | None = None


class Progress(msgspec.Struct, gc=False, tag_field="type", tag="progress"):
    """News of something under way."""

    data: ProgressData | None = None
    timestamp: str | None = None
    sessionId: str | None = None  # noqa: N815


class Envelope(msgspec.Struct, gc=False):
    """What says of which type a row is, and when it was written; any of it may be anything."""

    type: msgspec.Raw = _NULL
    timestamp: msgspec.Raw = _NULL
    sessionId: msgspec.Raw = _NULL  # noqa: N815


Row = Assistant | User | System | Progress
