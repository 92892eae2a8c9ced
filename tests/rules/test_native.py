"""Telemetry of Claude Code's own beside ccpush's: what Prometheus's rules make of both, by promtool.

Series have a sample each minute. Rules wait five minutes, so at AT they are about the hour from the
60th minute to the 120th; the hour before is what was known.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import documents
import pytest
import yaml

pytestmark = pytest.mark.integration

ROOT = documents.ROOT
SHIPPED = ROOT / "prometheus/rules/native.yml"
PAGE = "docs/native-telemetry.md"
AT = "125m"
ADA = "ada@example.com"
TOKENS = "claude_code_token_usage_tokens_total"
OUTPUT = 'type="output",model="opus"'
RULES = {
    "tokens", "cost_usd", "lines_of_code", "commits", "pull_requests", "sessions", "active_seconds",
    "edit_decisions",
}  # fmt: skip

Series = Mapping[str, str]
# labels → value
Found = Mapping[str, float]


def printed(*options: str) -> str:
    """What the script prints."""
    command = [sys.executable, "-I", str(ROOT / "prometheus/native_rules.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def promtool(*arguments: str) -> None:
    """Let promtool agree."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    ran = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert 0 == ran.returncode, ran.stdout + ran.stderr


def check(
    tmp_path: Path, series: Series, asked: Mapping[str, Found], rules: Path = SHIPPED, at: str = AT
) -> None:
    """Queries have exactly these answers at that time."""
    tests = [
        {
            "expr": expr,
            "eval_time": at,
            "exp_samples": [{"labels": key, "value": value} for key, value in found.items()],
        }
        for expr, found in asked.items()
    ]
    told = [{"series": name, "values": values} for name, values in series.items()]
    case: dict[str, Any] = {"interval": "1m", "input_series": told, "promql_expr_test": tests}
    file = tmp_path / "case.yml"
    file.write_text(
        yaml.safe_dump(
            {"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": [case]}, width=1000
        ),
        encoding="utf-8",
    )
    promtool("test", "rules", str(file))


def by_user(tmp_path: Path, series: Series, found: Found, **more: Any) -> None:
    """The rule of tokens has these sums, by who counted and user."""
    expr = "sum by (counted_by, user) (claude_code:tokens:increase1h)"
    check(tmp_path, series, {expr: found}, **more)


def ccpush(
    values: str,
    *,
    machine: str = "m1",
    job: str = "ccpush",
    instance: str = "desk",
    user: str = ADA,
) -> dict[str, str]:
    """A machine's output tokens with ccpush, and who it is."""
    who = f'job="{job}",instance="{instance}",user="{user}"'
    return {
        f"{TOKENS}{{{OUTPUT},{who}}}": values,
        f'ccpush_identity_info{{id="{machine}",{who}}}': "1x200",
    }


def native(values: str, *, session: str = "s1", who: str = f'user_email="{ADA}"') -> dict[str, str]:
    """A session's output tokens with the native telemetry."""
    labels = f'{OUTPUT},job="otel",instance="collector:8889",session_id="{session}"'
    return {f"{TOKENS}{{{labels}{who and ','}{who}}}": values}


def test_the_shipped_rules_are_what_the_script_prints() -> None:
    """The file in the repository is the script's own output."""
    assert SHIPPED.read_text(encoding="utf-8") == printed()


def test_prometheus_accepts_the_rules(tmp_path: Path) -> None:
    """promtool finds nothing wrong, with any choice of options."""
    other = tmp_path / "other.yml"
    other.write_text(
        printed("--label", "email", "--native-label", "user", "--scrape-job", "cc-.+")
        + printed("--late", "1h").partition("groups:\n")[2].replace("_native", "_late"),
        encoding="utf-8",
    )

    promtool("check", "rules", str(SHIPPED))
    promtool("check", "rules", str(other))
    records = {
        rule["record"] for rule in yaml.safe_load(SHIPPED.read_text("utf-8"))["groups"][0]["rules"]
    }
    assert {f"claude_code:{name}:increase1h" for name in RULES} == records


@pytest.mark.parametrize(
    "options",
    [
        ("--label", "a b"), ("--native-label", ""), ("--late", "soon"), ("--late", "0m"),
        ("--scrape-job", 'a"'), ("--window", "1d"), ("--query", "words"),
        ("--query", "tokens", "--window", "$"),
    ],
)  # fmt: skip
def test_nonsense_is_refused(options: tuple[str, ...]) -> None:
    """What cannot make rules ends with the code for wrong usage, and nothing is printed."""
    with pytest.raises(subprocess.CalledProcessError) as refused:
        printed(*options)

    assert (2, "") == (refused.value.returncode, refused.value.stdout)


def test_only_native(tmp_path: Path) -> None:
    """Who has no ccpush counts by sessions, whatever they had before the hour taken off."""
    series = native("5x70 12x100") | native("_x90 30+10x5 80x50", session="s2")

    by_user(tmp_path, series, {f'{{counted_by="native",user="{ADA}"}}': 7 + 80})


def test_only_ccpush(tmp_path: Path) -> None:
    """Who has no telemetry counts by ccpush, to the token and with no extrapolation."""
    series = ccpush("0x30 5x31 12x60 100x30")

    by_user(tmp_path, series, {f'{{counted_by="ccpush",user="{ADA}"}}': 12 - 5})


def test_both_count_once(tmp_path: Path) -> None:
    """Who has both counts by ccpush, also where the telemetry has more, and others by their own."""
    series = ccpush("0x70 12x100") | native("5x70 1000x100")
    series |= native("_x80 9x50", session="s2", who='user_email="bob@example.com"')
    series |= ccpush("0x70 3x100", machine="m2", instance="lap", user="cyd")

    by_user(
        tmp_path,
        series,
        {
            f'{{counted_by="ccpush",user="{ADA}"}}': 12,
            '{counted_by="native",user="bob@example.com"}': 9,
            '{counted_by="ccpush",user="cyd"}': 3,
        },
    )


def test_idle_ccpush_is_preferred_all_the_same(tmp_path: Path) -> None:
    """A ccpush that says nothing was used is believed."""
    series = ccpush("7x200") | native("_x80 9x50")

    by_user(tmp_path, series, {f'{{counted_by="ccpush",user="{ADA}"}}': 0})


def test_silent_ccpush_gives_way(tmp_path: Path) -> None:
    """In an hour of which ccpush has nothing, the telemetry counts."""
    series = dict.fromkeys(ccpush(""), "7x50 stale") | native("_x80 9x50")

    by_user(tmp_path, series, {f'{{counted_by="native",user="{ADA}"}}': 9})


def test_two_laptops_of_one_user_add_up(tmp_path: Path) -> None:
    """Every id counts."""
    series = ccpush("0x70 5x100") | ccpush("0x80 8x100", machine="m2", instance="lap")

    by_user(tmp_path, series, {f'{{counted_by="ccpush",user="{ADA}"}}': 13})


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        (("ccpush", "claude-exporter", "ccpush_pushgateway"), 5),
        (("claude-exporter", "ccpush_pushgateway"), 50),
        (("ccpush", "ccpush_pushgateway"), 5),
        (("ccpush_pushgateway",), 500),
        (("ccpush", "an-own-name"), 5),
        (("an-own-name",), 5000),
    ],
)
def test_one_id_by_several_ways_counts_once(
    jobs: tuple[str, ...], expected: int, tmp_path: Path
) -> None:
    """Remote-write goes before the scrape, the scrape before the Pushgateway."""
    amounts = {"ccpush": 5, "claude-exporter": 50, "ccpush_pushgateway": 500, "an-own-name": 5000}
    series: dict[str, str] = {}
    for job in jobs:
        place = "desk:9101" if job in ("claude-exporter", "an-own-name") else "desk"
        series |= ccpush(f"0x70 {amounts[job]}x100", job=job, instance=place)

    by_user(tmp_path, series, {f'{{counted_by="ccpush",user="{ADA}"}}': expected})


def test_where_remote_write_is_over_the_gateway_counts(tmp_path: Path) -> None:
    """The way is chosen anew for each hour."""
    over = dict.fromkeys(ccpush(""), "7x50 stale")
    series = over | ccpush("0x70 5x100", job="ccpush_pushgateway")

    by_user(tmp_path, series, {f'{{counted_by="ccpush",user="{ADA}"}}': 5})


def test_a_machine_that_is_scraped_twice_counts_once(tmp_path: Path) -> None:
    """Two targets that are one machine are one."""
    scraped = [
        ccpush("0x70 5x100", job="claude-exporter", instance=f"{host}:9101")
        for host in ("desk", "127.0.0.1")
    ]

    by_user(tmp_path, scraped[0] | scraped[1], {f'{{counted_by="ccpush",user="{ADA}"}}': 5})


def test_an_old_name_in_a_gateway_does_no_harm(tmp_path: Path) -> None:
    """A group that nobody deleted adds nothing and hides nothing."""
    old = ccpush("700x200", job="ccpush_pushgateway", instance="a-former-name")
    series = old | ccpush("0x70 5x100", job="ccpush_pushgateway")

    by_user(tmp_path, series, {f'{{counted_by="ccpush",user="{ADA}"}}': 5})


def test_a_clone_is_a_machine_of_its_own(tmp_path: Path) -> None:
    """Another id under the same instance, which comes by another way, is not taken for the first."""
    series = ccpush("0x70 5x100") | ccpush("0x80 8x100", machine="m2", job="ccpush_pushgateway")

    by_user(tmp_path, series, {f'{{counted_by="ccpush",user="{ADA}"}}': 13})


def test_a_new_identity_on_the_old_series_breaks_no_rule(tmp_path: Path) -> None:
    """Two ids with the same labels in one hour are one machine; everybody else still counts."""
    series = ccpush("0x70 5x100")
    (identity,) = (name for name in series if name.startswith("ccpush_identity_info"))
    series |= {identity: "1x90 stale", identity.replace("m1", "m2"): "_x90 1x100"}

    by_user(tmp_path, series, {f'{{counted_by="ccpush",user="{ADA}"}}': 5})


def test_a_laptop_without_a_past_begins_where_it_is(tmp_path: Path) -> None:
    """What a scraped laptop has counted before anybody looked is of no hour; a new zero is."""
    series = ccpush("_x80 7000x10 7005x50", job="claude-exporter", instance="desk:9101")
    series |= ccpush("_x80 0x1 9x50", machine="m2", instance="lap", user="bob")

    by_user(
        tmp_path,
        series,
        {
            f'{{counted_by="ccpush",user="{ADA}"}}': 5,
            '{counted_by="ccpush",user="bob"}': 9,
        },
    )


def test_what_a_session_is_born_with_counts_once(tmp_path: Path) -> None:
    """A session's first value counts in the hour it appears in, and in no other."""
    name = "claude_code_session_count_total"
    who = f'job="otel",user_email="{ADA}"'
    series = {
        f'{name}{{{who},session_id="new"}}': "_x80 1x200",
        f'{name}{{{who},session_id="old"}}': "1x200",
        f'{name}{{{who},session_id="older",start_type="resume"}}': "_x80 1x200",
        f'{name}{{{who},session_id="newest",start_type="fresh"}}': "_x100 1 1 stale",
    }
    told = f'claude_code:sessions:increase1h{{counted_by="native",user="{ADA}"}}'

    check(tmp_path, series, {"claude_code:sessions:increase1h": {told: 2}})
    check(tmp_path, series, {"claude_code:sessions:increase1h": {told: 0}}, at="185m")


def test_a_counter_that_falls_has_begun_anew(tmp_path: Path) -> None:
    """What was reached before counts, and what came after, whether the fall is in the hour or not."""
    series = native("10x70 40x20 5x50")
    series |= native("40x58 _x5 6x80", session="s2")

    by_user(tmp_path, series, {f'{{counted_by="native",user="{ADA}"}}': 30 + 5 + 6})


def test_two_processes_in_turn_under_one_session_make_no_thousands(tmp_path: Path) -> None:
    """A counter that goes back and forth counts twice at most, not at every fall."""
    series = native("_x71 " + "22 21 " * 60)

    by_user(tmp_path, series, {f'{{counted_by="native",user="{ADA}"}}': 22 + 21})


def test_what_is_sent_again_and_again_adds_nothing(tmp_path: Path) -> None:
    """A process that goes on sending what it had adds nothing, nor does a pause of its series."""
    series = native("22x200") | native("9x70 stale _x20 9x100", session="s2")

    by_user(tmp_path, series, {f'{{counted_by="native",user="{ADA}"}}': 0})


def test_without_an_address_a_user_goes_by_the_id(tmp_path: Path) -> None:
    """With an API key there is only user_id, and without that nothing: nobody is left out."""
    series = native("_x80 5x50", who='user_id="8f3a"') | native("_x80 6x50", session="s2", who="")
    series |= native("_x80 7x50", session="s3", who=f'user_id="77",user_email="{ADA}"')

    by_user(
        tmp_path,
        series,
        {
            '{counted_by="native",user="8f3a"}': 5,
            '{counted_by="native",user="unknown"}': 6,
            f'{{counted_by="native",user="{ADA}"}}': 7,
        },
    )


def test_every_rule_keeps_its_labels(tmp_path: Path) -> None:
    """All figures of both, by the labels that both have, with the names any exporter gives."""
    own = 'job="ccpush",instance="desk",user="cyd"'
    telemetry = f'job="otel",session_id="s",user_email="{ADA}",user_id="1",query_source="main"'
    decision = 'tool_name="Edit",decision="accept",source="config",language="Go"'
    both = {
        "tokens": (TOKENS, 'type="input",model="opus"', "claude_code_token_usage_total"),
        "cost_usd": ("claude_code_cost_usage_USD_total", 'model="opus"', "claude_code_cost_usage_total"),
        "lines_of_code": ("claude_code_lines_of_code_count_total", 'type="added"', ""),
        "commits": ("claude_code_commit_count_total", "", ""),
        "pull_requests": ("claude_code_pull_request_count_total", "", ""),
        "sessions": ("claude_code_session_count_total", "", ""),
        "active_seconds": (
            "claude_code_active_time_seconds_total", 'type="cli"', "claude_code_active_time_total_seconds_total",
        ),
        "edit_decisions": ("claude_code_code_edit_tool_decision_total", decision, ""),
    }  # fmt: skip
    assert RULES == set(both)
    series, asked = {f'ccpush_identity_info{{id="m",{own}}}': "1x200"}, {}
    for number, (rule, (name, labels, other)) in enumerate(both.items()):
        comma = labels and ","
        series[f"{name}{{{labels}{comma}{own}}}"] = f"0x70 {number + 1}.5x90"
        series[f"{other or name}{{{labels}{comma}{telemetry}}}"] = f"_x70 {number + 20}x90"
        record = f"claude_code:{rule}:increase1h"
        asked[record] = {
            f'{record}{{{labels}{comma}counted_by="ccpush",user="cyd"}}': number + 1.5,
            f'{record}{{{labels}{comma}counted_by="native",user="{ADA}"}}': number + 20,
        }
    old = f'claude_code_active_time_total{{type="cli",{telemetry},app="old"}}'
    series[old] = "_x70 1000x90"
    told = f'claude_code:active_seconds:increase1h{{type="cli",counted_by="native",user="{ADA}"}}'
    asked["claude_code:active_seconds:increase1h"][told] += 1000

    check(tmp_path, series, asked)


def test_a_renamed_metric_breaks_no_rule(tmp_path: Path) -> None:
    """A collector that gives a session's series another name counts it under one of them."""
    (series,) = native("")
    told = {series: "_x70 5 5 stale", series.replace("_tokens_total", "_total"): "_x73 5x90"}

    by_user(tmp_path, told, {f'{{counted_by="native",user="{ADA}"}}': 5})


def test_hours_add_up_to_the_whole(tmp_path: Path) -> None:
    """Hour by hour, what is summed is what was used, wherever an hour ends."""
    series = ccpush("0+7x600") | native("_x10 3+5x600", who='user_id="8f3a"')
    sums = "sum by (user) (sum_over_time(claude_code:tokens:increase1h[10h:1h]))"

    # the newest hour ends at the 595th minute
    found = {f'{{user="{ADA}"}}': 7 * 595, '{user="8f3a"}': 3 + 5 * 585}
    check(tmp_path, series, {sums: found}, at="600m")


def test_another_label_joins_them(tmp_path: Path) -> None:
    """A label that the operator names is what users are told apart by; who lacks it keeps a name."""
    rules = tmp_path / "native.yml"
    rules.write_text(printed("--label", "email"), encoding="utf-8")
    named = {
        name.replace("user=", f'email="{ADA}",user='): values
        for name, values in ccpush("0x70 12x100", user="ada").items()
    }
    series = named | ccpush("0x70 3x100", machine="m2", instance="lap", user="bob")
    series |= native("_x80 1000x50")

    by_user(
        tmp_path,
        series,
        {f'{{counted_by="ccpush",user="{ADA}"}}': 12, '{counted_by="ccpush",user="bob"}': 3},
        rules=rules,
    )


def test_another_native_label_joins_them(tmp_path: Path) -> None:
    """So is the label that the telemetry bears, such as one of OTEL_RESOURCE_ATTRIBUTES."""
    rules = tmp_path / "native.yml"
    rules.write_text(printed("--native-label", "user"), encoding="utf-8")
    series = ccpush("0x70 12x100", user="ada") | native(
        "_x80 1000x50", who='user="ada",user_id="1"'
    )

    by_user(tmp_path, series, {'{counted_by="ccpush",user="ada"}': 12}, rules=rules)


def test_the_same_as_a_query(tmp_path: Path) -> None:
    """A query over a day has what the rules of its hours have, the newest minutes included."""
    series = ccpush("0+7x300") | native("_x10 3+5x300", who='user_id="8f3a"')
    asked = printed("--query", "tokens", "--window", "6h")

    found = {
        f'{{type="output",model="opus",counted_by="ccpush",user="{ADA}"}}': 7.0 * 300,
        '{type="output",model="opus",counted_by="native",user="8f3a"}': 3 + 5.0 * 290,
    }
    check(tmp_path, series, {asked: found}, at="300m")


def test_links_of_the_page_lead_somewhere() -> None:
    """Links of the page on all this lead to files and headings that exist."""
    for link in documents.links(PAGE):
        path, _, anchor = link.partition("#")
        target = ((ROOT / PAGE).parent / path).resolve()
        assert "://" in link or target.exists(), link
        if anchor and "://" not in link:
            assert anchor in documents.anchors(str(target.relative_to(ROOT))), link
