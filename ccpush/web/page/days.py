"""What did each day use, by model? Two pictures, and all their numbers in one table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Final

from ccpush.web.page.chart import Drawing, Layer, stacked
from ccpush.web.page.facts import DAYS, Facts
from ccpush.web.page.markup import Html, join, label, tag
from ccpush.web.page.overview import cost
from ccpush.web.page.spans import IMPORTED, Used, days_of, used_by_model
from ccpush.web.page.words import amount, day_name, dollars, short

# More colours than these cannot be told apart; what is beyond them is drawn together.
_COLOURS: Final = 6
_OTHERS: Final = "other models"
_FROM_CACHE: Final = "from the stats cache, without model"

# of 10^-9 US dollars
_CENTS: Final = 2 * 10**7

Days = Mapping[date, Mapping[str, Used]]


def by_day(facts: Facts) -> Html:
    """Tokens and cost of the last days by model."""
    days: Days = {day: used_by_model(facts, day) for day in days_of(facts, facts.recent.first)}
    names = [day_name(day) for day in days]
    models = _ranked(days)
    tokens = Drawing("tokens-by-day", "Tokens by day, input and output", names, short)
    costs = Drawing(
        "cost-by-day", "Cost by day in US dollars, API-equivalent", names, dollars, _CENTS
    )
    return join(
        (
            stacked(tokens, _layers(days, models, lambda use: use.tokens)),
            stacked(costs, _layers(days, models, lambda use: use.cost_nano)),
            _numbers(days, models),
        )
    )


def _ranked(days: Days) -> list[str]:
    """All models, what used most first; what was imported last."""
    total: Counter[str] = Counter()
    for models in days.values():
        for model, use in models.items():
            total[model] += use.tokens
    return sorted(total, key=lambda model: (model == IMPORTED, -total[model], model))


def _layers(days: Days, models: Sequence[str], of: Callable[[Used], int]) -> list[Layer]:
    """A layer for each of the first models, one for the others and one for what was imported."""
    named = [model for model in models if model != IMPORTED]
    groups = [(model, f"m{at}", [model]) for at, model in enumerate(named[:_COLOURS])]
    groups += [(_OTHERS, "mo", named[_COLOURS:]), (_FROM_CACHE, "mi", [IMPORTED])]
    layers = [
        Layer(
            name,
            colour,
            [sum(of(found.get(model, Used())) for model in group) for found in days.values()],
        )
        for name, colour, group in groups
    ]
    return [layer for layer in layers if any(layer.amounts)]


def _numbers(days: Days, models: Sequence[str]) -> Html:
    """The table, newest day first; beyond the screen's width it scrolls within itself."""
    heads = ("Input", "Output", "Cache read", "Cache written", "Cost")
    head = tag(
        "tr",
        tag("th", "Day", scope="col"),
        tag("th", "Model", scope="col"),
        *(tag("th", name, scope="col", class_="n") for name in heads),
    )
    rows = [
        _row(day, model, found[model])
        for day, found in reversed(list(days.items()))
        for model in models
        if model in found
    ]
    empty = tag("tr", tag("td", "Nothing was counted on these days.", colspan="7"))
    table = tag(
        "table",
        tag("caption", f"The last {DAYS} days by day and model, in tokens and US dollars"),
        tag("thead", head),
        tag("tbody", *(rows or [empty])),
    )
    scroll = tag(
        "div",
        table,
        class_="scroll",
        id="numbers-table",
        role="region",
        aria_label="Numbers by day and model",
        tabindex="0",
    )
    return tag(
        "details", tag("summary", "The same in numbers", id="numbers-open"), scroll, id="numbers"
    )


def _row(day: date, model: str, use: Used) -> Html:
    counts: list[str | Html]
    if model == IMPORTED:
        split = tag("td", amount(use.unsplit), " in all", colspan="4", class_="n")
        cells = [split]
    else:
        counts = [amount(n) for n in (use.input, use.output, use.cache_read, use.cache_creation)]
        cells = [tag("td", n, class_="n") for n in counts]
    return tag(
        "tr",
        tag("th", tag("time", day_name(day), datetime=day.isoformat()), scope="row"),
        tag("td", label(model or _FROM_CACHE)),
        *cells,
        tag("td", cost(use), class_="n"),
    )
