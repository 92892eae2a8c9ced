"""An upgrade from the first release: the past of all that is new, and nothing else disturbed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import demo_metrics
import first_release
import homes
import laws
import pytest
import slow_tools
from brought_metrics import COST, MONEY, SAVINGS, UNPRICED
from central import DAY_S, HOUR_S, TOKENS
from first_release import Release
from homes import HAIKU, Row
from laptops import Clock, Laptop, to
from roads import road
from slow_brought import responses, slow_brought
from slow_cost import slow_cost
from slow_count import key, slow_count
from slow_rows import Key, Piece, flat, key_of, seconds
from strict import strict_receiver
from upgrades import (
    BEGIN_S,
    LEFT,
    NEW,
    OLD_COUNTERS,
    RELEASES,
    SESSIONS,
    Kept,
    brought,
    fresh_laptop,
    increases,
    kept,
    kept_strictly,
    name_of,
    session,
    the_release,
    transcript,
)

from ccpush.claude.model_names import normalise
from ccpush.demo.invent import invent_home
from ccpush.ledger.store import FILE_NAME

if TYPE_CHECKING:
    import servers

pytestmark = pytest.mark.integration

# of a session whose transcript was deleted before the upgrade
GONE = "somebodys-own-model"
# ccpush does not guess what its fast mode costs, genai-prices does
NO_FAST_PRICE = "claude-opus-4-6"
AGAIN = "ccpush_files_restarted_total"


class Moments(NamedTuple):
    """What a receiver had before the upgrade, right after it, and a little later."""

    before: Kept
    after: Kept
    later: Kept


class Upgrade:
    """A laptop of the first release that becomes one of today's, and one that is today's only.

    The samples are in ``had``, by receiver; ``fresh`` has those of the other one.
    """

    def __init__(self, laptop: Laptop, clock: Clock) -> None:
        self.laptop, self.clock = laptop, clock
        self.gone_rows = session("gone", BEGIN_S - 2 * DAY_S, GONE)
        self.had: dict[str, Moments] = {}
        self.fresh: Kept = {}
        self.outcomes: list[dict[str, str]] = []
        self.at_s: list[float] = []
        self.rows: list[list[Row]] = []

    def live_with(self, release: Release) -> None:
        """Two pushes of the first release, and what it has not seen before it is replaced."""
        laptop, clock = self.laptop, self.clock
        laptop.use(ago_s=90, output=1000)
        for name, rows in (
            ("gone", self.gone_rows),
            ("left", session("left", BEGIN_S - DAY_S, LEFT)),
        ):
            transcript(laptop, name).write(*rows, at_s=BEGIN_S - DAY_S)
        self._ticked(release.tick(laptop))
        clock.forward(600)
        laptop.use(ago_s=60, output=10)
        self._ticked(release.tick(laptop))
        clock.forward(600)
        laptop.grow(by=5)
        laptop.use(ago_s=300, output=7)
        transcript(laptop, "gone").path.unlink()

    def upgrade(self) -> None:
        """The first push of today's release."""
        self._ticked({name: result.outcome for name, result in self.laptop.tick().items()})

    def go_on(self) -> None:
        """Some work, and another push."""
        self.clock.forward(600)
        self.laptop.use(ago_s=60, output=100)
        at_s = self.clock() - 120
        transcript(self.laptop, "work").write(*session("work", at_s, HAIKU), at_s=self.clock())
        self.upgrade()

    def _ticked(self, outcomes: dict[str, str]) -> None:
        self.outcomes.append(outcomes)
        self.at_s.append(self.clock() // 60 * 60)
        self.rows.append(first_release.rows_of(self.laptop.home))


@pytest.fixture(scope="module", params=RELEASES)
def upgrade(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    prometheus: servers.Server,
    victoria: servers.Server,
) -> Upgrade:
    """The whole story, with three receivers of the laptop and one of the fresh one."""
    folder = tmp_path_factory.mktemp(f"upgrade-{request.param}")
    release = the_release(request.param, folder)
    clock = Clock(BEGIN_S + 30.5)
    with (
        road(prometheus.url, clock) as one,
        road(victoria.url, clock) as two,
        strict_receiver(now=clock) as strict,
    ):
        laptop = Laptop(folder / f"upgraded-{request.param}", clock, one, two)
        laptop.remote_write.append(to(strict.url, "strict"))
        invent_home(laptop.home, end=BEGIN_S - 2 * HOUR_S, days=5)
        told = Upgrade(laptop, clock)
        told.live_with(release)

        def look() -> dict[str, Kept]:
            name, at_s = laptop.root.name, clock() + 1
            real = {"prometheus": prometheus, "victoria": victoria}
            found = {what: kept(server, name, at_s) for what, server in real.items()}
            return {**found, "strict": kept_strictly(strict)}

        fresh = fresh_laptop(laptop, one)
        seen = [look()]
        for step in (told.upgrade, told.go_on):
            step()
            assert fresh.tick()["central"].outcome == "delivered"
            seen.append(look())
        told.fresh = kept(prometheus, fresh.root.name, clock() + 1)
    for what in seen[0]:
        told.had[what] = Moments(*(moment[what] for moment in seen))
    return told


RECEIVERS = ("prometheus", "victoria", "strict")


def test_the_first_release_knows_nothing_of_what_came_later(upgrade: Upgrade) -> None:
    """What is upgraded has pushed everything but the new metrics, and everything arrived."""
    assert [set(RECEIVERS), {"delivered"}] == [
        set(upgrade.had),
        {outcome for outcomes in upgrade.outcomes for outcome in outcomes.values()},
    ]
    for had in upgrade.had.values():
        names = {name_of(labels) for labels in had.before}
        assert set() == names & NEW
        assert OLD_COUNTERS <= names


@pytest.mark.parametrize("receiver", RECEIVERS)
def test_what_was_sent_is_as_it_was(receiver: str, upgrade: Upgrade) -> None:
    """No sample of any series that was there is changed, gone, or has got a new one before it."""
    before, after, later = upgrade.had[receiver]
    first_release_s = upgrade.at_s[1]

    for moment in (after, later):
        assert before.keys() <= moment.keys()
        for labels, points in before.items():
            now = moment[labels]
            assert points == {ts_s: now[ts_s] for ts_s in now if ts_s in points}, labels
            assert all(ts_s > first_release_s for ts_s in now.keys() - points.keys()), labels
    begun = {name_of(labels) for labels in later.keys() - before.keys()}
    known = NEW | {name_of(labels) for labels in before}
    assert {name for name in begun if not name.startswith("ccpush_")} <= known


@pytest.mark.parametrize("receiver", RECEIVERS)
def test_the_past_of_what_is_new_is_that_of_a_fresh_ledger(receiver: str, upgrade: Upgrade) -> None:
    """Sample for sample, through all days and after, it is what a new installation sends."""
    expected, found = brought(upgrade.fresh), brought(upgrade.had[receiver].later)

    assert {name_of(labels) for labels in expected} == NEW
    assert expected == found
    assert sum(map(len, found.values())) > 50_000


def pieces(home: Path) -> list[Piece]:
    """The rows of all transcripts, main files before subagents' files."""
    paths = [path for path in home.glob("projects/**/*.jsonl") if path.name != "journal.jsonl"]
    paths.sort(key=lambda path: ("subagents" in path.parts or path.name.startswith("agent-"), path))
    return [
        (str(path), [json.loads(line) for line in path.read_bytes().splitlines()]) for path in paths
    ]


def reading(call: str, command: str) -> tuple[int, bool]:
    """What a command here does; nothing that it quotes has these words."""
    del call
    creates = any(words in command for words in ("gh pr create", "glab mr create"))
    return command.count("git commit"), creates and "--web" not in command


class Spent(NamedTuple):
    """One response, when its first row was written, and what it adds to metrics of money."""

    at_s: float
    amounts: Mapping[Key, float]


def spent(home: Path) -> list[Spent]:
    """What each response cost, priced by another library, in the order of time."""
    by_key: dict[str, list[Row]] = {}
    for _, row in flat(pieces(home)):
        told = row["type"] == "assistant" and not row.get("isApiErrorMessage")
        if told and row["message"]["model"] != "<synthetic>":
            by_key.setdefault(key(row), []).append(row)
    found = []
    for rows in by_key.values():
        ((_, response),) = responses(rows).items()
        cost, saved, unpriced = slow_cost(rows)
        if response["fast"] and response["model"] == NO_FAST_PRICE:
            unpriced[NO_FAST_PRICE] = sum(response["numbers"][:4])
            cost, saved = {}, {}
        priced: list[tuple[str, Mapping[str, Any]]]
        priced = [(COST, cost), (SAVINGS, saved), (UNPRICED, unpriced)]
        amounts = {
            key_of(name, model=model): float(amount)
            for name, by_model in priced
            for model, amount in by_model.items()
        }
        found.append(Spent(seconds(rows[0]), amounts))
    return sorted(found, key=lambda one: one.at_s)


def expected_at(home: Path, money: list[Spent], at_s: float) -> dict[Key, float]:
    """Everything new that the rows before a moment say, by the slow counters."""
    before = [
        (file, [row for row in rows if "timestamp" not in row or seconds(row) < at_s])
        for file, rows in pieces(home)
    ]
    found = slow_brought(before, reading)
    for one in money:
        for series, amount in one.amounts.items() if one.at_s < at_s else ():
            found[series] = found.get(series, 0) + amount
    return found


def quiet_moments(home: Path) -> list[float]:
    """The midnights around which nobody was at work, from before the first row on."""
    at_s = [seconds(row) for _, row in flat(pieces(home)) if "timestamp" in row]
    midnights = range(int(min(at_s)) // DAY_S * DAY_S, int(BEGIN_S), DAY_S)
    return [midnight for midnight in midnights if all(abs(one - midnight) > 900 for one in at_s)]


@pytest.mark.parametrize("name", ["prometheus", "victoria"])
def test_every_increase_is_what_the_rows_say(
    name: str,
    upgrade: Upgrade,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of new metrics, from day to day, over the upgrade and after: no spike, nothing missing."""
    server: servers.Server = request.getfixturevalue(name)
    languages = {suffix[1:]: name for suffix, name in demo_metrics.LANGUAGES.items() if suffix}
    monkeypatch.setattr(slow_tools, "LANGUAGES", languages)
    home, instance = upgrade.laptop.home, upgrade.laptop.root.name
    money = spent(home)
    cuts = [*quiet_moments(home), *upgrade.at_s]
    assert len(cuts) >= 4 + 3
    told = [expected_at(home, money, cut) for cut in cuts]
    grown: list[dict[Key, float]] = []
    for (since_s, before), (at_s, now) in pairwise(zip(cuts, told, strict=True)):
        differences = {series: n - before.get(series, 0) for series, n in now.items()}
        grown.append({series: n for series, n in differences.items() if n > 1e-12})
        found = increases(server, NEW, instance, since_s, at_s)
        assert found == pytest.approx(grown[-1], rel=1e-9, abs=1e-6)

    # a use of each kind, and the upgrade's own ten minutes bring no more than a response
    assert {series for series, _ in told[-1]} == NEW
    assert {name for name, _ in grown[-2]} == {"claude_responses_total", COST}
    # over all of it at once
    whole = increases(server, NEW, instance, cuts[0], cuts[-1])
    assert whole == pytest.approx(told[-1], rel=1e-9, abs=1e-6)


def test_money_lies_at_the_minute_of_each_response(upgrade: Upgrade) -> None:
    """Each sample of cost and savings is what the responses before it cost, to the micro-dollar."""
    money = spent(upgrade.laptop.home)
    found = {
        labels: points
        for labels, points in brought(upgrade.had["strict"].later).items()
        if name_of(labels) in MONEY
    }

    assert len(found) > 8
    for labels, points in found.items():
        series = key_of(name_of(labels), **{k: v for k, v in labels if k != "__name__"})
        steps = [(one.at_s, one.amounts.get(series, 0)) for one in money]
        truth, sum_so_far = {}, 0.0
        for ts_s in sorted(points):
            while steps and steps[0][0] < ts_s:
                sum_so_far += steps.pop(0)[1]
            truth[ts_s] = sum_so_far
        assert points == pytest.approx(truth, rel=0, abs=1e-6), labels


def old_counters(rows: list[Row]) -> dict[Key, float]:
    """What the counters of the first release say of rows."""
    counted = slow_count(rows)
    found = {key_of(SESSIONS): float(len(counted.sessions))}
    for response, numbers in counted.responses.items():
        for kind, amount in zip(homes.TOKEN_TYPES, numbers, strict=True):
            series = key_of(TOKENS, model=normalise(counted.models[response]), type=kind)
            found[series] = found.get(series, 0) + amount
    return {series: amount for series, amount in found.items() if amount}


@pytest.mark.parametrize("name", ["prometheus", "victoria"])
def test_counters_that_were_there_go_on(
    name: str, upgrade: Upgrade, request: pytest.FixtureRequest
) -> None:
    """Between all pushes they grow by what was new in the transcripts; what is gone stays in."""
    server: servers.Server = request.getfixturevalue(name)
    # what was deleted was there when the first release read it
    said = [old_counters([*rows, *upgrade.gone_rows]) for rows in upgrade.rows]
    instance = upgrade.laptop.root.name
    for (since_s, before), (at_s, now) in pairwise(zip(upgrade.at_s, said, strict=True)):
        differences = {series: n - before.get(series, 0) for series, n in now.items()}
        grown = {series: n for series, n in differences.items() if n}
        found = increases(server, OLD_COUNTERS, instance, since_s, at_s)
        assert found == pytest.approx(grown, rel=1e-9)
        assert len(grown) >= 2
    for (metric, labels), total in said[-1].items():
        matchers = ",".join(f'{k}="{v}"' for k, v in (("instance", instance), *labels))
        assert total == server.value(f"{metric}{{{matchers}}}", upgrade.at_s[-1])


@pytest.mark.parametrize("receiver", RECEIVERS)
def test_what_is_gone_is_in_what_was_counted_only(receiver: str, upgrade: Upgrade) -> None:
    """Of a deleted transcript the old counters keep all; the new ones never hear of it."""
    later = upgrade.had[receiver].later
    names = {name_of(labels) for labels in later if ("model", GONE) in labels}
    (output,) = (
        points
        for labels, points in later.items()
        if {("__name__", TOKENS), ("model", GONE), ("type", "output")} <= set(labels)
    )

    assert {TOKENS, *(f"claude_model_{kind}_tokens" for kind in ("input", "output"))} == names
    assert [0, 700] == sorted(set(output.values()))
    assert 700 == output[upgrade.at_s[-1]]


def test_the_imitated_ledger_is_the_first_releases_own(tmp_path: Path) -> None:
    """Table by table, today's code set back keeps what the first release really kept."""
    rows = session("left", BEGIN_S - DAY_S, LEFT)
    tables = []
    for name in RELEASES:
        release, clock = the_release(name, tmp_path), Clock(BEGIN_S + 30.5)
        with strict_receiver(now=clock) as strict:
            laptop = Laptop(tmp_path / name / "laptop", clock)
            laptop.remote_write = [to(strict.url)]
            invent_home(laptop.home, end=BEGIN_S - 2 * HOUR_S, days=3)
            transcript(laptop, "left").write(*rows, at_s=BEGIN_S - DAY_S)
            assert {"central": "delivered"} == release.tick(laptop)
            clock.forward(120)
            assert {"central": "delivered"} == release.tick(laptop)
        ledger = sqlite3.connect(laptop.root / "state" / FILE_NAME)
        tables.append(laws.contents(ledger))
        # the imitation has read its files again by the second push
        tables[-1]["delivered"] = [row for row in tables[-1]["delivered"] if AGAIN not in row[1]]
        tables[-1]["read"] = sorted(ledger.execute("SELECT extractor, offset FROM position"))
        ledger.close()
    imitated, own = tables
    # how a day's tokens were split when it was imported has changed
    assert [row[:3] for row in imitated.pop("imported")] == [row[:3] for row in own.pop("imported")]
    # where the receiver is; how many samples that were, with what was read again
    for table in ("sink", "sink_samples"):
        assert len(imitated.pop(table)) == len(own.pop(table)) > 0

    assert imitated.keys() == own.keys()
    for table in own:
        assert imitated[table] == own[table], table
