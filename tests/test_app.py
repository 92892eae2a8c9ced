"""The tick: what is offered when, to whom, and what is remembered of it."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import homes
import pytest
from receivers import Answer, StrictReceiver, strict_receiver

from ccpush.app import Pipeline
from ccpush.config.settings import HttpConfig, RemoteWriteConfig, Settings
from ccpush.ledger.store import FILE_NAME
from ccpush.log import configure
from ccpush.push.build import build_sinks

START_S = homes.NOW_S


@dataclass
class Bench:
    """One laptop: a home, a clock that stands where it is set, and a receiver."""

    root: Path
    receiver: StrictReceiver
    now_s: float = START_S
    said: io.StringIO = field(default_factory=io.StringIO)

    def __post_init__(self) -> None:
        self.home = homes.Home(self.root / "home")

    def pipeline(self) -> Pipeline:
        """A pipeline with one remote-write sink, on this laptop's ledger."""
        settings = Settings(
            claude_homes=(self.root / "home",),
            claude_homes_given=True,
            state_dir=self.root / "state",
            runtime_dir=self.root / "run",
            instance="laptop",
            user="ada",
            remote_write=(RemoteWriteConfig("central", HttpConfig(self.receiver.url)),),
        )
        log = configure("info", "json", self.said, now=lambda: self.now_s)
        sinks = build_sinks(settings, now=lambda: self.now_s, environ={})
        return Pipeline(settings, log, sinks=sinks, now=lambda: self.now_s)

    def events(self) -> list[str]:
        """The events told since the last call."""
        lines = self.said.getvalue().splitlines()
        self.said.seek(0)
        self.said.truncate()
        return [json.loads(line)["event"] for line in lines]

    def points(self, name: str, **labels: str) -> list[tuple[float, float]]:
        """Seconds after the start, and value, of every sample of one series."""
        wanted = {("__name__", name), *labels.items()}
        (found,) = (p for series, p in self.receiver.samples.items() if wanted <= set(series))
        return [(ts_ms / 1000 - START_S, value) for ts_ms, value in found]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A laptop with one response in its home."""
    with strict_receiver() as receiver:
        found = Bench(tmp_path, receiver)
        found.home.main("one").write(homes.assistant("msg_1", output=7))
        yield found


OUTPUT = {"type": "output", "model": homes.OPUS}
COUNTER = "claude_code_token_usage_tokens_total"


def test_counters_lie_on_the_grid_and_gauges_at_their_own_millisecond(bench: Bench) -> None:
    """When ticks run does not show in counters; what is true now bears the moment it was read."""
    with bench.pipeline() as pipeline:
        for second in (17.25, 48.5, 75.125):
            bench.now_s = START_S + second
            pipeline.tick()

    assert [(0, 7), (0, 7), (60, 7)] == bench.points(COUNTER, **OUTPUT)
    assert [17.25, 48.5, 75.125] == [at_s for at_s, _ in bench.points("claude_live_sessions")]


def test_a_sample_that_was_offered_keeps_its_value(bench: Bench) -> None:
    """A row that is found after its time was offered shows at the next step, not in the past."""
    with bench.pipeline() as pipeline:
        bench.now_s = START_S + 30
        pipeline.tick()
        late = homes.assistant("msg_2", output=5, at_s=START_S - 300)
        bench.home.main("two").write(late)
        bench.now_s = START_S + 50
        pipeline.tick()
        bench.now_s = START_S + 70
        pipeline.tick()

    assert [(0, 7), (0, 7), (60, 12)] == bench.points(COUNTER, **OUTPUT)


def test_retry_after_is_obeyed(bench: Bench) -> None:
    """A sink that asked for time is left alone until then, and has everything afterwards."""
    bench.receiver.answers.append(Answer(429, {"Retry-After": "120"}))

    with bench.pipeline() as pipeline:
        first = pipeline.tick()
        bench.now_s += 60
        second = pipeline.tick()
        requests_before = len(bench.receiver.batch_sizes)
        bench.now_s += 61
        third = pipeline.tick()

    assert ["retry"] == [result.outcome for _, result in first.results]
    assert ([], ["central"]) == (list(second.results), [sink.name for sink in second.silent])
    assert 1 == requests_before
    assert ["delivered"] == [result.outcome for _, result in third.results]
    assert [(120, 7)] == bench.points(COUNTER, **OUTPUT)


def test_nothing_is_offered_while_the_clock_is_behind(bench: Bench) -> None:
    """A clock set back holds remote-write, is told, and costs nothing once it is right again."""
    with bench.pipeline() as pipeline:
        pipeline.tick()
        bench.events()
        bench.now_s = START_S - 3600
        held = pipeline.tick()
        told = bench.events()
        bench.now_s = START_S + 60
        pipeline.tick()

    assert [] == list(held.results)
    assert ["clock_skew"] == told
    assert [(0, 7), (60, 7)] == bench.points(COUNTER, **OUTPUT)


def test_a_refused_push_is_counted_by_reason_and_told(bench: Bench) -> None:
    """What a sink refuses is in the account of the sink, with the receiver's own words."""
    bench.receiver.answers.append(Answer(400, {}, b"out of bounds"))

    with bench.pipeline() as pipeline:
        pipeline.tick()
        (state,) = pipeline.account().sinks
        offered = bench.receiver.batch_sizes[0]

    assert {("rejected", "status_400"): offered} == {
        key: n for key, n in state.samples.items() if n
    }
    assert "out of bounds" in (state.error or "")
    assert state.success_s is None
    assert "push_rejected" in bench.events()


def test_a_pass_that_was_stopped_offers_nothing(bench: Bench) -> None:
    """A part of the account would look like the whole, so nothing leaves after a stop."""
    with bench.pipeline() as pipeline:
        pipeline.stop()
        tick = pipeline.tick()

    assert not tick.collected.complete
    assert [] == bench.receiver.batch_sizes


def test_what_was_offered_is_frozen_on_the_disk_before_it_is_sent(bench: Bench) -> None:
    """When a push fails, the frozen mark already covers what the receiver may have stored."""
    bench.receiver.answers.append(Answer(503))

    with bench.pipeline() as pipeline:
        pipeline.tick()

    ledger = sqlite3.connect(bench.root / "state" / FILE_NAME)
    (through,) = ledger.execute("SELECT DISTINCT through FROM frozen").fetchall()[0]
    ledger.close()
    assert START_S // 60 == through


def test_instance_and_id_outlive_a_change_of_the_host_name(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The instance is the host's name at the first run and then fixed, like the id."""
    settings = Settings(
        claude_homes=(bench.root / "home",),
        claude_homes_given=True,
        state_dir=bench.root / "other",
        runtime_dir=bench.root / "run",
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
