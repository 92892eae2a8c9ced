"""What came together on some days? Adds up a span of local days; a day is never added twice.

A day is imported from the stats cache or the ledger's own. Of an imported day the cache knows
messages, sessions, tool calls and a sum of tokens; of everything else the ledger alone knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta

import msgspec

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.web.page.facts import Facts


class Used(msgspec.Struct, frozen=True):
    """What one model used, or all; ``unsplit`` are tokens of imported days, input and output.

    ``cost_nano`` is 10^-9 USD of what has a price; ``unpriced`` are the tokens that have none.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_creation: int = 0
    unsplit: int = 0
    cost_nano: int = 0
    unpriced: int = 0

    @property
    def tokens(self) -> int:
        """Input and output, what the cache saved or kept aside."""
        return self.input + self.output + self.unsplit

    @property
    def cost_is_whole(self) -> bool:
        """Whether everything that was used is in the cost."""
        return not (self.unpriced or self.unsplit)

    @property
    def cost_is_known(self) -> bool:
        """Whether the cost says anything."""
        return self.cost_is_whole or self.cost_nano > 0

    def __add__(self, other: Used) -> Used:
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Used(*(one + another for one, another in pairs))


class Came(msgspec.Struct, frozen=True):
    """What came of some days beside tokens."""

    sessions: int = 0
    messages: int = 0
    tool_calls: int = 0
    lines_added: int = 0
    lines_removed: int = 0
    commits: int = 0


IMPORTED = ""
_COLUMNS = {
    (f.TOKENS, "input"): "input",
    (f.TOKENS, "output"): "output",
    (f.TOKENS, "cacheRead"): "cache_read",
    (f.TOKENS, "cacheCreation"): "cache_creation",
    (f.COST, ""): "cost_nano",
    (f.UNPRICED, ""): "unpriced",
}
_NOTHING: Mapping[Series, int] = {}


def days_of(facts: Facts, first: date) -> list[date]:
    """The days from ``first`` to today."""
    today = facts.recent.today
    return [first + timedelta(days=n) for n in range((today - first).days + 1)]


def used_by_model(facts: Facts, day: date) -> dict[str, Used]:
    """What each model used on a day; what was imported stands under IMPORTED."""
    models: dict[str, Counter[str]] = {}
    figures = facts.account.days.get(day)
    unsplit = figures.unsplit if figures is not None else None
    for model, column, n in _amounts(facts, day):
        if unsplit is None:
            models.setdefault(model, Counter())[column] += n
        elif column in {"cost_nano", "unpriced"}:
            # what the ledger has of an imported day's tokens is in the cache's sum
            models.setdefault(IMPORTED, Counter())[column] += n
    if unsplit is not None:
        models.setdefault(IMPORTED, Counter())["unsplit"] += unsplit
    return {model: Used(**amounts) for model, amounts in models.items() if any(amounts.values())}


def used(facts: Facts, days: Iterable[date]) -> Used:
    """What was used on some days by all models."""
    every = (one for day in days for one in used_by_model(facts, day).values())
    return sum(every, Used())


def came(facts: Facts, days: Iterable[date]) -> Came:
    """What came of some days."""
    total: Counter[str] = Counter()
    for day in days:
        total.update(_came(facts, day))
    return Came(**total)


def by_tool(facts: Facts, days: Iterable[date]) -> Counter[str]:
    """Tool calls of some days by tool; imported days do not tell."""
    found: Counter[str] = Counter()
    for day in days:
        for series, n in facts.recent.counted.get(day, _NOTHING).items():
            if series.family == f.TOOL_CALLS:
                found[series.a] += n
    return found


def _amounts(facts: Facts, day: date) -> Iterator[tuple[str, str, int]]:
    for (family, a, b), n in facts.recent.counted.get(day, _NOTHING).items():
        if family == f.TOKENS:
            yield b, _COLUMNS[family, a], n
        elif family in {f.COST, f.UNPRICED}:
            yield a, _COLUMNS[family, ""], n
    for (when, model), n in facts.recent.before_prices.items():
        if when == day:
            yield model, "unpriced", n


def _came(facts: Facts, day: date) -> Counter[str]:
    found: Counter[str] = Counter()
    for (family, a, _), n in facts.recent.counted.get(day, _NOTHING).items():
        if family in {f.SESSIONS, f.MESSAGES, f.TOOL_CALLS, f.COMMITS}:
            found[family] += n
        elif family == f.LINES:
            found[f"lines_{a}"] += n
    figures = facts.account.days.get(day)
    if figures is not None and figures.unsplit is not None:
        found["sessions"] = figures.sessions
        found["messages"] = figures.messages
        found["tool_calls"] = figures.tool_calls
    return found
