"""The tick: what is offered when, to whom, and what is remembered of it."""

from __future__ import annotations

import contextlib
import io
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import homes
import pytest
from receivers import Answer, Request
from strict import StrictReceiver, strict_receiver
from strict_rules import message_of

from ccpush.app import Pipeline, Pushing
from ccpush.config.settings import HttpConfig, RemoteWriteConfig, Settings
from ccpush.ledger.store import FILE_NAME
from ccpush.log import configure
from ccpush.push.build import build_sinks

# Half a minute after a grid step: an offer holds the step before it.
START_S = homes.NOW_S + 30.5
GRID_S = homes.NOW_S


@dataclass
class Bench:
    """One laptop: a home, a clock that stands where it is set, and a receiver."""

    root: Path
    receiver: StrictReceiver
    now_s: float = START_S
    said: io.StringIO = field(default_factory=io.StringIO)

    def __post_init__(self) -> None:
        self.home = homes.Home(self.root / "home")

    def pipeline(self, pushing: Pushing | None = None) -> Pipeline:
        """A pipeline with one remote-write sink, on this laptop's ledger."""
        settings = Settings(
            claude_homes=(self.root / "home",),
            claude_homes_given=True,
            state_dir=self.root / "state",
            runtime_dir=self.root / "run",
            cache_dir=self.root / "cache",
            instance="laptop",
            user="ada",
            remote_write=(RemoteWriteConfig("central", HttpConfig(self.receiver.url)),),
        )
        log = configure("info", "json", self.said, now=lambda: self.now_s)
        sinks = build_sinks(settings, now=lambda: self.now_s, environ={})
        return Pipeline(settings, log, sinks=sinks, now=lambda: self.now_s, pushing=pushing)

    def events(self) -> list[str]:
        """The events told since the last call."""
        lines = self.said.getvalue().splitlines()
        self.said.seek(0)
        self.said.truncate()
        return [json.loads(line)["event"] for line in lines]

    def points(self, name: str, **labels: str) -> list[tuple[float, float]]:
        """Seconds after the first grid step, and value, of every sample of one series."""
        found = self.receiver.samples[self.receiver.labels(name, **labels)]
        return [(ts_ms / 1000 - GRID_S, value) for ts_ms, value in found]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A laptop with one response in its home, of two minutes ago."""
    with strict_receiver() as receiver:
        found = Bench(tmp_path, receiver)
        receiver.now = lambda: found.now_s
        found.home.main("one").write(homes.assistant("msg_1", output=7, at_s=GRID_S - 90))
        yield found


OUTPUT = {"type": "output", "model": homes.OPUS}
COUNTER = "claude_code_token_usage_tokens_total"
BEFORE = [(-120, 0), (-60, 7), (0, 7)]


def test_counters_lie_on_the_grid_and_gauges_at_their_own_millisecond(bench: Bench) -> None:
    """When ticks run does not show in counters; what is true now bears the moment it was read."""
    with bench.pipeline() as pipeline:
        for second in (0, 9, 40, 45):
            bench.now_s = START_S + second
            pipeline.tick()

    assert [*BEFORE, (60, 7)] == bench.points(COUNTER, **OUTPUT)
    assert [30, 39, 70, 75] == [at_s for at_s, _ in bench.points("claude_live_sessions")]


def test_a_sample_that_was_offered_keeps_its_value(bench: Bench) -> None:
    """A row that is found after its time was offered shows at the next step, not in the past."""
    with bench.pipeline() as pipeline:
        pipeline.tick()
        late = homes.assistant("msg_2", output=5, at_s=GRID_S - 300)
        bench.home.main("two").write(late)
        bench.now_s = START_S + 20
        pipeline.tick()
        bench.now_s = START_S + 60
        pipeline.tick()

    assert [*BEFORE, (60, 12)] == bench.points(COUNTER, **OUTPUT)


def test_retry_after_is_obeyed(bench: Bench) -> None:
    """A sink that asked for time is left alone until then, and has everything afterwards."""
    bench.receiver.answers.append(Answer(429, {"Retry-After": "120"}))

    with bench.pipeline() as pipeline:
        first = pipeline.tick()
        bench.now_s += 60
        second = pipeline.tick()
        requests_before = bench.receiver.requests
        bench.now_s += 61
        third = pipeline.tick()

    assert ["retry"] == [result.outcome for _, result in first.results]
    assert ([], ["central"]) == (list(second.results), [sink.name for sink in second.silent])
    assert 1 == requests_before
    assert ["delivered"] == [result.outcome for _, result in third.results]
    assert [*BEFORE, (60, 7), (120, 7)] == bench.points(COUNTER, **OUTPUT)


def test_nothing_is_offered_while_the_clock_is_behind(bench: Bench) -> None:
    """A clock that is set back waits for what was delivered, in words, and loses nothing."""
    with bench.pipeline() as pipeline:
        pipeline.tick()
        bench.events()
        bench.now_s = START_S - 3600
        held = pipeline.tick()
        told = bench.events()
        bench.now_s = START_S + 60
        pipeline.tick()

    ((_, result),) = held.results
    assert ("retry", 0) == (result.outcome, result.sent)
    assert "60 minutes ahead" in (result.error or "")
    assert ["push_retry"] == told
    assert [*BEFORE, (60, 7)] == bench.points(COUNTER, **OUTPUT)


def test_a_clock_that_differs_from_the_receivers_is_told(bench: Bench) -> None:
    """More than a minute off, whoever is wrong; the receiver's counts."""
    bench.receiver.now = lambda: bench.now_s - 200

    with bench.pipeline() as pipeline:
        pipeline.tick()
        (state,) = pipeline.account().sinks

    assert "clock_skew" in bench.events()
    assert 200.5 == pytest.approx(state.skew_s)
    assert GRID_S - 180 == state.offered_s


def test_a_push_is_remembered_with_what_it_sent(bench: Bench) -> None:
    """Samples, the newest moment delivered and the last success, once each."""
    with bench.pipeline() as pipeline:
        tick = pipeline.tick()
        (state,) = pipeline.account().sinks

    ((_, result),) = tick.results
    assert {("sent", ""): result.sent} == state.samples
    assert sum(bench.receiver.batch_sizes) == result.sent
    assert (GRID_S, START_S, START_S, 0) == (
        state.offered_s, state.attempt_s, state.success_s, state.failures
    )  # fmt: skip
    assert ["claude_home_found", "push_delivered"] == bench.events()


def test_a_refused_push_is_counted_by_reason_and_told(bench: Bench) -> None:
    """What a sink refuses is in the account of the sink, with the receiver's own words."""
    bench.receiver.storage.refuse = lambda labels, _: (
        "not this one"
        if ("__name__", COUNTER) in labels and OUTPUT.items() <= set(labels)
        else None
    )

    with bench.pipeline() as pipeline:
        tick = pipeline.tick()
        (state,) = pipeline.account().sinks

    ((_, result),) = tick.results
    assert {("sent", ""): result.sent, ("rejected", "status_400"): 3} == state.samples
    assert "not this one" in (state.error or "")
    assert (state.success_s, state.failures) == (None, 1)
    assert "push_rejected" in bench.events()


def test_failures_are_counted_until_a_success(bench: Bench) -> None:
    """How many pushes have failed one after the other."""
    counts = []
    with bench.pipeline() as pipeline:
        for broken in (True, True, False, True):
            bench.receiver.answers.extend([Answer(401)] if broken else [])
            pipeline.tick()
            counts.append(pipeline.account().sinks[0].failures)
            bench.now_s += 60

    assert [1, 2, 0, 1] == counts


def test_the_users_word_and_time_reach_the_sinks(bench: Bench) -> None:
    """``--backfill`` begins so far back, and how far it got is told on the way."""
    bench.receiver.query_status = 404
    with bench.pipeline(Pushing(backfill_s=60.0)) as pipeline:
        shown: list[tuple[int, int]] = []
        pipeline.progress = lambda sent, due: shown.append((sent, due))
        pipeline.tick()

    assert [(-60, 0), (0, 7)] == bench.points(COUNTER, **OUTPUT)
    assert sum(bench.receiver.batch_sizes) == shown[-1][0]


def test_a_pass_that_was_stopped_offers_nothing(bench: Bench) -> None:
    """A part of the account would look like the whole, so nothing leaves after a stop."""
    with bench.pipeline() as pipeline:
        pipeline.stop()
        tick = pipeline.tick()

    assert not tick.collected.complete
    assert [] == bench.receiver.batch_sizes


def test_what_was_offered_is_frozen_on_the_disk_before_it_is_sent(bench: Bench) -> None:
    """While a request is under way, the frozen mark already covers what it holds."""
    seen: list[set[int]] = []

    def look(request: Request) -> None:
        if message_of(request).entries:
            with contextlib.closing(sqlite3.connect(bench.root / "state" / FILE_NAME)) as ledger:
                rows = ledger.execute("SELECT DISTINCT through FROM frozen").fetchall()
            seen.append({through for (through,) in rows})

    bench.receiver.on_write = look
    with bench.pipeline() as pipeline:
        pipeline.tick()

    assert [{GRID_S // 60}] == seen


def test_instance_and_id_outlive_a_change_of_the_host_name(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The instance is the host's name at the first run and then fixed, like the id."""
    settings = Settings(
        claude_homes=(bench.root / "home",),
        claude_homes_given=True,
        state_dir=bench.root / "other",
        runtime_dir=bench.root / "run",
        cache_dir=bench.root / "cache",
    )
    log = configure("warning", "text", bench.said)
    found = []
    for name in ("first", "second"):
        monkeypatch.setattr("platform.node", lambda name=name: name)
        with Pipeline(settings, log) as pipeline:
            found.append(pipeline.known.identity)

    assert ["first", "first"] == [identity.instance for identity in found]
    assert found[0].id == found[1].id
    assert 16 == len(found[0].id)
