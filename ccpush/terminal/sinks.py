"""How each sink is doing, for people and as facts: what it has, what is due, what went wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ccpush.config.settings import RemoteWriteConfig, Settings
from ccpush.ledger.query import Account
from ccpush.ledger.sinks import SinkState
from ccpush.metrics.reasons import rejected_words
from ccpush.metrics.sources import backlog_s
from ccpush.telling import SKEW_TOLD_S

WINDOW_HINT: Final = "storage.tsdb.out_of_order_time_window: 31d in its prometheus.yml"
BACKFILL_HINT: Final = "if the receiver is empty: ccpush push --backfill 29d"
# What one push leaves is not worth a word.
_BACKLOG_TOLD_S: Final = 180.0


def sink_facts(
    account: Account, settings: Settings, due: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Everything that is known of each sink; ``due`` are samples, by name, where that is known."""
    configs = {config.name: config for config in settings.remote_write}
    return [
        _facts(account, sink, configs.get(sink.name), due.get(sink.name)) for sink in account.sinks
    ]


def sink_lines(account: Account, facts: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """The same for people, as (what, words)."""
    if not facts:
        yield "sinks", "none: nothing is pushed anywhere"
    for each in facts:
        yield "sink", f"{each['name']} ({_kind(each)})"
        for what, words in _lines(account.as_of_s, each):
            yield f"  {what}", words


def moment(when_s: float | None, now_s: float) -> str:
    """A moment in local time and how long ago that is."""
    if when_s is None:
        return "never"
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when_s))
    ago_s = now_s - when_s
    return f"{at} (in {age(-ago_s)})" if ago_s < 0 else f"{at} ({age(ago_s)} ago)"


def age(seconds: float) -> str:
    """A length of time, in the largest unit that fits twice."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _facts(
    account: Account, sink: SinkState, config: RemoteWriteConfig | None, due: int | None
) -> dict[str, Any]:
    by_outcome: dict[str, int] = {"sent": 0, "retried": 0}
    rejected: dict[str, int] = {}
    for (outcome, reason), samples in sorted(sink.samples.items()):
        if outcome == "rejected":
            rejected[reason] = samples
        else:
            by_outcome[outcome] = samples
    behind_s = backlog_s(account, sink)
    waits = sink.retry_at_s is not None and sink.retry_at_s > account.as_of_s
    return {
        "name": sink.name,
        "kind": sink.kind,
        "last_success_s": sink.success_s,
        "last_attempt_s": sink.attempt_s,
        "failures": sink.failures,
        "delivered_through_s": sink.offered_s,
        "backlog_s": None if behind_s is None else round(behind_s, 3),
        "backlog_samples": due,
        "samples": {**by_outcome, "rejected": rejected},
        "protocol_wanted": config.protobuf_message if config else None,
        "protocol": (sink.protocol or config.protobuf_message) if config else None,
        "takes_age_s": sink.horizon_s,
        "past_unknown": sink.unknown_past,
        "waits_until_s": sink.retry_at_s if waits else None,
        "clock_skew_s": sink.skew_s,
        "error": sink.error,
        "hint": sink.hint,
    }


def _kind(facts: dict[str, Any]) -> str:
    if facts["protocol"] is None:
        return str(facts["kind"]).replace("_", "-")
    fell_back = facts["protocol"] != facts["protocol_wanted"]
    return f"remote-write {facts['protocol']}" + (
        f", the receiver does not know {facts['protocol_wanted']}" if fell_back else ""
    )


def _lines(now_s: float, facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield from _progress(now_s, facts)
    samples = facts["samples"]
    yield "sent", f"{samples['sent']:,} samples, {samples['retried']:,} had to be tried again"
    for reason, n in samples["rejected"].items():
        yield "rejected", f"{n:,} samples, {reason}: {rejected_words(reason)}"
    if facts["takes_age_s"] is not None:
        yield "takes", f"samples up to {age(facts['takes_age_s'])} old; for more: {WINDOW_HINT}"
    if facts["past_unknown"]:
        yield "past", "not sent, because nobody could say whether the receiver has it already"
        yield "", f"try: {BACKFILL_HINT}"
    skew_s = facts["clock_skew_s"]
    if skew_s is not None and abs(skew_s) > SKEW_TOLD_S:
        yield "clock", f"this one is {age(abs(skew_s))} {_side(skew_s)} the sink's"
    if facts["waits_until_s"] is not None:
        yield "waits", f"until {moment(facts['waits_until_s'], now_s)}"
    if facts["error"]:
        yield "error", str(facts["error"])
        if facts["hint"]:
            yield "", f"try: {facts['hint']}"


def _progress(now_s: float, facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    through_s, behind_s = facts["delivered_through_s"], facts["backlog_s"]
    if through_s is None:
        yield "has", "nothing yet" + ("" if facts["last_attempt_s"] else ": it was never pushed to")
    else:
        yield "has", f"everything through {moment(through_s, now_s)}"
    if through_s is not None and through_s > now_s + SKEW_TOLD_S:
        yield "", "that is in the future: nothing is sent until then; was a clock wrong?"
    if behind_s is not None and behind_s > _BACKLOG_TOLD_S:
        due = facts["backlog_samples"]
        yield "backlog", age(behind_s) + (f", {due:,} samples" if due is not None else "")
    failed = f", {facts['failures']:,} have failed since" if facts["failures"] else ""
    yield "pushed", f"last with success {moment(facts['last_success_s'], now_s)}{failed}"


def _side(skew_s: float) -> str:
    return "ahead of" if skew_s > 0 else "behind"
