"""The report: tokens and cost by day and model, and what came of them by day.

Imported days have no split by type that could be trusted, so they stand as one row without model.
What is not known is None, never 0: a model without a price, days of which only sums are left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final, Protocol, TypeVar

import msgspec

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.ledger.days import Days

IMPORTED: Final = "(imported)"
TOTAL: Final = "total"


class UsageRow(msgspec.Struct, frozen=True):
    """One day and model; ``unsplit`` are tokens of an imported day, of which no type is known.

    ``cost_nano`` and ``saved_nano`` are 10^-9 USD, None when nothing of the row has a known cost.
    ``unpriced`` are tokens without a price, ``before_prices`` those that were counted before there
    were prices: what they cost is in neither number.
    """

    date: str
    model: str
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_creation: int = 0
    unsplit: int = 0
    cost_nano: int | None = None
    saved_nano: int | None = None
    unpriced: int = 0
    before_prices: int = 0


class OutcomeRow(msgspec.Struct, frozen=True):
    """What came of one day; None where nothing is known, ``complete`` when all of it is."""

    date: str
    complete: bool = True
    prompts: int | None = None
    active_user_s: int | None = None
    active_cli_s: int | None = None
    lines_added: int | None = None
    lines_removed: int | None = None
    commits: int | None = None
    pull_requests: int | None = None
    tool_errors: int | None = None
    api_errors: int | None = None

    @property
    def known(self) -> bool:
        """Whether anything is."""
        return any(getattr(self, name) is not None for name in _OUTCOME)


class _Dated(Protocol):
    @property
    def date(self) -> str: ...


Row = TypeVar("Row", bound=_Dated)

# of which series each column of an outcome is the sum; an empty label means all there are
_OUTCOME: Final = {
    "prompts": (f.PROMPTS, ""),
    "active_user_s": (f.ACTIVE_S, "user"),
    "active_cli_s": (f.ACTIVE_S, "cli"),
    "lines_added": (f.LINES, "added"),
    "lines_removed": (f.LINES, "removed"),
    "commits": (f.COMMITS, ""),
    "pull_requests": (f.PULL_REQUESTS, ""),
    "tool_errors": (f.TOOL_ERRORS, ""),
    "api_errors": (f.API_ERRORS, ""),
}
_TOKENS: Final = {
    "input": "input",
    "output": "output",
    "cacheRead": "cache_read",
    "cacheCreation": "cache_creation",
}
_MODEL_FIRST: Final = {f.COST: "cost", f.SAVINGS: "saved", f.UNPRICED: "unpriced"}


def usage_rows(days: Days, since: date) -> list[UsageRow]:
    """Build the rows from ``since`` on, oldest first; a day is imported or the ledger's own.

    What the ledger knows of an imported day's cost stands in that day's row.
    """
    rows: list[UsageRow] = []
    for day in sorted({*days.counted, *days.unsplit}):
        models = _by_model(days.counted.get(day, {}))
        if day in days.unsplit:
            whole = sum(models.values(), Counter())
            row = _usage_row(day, IMPORTED, whole, unsplit=days.unsplit[day])
            rows += [row] if row.unsplit or row.cost_nano or row.unpriced else []
        else:
            rows += [
                _usage_row(day, model, found, before_prices=days.before_prices.get((day, model), 0))
                for model, found in sorted(models.items())
            ]
    return _from(since, rows)


def _by_model(counted: Mapping[Series, int]) -> dict[str, Counter[str]]:
    models: dict[str, Counter[str]] = {}
    for series, amount in counted.items():
        if series.family == f.TOKENS:
            models.setdefault(series.b, Counter())[_TOKENS[series.a]] += amount
        elif series.family in _MODEL_FIRST:
            models.setdefault(series.a, Counter())[_MODEL_FIRST[series.family]] += amount
    return models


def _usage_row(
    day: date, model: str, found: Counter[str], *, unsplit: int = 0, before_prices: int = 0
) -> UsageRow:
    """One row; of an imported day's tokens those of the ledger are left out."""
    tokens = {name: 0 if model == IMPORTED else found[name] for name in _TOKENS.values()}
    without = found["unpriced"] + before_prices
    nothing_known = not found["cost"] and (
        model == IMPORTED or (without > 0 and without >= sum(tokens.values()))
    )
    return UsageRow(
        date=day.isoformat(),
        model=model,
        **tokens,
        unsplit=unsplit,
        cost_nano=None if nothing_known else found["cost"],
        saved_nano=None if nothing_known else found["saved"],
        unpriced=found["unpriced"],
        before_prices=before_prices,
    )


def outcome_rows(days: Days, since: date) -> list[OutcomeRow]:
    """Build what came of each day from ``since`` on, oldest first."""
    lacking = {day for day, _ in days.before_prices}
    return _from(
        since,
        [
            _outcome_row(
                day, days.counted.get(day, {}), imported=day in days.unsplit, lacks=day in lacking
            )
            for day in sorted({*days.counted, *days.unsplit})
        ],
    )


def _outcome_row(
    day: date, counted: Mapping[Series, int], *, imported: bool, lacks: bool
) -> OutcomeRow:
    sums: Counter[tuple[str, str]] = Counter()
    for (family, a, _), amount in counted.items():
        sums[family, ""] += amount
        sums[family, a] += amount if a else 0
    columns: dict[str, int | None] = {name: sums[key] for name, key in _OUTCOME.items()}
    # a day of which no row was read since the families came: not nothing, but unknown
    if (imported or lacks) and not any(f.GENERATIONS[one.family] > 1 for one in counted):
        known = () if imported and not counted else ("api_errors",)
        columns = {name: columns[name] if name in known else None for name in columns}
    return OutcomeRow(date=day.isoformat(), complete=not (imported or lacks), **columns)


def _from(since: date, rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row.date >= since.isoformat()]


def usage_total(rows: Sequence[UsageRow]) -> UsageRow:
    """Add up all rows; a cost that is not known adds nothing, and is None only if none is."""
    return UsageRow(TOTAL, "", *_sums(rows, UsageRow.__struct_fields__[2:]))


def outcome_total(rows: Sequence[OutcomeRow]) -> OutcomeRow:
    """Add up all rows."""
    complete = all(row.complete for row in rows)
    return OutcomeRow(TOTAL, complete, *_sums(rows, OutcomeRow.__struct_fields__[2:]))


def _sums(rows: Sequence[msgspec.Struct], names: Iterable[str]) -> list[Any]:
    columns = ([getattr(row, name) for row in rows] for name in names)
    known = ([value for value in column if value is not None] for column in columns)
    return [sum(column) if column or not rows else None for column in known]
