"""The laws of a price book: never guesses, never becomes cheaper, and what overrides change."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccpush.config.settings import PriceOverride, PricesAbove
from ccpush.prices.book import TABLE, Price, PriceBook, Use, load_book

DAY = date(2026, 11, 20)
ROWS = json.loads(TABLE.read_bytes())["rows"]
NAMES = sorted({name for row in ROWS for name in row["models"]})
NONE = Use(0, 0, 0, 0, 0, 0, fast=False, batch=False)
THOUSAND = NONE._replace(input=1000, output=1000)


def cost(book: PriceBook, model: str, use: Use = THOUSAND, day: date = DAY) -> int | None:
    """The cost in nano-USD."""
    price = book.price(model, day.toordinal(), use)
    return None if price is None else price.cost_nano


def own(*models: str, since: date | None = None, **prices: str) -> PriceOverride:
    """A row of ``prices:`` with these numbers."""
    return PriceOverride(models, since, **{key: Decimal(text) for key, text in prices.items()})


def test_a_worked_example() -> None:
    """Reads, writes of both lives, input and output of one response, to the nano-dollar."""
    use = Use(10, 500, 10_000, 500, 1_500, 0, fast=False, batch=False)

    expected = Price(cost_nano=21_405_000, saved_nano=27_000_000)
    assert expected == load_book().price("claude-sonnet-4-5-20250929", DAY.toordinal(), use)


# name, name of the table whose price it has
SNAPSHOTS = {
    "claude-opus-4-5-20251101": "claude-opus-4-5",
    "claude-3-5-sonnet-20241022": "claude-3-5-sonnet",
    "claude-3-7-sonnet-latest": "claude-3-7-sonnet",
    "claude-sonnet-4-20250514": "claude-sonnet-4",
    "claude-sonnet-4": "claude-sonnet-4-0",
}


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_a_release_costs_what_its_model_costs(name: str) -> None:
    """A date or ``-latest`` at the end of a name changes no price."""
    book = load_book()

    assert cost(book, SNAPSHOTS[name]) is not None
    assert cost(book, SNAPSHOTS[name]) == cost(book, name)


@pytest.mark.parametrize(
    "name",
    [
        *("claude-opus-4-9", "claude-opus", "claude", "unknown", "", "glm-4.6", "gpt-5"),
        *("claude-opus-4-8-fast", "claude-opus-4-8-2026", "claude-opus-4-8-20251101-20251102"),
        *("claude-opus-4-8-latest-latest", "claude-opus-4-8-", "claude-opus-4-8 ", "-20251101"),
        *("claude-opus-4-8-19991231", "claude-opus-4-8-2025110", "claude-opus-4-8-2025-11-01"),
        *("my-claude-opus-4-8", "claude-opus-4-81", "claude-mythos-5"),
    ],
)
def test_a_name_that_is_not_known_has_no_price(name: str) -> None:
    """A neighbour's price is no price, however near its name."""
    assert cost(load_book(), name) is None
    assert cost(load_book(), name, NONE) is None


@given(st.text("claude-opsn4.582061@latest", max_size=30))
def test_no_other_name_ever_matches(name: str) -> None:
    """Only names of the table, with one release at most, have a price."""
    base = name.removesuffix("-latest")
    if name[-9:-6] == "-20" and name[-6:].isdigit():
        base = name[:-9]

    assert (cost(load_book(), name) is not None) == (name in NAMES or base in NAMES)


MODES_WITHOUT_A_PRICE = [
    *(("claude-opus-4-6", DAY, True, False), ("claude-opus-4-7", DAY, True, False)),
    *(("claude-haiku-4-5", DAY, True, False), ("claude-opus-4-1", DAY, False, True)),
    ("claude-opus-5-5", date(2026, 10, 13), False, True),
    *(("claude-opus-5-5", DAY, True, True), ("claude-fable-5-2", DAY, True, True)),
]


@pytest.mark.parametrize(("name", "day", "fast", "batch"), MODES_WITHOUT_A_PRICE)
def test_a_mode_that_is_not_known_has_no_price(
    name: str, day: date, fast: bool, batch: bool
) -> None:
    """Fast mode and batches are never taken for the standard, and never for both at once."""
    assert cost(load_book(), name, day=day) is not None
    assert cost(load_book(), name, THOUSAND._replace(fast=fast, batch=batch), day) is None


def test_what_has_no_price_leaves_none_for_the_rest() -> None:
    """A response that used something without a price has none; the same without it has one."""
    book = load_book([own("a", input="1", output="2")])
    for name, kinds in {
        "a": ("cache_read", "write_5m", "write_1h", "web_searches"),
        "claude-2": ("cache_read", "write_5m", "write_1h", "web_searches"),
        "claude-3-haiku": ("web_searches",),
    }.items():
        assert cost(book, name) is not None
        for kind in kinds:
            assert cost(book, name, THOUSAND._replace(**{kind: 1})) is None


COUNTS = st.one_of(
    st.integers(0, 3),
    st.integers(0, 5_000_000),
    st.sampled_from([99_999, 100_000, 100_001, 199_999, 200_000, 200_001]),
)
USES = st.builds(Use, *[COUNTS] * 5, st.integers(0, 50), st.booleans(), st.booleans())
DAYS = st.dates(date(2024, 1, 1), date(2027, 12, 31))


@given(st.sampled_from(NAMES), DAYS, USES, st.sampled_from(Use._fields[:6]), COUNTS)
def test_a_response_that_grows_never_becomes_cheaper(
    name: str, day: date, use: Use, kind: str, more: int
) -> None:
    """Cost and savings rise with every count, as long as there is a price."""
    book = load_book()
    before = book.price(name, day.toordinal(), use)
    after = book.price(name, day.toordinal(), use._replace(**{kind: getattr(use, kind) + more}))

    if before is not None and after is not None:
        assert before.cost_nano <= after.cost_nano
        assert before.saved_nano <= after.saved_nano
    # what has a price loses it only by using what has none
    assert before is None or after is not None or kind not in ("input", "output")


PRICES = st.decimals(0, 10_000, places=6)
MAYBE = st.one_of(st.none(), PRICES)
TIMES = st.one_of(st.none(), st.decimals(0, 100, places=3))
KINDS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


@given(st.tuples(PRICES, PRICES, MAYBE, MAYBE, MAYBE), MAYBE, TIMES, TIMES, USES)
def test_a_cost_is_the_sum_rounded_once(
    prices: tuple[Decimal | None, ...], search: Decimal | None, fast: Decimal, batch: Decimal, use: Use
) -> None:  # fmt: skip
    """Worked out with fractions: exact, and rounded once at the end, half to even."""
    known = dict(zip(KINDS, prices, strict=True))
    book = load_book(
        [PriceOverride(("a",), None, **known, web_search=search, fast=fast, batch=batch)]
    )
    times = (
        None if use.fast and use.batch else fast if use.fast else batch if use.batch else Decimal(1)
    )
    rates = [None if price is None else Fraction(price) / 10**6 for price in prices]
    searches = None if search is None else Fraction(search) / 1000
    total: Fraction | None = Fraction(0)
    for rate, count, factor in zip(
        [*rates, searches], use[:6], [times] * 5 + [Decimal(1)], strict=True
    ):
        if total is None or times is None or (rate is None and count):
            total = None
        elif rate is not None and factor is not None:
            total += rate * count * Fraction(factor)

    assert (None if total is None else round(total * 10**9)) == cost(book, "a", use)


def test_halves_are_rounded_to_even() -> None:
    """Half a nano-dollar goes to the even neighbour, so that sums do not drift."""
    book = load_book([own("a", input="0.0005", output="0")])
    found = [cost(book, "a", NONE._replace(input=count)) for count in (1, 3, 5, 7)]
    halves = [Decimal(count) / 2 for count in (1, 3, 5, 7)]

    assert [int(half.quantize(Decimal(1), ROUND_HALF_EVEN)) for half in halves] == found


def test_the_long_tier_is_of_the_whole_request() -> None:
    """One token beyond the limit makes every token dearer, whatever kind it is of."""
    book = load_book()
    for kind in ("input", "cache_read", "write_5m", "write_1h"):
        at = NONE._replace(input=99_000, output=1000)
        at = at._replace(**{kind: getattr(at, kind) + 101_000})
        beyond = at._replace(**{kind: getattr(at, kind) + 1})
        below, above = cost(book, "claude-sonnet-4-5", at), cost(book, "claude-sonnet-4-5", beyond)
        assert below is not None
        assert above is not None
        # input doubles, output rises by half: both lie in what one token has added
        assert above - below >= 99_000 * 3_000 + 1000 * 7_500
    output = NONE._replace(input=1, output=300_000)
    assert 300_000 * 15_000 + 3_000 == cost(book, "claude-sonnet-4-5", output)


def test_savings_never_fall_below_nothing() -> None:
    """Where reads are dearer than input nothing is saved; a tier and a mode have their own."""
    above = PricesAbove(100, Decimal(4), Decimal(4), Decimal(1))
    plain = own("a", input="2", output="2", cache_read="0.5", fast="3")
    book = load_book(
        [
            PriceOverride(("a",), None, plain.input, plain.output, plain.cache_read, fast=plain.fast, above=above),
            own("b", input="1", output="1", cache_read="1.5"),
        ]
    )  # fmt: skip

    def saved(model: str, use: Use) -> int | None:
        price = book.price(model, 1, use)
        return None if price is None else price.saved_nano

    assert 100 * 1500 == saved("a", NONE._replace(cache_read=100))
    assert 101 * 3000 == saved("a", NONE._replace(cache_read=101))
    assert 100 * 4500 == saved("a", NONE._replace(cache_read=100, fast=True))
    assert 101 * 9000 == saved("a", NONE._replace(cache_read=101, fast=True))
    assert 0 == saved("b", NONE._replace(cache_read=100))


def test_an_override_with_prices_stands_for_itself() -> None:
    """From its day on nothing of the table's row is left; the day before all of it is."""
    day = date(2026, 11, 1)
    book = load_book([own("claude-opus-4-8", since=day, input="4", output="20")])
    table = load_book()
    reads = THOUSAND._replace(cache_read=1)
    fast = THOUSAND._replace(fast=True)

    assert 24_000_000 == cost(book, "claude-opus-4-8", day=day)
    assert 24_000_000 == cost(book, "claude-opus-4-8-20260101", day=date(2030, 1, 1))
    assert [None, None] == [cost(book, "claude-opus-4-8", use, day) for use in (reads, fast)]
    before = date(2026, 10, 31)
    for use in (THOUSAND, reads, fast):
        assert cost(table, "claude-opus-4-8", use, before) == cost(book, "claude-opus-4-8", use, before)  # fmt: skip
    assert cost(table, "claude-4-8-opus", day=day) == cost(book, "claude-4-8-opus", day=day)


def test_an_override_without_prices_adds_to_the_row() -> None:
    """A multiplier alone leaves the prices that are there, whatever day they are of."""
    book = load_book([own("claude-opus-4-6", fast="6")])
    long = NONE._replace(input=300_000)
    for day in (date(2026, 3, 12), date(2026, 3, 13), DAY):
        plain = cost(load_book(), "claude-opus-4-6", long, day)
        assert plain is not None
        assert plain == cost(book, "claude-opus-4-6", long, day)
        assert 6 * plain == cost(book, "claude-opus-4-6", long._replace(fast=True), day)
    # batches as the table has them
    half = cost(book, "claude-opus-4-6", long._replace(batch=True))
    assert 750_000_000 == half


def test_overrides_lie_over_each_other_by_their_days() -> None:
    """A later row adds to an earlier one or takes its place, in whatever order they are written."""
    rows = [
        own("a", since=date(2026, 3, 1), input="5", output="5"),
        own("a", input="1", output="1"),
        own("a", since=date(2026, 2, 1), fast="2"),
    ]
    fast = THOUSAND._replace(fast=True)
    for order in (rows, rows[::-1]):
        book = load_book(order)
        days = (date(2026, 1, 31), date(2026, 2, 1), date(2026, 2, 28), date(2026, 3, 1))
        assert [2_000_000] * 3 + [10_000_000] == [cost(book, "a", day=day) for day in days]
        assert [None, 4_000_000, 4_000_000, None] == [cost(book, "a", fast, day) for day in days]


def test_an_override_of_one_release_is_of_it_alone() -> None:
    """A name with a release is nearer than the name of its model; both may be overridden."""
    rows = [own("claude-x-1-20260101", fast="2"), own("claude-x-1", input="1", output="1")]
    book = load_book(rows)
    fast = THOUSAND._replace(fast=True)

    assert [2_000_000] * 3 == [
        cost(book, name) for name in ("claude-x-1", "claude-x-1-20260101", "claude-x-1-latest")
    ]
    assert 4_000_000 == cost(book, "claude-x-1-20260101", fast)
    assert [None, None] == [cost(book, name, fast) for name in ("claude-x-1", "claude-x-1-latest")]


def test_a_multiplier_of_a_model_without_prices_is_none() -> None:
    """A row that adds to nothing prices nothing."""
    book = load_book([own("claude-opus-4-9", fast="2", web_search="10")])
    use = NONE._replace(web_searches=1)

    assert [None] * 3 == [
        cost(book, "claude-opus-4-9", each) for each in (THOUSAND, use, THOUSAND._replace(fast=True))
    ]  # fmt: skip


def test_the_version_tells_books_apart() -> None:
    """The same overrides make the same version, others another one."""
    table = load_book().version
    row, other = own("a", input="1", output="2"), own("a", input="1", output="3")
    versions = [load_book(rows).version for rows in ([row], [row], [other], [row, other])]

    assert versions[0] == versions[1]
    assert 4 == len({table, *versions})
    assert all(version.startswith(f"{table}+") for version in versions)
    assert {len(table) + 9} == {len(version) for version in versions}


def test_the_table_is_small_and_its_rows_are_whole() -> None:
    """Ten kilobytes at most; each row has input and output, no name and day stand there twice."""
    places = [(name, row.get("from")) for row in ROWS for name in row["models"]]

    assert TABLE.stat().st_size < 10_240
    assert all({"input", "output"} <= row.keys() for row in ROWS)
    assert len(places) == len(set(places))


def test_nothing_slow_is_loaded() -> None:
    """A one-shot push pays for no parser of settings, no dataclass and nothing of genai-prices."""
    program = (
        "import sys; from ccpush.prices.book import load_book; load_book();"
        "slow = {'yaml', 'json', 'dataclasses', 'pydantic', 'genai_prices', 'importlib.resources',"
        "'ccpush.config.prices_block', 'ccpush.config.load'};"
        "print(sorted(slow & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"
