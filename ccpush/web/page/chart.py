"""How are amounts by day drawn? Stacked bars as SVG, which stretch; all words around them are HTML.

Text inside a picture that shrinks with the screen cannot be read on a phone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from ccpush.web.page.markup import Html, hidden, join, label, tag

_HEIGHT: Final = 100
_STEP: Final = 10
_BAR: Final = 8


class Layer(msgspec.Struct, frozen=True):
    """One part of every bar: its name, the class that colours it, and its amounts in order."""

    name: str
    colour: str
    amounts: Sequence[int]


class Drawing(msgspec.Struct, frozen=True):
    """What a picture says in words: an id, a title, its days, and how an amount is written.

    ``least`` is the smallest top of the axis, below which its marks would say the same.
    """

    id: str
    title: str
    days: Sequence[str]
    written: Callable[[int], str]
    least: int = 2


def stacked(drawing: Drawing, layers: Sequence[Layer]) -> Html:
    """Bars by day, of the layers in their order, with axis and legend."""
    totals = [sum(amounts) for amounts in zip(*(one.amounts for one in layers), strict=True)]
    if not any(totals):
        nothing = tag("p", "Nothing on any of these days.", class_="soft")
        return tag("figure", tag("figcaption", drawing.title), nothing, id=drawing.id)
    top = ceiling(max(*totals, drawing.least))
    bars = [
        _bar(
            at,
            f"{day}: {drawing.written(total)}",
            [(one.colour, one.amounts[at]) for one in layers],
            top,
        )
        for at, (day, total) in enumerate(zip(drawing.days, totals, strict=True))
    ]
    words = f"{drawing.title}. {_summary(drawing, totals)} The numbers are in the table below."
    picture = tag(
        "svg",
        *bars,
        viewBox=f"0 0 {_STEP * len(drawing.days)} {_HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_label=words,
    )
    marks = [tag("span", drawing.written(n)) for n in (top, top // 2, 0)]
    shown = (drawing.days[0], drawing.days[len(drawing.days) // 2], drawing.days[-1])
    return tag(
        "figure",
        tag("figcaption", drawing.title),
        tag("div", tag("div", *marks, class_="axis", aria_hidden="true"), picture, class_="plot"),
        tag("div", *(tag("span", day) for day in shown), class_="dates", aria_hidden="true"),
        _legend(layers),
        id=drawing.id,
    )


def ceiling(highest: int) -> int:
    """The top of an axis: the least of 1, 2, 4, 6, 8 times a power of ten that is enough."""
    power = 1
    while power * 10 < highest:
        power *= 10
    return next(power * n for n in (1, 2, 4, 6, 8, 10) if power * n >= highest)


def _bar(at: int, words: str, parts: Sequence[tuple[str, int]], top: int) -> Html:
    pieces, reached = [], 0
    for colour, n in parts:
        if n <= 0:
            continue
        low, high = reached * _HEIGHT / top, (reached + n) * _HEIGHT / top
        reached += n
        pieces.append(
            tag(
                "rect",
                class_=colour,
                x=at * _STEP + (_STEP - _BAR) // 2,
                y=f"{_HEIGHT - high:.2f}",
                width=_BAR,
                height=f"{high - low:.2f}",
            )
        )
    # the whole column answers to the pointer, also where the bar is short
    column = tag("rect", class_="column", x=at * _STEP, y=0, width=_STEP, height=_HEIGHT)
    return tag("g", tag("title", words), column, *pieces)


def _summary(drawing: Drawing, totals: Sequence[int]) -> str:
    highest = max(totals)
    return f"The most was {drawing.written(highest)}, on {drawing.days[totals.index(highest)]}."


def _legend(layers: Sequence[Layer]) -> Html:
    entries = [
        tag("li", tag("span", class_=f"key {one.colour}", aria_hidden="true"), label(one.name))
        for one in layers
    ]
    return join((hidden("Parts of the bars:"), tag("ul", *entries, class_="legend")))
