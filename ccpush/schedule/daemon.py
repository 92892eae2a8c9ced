"""When ticks run while ccpush stays resident, and how it stops within two seconds.

APScheduler runs the ticks in a thread; the main thread waits for signals and watches the clocks.
Nothing here knows what a tick does. Never waits on a lock that a signal handler could want.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ccpush.errors import EXIT_OK
from ccpush.log import Log
from ccpush.schedule.foreign_logs import foreign_logs
from ccpush.schedule.signals import STOP_SIGNALS, Signals
from ccpush.schedule.ticks import Ticks
from ccpush.schedule.wake import MIN_JUMP_S, Clocks, ClockWatch, Jump, system_clocks

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler
    from apscheduler.triggers.interval import IntervalTrigger

# how often the main thread looks at the clocks; signals wake it at once
LOOK_S = 2.0
# what a running tick is given to end by itself once the daemon is to stop
GRACE_S = 1.4
# when the process goes even if telling the tick to stop, or the log, hangs
LAST_MOMENT_S = 1.6
_END_LOOK_S = 0.02
_JOB = "tick"


def _unmoved() -> None:
    """Do nothing about a wake."""


def stay(  # noqa: PLR0913 - the last two are for those who want them
    tick: Callable[[], None],
    *,
    interval_s: float,
    jitter_s: float,
    on_stop: Callable[[], None],
    log: Log,
    clocks: Clocks | None = None,
    on_wake: Callable[[], None] = _unmoved,
) -> int:
    """Run ``tick`` at once and then about every ``interval_s`` until SIGTERM or SIGINT; answer 0.

    Ticks never overlap; the time between two is spread evenly over ``jitter_s`` seconds with
    ``interval_s`` in the middle. A tick that raises is told in the log and the next one tries
    again. After a sleep of the machine, or when its clock was set, a tick is run at once; after a
    sleep ``on_wake`` is called first, in the main thread.

    To stop, ``on_stop`` is called in the main thread: it must make the running tick end soon and
    must not wait for it. A tick that has not ended after 1.4 s is left behind and the process ends
    here with 0, because nothing that the tick uses could be closed under it. A second signal ends
    the process at once with 128 + its number. SIGHUP is ignored. Only for the main thread.
    """
    with Signals() as signals, foreign_logs(log):
        watch = ClockWatch(clocks or system_clocks())
        ticks = Ticks(tick, log)
        scheduler = _started(ticks, interval_s, jitter_s, log)
        daemon = _Daemon(signals, scheduler, ticks, log)
        number = daemon.wait_for_stop(watch, on_wake)
        last_moment = threading.Timer(LAST_MOMENT_S, os._exit, (EXIT_OK,))
        last_moment.daemon = True
        last_moment.start()
        try:
            daemon.stop(number, on_stop)
        finally:
            last_moment.cancel()
    return EXIT_OK


def _trigger(interval_s: float, jitter_s: float) -> IntervalTrigger:
    from apscheduler.triggers.interval import IntervalTrigger

    # The trigger adds jitter to when the last run was due, so that it adds up: taking half of it
    # away beforehand keeps the mean at interval_s.
    least_s = interval_s - min(jitter_s, interval_s) / 2
    # UTC, because looking up the local zone fails on machines that name theirs oddly
    return IntervalTrigger(seconds=least_s, jitter=jitter_s or None, timezone=UTC)


def _started(ticks: Ticks, interval_s: float, jitter_s: float, log: Log) -> BackgroundScheduler:
    # 100 ms that only the daemon pays
    from apscheduler.events import EVENT_JOB_MAX_INSTANCES
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.schedulers.background import BackgroundScheduler

    def tell_overrun(_event: object) -> None:
        if ticks.running:
            log.warning("tick_overrun", interval_s=interval_s)

    scheduler = BackgroundScheduler(executors={"default": ThreadPoolExecutor(1)}, timezone=UTC)
    scheduler.add_listener(tell_overrun, EVENT_JOB_MAX_INSTANCES)
    scheduler.add_job(
        ticks.run,
        _trigger(interval_s, jitter_s),
        id=_JOB,
        next_run_time=datetime.now(UTC),
        # The default skips a run that is more than a second late; after a sleep every run is.
        misfire_grace_time=None,
        coalesce=True,
        max_instances=1,
    )
    scheduler.start()
    return scheduler


class _Daemon:
    """The main thread's part: wait for a signal, watch the clocks, stop."""

    def __init__(
        self, signals: Signals, scheduler: BackgroundScheduler, ticks: Ticks, log: Log
    ) -> None:
        self._signals = signals
        self._scheduler = scheduler
        self._ticks = ticks
        self._log = log

    def wait_for_stop(self, watch: ClockWatch, on_wake: Callable[[], None]) -> int:
        """The number of the signal that asks to stop."""
        wanted = 0
        while True:
            number = self._signals.wait(LOOK_S)
            if number in STOP_SIGNALS:
                return number
            if number is not None:
                self._log.info("hangup_ignored")
            jump = watch.look()
            if jump:
                self._tell(jump)
                if jump.slept_s > MIN_JUMP_S:
                    on_wake()
                wanted = self._ticks.begun + 1
            # A tick that was running when the machine fell asleep must end first. Asked for until
            # it began: for a moment after a tick the executor still counts it as running and would
            # leave out the next.
            if self._ticks.begun < wanted and not self._ticks.running:
                self._scheduler.modify_job(_JOB, next_run_time=datetime.now(UTC))

    def stop(self, number: int, on_stop: Callable[[], None]) -> None:
        """End the scheduler and the running tick; ends the process when the tick hangs."""
        deadline = time.monotonic() + GRACE_S
        self._log.info("stopping", signal=signal.Signals(number).name)
        was_running = self._ticks.running
        self._ticks.stopping = True
        try:
            on_stop()
        finally:
            # Without the job there is nothing that the scheduler could still hand to an executor
            # that is shut down.
            self._scheduler.remove_job(_JOB)
            self._scheduler.shutdown(wait=False)
        while self._ticks.running and time.monotonic() < deadline:
            self._signals.wait(_END_LOOK_S)
        if self._ticks.running:
            self._log.warning("stopped", tick="abandoned", crashes=self._ticks.crashes)
            self._log.flush()
            os._exit(EXIT_OK)
        tick = "finished" if was_running else "idle"
        self._log.info("stopped", tick=tick, crashes=self._ticks.crashes)
        self._log.flush()

    def _tell(self, jump: Jump) -> None:
        if jump.slept_s > MIN_JUMP_S:
            self._log.info("woke_up", slept_s=round(jump.slept_s))
        if abs(jump.set_by_s) > MIN_JUMP_S:
            self._log.info("clock_set", set_by_s=round(jump.set_by_s))
