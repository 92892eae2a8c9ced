"""What is sent where, when did it last succeed, and what is still to come? One list a sink."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ccpush.ledger.query import Account
from ccpush.ledger.sinks import SinkState
from ccpush.metrics.reasons import rejected_words
from ccpush.metrics.sources import backlog_s
from ccpush.web.page.facts import Facts
from ccpush.web.page.markup import Child, Html, join, label, tag
from ccpush.web.page.words import age, moment, number

# What lies between two pushes is not worth a word.
_BACKLOG_TOLD_S: Final = 180.0
_SKEW_TOLD_S: Final = 60.0
_NONE: Final = (
    "Nothing is pushed anywhere: no sink is configured. Whoever may scrape this address"
    " sees what stands at /metrics."
)
_KINDS: Final = {"remote_write": "remote-write", "pushgateway": "Pushgateway"}

Line = tuple[str, Child]


def delivery(facts: Facts, now_s: float) -> Html:
    """Every sink as it is configured; ages are counted to ``now_s``."""
    account = facts.account
    if not account.sinks:
        return tag("p", _NONE)
    return join(_sink(account, sink, f"sink-{at}", now_s) for at, sink in enumerate(account.sinks))


def _sink(account: Account, sink: SinkState, name: str, now_s: float) -> Html:
    mark, words = _state(sink)
    heading = tag(
        "h3", label(sink.name), " ", tag("span", _KINDS.get(sink.kind, sink.kind), class_="soft"),
        id=name,
    )  # fmt: skip
    lines = [("State", tag("span", words, class_=mark)), *_lines(account, sink, now_s)]
    entries = [tag("div", tag("dt", what), tag("dd", said)) for what, said in lines]
    return tag("section", heading, tag("dl", *entries, class_="facts"), aria_labelledby=name)


def _state(sink: SinkState) -> tuple[str, str]:
    if sink.error:
        times = "" if sink.failures <= 1 else f", {number(sink.failures)} times in a row"
        return "bad", f"the last push failed{times}"
    if sink.success_s is None:
        return "soft", "nothing was pushed yet"
    return "good", "the last push succeeded"


def _lines(account: Account, sink: SinkState, now_s: float) -> Iterator[Line]:
    if sink.error:
        yield "Error", label(sink.error)
        if sink.hint:
            yield "Try", label(sink.hint)
    if sink.retry_at_s is not None and sink.retry_at_s > now_s:
        yield "Tries again", f"in {age(sink.retry_at_s - now_s)}"
    yield "Last success", moment(sink.success_s, now_s)
    yield "Has everything through", moment(sink.offered_s, now_s)
    yield "Backlog", _backlog(account, sink)
    yield from _samples(sink)
    if sink.unknown_past:
        yield "Not sent", "the past, because nobody could say whether the receiver has it already"
    if sink.skew_s is not None and abs(sink.skew_s) > _SKEW_TOLD_S:
        side = "ahead of" if sink.skew_s > 0 else "behind"
        yield "Clock", f"this one is {age(abs(sink.skew_s))} {side} the receiver's"


def _backlog(account: Account, sink: SinkState) -> str:
    behind_s = backlog_s(account, sink)
    if behind_s is None:
        return "unknown: nothing was counted yet"
    return age(behind_s) if behind_s > _BACKLOG_TOLD_S else "none"


def _samples(sink: SinkState) -> Iterator[Line]:
    by_way = {
        way: sum(n for (found, _), n in sink.samples.items() if found == way)
        for way in ("sent", "retried")
    }
    yield "Sent", f"{number(by_way['sent'])} samples, {number(by_way['retried'])} tried again"
    for (way, reason), n in sorted(sink.samples.items()):
        if way == "rejected" and n:
            yield "Refused", join((f"{number(n)} samples: ", label(rejected_words(reason))))
