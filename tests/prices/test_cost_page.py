"""The page on cost says what the program does: its numbers and its example."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import documents
import pytest

from ccpush.config.load import load_settings
from ccpush.prices.book import TABLE, Use, load_book

PAGE = "docs/cost.md"
NANO = Decimal(10**9)


def worked() -> list[list[str]]:
    """The rows of the worked table."""
    return documents.table_rows(documents.section(PAGE, "How it is worked out"))


def use_of(row: list[str]) -> Use:
    """What the response of a row used."""
    input_, read, short, long, output = (int(cell) for cell in row[3:8])
    return Use(input_, output, read, short, long, 0, fast=row[2] == "fast", batch=row[2] == "batch")


def dollars(text: str) -> Decimal:
    """The number of a cell such as $0.0214."""
    return Decimal(text.removeprefix("$"))


@pytest.mark.parametrize("row", worked(), ids=lambda row: "-".join(row[:8]))
def test_the_worked_costs_are_those_of_the_book(row: list[str]) -> None:
    """Cost and savings of each line of the table are what the book answers."""
    price = load_book().price(row[0], date.fromisoformat(row[1]).toordinal(), use_of(row))

    assert price is not None
    assert [dollars(row[8]), dollars(row[9])] == [
        price.cost_nano / NANO,
        price.saved_nano / NANO,
    ]


Rates = dict[str, Decimal]
# the keys of the table, in the order of a use
KINDS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


def rates_of(row: list[str]) -> tuple[Rates, int, Rates]:
    """From the table itself: USD per token up to a limit, the limit, and beyond it."""
    rows = json.loads(TABLE.read_bytes())["rows"]
    found = [each for each in rows if row[0] in each["models"] and each.get("from", "") <= row[1]]
    times = Decimal(found[-1][row[2]]) if row[2] else Decimal(1)
    above = found[-1].get("above", {"tokens": 10**9})
    base, beyond = (
        {kind: Decimal(prices.get(kind, 0)) * times / 10**6 for kind in KINDS}
        for prices in (found[-1], above)
    )
    return base, above["tokens"], beyond


def marginal(row: list[str]) -> Decimal:
    """The other rule: of each kind on its own, what lies beyond the limit costs the tier's price."""
    base, limit, above = rates_of(row)
    return sum(
        (
            min(count, limit) * base[kind] + max(0, count - limit) * above[kind]
            for kind, count in zip(KINDS, use_of(row)[:5], strict=True)
        ),
        Decimal(0),
    )


def all_at_five_minutes(row: list[str]) -> Decimal:
    """The other rule: no life of writes but that of five minutes; the tier as it should be."""
    base, limit, above = rates_of(row)
    use = use_of(row)
    rates = above if use.input + sum(use[2:5]) > limit else base
    lives = {**rates, "cache_write_1h": rates["cache_write_5m"]}
    return sum(
        (count * lives[kind] for kind, count in zip(KINDS, use[:5], strict=True)), Decimal(0)
    )


@pytest.mark.parametrize(("column", "rule"), [(10, marginal), (11, all_at_five_minutes)])
def test_the_other_counts_are_those_of_the_other_rules(
    column: int, rule: Callable[[list[str]], Decimal]
) -> None:
    """The last two columns follow from the rules that the page gives to others."""
    rows = worked()

    assert [rule(row) for row in rows] == [dollars(row[column]) for row in rows]


def test_the_example_is_a_settings_file(tmp_path: Path) -> None:
    """The rows that the page shows load, and do what their comments say."""
    file = tmp_path / "ccpush.yml"
    file.write_text(documents.examples(PAGE)["ccpush.yml prices"])
    file.chmod(0o600)
    folders = dict.fromkeys(
        ("home", "config_dir", "state_dir", "runtime_dir", "cache_dir"), tmp_path
    )
    settings = load_settings({"config": str(file)}, {}, **folders)
    book = load_book(settings.prices)
    fast = Use(1000, 0, 0, 0, 0, 0, fast=True, batch=False)

    assert () == settings.notes
    found = [
        book.price(name, date(2026, 11, 20).toordinal(), fast._replace(fast=name != "glm-4.6"))
        for name in ("glm-4.6", "claude-opus-5", "claude-opus-4-6")
    ]
    assert [600_000, 9_000_000, 30_000_000] == [each.cost_nano for each in found if each]
