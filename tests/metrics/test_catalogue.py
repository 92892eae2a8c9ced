"""The catalogue: exactly the metrics that were promised, named as Prometheus wants them."""

from __future__ import annotations

import re

import pytest

from ccpush.claude import facts as f
from ccpush.metrics.catalogue import (
    BEYOND,
    CATALOGUE,
    FAMILY_1,
    FAMILY_2,
    FAMILY_3,
    GRID,
    HISTOGRAMS,
    IDENTITY,
    IDENTITY_INFO,
    OFFERED_THROUGH,
    Metric,
    frozen_families,
)

# The predecessor's README: dashboards rely on these names, labels and on the type gauge.
PREDECESSOR = {
    "claude_model_input_tokens": ("model",),
    "claude_model_output_tokens": ("model",),
    "claude_model_cache_read_tokens": ("model",),
    "claude_model_cache_create_tokens": ("model",),
    "claude_live_input_tokens": ("model",),
    "claude_live_output_tokens": ("model",),
    "claude_live_sessions": (),
    "claude_live_messages": (),
    "claude_total_sessions": (),
    "claude_total_messages": (),
    "claude_today_messages": (),
    "claude_today_sessions": (),
    "claude_today_tool_calls": (),
    "claude_today_tokens": ("type",),
    "claude_daily_messages": ("date",),
    "claude_daily_sessions": ("date",),
    "claude_daily_tool_calls": ("date",),
    "claude_daily_tokens": ("date", "type"),
    "claude_hour_activity": ("hour", "type"),
    "claude_tool_use_total": ("tool",),
    "claude_stop_reason_total": ("reason",),
    "claude_api_errors_total": (),
    "claude_api_retries_total": (),
    "claude_compact_events_total": (),
    "claude_web_search_total": (),
    "claude_web_fetch_total": (),
}
COUNTERS = {
    "claude_code_token_usage_tokens_total": ("type", "model"),
    "claude_code_session_count_total": (),
    "claude_code_cost_usage_USD_total": ("model",),
    "claude_code_lines_of_code_count_total": ("type",),
    "claude_code_commit_count_total": (),
    "claude_code_pull_request_count_total": (),
    "claude_code_active_time_seconds_total": ("type",),
    "claude_code_code_edit_tool_decision_total": ("tool_name", "decision", "source", "language"),
}
MORE_COUNTERS = {
    "claude_responses_total": ("model", "origin"),
    "claude_prompts_total": (),
    "claude_cache_write_tokens_total": ("ttl", "model"),
    "claude_cache_savings_USD_total": ("model",),
    "claude_tool_errors_total": ("tool", "kind"),
    "claude_api_error_responses_total": ("status",),
    "claude_retry_wait_seconds_total": (),
    "claude_compactions_total": ("trigger",),
    "claude_compaction_dropped_tokens_total": (),
    "claude_hook_seconds_total": (),
    "ccpush_unpriced_tokens_total": ("model",),
}
HEALTH = {
    "ccpush_build_info",
    "ccpush_identity_info",
    "ccpush_offered_through_seconds",
    "ccpush_files",
    "ccpush_lines_read_total",
    "ccpush_rows_counted_total",
    "ccpush_rows_duplicate_total",
    "ccpush_rows_skipped_total",
    "ccpush_row_types_unknown_total",
    "ccpush_collect_duration_seconds",
    "ccpush_last_collect_timestamp_seconds",
    "ccpush_push_last_success_timestamp_seconds",
    "ccpush_push_backlog_seconds",
    "ccpush_samples_sent_total",
    "ccpush_samples_retried_total",
    "ccpush_samples_rejected_total",
    "ccpush_clock_skew_seconds",
}
MORE_HEALTH = {
    "ccpush_files_restarted_total",
    "ccpush_files_skipped",
    "ccpush_imported_dates",
    "ccpush_label_values_folded_total",
}
UNITS = {"tokens", "seconds", "USD", ""}

every_metric = pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)


def test_family_1_is_the_predecessors() -> None:
    """All 26, with exactly these labels, all of them gauges."""
    assert len(PREDECESSOR) == 26
    assert {metric.name: metric.labels for metric in FAMILY_1} == PREDECESSOR
    assert {metric.type for metric in FAMILY_1} == {"gauge"}


def test_the_two_histograms_are_the_predecessors() -> None:
    """Names, units and bounds; each observation in one bucket, besides +Inf."""
    assert [(m.name, m.type, m.labels, m.unit) for m in HISTOGRAMS] == [
        ("claude_turn_duration_seconds", "histogram", (), "seconds"),
        ("claude_compact_pre_tokens", "histogram", (), "tokens"),
    ]
    assert f.TURN_DURATION_BOUNDS_S == (5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
    assert f.COMPACT_TOKENS_BOUNDS == (50_000, 100_000, 150_000, 200_000, 300_000, 500_000)


def test_family_2_is_named_as_claude_codes_own_metrics() -> None:
    """Counters by the names under which OpenTelemetry's arrive in Prometheus."""
    assert {metric.name: metric.labels for metric in FAMILY_2} == COUNTERS
    assert {metric.type for metric in FAMILY_2} == {"counter"}


def test_what_no_telemetry_has_are_counters_with_a_past() -> None:
    """By model, by kind, and what gets in the way: never down, made up for after a week offline."""
    assert {metric.name: metric.labels for metric in BEYOND} == MORE_COUNTERS
    assert {(metric.type, metric.timing) for metric in BEYOND} == {("counter", "grid")}


def test_family_3_and_identity_tell_the_health() -> None:
    """Everything promised about ccpush itself, and what else there is."""
    assert {metric.name for metric in (*FAMILY_3, *IDENTITY)} == HEALTH | MORE_HEALTH


def test_every_metric_is_in_the_catalogue_once() -> None:
    """No name twice, and none is another's with a histogram's suffix."""
    names = [metric.name for metric in CATALOGUE]
    parts = [f"{m.name}_{part}" for m in HISTOGRAMS for part in ("bucket", "sum", "count")]

    assert len(names + parts) == len(set(names + parts))
    assert set(names) == {
        metric.name for metric in (*FAMILY_1, *HISTOGRAMS, *FAMILY_2, *BEYOND, *FAMILY_3, *IDENTITY)
    }


@every_metric
def test_names_are_valid(metric: Metric) -> None:
    """Prefix, characters, unit and suffix; a counter ends in _total, a gauge only if it must."""
    assert re.fullmatch(r"(claude|ccpush)_[a-z][a-zA-Z_]*", metric.name)
    assert "__" not in metric.name
    assert metric.unit in UNITS
    if metric.unit and metric.name not in PREDECESSOR | COUNTERS:
        assert metric.name.removesuffix("_total").endswith(f"_{metric.unit}")
    if metric.type == "counter":
        assert metric.name.endswith("_total")
    elif metric.name.endswith("_total"):
        assert metric.name in PREDECESSOR


@every_metric
def test_labels_are_valid(metric: Metric) -> None:
    """Names of one kind, none that a server, a histogram or the path owns."""
    assert all(re.fullmatch(r"[a-z][a-z_]*", label) for label in metric.labels)
    assert len(set(metric.labels)) == len(metric.labels)
    assert not {"job", "instance", "le", "quantile", "user"} & set(metric.labels)


@every_metric
def test_help_is_a_sentence(metric: Metric) -> None:
    """It is there, on one line, and not the name again."""
    assert re.fullmatch(r"[A-Z][^\n\\]{10,140}\.", metric.help)


def test_no_two_helps_are_the_same() -> None:
    """Who reads the help learns what is different."""
    helps = [metric.help for metric in CATALOGUE]

    assert len(set(helps)) == len(helps)


@every_metric
def test_what_is_on_the_grid_has_a_past_to_freeze(metric: Metric) -> None:
    """A grid metric is a sum of families; what is true now has no past.

    Two need no ledger to have one: that this is who it is, and the step's own time.
    """
    needs_no_ledger = metric.name in (OFFERED_THROUGH, IDENTITY_INFO)

    assert bool(metric.families) == (metric.timing == "grid" and not needs_no_ledger)
    assert metric.timing == "grid" or not needs_no_ledger
    if metric.type in ("counter", "histogram") and metric.name.startswith("claude_"):
        assert metric.timing == "grid"


def test_the_grid_is_every_metric_with_a_past() -> None:
    """What remote-write makes up for after a week offline."""
    assert [metric.name for metric in GRID] == [
        metric.name for metric in CATALOGUE if metric.timing == "grid"
    ]
    assert {OFFERED_THROUGH, IDENTITY_INFO} < {metric.name for metric in GRID}


def test_everything_that_grows_is_frozen_when_it_is_offered() -> None:
    """No family of the account is forgotten: all that rows add to has a mark."""
    assert frozen_families() == {
        f.TOKENS, f.MESSAGES, f.SESSIONS, f.TOOL_CALLS, f.STOP_REASONS, f.API_ERRORS,
        f.API_RETRIES, f.COMPACTIONS, f.WEB_SEARCHES, f.WEB_FETCHES, f.TURN_DURATION_BUCKETS,
        f.TURN_DURATION_MS, f.COMPACT_TOKENS_BUCKETS, f.COMPACT_TOKENS,
        f.RESPONSES, f.CACHE_WRITES, f.COST, f.SAVINGS, f.UNPRICED, f.PROMPTS, f.ACTIVE_S,
        f.TOOL_ERRORS, f.LINES, f.COMMITS, f.PULL_REQUESTS, f.EDIT_DECISIONS, f.API_STATUSES,
        f.RETRY_WAIT_MS, f.TRIGGERS, f.DROPPED_TOKENS, f.HOOK_MS,
    }  # fmt: skip
    assert frozen_families() == set(f.GENERATIONS)
