"""What the account says in metrics: complete, labelled, adding up, and the same to the byte."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from datetime import date, timedelta
from pathlib import Path

import homes
import msgspec
import pytest
from homes import DAY_S, HAIKU, NOW_S, OPUS, assistant, tool_use, user
from tool_rows import bash, call, hook, patch, result

from ccpush.ledger.cursors import freeze
from ccpush.ledger.query import Account
from ccpush.ledger.sinks import SinkState, record_attempt
from ccpush.ledger.store import open_ledger
from ccpush.metrics import evaluate as evaluate_module
from ccpush.metrics.catalogue import CATALOGUE, frozen_families
from ccpush.metrics.collector import render
from ccpush.metrics.evaluate import Identity, evaluate
from ccpush.metrics.samples import Family, Sample

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
WHO = Identity("0123456789abcdef", "laptop", {"user": "ada", "team": "engines"})
# Gauges that compatibility with the predecessor's dashboards demands.
TOLERATED = {
    f'{name} non-counter metrics should not have "_total" suffix'
    for name in (
        "claude_api_errors_total",
        "claude_api_retries_total",
        "claude_compact_events_total",
        "claude_stop_reason_total",
        "claude_tool_use_total",
        "claude_web_fetch_total",
        "claude_web_search_total",
    )
}


def fill(home: homes.Home) -> None:
    """A little of everything that is counted: a month of it, and an hour ago."""
    day = NOW_S - 12 * DAY_S
    home.main("old").write(
        user(at_s=day, session="old"),
        assistant(
            "msg_1", at_s=day, session="old", input=100, output=40, cache_read=7000, flat=900,
            stop="tool_use", blocks=[tool_use("t1", "Read")],
        ),
        assistant(
            "msg_1", at_s=day, session="old", input=100, output=55, cache_read=7000, flat=900,
            stop="tool_use", blocks=[tool_use("t2", "WebSearch")],
        ),
        homes.api_error(0, at_s=day, session="old"),
        homes.api_error(2, at_s=day + 3, session="old"),
        homes.compact_boundary(160_000, at_s=day + 60, session="old"),
        homes.turn_duration(42_500, at_s=day + 90, session="old"),
        homes.synthetic(at_s=day, session="old"),
        {"type": "summary", "summary": "…", "leafUuid": "…"},
        {"type": "invented", "sessionId": "old"},
        b"{half a line",
    )  # fmt: skip
    home.agent(session="old").write(
        assistant(
            "msg_2", at_s=day + 5, session="old", model=f"us.anthropic.{HAIKU}-v1:0",
            sidechain=True, input=9, output=3, stop="end_turn", searches=2, fetches=1,
        )
    )  # fmt: skip
    home.main("live").write(
        user(at_s=NOW_S - 300, session="live"),
        assistant(
            "msg_3", at_s=NOW_S - 240, session="live", output=8, stop="end_turn",
            blocks=[tool_use("t3", "mcp__tracker__find")],
        ),
    )  # fmt: skip
    old = date(2026, 8, 1)
    home.write_stats_cache(
        {
            "version": 4,
            "lastComputedDate": str(old),
            "dailyActivity": [
                {"date": str(old), "messageCount": 90, "sessionCount": 4, "toolCallCount": 30}
            ],
            "dailyModelTokens": [{"date": str(old), "tokensByModel": {OPUS: 500}}],
            "modelUsage": {
                OPUS: {
                    "inputTokens": 200,
                    "outputTokens": 300,
                    "cacheReadInputTokens": 6000,
                    "cacheCreationInputTokens": 700,
                }
            },
            "totalSessions": 4,
            "totalMessages": 90,
            "hourCounts": {"9": 3, "14": 1},
        }
    )


def bring(transcript: homes.Transcript) -> None:
    """A little of what came of it, and of what got in the way."""
    day = NOW_S - 12 * DAY_S
    committed = bash("git commit -m words && gh pr create", "done", "t5", at_s=day + 40)
    transcript.write(
        call("t4", "Edit", file_path="/app/a.py", at_s=day + 10),
        result("t4", detail=patch("+a", "+b", "-c"), at_s=day + 20),
        *committed,
        call("t6", "Write", file_path="/app/a.cpp", content="a", at_s=day + 50),
        result("t6", "no", error=True, toolDenialKind="user-rejected", at_s=day + 55),
        hook(duration_ms=1500),
        {**homes.compact_boundary(0), "compactMetadata": {"trigger": "manual", "preTokens": 90_000, "postTokens": 7000}},
        assistant("msg_4", at_s=day + 60, model="somebodys-model", output=4),
    )  # fmt: skip


@pytest.fixture
def reader(tmp_path: Path) -> homes.Reader:
    """A ledger over a home with a little of everything, not yet read."""
    home = homes.Home(tmp_path / "home")
    fill(home)
    return homes.Reader(tmp_path / "state", home)


def push(reader: homes.Reader) -> None:
    """Two sinks have been pushed to; one of them refuses."""
    good = SinkState("mimir", "remote_write", NOW_S, NOW_S + 1.5, NOW_S + 1.5, skew_s=-0.125)
    bad = SinkState("gate", "pushgateway", None, NOW_S + 1.5, None, "401 Unauthorized")
    with open_ledger(reader.state_dir, write=True) as connection:
        freeze(connection, frozen_families(), NOW_S // 60)
        record_attempt(connection, good, {("sent", ""): 120, ("rejected", "too_old"): 3})
        record_attempt(connection, bad, {("retried", ""): 130})
    reader.now_s += 30


def families(reader: homes.Reader) -> dict[str, Family]:
    """All families of the account as it stands."""
    return {family.name: family for family in evaluate(reader.account(), WHO)}


def values(family: Family) -> dict[tuple[str, ...], float]:
    """A family's values by its own labels' values."""
    own = next(metric.labels for metric in CATALOGUE if metric.name == family.name)
    return {tuple(dict(s.labels)[name] for name in own): s.value for s in family.samples}


def compare(case: str, text: bytes, *, update: bool) -> None:
    """Compare with a golden file, or write it anew."""
    path = GOLDEN / f"{case}.prom"
    if update:
        path.write_bytes(text)
    assert text.decode().splitlines() == path.read_text(encoding="utf-8").splitlines()


def settled(account: Account) -> Account:
    """The account without what no clock was injected for."""
    return msgspec.structs.replace(account, collect_duration_s=0.25)


@pytest.fixture
def no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that no release changes."""
    monkeypatch.setattr(evaluate_module, "__version__", "0.0.0")


@pytest.mark.usefixtures("no_version")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_the_exposition_is_the_same_to_the_byte(
    reader: homes.Reader, zone: str, update_golden: bool
) -> None:
    """A home with a little of everything, as it has always been said."""
    bring(homes.Transcript(reader.homes[0] / "projects" / "-home" / "brought.jsonl"))
    with homes.zone(zone):
        reader.run()
        push(reader)
        text, content_type = render(evaluate(settled(reader.account()), WHO))
    case = f"everything_{zone.lower().replace('/', '_')}"

    compare(case, text, update=update_golden)
    assert content_type.startswith("text/plain; version=0.0.4")


@pytest.mark.usefixtures("no_version")
def test_before_the_first_complete_pass_only_health_is_said(
    reader: homes.Reader, update_golden: bool
) -> None:
    """Half an account would look like a counter's reset when it is whole."""
    reader.run(stop=lambda: True)
    half = evaluate(reader.account(), WHO)
    reader.run()

    assert {family.name.partition("_")[0] for family in half} == {"ccpush"}
    assert {family.name for family in half} == {
        metric.name
        for metric in CATALOGUE
        if metric.name.startswith("ccpush_") and metric.name != "ccpush_unpriced_tokens_total"
    }
    compare("before_the_first_pass", render(half)[0], update=update_golden)
    assert [family.name for family in evaluate(reader.account(), WHO)] == [
        metric.name for metric in CATALOGUE
    ]


@pytest.mark.integration
def test_promtool_complains_of_nothing_but_what_compatibility_demands(
    reader: homes.Reader,
) -> None:
    """The linter's whole list is the predecessor's gauges that are called _total."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    reader.run()
    push(reader)
    text, _ = render(evaluate(reader.account(), WHO))

    found = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, check=False
    )

    assert set((found.stdout + found.stderr).decode().splitlines()) == TOLERATED


def test_every_series_bears_the_identitys_labels(reader: homes.Reader) -> None:
    """User and external labels stand on everything; job and instance belong to the path."""
    reader.run()
    push(reader)
    samples = [sample for family in families(reader).values() for sample in family.samples]

    assert samples
    for sample in samples:
        labels = dict(sample.labels)
        assert (labels["user"], labels["team"]) == ("ada", "engines")
        assert list(sample.labels) == sorted(sample.labels)
        assert len(labels) == len(sample.labels)
        assert not {"job", "instance", "__name__"} & set(labels)


def test_who_this_is_is_said_once(reader: homes.Reader) -> None:
    """The id is a series of its own, so that dashboards count each laptop once."""
    reader.run()
    found = families(reader)

    assert found["ccpush_identity_info"].samples == (
        Sample(
            "ccpush_identity_info",
            (("id", "0123456789abcdef"), ("team", "engines"), ("user", "ada")),
            1.0,
        ),
    )
    assert [sample.value for sample in found["ccpush_build_info"].samples] == [1.0]


def test_a_metrics_own_label_wins_over_the_identitys(reader: homes.Reader) -> None:
    """An external label called as one of a metric's own cannot make two series one."""
    reader.run()
    who = Identity("x", "laptop", {"model": "air", "type": "laptop", "tool": "hammer"})
    found = {family.name: family for family in evaluate(reader.account(), who)}

    assert values(found["claude_model_output_tokens"]) == {(OPUS,): 363.0, (HAIKU,): 3.0}
    assert len(values(found["claude_daily_tokens"])) == 60
    assert dict(found["claude_total_sessions"].samples[0].labels)["model"] == "air"


def test_no_series_is_said_twice(reader: homes.Reader) -> None:
    """Name and labels together are unique, and all values are numbers."""
    reader.run()
    push(reader)
    samples = [sample for family in families(reader).values() for sample in family.samples]

    assert len({(sample.name, sample.labels) for sample in samples}) == len(samples)
    assert all(math.isfinite(sample.value) for sample in samples)


def test_timings_share_the_families_out(reader: homes.Reader) -> None:
    """What lies on the grid and what is said of now are together everything."""
    reader.run()
    account = reader.account()
    grid, now = evaluate(account, WHO, "grid"), evaluate(account, WHO, "now")

    assert {family.timing for family in grid} == {"grid"}
    assert sorted((*grid, *now), key=repr) == sorted(evaluate(account, WHO), key=repr)


def test_lines_are_counted_duplicate_or_skipped(reader: homes.Reader) -> None:
    """The health metrics of reading add up."""
    reader.run()
    found = families(reader)

    def total(name: str) -> float:
        return sum(sample.value for sample in found[name].samples)

    skipped = values(found["ccpush_rows_skipped_total"])
    assert total("ccpush_lines_read_total") == 14
    assert total("ccpush_rows_counted_total") == 9
    assert total("ccpush_rows_duplicate_total") == 1
    assert total("ccpush_rows_skipped_total") == sum(skipped.values()) == 4
    assert skipped == {
        ("synthetic",): 1, ("no_metric",): 1, ("unknown_type",): 1, ("not_json",): 1,
    }  # fmt: skip
    assert total("ccpush_row_types_unknown_total") == 1


def test_gauges_are_counters_plus_imported_days(reader: homes.Reader) -> None:
    """The all-time gauges have the imported day in them, the counters do not."""
    reader.run()
    found = families(reader)
    counter = values(found["claude_code_token_usage_tokens_total"])

    assert counter["output", OPUS] == 63
    assert values(found["claude_model_output_tokens"])[OPUS,] == 63 + 300
    assert values(found["claude_model_cache_read_tokens"])[OPUS,] == 7000 + 6000
    assert values(found["claude_code_session_count_total"]) == {(): 2}
    assert values(found["claude_total_sessions"]) == {(): 2 + 4}


def test_daily_gauges_are_the_last_thirty_days(reader: homes.Reader) -> None:
    """Each of them, zeros included, and today is the last."""
    reader.run()
    found = families(reader)
    days = {(str(date(2026, 9, 16) - timedelta(days=back)),) for back in range(30)}

    assert set(values(found["claude_daily_messages"])) == days
    assert values(found["claude_daily_messages"])["2026-09-16",] == 2
    assert values(found["claude_today_messages"]) == {(): 2}
    assert values(found["claude_daily_messages"])["2026-09-04",] == 3


def test_imported_days_are_not_split_by_type(tmp_path: Path) -> None:
    """A cache's daily tokens are input and output together, and are called so."""
    home = homes.Home(tmp_path / "home")
    fill(home)
    reader = homes.Reader(tmp_path / "state", home, now_s=NOW_S)
    day = date(2026, 8, 28)
    home.write_stats_cache(
        (home.path / "stats-cache.json").read_bytes().replace(b"2026-08-01", str(day).encode())
    )
    # what is left begins on 4 September, after that day
    reader.run()
    tokens = values(families(reader)["claude_daily_tokens"])

    assert {kind: n for (when, kind), n in tokens.items() if when == str(day)} == {"unsplit": 500}
    assert {kind for (when, kind), _ in tokens.items() if when == "2026-09-04"} == {
        "input",
        "output",
    }


def test_hours_are_all_there(reader: homes.Reader) -> None:
    """24 hours in two digits, three kinds each."""
    reader.run()
    hours = values(families(reader)["claude_hour_activity"])

    assert len(hours) == 72
    assert {hour for hour, _ in hours} == {f"{hour:02d}" for hour in range(24)}
    # two sessions of our own began before noon and at noon, four imported ones at nine and two
    assert {hour: n for (hour, kind), n in hours.items() if kind == "sessions" and n} == {
        "09": 3, "11": 1, "12": 1, "14": 1,
    }  # fmt: skip


def test_histograms_are_cumulative(reader: homes.Reader) -> None:
    """Buckets never fall, the last is the count, the sum is in the metric's unit."""
    reader.run()
    family = families(reader)["claude_turn_duration_seconds"]
    buckets = [
        (dict(sample.labels)["le"], sample.value)
        for sample in family.samples
        if sample.name.endswith("_bucket")
    ]
    rest = {
        sample.name: sample.value for sample in family.samples if "le" not in dict(sample.labels)
    }

    assert buckets == [
        ("5.0", 0), ("10.0", 0), ("20.0", 0), ("30.0", 0), ("60.0", 1), ("120.0", 1), ("300.0", 1),
        ("600.0", 1), ("1800.0", 1), ("3600.0", 1), ("+Inf", 1),
    ]  # fmt: skip
    assert rest == {
        "claude_turn_duration_seconds_sum": 42.5,
        "claude_turn_duration_seconds_count": 1,
    }


def test_nothing_of_a_conversation_is_a_label(reader: homes.Reader) -> None:
    """No session, path or text: labels are models, tools, reasons, dates and who this is."""
    reader.run()
    push(reader)
    text = render(evaluate(reader.account(), WHO))[0].decode()
    label_values = set(re.findall(r'="([^"]*)"', text))

    assert not label_values & {"old", "live", homes.SESSION, "do it", "some words"}
    assert not [value for value in label_values if "/" in value or ".jsonl" in value]
