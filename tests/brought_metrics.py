"""What ccpush says of the cost and outcome of sessions: the metrics that slow_brought works out too.

assert said(reader) == slow_brought(pieces, reading)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import homes

from ccpush.ledger.store import open_ledger
from ccpush.metrics.evaluate import Identity, evaluate

if TYPE_CHECKING:
    from slow_rows import Key

    from ccpush.ledger.query import Account

# In US dollars; priced by another library than ccpush's in tests.
COST = "claude_code_cost_usage_USD_total"
SAVINGS = "claude_cache_savings_USD_total"
UNPRICED = "ccpush_unpriced_tokens_total"
MONEY = frozenset({COST, SAVINGS, UNPRICED})
COUNTED = frozenset(
    {
        "claude_api_error_responses_total",
        "claude_cache_write_tokens_total",
        "claude_code_active_time_seconds_total",
        "claude_code_code_edit_tool_decision_total",
        "claude_code_commit_count_total",
        "claude_code_lines_of_code_count_total",
        "claude_code_pull_request_count_total",
        "claude_compaction_dropped_tokens_total",
        "claude_compactions_total",
        "claude_hook_seconds_total",
        "claude_prompts_total",
        "claude_responses_total",
        "claude_retry_wait_seconds_total",
        "claude_tool_errors_total",
    }
)
NOBODY = Identity("0123456789abcdef", "nobody")


def said(reader: homes.Reader, names: frozenset[str] = COUNTED) -> dict[Key, float]:
    """The values of metrics by name and labels; those of 0, which say that a series is, left out."""
    return _of(reader.account(), names)


def said_at(reader: homes.Reader, at_s: float, names: frozenset[str] = COUNTED) -> dict[Key, float]:
    """The same as they were at a moment, seen from now."""
    with open_ledger(reader.state_dir, write=False) as connection:
        return _of(homes.account_at(connection, reader.now_s, int(at_s) // 60), names)


def _of(account: Account, names: frozenset[str]) -> dict[Key, float]:
    return {
        (sample.name, sample.labels): sample.value
        for family in evaluate(account, NOBODY)
        if family.name in names
        for sample in family.samples
        if sample.value
    }


def value(reader: homes.Reader, name: str, **labels: str) -> float:
    """One series; 0 when there is none."""
    return said(reader, frozenset({name})).get((name, tuple(sorted(labels.items()))), 0)


def by_label(reader: homes.Reader, name: str, *labels: str) -> dict[str | tuple[str, ...], float]:
    """A metric's values by one of its labels or several; by nothing at all: ``{(): value}``."""
    found: dict[str | tuple[str, ...], float] = {}
    for (_, given), amount in said(reader, frozenset({name})).items():
        values = tuple(dict(given)[label] for label in labels)
        one = values[0] if len(values) == 1 else values
        found[one] = found.get(one, 0) + amount
    return found


def differences(one: dict[Key, float], other: dict[Key, float]) -> dict[Key, tuple[float, float]]:
    """Where two disagree, and how."""
    keys = one.keys() | other.keys()
    pairs = {key: (one.get(key, 0), other.get(key, 0)) for key in sorted(keys)}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def fallen(before: dict[Key, float], now: dict[Key, float]) -> dict[Key, tuple[float, float]]:
    """What went back, which a counter never may."""
    return {key: pair for key, pair in differences(before, now).items() if pair[0] > pair[1]}
