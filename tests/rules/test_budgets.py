"""What a day costs, to the cent, and whose budget is spent by it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from rule_cases import AT, FILES, RULES, WAYS, Case, laptop

pytestmark = pytest.mark.integration

SUM: Final = "sum (id:claude_code_cost_usage_USD:increase1d)"


def limits(folder: Path, per_team: int = 1000) -> Path:
    """The file of limits as somebody has changed it: bob has a budget of his own."""
    text = (RULES / "limits.yml").read_text(encoding="utf-8")
    team = "ccpush:budget_per_team_USD:limit\n        expr: 1000\n"
    assert team in text
    own = "      - record: ccpush:budget_per_user_USD:limit\n        expr: 300\n"
    own += "        labels: {user: bob}\n"
    own += (
        own.replace("per_user", "per_team").replace("300", "400").replace("user: bob", "team: red")
    )
    file = folder / "limits.yml"
    file.write_text(text.replace(team, team.replace("1000", str(per_team)) + own), encoding="utf-8")
    return file


def test_the_team_counts_everybody_once(tmp_path: Path) -> None:
    """By three ways half the budget is not over it, and two users with more than half are."""
    case = Case(tmp_path)
    for way in WAYS:
        case.add(laptop(job=way, user="ada", cost="0x70 90x110"))
        case.add(laptop("m2", job=way, instance="lap", user="bob", cost="0x70 95x110"))

    case.firing([])
    case.rules = (limits(tmp_path, per_team=180), *FILES[1:])
    case.firing([("ClaudeTeamOverBudget", "")])


def test_one_user_and_one_team_may_have_other_budgets(tmp_path: Path) -> None:
    """A limit with a label goes before the one without, for that user or team alone."""
    case = Case(tmp_path)
    case.rules = (limits(tmp_path), *FILES[1:])
    for number, (user, team, cost) in enumerate(
        [("ada", "red", 120), ("bob", "red", 290), ("cyd", "blue", 99), ("dan", "blue", 310)]
    ):
        case.add(laptop(f"m{number}", instance=user, user=user, more=f'team="{team}"',
                        cost=f"0x70 {cost}x110"))  # fmt: skip

    case.firing(
        [("ClaudeUserOverBudget", "ada"), ("ClaudeUserOverBudget", "dan"),
         ("ClaudeTeamOverBudget", "")]
    )  # fmt: skip
    teams = 'ALERTS{alertname="ClaudeTeamOverBudget",alertstate="firing"}'
    case.has({f"group by (team) ({teams})": {'{team="red"}': 1}}, AT)


def test_a_day_is_exact(tmp_path: Path) -> None:
    """The last 24 hours have what was used in them, to the cent, and neither before nor after."""
    case = Case(tmp_path, "5m")
    day = 288
    case.add(laptop(here="1x600", collected="0+300x600", cost=f"100x{day} 101.25x{day} 111.25x20"))

    case.has({SUM: {"{}": 1.25}}, "2879m")
    case.has({SUM: {"{}": 10}}, "2900m")


def test_a_ledger_that_was_lost_is_no_money_spent(tmp_path: Path) -> None:
    """A scraped counter that begins anew with what transcripts are left is not counted as new."""
    case = Case(tmp_path, "5m")
    case.add(laptop(job=WAYS[1], instance="desk:9101", here="1x700", collected="0+300x700",
                    cost="1000x300 700x300 703x100"))  # fmt: skip

    case.has({SUM: {"{}": 0}}, "1600m")
    case.has({SUM: {"{}": 3}}, "3050m")


def test_what_a_gateway_gets_late_is_not_of_today(tmp_path: Path) -> None:
    """A weekend that comes at once on Monday is no day's cost; the next day counts again."""
    case = Case(tmp_path, "5m")
    away = f"{-86_400}x400"
    case.add(laptop(job=WAYS[2], here="1x900", collected=f"{away} 120300+300x500",
                    cost="10x400 500x300 503x200"))  # fmt: skip

    case.has({SUM: {}}, "2100m")
    case.has({SUM: {"{}": 3}}, "3600m")
