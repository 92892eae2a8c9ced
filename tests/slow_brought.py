"""What sessions cost and brought, slow and obvious: the rules of docs/counting.md over plain JSON.

Shares no code with ccpush, but for the names of models. Knows well-formed rows only.

    found = slow_brought([("a.jsonl", rows), ("b.jsonl", others)], reading)
    assert found["claude_code_lines_of_code_count_total", (("type", "added"),)] == 12
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from slow_count import Numbers, Row, key, numbers
from slow_people import active, is_prompt
from slow_rows import Key, Piece, Tally, flat, key_of
from slow_tools import Reading, tools

from ccpush.claude.model_names import normalise

HOOKS = ("hook_success", "hook_non_blocking_error", "hook_blocking_error", "hook_cancelled")
IN_MS = {key_of("claude_retry_wait_seconds_total"), key_of("claude_hook_seconds_total")}


def slow_brought(pieces: Iterable[Piece], reading: Reading) -> dict[Key, float]:
    """Say every metric but cost and savings, of rows given in the order in which they are read."""
    placed = list(flat(pieces))
    rows = [row for _, row in placed]
    found: Tally = Counter()
    for response in responses(rows).values():
        _response(response, found)
    found[key_of("claude_prompts_total")] = len({row["uuid"] for row in rows if is_prompt(row)})
    for kind, seconds_s in active(placed).items():
        found[key_of("claude_code_active_time_seconds_total", type=kind)] = seconds_s
    tools(rows, reading, found)
    seen: set[str] = set()
    for row in rows:
        if row.get("uuid") not in seen:
            _friction(row, found)
        seen.add(row.get("uuid", ""))
    return {key: n / 1000 if key in IN_MS else n for key, n in found.items() if n}


def responses(rows: Iterable[Row]) -> dict[str, dict[str, Any]]:
    """Each response: model, time, origin, modes, and its numbers.

    They are the four counted ones, cache writes that live an hour, and searches of the API.
    """
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["type"] != "assistant" or row.get("isApiErrorMessage"):
            continue
        if row["message"]["model"] == "<synthetic>":
            continue
        main = not row.get("isSidechain")
        begun = {
            "model": normalise(row["message"]["model"]),
            "at": datetime.fromisoformat(row["timestamp"]),
            "origin": "main" if main else "subagent",
            "main": False,
            "numbers": (0,) * 6,
            "fast": False,
            "batch": True,
        }
        response = found.setdefault(key(row), begun)
        if main or not response["main"]:
            usage = row["message"].get("usage") or {}
            response["numbers"] = tuple(map(max, response["numbers"], _six(row, usage)))
            response["fast"] = response["fast"] or usage.get("speed") == "fast"
            response["batch"] = response["batch"] and usage.get("service_tier") == "batch"
        response["main"] = response["main"] or main
    return found


def _six(row: Row, usage: Row) -> Numbers:
    hour = (usage.get("cache_creation") or {}).get("ephemeral_1h_input_tokens") or 0
    searches = (usage.get("server_tool_use") or {}).get("web_search_requests") or 0
    return (*numbers(row), hour, searches)


def _response(response: dict[str, Any], found: Tally) -> None:
    model = response["model"]
    found[key_of("claude_responses_total", model=model, origin=response["origin"])] += 1
    *_, writes, hour, _ = response["numbers"]
    for ttl, tokens in {"1h": hour, "5m": writes - hour}.items():
        found[key_of("claude_cache_write_tokens_total", model=model, ttl=ttl)] += tokens


def _friction(row: Row, found: Tally) -> None:
    """What a system row, an attachment or an error adds."""
    kind = row.get("subtype") if row["type"] == "system" else None
    if kind == "api_error" or row.get("isApiErrorMessage"):
        status = row.get("apiErrorStatus")
        if status is None and kind == "api_error":
            status = (row.get("error") or {}).get("status")
        known = isinstance(status, int) and 100 <= status <= 599
        found[
            key_of("claude_api_error_responses_total", status=str(status) if known else "unknown")
        ] += 1
    if kind == "api_error":
        found[key_of("claude_retry_wait_seconds_total")] += round(row.get("retryInMs") or 0)
    elif kind == "compact_boundary":
        _compaction(row["compactMetadata"], found)
    elif kind == "stop_hook_summary":
        found[key_of("claude_hook_seconds_total")] += _hooks(row.get("hookInfos") or [])
    elif row["type"] == "attachment" and _is_hook_of_its_own(row["attachment"]):
        found[key_of("claude_hook_seconds_total")] += _hooks([row["attachment"]])


def _compaction(metadata: Row, found: Tally) -> None:
    trigger = metadata.get("trigger")
    known = trigger if trigger in ("auto", "manual") else "unknown"
    found[key_of("claude_compactions_total", trigger=known)] += 1
    if "preTokens" in metadata and "postTokens" in metadata:
        dropped = metadata["preTokens"] - metadata["postTokens"]
        found[key_of("claude_compaction_dropped_tokens_total")] += dropped


def _is_hook_of_its_own(given: Row) -> bool:
    """Whether no summary repeats it."""
    return given["type"] in HOOKS and given.get("hookEvent") not in ("Stop", "SubagentStop")


def _hooks(infos: Iterable[Row]) -> int:
    return sum(round(info.get("durationMs") or 0) for info in infos)
