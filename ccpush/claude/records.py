"""The rows of a transcript that matter, in as few fields as the account needs.

Whitelisted fields only: no prompt, title, path or branch is ever decoded into memory. Claude Code
publishes no schema, so unknown fields are ignored, and anything may be missing or null.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

NULL: Final = msgspec.Raw(b"null")


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
    speed: str | None = None
    service_tier: str | None = None


class Block(msgspec.Struct, gc=False):
    """One content block: a tool call, what a tool gave back, a text. Only looked into on demand."""

    type: str = ""
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = NULL
    tool_use_id: str | None = None
    is_error: bool | None = False
    content: msgspec.Raw = NULL
    text: msgspec.Raw = NULL


class Message(msgspec.Struct, gc=False):
    """What was said, by either side, without its text."""

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
    apiErrorStatus: msgspec.Raw = NULL  # noqa: N815


class TypedAssistant(Assistant, gc=False, tag=False, kw_only=True):
    """The same, when what is decoded may be of another type or of none."""

    type: Literal["assistant"]


class LargeMessage(msgspec.Struct, gc=False):
    """What a very long row says."""

    content: msgspec.Raw = NULL


class Origin(msgspec.Struct, gc=False):
    """Who put a prompt: ``human``, or some program."""

    kind: str | None = None


class User(msgspec.Struct, gc=False, tag_field="type", tag="user"):
    """Something said to the model: a prompt or the result of a tool."""

    timestamp: str | None = None
    uuid: str | None = None
    sessionId: str | None = None  # noqa: N815
    isSidechain: bool | None = False  # noqa: N815
    message: Message | None = None
    toolUseResult: msgspec.Raw = NULL  # noqa: N815
    toolDenialKind: str | None = None  # noqa: N815
    isMeta: bool | None = False  # noqa: N815
    isCompactSummary: bool | None = False  # noqa: N815
    isVisibleInTranscriptOnly: bool | None = False  # noqa: N815
    promptSource: str | None = None  # noqa: N815
    origin: Origin | None = None
    entrypoint: str | None = None


class LargeUser(User, gc=False, tag=False, kw_only=True):
    """The same of a very long line; what was said is raw, so that no long text is decoded."""

    message: LargeMessage | None = None  # type: ignore[assignment]


class AttachmentBody(msgspec.Struct, gc=False):
    """What was attached: how a hook went, a prompt that waited."""

    type: str | None = None
    durationMs: float | None = None  # noqa: N815
    hookEvent: str | None = None  # noqa: N815
    commandMode: str | None = None  # noqa: N815
    origin: Origin | None = None
    isMeta: bool | None = False  # noqa: N815


class Attachment(msgspec.Struct, gc=False, tag_field="type", tag="attachment"):
    """Something that Claude Code put beside what was said."""

    attachment: AttachmentBody | None = None
    timestamp: str | None = None
    uuid: str | None = None
    sessionId: str | None = None  # noqa: N815
    isSidechain: bool | None = False  # noqa: N815
    isMeta: bool | None = False  # noqa: N815


class PrLink(msgspec.Struct, gc=False, tag_field="type", tag="pr-link"):
    """A pull request that belongs to the session."""

    prUrl: str | None = None  # noqa: N815
    timestamp: str | None = None
    sessionId: str | None = None  # noqa: N815


class CompactMetadata(msgspec.Struct, gc=False):
    """What a compaction began with, and what it left."""

    preTokens: float | None = None  # noqa: N815
    postTokens: msgspec.Raw = NULL  # noqa: N815
    trigger: str | None = None


class System(msgspec.Struct, gc=False, tag_field="type", tag="system"):
    """An event of the client: a turn's duration, an API error, a compaction."""

    subtype: str | None = None
    timestamp: str | None = None
    uuid: str | None = None
    sessionId: str | None = None  # noqa: N815
    isSidechain: bool | None = False  # noqa: N815
    durationMs: float | None = None  # noqa: N815
    retryAttempt: float | None = None  # noqa: N815
    retryInMs: msgspec.Raw = NULL  # noqa: N815
    error: msgspec.Raw = NULL
    hookInfos: msgspec.Raw = NULL  # noqa: N815
    compactMetadata: CompactMetadata | None = None  # noqa: N815


class Embedded(msgspec.Struct, gc=False):
    """A subagent's row inside an ``agent_progress`` row of its parent."""

    type: str | None = None
    message: Message | None = None
    timestamp: str | None = None
    uuid: str | None = None
    requestId: str | None = None  # noqa: N815
    isApiErrorMessage: bool | None = False  # noqa: N815
    apiErrorStatus: msgspec.Raw = NULL  # noqa: N815
    toolUseResult: msgspec.Raw = NULL  # noqa: N815
    toolDenialKind: str | None = None  # noqa: N815


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

    type: msgspec.Raw = NULL
    timestamp: msgspec.Raw = NULL
    sessionId: msgspec.Raw = NULL  # noqa: N815


Row = Assistant | User | System | Progress | Attachment | PrLink
