"""Which tools were called, and how often? Bars in a table."""

from __future__ import annotations

from typing import Final

from ccpush.web.page.facts import DAYS, Facts
from ccpush.web.page.markup import Html, join, label, tag
from ccpush.web.page.spans import by_tool, days_of
from ccpush.web.page.words import amount

_SHOWN: Final = 12
_WIDTH: Final = 100


def tools(facts: Facts) -> Html:
    """Tool calls of the last days: the most called as bars, the others in a table to open."""
    calls = by_tool(facts, days_of(facts, facts.recent.first))
    ranked = sorted(
        ((n, tool) for tool, n in calls.items() if n > 0), key=lambda one: (-one[0], one[1])
    )
    if not ranked:
        return tag("p", f"No tool was called in the last {DAYS} days.", class_="soft")
    highest = ranked[0][0]
    table = _table(f"Tool calls of the last {DAYS} days", ranked[:_SHOWN], highest)
    if len(ranked) <= _SHOWN:
        return table
    others = _table(f"Tool calls of the last {DAYS} days, further tools", ranked[_SHOWN:], highest)
    opened = tag("summary", f"{len(ranked) - _SHOWN} more", id="tools-open")
    return join((table, tag("details", opened, others, id="tools-more")))


def _table(caption: str, rows: list[tuple[int, str]], highest: int) -> Html:
    head = tag(
        "tr",
        tag("th", "Tool", scope="col"),
        tag("th", "Calls", scope="col", class_="n"),
        tag("td", class_="bar"),
    )
    body = [
        tag(
            "tr",
            tag("th", label(tool), scope="row"),
            tag("td", amount(n), class_="n"),
            tag("td", _bar(n, highest), class_="bar", aria_hidden="true"),
        )
        for n, tool in rows
    ]
    return tag(
        "table", tag("caption", caption), tag("thead", head), tag("tbody", *body), class_="bars"
    )


def _bar(n: int, highest: int) -> Html:
    bar = tag("rect", class_="m0", x=0, y=0, width=f"{_WIDTH * n / highest:.2f}", height=10)
    return tag("svg", bar, viewBox=f"0 0 {_WIDTH} 10", preserveAspectRatio="none")
