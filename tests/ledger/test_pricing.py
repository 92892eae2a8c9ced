"""A response is priced once, as it enters the ledger or grows; what was said of it stays said."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import homes
import laws
import old_ledger
import pytest
from homes import NOW_S, OPUS, Row, assistant

from ccpush.claude import facts as f
from ccpush.config.settings import PriceOverride, PricesAbove
from ccpush.ledger.store import open_ledger
from ccpush.prices.book import load_book

MODEL = "house-model"


def prices(new_input: str, output: str, **more: Any) -> PriceOverride:
    """The prices of the model, in USD per million tokens."""
    others: dict[str, Any] = {
        name: Decimal(n) if isinstance(n, str) else n for name, n in more.items()
    }
    return PriceOverride((MODEL,), None, Decimal(new_input), Decimal(output), **others)


# 2,000 and 10,000 nano-USD a token
LIST = prices("2", "10", cache_read="0.2", fast="2", batch="0.5")
CHEAP = prices("1", "4", cache_read="0.1")
DEAR = prices("3", "30", cache_read="0.3")


class Told(NamedTuple):
    """What counters say of the model."""

    cost_nano: int = 0
    saved_nano: int = 0
    unpriced: int = 0


def told(reader: homes.Reader) -> Told:
    """What the counters say; of no other model do they say anything."""
    families = (f.COST, f.SAVINGS, f.UNPRICED)
    assert all(set(reader.by_a(family)) <= {MODEL} for family in families)
    return Told(*(reader.by_a(family).get(MODEL, 0) for family in families))


def response(key: str = "msg_1", *, mode: dict[str, str] | None = None, **numbers: int) -> Row:
    """A row of a response."""
    spent = {**homes.usage(**{"input": 10, **numbers}), **(mode or {})}
    return assistant(key, model=MODEL, spent=spent)


def read_under(reader: homes.Reader, *under: PriceOverride) -> Told:
    """Make a pass under these prices; no counter may fall."""
    before = told(reader) if reader.state_dir.exists() else Told()
    reader.prices = under
    reader.run()
    laws.hold(reader)
    after = told(reader)
    assert all(b >= a for a, b in zip(before, after, strict=True))
    return after


def priced_by(reader: homes.Reader) -> dict[int, str]:
    """Which version of prices each response was last counted under, by its output tokens."""
    with open_ledger(reader.state_dir, write=False) as connection:
        return dict(
            connection.execute(
                "SELECT output, version FROM response JOIN price_table ON price_table.id = prices"
            )
        )


FAST, BATCH = {"speed": "fast"}, {"service_tier": "batch"}
TIER = prices("2", "10", above=PricesAbove(100, Decimal(4), Decimal(20)))
GROWING: dict[str, tuple[PriceOverride, list[dict[str, Any]], int]] = {
    "output": (LIST, [{"output": 5}, {"output": 20}, {"output": 100}], 10 * 2000 + 100 * 10_000),
    # half a nano-dollar a token: rounded of the whole, not of what is added
    "fractions": (prices("0", "0.0005"), [{"output": n} for n in (1, 2, 3)], 2),
    "a longer prompt": (
        TIER, [{"input": 90, "output": 10}, {"input": 101, "output": 10}], 101 * 4000 + 10 * 20_000,
    ),
    "fast mode": (LIST, [{"output": 5}, {"output": 20, "mode": FAST}], 2 * (20_000 + 200_000)),
    "a batch": (LIST, [{"output": 5, "mode": BATCH}, {"output": 20, "mode": BATCH}], 110_000),
    "no batch": (LIST, [{"output": 5, "mode": BATCH}, {"output": 20}], 220_000),
    "the same again": (LIST, [{"output": 5}, {"output": 5}], 70_000),
    "smaller later": (LIST, [{"output": 20}, {"output": 5}], 220_000),
}  # fmt: skip


@pytest.mark.parametrize("split", [True, False], ids=["a pass each", "one pass"])
@pytest.mark.parametrize("case", GROWING)
def test_a_growing_response_costs_what_it_is_in_the_end(
    home: homes.Home, reader: homes.Reader, case: str, split: bool
) -> None:
    """Whether its rows are read together or one by one, under one version of the prices."""
    price, rows, expected = GROWING[case]
    for at, numbers in enumerate(rows):
        home.main().append(response(**numbers), at_s=NOW_S + at)
        if split:
            read_under(reader, price)

    assert read_under(reader, price) == Told(cost_nano=expected)


def test_savings_grow_as_costs_do(home: homes.Home, reader: homes.Reader) -> None:
    """What reads from the cache saved against plain input, added up as they grow."""
    for at, reads in enumerate((100, 300)):
        home.main().append(response(cache_read=reads, output=0), at_s=NOW_S + at)
        found = read_under(reader, LIST)

    assert found == Told(cost_nano=10 * 2000 + 300 * 200, saved_nano=300 * 1800)


@pytest.mark.parametrize(
    ("later", "a_token", "a_read"), [(CHEAP, 4000, 100), (DEAR, 30_000, 300), (LIST, 10_000, 200)]
)
def test_what_it_grows_by_has_the_prices_of_that_moment(
    home: homes.Home, reader: homes.Reader, later: PriceOverride, a_token: int, a_read: int
) -> None:
    """What was counted keeps its price, whether prices rise or fall; nothing ever falls."""
    home.main().write(response(output=5, cache_read=50))
    first = read_under(reader, LIST)
    home.main().append(response(output=20, cache_read=80), at_s=NOW_S + 1)
    found = read_under(reader, later)

    assert first == Told(10 * 2000 + 5 * 10_000 + 50 * 200, 50 * 1800)
    plain = {CHEAP: 1000, DEAR: 3000, LIST: 2000}[later]
    assert found == Told(
        first.cost_nano + 15 * a_token + 30 * a_read, first.saved_nano + 30 * (plain - a_read)
    )


def test_a_price_that_goes_down_and_up_again(home: homes.Home, reader: homes.Reader) -> None:
    """Each part of a response has the prices under which it was read."""
    for at, (price, output) in enumerate([(DEAR, 10), (CHEAP, 30), (LIST, 60)]):
        home.main().append(response(output=output), at_s=NOW_S + at)
        found = read_under(reader, price)

    assert found == Told(10 * 3000 + 10 * 30_000 + 20 * 4000 + 30 * 10_000)


def test_other_prices_alone_change_nothing(home: homes.Home, reader: homes.Reader) -> None:
    """Neither a pass under them nor reading all rows again, copies of them included."""
    home.main().write(response(output=5))
    first = read_under(reader, LIST)
    before = laws.tables(reader)["response"]
    assert read_under(reader, DEAR) == first
    home.main("fork").write(response(output=5))
    with open_ledger(reader.state_dir, write=True) as connection:
        connection.execute("DELETE FROM position")
    assert read_under(reader, DEAR) == first

    assert laws.tables(reader)["response"] == before


def test_the_ledger_says_which_prices(home: homes.Home, reader: homes.Reader) -> None:
    """Each version once, in the order of use; a response has that of its last growth."""
    home.main().write(response("msg_1", output=5), response("msg_2", output=6))
    read_under(reader, LIST)
    home.main().append(response("msg_2", output=60), response("msg_3", output=7), at_s=NOW_S + 1)
    read_under(reader, DEAR)
    home.main().append(response("msg_4", output=8), at_s=NOW_S + 2)
    read_under(reader, LIST)

    listed, dear = (load_book([each]).version for each in (LIST, DEAR))
    assert laws.tables(reader)["price_table"] == [(1, listed), (2, dear)]
    assert priced_by(reader) == {5: listed, 60: dear, 7: dear, 8: listed}


def test_what_had_no_price_keeps_none(home: homes.Home, reader: homes.Reader) -> None:
    """A row of settings holds for what comes after it: new responses, and growth."""
    home.main().write(response("msg_1", output=5), response("msg_2", output=6))
    assert read_under(reader) == Told(unpriced=15 + 16)
    home.main().append(response("msg_2", output=60), response("msg_3", output=7), at_s=NOW_S + 1)
    found = read_under(reader, LIST)

    assert found == Told(54 * 10_000 + 10 * 2000 + 7 * 10_000, unpriced=15 + 16)
    with open_ledger(reader.state_dir, write=True) as connection:
        connection.execute("DELETE FROM position")
    assert read_under(reader, LIST) == found


def test_a_price_that_is_taken_away(home: homes.Home, reader: homes.Reader) -> None:
    """What was priced stays so; what comes later has none, and is told."""
    home.main().write(response("msg_1", output=5))
    first = read_under(reader, LIST)
    home.main().append(response("msg_1", output=25), response("msg_2", output=7), at_s=NOW_S + 1)

    assert read_under(reader) == Told(first.cost_nano, unpriced=20 + 17)


def test_something_without_a_price_turns_up_in_a_later_row(
    home: homes.Home, reader: homes.Reader
) -> None:
    """The whole response has none then; what was said before cannot be taken back."""
    home.main().write(response(output=5))
    first = read_under(reader, LIST)
    home.main().append(response(output=5, flat=3), at_s=NOW_S + 1)

    assert read_under(reader, LIST) == Told(first.cost_nano, unpriced=10 + 5 + 3)


def test_it_is_booked_where_the_response_is(home: homes.Home, reader: homes.Reader) -> None:
    """At the step of the first row, growth too; behind what was offered if that was."""
    home.main().write(response(output=5))
    read_under(reader, LIST)
    home.main().append(response(output=6), at_s=NOW_S + 1)
    read_under(reader, LIST)
    reader.freeze({f.COST})
    home.main().append(response(output=8), at_s=NOW_S + 2)
    read_under(reader, LIST)

    at = {row[0]: row[-1] for row in laws.tables(reader)["increment"] if row[2] == f.COST}
    own = NOW_S // 60 - 60 + 1
    assert at == {own: 20_000 + 60_000, NOW_S // 60 + 1: 20_000}


@pytest.mark.parametrize("grown", [False, True], ids=["as it was", "grown"])
def test_what_was_counted_before_there_were_prices_is_priced_whole(
    home: homes.Home, reader: homes.Reader, grown: bool
) -> None:
    """When its rows are read again, once, at the prices of now; tokens are not counted again."""
    row = response(output=5, cache_read=100)
    home.main().write(row)
    reader.prices = (DEAR,)
    reader.run()
    old_ledger.set_back(reader, [row])
    if grown:
        home.main().append(response(output=20, cache_read=100), at_s=NOW_S + 1)
    output = 20 if grown else 5
    reader.prices = (LIST,)
    reader.run()
    laws.hold(reader)

    expected = Told(10 * 2000 + output * 10_000 + 100 * 200, 100 * 1800)
    assert told(reader) == expected
    assert reader.tokens() == {MODEL: (10, output, 100, 0)}
    assert reader.by_a(f.RESPONSES) == {MODEL: 1}
    assert priced_by(reader) == {output: load_book([LIST]).version}
    home.main("fork").write(row)
    assert read_under(reader, LIST) == expected


def test_what_is_gone_stays_without_a_price(home: homes.Home, reader: homes.Reader) -> None:
    """A response whose rows were deleted before the upgrade has neither cost nor unpriced tokens."""
    rows = [assistant("msg_1", output=5), assistant("msg_2", output=7)]
    home.main("a").write(rows[0])
    home.main("b").write(rows[1])
    reader.run()
    whole = reader.by_a(f.COST)[OPUS]
    old_ledger.set_back(reader, rows)
    home.main("a").path.unlink()
    reader.run()
    laws.hold(reader)

    assert whole == 2 * 10 * 5000 + (5 + 7) * 25_000
    assert reader.by_a(f.COST) == {OPUS: 10 * 5000 + 7 * 25_000}
    assert reader.by_a(f.UNPRICED) == {}
    assert reader.tokens() == {OPUS: (20, 12, 0, 0)}
