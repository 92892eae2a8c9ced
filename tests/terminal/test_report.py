"""What the report says of cost and outcome: everything that is known, and plainly what is not."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import homes
import old_ledger
import pytest
from homes import DAY_S, HAIKU, NOW_S, OPUS, assistant, user
from tool_rows import bash, call, patch, result

from ccpush.config.settings import PriceOverride
from ccpush.ledger.days import read_days
from ccpush.ledger.store import open_ledger
from ccpush.terminal.report import (
    IMPORTED,
    OutcomeRow,
    UsageRow,
    outcome_rows,
    outcome_total,
    usage_rows,
    usage_total,
)
from ccpush.terminal.report_forms import outcome_csv, outcome_json, usage_csv, usage_json
from ccpush.terminal.report_tables import COST, dollars, print_outcome, print_usage

TODAY = "2026-09-16"
STRANGE = "house-model"
Reported = tuple[list[UsageRow], list[OutcomeRow]]


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """Whether it is one."""
        return True


@pytest.fixture
def home(tmp_path: Path) -> homes.Home:
    """A Claude home."""
    return homes.Home(tmp_path / "home")


@pytest.fixture
def reader(tmp_path: Path, home: homes.Home) -> homes.Reader:
    """A ledger of it."""
    return homes.Reader(tmp_path / "state", home)


def reported(reader: homes.Reader, since: date = date.min) -> Reported:
    """The rows of both tables."""
    with open_ledger(reader.state_dir, write=False) as connection:
        days = read_days(connection, reader.now_s)
    assert days.today == date(2026, 9, 16)
    return usage_rows(days, since), outcome_rows(days, since)


def table(found: Reported, columns: int | None = None) -> str:
    """What is printed, on a terminal of so many columns or into a file."""
    stream = io.StringIO() if columns is None else Terminal()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TERM", "xterm")
        patched.setenv("COLUMNS", str(columns))
        print_usage(*found, stream)
    return re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())


def cost_cell(text: str, name: str) -> str:
    """The last cell of the first line with a word."""
    return next(line for line in text.splitlines() if name in line).split()[-1]


def test_each_row_has_what_its_responses_cost(home: homes.Home, reader: homes.Reader) -> None:
    """By day and model at list prices, with what the cache saved; a total of all."""
    home.main().write(
        assistant("msg_1", input=1000, output=100, cache_read=10_000),
        assistant("msg_2", input=1000, output=100, at_s=NOW_S - DAY_S),
        assistant("msg_3", model=HAIKU, input=1000, output=100),
    )
    reader.run()
    usage, outcome = reported(reader)
    # USD a million: Opus 5 in, 25 out, 0.5 from the cache; Haiku 1 in, 5 out
    opus, haiku = 1000 * 5000 + 100 * 25_000, 1000 * 1000 + 100 * 5000

    assert usage == [
        UsageRow("2026-09-15", OPUS, 1000, 100, cost_nano=opus, saved_nano=0),
        UsageRow(TODAY, HAIKU, 1000, 100, cost_nano=haiku, saved_nano=0),
        UsageRow(TODAY, OPUS, 1000, 100, 10_000, cost_nano=opus + 5_000_000, saved_nano=45_000_000),
    ]
    assert usage_total(usage).cost_nano == 2 * opus + haiku + 5_000_000
    text = table((usage, outcome))
    assert (cost_cell(text, "2026-09-15"), cost_cell(text, HAIKU)) == ("$0.01", "<$0.01")
    assert cost_cell(text, "total") == "$0.02"
    assert f"{COST} Reading from the cache saved $0.05." in text.splitlines()
    assert "*" not in text
    assert "?" not in text


def test_a_model_without_a_price_has_no_cost(home: homes.Home, reader: homes.Reader) -> None:
    """Its cell is empty and marked, its tokens are told with what to do; nothing is guessed."""
    home.main().write(
        assistant("msg_1", model=STRANGE, input=1000, output=100), assistant("msg_2", output=100)
    )
    reader.run()
    found = reported(reader)
    rows = {row["model"]: row for row in json.loads(usage_json(*found))["rows"]}
    lines = {row["model"]: row for row in csv.DictReader(io.StringIO(usage_csv(found[0])))}
    text = table(found)

    assert (rows[STRANGE]["cost_usd"], rows[STRANGE]["saved_usd"]) == (None, None)
    assert (lines[STRANGE]["cost_usd"], lines[STRANGE]["saved_usd"]) == ("", "")
    assert rows[STRANGE]["unpriced"] == int(lines[STRANGE]["unpriced"]) == 1100
    assert (rows[OPUS]["cost_usd"], lines[OPUS]["cost_usd"]) == (0.00255, "0.00255")
    assert (cost_cell(text, STRANGE), cost_cell(text, "total")) == ("*", "<$0.01*")
    (note,) = [line for line in text.splitlines() if line.startswith("* ")]
    assert f"1,100 tokens have no price and are in no cost: {STRANGE}." in note
    assert "prices: in ccpush.yml" in note


def test_a_model_that_got_its_price_later_is_marked(home: homes.Home, reader: homes.Reader) -> None:
    """What came before its price stays without: the cost that is there is not of everything."""
    home.main().write(assistant("msg_1", model=STRANGE, input=1000, output=0))
    reader.run()
    home.main().append(assistant("msg_2", model=STRANGE, input=5_000_000, output=0), at_s=NOW_S + 1)
    reader.prices = (PriceOverride((STRANGE,), None, Decimal(2), Decimal(2)),)
    reader.run()
    found = reported(reader)

    assert found[0] == [
        UsageRow(TODAY, STRANGE, 5_001_000, cost_nano=10 * 10**9, saved_nano=0, unpriced=1000)
    ]
    assert cost_cell(table(found), STRANGE) == "$10.00*"


def test_a_price_of_nothing_is_a_price(home: homes.Home, reader: homes.Reader) -> None:
    """A model that costs nothing costs 0, which is not unknown."""
    home.main().write(assistant("msg_1", model=STRANGE))
    reader.prices = (PriceOverride((STRANGE,), None, Decimal(0), Decimal(0)),)
    reader.run()
    found = reported(reader)

    assert (found[0][0].cost_nano, cost_cell(table(found), STRANGE)) == (0, "$0.00")


def test_days_of_an_older_ledger_have_no_cost_that_is_known(
    home: homes.Home, reader: homes.Reader
) -> None:
    """What was counted before there were prices, and is gone since, is unknown and not 0."""
    before, rows = NOW_S - 2 * DAY_S, [assistant("msg_4", output=5)]
    gone = [
        assistant("msg_1", output=100, at_s=before),
        assistant("msg_2", output=7, at_s=NOW_S - DAY_S),
        homes.api_error(at_s=before),
    ]
    left = [
        user("go on", at_s=NOW_S - DAY_S),
        assistant("msg_3", output=9, at_s=NOW_S - DAY_S),
    ]
    home.main("a").write(*gone)
    home.main("b").write(*left, *rows)
    reader.run()
    old_ledger.set_back(reader, [*gone, *left, *rows])
    home.main("a").path.unlink()
    reader.run()
    usage, outcome = found = reported(reader)
    text = table(found)

    assert [(row.date, row.cost_nano, row.before_prices) for row in usage] == [
        ("2026-09-14", None, 110),
        ("2026-09-15", 10 * 5000 + 9 * 25_000, 17),
        (TODAY, 10 * 5000 + 5 * 25_000, 0),
    ]
    assert [cost_cell(text, row.date) for row in usage] == ["?", "<$0.01?", "<$0.01"]
    assert cost_cell(text, "total") == "<$0.01?"
    assert [line for line in text.splitlines() if line.startswith("? not known")]
    # errors of the API were counted from the first release on
    assert outcome[0] == OutcomeRow("2026-09-14", complete=False, api_errors=1)
    assert [(row.complete, row.prompts) for row in outcome[1:]] == [(False, 1), (True, 0)]
    assert not outcome_total(outcome).complete


def test_imported_days_have_sums_alone(home: homes.Home, reader: homes.Reader) -> None:
    """Of days that only the stats cache has, neither cost nor outcome is known."""
    home.main().write(assistant("msg_1"))
    home.write_stats_cache(
        {
            "version": 4,
            "lastComputedDate": "2026-05-01",
            "dailyActivity": [
                {"date": "2026-05-01", "messageCount": 9, "sessionCount": 1, "toolCallCount": 2}
            ],
            "dailyModelTokens": [{"date": "2026-05-01", "tokensByModel": {OPUS: 400}}],
            "modelUsage": {OPUS: {"inputTokens": 100, "outputTokens": 300}},
            "totalSessions": 1,
            "totalMessages": 9,
            "hourCounts": {"9": 1},
        }
    )
    reader.run()
    usage, outcome = found = reported(reader)
    nothing: dict[str, Any] = dict.fromkeys(OutcomeRow.__struct_fields__[2:])

    assert usage[0] == UsageRow("2026-05-01", IMPORTED, unsplit=400)
    assert outcome[0] == OutcomeRow("2026-05-01", complete=False, **nothing)
    assert cost_cell(table(found), IMPORTED) == "?"
    assert [row.date for row in reported(reader, date(2026, 5, 2))[0]] == [TODAY]
    by_day = io.StringIO()
    print_outcome(outcome, by_day)
    assert "2026-05-01" not in by_day.getvalue()
    assert "1 such days are left out" in by_day.getvalue()


def test_what_came_of_a_day(home: homes.Home, reader: homes.Reader) -> None:
    """Prompts, time, lines, commits, pull requests and errors, each on the day it belongs to."""
    home.main().write(
        user("fix it", at_s=NOW_S - 3600),
        call("t1", "Edit", file_path="/app/a.py", at_s=NOW_S - 3590),
        result("t1", detail=patch("-old", "+new", "+newer"), at_s=NOW_S - 3580),
        call("t2", "Read", file_path="/app/b.py", at_s=NOW_S - 3570),
        result("t2", "no such file", error=True, at_s=NOW_S - 3560),
        *bash("git commit -m x", call_id="t3", at_s=NOW_S - 3550),
        *bash("gh pr create", "https://github.com/a/b/pull/1", call_id="t4", at_s=NOW_S - 3540),
        homes.api_error(at_s=NOW_S - 3540),
        user("thanks", at_s=NOW_S - 3500),
    )
    reader.run()
    _, outcome = found = reported(reader)
    expected = OutcomeRow(
        TODAY,
        prompts=2,
        active_user_s=40,
        active_cli_s=60,
        lines_added=2,
        lines_removed=1,
        commits=1,
        pull_requests=1,
        tool_errors=1,
        api_errors=1,
    )

    assert outcome == [expected]
    whole = {k: v for k, v in json.loads(outcome_json(outcome))["rows"][0].items() if k != "date"}
    assert json.loads(usage_json(*found))["outcome"] == whole
    (line,) = csv.DictReader(io.StringIO(outcome_csv(outcome)))
    assert (line["complete"], line["lines_added"]) == ("true", "2")
    (total,) = [line for line in table(found).splitlines() if line.startswith("total    ")][1:]
    assert " ".join(total.split()) == "total 2 1m 1m 2 1 1 1 1 1"


@pytest.mark.parametrize("columns", [80, 120])
def test_the_tables_fit_a_terminal(home: homes.Home, reader: homes.Reader, columns: int) -> None:
    """Large numbers are shortened rather than cut off; a file has every digit."""
    large = {"input": 1_234_567, "output": 345_678, "cache_read": 98_765_432, "flat": 23_456_789}
    home.main().write(
        *(assistant(f"a{n}", **large) for n in range(10)),
        *(assistant(f"b{n}", model=STRANGE, **large) for n in range(10)),
    )
    reader.run()
    found = reported(reader)
    narrow = table(found, columns)

    assert max(map(len, narrow.splitlines())) <= columns
    assert "…" not in narrow
    assert ("988M" if columns == 80 else "987,654,320") in narrow
    assert "1,975,308,640" in table(found)


def test_dollars_are_to_the_cent() -> None:
    """Rounded to the nearest, and never 0 for what is not nothing."""
    assert [dollars(n) for n in (0, 1, 4_999_999, 5_000_000, 1_234_567_890_000_000)] == [
        "$0.00", "<$0.01", "<$0.01", "$0.01", "$1,234,567.89",
    ]  # fmt: skip


def test_nothing_is_lost_in_digits(home: homes.Home, reader: homes.Reader) -> None:
    """A billionth of a dollar is written out, in a form that every spreadsheet reads."""
    rows = [UsageRow(TODAY, OPUS, cost_nano=1, saved_nano=12_345_678_901_000_000_001)]

    (line,) = csv.DictReader(io.StringIO(usage_csv(rows)))
    assert (line["cost_usd"], line["saved_usd"]) == ("0.000000001", "12345678901.000000001")
