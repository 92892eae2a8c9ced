"""What the table cannot say exactly is refused when it is made, never rounded off or left out."""

from __future__ import annotations

import importlib.util
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("genai_prices", reason="needs the dependency group tests")
from genai_prices.types import (
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseOr,
    ClauseRegex,
    ClauseStartsWith,
    ConditionalPrice,
    MatchLogic,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

PROGRAM = Path(__file__).resolve().parents[2] / "prices/generate.py"


@pytest.fixture
def program() -> ModuleType:
    """The program that makes the table, as a module."""
    spec = importlib.util.spec_from_file_location("generate_prices", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(program: ModuleType, *models: ModelInfo) -> list[dict[str, Any]]:
    """The table of these models alone."""
    program.__dict__["providers"] = [SimpleNamespace(id="anthropic", models=models)]
    return list(program.table_rows())


def prices(**changes: str | TieredPrices) -> ModelPrice:
    """Prices of input, output and what is given."""
    given = {"input_mtok": "2", "output_mtok": "10", **changes}
    return ModelPrice(
        **{key: Decimal(each) if isinstance(each, str) else each for key, each in given.items()}
    )


def tiered(base: str, *tiers: tuple[int, str]) -> TieredPrices:
    """A price that rises with the length of the prompt."""
    return TieredPrices(Decimal(base), [Tier(start, Decimal(price)) for start, price in tiers])


def model(
    standard: Any = None, *variants: PriceVariant, match: MatchLogic | None = None
) -> ModelInfo:
    """A model called claude-x."""
    return ModelInfo(
        id="claude-x",
        match=match or ClauseEquals("claude-x"),
        prices=standard or prices(),
        price_variants=list(variants),
    )


FAST = {"speed": "fast"}
NIGHT = TimeOfDateConstraint(time(1), time(2))

REFUSED = {
    "a part of a name": (model(match=ClauseEndsWith("-x")), "is no name"),
    "an expression": (model(match=ClauseRegex("^claude-[xy]$")), "is no name with a date"),
    "an hour": (model([ConditionalPrice(prices=prices()), ConditionalPrice(NIGHT, prices=prices())]), "is no day"),
    "a unit": (model(prices(input_audio_mtok="1")), "cannot say ['input_audio_mtok']"),
    "seven decimals": (model(prices(cache_read_mtok="0.0000001")), "cannot say 1E-7"),
    "two limits": (model(prices(input_mtok=tiered("2", (5, "3"), (9, "4")))), "one limit"),
    "limits of their own": (
        model(prices(input_mtok=tiered("2", (5, "3")), output_mtok=tiered("10", (6, "11")))), "one limit"
    ),
    "a cheaper tier": (model(prices(input_mtok=tiered("2", (5, "1")))), "would be cheaper"),
    "a tier of searches": (model(prices(web_searches_kcount=tiered("1", (5, "2")))), "cannot say"),
    "another mode": (model(None, PriceVariant({"geo": "us"}, prices())), "cannot say {'geo': 'us'}"),
    "two modes at once": (model(None, PriceVariant({**FAST, "processing": "batch"}, prices())), "cannot say"),
    "a mode twice": (model(None, PriceVariant(FAST, prices()), PriceVariant(FAST, prices())), "cannot say"),
    "a mode without all prices": (
        model(prices(cache_read_mtok="1"), PriceVariant(FAST, prices())), "not what the model does"
    ),
    "a mode that is no multiple": (
        model(None, PriceVariant(FAST, prices(input_mtok="4", output_mtok="21"))), "no multiple"
    ),
    "a mode with another limit": (
        model(
            prices(input_mtok=tiered("2", (5, "3"))),
            PriceVariant(FAST, prices(input_mtok=tiered("2", (6, "3")))),
        ), "no multiple"
    ),
    "a third": (model(prices(output_mtok="6"), PriceVariant(FAST, prices(input_mtok="1", output_mtok="3.0006"))), "no multiple"),
    "four decimals": (model(None, PriceVariant(FAST, prices(input_mtok="2.0002", output_mtok="10.001"))), "cannot say 1.0001"),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED)
def test_what_the_table_cannot_say_is_refused(program: ModuleType, why: str) -> None:
    """The program ends with a sentence, and nothing is written."""
    odd, words = REFUSED[why]
    with pytest.raises(SystemExit) as refused:
        rows(program, odd)

    assert words in str(refused.value)


def test_a_name_of_two_models_is_refused(program: ModuleType) -> None:
    """Two spellings that are one to ccpush must not be two models."""
    other = ModelInfo(id="claude-y", match=ClauseStartsWith("claude-x@"), prices=prices())
    with pytest.raises(SystemExit, match="claude-x is both claude-x and claude-y"):
        rows(program, model(), other)


def test_names_are_plain(program: ModuleType) -> None:
    """Every spelling is made plain, without a release or the beginning of one, and stands once."""
    spelled = (
        *map(ClauseEquals, ("claude-x-1", "claude-x-1-latest", "claude-x-1-20260101")),
        *map(ClauseStartsWith, ("claude-x-1-2026", "claude-x.1", "claude-1.0-x", "claude-x-1@")),
        *map(ClauseRegex, (r"^claude-x-1[-@]\d{8}$", r"^claude-x-1-2-\d{4}-\d{2}-\d{2}$")),
        ClauseContains("claude-v1"),
    )
    (row,) = rows(program, model(match=ClauseOr(list(spelled))))

    assert ["claude-x-1", "claude-x.1", "claude-1-0-x", "claude-x-1-2"] == row["models"]


def test_each_day_of_a_change_has_its_row(program: ModuleType) -> None:
    """Prices, tiers and modes come and go on their days; a day that changes nothing has no row."""

    def since(month: int) -> StartDateConstraint:
        return StartDateConstraint(date(2026, month, 1))

    changing = model(
        [
            ConditionalPrice(prices=prices(input_mtok=tiered("2", (100, "3.50")))),
            ConditionalPrice(since(2), prices=prices(input_mtok=tiered("2", (100, "3.5")))),
            ConditionalPrice(since(4), prices=prices(web_searches_kcount="10")),
        ],
        PriceVariant({"processing": "batch"}, prices(input_mtok="1", output_mtok="5"), since(5)),
    )
    head = {"models": ["claude-x"]}
    plain = {"input": "2", "output": "10"}

    assert [
        {**head, **plain, "above": {"tokens": 100, "input": "3.5", "output": "10"}},
        {**head, "from": "2026-04-01", **plain, "web_search": "10"},
        {**head, "from": "2026-05-01", **plain, "web_search": "10", "batch": "0.5"},
    ] == rows(program, changing)
