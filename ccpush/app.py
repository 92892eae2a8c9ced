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
from ccpush.ledger.booking import GRID_S
from ccpush.ledger.cursors import SinkState, freeze, read_sinks, record_attempt
from ccpush.ledger.intake import Intake, Pass
from ccpush.ledger.meta import get_meta
from ccpush.ledger.query import Account, read_account, read_account_at
from ccpush.log import Log
from ccpush.metrics.catalogue import frozen_families
from ccpush.metrics.evaluate import evaluate
from ccpush.metrics.samples import Family
from ccpush.push.pump import Pump
from ccpush.push.sink import Offer, PushResult, Sink
from ccpush.telling import tell_clock_behind, tell_pass, tell_result

# What a sink that hangs may hold up of a tick; it goes on in its own thread meanwhile.
PUSH_DEADLINE_S: Final = 45.0


class Tick(msgspec.Struct, frozen=True):
    """What one tick did: the pass, and the answer of each sink that gave one in time."""

    collected: Pass
    results: tuple[tuple[Sink, PushResult], ...]
    # sinks that gave no answer in time
    silent: tuple[Sink, ...]


def _no_progress(_: int) -> None:
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
    ) -> None:
        self.settings = settings
        self._log = log
        self._now = now
        self._persona = persona
        self._stopping = False
        self._sinks = tuple(sinks)
        self._results: list[tuple[Sink, PushResult]] = []
        self._pump = Pump(self._sinks, self._record, PUSH_DEADLINE_S)
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
        return self._with_sinks(account)

    def families(self, account: Account) -> tuple[Family, ...]:
        """Say an account in metrics, as of the moment that it was read."""
        return evaluate(account, self._known.identity)

    def tick(self, advance: Callable[[int], None] = _no_progress) -> Tick:
        """Make one pass and offer what is due to every sink; raises LedgerError.

        Nothing is offered after a pass that was not complete: a part would look like the whole.
        """
        collected = self.collect(advance)
        self._results = []
        silent: tuple[Sink, ...] = ()
        if self._sinks and collected.complete and not self._stopping:
            silent = self._push()
        return Tick(collected, tuple(self._results), silent)

    def _push(self) -> tuple[Sink, ...]:
        """Offer what is due; return the sinks that gave no answer, or were not to be asked yet."""
        now_s = self._now()
        with self._ledger():
            states = read_sinks(self._connection)
            offered_s = float(get_meta(self._connection, "offered_s") or 0)
        waiting = {state.name for state in states if (state.retry_at_s or 0) > now_s}
        if offered_s > now_s:
            # A sample is never offered with an older timestamp than before: receivers refuse it,
            # and it would tell a lie about when something happened.
            tell_clock_behind(self._log, offered_s - now_s)
            waiting |= {sink.name for sink in self._sinks if sink.kind == "remote_write"}
        silent = self._pump.offer(self._offer(), waiting)
        for sink in silent:
            if sink.name not in waiting:
                self._log.warning("push_busy", sink=sink.name)
        return silent

    def _offer(self) -> Offer:
        """Freeze the past up to the newest grid step, then say what is due from a snapshot."""
        step = int(self._now()) // GRID_S
        with self._ledger():
            if any(sink.kind == "remote_write" for sink in self._sinks):
                freeze(self._connection, frozen_families(), step)
            now_s = self._now()
            account, at_step = read_account_at(
                self._connection, now_s, self.settings.active_window_s, step
            )
        same, account = at_step is account, self._with_sinks(account)
        identity = self._known.identity
        current = evaluate(account, identity)
        grid = tuple(family for family in current if family.timing == "grid")
        stepped = grid if same else evaluate(at_step, identity, "grid")
        return Offer(
            families=(*stepped, *(family for family in current if family.timing == "now")),
            current=current,
            instance=identity.instance,
            grid_ts_ms=step * GRID_S * 1000,
            now_ts_ms=int(now_s * 1000),
        )

    def _record(self, sink: Sink, offer: Offer, result: PushResult) -> None:
        self._results.append((sink, result))
        now_s = self._now()
        delivered = result.outcome == "delivered"
        retry_at_s = now_s + result.retry_after_s if result.retry_after_s is not None else None
        state = SinkState(
            name=sink.name,
            kind=sink.kind,
            offered_s=offer.grid_ts_ms / 1000 if delivered else None,
            attempt_s=now_s,
            success_s=now_s if delivered else None,
            error=result.error,
            hint=result.hint,
            retry_at_s=retry_at_s,
            skew_s=result.skew_s,
        )
        counts = {("rejected", reason): n for reason, n in result.rejected.items()}
        counts["sent", ""] = result.sent
        counts["retried", ""] = result.retried
        with self._ledger():
            record_attempt(self._connection, state, counts)
        tell_result(self._log, sink, result)

    def _with_sinks(self, account: Account) -> Account:
        """Leave out sinks that are no longer configured, and add those never pushed to."""
        kept = {sink.name: sink for sink in account.sinks}
        configured = configured_sinks(self.settings)
        return msgspec.structs.replace(
            account,
            sinks=tuple(kept.get(name, SinkState(name, kind)) for name, kind in configured),
        )

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


def look(settings: Settings, *, now: Callable[[], float] = time.time) -> tuple[Account, Known]:
    """Read the account without collecting, locking or changing anything; raises LedgerError."""
    with store.open_ledger(settings.state_dir, write=False) as connection:
        account = read_account(connection, now(), settings.active_window_s)
        return account, recall(connection, settings)
