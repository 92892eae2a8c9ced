"""At which hours of the week is work done? A heat map that can be read aloud.

It is a table whose cells are coloured, so there is no second one with its numbers.
"""

from __future__ import annotations

from typing import Final

from ccpush.web.page.facts import WEEKS, Facts
from ccpush.web.page.markup import Html, hidden, join, tag
from ccpush.web.page.words import WEEKDAYS, counted, day_name, number

_SHADES: Final = 5
_MARKED: Final = 6


def by_hour(facts: Facts) -> Html:
    """Messages by weekday and hour, of the last whole weeks."""
    recent = facts.recent
    highest = max(recent.week_hours.values(), default=0)
    hours = [
        tag(
            "th",
            tag("span", f"{hour:02d}", class_=None if hour % _MARKED == 0 else "heard"),
            scope="col",
        )
        for hour in range(24)
    ]
    corner = tag("td", class_="corner")
    caption = (
        f"Messages by weekday and hour, {day_name(recent.hours_since)} to"
        f" {day_name(recent.today)} ({WEEKS} weeks), local time"
    )
    table = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", corner, *hours)),
        tag("tbody", *(_row(facts, weekday, highest) for weekday in range(7))),
        class_="heat",
    )
    return join((table, _scale(highest)))


def _row(facts: Facts, weekday: int, highest: int) -> Html:
    name = WEEKDAYS[weekday]
    cells = [
        _cell(name, hour, facts.recent.week_hours.get((weekday, hour), 0), highest)
        for hour in range(24)
    ]
    return tag("tr", tag("th", tag("abbr", name[:2], title=name), scope="row"), *cells)


def _cell(weekday: str, hour: int, n: int, highest: int) -> Html:
    words = f"{weekday} {hour:02d}:00 to {hour + 1:02d}:00: {counted(n, 'message')}"
    return tag("td", hidden(number(n)), class_=f"h{_shade(n, highest)}", title=words)


def _shade(n: int, highest: int) -> int:
    """0 for nothing, else 1 to 5."""
    return 0 if n <= 0 else max(1, -(-n * _SHADES // highest))


def _scale(highest: int) -> Html:
    keys = [tag("span", class_=f"key h{shade}") for shade in range(_SHADES + 1)]
    return tag(
        "p", "none ", *keys, f" {counted(highest, 'message')}", class_="soft", aria_hidden="true"
    )  # fmt: skip
