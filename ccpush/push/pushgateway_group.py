"""What does a group of a Pushgateway hold? Read through its API, which has all groups or none.

Only the one group is looked into. Sends nothing but the question.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final, Literal
from urllib.parse import urlsplit, urlunsplit

import msgspec

from ccpush.push.failure import Failure
from ccpush.push.http import HttpClient
from ccpush.push.outcome import Verdict, judge
from ccpush.push.remote_write.naming import NAME_LABEL

# The groups of some hundred laptops; the answer has them all.
MAX_ANSWER_BYTES: Final = 128_000_000
# What says that there is no such API, or that it is not for us. Asking again would not help.
_CLOSED: Final = frozenset({400, 401, 403, 404, 405, 406, 410, 501})

Series = dict[tuple[tuple[str, str], ...], float]


class _Member(msgspec.Struct):
    labels: dict[str, str] = {}
    value: str = "NaN"
    buckets: dict[str, str] = {}
    count: str = "NaN"
    sum: str = "NaN"


class _Family(msgspec.Struct):
    type: str
    metrics: list[_Member]


class _Answer(msgspec.Struct):
    status: Literal["success"]
    data: list[dict[str, msgspec.Raw]]


def read_group(
    client: HttpClient, url: str, key: Mapping[str, str], now_s: float
) -> Series | Verdict | None:
    """Return the series of the group ``key``, with ``__name__`` and the key among their labels.

    ``url`` is the gateway's root. A group that does not exist has none. A verdict when it may be
    answered later, None when this gateway cannot be asked.
    """
    parts = urlsplit(url)
    asked = urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/api/v1/metrics"))
    answer = client.request("GET", asked, {}, b"", max_body_bytes=MAX_ANSWER_BYTES)
    verdict = judge(answer, "pushgateway", asked, now_s)
    if isinstance(answer, Failure) or verdict.outcome != "delivered":
        return None if verdict.status in _CLOSED else verdict
    if not answer.complete:
        return None if len(answer.body) >= MAX_ANSWER_BYTES else _cut(verdict)
    try:
        groups = msgspec.json.decode(answer.body, type=_Answer).data
        return _series(groups, key)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, KeyError):
        # something else answers there, and all the same takes what is put
        return None


def _series(groups: list[dict[str, msgspec.Raw]], key: Mapping[str, str]) -> Series:
    wanted = {name: value for name, value in key.items() if value}
    for group in groups:
        labels = msgspec.json.decode(group["labels"], type=dict[str, str])
        if {name: value for name, value in labels.items() if value} == wanted:
            return dict(_members(group))
    return {}


def _members(group: dict[str, msgspec.Raw]) -> Iterator[tuple[tuple[tuple[str, str], ...], float]]:
    for name, raw in group.items():
        if not bytes(raw).startswith(b"{") or name == "labels":
            continue
        for member in msgspec.json.decode(raw, type=_Family).metrics:
            for suffix, more, text in _values(member):
                value = float(text)
                if math.isfinite(value):
                    labels = {**member.labels, **more, NAME_LABEL: name + suffix}
                    yield tuple(sorted((k, v) for k, v in labels.items() if v)), value


def _values(member: _Member) -> Iterator[tuple[str, dict[str, str], str]]:
    """Yield suffix, further labels and value; those of a histogram that are none are no numbers."""
    yield "", {}, member.value
    yield "_count", {}, member.count
    yield "_sum", {}, member.sum
    for bound, text in member.buckets.items():
        # the gateway writes bounds as Go does
        number = float(bound)
        yield "_bucket", {"le": "+Inf" if math.isinf(number) else str(number)}, text


def _cut(verdict: Verdict) -> Verdict:
    return msgspec.structs.replace(
        verdict, outcome="retry", error="the Pushgateway's answer was cut", failure="cut"
    )
