"""The costs are those of genai-prices, over everything that it knows about Anthropic's models."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from ccpush.claude.model_names import normalise
from ccpush.prices.book import TABLE, PriceBook, Use, load_book

genai_prices = pytest.importorskip("genai_prices", reason="needs the dependency group tests")
from genai_prices.data import providers  # noqa: E402
from genai_prices.types import ModelPrice, StartDateConstraint  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
(ANTHROPIC,) = (provider for provider in providers if provider.id == "anthropic")
NANO = 10**9
MODES = {(True, False): {"speed": "fast"}, (False, True): {"processing": "batch"}}
PRICES = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "cache_write_1h_mtok", "web_searches_kcount")  # fmt: skip
# input, output, cache reads, 5-minute writes, 1-hour writes, web searches; odd numbers, so that
# none of them could be taken for another
USES = (
    (0, 0, 0, 0, 0, 0),
    (1, 0, 0, 0, 0, 0),
    (10, 500, 10_000, 500, 1_500, 0),
    (7, 1_301, 17, 0, 0, 3),
    (12_345, 6_789, 98_765, 4_321, 1_234, 7),
)
EVERY_KIND = (3, 997, 31, 53, 71, 1)
TABLE_NAMES = [name for row in json.loads(TABLE.read_bytes())["rows"] for name in row["models"]]


def mode_of(use: Use) -> dict[str, str]:
    """The context by which genai-prices knows the mode."""
    return MODES.get((use.fast, use.batch), {})


def is_known(model: Any, at: datetime, use: Use) -> bool:
    """Whether genai-prices has a price for all that was used, in this mode, at that time."""
    if use.fast and use.batch:
        return False
    variants = [
        variant
        for variant in model.price_variants or ()
        if variant.when == mode_of(use)
        and (variant.constraint is None or variant.constraint.active(at))
    ]
    prices: ModelPrice = model.get_prices(at, mode_of(use))
    used = all(
        getattr(prices, key) is not None or not count
        for key, count in zip(PRICES, use[:6], strict=True)
    )
    return used and bool(variants or not mode_of(use))


def theirs(model: Any, at: datetime, use: Use) -> int | None:
    """The cost by genai-prices in nano-USD; None where it would guess."""
    if not is_known(model, at, use):
        return None
    usage = genai_prices.Usage(
        input_tokens=use.input + use.cache_read + use.write_5m + use.write_1h,
        cache_read_tokens=use.cache_read,
        cache_write_tokens=use.write_5m + use.write_1h,
        cache_write_1h_tokens=use.write_1h,
        output_tokens=use.output,
        web_searches=use.web_searches,
    )
    total: Decimal = model.calc_price(
        usage, ANTHROPIC, genai_request_timestamp=at, price_context=mode_of(use)
    ).total_price
    return int((total * NANO).quantize(Decimal(1)))


def days_of(model: Any) -> list[date]:
    """The days around every one on which something changes, and days far from them."""
    conditions = [*(model.prices if isinstance(model.prices, list) else ())]
    conditions += model.price_variants or []
    changes = {
        condition.constraint.start_date
        for condition in conditions
        if isinstance(condition.constraint, StartDateConstraint)
    }
    around = {day + timedelta(days=shift) for day in changes for shift in (-1, 0, 1)}
    return sorted(around | {date(2024, 3, 1), date(2026, 11, 21), date(2030, 1, 1)})


def uses_of(model: Any) -> list[Use]:
    """Uses below, at and just above every limit, in every mode."""
    limits = {int(start) for start in re.findall(r"start=(\d+)", repr(model.prices))} | {200_000}
    counts = list(USES)
    for limit, shift in product(sorted(limits), (-1, 0, 1, 54_321)):
        rest = limit + shift - sum(EVERY_KIND[2:5])
        counts.append((rest, *EVERY_KIND[1:]))
        counts.append((11, 0, limit + shift - 11, 0, 0, 0))
    modes = product((False, True), repeat=2)
    return [Use(*each, fast, batch) for (fast, batch), each in product(modes, counts)]


def name_of(model: Any) -> str:
    """A name by which rows of transcripts would have this model."""
    return normalise(str(model.id))


# two names of the first generation are to ccpush revisions of a model without a name
@pytest.mark.parametrize(
    "model", [m for m in ANTHROPIC.models if m.id != "claude-v1"], ids=lambda model: str(model.id)
)
def test_costs_are_equal(model: Any) -> None:
    """Every model, day, tier and mode: the same nano-dollars, or no price where there is none."""
    book = load_book()
    priced = 0
    for day, use in product(days_of(model), uses_of(model)):
        at = datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)
        found = book.price(name_of(model), day.toordinal(), use)
        expected = theirs(model, at, use)
        assert expected == (None if found is None else found.cost_nano), (day, use)
        priced += expected is not None

    assert priced > 5


def test_the_long_tier_is_where_it_is_said_to_be() -> None:
    """The grid has models with a tier, and days on which one ends: no model of it is too plain."""
    book, use = load_book(), Use(300_000, 0, 0, 0, 0, 0, fast=False, batch=False)
    days = [date(2026, 3, day).toordinal() for day in (12, 13)]

    found = [book.price("claude-sonnet-4-6", day, use) for day in days]
    assert [1_800_000_000, 900_000_000] == [each.cost_nano for each in found if each]


@pytest.mark.parametrize("name", sorted(set(TABLE_NAMES)))
@pytest.mark.parametrize("release", ["", "-20991231"])
def test_names_are_those_of_the_same_model(name: str, release: str) -> None:
    """A name of the table is to genai-prices a model with the same price, also with a release."""
    use = Use(1_000, 500, 0, 0, 0, 0, fast=False, batch=False)
    day = date(2026, 11, 21)
    found = load_book().price(name + release, day.toordinal(), use)
    model = model_named(name)

    assert found is not None
    assert theirs(model, datetime(2026, 11, 21, tzinfo=UTC), use) == found.cost_nano


def model_named(name: str) -> Any:
    """The model of genai-prices with this name, or with dots in its version."""
    dotted = re.sub(r"(?<=\d)-(?=\d)", ".", name)
    named = [model for model in ANTHROPIC.models if model.is_match(name)]
    return (named or [model for model in ANTHROPIC.models if model.is_match(dotted)])[0]


def generate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program that makes the table."""
    command = [sys.executable, "-I", str(ROOT / "prices/generate.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_table_is_what_genai_prices_says() -> None:
    """The table is the one that is made from the installed genai-prices; if not, what differs."""
    ran = generate("--check", str(ROOT / "ccpush/prices/table.json"))

    assert (0, "") == (ran.returncode, ran.stderr)


def test_a_difference_is_told(tmp_path: Path) -> None:
    """A change of price is told with model, day and both numbers; making the table heals it."""
    table = json.loads(TABLE.read_bytes())
    rows = {(row["models"][0], row.get("from")): row for row in table["rows"]}
    rows["claude-sonnet-4-6", "2026-03-13"]["input"] = "4"
    rows["claude-haiku-5-5", None]["above"]["output"] = "1"
    del rows["claude-opus-4-8", None]["fast"]
    table["rows"].remove(rows["claude-2", None])
    copy = tmp_path / "table.json"
    copy.write_text(json.dumps(table | {"date": "2026-01-01"}))
    ran = generate("--check", str(copy))
    source = table["source"]

    assert 1 == ran.returncode
    assert [
        f"table.json: claude-2 is only in {source}: run make prices",
        f"table.json: claude-4-8-opus: fast is None, in {source} 2: run make prices",
        f"table.json: claude-5-5-haiku: above.output is 1, in {source} 2.5: run make prices",
        f"table.json: claude-haiku-5-5: above.output is 1, in {source} 2.5: run make prices",
        f"table.json: claude-opus-4-8: fast is None, in {source} 2: run make prices",
        f"table.json: claude-sonnet-4-6 from 2026-03-13 on: input is 4, in {source} 3: run make prices",
    ] == ran.stderr.splitlines()

    assert 0 == generate(str(copy)).returncode
    made = json.loads(copy.read_bytes())
    assert json.loads(TABLE.read_bytes())["rows"] == made["rows"]
    # the table changed today
    assert abs(datetime.now(UTC).date() - date.fromisoformat(made["date"])) <= timedelta(days=1)
    assert 0 == generate(str(copy)).returncode
    assert made == json.loads(copy.read_bytes())


def test_the_version_is_the_day_of_the_table() -> None:
    """A book without overrides is as old as its table says."""
    book: PriceBook = load_book()

    assert date(2026, 11, 1) <= date.fromisoformat(book.version)
