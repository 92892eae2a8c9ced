"""The counting rule, slow and obvious: what an account must say of some rows, straight from JSON.

Shares no code with ccpush. Knows well-formed rows only; what is odd about rows has its own tests.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
Numbers = tuple[int, ...]
FIELDS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


@dataclass
class Slow:
    """Everything that some rows say; ``responses`` holds the four numbers of each by its key."""

    responses: dict[str, Numbers] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    prompts: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    tools: dict[str, str] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    errors: set[str] = field(default_factory=set)
    retries: set[str] = field(default_factory=set)
    compactions: set[str] = field(default_factory=set)
    turns: set[str] = field(default_factory=set)

    def tokens(self) -> Numbers:
        """Input, output, cache read and cache creation over all responses."""
        return (
            tuple(sum(column) for column in zip(*self.responses.values(), strict=True)) or (0,) * 4
        )

    @property
    def messages(self) -> int:
        """User rows and responses, each once."""
        return len(self.prompts) + len(self.responses)

    def tool_calls(self) -> Counter[str]:
        """Calls by tool."""
        return Counter(self.tools.values())


def parse(raw: bytes) -> Row | None:
    """The row that a line holds, None when it holds none."""
    try:
        found = json.loads(raw)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def numbers(row: Row) -> Numbers:
    """The four counted numbers of an assistant row."""
    usage = row["message"].get("usage") or {}
    flat = {name: usage.get(name) or 0 for name in FIELDS}
    lives = usage.get("cache_creation") or {}
    flat[FIELDS[3]] = max(flat[FIELDS[3]], sum(n or 0 for n in lives.values()))
    return tuple(flat[name] for name in FIELDS)


def embedded(row: Row) -> Row | None:
    """The subagent's assistant row inside a progress row; it is a copy in a sidechain."""
    data = row.get("data") or {}
    inner = data.get("message") if row.get("type") == "progress" else None
    if not isinstance(inner, dict) or inner.get("type") != "assistant":
        return None
    return {**inner, "isSidechain": True, "sessionId": row.get("sessionId"), "embedded": True}


def key(row: Row) -> str:
    """A response's key."""
    return str(row["message"].get("id") or row.get("requestId") or row["uuid"])


def slow_count(rows: Iterable[Row]) -> Slow:
    """Count rows given in the order in which they are to be read."""
    found = Slow()
    in_main: set[str] = set()
    for given in rows:
        row = embedded(given) or given
        main = not row.get("isSidechain")
        kind = row.get("type")
        if main and kind in ("user", "assistant", "system") and row.get("sessionId"):
            found.sessions.add(row["sessionId"])
        if kind == "user":
            found.prompts.add(row["uuid"])
        elif kind == "assistant" and row.get("isApiErrorMessage"):
            found.errors.add(row["uuid"])
        elif kind == "assistant" and row["message"].get("model") != "<synthetic>":
            # copies in sidechains count until there is a row outside them
            if main or key(row) not in in_main:
                known = found.responses.get(key(row), (0, 0, 0, 0))
                found.responses[key(row)] = tuple(map(max, known, numbers(row)))
            if main:
                in_main.add(key(row))
            found.models.setdefault(key(row), row["message"]["model"])
            if row["message"].get("stop_reason"):
                found.stopped.add(key(row))
            content = row["message"].get("content")
            for block in content if isinstance(content, list) else []:
                if block.get("type") == "tool_use":
                    found.tools.setdefault(block["id"], block["name"])
        elif kind == "system":
            _event(row, found)
    return found


def _event(row: Row, found: Slow) -> None:
    subtype = row.get("subtype")
    if subtype == "api_error":
        found.errors.add(row["uuid"])
        if (row.get("retryAttempt") or 0) > 0:
            found.retries.add(row["uuid"])
    elif subtype == "compact_boundary":
        found.compactions.add(row["uuid"])
    elif subtype == "turn_duration":
        found.turns.add(row["uuid"])
