"""Is what a server has in the end right? Every sample of every series, not only the newest.

``Stored`` is what a server has, by series, as it lies there: what was delivered twice is there
twice where a server keeps it so.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from ccpush.ledger import history
from ccpush.metrics import catalogue
from ccpush.metrics.catalogue import Metric
from ccpush.metrics.cumulative import Cumulative

if TYPE_CHECKING:
    from slow_count import Slow

Labels = tuple[tuple[str, str], ...]
Stored = Mapping[Labels, list[tuple[int, float]]]
# metric, suffix, values of its own labels
Key = tuple[str, str, tuple[str, ...]]
STEP_MS = 60_000
# Prometheus looks back five minutes for a value; the grid has no wider gap than four.
WIDEST_GAP_MS = 240_000


class Expected:
    """What the ledger says that each series was worth, at any step."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        marks: defaultdict[Key, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
        for change in history.changes(connection, -1, 10**9):
            for metric in catalogue.GRID:
                source = metric.source
                if not isinstance(source, Cumulative) or change.imported > source.imported:
                    continue
                if change.series.family in source.families:
                    for cell in source.cells(change.series):
                        marks[metric.name, *cell][change.step] += change.amount
        self._steps = {key: sorted(found) for key, found in marks.items()}
        self._sums = {
            key: list(accumulate(marks[key][step] for step in steps))
            for key, steps in self._steps.items()
        }

    def keys(self) -> set[Key]:
        """Every series in which anything happened."""
        return set(self._steps)

    def first_step(self, key: Key) -> int:
        """The step at which it first grew."""
        return self._steps[key][0]

    def at(self, key: Key, step: int) -> float:
        """The value at a step, in the metric's unit."""
        (metric,) = (metric for metric in catalogue.GRID if metric.name == key[0])
        at = bisect_right(self._steps.get(key, []), step)
        amount = self._sums[key][at - 1] if at else 0
        assert isinstance(metric.source, Cumulative)
        divisor = metric.source.divisors.get(key[1])
        return float(amount) if divisor is None else amount / divisor


def grid_series(stored: Stored) -> Iterator[tuple[Key, list[tuple[int, float]]]]:
    """The series that only grow, each timestamp once."""
    named = grid_names()
    for labels, points in stored.items():
        values = dict(labels)
        if (found := named.get(values["__name__"])) is not None:
            metric, suffix = found
            own = ("le",) if suffix == "_bucket" else metric.labels
            key = (metric.name, suffix, tuple(values[name] for name in own))
            yield key, sorted(set(points))


def grid_names() -> dict[str, tuple[Metric, str]]:
    """Metric and suffix by the name under which series that only grow are sent."""
    named: dict[str, tuple[Metric, str]] = {}
    for metric in catalogue.GRID:
        if isinstance(metric.source, Cumulative):
            suffixes = ("_bucket", "_sum", "_count") if metric.type == "histogram" else ("",)
            named |= {metric.name + suffix: (metric, suffix) for suffix in suffixes}
    return named


def no_timestamp_has_two_values(stored: Stored) -> None:
    """Whatever was sent again was sent as it was; of the values of now as well."""
    for labels, points in stored.items():
        seen: dict[int, str] = {}
        for ts_ms, value in points:
            # as text, because a stale marker is not a number and equals nothing
            assert seen.setdefault(ts_ms, repr(value)) == repr(value), (labels, ts_ms, seen[ts_ms])


def no_series_falls_or_has_gaps(stored: Stored, now_ms: int) -> None:
    """From its first sample to now a series only grows, on the grid, without a hole."""
    for key, points in grid_series(stored):
        assert all(ts_ms % STEP_MS == 0 for ts_ms, _ in points), key
        assert now_ms - points[-1][0] < 2 * STEP_MS, (key, now_ms - points[-1][0])
        for before, after in pairwise(points):
            assert before[1] <= after[1], (key, before, after)
            assert after[0] - before[0] <= WIDEST_GAP_MS, (key, before, after)


def every_sample_is_the_ledgers(stored: Stored, connection: sqlite3.Connection) -> None:
    """At each timestamp a series has the value that the ledger says, but for its first, a zero."""
    expected = Expected(connection)
    known, found = expected.keys(), dict(grid_series(stored))
    assert known <= found.keys()
    for key, points in found.items():
        (first_ms, first), *rest = points
        assert first == 0.0, (key, first_ms, first)
        if key in known:
            assert first_ms // STEP_MS <= expected.first_step(key), (key, first_ms)
        for ts_ms, value in rest:
            assert value == expected.at(key, ts_ms // STEP_MS), (key, ts_ms, value)


def newest_samples_are_the_ledgers(stored: Stored, connection: sqlite3.Connection) -> None:
    """Every series that anything happened in is there, with the ledger's value in the end."""
    expected = Expected(connection)
    found = dict(grid_series(stored))
    assert expected.keys() <= found.keys()
    for key, points in found.items():
        ts_ms, value = points[-1]
        assert value == expected.at(key, ts_ms // STEP_MS), (key, ts_ms, value)


def newest_values_are_the_recount(stored: Stored, slow: Slow) -> None:
    """What the server has in the end is what lies in the home, counted by nobody's code but this."""
    newest = {key: points[-1][1] for key, points in grid_series(stored)}
    tokens: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for name, amounts in slow.responses.items():
        kinds = ("input", "output", "cacheRead", "cacheCreation")
        for kind, amount in zip(kinds, amounts, strict=True):
            tokens[kind, slow.models[name]] += amount
    counter = "claude_code_token_usage_tokens_total"
    assert {k[2]: v for k, v in newest.items() if k[0] == counter and v} == dict(tokens)
    for (kind, model), total in tokens.items():
        name = {"cacheRead": "cache_read", "cacheCreation": "cache_create"}.get(kind, kind)
        assert newest[f"claude_model_{name}_tokens", "", (model,)] == total
    single = {
        "claude_total_messages": slow.messages,
        "claude_total_sessions": len(slow.sessions),
        "claude_api_errors_total": len(slow.errors),
        "claude_api_retries_total": len(slow.retries),
        "claude_compact_events_total": len(slow.compactions),
    }
    assert {name: newest[name, "", ()] for name in single} == single
    tools = {key[2][0]: value for key, value in newest.items() if key[0] == "claude_tool_use_total"}
    assert tools == slow.tool_calls()
    assert newest["claude_turn_duration_seconds", "_count", ()] == len(slow.turns)
