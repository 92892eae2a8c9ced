"""How Claude Code writes its rows: key names and key order, by version.

Up to 2.1.50 the envelope (session, folder, version) comes first; later versions put it last. Only
shapes are known here, not what happens; nothing here is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every conversation row of one file bears."""

    session_id: str
    cwd: str
    version: str
    branch: str
    slug: str
    envelope_last: bool
    entrypoint: str = "cli"
    sidechain: bool = False
    agent_id: str | None = None

    def around(self, parent: str | None, inner: Row) -> Row:
        """The whole row: ``inner`` with the envelope before or after it."""
        link = {"parentUuid": parent, "isSidechain": self.sidechain}
        place = {
            "cwd": self.cwd,
            "sessionId": self.session_id,
            "version": self.version,
            "gitBranch": self.branch,
        }
        agent = {} if self.agent_id is None else {"agentId": self.agent_id}
        if self.envelope_last:
            who = {"userType": "external", "entrypoint": self.entrypoint}
            return {**link, **agent, **inner, **who, **place, "slug": self.slug}
        return {**link, "userType": "external", **place, **agent, "slug": self.slug, **inner}


@dataclass(frozen=True, slots=True)
class Usage:
    """The final usage of one response, in tokens; searches and fetches made by the server.

    ``split``: whether it says how long its cache writes live. ``fast``: in fast mode.
    """

    input: int
    output: int
    cache_read: int
    cache_5m: int
    cache_1h: int
    searches: int = 0
    fetches: int = 0
    split: bool = True
    fast: bool = False

    @property
    def cache_creation(self) -> int:
        """Cache writes of both lifetimes."""
        return self.cache_5m + self.cache_1h


def iso(ts_ms: int) -> str:
    """A timestamp as Claude Code writes it: UTC, milliseconds, ``Z``."""
    seconds, milliseconds = divmod(ts_ms, 1000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{milliseconds:03d}Z"


def ms_of(timestamp: str) -> int:
    """The time of a row, in milliseconds since 1970."""
    return round(datetime.fromisoformat(timestamp).timestamp() * 1000)


def usage_json(usage: Usage, output: int, *, full: bool, flat_cache: bool = True) -> Row:
    """A ``usage`` object; ``full`` adds what only a finished response has.

    ``flat_cache=False`` leaves the flat cache-write field at 0, as some versions did.
    """
    split = {
        "ephemeral_5m_input_tokens": usage.cache_5m,
        "ephemeral_1h_input_tokens": usage.cache_1h,
    }
    lives: Row = {"cache_creation": split} if usage.split else {}
    head = {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_creation if flat_cache else 0,
        "cache_read_input_tokens": usage.cache_read,
    }
    speed = {"speed": "fast"} if usage.fast else {}
    if not full:
        tail = {"service_tier": "standard", "inference_geo": "not_available"}
        return {**head, **lives, "output_tokens": output, **tail, **speed}
    step = {**head, "output_tokens": output, **lives, "type": "message"}
    return {
        **head,
        "output_tokens": output,
        "server_tool_use": {
            "web_search_requests": usage.searches,
            "web_fetch_requests": usage.fetches,
        },
        "service_tier": "standard",
        **lives,
        "inference_geo": "not_available",
        # the same tokens again: whoever adds these up counts twice
        "iterations": [step],
        **(speed or {"speed": "standard"}),
    }


def message_json(
    model: str, message_id: str, block: Row, stop: str | None, usage: Row | None
) -> Row:
    """The ``message`` of an assistant row, which bears one content block."""
    return {
        "model": model,
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "content": [block],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": usage,
    }


def synthetic_message(message_id: str, text: str) -> Row:
    """The ``message`` of a row that the client made up itself; its id is a UUID."""
    nothing = Usage(0, 0, 0, 0, 0)
    return {
        "id": message_id,
        "container": None,
        "model": "<synthetic>",
        "role": "assistant",
        "stop_reason": "stop_sequence",
        "stop_sequence": "",
        "type": "message",
        "usage": usage_json(nothing, 0, full=True),
        "content": [{"type": "text", "text": text}],
        "context_management": None,
    }


def tool_use(call_id: str, name: str, arguments: Row) -> Row:
    """A content block that calls a tool."""
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def tool_result(call_id: str, content: object, *, error: bool | None) -> Row:
    """A content block that answers a tool call; ``error`` None leaves out whether it failed."""
    block: Row = {"tool_use_id": call_id, "type": "tool_result", "content": content}
    return block if error is None else {**block, "is_error": error}


def file_history_snapshot(message_id: str, at_ms: int) -> Row:
    """A metadata row; it bears no session."""
    return {
        "type": "file-history-snapshot",
        "messageId": message_id,
        "snapshot": {
            "messageId": message_id,
            "trackedFileBackups": {},
            "timestamp": iso(at_ms),
        },
        "isSnapshotUpdate": False,
    }


def queue_operation(session_id: str, operation: str, at_ms: int, content: str | None) -> Row:
    """A metadata row about a prompt typed while a turn was going on."""
    row = {
        "type": "queue-operation",
        "operation": operation,
        "timestamp": iso(at_ms),
        "sessionId": session_id,
    }
    return row if content is None else {**row, "content": content}


def cost_state(session_id: str, models: dict[str, Usage], duration_ms: int) -> Row:
    """A cumulative snapshot written at a session's end; never to be added to rows."""
    spent = {
        name: {
            "inputTokens": usage.input,
            "outputTokens": usage.output,
            "thinkingTokens": 0,
            "cacheReadInputTokens": usage.cache_read,
            "cacheCreationInputTokens": usage.cache_creation,
            "webSearchRequests": usage.searches,
            "costUSD": round(usage.output * 25e-6 + usage.cache_read * 5e-7, 6),
        }
        for name, usage in models.items()
    }
    return {
        "type": "cost-state",
        "sessionId": session_id,
        "totalCostUSD": round(sum(one["costUSD"] for one in spent.values()), 6),
        "totalAPIDuration": duration_ms // 2,
        "totalAPIDurationWithoutRetries": duration_ms // 2,
        "totalToolDuration": duration_ms // 5,
        "totalLinesAdded": 0,
        "totalLinesRemoved": 0,
        "totalDuration": duration_ms,
        "modelUsage": spent,
        "hasUnknownModelCost": False,
    }
