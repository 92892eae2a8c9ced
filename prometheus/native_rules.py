#!/usr/bin/env python3
"""Prints the rules that join Claude Code's own telemetry with what ccpush sends, nobody twice.

The same expression is a recording rule (over the hour that is just over) and a query (over any
time, which is then right for the past that laptops make up late). Needs nothing but Python.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from textwrap import indent
from typing import NamedTuple

EPILOG = """\
examples:
  native_rules.py > native.yml                      the rules as they are shipped
  native_rules.py --label email > my-native.yml     ccpush has external_labels: {email: …}
  native_rules.py --query tokens --window 1d        the same as a query, for a panel with a step
                                                    of one day
  native_rules.py --query cost_usd --window '$__range'
"""
RULES_WINDOW = "1h"
UNITS_S = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}


class Metric(NamedTuple):
    """One figure that both tell: what its rule is called, and the names and labels it has."""

    what: str
    # the first is ccpush's; all of them are names that exporters give to the native one
    names: tuple[str, ...]
    labels: tuple[str, ...] = ()
    # what of the native series counts the same as ccpush's
    native: str = ""


METRICS = (
    Metric(
        "tokens",
        ("claude_code_token_usage_tokens_total", "claude_code_token_usage_total"),
        ("type", "model"),
    ),
    Metric(
        "cost_usd",
        ("claude_code_cost_usage_USD_total", "claude_code_cost_usage_total"),
        ("model",),
    ),
    Metric("lines_of_code", ("claude_code_lines_of_code_count_total",), ("type",)),
    Metric("commits", ("claude_code_commit_count_total",)),
    Metric("pull_requests", ("claude_code_pull_request_count_total",)),
    Metric(
        "sessions",
        ("claude_code_session_count_total",),
        # a session that is resumed is one that was counted when it began
        native='start_type!~"resume|continue"',
    ),
    Metric(
        "active_seconds",
        (
            "claude_code_active_time_seconds_total",
            "claude_code_active_time_total_seconds_total",
            "claude_code_active_time_total",
        ),
        ("type",),
    ),
    Metric(
        "edit_decisions",
        ("claude_code_code_edit_tool_decision_total",),
        ("tool_name", "decision", "source", "language"),
    ),
)


class Choices(NamedTuple):
    """What an operator may choose; see the options."""

    label: str = "user"
    native_label: str = "user_email"
    scrape_job: str = "claude-exporter"
    late: str = "5m"


class Window(NamedTuple):
    """A stretch of time as PromQL writes it, or a variable of Grafana's that is not late."""

    length: str
    late: str = ""

    def over(self, function: str, series: str) -> str:
        """A function of what a series had in it."""
        late = f" offset {self.late}" if self.late else ""
        return f"{function}({series}[{self.length}]{late})"

    def before(self, series: str) -> str:
        """What a series had at its beginning; nothing, if that had been silent for an hour."""
        ago = duration(seconds(self.length) + seconds(self.late)) if self.late else self.length
        return f"last_over_time({series}[1h] offset {ago})"


def seconds(text: str) -> int:
    """The seconds of a PromQL duration; ValueError for what is none."""
    parts = re.findall(r"(\d+)([wdhms])", text)
    if not text or "".join(map("".join, parts)) != text:
        raise ValueError(f"{text!r} is no duration such as 5m, 1h30m or 1d")
    return sum(int(number) * UNITS_S[unit] for number, unit in parts)


def duration(total_s: int) -> str:
    """Seconds as PromQL writes them."""
    text = ""
    for unit, size_s in UNITS_S.items():
        number, total_s = divmod(total_s, size_s)
        text += f"{number}{unit}" if number else ""
    return text


def growth(series: str, window: Window, unknown: str) -> str:
    """By how much a counter grew, to the last digit.

    ``unknown`` is what it had at the beginning of the window when nobody heard of it then, or when
    it has fallen since.
    """
    highest, last = window.over("max_over_time", series), window.over("last_over_time", series)
    return f"""\
(
  {highest}
  -
  (
    ({window.before(series)} <= {highest})
    or
    {unknown}
  )
  +
  (({last} < {highest}) or 0 * {highest})
)"""


def machines(choices: Choices, window: Window, own: str) -> str:
    """Growth is multiplied by this: every id by its best way and by no other.

    Of two ids on one series, which a new operating system leaves behind, the one heard more often.
    A machine that is scraped twice counts once; by a gateway an old name of it does no harm.
    """

    def told(jobs: str) -> str:
        info = f"ccpush_identity_info{{{jobs}}}"
        return f"topk without (id) (1, {window.over('count_over_time', info)})"

    scraped = choices.scrape_job
    neither = f"ccpush|{scraped}"
    return f"""\
* ignoring ({own}) group_left (id)
(
  (
    {told('job="ccpush"')}
    or on (id)
    topk by (id) (1, {told(f'job=~"{scraped}"')})
    or on (id)
    {told(f'job!~"{neither}"')}
  ) > bool 0
)"""


def from_ccpush(metric: Metric, choices: Choices, window: Window) -> str:
    """What ccpush has, by user; its counters begin with 0 and never fall."""
    series = f'{metric.names[0]}{{session_id=""}}'
    grown = growth(series, window, window.over("min_over_time", series))
    counted = f"{grown}\n{machines(choices, window, ', '.join((*metric.labels, 'id')))}"
    if choices.label != "user":
        counted = renamed(counted, "user", "$1", choices.label, "(.+)")
    return told_by("ccpush", metric, counted)


def from_telemetry(metric: Metric, choices: Choices, window: Window) -> str:
    """What Claude Code's own telemetry has, by user; a series for each session, of any first value.

    What has an identity is ccpush's, whatever its job is called.
    """
    own = ", ".join((*metric.labels, "id"))
    parts = []
    for name in metric.names:
        series = f"{name}{{{metric.native}}}" if metric.native else name
        parts.append(growth(series, window, f"0 * {window.over('max_over_time', series)}"))
    grown = "\nor\n".join(parts)
    identity = window.over("last_over_time", "ccpush_identity_info")
    found = f"(\n{indent(grown, '  ')}\n)\nunless ignoring ({own})\n{identity}"
    if choices.native_label != "user":
        found = renamed(found, "user", "$1", "user_id", "(.+)")
    found = renamed(found, "user", "$1", choices.native_label, "(.+)")
    return told_by("native", metric, renamed(found, "user", "unknown", "user", ""))


def told_by(who: str, metric: Metric, found: str) -> str:
    """The sums by user and the metric's labels, and ``counted_by``; decisions have a ``source``."""
    summed = f"sum by ({', '.join(('user', *metric.labels))}) (\n{indent(found, '  ')}\n)"
    return renamed(summed, "counted_by", who, "", "")


def renamed(vector: str, to: str, text: str, label: str, pattern: str) -> str:
    """The vector with a label set to a text where another label matches."""
    words = ", ".join(f'"{word}"' for word in (to, text, label, pattern))
    return f"label_replace(\n{indent(vector, '  ')},\n  {words}\n)"


def query(metric: Metric, choices: Choices, window: Window) -> str:
    """Everybody's growth in a window: ccpush's where it has anything of a user, else the native."""
    ccpush = from_ccpush(metric, choices, window)
    return f"{ccpush}\nor on (user)\n{from_telemetry(metric, choices, window)}\n"


HEAD = """\
# Users with Claude Code's own telemetry and users with ccpush, together, and nobody twice.
# Printed by native_rules.py{options}; change that, not this. See docs/native-telemetry.md.
#
#   claude_code:tokens:increase{window}{{user, type, model, counted_by="ccpush" or "native"}}
#
# and so on: what was used in the {window} that ended {late} ago, by user. A day is
#
#   sum by (user) (sum_over_time(claude_code:tokens:increase{window}[1d:{window}]))
#
# - Each ccpush_identity_info{{id}} counts once: as it comes by remote-write, else as it is
#   scraped, else as it lies in a Pushgateway.
# - A user of whom ccpush has anything in that time counts by ccpush alone. It is the same user
#   where ccpush's label {label} and the native label {native_label} have the same value, to the
#   letter. All others count as the native telemetry has them: by {native_label}, without it
#   (API keys, Bedrock, Vertex) by user_id, else as "unknown".
#
# What they cannot get right:
#
# - The past that arrives late. A rule is reckoned once. A laptop that is back after a week
#   offline puts that week where it belongs, but these series keep the week without it: waiting
#   {late} covers the usual delay and no more. For days gone by ask the same as a query, which
#   is right as soon as the laptop is back: native_rules.py --query tokens --window 1d
# - A native series is one session's and is born with a value, which counts, if the series was
#   not there in the hour before. So a session that is not heard of for longer (an outage of the
#   collector) counts again as a whole, and the very first hour has all that the sessions then
#   open had used before.
# - A counter that falls has begun anew. Of several falls in one window only the highest and the
#   last value count: too little where a session is resumed again and again, but no nonsense
#   where two processes report under one session in turn. Where a resumed session has passed
#   its old value before anybody looked, nothing shows that it was resumed, and that much is
#   missing.
# - A person with ccpush on one machine and the native telemetry alone on another counts by
#   ccpush, without the other machine. Telemetry that leaves by two exporters counts twice.
# - A machine that is scraped, or pushed to a gateway, for the first time counts from then on.
#   By remote-write it has its past.
"""


def options(choices: Choices) -> str:
    """The options that make these choices."""
    found = [
        f" --{name.replace('_', '-')} {chosen}"
        for name, chosen in choices._asdict().items()
        if chosen != Choices._field_defaults[name]
    ]
    return "".join(found)


def rules(choices: Choices) -> Iterator[str]:
    """The file of rules, in pieces."""
    window = Window(RULES_WINDOW, choices.late)
    fields = choices._asdict() | {"options": options(choices), "window": RULES_WINDOW}
    yield HEAD.format_map(fields)
    yield "groups:\n  - name: claude_code_native\n    interval: 1m\n    rules:\n"
    for metric in METRICS:
        yield f"      - record: claude_code:{metric.what}:increase{RULES_WINDOW}\n        expr: |\n"
        yield indent(query(metric, choices, window), " " * 10)


def label_name(text: str) -> str:
    """The name of a label; an error of argparse for what can be none."""
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be the name of a label")
    return text


def regex(text: str) -> str:
    """A regular expression that can stand between quotes; an error for what cannot."""
    if not text or set(text) & set('"\\\n'):
        raise argparse.ArgumentTypeError(f"{text!r} cannot stand between quotes as it is")
    return text


def positive(text: str) -> str:
    """A duration that is not nothing, as it is; an error for any other text."""
    try:
        found_s = seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not found_s:
        raise argparse.ArgumentTypeError("must be longer than nothing")
    return text


def length(text: str) -> str:
    """A duration, or a variable of Grafana's."""
    return text if re.fullmatch(r"\$\w+|\$\{\w+\}", text) else positive(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the rules, or one query; answer the exit code."""
    parser = argparse.ArgumentParser(
        prog="native_rules.py",
        description="Prints recording rules that join the users of Claude Code's own telemetry with"
        " those of ccpush without counting anybody twice.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    start = Choices()
    add = parser.add_argument
    add(
        "--label", type=label_name, default=start.label, metavar="NAME",
        help="ccpush's label that has the same values as the native one (default: %(default)s);"
        " series without it keep their user",
    )  # fmt: skip
    add(
        "--native-label", type=label_name, default=start.native_label, metavar="NAME",
        help="the native label (default: %(default)s)",
    )  # fmt: skip
    add(
        "--scrape-job", type=regex, default=start.scrape_job, metavar="REGEX",
        help="the job under which ccpush is scraped (default: %(default)s)",
    )  # fmt: skip
    add(
        "--late", type=positive, default=start.late, metavar="TIME",
        help="how long rules wait for what is under way (default: %(default)s); longer than the"
        " interval at which laptops push",
    )  # fmt: skip
    add(
        "--query", choices=[metric.what for metric in METRICS],
        help="print one of them as a query instead, which waits for nothing",
    )  # fmt: skip
    add(
        "--window", type=length, metavar="TIME",
        help="of a query: how far back (default: 1d); may be a variable of Grafana's",
    )  # fmt: skip
    asked = parser.parse_args(arguments)
    if asked.window and not asked.query:
        parser.error("--window goes with --query")
    choices = Choices(asked.label, asked.native_label, asked.scrape_job, asked.late)
    if asked.query:
        (metric,) = (metric for metric in METRICS if metric.what == asked.query)
        sys.stdout.write(query(metric, choices, Window(asked.window or "1d")))
    else:
        sys.stdout.writelines(rules(choices))
    return 0


if __name__ == "__main__":
    sys.exit(main())
