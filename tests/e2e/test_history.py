"""The past at its place: what a real receiver has of a month, a week offline, and what ended."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest
import servers
from central import DAY_S, HOUR_S, KEEP, NOON_S, TOKENS, falls, gaps, output, series, settle
from hand_made import request_v1, write
from homes import HAIKU, OPUS
from laptops import Clock, Laptop
from roads import road
from slow_count import embedded, key, slow_count

from ccpush.claude.model_names import normalise
from ccpush.demo.invent import invent_home
from ccpush.ledger.store import FILE_NAME
from ccpush.metrics import catalogue
from ccpush.push.remote_write import continuity, delivery, groups, present, shifts

pytestmark = pytest.mark.integration

# (type, model, the day's end) → tokens
Days = Mapping[tuple[str, str, int], float]
TYPES = ("input", "output", "cacheRead", "cacheCreation")
MONTH_BEGINS_S = NOON_S - 29 * DAY_S
MIDNIGHTS = tuple(range(MONTH_BEGINS_S + DAY_S // 2, NOON_S, DAY_S))


@pytest.fixture(scope="module")
def month(
    tmp_path_factory: pytest.TempPathFactory, prometheus: servers.Server, victoria: servers.Server
) -> Laptop:
    """A laptop that was used for longer than is sent before its first push, to both receivers."""
    clock = Clock()
    with road(prometheus.url, clock) as one, road(victoria.url, clock) as two:
        laptop = Laptop(tmp_path_factory.mktemp("laptops") / "month", clock, one, two)
        invent_home(laptop.home, end=clock() - 60, days=33)
        results = laptop.tick()
    assert ["delivered"] * 2 == [result.outcome for result in results.values()]
    assert {} == results["central"].rejected == results["central1"].rejected
    return laptop


def told_by_home(home: Path) -> Days:
    """Tokens by type, model and UTC day, counted from the transcripts; the first day's has all."""
    paths = [path for path in home.glob("projects/**/*.jsonl") if path.name != "journal.jsonl"]
    paths.sort(key=lambda path: ("subagents" in path.parts, path))
    rows = [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]
    counted = slow_count(rows)
    first_s: dict[str, float] = {}
    for row in (embedded(row) or row for row in rows):
        if row["type"] == "assistant":
            first_s.setdefault(key(row), datetime.fromisoformat(row["timestamp"]).timestamp())
    days: Counter[tuple[str, str, int]] = Counter()
    for response, numbers in counted.responses.items():
        ends_s = max(MIDNIGHTS[0], (first_s[response] // DAY_S + 1) * DAY_S)
        for kind, amount in zip(TYPES, numbers, strict=True):
            if amount and ends_s <= MIDNIGHTS[-1]:
                days[kind, normalise(counted.models[response]), int(ends_s)] += amount
    return dict(days)


def told_by_ledger(laptop: Laptop) -> Days:
    """The same from what is booked."""
    ledger = sqlite3.connect(laptop.root / "state" / FILE_NAME)
    rows = ledger.execute(
        "SELECT a, b, MAX(?, (booked * 60 + 86399) / 86400 * 86400) AS ends, SUM(amount)"
        " FROM increment JOIN series ON series.id = series WHERE family = 'tokens' AND ends <= ?"
        " GROUP BY a, b, ends",
        (MIDNIGHTS[0], MIDNIGHTS[-1]),
    ).fetchall()
    ledger.close()
    return {(kind, model, ends_s): amount for kind, model, ends_s, amount in rows}


def told_by_server(server: servers.Server, promql: str) -> Days:
    """What a query yields at the end of every day, where that is not nothing."""
    settle(server)
    days: dict[tuple[str, str, int], float] = {}
    for midnight_s in MIDNIGHTS:
        for one in server.query(promql, midnight_s):
            amount = float(one["value"][1])
            if amount:
                days[one["metric"]["type"], one["metric"]["model"], midnight_s] = amount
    return days


@pytest.mark.parametrize("name", ["prometheus", "victoria"])
def test_a_month_in_one_push_lies_on_its_days(
    name: str, month: Laptop, request: pytest.FixtureRequest
) -> None:
    """By day, type and model, counters grow by what the transcripts tell, to the token."""
    server: servers.Server = request.getfixturevalue(name)
    counter = f'{TOKENS}{{instance="month"}}'
    expected = told_by_home(month.home)

    assert len(expected) > 100
    assert len({model for _, model, _ in expected}) > 2
    assert expected == told_by_ledger(month)
    # a model's first day has no day before it
    grown = f"{counter} - ({counter} offset 1d or 0 * {counter})"
    assert expected == told_by_server(server, grown)
    increases = told_by_server(server, f"increase({counter}[1d])")
    assert expected == pytest.approx(increases, rel=1e-9)
    for points in series(server, counter, NOON_S):
        assert (0.0, NOON_S) == (points[0][1], points[-1][0])
        assert [] == gaps(points) == falls(points)


def test_without_a_window_the_last_hour_arrives_and_the_rest_is_told(tmp_path: Path) -> None:
    """What is refused for its age costs few requests and is counted; totals are right at once."""
    clock = Clock()
    with servers.prometheus("", tmp_path, KEEP) as plain, road(plain.url, clock) as way:
        # an empty one takes everything
        other = [("__name__", "up"), ("job", "other")]
        write(f"{plain.url}/api/v1/write", request_v1((other, [(NOON_S * 1000, 1.0)])))
        laptop = Laptop(tmp_path / "late", clock, way)
        truth = invent_home(laptop.home, end=clock() - 60, days=30)
        first = laptop.tick()["central"]
        state, requests = laptop.state(), len(way.statuses)
        totals = {
            model: plain.value(f'{TOKENS}{{type="output",model="{model}"}}', NOON_S)
            for model in truth.tokens
        }
        clock.forward(600)
        laptop.use(ago_s=60, output=1000)
        second = laptop.tick()["central"]
        later = plain.value(f'sum({TOKENS}{{type="output"}})', clock())
        hour = series(plain, f'{TOKENS}{{type="output"}}', clock())

    assert ("rejected", {"too_old"}) == (first.outcome, set(first.rejected))
    assert first.rejected["too_old"] > 500_000
    assert requests <= 50
    assert "out_of_order_time_window: 31d" in (state.hint or "")
    assert first.rejected["too_old"] == state.samples["rejected", "too_old"]
    assert {model: tokens.output for model, tokens in truth.tokens.items()} == totals
    assert "delivered" == second.outcome
    assert later == truth.total.output + 1000
    assert 0 <= hour[0][0][0] - (NOON_S - HOUR_S) <= 120
    assert [] == gaps(hour[0])


def test_a_week_offline_leaves_no_trace(
    tmp_path: Path, prometheus: servers.Server, victoria: servers.Server
) -> None:
    """After a week without network every hour has what was used in it, and no step is missing."""
    clock = Clock(NOON_S - 7 * DAY_S + 30.5)
    with road(prometheus.url, clock) as one, road(victoria.url, clock) as two:
        laptop = Laptop(tmp_path / "traveller", clock, one, two)
        laptop.use(ago_s=90, output=10**6)
        laptop.tick()
        one.broken = two.broken = True
        outcomes = set()
        for day in range(1, 8):
            clock.forward(DAY_S - HOUR_S)
            laptop.use(ago_s=7 * HOUR_S + 20, output=10**day, model=HAIKU if day > 3 else OPUS)
            laptop.use(ago_s=0, output=day)
            outcomes |= {result.outcome for result in laptop.tick().values()}
            clock.forward(HOUR_S)
        one.broken = two.broken = False
        back = laptop.tick()

    assert {"retry"} == outcomes
    assert ["delivered"] * 2 == [result.outcome for result in back.values()]
    for server in (prometheus, victoria):
        points = output(server, "traveller", NOON_S)
        assert (0.0, (NOON_S, laptop.spent())) == (points[0][1], points[-1])
        assert [] == gaps(points) == laptop.untrue(points)
        hours = {ts_s: value for ts_s, value in points if ts_s % HOUR_S == 0}
        grown = {ts_s: hours[ts_s] - hours[ts_s - HOUR_S] for ts_s in sorted(hours)[1:]}
        assert grown == {ts_s: laptop.spent(ts_s - HOUR_S, ts_s) for ts_s in grown}
        assert 7 * 24 == len(grown)


def test_what_has_ended_vanishes_at_once(tmp_path: Path, prometheus: servers.Server) -> None:
    """A model that is no longer active, a date gone by: not shown for five minutes more."""
    clock = Clock(NOON_S - DAY_S // 2 - 29.5)
    live = 'claude_live_output_tokens{instance="ending"}'
    dates = 'claude_daily_messages{instance="ending"}'
    with road(prometheus.url, clock) as way:
        laptop = Laptop(tmp_path / "ending", clock, way)
        laptop.use(ago_s=14 * 60, output=7)
        laptop.use(ago_s=60, output=8, model=HAIKU)
        laptop.tick()
        before_s = clock() + 1
        clock.forward(120)
        laptop.tick()
        after_s = clock() + 1

    def shown(selector: str, label: str, at_s: float) -> list[str]:
        return sorted(one["metric"][label] for one in prometheus.query(selector, at_s))

    assert [HAIKU, OPUS] == shown(live, "model", before_s)
    assert [HAIKU] == shown(live, "model", after_s)
    before, after = shown(dates, "date", before_s), shown(dates, "date", after_s)
    assert 30 == len(before) == len(after)
    assert before[1:] == after[:-1]


def test_a_metric_that_an_upgrade_brings_has_its_past(
    tmp_path: Path, victoria: servers.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its history begins with its own zero, and nothing of the other metrics is sent again."""
    clock = Clock(NOON_S - HOUR_S + 30.5)
    older = tuple(metric for metric in catalogue.GRID if metric.name != "claude_total_messages")
    new = 'claude_total_messages{instance="upgraded"}'
    with road(victoria.url, clock) as way:
        laptop = Laptop(tmp_path / "upgraded", clock, way)
        laptop.use(ago_s=5 * HOUR_S, output=7)
        laptop.use(ago_s=2 * HOUR_S, output=8)
        with monkeypatch.context() as patch:
            for module in (catalogue, continuity, delivery, groups, present, shifts):
                patch.setattr(module, "GRID", older)
            laptop.tick()
            assert [] == victoria.query(f"{new}[40d]", NOON_S)
        clock.forward(600)
        result = laptop.tick()["central"]

    assert "delivered" == result.outcome
    (points,) = series(victoria, new, clock())
    begins_s = NOON_S - 6 * HOUR_S
    assert [(begins_s, 0.0), (begins_s + 120, 1.0)] == points[:2]
    assert 2.0 == points[-1][1]
    assert [] == gaps(points)
    # it would keep what came twice
    kept = '{instance="upgraded",__name__=~"claude_(code|model|total|turn|compact)_.+"}'
    assert {begins_s} == {points[0][0] for points in series(victoria, kept, clock())}
    assert [] == laptop.untrue(output(victoria, "upgraded", clock()))
