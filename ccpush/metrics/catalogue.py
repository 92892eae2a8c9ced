"""The catalogue: every metric ccpush has, and where its values come from. Nothing else defines one.

Each row makes one family; it feeds the exposition, remote-write's metadata, the tables in the docs
and the lint. A source yields (labels' values, value) from the account; the kinds of sources are in
:mod:`ccpush.metrics.sources`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ccpush.claude import facts as f
from ccpush.metrics import cumulative as c
from ccpush.metrics import sources as s
from ccpush.metrics.samples import MetricType, Timing


class Metric(msgspec.Struct, frozen=True):
    """One row: its exposed name, its labels in order, and where its values come from.

    ``timing`` says how remote-write stamps it: ``grid`` for what has a past that never changes,
    ``now`` for what is true at this moment.
    """

    name: str
    type: MetricType
    labels: tuple[str, ...]
    help: str
    source: s.Source | c.Cumulative
    unit: str = ""
    timing: Timing = "now"

    @property
    def families(self) -> tuple[str, ...]:
        """The ledger's families that it is made of, whose past is frozen once offered."""
        return self.source.families if isinstance(self.source, c.Cumulative) else ()


NANO: Final = 10**9


def _model_tokens(name: str, kind: str, words: str) -> Metric:
    return Metric(
        f"claude_model_{name}_tokens", "gauge", ("model",),
        f"{words} tokens of all time by model, imported days included.",
        c.by_b(f.TOKENS, kind, imported=True), unit="tokens", timing="grid",
    )  # fmt: skip


def _all_time(name: str, family: str, words: str) -> Metric:
    return Metric(name, "gauge", (), words, c.whole(family, imported=True), timing="grid")


def _all_time_by(name: str, label: str, family: str, words: str) -> Metric:
    return Metric(name, "gauge", (label,), words, c.by_a(family, imported=True), timing="grid")


# Family 1: the gauges of cc-exporter's README, with exactly its names, labels and types.
FAMILY_1: Final = (
    _model_tokens("input", "input", "Input"),
    _model_tokens("output", "output", "Output"),
    _model_tokens("cache_read", "cacheRead", "Cache read"),
    _model_tokens("cache_create", "cacheCreation", "Cache creation"),
    Metric(
        "claude_live_input_tokens", "gauge", ("model",),
        "Input tokens of the sessions that are active now.", s.live_tokens(0), unit="tokens",
    ),
    Metric(
        "claude_live_output_tokens", "gauge", ("model",),
        "Output tokens of the sessions that are active now.", s.live_tokens(1), unit="tokens",
    ),
    Metric(
        "claude_live_sessions", "gauge", (),
        "Sessions with a row within the active window.", s.live("sessions"),
    ),
    Metric(
        "claude_live_messages", "gauge", (),
        "Messages of the sessions that are active now.", s.live("messages"),
    ),
    _all_time(
        "claude_total_sessions", f.SESSIONS,
        "Sessions of all time, imported days included.",
    ),
    _all_time(
        "claude_total_messages", f.MESSAGES,
        "Messages of all time: rows of the user and responses of the API, each once.",
    ),
    Metric(
        "claude_today_messages", "gauge", (), "Messages since local midnight.", s.today("messages")
    ),
    Metric(
        "claude_today_sessions", "gauge", (), "Sessions begun since local midnight.",
        s.today("sessions"),
    ),
    Metric(
        "claude_today_tool_calls", "gauge", (), "Tool calls since local midnight.",
        s.today("tool_calls"),
    ),
    Metric(
        "claude_today_tokens", "gauge", ("type",), "Tokens since local midnight.", s.today_tokens,
        unit="tokens",
    ),
    Metric(
        "claude_daily_messages", "gauge", ("date",), "Messages of each of the last 30 local days.",
        s.daily("messages"),
    ),
    Metric(
        "claude_daily_sessions", "gauge", ("date",),
        "Sessions begun on each of the last 30 local days.", s.daily("sessions"),
    ),
    Metric(
        "claude_daily_tool_calls", "gauge", ("date",),
        "Tool calls of each of the last 30 local days.", s.daily("tool_calls"),
    ),
    Metric(
        "claude_daily_tokens", "gauge", ("date", "type"),
        "Tokens of each of the last 30 local days; unsplit on imported days.", s.daily_tokens,
        unit="tokens",
    ),
    Metric(
        "claude_hour_activity", "gauge", ("hour", "type"),
        "Sessions begun, messages and tool calls of all time by local hour of the day.",
        s.hour_activity,
    ),
    _all_time_by("claude_tool_use_total", "tool", f.TOOL_CALLS, "Tool calls by tool."),
    _all_time_by(
        "claude_stop_reason_total", "reason", f.STOP_REASONS,
        "Responses by their final stop reason.",
    ),
    _all_time(
        "claude_api_errors_total", f.API_ERRORS, "API errors, retried ones included."
    ),
    _all_time("claude_api_retries_total", f.API_RETRIES, "API errors that were retries."),
    _all_time("claude_compact_events_total", f.COMPACTIONS, "Compactions of a conversation."),
    _all_time(
        "claude_web_search_total", f.WEB_SEARCHES,
        "Web searches, by the API and by the WebSearch tool.",
    ),
    _all_time(
        "claude_web_fetch_total", f.WEB_FETCHES, "Web fetches, by the API and by the WebFetch tool."
    ),
)  # fmt: skip

# The two histograms that the predecessor's code exported, each event once.
HISTOGRAMS: Final = (
    Metric(
        "claude_turn_duration_seconds", "histogram", (),
        "How long turns took; versions of Claude Code up to 2.1.114 wrote none under 30 s.",
        c.histogram(
            f.TURN_DURATION_BUCKETS, f.TURN_DURATION_MS, f.TURN_DURATION_BOUNDS_S, divisor=1000
        ),
        unit="seconds", timing="grid",
    ),
    Metric(
        "claude_compact_pre_tokens", "histogram", (),
        "How many tokens a conversation had when it was compacted.",
        c.histogram(
            f.COMPACT_TOKENS_BUCKETS, f.COMPACT_TOKENS, f.COMPACT_TOKENS_BOUNDS, divisor=1
        ),
        unit="tokens", timing="grid",
    ),
)  # fmt: skip

# Family 2: counters, named as Claude Code's own OpenTelemetry metrics appear in Prometheus.
FAMILY_2: Final = (
    Metric(
        "claude_code_token_usage_tokens_total", "counter", ("type", "model"),
        "Tokens by type and model, from the transcripts; never imported ones.",
        c.by_ab(f.TOKENS), unit="tokens", timing="grid",
    ),
    Metric(
        "claude_code_session_count_total", "counter", (),
        "Sessions, from the transcripts; never imported ones.",
        c.whole(f.SESSIONS), timing="grid",
    ),
    Metric(
        "claude_code_cost_usage_USD_total", "counter", ("model",),
        "What the responses cost at the API's list prices, also for subscriptions.",
        c.by_a(f.COST, divisor=NANO), unit="USD", timing="grid",
    ),
    Metric(
        "claude_code_lines_of_code_count_total", "counter", ("type",),
        "Lines that edits added and removed.",
        c.by_a(f.LINES, declared=("added", "removed")), timing="grid",
    ),
    Metric(
        "claude_code_commit_count_total", "counter", (),
        "Commits made by successful commands.", c.whole(f.COMMITS), timing="grid",
    ),
    Metric(
        "claude_code_pull_request_count_total", "counter", (),
        "Pull and merge requests made or linked, each once.",
        c.whole(f.PULL_REQUESTS), timing="grid",
    ),
    Metric(
        "claude_code_active_time_seconds_total", "counter", ("type",),
        "Time at work, by the times between rows: the user's before prompts, else the program's.",
        c.by_a(f.ACTIVE_S, declared=("cli", "user")), unit="seconds", timing="grid",
    ),
    Metric(
        "claude_code_code_edit_tool_decision_total", "counter",
        ("tool_name", "decision", "source", "language"),
        "Edits accepted and rejected, as far as the rows tell.",
        c.by_words(f.EDIT_DECISIONS), timing="grid",
    ),
)  # fmt: skip

# What nobody else exports: responses by origin, what cost is made of, and what gets in the way.
BEYOND: Final = (
    Metric(
        "claude_responses_total", "counter", ("model", "origin"),
        "Responses of the API, by model and by main conversation or subagent.",
        c.by_ab(f.RESPONSES), timing="grid",
    ),
    Metric(
        "claude_prompts_total", "counter", (),
        "Prompts that a person typed.", c.whole(f.PROMPTS), timing="grid",
    ),
    Metric(
        "claude_cache_write_tokens_total", "counter", ("ttl", "model"),
        "Cache creation tokens by how long they live, and by model.",
        c.by_ab(f.CACHE_WRITES), unit="tokens", timing="grid",
    ),
    Metric(
        "claude_cache_savings_USD_total", "counter", ("model",),
        "What reading from the cache saved against sending those tokens anew, at list prices.",
        c.by_a(f.SAVINGS, divisor=NANO), unit="USD", timing="grid",
    ),
    Metric(
        "claude_tool_errors_total", "counter", ("tool", "kind"),
        "Tool calls that failed, were denied or were interrupted.",
        c.by_ab(f.TOOL_ERRORS), timing="grid",
    ),
    Metric(
        "claude_api_error_responses_total", "counter", ("status",),
        "API errors by HTTP status, unknown without an answer.",
        c.by_a(f.API_STATUSES), timing="grid",
    ),
    Metric(
        "claude_retry_wait_seconds_total", "counter", (),
        "Time spent waiting to try the API again.",
        c.whole(f.RETRY_WAIT_MS, divisor=1000), unit="seconds", timing="grid",
    ),
    Metric(
        "claude_compactions_total", "counter", ("trigger",),
        "Compactions of a conversation by what triggered them.",
        c.by_a(f.TRIGGERS, declared=("auto", "manual")), timing="grid",
    ),
    Metric(
        "claude_compaction_dropped_tokens_total", "counter", (),
        "Tokens that compactions dropped, where rows tell.",
        c.whole(f.DROPPED_TOKENS), unit="tokens", timing="grid",
    ),
    Metric(
        "claude_hook_seconds_total", "counter", (),
        "Time that hooks took, where rows tell.",
        c.whole(f.HOOK_MS, divisor=1000), unit="seconds", timing="grid",
    ),
    Metric(
        "ccpush_unpriced_tokens_total", "counter", ("model",),
        "Tokens of responses that have no price; their cost is missing.",
        c.by_a(f.UNPRICED), unit="tokens", timing="grid",
    ),
)  # fmt: skip

# Family 3: ccpush's own health, as far as the ledger knows it.
FAMILY_3: Final = (
    Metric("ccpush_files", "gauge", (), "Transcript files found at the last pass.", s.files),
    Metric(
        "ccpush_files_skipped", "gauge", ("reason",),
        "What looked like a transcript at the last pass and could not be read.",
        s.tally_by("files_skipped"),
    ),
    Metric(
        "ccpush_files_restarted_total", "counter", ("reason",),
        "Times a file was read again from its start, because it was no longer what it had been.",
        s.tally_by("files_restarted"),
    ),
    Metric(
        "ccpush_lines_read_total", "counter", (),
        "Lines read; each is a counted, a duplicate or a skipped row.", s.tally("lines_read"),
    ),
    Metric(
        "ccpush_rows_counted_total", "counter", (),
        "Rows that brought a response or an event never seen before.", s.tally("rows_counted"),
    ),
    Metric(
        "ccpush_rows_duplicate_total", "counter", (),
        "Further rows of a response or an event already counted.", s.tally("rows_duplicate"),
    ),
    Metric(
        "ccpush_rows_skipped_total", "counter", ("reason",),
        "Rows that carry nothing to count, or cannot be used.", s.tally_by("rows_skipped"),
    ),
    Metric(
        "ccpush_row_types_unknown_total", "counter", (),
        "Rows of types that this ccpush has never heard of.", s.tally_sum("unknown_types"),
    ),
    Metric(
        "ccpush_label_values_folded_total", "counter", ("label",),
        "Increments counted as other, because a label had too many values.",
        s.tally_by("folded"),
    ),
    Metric(
        "ccpush_collect_duration_seconds", "gauge", (), "How long the last complete pass took.",
        s.moment("collect_duration_s"), unit="seconds",
    ),
    Metric(
        "ccpush_last_collect_timestamp_seconds", "gauge", (),
        "When the last complete pass ended.", s.moment("collected_s"), unit="seconds",
    ),
    Metric(
        "ccpush_imported_dates", "gauge", (),
        "Days taken from the stats cache, because their transcripts were gone.", s.imported_days,
    ),
    Metric(
        "ccpush_offered_through_seconds", "gauge", (),
        "The newest moment whose samples were offered; what a receiver has, it has through this.",
        s.moment("offered_s"), unit="seconds", timing="grid",
    ),
    Metric(
        "ccpush_push_last_success_timestamp_seconds", "gauge", ("sink",),
        "When the last push to this sink succeeded.", s.sink_moment("success_s"), unit="seconds",
    ),
    Metric(
        "ccpush_push_backlog_seconds", "gauge", ("sink",),
        "How far behind now the newest values are that this sink has.", s.sink_backlog,
        unit="seconds",
    ),
    Metric(
        "ccpush_samples_sent_total", "counter", ("sink",), "Samples that the sink took.",
        s.sink_samples("sent"),
    ),
    Metric(
        "ccpush_samples_retried_total", "counter", ("sink",),
        "Samples that the sink did not take and that are offered again.",
        s.sink_samples("retried"),
    ),
    Metric(
        "ccpush_samples_rejected_total", "counter", ("sink", "reason"),
        "Samples that the sink refused for good.", s.sink_rejected,
    ),
    Metric(
        "ccpush_clock_skew_seconds", "gauge", ("sink",),
        "This machine's clock minus the sink's, at the last push.", s.sink_moment("skew_s"),
        unit="seconds",
    ),
)  # fmt: skip

# What an identity is; their values come from who runs, not from the account.
IDENTITY: Final = (
    Metric(
        "ccpush_build_info", "gauge", ("version",), "The version of ccpush; always 1.", s.nothing
    ),
    Metric(
        "ccpush_identity_info", "gauge", ("id",),
        "Who this is, whatever the instance is called; always 1.", s.nothing, timing="grid",
    ),
)  # fmt: skip

CATALOGUE: Final = (*FAMILY_1, *HISTOGRAMS, *FAMILY_2, *BEYOND, *FAMILY_3, *IDENTITY)
# On the grid these two need no ledger: at each step one is that step's time, the other is 1.
OFFERED_THROUGH: Final = "ccpush_offered_through_seconds"
IDENTITY_INFO: Final = "ccpush_identity_info"
GRID: Final = tuple(metric for metric in CATALOGUE if metric.timing == "grid")


def frozen_families() -> frozenset[str]:
    """The ledger families whose past is frozen once a grid step has been offered."""
    return frozenset(family for metric in GRID for family in metric.families)
