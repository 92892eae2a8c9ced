"""What a response costs in tokens: how much is read from the cache, how much is written to it."""

from __future__ import annotations

from ccpush.demo.chance import Chance
from ccpush.demo.eras import Era
from ccpush.demo.models import Model
from ccpush.demo.rows import Usage
from ccpush.demo.transcript import Transcript

_FAST_CHANCE = 0.05
_BOTH_LIVES_CHANCE = 0.15


def usage_of(chance: Chance, era: Era, model: Model, by: Transcript, blocks: int) -> Usage:
    """The final usage of a response of ``blocks`` blocks; the context grows by it."""
    fresh = chance.randrange(400, 5_000)
    split = era.cache_split and not model.foreign
    # later versions cache for an hour, subagents for five minutes as before
    long = split and era.envelope_last and not by.envelope.sidechain
    short_lived = 0 if long else fresh
    if long and chance.often(_BOTH_LIVES_CHANCE):
        short_lived = fresh // 3
    usage = Usage(
        input=chance.randrange(2, 12),
        output=chance.randrange(60, 500) * blocks,
        cache_read=by.context_tokens,
        cache_5m=short_lived,
        cache_1h=fresh - short_lived,
        split=split,
        fast=model.can_hurry and chance.often(_FAST_CHANCE),
    )
    by.context_tokens += fresh + usage.output
    return usage


def added(before: Usage | None, usage: Usage) -> Usage:
    """Both together, as a session's snapshot of its cost adds them up."""
    if before is None:
        return usage
    return Usage(
        before.input + usage.input,
        before.output + usage.output,
        before.cache_read + usage.cache_read,
        before.cache_5m + usage.cache_5m,
        before.cache_1h + usage.cache_1h,
        before.searches + usage.searches,
        before.fetches + usage.fetches,
    )
