"""Durations are read exactly as Prometheus writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccpush.config.durations import format_duration, parse_duration
from ccpush.config.texts import RefusedError

MS_OF_292_YEARS = 292 * 365 * 86_400_000


@given(st.integers(min_value=0, max_value=MS_OF_292_YEARS))
def test_what_is_formatted_is_parsed_back(ms: int) -> None:
    """Formatting and parsing are inverse for every number of milliseconds in range."""
    assert parse_duration(format_duration(ms / 1000)) == ms / 1000


@given(st.text(alphabet="0123456789ywdhms.- +eE٣\n", max_size=12))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    """Every text gives seconds or a refusal, and what it gives is written the same way again."""
    try:
        seconds = parse_duration(text)
    except RefusedError:
        return
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("1ms", 0.001),
        ("500ms", 0.5),
        ("90s", 90),
        ("1h30m", 5400),
        ("1d", 86_400),
        ("2w", 1_209_600),
        ("1y", 31_536_000),
        ("1y2w3d4h5m6s7ms", 31_536_000 + 1_209_600 + 259_200 + 14_400 + 300 + 6.007),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    """Every unit counts as Prometheus counts it."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("30", "write 30s"),
        ("1m1h", "from the largest to the smallest"),
        ("1s1s", "each once"),
        ("", "y, w, d, h, m, s, ms"),
        ("s", "y, w, d, h, m, s, ms"),
        ("1.5h", "whole numbers"),
        ("-1s", "whole numbers"),
        ("1 s", "nothing between"),
        ("1s\n", "nothing between"),
        ("٣s", "whole numbers"),
        ("1H", "y, w, d, h, m, s, ms"),
        ("293y", "292y"),
        ("9" * 100_000 + "s", "292y"),
    ],
)
def test_refused_durations(text: str, advice: str) -> None:
    """A wrong duration is refused with what to write instead."""
    with pytest.raises(RefusedError, match=advice):
        parse_duration(text)
