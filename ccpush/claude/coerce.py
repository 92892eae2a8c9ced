"""Rows whose fields have surprising types: what is valid of them, field by field.

A text that is none counts as missing; a number that is none makes the row unusable, because a guess
would make the account inexact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from ccpush.claude.records import (
    NULL,
    Assistant,
    Attachment,
    AttachmentBody,
    Block,
    CacheCreation,
    CompactMetadata,
    Embedded,
    Message,
    Origin,
    PrLink,
    Progress,
    ProgressData,
    Row,
    ServerToolUse,
    System,
    Usage,
    User,
)


def coerce_row(kind: str, raw: Mapping[str, Any]) -> Row:
    """Build the row of type ``kind`` from plain values; raises BadNumberError."""
    return _COERCE[kind](raw)


class BadNumberError(ValueError):
    """A number that is none, or not one that can be counted."""


# Far beyond what anything counts, and still a whole number as a float; NaN is within no bounds.
_LARGEST: Final = 2**62


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _raw(value: object) -> msgspec.Raw:
    """Give back a value as it stood in the row, to be looked into on demand."""
    return NULL if value is None else msgspec.Raw(msgspec.json.encode(value))


def _count(value: object) -> int | None:
    if value is None:
        return None
    number = _number(value)
    if number != int(number):
        raise BadNumberError
    return int(number)


def _amount(value: object) -> float | None:
    return None if value is None else float(_number(value))


def _number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadNumberError
    if not -_LARGEST <= value <= _LARGEST:
        raise BadNumberError
    return value


def _usage(value: object) -> Usage | None:
    if value is None:
        return None
    raw = _mapping(value)
    lives, server = _mapping(raw.get("cache_creation")), _mapping(raw.get("server_tool_use"))
    return Usage(
        input_tokens=_count(raw.get("input_tokens")),
        output_tokens=_count(raw.get("output_tokens")),
        cache_read_input_tokens=_count(raw.get("cache_read_input_tokens")),
        cache_creation_input_tokens=_count(raw.get("cache_creation_input_tokens")),
        cache_creation=CacheCreation(
            _count(lives.get("ephemeral_5m_input_tokens")),
            _count(lives.get("ephemeral_1h_input_tokens")),
        ),
        server_tool_use=ServerToolUse(
            _count(server.get("web_search_requests")), _count(server.get("web_fetch_requests"))
        ),
        speed=_text(raw.get("speed")),
        service_tier=_text(raw.get("service_tier")),
    )


def _message(value: object) -> Message | None:
    if not isinstance(value, dict):
        return None
    content = value.get("content")
    blocks = (
        [_block(b) for b in content if isinstance(b, dict)] if isinstance(content, list) else []
    )
    return Message(
        id=_text(value.get("id")),
        model=_text(value.get("model")),
        stop_reason=_text(value.get("stop_reason")),
        usage=_usage(value.get("usage")),
        content=content if isinstance(content, str) else blocks,
    )


def _block(raw: Mapping[str, object]) -> Block:
    return Block(
        type=_text(raw.get("type")) or "",
        id=_text(raw.get("id")),
        name=_text(raw.get("name")),
        input=_raw(raw.get("input")),
        tool_use_id=_text(raw.get("tool_use_id")),
        is_error=raw.get("is_error") is True,
        content=_raw(raw.get("content")),
        text=_raw(raw.get("text")),
    )


def _assistant(raw: Mapping[str, Any]) -> Assistant:
    return Assistant(
        message=_message(raw.get("message")),
        requestId=_text(raw.get("requestId")),
        isApiErrorMessage=raw.get("isApiErrorMessage") is True,
        apiErrorStatus=_raw(raw.get("apiErrorStatus")),
        **_common(raw),
    )


def _common(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "timestamp": _text(raw.get("timestamp")),
        "uuid": _text(raw.get("uuid")),
        "sessionId": _text(raw.get("sessionId")),
        "isSidechain": raw.get("isSidechain") is True,
    }


def _user(raw: Mapping[str, Any]) -> User:
    return User(
        message=_message(raw.get("message")),
        toolUseResult=_raw(raw.get("toolUseResult")),
        toolDenialKind=_text(raw.get("toolDenialKind")),
        isMeta=raw.get("isMeta") is True,
        isCompactSummary=raw.get("isCompactSummary") is True,
        isVisibleInTranscriptOnly=raw.get("isVisibleInTranscriptOnly") is True,
        promptSource=_text(raw.get("promptSource")),
        origin=_origin(raw.get("origin")),
        entrypoint=_text(raw.get("entrypoint")),
        **_common(raw),
    )


def _origin(value: object) -> Origin | None:
    return Origin(_text(value.get("kind"))) if isinstance(value, dict) else None


def _attachment(raw: Mapping[str, Any]) -> Attachment:
    body = _mapping(raw.get("attachment"))
    return Attachment(
        attachment=AttachmentBody(
            type=_text(body.get("type")),
            durationMs=_amount(body.get("durationMs")),
            hookEvent=_text(body.get("hookEvent")),
            commandMode=_text(body.get("commandMode")),
            origin=_origin(body.get("origin")),
            isMeta=body.get("isMeta") is True,
        ),
        isMeta=raw.get("isMeta") is True,
        **_common(raw),
    )


def _pr_link(raw: Mapping[str, Any]) -> PrLink:
    return PrLink(_text(raw.get("prUrl")), _text(raw.get("timestamp")), _text(raw.get("sessionId")))


def _system(raw: Mapping[str, Any]) -> System:
    compact = raw.get("compactMetadata")
    return System(
        subtype=_text(raw.get("subtype")),
        durationMs=_amount(raw.get("durationMs")),
        retryAttempt=_amount(raw.get("retryAttempt")),
        retryInMs=_raw(raw.get("retryInMs")),
        error=_raw(raw.get("error")),
        hookInfos=_raw(raw.get("hookInfos")),
        compactMetadata=CompactMetadata(
            _amount(compact.get("preTokens")),
            _raw(compact.get("postTokens")),
            _text(compact.get("trigger")),
        )
        if isinstance(compact, dict)
        else None,
        **_common(raw),
    )


def _progress(raw: Mapping[str, Any]) -> Progress:
    data = _mapping(raw.get("data"))
    inner = data.get("message")
    return Progress(
        data=ProgressData(_text(data.get("type")), _embedded(inner)),
        timestamp=_text(raw.get("timestamp")),
        sessionId=_text(raw.get("sessionId")),
    )


def _embedded(inner: object) -> Embedded | None:
    if not isinstance(inner, dict):
        return None
    return Embedded(
        type=_text(inner.get("type")),
        message=_message(inner.get("message")),
        timestamp=_text(inner.get("timestamp")),
        uuid=_text(inner.get("uuid")),
        requestId=_text(inner.get("requestId")),
        isApiErrorMessage=inner.get("isApiErrorMessage") is True,
        apiErrorStatus=_raw(inner.get("apiErrorStatus")),
        toolUseResult=_raw(inner.get("toolUseResult")),
        toolDenialKind=_text(inner.get("toolDenialKind")),
    )


_COERCE: Final[Mapping[str, Callable[[Mapping[str, Any]], Row]]] = {
    "assistant": _assistant,
    "user": _user,
    "system": _system,
    "progress": _progress,
    "attachment": _attachment,
    "pr-link": _pr_link,
}
TYPES: Final = frozenset(_COERCE)
