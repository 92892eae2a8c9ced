"""Makes the price table that ccpush brings from the package genai-prices, or compares the two.

    python prices/generate.py            writes ccpush/prices/table.json; ``make prices`` runs it
    python prices/generate.py --check    writes nothing, names each difference, exits 1

A path may follow, of another table to write or to compare. Only Anthropic's own list: the models of
others, and the surcharges of resellers, are for ``prices:`` in ccpush.yml. What the table's format
cannot say exactly is refused, never rounded off.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genai_prices import types
from genai_prices.data import providers

from ccpush.claude.model_names import normalise
from ccpush.config.prices_block import MULTIPLIER_PLACES, PRICE_PLACES
from ccpush.prices.book import SNAPSHOT, TABLE

# the table's words for genai-prices' units; 5-minute writes are its writes of no other life
TOKENS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write_5m",
    "cache_write_1h_mtok": "cache_write_1h",
}
SEARCHES = {"web_searches_kcount": "web_search"}
MODES = {("speed", "fast"): "fast", ("processing", "batch"): "batch"}
ORDER = (*TOKENS.values(), *SEARCHES.values(), *MODES.values(), "above")
ABOUT = (
    "USD per million tokens; web_search: per thousand; fast, batch: multiply the prices of tokens;"
    " above: for the whole of a request with a longer prompt. What is absent has no price."
)
Row = dict[str, Any]
Prices = Mapping[str, Decimal | types.TieredPrices]

_DATED = re.compile(r"\^(claude-[a-z0-9.-]+?)(?:-|\[-@\])(?:\\d\{8\}|\\d\{4\}-\\d\{2\}-\\d\{2\})\$")
# the beginning of a release's date, by which some models are told apart
_YEAR = re.compile(r"-20\d\d$")


def main(arguments: list[str]) -> int:
    """Write the table, or compare it; answer the exit code."""
    paths = [Path(each) for each in arguments if each != "--check"]
    path = paths[0] if paths else TABLE
    old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    rows, source = list(table_rows()), f"genai-prices {version('genai-prices')}"
    today = dt.datetime.now(dt.UTC).date().isoformat()
    date = old["date"] if old.get("rows") == rows else today
    text = written({"date": date, "source": source, "about": ABOUT}, rows)
    if "--check" not in arguments:
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}: {len(rows)} rows of {date} from {source}")
        return 0
    found = [*differences(old.get("rows", []), rows, source)]
    if not found and path.read_text(encoding="utf-8") != text:
        found = [f"the same prices, but not as {source} and this program would write them"]
    for line in found:
        print(f"{path.name}: {line}: run make prices", file=sys.stderr)
    return 1 if found else 0


def written(head: Row, rows: list[Row]) -> str:
    """The file: one row on a line, so that a change of price is a change of one line."""
    top = "".join(f" {json.dumps(key)}: {json.dumps(head[key])},\n" for key in head)
    return f'{{\n{top} "rows": [\n  ' + ",\n  ".join(map(json.dumps, rows)) + "\n ]\n}\n"


def differences(old: list[Row], new: list[Row], source: str) -> Iterator[str]:
    """A line for each number that differs: which model, from which day on, which price."""
    ours, theirs = ({name: row for row in rows for name in _names(row)} for rows in (old, new))
    for name in sorted(ours.keys() | theirs.keys()):
        where = f"{name[0]} from {name[1]} on" if name[1] else name[0]
        if name not in theirs or name not in ours:
            yield f"{where} is only in {'the table' if name in ours else source}"
            continue
        mine, other = _flat(ours[name]), _flat(theirs[name])
        for key in sorted(mine.keys() | other.keys()):
            if mine.get(key) != other.get(key):
                yield f"{where}: {key} is {mine.get(key)}, in {source} {other.get(key)}"


def _names(row: Row) -> Iterator[tuple[str, str]]:
    yield from ((name, row.get("from", "")) for name in row["models"])


def _flat(row: Row) -> Row:
    above = {f"above.{key}": value for key, value in row.get("above", {}).items()}
    return {key: value for key, value in row.items() if key not in ("models", "above")} | above


def table_rows() -> Iterator[Row]:
    """The rows of all models, in the order of their names and days."""
    (anthropic,) = (provider for provider in providers if provider.id == "anthropic")
    owners: dict[str, str] = {}
    for model in anthropic.models:
        names = list(dict.fromkeys(_plain_names(model)))
        for name in names:
            if owners.setdefault(name, model.id) != model.id:
                raise SystemExit(f"{name} is both {owners[name]} and {model.id}")
        if names:
            yield from _rows_of(model, names)


def _plain_names(model: types.ModelInfo) -> Iterator[str]:
    clauses = model.match.or_ if isinstance(model.match, types.ClauseOr) else [model.match]
    for clause in clauses:
        (text,) = vars(clause).values()
        if isinstance(clause, types.ClauseRegex):
            if (dated := _DATED.fullmatch(text)) is None:
                raise SystemExit(f"{model.id}: {text} is no name with a date")
            text = dated[1]
        elif isinstance(clause, types.ClauseEndsWith | types.ClauseAnd):
            raise SystemExit(f"{model.id}: {clause} is no name")
        name = SNAPSHOT.sub("", _YEAR.sub("", normalise(text)))
        # claude-v1 and claude-v2 are to ccpush the revisions 1 and 2 of a model without a name
        if name != "claude":
            yield name


def _rows_of(model: types.ModelInfo, names: list[str]) -> Iterator[Row]:
    changes: list[types.ConditionalPrice | types.PriceVariant] = [*(model.price_variants or [])]
    changes += model.prices if isinstance(model.prices, list) else []
    days = {_day(each.constraint, model.id) for each in changes} | {dt.date.min}
    before: Row = {}
    for day in sorted(days):
        row = _row(model, day)
        if row != before:
            since = {} if day == dt.date.min else {"from": day.isoformat()}
            yield {"models": names, **since, **row}
        before = row


def _day(constraint: object, model: str) -> dt.date:
    if isinstance(constraint, types.StartDateConstraint):
        return constraint.start_date
    if constraint is not None:
        raise SystemExit(f"{model}: {constraint} is no day")
    return dt.date.min


def _row(model: types.ModelInfo, day: dt.date) -> Row:
    at = dt.datetime.combine(day, dt.time(), dt.UTC)
    standard = _known(model.get_prices(at), model.id)
    row = _tiers(standard, model.id)
    row |= {SEARCHES[key]: _number(standard[key]) for key in SEARCHES if key in standard}
    for variant in model.price_variants or []:
        if _day(variant.constraint, model.id) <= day:
            mode = MODES.get(next(iter(variant.when.items()))) if len(variant.when) == 1 else None
            if mode is None or mode in row:
                raise SystemExit(f"{model.id}: the table cannot say {variant.when}")
            row[mode] = _multiplier(standard, _known(variant.prices, model.id), model.id)
    return {key: row[key] for key in ORDER if key in row}


def _known(prices: types.ModelPrice, model: str) -> Prices:
    found = {key: price for key, price in vars(prices).items() if price is not None}
    if odd := found.keys() - TOKENS.keys() - SEARCHES.keys():
        raise SystemExit(f"{model}: the table cannot say {sorted(odd)}")
    return found


def _tiers(prices: Prices, model: str) -> Row:
    tokens = {TOKENS[key]: prices[key] for key in TOKENS if key in prices}
    tiered = {key: price for key, price in tokens.items() if not isinstance(price, Decimal)}
    row: Row = {key: _number(_levels(price)[0][1]) for key, price in tokens.items()}
    if tiered:
        starts = {tuple(tier.start for tier in price.tiers) for price in tiered.values()}
        if len(starts) != 1 or len(*starts) != 1:
            raise SystemExit(f"{model}: the table can say one limit, not {sorted(starts)}")
        beyond = {key: _levels(price)[-1][1] for key, price in tokens.items()}
        if any(beyond[key] < _levels(price)[0][1] for key, price in tokens.items()):
            raise SystemExit(f"{model}: a longer request would be cheaper")
        ((start,),) = starts
        row["above"] = {"tokens": start} | {key: _number(price) for key, price in beyond.items()}
    return row


def _multiplier(standard: Prices, mode: Prices, model: str) -> str:
    """How many times the standard prices of tokens a mode costs, which must be one number."""
    if mode.keys() != standard.keys() & TOKENS.keys():
        raise SystemExit(f"{model}: a mode prices {sorted(mode)}, not what the model does")
    pairs = [
        (*below, *beside)
        for key in mode
        for below, beside in zip(_levels(standard[key]), _levels(mode[key]), strict=True)
    ]
    times = {there / here for _, here, _, there in pairs}
    if len(times) != 1 or any(start != other for start, _, other, _ in pairs):
        raise SystemExit(f"{model}: the prices of a mode are no multiple of the standard ones")
    return _number(times.pop(), MULTIPLIER_PLACES)


def _levels(price: Decimal | types.TieredPrices) -> list[tuple[int, Decimal]]:
    if isinstance(price, Decimal):
        return [(0, price)]
    return [(0, price.base), *((tier.start, tier.price) for tier in price.tiers)]


def _number(price: Decimal | types.TieredPrices, places: int = PRICE_PLACES) -> str:
    if not isinstance(price, Decimal) or price != round(price, places):
        raise SystemExit(f"the table cannot say {price}")
    return f"{price.normalize():f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
