"""The rows of prices: what they mean, and what is refused with file, line, key and advice."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ccpush.claude.model_names import normalise
from ccpush.config.nodes import Block, Listing, Scalar
from ccpush.config.prices_block import PRICES
from ccpush.config.report import WRONG, Item, Report, Source
from ccpush.config.settings import PriceOverride, PricesAbove

if TYPE_CHECKING:
    from config_machine import Machine

BASE = "model: glm-4.6, input: 0.6, output: 2.2"
TAKEN = {
    f"{{{BASE}}}": PriceOverride(("glm-4.6",), input=Decimal("0.6"), output=Decimal("2.2")),
    "{models: [Claude-Opus-4.9, 'qwen3:32b'], input: 0, output: 10000, batch: 0.125}": PriceOverride(
        ("claude-opus-4-9", "qwen3:32b"), input=Decimal(0), output=Decimal(10_000), batch=Decimal("0.125")
    ),
    "{model: claude-opus-4-6, from: '2026-02-28', fast: 6}": PriceOverride(
        ("claude-opus-4-6",), since=date(2026, 2, 28), fast=Decimal(6)
    ),
    "{model: a, web_search: 0.000001, from: }": PriceOverride(("a",), web_search=Decimal("0.000001")),
    "{model: a, input: 1, output: 2, above: {tokens: 1, input: 1, output: 2.5, cache_read: 0.1}}": PriceOverride(
        ("a",), input=Decimal(1), output=Decimal(2),
        above=PricesAbove(1, Decimal(1), Decimal("2.5"), cache_read=Decimal("0.1")),
    ),
}  # fmt: skip

# row, its key at fault, words of what was found, words of what is accepted
REFUSED = {
    "": ("", "nothing", "a block with the keys model, models, from"),
    "glm-4.6": ("", "'glm-4.6'", "a block with the keys model"),
    "{input: 1, output: 2}": (".model", "nothing", "models (a list of models' names)"),
    "{model: a, models: [b], fast: 2}": ("", "model and models", "only one of"),
    "{models: [], fast: 2}": (".models", "an empty list", "a model's name"),
    "{models: a, fast: 2}": (".models", "'a'", "a list of models' names"),
    "{models: [a, b, A], fast: 2}": ("", "a without a day a second time (first in prices[0])", "each model once"),
    "{model: anthropic/claude-opus-4-6, fast: 6}": (".model", "'anthropic/claude-opus-4-6'", "without what a provider"),
    "{model: us.anthropic.claude-opus-4-6, fast: 6}": (".model", "'us.anthropic", "without what a provider"),
    "{model: claude-opus-4-6-v1, fast: 6}": (".model", "'claude-opus-4-6-v1'", "without what a provider"),
    "{model: claude-opus-4-6@20260101, fast: 6}": (".model", "'claude-opus-4-6@20260101'", "without what a provider"),
    "{model: 'claude-opus-4-6[1m]', fast: 6}": (".model", "'claude-opus-4-6[1m]'", "without what a provider"),
    "{model: claude opus, fast: 6}": (".model", "'claude opus'", "letters, digits and ._:@+-"),
    f"{{model: {'a' * 81}, fast: 6}}": (".model", "'aaaa", "at most 80"),
    "{model: a}": ("", "no price", "input and output, or one of web_search, fast, batch"),
    "{model: a, input: 1}": (".output", "nothing", "which input cannot do without"),
    "{model: a, cache_read: 1, output: 2}": (".input", "nothing", "which output and cache_read cannot do without"),
    "{model: a, inputs: 1}": (".inputs", "does not exist", "did you mean input?"),
    "{model: a, input: -1, output: 2}": (".input", "-1", "from 0 to 10000"),
    "{model: a, input: 1, output: 10000.1}": (".output", "10000.1", "not more than 10000"),
    "{model: a, input: 1, output: 0.0000025}": (".output", "0.0000025", "at most 6 decimals"),
    "{model: a, input: 6.0e-07, output: 2}": (".input", "6.0e-07", "digits with at most 6 decimals"),
    "{model: a, input: .inf, output: 2}": (".input", ".inf", "digits"),
    "{model: a, input: 0x10, output: 2}": (".input", "0x10", "digits"),
    "{model: a, input: 1:30, output: 2}": (".input", "1:30", "digits"),
    "{model: a, input: '1', output: 2}": (".input", "'1'", "USD per million tokens"),
    "{model: a, input: $1, output: 2}": (".input", "'$1'", "USD per million tokens"),
    "{model: a, fast: 101}": (".fast", "101", "not more than 100"),
    "{model: a, batch: 0.3333}": (".batch", "0.3333", "at most 3 decimals"),
    "{model: a, web_search: true}": (".web_search", "true", "USD per thousand searches"),
    "{model: a, fast: 2, from: 2026-02-30}": (".from", "'2026-02-30'", "the calendar does not have it"),
    "{model: a, fast: 2, from: 2026-9-1}": (".from", "'2026-9-1'", "year, month and day"),
    "{model: a, fast: 2, from: 2026-09-01T00:00:00Z}": (".from", "'2026-09-01T00:00:00Z'", "such as 2026-09-01"),
    "{model: a, fast: 2, from: 20260901}": (".from", "20260901", "such as 2026-09-01"),
    "{model: a, input: 1, output: 2, above: {input: 1, output: 2}}": (".above.tokens", "nothing", "a whole number from 1"),
    "{model: a, input: 1, output: 2, above: {tokens: 9, output: 2}}": (".above.input", "nothing", "USD per million"),
    "{model: a, input: 1, output: 2, above: {tokens: 0, input: 1, output: 2}}": (".above.tokens", "0", "not less than 1"),
    "{model: a, input: 1, output: 2, above: {tokens: 9, input: 1, output: 1.9}}": (".above.output", "1.9", "at least 2, as output costs below"),
    "{model: a, input: 1, above: {tokens: 9, input: 1, output: 2}}": (".output", "nothing", "which input and above cannot do without"),
}  # fmt: skip


@pytest.mark.parametrize("row", TAKEN)
def test_a_row_means_what_it_says(machine: Machine, row: str) -> None:
    """Numbers are exact, names are plain, and what is not given is no price."""
    assert (TAKEN[row],) == machine.load(f"prices:\n- {row}\n").prices


@pytest.mark.parametrize("row", REFUSED)
def test_a_wrong_row_is_told(machine: Machine, row: str) -> None:
    """One line for the mistake: where, what was found, what is accepted."""
    key, found, accepted = REFUSED[row]
    (problem,) = machine.problems(f"prices:\n- {row}\n")

    assert problem.startswith(f"{machine.file}:2: prices[0]{key}: found ")
    told, _, advice = problem.partition("; accepted: ")
    assert found in told
    assert accepted in advice


@pytest.mark.parametrize("text", ["prices: 5", "prices: {model: a, input: 1, output: 2}"])
def test_prices_are_a_list(machine: Machine, text: str) -> None:
    """Anything but a list is refused, with a row as an example."""
    (problem,) = machine.problems(text)

    assert f"{machine.file}:1: prices: found " in problem
    assert "; accepted: a list of rows, such as - {model: glm-4.6" in problem


def test_a_model_twice_on_one_day_is_refused(machine: Machine) -> None:
    """Two rows of one model need two days, however the model is spelled; the second line is told."""
    day, none = machine.problems(
        "prices:\n"
        "- {model: claude-opus-4-6, fast: 6}\n"
        "- {model: claude-opus-4-6, fast: 6, from: 2026-09-01}\n"
        "- {models: [a, Claude-Opus-4.6], fast: 5, from: 2026-09-01}\n"
        "- {model: a, fast: 5}\n"
        "- {model: claude-opus-4-6, fast: 5}\n"
    )

    assert f"{machine.file}:4: prices[2]: found claude-opus-4-6 from 2026-09-01 on" in day
    assert f"{machine.file}:6: prices[4]: found claude-opus-4-6 without a day" in none
    assert "a second time (first in prices[1]); accepted: each model once for each day" in day
    assert "a second time (first in prices[0])" in none


def test_without_the_key_the_table_stands_alone(machine: Machine) -> None:
    """No rows is no override, and so is an empty list."""
    assert () == machine.load("user: a\n").prices
    assert () == machine.load("prices: []\n").prices
    assert () == machine.load("prices:\n").prices


NAMES = st.one_of(
    st.text(alphabet="abC4.5-_:@+/[] ", min_size=1, max_size=12),
    st.builds("{}claude-{}".format, st.sampled_from(["", "us.anthropic.", "a/"]), st.text("ov1.2-:@_", max_size=9)),
)  # fmt: skip


@given(NAMES)
@example("claude-sonnet-4.5-20250929")
@example("claude-opus-4-6-V1")
def test_names_meet_those_of_the_transcripts(text: str) -> None:
    """A name that is taken is the one that rows of transcripts get, so that the two are equal."""
    row = Block({"model": Scalar(text), "fast": Scalar("2", "int")}, {})
    rows = PRICES.read(Item(Source("ccpush.yml"), "prices", Listing((row,))), Report())

    assert rows is WRONG or rows == (PriceOverride((normalise(text),), fast=Decimal(2)),)
