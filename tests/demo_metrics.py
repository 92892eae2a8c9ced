"""What ccpush has to say of an invented home, worked out from what the inventor says it holds.

truth = invent_home(home, end=END)
assert said(reader) == expected(truth)
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from brought_metrics import COST, SAVINGS, UNPRICED
from slow_rows import Key, key_of

from ccpush.demo.truth import Spent, Truth
from ccpush.prices.book import Use, load_book

# The suffixes of invented files; names without one (Makefile) are of no known language.
LANGUAGES = {
    ".c": "C",
    ".css": "CSS",
    ".go": "Go",
    ".ipynb": "unknown",
    ".md": "Markdown",
    ".py": "Python",
    ".rs": "Rust",
    ".sh": "Bash",
    ".ts": "TypeScript",
    ".yaml": "YAML",
    "": "unknown",
}


def expected(truth: Truth) -> dict[Key, float]:
    """Every metric of generation 2 but those of money; what is 0 is left out."""
    work, friction = truth.work, truth.friction
    found: Counter[Key] = Counter()
    for (model, origin), count in truth.responses_by_origin.items():
        found[key_of("claude_responses_total", model=model, origin=origin)] = count
    for (ttl, model), tokens in truth.cache_writes.items():
        found[key_of("claude_cache_write_tokens_total", ttl=ttl, model=model)] = tokens
    found[key_of("claude_prompts_total")] = work.prompts
    for kind, seconds in work.active_s.items():
        found[key_of("claude_code_active_time_seconds_total", type=kind)] = seconds
    for kind, lines in work.lines.items():
        found[key_of("claude_code_lines_of_code_count_total", type=kind)] = lines
    found[key_of("claude_code_commit_count_total")] = work.commits
    found[key_of("claude_code_pull_request_count_total")] = work.pull_requests
    for (tool, decision, source, suffix), count in work.decisions.items():
        labels = {"tool_name": tool, "decision": decision, "source": source}
        name = "claude_code_code_edit_tool_decision_total"
        found[key_of(name, **labels, language=LANGUAGES[suffix])] += count
    for (tool, kind), count in friction.tool_errors.items():
        found[key_of("claude_tool_errors_total", tool=tool, kind=kind)] = count
    for status, count in friction.statuses.items():
        found[key_of("claude_api_error_responses_total", status=status)] = count
    for trigger, count in friction.compactions.items():
        found[key_of("claude_compactions_total", trigger=trigger)] = count
    found[key_of("claude_compaction_dropped_tokens_total")] = friction.dropped_tokens
    waits_ms, hooks_ms = map(round, friction.retry_waits_ms), friction.hook_durations_ms
    durations_s = {"retry_wait": sum(waits_ms) / 1000, "hook": sum(hooks_ms) / 1000}
    seconds_s = {key_of(f"claude_{name}_seconds_total"): n for name, n in durations_s.items()}
    return {key: n for key, n in {**found, **seconds_s}.items() if n}


def money(truth: Truth) -> dict[Key, float]:
    """Cost and savings in US dollars by model, and the tokens of what has no price.

    Each response is priced by itself, rounded to a billionth of a dollar.
    """
    book = load_book()
    nano: Counter[Key] = Counter()
    unpriced: Counter[Key] = Counter()
    for one in truth.spent:
        day = datetime.fromtimestamp(one.at_ms / 1000, UTC).date().toordinal()
        price = book.price(one.model, day, _use(one))
        if price is None:
            tokens = one.tokens
            amount = tokens.input + tokens.output + tokens.cache_read + tokens.cache_creation
            unpriced[key_of(UNPRICED, model=one.model)] += amount
        else:
            nano[key_of(COST, model=one.model)] += price.cost_nano
            nano[key_of(SAVINGS, model=one.model)] += price.saved_nano
    return {key: n / 10**9 for key, n in nano.items() if n} | dict(unpriced)


def _use(one: Spent) -> Use:
    return Use(
        input=one.input,
        output=one.output,
        cache_read=one.cache_read,
        write_5m=one.cache_5m,
        write_1h=one.cache_1h,
        web_searches=one.searches,
        fast=one.fast,
        batch=False,
    )
