"""How Prometheus writes a duration, read and written: ``1h30m``, ``90s``, ``500ms``, ``0``.

Seconds inside, to the millisecond. Spec: ``<duration>`` on Prometheus's configuration page.
"""

from __future__ import annotations

import re

from ccpush.config.texts import RefusedError

# from the largest to the smallest, each at most once; year and week as Prometheus counts them
_UNITS_MS = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
_DURATION = "".join(rf"(?:([0-9]+){unit})?" for unit in _UNITS_MS)
_BARE_NUMBER = r"[0-9]+"
_ANY_ORDER = r"([0-9]+(ms|[ywdhms]))+"
# Prometheus keeps nanoseconds in 63 bits
_MAX_MS = 2**63 // 1_000_000
# the largest amount that can be in range has 16 digits, and int() of a million digits is slow
_MAX_DIGITS = 18


def parse_duration(text: str) -> float:
    """A duration in seconds; RefusedError when it is not written as Prometheus writes it."""
    if text == "0":
        return 0.0
    match = re.fullmatch(_DURATION, text)
    if not text or match is None:
        raise RefusedError(_advice(text))
    amounts = [amount or "0" for amount in match.groups()]
    if max(map(len, amounts)) > _MAX_DIGITS:
        raise RefusedError("at most 292y")
    total_ms = sum(
        int(amount) * unit_ms for amount, unit_ms in zip(amounts, _UNITS_MS.values(), strict=True)
    )
    if total_ms > _MAX_MS:
        raise RefusedError("at most 292y")
    return total_ms / 1000


def _advice(text: str) -> str:
    if re.fullmatch(_BARE_NUMBER, text):
        return f"the unit is missing: write {text[:20]}s for seconds"
    if re.fullmatch(_ANY_ORDER, text):
        return "units go from the largest to the smallest, each once"
    return "whole numbers with the units y, w, d, h, m, s, ms and nothing between them"


def format_duration(seconds: float) -> str:
    """A duration as Prometheus writes it; to the millisecond."""
    rest_ms = round(seconds * 1000)
    parts = []
    for unit, unit_ms in _UNITS_MS.items():
        amount, rest_ms = divmod(rest_ms, unit_ms)
        if amount:
            parts.append(f"{amount}{unit}")
    return "".join(parts) or "0"
