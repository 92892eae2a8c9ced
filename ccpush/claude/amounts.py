"""What a row's numbers add: the counts of a response, the increments of a system row.

A number that cannot be true makes the whole row unusable: a guess would make the account inexact.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ccpush.claude import facts as f
from ccpush.claude.facts import Counts, Increments, Series
from ccpush.claude.parts import told_by
from ccpush.claude.records import Attachment, CompactMetadata, System, Usage

PROMPT: Final[Increments] = ((Series(f.PROMPTS), 1),)
_API_ERROR: Final[Increments] = ((Series(f.API_ERRORS), 1),)
_TRIGGERS: Final = frozenset({"auto", "manual"})
_UNKNOWN: Final = "unknown"
_HOOKS: Final = frozenset(
    {"hook_success", "hook_non_blocking_error", "hook_blocking_error", "hook_cancelled"}
)
_SUMMED_HOOKS: Final = frozenset({"Stop", "SubagentStop"})
_NOTHING: Final[Counts] = (0, 0, 0, 0, 0, 0, 0, 0, f.FULL_PRICE)


class _Failure(msgspec.Struct, gc=False):
    status: int | None = None


class _Hook(msgspec.Struct, gc=False):
    durationMs: float | None = None  # noqa: N815


_decode_failure: Final = msgspec.json.Decoder(_Failure).decode
_decode_status: Final = msgspec.json.Decoder(int).decode
_decode_hooks: Final = msgspec.json.Decoder(list[_Hook]).decode
_decode_amount: Final = msgspec.json.Decoder(float).decode


def counts_of(usage: Usage | None) -> Counts | None:
    """Return what is counted of a response's row, or None when a number in it cannot be true."""
    if usage is None:
        return _NOTHING
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
    # before 2.1.152 the flat field could be 0 while these were set
    writes = max(writes, five_minutes + hour)
    mode = 0 if usage.service_tier == "batch" else f.FULL_PRICE
    if usage.speed == "fast":
        mode |= f.FAST
    return (
        new_input, new_output, read, writes, searches, fetches, writes - hour, hour, mode
    )  # fmt: skip


def failed(status: int | None) -> Increments:
    """Return what an error of the API adds; ``status`` is HTTP's, None when there was no answer."""
    told = str(status) if status is not None and 100 <= status <= 599 else _UNKNOWN
    return (*_API_ERROR, (Series(f.API_STATUSES, told), 1))


def status_of(raw: msgspec.Raw) -> int | None:
    """Return the HTTP status that an error message of the client holds, if it does."""
    return told_by(raw, _decode_status)


def increments_of(row: System) -> Increments | None:
    """Return what the row adds, () when nothing, None when a number in it cannot be true."""
    if row.subtype == "turn_duration":
        return _turn(row.durationMs)
    if row.subtype == "compact_boundary":
        return _compaction(row.compactMetadata or CompactMetadata())
    if row.subtype == "api_error":
        return _api_error(row)
    return ()


def hooks_of(row: System) -> Increments:
    """Return the time that the hooks of a turn's end took."""
    if row.subtype != "stop_hook_summary":
        return ()
    hooks = told_by(row.hookInfos, _decode_hooks) or ()
    return _hook_time(sum(round(_duration_ms(hook.durationMs)) for hook in hooks))


def hook_of(row: Attachment) -> Increments:
    """Return the time that a hook took; those of a turn's end are in its summary."""
    body = row.attachment
    if body is None or body.type not in _HOOKS or body.hookEvent in _SUMMED_HOOKS:
        return ()
    return _hook_time(round(_duration_ms(body.durationMs)))


def _hook_time(ms: int) -> Increments:
    return ((Series(f.HOOK_MS), ms),) if ms else ()


def _duration_ms(ms: float | None) -> float:
    return ms if ms is not None and 0 <= ms <= f.MAX_DURATION_MS else 0


def _api_error(row: System) -> Increments:
    failure = told_by(row.error, _decode_failure)
    increments = failed(failure.status if failure is not None else None)
    if (row.retryAttempt or 0) > 0:
        increments += ((Series(f.API_RETRIES), 1),)
    wait_ms = round(_duration_ms(told_by(row.retryInMs, _decode_amount)))
    return (*increments, (Series(f.RETRY_WAIT_MS), wait_ms)) if wait_ms else increments


def _turn(duration_ms: float | None) -> Increments | None:
    if duration_ms is None or not 0 <= duration_ms <= f.MAX_DURATION_MS:
        return None
    bound = f.bucket(duration_ms / 1000, f.TURN_DURATION_BOUNDS_S)
    return (
        (Series(f.TURN_DURATION_BUCKETS, bound), 1),
        (Series(f.TURN_DURATION_MS), round(duration_ms)),
    )


def _compaction(said: CompactMetadata) -> Increments | None:
    trigger = said.trigger if said.trigger in _TRIGGERS else _UNKNOWN
    one = ((Series(f.COMPACTIONS), 1), (Series(f.TRIGGERS, trigger), 1))
    before = said.preTokens
    if before is None:
        return one
    if not 0 <= before <= f.MAX_TOKENS:
        return None
    left = told_by(said.postTokens, _decode_amount)
    dropped = round(before - left) if left is not None and 0 <= left <= before else 0
    return (
        *one,
        (Series(f.COMPACT_TOKENS_BUCKETS, f.bucket(before, f.COMPACT_TOKENS_BOUNDS)), 1),
        (Series(f.COMPACT_TOKENS), round(before)),
        *(((Series(f.DROPPED_TOKENS), dropped),) if dropped else ()),
    )
