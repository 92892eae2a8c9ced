"""What a row's numbers add: the counts of a response, the increments of a system row.

A number that cannot be true makes the whole row unusable: a guess would make the account inexact.
"""

from __future__ import annotations

from typing import Final

from ccpush.claude import facts as f
from ccpush.claude.facts import Counts, Increments, Series
from ccpush.claude.records import System, Usage

API_ERROR: Final[Increments] = ((Series(f.API_ERRORS), 1),)


def counts_of(usage: Usage | None) -> Counts | None:
    """Return the six counted numbers, or None when one cannot be true."""
    if usage is None:
        return (0, 0, 0, 0, 0, 0)
    new_input, new_output = usage.input_tokens or 0, usage.output_tokens or 0
    read, writes = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    searches = fetches = five_minutes = hour = 0
    if usage.cache_creation is not None:
        five_minutes = usage.cache_creation.ephemeral_5m_input_tokens or 0
        hour = usage.cache_creation.ephemeral_1h_input_tokens or 0
    if usage.server_tool_use is not None:
        searches = usage.server_tool_use.web_search_requests or 0
        fetches = usage.server_tool_use.web_fetch_requests or 0
    if (
        not 0 <= new_input <= f.MAX_TOKENS >= new_output >= 0 <= read <= f.MAX_TOKENS
        or not 0 <= searches <= f.MAX_TOKENS >= fetches >= 0 <= writes <= f.MAX_TOKENS
        or not 0 <= five_minutes <= f.MAX_TOKENS >= hour >= 0
    ):
        return None
    return (
        new_input,
        new_output,
        read,
        # before 2.1.152 the flat field could be 0 while these were set
        max(writes, five_minutes + hour),
        searches,
        fetches,
    )


def increments_of(row: System) -> Increments | None:
    """Return what the row adds, () when nothing, None when a number in it cannot be true."""
    if row.subtype == "turn_duration":
        return _turn(row.durationMs)
    if row.subtype == "compact_boundary":
        return _compaction(row.compactMetadata.preTokens if row.compactMetadata else None)
    if row.subtype == "api_error":
        retried = (row.retryAttempt or 0) > 0
        return (*API_ERROR, (Series(f.API_RETRIES), 1)) if retried else API_ERROR
    return ()


def _turn(duration_ms: float | None) -> Increments | None:
    if duration_ms is None or not 0 <= duration_ms <= f.MAX_DURATION_MS:
        return None
    bound = f.bucket(duration_ms / 1000, f.TURN_DURATION_BOUNDS_S)
    return (
        (Series(f.TURN_DURATION_BUCKETS, bound), 1),
        (Series(f.TURN_DURATION_MS), round(duration_ms)),
    )


def _compaction(tokens: float | None) -> Increments | None:
    one = ((Series(f.COMPACTIONS), 1),)
    if tokens is None:
        return one
    if not 0 <= tokens <= f.MAX_TOKENS:
        return None
    return (
        *one,
        (Series(f.COMPACT_TOKENS_BUCKETS, f.bucket(tokens, f.COMPACT_TOKENS_BOUNDS)), 1),
        (Series(f.COMPACT_TOKENS), round(tokens)),
    )
