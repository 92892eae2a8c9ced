"""The wiring: the whole pipeline in one place, from Claude's files to the sinks.

A *tick* is one pass over the files and one offer to every sink; the resident process and the timer
run the same tick. This module decides nothing about reading, counting or sending: it calls those
who do, in order.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Final, Self

import msgspec

from ccpush.config.settings import Settings
from ccpush.errors import LedgerError
from ccpush.identity import Known, establish, recall
from ccpush.ledger import store
from ccpush.ledger.intake import Intake, Pass
from ccpush.ledger.query import Account, read_account
from ccpush.ledger.sinks import SinkState, record_attempt
from ccpush.log import Log
from ccpush.metrics.evaluate import evaluate
from ccpush.metrics.samples import Family
from ccpush.push.pump import Pump
from ccpush.push.sink import Offer, PushResult, Sink
from ccpush.telling import tell_pass, tell_result

# What a sink that hangs may hold up of a tick; it goes on in its own thread meanwhile.
PUSH_DEADLINE_S: Final = 45.0


# What a one-shot push gives a sink that has a backlog to deliver.
ONCE_DEADLINE_S: Final = 600.0
# After a wake the network, and names above all, take their time.
WAKING_S: Final = 60.0
# What a sink may need beyond its time, to end the request that it is at.
GRACE_S: Final = 5.0


class Pushing(msgspec.Struct, frozen=True):
    """How to push: the time for one offer, and the user's word that receivers are empty."""

    deadline_s: float = PUSH_DEADLINE_S
    backfill_s: float | None = None


class Tick(msgspec.Struct, frozen=True):
    """What one tick did: the pass, and the answer of each sink that gave one in time."""

    collected: Pass
    results: tuple[tuple[Sink, PushResult], ...]
    # sinks that gave no answer in time
    silent: tuple[Sink, ...]


def _no_progress(_: int) -> None:
    """Show nothing."""


def _no_delivery(_: int, __: int) -> None:
    """Show nothing."""


class Pipeline:
    """Claude's files, the ledger, and the sinks; use as a context, under the run lock.

    Safe to use from several threads; ``stop`` makes whatever runs end soon.
    """

    def __init__(
        self,
        settings: Settings,
        log: Log,
        *,
        sinks: Sequence[Sink] = (),
        now: Callable[[], float] = time.time,
        persona: str = "",
        pushing: Pushing | None = None,
    ) -> None:
        self.settings = settings
        self._log = log
        self._now = now
        self._persona = persona
        self._stopping = False
        self._sinks = tuple(sinks)
        self._results: list[tuple[Sink, PushResult]] = []
        self._pushing = pushing or Pushing()
        self._patient_until_s = 0.0
        self.progress: Callable[[int, int], None] = _no_delivery
        self._pump = Pump(self._sinks, self._record, self._pushing.deadline_s + GRACE_S)
        # held by whoever uses the connection
        self._one = threading.RLock()
        self._homes_seen: bool | None = None

    def __enter__(self) -> Self:
        self._connection = store.connect(self.settings.state_dir, write=True)
        with self._ledger():
            self._known = establish(self._connection, self.settings, self._persona)
            self._intake = Intake(
                self._connection,
                self.settings.claude_homes,
                now=self._now,
                stop=lambda: self._stopping,
                prices=self.settings.prices,
            )
        if self._known.moved:
            self._log.warning(
                "ledger_moved", words="the ledger was made on another machine or by another user"
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        # what became of pushes that the stop has cut short
        with contextlib.suppress(LedgerError):
            self._pump.collect()
        with self._one:
            self._connection.close()

    @property
    def known(self) -> Known:
        """Who this is."""
        return self._known

    @property
    def pushes(self) -> bool:
        """Whether there is any sink."""
        return bool(self._sinks)

    def woke(self) -> None:
        """Let pushes wait for a network that is only coming up; from any thread."""
        self._patient_until_s = time.monotonic() + WAKING_S

    def stop(self) -> None:
        """Make a pass or a push under way end soon; from any thread, also from a signal's."""
        if not self._stopping:
            self._stopping = True
            self._pump.stop()

    def pending_bytes(self) -> int:
        """How much there is to read; for showing progress."""
        with self._ledger():
            return self._intake.pending_bytes()

    def collect(self, advance: Callable[[int], None] = _no_progress) -> Pass:
        """Read what is new into the ledger; raises LedgerError."""
        with self._ledger():
            done = self._intake.run(advance)
        seen = bool(done.homes)
        tell_pass(self._log, done, homes_changed=seen is not self._homes_seen)
        self._homes_seen = seen
        return done

    def account(self) -> Account:
        """Return the account as of now, with the sinks as they are configured."""
        with self._ledger():
            account = read_account(self._connection, self._now(), self.settings.active_window_s)
        return with_sinks(account, self.settings)

    def families(self, account: Account) -> tuple[Family, ...]:
        """Say an account in metrics, as of the moment that it was read."""
        return evaluate(account, self._known.identity)

    def tick(self, advance: Callable[[int], None] = _no_progress) -> Tick:
        """Make one pass and offer what is due to every sink; raises LedgerError.

        Nothing is offered after a pass that was not complete: a part would look like the whole.
        """
        begun_s = time.monotonic()
        collected = self.collect(advance)
        self._results = []
        silent: tuple[Sink, ...] = ()
        if self._sinks and collected.complete and not self._stopping:
            silent = self._push(begun_s)
        return Tick(collected, tuple(self._results), silent)

    def _push(self, begun_s: float) -> tuple[Sink, ...]:
        """Offer what there is; return the sinks that gave no answer or were not asked."""
        account = self.account()
        waiting = {state.name for state in account.sinks if (state.retry_at_s or 0) > self._now()}
        offer = Offer(
            current=evaluate(account, self._known.identity),
            identity=self._known.identity,
            now_s=account.as_of_s,
            collected_at_s=begun_s,
            until_s=time.monotonic() + self._pushing.deadline_s,
            patience_s=max(0.0, self._patient_until_s - time.monotonic()),
            moved=self._known.moved and self.settings.instance is None,
            backfill_s=self._pushing.backfill_s,
            progress=self.progress,
        )
        silent = self._pump.offer(offer, waiting)
        for sink in silent:
            if sink.name not in waiting:
                self._log.warning("push_busy", sink=sink.name)
        return silent

    def _record(self, sink: Sink, offer: Offer, result: PushResult) -> None:
        self._results.append((sink, result))
        now_s = self._now()
        delivered = result.outcome == "delivered"
        retry_at_s = now_s + result.retry_after_s if result.retry_after_s is not None else None
        through_s = result.through_s
        if through_s is None and delivered:
            through_s = offer.now_s
        state = SinkState(
            name=sink.name,
            kind=sink.kind,
            offered_s=through_s,
            attempt_s=now_s,
            success_s=now_s if delivered else None,
            error=result.error,
            hint=result.hint,
            retry_at_s=retry_at_s,
            skew_s=result.skew_s,
            failures=0 if delivered else 1,
        )
        counts: dict[tuple[str, str], int] = {}
        if not result.counted:
            counts = {("rejected", reason): n for reason, n in result.rejected.items()}
            counts["sent", ""] = result.sent
            counts["retried", ""] = result.retried
        with self._ledger():
            record_attempt(self._connection, state, counts)
        tell_result(self._log, sink, result)

    @contextlib.contextmanager
    def _ledger(self) -> Iterator[None]:
        with self._one, store.explained(self.settings.state_dir):
            yield


def configured_sinks(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Return name and kind of every configured sink, in the order they are pushed."""
    return (
        *((sink.name, "remote_write") for sink in settings.remote_write),
        *((sink.name, "pushgateway") for sink in settings.pushgateway),
    )


def with_sinks(account: Account, settings: Settings) -> Account:
    """Leave out sinks that are no longer configured, and add those never pushed to."""
    kept = {sink.name: sink for sink in account.sinks}
    return msgspec.structs.replace(
        account,
        sinks=tuple(
            kept.get(name, SinkState(name, kind)) for name, kind in configured_sinks(settings)
        ),
    )


def look(settings: Settings, *, now: Callable[[], float] = time.time) -> tuple[Account, Known]:
    """Read the account without collecting, locking or changing anything; raises LedgerError."""
    with store.open_ledger(settings.state_dir, write=False) as connection:
        account = read_account(connection, now(), settings.active_window_s)
        return with_sinks(account, settings), recall(connection, settings)
