"""What is the newest value of these series? The least of Prometheus's query API.

Exactly two kinds of instant query, ``SELECTOR`` and ``last_over_time(SELECTOR[DURATION])``, with
Prometheus 2.42's answers; anything else is a 400. Real queries are for real servers.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from strict_wire import STALE_BITS, Point

if TYPE_CHECKING:
    from receivers import Request
    from strict_storage import Storage

LOOKBACK_MS = 300_000
_UNITS_MS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}

_RANGE = re.compile(r"last_over_time\s*\((?P<selector>.*)\[(?P<duration>\w+)\]\s*\)", re.DOTALL)
_SELECTOR = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)?\s*(?:\{(?P<matchers>.*)\})?", re.DOTALL)
_MATCHER = re.compile(
    r"""\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*(?:,|$)""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}

Matcher = tuple[str, str, str]


def answer_query(storage: Storage, request: Request, now_s: float | None) -> tuple[int, bytes]:
    """Status and body for a GET or a POST of a form; the time asked for is now if none is given."""
    _, _, encoded = request.target.partition("?")
    fields = parse_qs(encoded if request.method == "GET" else request.body.decode())
    (query,) = fields.get("query", [""])
    (time_text,) = fields.get("time", [""])
    try:
        at_s = float(time_text) if time_text else (now_s if now_s is not None else time.time())
        result = list(_evaluate(storage, query.strip(), at_s))
    except ValueError as error:
        told = {"status": "error", "errorType": "bad_data", "error": str(error)}
        return 400, json.dumps(told).encode()
    data = {"resultType": "vector", "result": result}
    return 200, json.dumps({"status": "success", "data": data}).encode()


def _evaluate(storage: Storage, query: str, at_s: float) -> Iterator[dict[str, Any]]:
    at_ms = round(at_s * 1000)
    ranged = _RANGE.fullmatch(query)
    matchers = _matchers(ranged["selector"].strip() if ranged else query)
    for labels in storage.series():
        if not all(_matches(dict(labels), matcher) for matcher in matchers):
            continue
        points = storage.points(labels)
        # Lookback and range are closed at both ends.
        if ranged:
            start_ms = at_ms - _duration_ms(ranged["duration"])
            point = _last(points, start_ms, at_ms, skip_stale=True)
        else:
            point = _last(points, at_ms - LOOKBACK_MS, at_ms, skip_stale=False)
        if point is not None and point.bits != STALE_BITS:
            yield {"metric": dict(labels), "value": [at_s, _number(point.value)]}


def _last(points: list[Point], start_ms: int, end_ms: int, skip_stale: bool) -> Point | None:
    for point in reversed(points):
        if point.ts_ms < start_ms:
            return None
        if point.ts_ms <= end_ms and not (skip_stale and point.bits == STALE_BITS):
            return point
    return None


def _matchers(selector: str) -> list[Matcher]:
    parts = _SELECTOR.fullmatch(selector)
    if parts is None or not selector:
        raise ValueError(f"only a selector or last_over_time of one: {selector!r}")
    found: list[Matcher] = [("__name__", "=", parts["name"])] if parts["name"] else []
    rest = (parts["matchers"] or "").strip()
    while rest:
        matcher = _MATCHER.match(rest)
        if matcher is None:
            raise ValueError(f"not a matcher: {rest!r}")
        name, operator, quoted = matcher.groups()
        found.append((name, operator, _ESCAPE.sub(_unescape, quoted[1:-1])))
        rest = rest[matcher.end() :].strip()
    return found


def _unescape(escape: re.Match[str]) -> str:
    code = escape[1]
    if len(code) > 1:
        return chr(int(code[1:], 16))
    return _ESCAPED.get(code, code)


def _matches(labels: dict[str, str], matcher: Matcher) -> bool:
    name, operator, wanted = matcher
    value = labels.get(name, "")
    if operator in ("=", "!="):
        same = value == wanted
    else:
        same = re.fullmatch(wanted, value, re.DOTALL) is not None
    return same == (operator in ("=", "=~"))


def _duration_ms(text: str) -> int:
    parts = re.findall(r"(\d+)(ms|[smhdwy])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"not a duration: {text!r}")
    return sum(int(number) * _UNITS_MS[unit] for number, unit in parts)


def _number(value: float) -> str:
    """A float as Prometheus writes it: shortest, an exponent only for what is very large or small."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    if value and not 1e-6 <= abs(value) < 1e21:
        return repr(value)
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
