"""How the page writes numbers, money and moments."""

from __future__ import annotations

import re

import homes
import pytest

from ccpush.web.page.chart import ceiling
from ccpush.web.page.words import amount, dollars, moment, short


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1 k"),
        (1049, "1 k"),
        (1050, "1.1 k"),
        (99_949, "99.9 k"),
        (99_950, "100 k"),
        (1_234_567, "1.2 M"),
        (5_000_000_000, "5 B"),
        (7 * 10**12, "7 T"),
    ],
)
def test_long_numbers_are_shortened(n, expected):
    """A number has about three digits; what was left away is said when it is pointed at."""
    assert short(n) == expected
    if n >= 10_000:
        assert f'title="{n:,}"' in amount(n)


@pytest.mark.parametrize(
    ("nano", "expected"),
    [
        (0, "$0.00"),
        (1, "< $0.01"),
        (4_999_999, "< $0.01"),
        (10_000_000, "$0.01"),
        (1_234_567_890_000, "$1,234.57"),
    ],
)
def test_money_is_never_rounded_to_nothing(nano, expected):
    """Cents; less than half of one is not nothing."""
    assert dollars(nano) == expected


@pytest.mark.parametrize(
    ("when_s", "expected"),
    [
        (None, "never"),
        (1000.0, "1970-01-01 09:16:40 (0 s ago)"),
        (881.0, "1970-01-01 09:14:41 (119 s ago)"),
        (880.0, "1970-01-01 09:14:40 (2 min ago)"),
        (1060.0, "1970-01-01 09:17:40 (in the future: check the clock)"),
    ],
)
def test_moments_are_told_with_their_age(when_s, expected):
    """A time is the laptop's, with its age; one that never was is "never", one to come is told."""
    with homes.zone("Asia/Tokyo"):
        assert re.sub("<[^>]*>", "", moment(when_s, 1000.0)) == expected


@pytest.mark.parametrize(
    ("highest", "expected"),
    [(1, 1), (2, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 20), (61, 80), (100, 100), (101, 200)],
)
def test_an_axis_ends_at_a_round_number(highest, expected):
    """The top of an axis is at least the highest bar, and less than two and a half times it."""
    assert ceiling(highest) == expected
