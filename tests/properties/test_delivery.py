"""The frozen law, in random lives of a laptop and its receivers: what was offered stays as it was.

A machine writes rows of any time, lets clocks jump here and there, lets receivers fail, refuse and
lose, kills the process, cuts the power, adds a sink and upgrades to a version with more metrics.
No (series, timestamp) is ever offered with two values, to no sink and at no retry; no counter falls
and no series goes back in time: the strict receivers watch all that after every step. When all is
well again each receiver has every series with the ledger's values, from a zero on.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import homes
import pytest
from hell import judgement
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from receivers import Answer, Request
from strict import LOST_ANSWER, LOST_REQUEST, StrictReceiver, strict_receiver
from strict_rules import message_of

from ccpush.app import Pipeline, Tick
from ccpush.config.settings import HttpConfig, RemoteWriteConfig, Settings
from ccpush.ledger import store
from ccpush.log import configure
from ccpush.metrics import catalogue
from ccpush.metrics.catalogue import GRID, IDENTITY_INFO, OFFERED_THROUGH
from ccpush.push.remote_write.sink import RemoteWriteSink
from ccpush.push.sink import Sink

# What the version before the upgrade has; few, so that a life is quick.
OLD_METRICS = frozenset(
    {
        "claude_code_token_usage_tokens_total",
        "claude_total_messages",
        "claude_turn_duration_seconds",
        OFFERED_THROUGH,
        IDENTITY_INFO,
    }
)
NEW_METRICS = OLD_METRICS | {"claude_total_sessions", "claude_api_errors_total"}
COUNTERS = ("claude_code_token_usage_tokens_total",)
REFUSED = "claude_total_messages"
# A receiver's clock may be ahead by as much; what it was offered then lies in our future.
FAR_S = 4000.0
DELIVERED_WITHIN = 30

# seconds before now at which something happened; some of it claims to come from the future
AGES_S = st.one_of(st.integers(0, 90), st.integers(0, 7200), st.just(-3600))
responses = st.builds(
    lambda name, output, age_s: (
        age_s,
        lambda at_s: homes.assistant(name, output=output, input=3, at_s=at_s),
    ),
    st.sampled_from(["m1", "m2", "m3", "m4", "m5", "m6"]),
    st.integers(1, 9),
    AGES_S,
)
prompts = st.builds(
    lambda name, age_s: (age_s, lambda at_s: homes.user(uuid=name, session=name, at_s=at_s)),
    st.sampled_from(["u1", "u2", "u3", "u4"]),
    AGES_S,
)
events = st.builds(lambda age_s: (age_s, lambda at_s: homes.turn_duration(7000, at_s=at_s)), AGES_S)
happenings = st.lists(st.one_of(responses, responses, prompts, events), min_size=1, max_size=4)
answers = st.lists(
    st.sampled_from(
        [
            None,
            Answer(500, stored=True),
            Answer(500, stored=False),
            Answer(503, {"Retry-After": "100"}, stored=False),
            Answer(429, {"Retry-After": "0"}),
            Answer(400),
            LOST_ANSWER,
            LOST_REQUEST,
        ]
    ),
    max_size=6,
)
Happening = tuple[int, Callable[[float], homes.Row]]
# Where a process may die: before it notes what it offers, what it delivered, what became of it.
PLACES = (
    "ccpush.ledger.cursors.freeze_within",
    "ccpush.ledger.cursors.advance",
    "ccpush.push.remote_write.delivery.add_counts",
    "ccpush.push.remote_write.present.note_delivered",
    "ccpush.app.record_attempt",
)


class CrashError(Exception):
    """The process ends here."""


def metrics_of(names: frozenset[str]) -> tuple[catalogue.Metric, ...]:
    """These metrics of the grid."""
    return tuple(metric for metric in GRID if metric.name in names)


class Upstream:
    """A strict receiver with a clock of its own, and what it is to answer next."""

    def __init__(self, name: str, receiver: StrictReceiver, clock: Callable[[], float]) -> None:
        self.name = name
        self.receiver = receiver
        self.ahead_s = 0.0
        self.settled = False
        # whether it was told to refuse what is good, and whether samples were given up for that
        self.unfair = False
        self.gave_up = False
        self.answers: list[Answer | None] = []
        self.first_write: Callable[[], None] = lambda: None
        self.config = RemoteWriteConfig(name, HttpConfig(receiver.url, timeout_s=5.0))
        receiver.now = lambda: clock() + self.ahead_s
        receiver.on_write = self.on_write
        receiver.account.types |= dict.fromkeys(COUNTERS, 1)

    def on_write(self, request: Request) -> Answer | None:
        """Look at each write before it is taken; answer it as was planned."""
        if message_of(request).entries:
            self.first_write()
        return self.answers.pop(0) if self.answers else None


class Delivery(RuleBasedStateMachine):
    """The machine; ``true_s`` is the time that only goes forwards."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="ccpush-delivery-"))
        self.stack.callback(shutil.rmtree, self.folder)
        self.patch = self.stack.enter_context(pytest.MonkeyPatch.context())
        self.home = homes.Home(self.folder / "home")
        self.true_s = homes.NOW_S + 10.0
        self.ahead_s = 0.0
        self.files = 0
        self.upstreams: list[Upstream] = []
        self.pipeline: Pipeline | None = None
        self.grid(OLD_METRICS)

    def teardown(self) -> None:
        """Let all end well, judge, and leave nothing behind."""
        with self.stack:
            if self.upstreams:
                self.all_is_delivered_in_the_end()

    # --- the world -------------------------------------------------------------------------------

    def now(self) -> float:
        """The laptop's clock."""
        return self.true_s + self.ahead_s

    def grid(self, names: frozenset[str]) -> None:
        """Let ccpush have these metrics."""
        for name, module in list(sys.modules.items()):
            if name.startswith("ccpush.") and hasattr(module, "GRID"):
                self.patch.setattr(module, "GRID", metrics_of(names))

    def add_upstream(self, *, window_s: float | None) -> None:
        """Start a receiver."""
        receiver = self.stack.enter_context(strict_receiver(window_s=window_s))
        name = f"sink-{len(self.upstreams)}"
        self.upstreams.append(Upstream(name, receiver, lambda: self.true_s))

    @initialize(window=st.booleans())
    def begin(self, *, window: bool) -> None:
        """One receiver, and a first row."""
        self.add_upstream(window_s=31 * 86_400.0 if window else None)
        self.stack.callback(self.leave)
        self.home.main().write(homes.user(at_s=self.now() - 900), at_s=self.now())

    @rule(new=happenings, fresh=st.booleans())
    def things_happen(self, new: list[Happening], *, fresh: bool) -> None:
        """Rows arrive: of now, of earlier, of a clock that was ahead; perhaps in a new file."""
        self.files += fresh
        file = self.home.main(f"session-{self.files}")
        file.append(*(made(self.now() - age_s) for age_s, made in new), at_s=self.now())

    @rule(by_s=st.sampled_from([1, 30, 61, 125, 400, 4000, 4000]))
    def time_passes(self, by_s: int) -> None:
        """For everybody."""
        self.true_s += by_s

    @rule(ahead_s=st.sampled_from([0, 0, 45, -45, 4000, -4000]))
    def our_clock_jumps(self, ahead_s: int) -> None:
        """The laptop's clock is set, rightly or wrongly."""
        self.ahead_s = float(ahead_s)

    @rule(data=st.data(), ahead_s=st.sampled_from([0, 0, 30, -30, -FAR_S, FAR_S]))
    def a_receivers_clock_jumps(self, data: st.DataObject, ahead_s: float) -> None:
        """A receiver's clock is set."""
        data.draw(st.sampled_from(self.upstreams)).ahead_s = ahead_s

    @rule(data=st.data(), how=st.sampled_from([200, 404, 500]))
    def a_query_api_changes(self, data: st.DataObject, how: int) -> None:
        """Whether a receiver can be asked; at least until it is settled that nothing was there."""
        upstream = data.draw(st.sampled_from(self.upstreams))
        if upstream.settled:
            upstream.receiver.query_status = how

    @rule(data=st.data())
    def a_series_is_refused(self, data: st.DataObject) -> None:
        """A receiver takes everything but one series, or everything again."""
        upstream = data.draw(st.sampled_from(self.upstreams))
        storage = upstream.receiver.storage
        upstream.unfair = True
        storage.refuse = None if storage.refuse else _refuse

    @precondition(lambda self: len(self.upstreams) == 1)
    @rule(window=st.booleans())
    def a_sink_is_added(self, *, window: bool) -> None:
        """The configuration names a second receiver."""
        self.leave()
        self.add_upstream(window_s=31 * 86_400.0 if window else None)

    @rule()
    def an_upgrade_brings_metrics(self) -> None:
        """The next process knows more of the same ledger."""
        self.leave()
        self.grid(NEW_METRICS)

    # --- what ccpush does ------------------------------------------------------------------------

    def come(self) -> Pipeline:
        """The process that runs, started if there is none."""
        if self.pipeline is None:
            made = Settings(
                claude_homes=(self.home.path,),
                claude_homes_given=True,
                state_dir=self.folder / "state",
                runtime_dir=self.folder / "run",
                cache_dir=self.folder / "cache",
                instance="laptop",
                user="ada",
                remote_write=tuple(upstream.config for upstream in self.upstreams),
            )
            self.sinks: Sequence[Sink] = [
                RemoteWriteSink(
                    upstream.config, made, "ccpush/test",
                    now=self.now, environ={}, chance=lambda: -0.499,
                )
                for upstream in self.upstreams
            ]  # fmt: skip
            log = configure("error", "text", io.StringIO(), now=self.now)
            self.pipeline = Pipeline(made, log, sinks=self.sinks, now=self.now).__enter__()
        return self.pipeline

    @rule()
    def leave(self) -> None:
        """The process ends."""
        if self.pipeline is not None:
            self.pipeline.__exit__(None, None, None)
            self.pipeline = None

    @rule(first=answers, second=answers)
    def push(
        self, first: Sequence[Answer | None] = (), second: Sequence[Answer | None] = ()
    ) -> None:
        """A tick, in which receivers answer as they like."""
        self.plan(first, second)
        self.tick()
        self.plan((), ())

    @rule()
    def push_undisturbed(self) -> None:
        """A tick of an ordinary day."""
        self.tick()

    @rule(place=st.sampled_from(PLACES), first=answers)
    def crash(self, place: str, first: list[Answer | None]) -> None:
        """The process dies at some place."""
        self.plan(first, ())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(place, _crash)
            try:
                self.tick()
            except CrashError:
                self.nobody_knows()
        self.leave()
        self.plan((), ())

    @rule(first=answers)
    def power_is_cut(self, first: list[Answer | None]) -> None:
        """What was committed since samples were first sent is not on the disk: it never happened."""
        kept = self.folder / "kept.db"
        kept.unlink(missing_ok=True)
        untouched = {upstream.name for upstream in self.upstreams}
        # the last copy must be the newest: sinks push at the same time
        one = threading.Lock()

        def keep(name: str) -> None:
            with one:
                if name in untouched:
                    untouched.discard(name)
                    self.copy_ledger(kept)

        for upstream in self.upstreams:
            upstream.first_write = partial(keep, upstream.name)
        self.plan(first, ())
        self.tick()
        self.leave()
        self.plan((), ())
        self.nobody_knows()
        for upstream in self.upstreams:
            upstream.first_write = lambda: None
        if kept.exists():
            # into the same file: another one would be a copy put back, which is another story
            (self.folder / "state" / store.FILE_NAME).write_bytes(kept.read_bytes())

    def nobody_knows(self) -> None:
        """A process has died, and with it what became of its requests."""
        for upstream in self.upstreams:
            upstream.gave_up |= upstream.unfair
            # The grid depends on the newest step, so the next one may have points in between.
            upstream.receiver.account._strict_order = False

    def copy_ledger(self, to: Path) -> None:
        """Put aside what is committed at this moment, by whoever."""
        path = self.folder / "state" / store.FILE_NAME
        with (
            contextlib.closing(sqlite3.connect(path)) as here,
            contextlib.closing(sqlite3.connect(to)) as there,
        ):
            here.backup(there)

    def plan(self, *answers: Sequence[Answer | None]) -> None:
        """Let receivers answer so."""
        for upstream, planned in zip(self.upstreams, answers, strict=False):
            upstream.answers = list(planned)
            upstream.unfair |= any(a is not None and a.status == 400 for a in planned)

    def tick(self) -> Tick:
        """Push."""
        done = self.come().tick()
        for sink, result in done.results:
            (upstream,) = (u for u in self.upstreams if u.name == sink.name)
            upstream.settled |= result.outcome == "delivered"
            assert result.outcome != "stopped", result
            upstream.gave_up |= bool(result.rejected)
            assert upstream.unfair or not result.rejected, result
        return done

    # --- the laws --------------------------------------------------------------------------------

    @invariant()
    def the_strict_receivers_have_nothing_to_say(self) -> None:
        """No two values, no way back, no fall, nothing of the future, at any receiver."""
        for upstream in self.upstreams:
            assert upstream.receiver.check() == []

    def all_is_delivered_in_the_end(self) -> None:
        """When nothing goes wrong any more, everything arrives, and is what the ledger says."""
        self.leave()
        self.ahead_s = 0.0
        self.true_s += FAR_S + 3600
        for upstream in self.upstreams:
            upstream.ahead_s, upstream.answers = 0.0, []
            upstream.receiver.query_status, upstream.receiver.storage.refuse = 200, None
        for _ in range(DELIVERED_WITHIN):
            self.true_s += 130
            done = self.tick()
            delivered = {
                sink.name for sink, result in done.results if result.outcome == "delivered"
            }
            if delivered == {upstream.name for upstream in self.upstreams}:
                break
        else:
            pytest.fail(f"not delivered: {done}")
        self.leave()
        for upstream in self.upstreams:
            self.judge(upstream)

    def judge(self, upstream: Upstream) -> None:
        """What a receiver has: all of it, exactly; what it has refused may be missing."""
        assert upstream.receiver.check() == []
        stored = upstream.receiver.samples
        with store.open_ledger(self.folder / "state", write=False) as connection:
            if upstream.gave_up:
                judgement.newest_samples_are_the_ledgers(stored, connection)
            else:
                judgement.every_sample_is_the_ledgers(stored, connection)
                judgement.no_series_falls_or_has_gaps(stored, int(self.true_s * 1000))


def _refuse(labels: judgement.Labels, _: int) -> str | None:
    return "not this one" if ("__name__", REFUSED) in labels else None


def _crash(*_: object) -> None:
    raise CrashError


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(stateful_step_count=25)
