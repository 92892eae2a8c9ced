"""Responses by kind, their cache writes and what they cost; each once, however it grows.

The rules are those of docs/counting.md and docs/cost.md.
"""

from __future__ import annotations

import homes
import pytest
from brought_metrics import COST, COUNTED, MONEY, SAVINGS, UNPRICED, by_label, said, said_at, value
from homes import HAIKU, NOW_S, OPUS, Row, agent_progress, assistant, put, usage
from tool_rows import bash, edit, forked, hook, result

RESPONSES = "claude_responses_total"
WRITES = "claude_cache_write_tokens_total"
SONNET = "claude-sonnet-4-5-20250929"
FAST = "claude-opus-5-5"


def read(home: homes.Home, reader: homes.Reader, *rows: Row) -> homes.Reader:
    """The reader, after it has read these rows as a session."""
    home.main().write(*rows)
    reader.run()
    return reader


def test_responses_are_by_model_and_origin(home: homes.Home, reader: homes.Reader) -> None:
    """Each once; a subagent's lie in its own file, or in a sidechain of the session's."""
    home.agent().write(
        assistant("m3", model=HAIKU, sidechain=True), assistant("m3", sidechain=True)
    )
    read(home, reader, assistant("m1"), assistant("m1"), assistant("m2", sidechain=True))
    assert by_label(reader, RESPONSES, "model", "origin") == {
        (OPUS, "main"): 1,
        (OPUS, "subagent"): 1,
        (HAIKU, "subagent"): 1,
    }


def test_news_of_a_subagent_are_of_a_subagent(home: homes.Home, reader: homes.Reader) -> None:
    """Inside an agent_progress row no isSidechain stands."""
    read(home, reader, agent_progress(assistant("m1")))
    assert by_label(reader, RESPONSES, "origin") == {"subagent": 1}


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize(("first", "origin"), [(False, "main"), (True, "subagent")])
def test_the_first_row_read_says_the_origin(
    home: homes.Home, reader: homes.Reader, first: bool, origin: str, passes: int
) -> None:
    """A copy elsewhere does not change what was counted."""
    home.main().write(assistant("m1", sidechain=first))
    if passes == 2:
        reader.run()
    home.main().append(assistant("m1", sidechain=not first), assistant("m1", sidechain=first))
    reader.run()
    assert by_label(reader, RESPONSES, "origin") == {origin: 1}


def test_what_is_no_response_is_none(home: homes.Home, reader: homes.Reader) -> None:
    """Rows that the client made itself, errors among them."""
    read(home, reader, homes.synthetic(), homes.api_error_message(), homes.user())
    assert by_label(reader, RESPONSES, "model") == {}


@pytest.mark.parametrize(
    ("spent", "expected"),
    [
        (usage(flat=100, five_minutes=70, hour=30), {"5m": 70, "1h": 30}),
        (usage(flat=100, five_minutes=0, hour=100), {"1h": 100}),
        (usage(flat=100), {"5m": 100}),
        # older rows do not split them
        (homes.without(usage(flat=100), "cache_creation"), {"5m": 100}),
        (put(usage(flat=100), "cache_creation", None), {"5m": 100}),
        # before 2.1.152 the flat number could be missing
        (usage(flat=0, five_minutes=70, hour=30), {"5m": 70, "1h": 30}),
        # what is not said to live an hour lives five minutes
        (usage(flat=100, five_minutes=0, hour=30), {"5m": 70, "1h": 30}),
        (usage(), {}),
    ],
)
def test_cache_writes_are_by_life(
    home: homes.Home, reader: homes.Reader, spent: Row, expected: dict[str, int]
) -> None:
    """An hour's are named; five minutes' are the rest, and all of rows that do not split."""
    read(home, reader, assistant("m1", spent=spent))
    assert by_label(reader, WRITES, "ttl") == expected


@pytest.mark.parametrize("passes", [1, 2])
def test_a_placeholder_that_grows_counts_what_it_comes_to(
    home: homes.Home, reader: homes.Reader, passes: int
) -> None:
    """Subagents' rows may begin with a few tokens; the largest of each number counts, and costs."""
    early = usage(input=3, output=1, cache_read=0, flat=10, five_minutes=10, hour=0)
    final = usage(input=3, output=900, cache_read=10_000, flat=210, five_minutes=110, hour=100)
    home.main().write(assistant("m1", model=SONNET, spent=early))
    if passes == 2:
        reader.run()
    home.main().append(*(assistant("m1", model=SONNET, spent=s) for s in (final, early)))
    reader.run()

    assert by_label(reader, WRITES, "ttl") == {"5m": 110, "1h": 100}
    assert by_label(reader, RESPONSES, "model") == {SONNET: 1}
    # 3 x 3 + 900 x 15 + 10000 x 0.3 + 110 x 3.75 + 100 x 6 millionths
    assert value(reader, COST, model=SONNET) == pytest.approx(0.0175215, abs=1e-9)
    # 10000 x (3 - 0.3)
    assert value(reader, SAVINGS, model=SONNET) == pytest.approx(0.027, abs=1e-9)


def priced(
    model: str,
    *,
    speed: str | None = None,
    tier: str = "standard",
    at_s: float = NOW_S - 3600,
) -> Row:
    """A row with modes: one response, a thousand tokens in and out."""
    spent = {**usage(input=1000, output=1000), "service_tier": tier}
    if speed is not None:
        spent["speed"] = speed
    return assistant("m1", model=model, spent=spent, at_s=at_s)


@pytest.mark.parametrize("passes", [1, 2])
def test_one_row_in_fast_mode_makes_a_response_fast(
    home: homes.Home, reader: homes.Reader, passes: int
) -> None:
    """Whichever row says it; the price is the fast one's then."""
    read(home, reader, priced(FAST, speed="standard"))
    standard = value(reader, COST, model=FAST)
    home.main().append(priced(FAST, speed="fast"))
    if passes == 2:
        reader.run()
    home.main().append(priced(FAST, speed="standard"))
    reader.run()
    assert standard > 0
    assert value(reader, COST, model=FAST) == pytest.approx(2 * standard, abs=1e-9)


@pytest.mark.parametrize(
    ("tiers", "cost"), [(("batch", "batch"), 0.003), (("batch", "standard"), 0.006)]
)
@pytest.mark.parametrize("passes", [1, 2])
def test_a_batch_is_one_when_all_rows_say_so(
    home: homes.Home, reader: homes.Reader, tiers: tuple[str, str], cost: float, passes: int
) -> None:
    """Half the price; one row that says otherwise makes it a usual one."""
    # from then on the price of batches is known
    reader.now_s += 60 * homes.DAY_S
    home.main().write(priced(HAIKU, tier=tiers[0], at_s=reader.now_s - 60), at_s=reader.now_s)
    if passes == 2:
        reader.run()
    home.main().append(priced(HAIKU, tier=tiers[1], at_s=reader.now_s - 60), at_s=reader.now_s)
    reader.run()
    assert value(reader, COST, model=HAIKU) == pytest.approx(cost, abs=1e-9)


def test_what_has_no_price_is_told_in_tokens(home: homes.Home, reader: homes.Reader) -> None:
    """All four kinds, of responses whose model nobody knows; their cost is nothing, not a guess."""
    rows = [
        assistant("m1", model="glm-4.6", input=1, output=10, cache_read=100, flat=1000),
        assistant("m1", model="glm-4.6", input=1, output=20, cache_read=100, flat=1000),
        assistant("m2", model=HAIKU, input=10, output=10),
    ]
    read(home, reader, *rows)
    assert by_label(reader, UNPRICED, "model") == {"glm-4.6": 1121}
    assert by_label(reader, COST, "model") == {HAIKU: pytest.approx(0.00006, abs=1e-9)}


def test_forks_and_repeats_cost_nothing(home: homes.Home, reader: homes.Reader) -> None:
    """A response is priced once, wherever copies of it lie."""
    rows = [assistant("m1", model=SONNET, input=1000, output=0), homes.user()]
    home.main("fork").write(*forked(*rows))
    home.agent().write(*rows)
    read(home, reader, *rows, *rows)
    assert by_label(reader, COST, "model") == {SONNET: pytest.approx(0.003, abs=1e-9)}


def test_all_this_is_booked_at_the_row(home: homes.Home, reader: homes.Reader) -> None:
    """What happened days ago is not said to have happened now, nor before it did."""
    then = NOW_S - 3 * homes.DAY_S
    rows = [
        homes.user(at_s=then),
        assistant("m1", at_s=then + 30, input=1000),
        homes.api_error(at_s=then + 30),
        homes.compact_boundary(160_000, at_s=then + 30),
        {**hook(), "timestamp": homes.iso(then + 30)},
        *bash("git commit -m x", at_s=then + 31),
        edit("t2", at_s=then + 31),
        result("t2", at_s=then + 31),
    ]
    read(home, reader, *rows)

    assert len(said(reader, COUNTED | MONEY)) == 12
    assert said_at(reader, then - 60, COUNTED | MONEY) == {}
    assert said_at(reader, then + 120, COUNTED | MONEY) == said(reader, COUNTED | MONEY)
