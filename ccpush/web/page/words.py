"""How are numbers, money and moments written? Short for the eye, never rounded to a lie."""

from __future__ import annotations

import time
from datetime import date
from typing import Final

from ccpush.web.page.markup import Html, join, tag

WEEKDAYS: Final = (
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
)  # fmt: skip
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
_SIZES: Final = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k"))
_NANO: Final = 10**9


def number(n: int) -> str:
    """A whole number, in full."""
    return f"{n:,}"


def short(n: int) -> str:
    """A whole number in about three digits: 999, 1.2 k, 134 M."""
    for size, unit in _SIZES:
        if n >= size:
            scaled = n / size
            digits = f"{scaled:.1f}" if scaled < 99.95 else f"{scaled:.0f}"
            return f"{digits.removesuffix('.0')} {unit}"
    return str(n)


def amount(n: int) -> Html | str:
    """A number, shortened where it is long, in full when it is pointed at or heard."""
    if n < 10_000:
        return number(n)
    return tag("data", short(n), value=str(n), title=number(n))


def counted(n: int, one: str, many: str | None = None) -> str:
    """A number with its noun: 1 session, 2 sessions."""
    return f"{number(n)} {one if n == 1 else many or one + 's'}"


def dollars(nano: int) -> str:
    """An amount of 10^-9 US dollars, to the cent."""
    if 0 < nano < _NANO // 200:
        return "< $0.01"
    return f"${nano / _NANO:,.2f}"


def day_name(day: date) -> str:
    """A day as people say it: Sat 21 Nov."""
    return f"{WEEKDAYS[day.weekday()][:3]} {day.day} {_MONTHS[day.month - 1]}"


def moment(when_s: float | None, now_s: float) -> Html | str:
    """A moment in the laptop's time with its age; ``never`` when there was none."""
    if when_s is None:
        return "never"
    local = time.localtime(when_s)
    at = time.strftime("%Y-%m-%d %H:%M:%S", local)
    written = time.strftime("%Y-%m-%dT%H:%M:%S%z", local)
    ago_s = now_s - when_s
    said = f"{age(ago_s)} ago" if ago_s >= 0 else "in the future: check the clock"
    return join((tag("time", at, datetime=written), " ", tag("span", f"({said})", class_="soft")))


def age(seconds: float) -> str:
    """A length of time, in the largest unit that fits twice."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
