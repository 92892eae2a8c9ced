"""What the rows of ``prices:`` say: what models cost that the table lacks, or has wrong.

Whatever a row leaves out has no price; nothing is made up from its other numbers. Prices are
exact decimals, and a request that grows past ``above.tokens`` never becomes cheaper.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import msgspec

from ccpush.config.nodes import Kind, shown
from ccpush.config.reader import ListOf, Value
from ccpush.config.report import WRONG, Item, Report
from ccpush.config.scalars import count
from ccpush.config.settings import PriceOverride, PricesAbove
from ccpush.config.table import Rule, Table, Values
from ccpush.config.texts import RefusedError

# a hundred times the dearest model; what is beyond is a price in another unit
MAX_PRICE = 10_000
MAX_MULTIPLIER = 100
PRICE_PLACES = 6
MULTIPLIER_PLACES = 3
_MAX_TOKENS = 1_000_000_000
_MAX_MODEL_CHARS = 80

_NUMBER: frozenset[Kind] = frozenset(("int", "float"))
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_PLAIN = re.compile(r"[a-z0-9_][a-z0-9._:@+-]*")
_WRAPPED = re.compile(r".*[./]claude-.*|.*[/\[\]].*")
_REVISED = re.compile(r"claude-.*(@.*|:.*|-v\d+)")

_TOKENS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
_ADDED = ("web_search", "fast", "batch")


def _decimal(what: str, most: int, places: int) -> Value:
    """A number from 0 to ``most``, as it was written: no float ever rounds it."""
    shape = re.compile(rf"\d{{1,12}}(\.\d{{1,{places}}})?", re.ASCII)

    def convert(text: str) -> Decimal:
        if not shape.fullmatch(text):
            raise RefusedError(f"digits with at most {places} decimals")
        if Decimal(text) > most:
            raise RefusedError(f"not more than {most}")
        return Decimal(text)

    return Value(f"{what} from 0 to {most}, such as 0.6", convert, _NUMBER)


def _model(text: str) -> str:
    """The name as :mod:`ccpush.claude.model_names` would leave it."""
    name = text.lower()
    if _WRAPPED.fullmatch(name) or _REVISED.fullmatch(name):
        raise RefusedError("without what a provider or a gateway puts around it")
    if not _PLAIN.fullmatch(name) or len(name) > _MAX_MODEL_CHARS:
        raise RefusedError(f"letters, digits and ._:@+-, at most {_MAX_MODEL_CHARS} characters")
    return re.sub(r"(?<=\d)\.(?=\d)", "-", name) if name.startswith("claude-") else name


def _day(text: str) -> date:
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        raise RefusedError("the calendar does not have it") from None
    raise RefusedError("year, month and day, with hyphens")


def _above(values: Values, item: Item, report: Report) -> object:  # noqa: ARG001
    return PricesAbove(**values)


def _row(values: Values, item: Item, report: Report) -> object:
    told = len(report.problems)
    if values.get("models") == ():
        report.wrong(item.key("models"), "an empty list", _MODEL.accepted)
    _check_whole(values, item, report)
    _check_never_cheaper(values, item, report)
    if len(report.problems) > told:
        return WRONG
    names = values.pop("models") if "models" in values else (values.pop("model"),)
    if "from" in values:
        values["since"] = values.pop("from")
    return PriceOverride(models=names, **values)


def _check_whole(values: Values, item: Item, report: Report) -> None:
    """A row says what tokens cost, input and output at least, or adds what lies beside them."""
    given = [key for key in (*_TOKENS, "above") if key in values]
    for key in ("input", "output"):
        if given and key not in values:
            accepted = f"{_PRICE.accepted}, which {' and '.join(given)} cannot do without"
            report.wrong(item.key(key), "nothing", accepted)
    if not given and not any(key in values for key in _ADDED):
        report.wrong(item, "no price", f"input and output, or one of {', '.join(_ADDED)}")


def _check_never_cheaper(values: Values, item: Item, report: Report) -> None:
    above = values.get("above")
    for key in _TOKENS if above is not None else ():
        beyond, below = getattr(above, key), values.get(key)
        if beyond is not None and below is not None and beyond < below:
            at = item.key("above").key(key)
            report.wrong(at, shown(at.node), f"at least {below}, as {key} costs below")


_PRICE = _decimal("USD per million tokens,", MAX_PRICE, PRICE_PLACES)
_MULTIPLIER = _decimal("a multiplier", MAX_MULTIPLIER, MULTIPLIER_PLACES)
_MODEL = Value("a model's name as the label model has it, such as claude-opus-4-8", _model)
_TOKEN_RULES: dict[str, Rule] = dict.fromkeys(_TOKENS, _PRICE)
_KEYS: dict[str, Rule] = {
    "model": _MODEL,
    "models": ListOf(_MODEL, "a list of models' names"),
    "from": Value("a day, such as 2026-09-01", _day, frozenset(("text",))),
    **_TOKEN_RULES,
    "web_search": _decimal("USD per thousand searches,", MAX_PRICE, PRICE_PLACES),
    "fast": _MULTIPLIER,
    "batch": _MULTIPLIER,
    "above": Table(
        {"tokens": count(1, _MAX_TOKENS), **_TOKEN_RULES},
        _above,
        exactly_one=(("tokens",), ("input",), ("output",)),
    ),
}


class _Rows(msgspec.Struct, frozen=True):
    """The list of rows, of which no two are of one model from one day on."""

    rows: ListOf

    @property
    def accepted(self) -> str:
        """See :class:`ccpush.config.reader.Reader`."""
        return self.rows.accepted

    def read(self, item: Item, report: Report) -> object:
        """See :class:`ccpush.config.reader.Reader`."""
        rows = self.rows.read(item, report)
        if not isinstance(rows, tuple):
            return rows
        told = len(report.problems)
        first: dict[tuple[str, date | None], Item] = {}
        for row, at in zip(rows, item.elements(), strict=True):
            for name in row.models:
                if (known := first.get((name, row.since))) is not None:
                    day = f"from {row.since} on" if row.since else "without a day"
                    found = f"{name} {day} a second time (first in {known.path})"
                    report.wrong(at, found, "each model once for each day")
                first.setdefault((name, row.since), at)
        return rows if len(report.problems) == told else WRONG


PRICES = _Rows(
    ListOf(
        Table(_KEYS, _row, exactly_one=(("model", "models"),)),
        "a list of rows, such as - {model: glm-4.6, input: 0.6, output: 2.2}",
    )
)
