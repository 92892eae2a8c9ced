"""What the recording rules make of laptops that are on, off, renamed, or heard of in several ways."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from rule_cases import COLLECTED, FILES, IDENTITY, RULES, WAYS, Case, laptop, promtool

from ccpush.metrics.catalogue import CATALOGUE

pytestmark = pytest.mark.integration

TOKENS = "id_type_model:claude_code_token_usage_tokens:last"
SEEN = "id:ccpush_seen_timestamp_seconds:last"
REJECTED = "id_sink_reason:ccpush_samples_rejected:increase1h"
SPENT = "id:claude_code_cost_usage_USD:increase1d"
# what exporters call Claude Code's own metrics where ccpush has another name
NATIVE: Final = {
    "claude_code_token_usage_total", "claude_code_cost_usage_total",
    "claude_code_active_time_total_seconds_total", "claude_code_active_time_total",
}  # fmt: skip
WORDS: Final = {"and", "bool", "offset", "or", "unless"}


def by_id(case: Case, values: dict[str, float], *ats: str, record: str = TOKENS) -> None:
    """The record has these sums by id, at each of these times."""
    labels = {f'{{id="{machine}"}}': value for machine, value in values.items()}
    case.has({f"sum by (id) ({record})": labels}, *ats)


def expressions(file: Path) -> dict[str, str]:
    """The rules of a file: name → expression."""
    groups: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    return {rule.get("record", rule.get("alert")): str(rule["expr"]) for rule in rules}


def names(expr: str) -> set[str]:
    """The series that an expression asks for."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]', " ", re.sub(r'"[^"]*"', " ", expr))
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right) \([^)]*\)", " ", bare)
    found = re.findall(r"(?<![\w:.])[a-zA-Z_][\w:]*(?![\w:]|\s*\()", bare)
    return set(found) - WORDS


def test_prometheus_accepts_the_rules() -> None:
    """promtool finds nothing wrong in any file."""
    promtool("check", "rules", *(str(file) for file in sorted(RULES.glob("*.yml"))))


def test_rules_ask_only_for_what_there_is() -> None:
    """Every series in a rule is in the catalogue, recorded by a rule, or a native name."""
    rules = {file.name: expressions(file) for file in sorted(RULES.glob("*.yml"))}
    recorded = {name for found in rules.values() for name in found if ":" in name}
    known = {metric.name for metric in CATALOGUE} | recorded | NATIVE
    asked = {name for found in rules.values() for expr in found.values() for name in names(expr)}

    assert {IDENTITY, COLLECTED, SEEN} < asked
    assert set() == asked - known


def test_every_limit_and_record_has_a_name_as_prometheus_wants_it() -> None:
    """level:metric:operation, and every level of an id is told by its labels."""
    recorded = [name for file in FILES for name in expressions(file) if ":" in name]

    assert [] == [name for name in recorded if not re.fullmatch(r"[a-z_]+:\w+:[a-z0-9]+", name)]


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        (WAYS, 5.0), (WAYS[1:], 50.0), ((WAYS[0], WAYS[2]), 5.0), (WAYS[2:], 500.0),
        ((WAYS[0], "an-own-name"), 5.0),
    ],
)  # fmt: skip
def test_one_id_by_several_ways_counts_once(
    ways: tuple[str, ...], expected: float, tmp_path: Path
) -> None:
    """Remote-write goes before the scrape, the scrape before the Pushgateway, for every figure."""
    case = Case(tmp_path)
    amounts = {WAYS[0]: 5, WAYS[1]: 50, WAYS[2]: 500, "an-own-name": 5000}
    for way in ways:
        values = f"0x70 {amounts[way]}x100"
        case.add(
            laptop(
                job=way, instance="desk" if way.startswith("ccpush") else "desk:9101",
                tokens=values, cost=values, sessions=values, tool_errors=values,
                api_errors=values, responses=values, unpriced=values, rejected=values,
            )
        )  # fmt: skip

    place = "desk" if ways[0].startswith("ccpush") else "desk:9101"
    who = f'id="m1",job="{ways[0]}",instance="{place}",user="ada"'
    case.has(
        {
            TOKENS: {f'{TOKENS}{{type="output",model="opus",{who}}}': expected},
            "id_model:claude_code_cost_usage_USD:last": {
                f'id_model:claude_code_cost_usage_USD:last{{model="opus",{who}}}': expected
            },
            "id:claude_code_session_count:last": {
                f"id:claude_code_session_count:last{{{who}}}": expected
            },
            "id_tool_kind:claude_tool_errors:last": {
                f'id_tool_kind:claude_tool_errors:last{{tool="Bash",kind="error",{who}}}': expected
            },
            REJECTED: {f'{REJECTED}{{id="m1",sink="central",reason="too_old"}}': expected},
            SPENT: {f"{SPENT}{{{who}}}": expected},
            "user:claude_code_cost_usage_USD:increase1d": {
                'user:claude_code_cost_usage_USD:increase1d{user="ada"}': expected
            },
            "team:claude_code_cost_usage_USD:increase1d": {
                "team:claude_code_cost_usage_USD:increase1d": expected
            },
            "model:ccpush_unpriced_tokens:increase1d": {
                'model:ccpush_unpriced_tokens:increase1d{model="opus"}': expected
            },
            # reckoned to the window's edges, so a little more than what there was
            "round(id:claude_responses:increase1h)": {f"{{{who}}}": expected},
            "round(id:claude_api_error_responses:increase1h)": {f"{{{who}}}": expected},
        }
    )


def test_every_laptop_counts(tmp_path: Path) -> None:
    """Two laptops of one user add up, and further labels stay."""
    case = Case(tmp_path)
    case.add(laptop(tokens="5x180", more='team="red"'))
    case.add(laptop("m2", instance="lap", tokens="8x180", more='team="red"'))

    case.has({f"sum by (team, user) ({TOKENS})": {'{team="red",user="ada"}': 13}})


def test_a_laptop_that_is_off_keeps_its_last_values(tmp_path: Path) -> None:
    """A total does not fall when somebody goes home, and when they were last here is known."""
    case = Case(tmp_path)
    case.add(laptop(here="1x30", collected="0+60x30", tokens="0x20 7x10"))
    case.add(laptop("m2", instance="lap", user="bob", tokens="3x180"))

    by_id(case, {"m1": 7, "m2": 3}, "33m", "60m", "179m")
    case.has({f"{SEEN} - 0": {'{id="m1",job="ccpush",instance="desk",user="ada"}': 1800,
                              '{id="m2",job="ccpush",instance="lap",user="bob"}': 7200}})  # fmt: skip


def test_a_laptop_that_is_back_counts_on(tmp_path: Path) -> None:
    """What it used meanwhile is there at once, when it is back."""
    case = Case(tmp_path)
    case.add(laptop(here="1x30 _x60 1x90", collected="0+60x30 _x60 5460+60x90",
                    tokens="7x30 _x60 90x90"))  # fmt: skip

    by_id(case, {"m1": 7}, "80m")
    by_id(case, {"m1": 90}, "100m")


def test_where_remote_write_is_over_the_gateway_counts(tmp_path: Path) -> None:
    """The way is chosen at each moment; a gateway that nobody pushes to is no later news."""
    case = Case(tmp_path)
    case.add(laptop(here="1x30", collected="0+60x30", tokens="7x30"))
    case.add(laptop(job=WAYS[2], collected="0+60x30 1800x150", tokens="7x30 8x150"))

    by_id(case, {"m1": 7}, "20m")
    by_id(case, {"m1": 8})
    by_id(case, {"m1": 1800}, record=SEEN)


def test_an_old_name_in_a_gateway_does_no_harm(tmp_path: Path) -> None:
    """Of several groups of one identity the one that was pushed last counts."""
    case = Case(tmp_path)
    case.add(laptop(job=WAYS[2], instance="a-former-name", collected="60x180", tokens="700x180"))
    case.add(laptop(job=WAYS[2], tokens="5x180"))

    by_id(case, {"m1": 5})


def test_a_machine_that_is_scraped_twice_counts_once(tmp_path: Path) -> None:
    """Two targets that are one machine are one."""
    case = Case(tmp_path)
    for host in ("desk", "127.0.0.1"):
        case.add(laptop(job=WAYS[1], instance=f"{host}:9101", tokens="5x180"))

    by_id(case, {"m1": 5})


def test_another_user_or_team_makes_no_second_laptop(tmp_path: Path) -> None:
    """New labels take the place of the old ones at once, also while the old are still looked at."""
    case = Case(tmp_path)
    case.add(laptop(here="1x60", collected="0+60x60", tokens="5x60", rejected="9x60"))
    case.add(laptop(user="ada.l", here="_x61 1x30", collected="_x61 3660+60x30", tokens="_x61 6x30",
                    rejected="_x61 9x30"))  # fmt: skip

    case.has(
        {
            f"sum by (user) ({TOKENS})": {'{user="ada.l"}': 6},
            f"sum by (id) ({REJECTED})": {'{id="m1"}': 0},
        },
        "62m", "90m", "150m",
    )  # fmt: skip


def test_a_new_identity_under_old_labels_breaks_no_rule(tmp_path: Path) -> None:
    """A new operating system: the old identity is forgotten, everybody else still counts."""
    case = Case(tmp_path)
    case.add(laptop(here="1x60", tokens="5x180"))
    (old, _, _) = case.series
    case.series[old.replace("m1", "m2")] = "_x61 1x120"
    case.add(laptop("m3", instance="lap", tokens="3x180"))

    case.has({f"sum ({TOKENS})": {"{}": 8}}, "62m", "64m", "120m")
    by_id(case, {"m2": 5, "m3": 3})


def test_what_has_no_identity_is_not_in_it(tmp_path: Path) -> None:
    """Claude Code's own telemetry has rules of its own."""
    case = Case(tmp_path)
    case.add(laptop(tokens="5x180"))
    native = (
        'claude_code_token_usage_tokens_total{type="output",model="opus",job="otel",session_id="s"}'
    )
    case.series[native] = "99x180"

    by_id(case, {"m1": 5})


def test_who_is_gone_for_a_month_is_forgotten(tmp_path: Path) -> None:
    """Thirty days after the last news, a laptop's totals go too."""
    case = Case(tmp_path)
    case.add(laptop(job=WAYS[2], collected=f"{-30 * 86_400 + 3000}x180", tokens="7x180"))

    by_id(case, {"m1": 7}, "40m")
    by_id(case, {}, "60m", record=SEEN)
    by_id(case, {}, "120m")


def test_the_first_of_its_kind_counts(tmp_path: Path) -> None:
    """A counter that is born with a value is new of a laptop that was known, and unknown else."""
    case = Case(tmp_path)
    case.add(laptop(rejected="_x90 4x90"))
    case.add(laptop("m2", instance="lap", here="_x90 1x90", collected="_x90 5400+60x90",
                    rejected="_x90 4000x90"))  # fmt: skip

    by_id(case, {"m1": 4, "m2": 0}, record=REJECTED)
    by_id(case, {"m1": 0, "m2": 0}, "160m", record=REJECTED)
