"""The resident process: when ticks run, what it survives, and how fast it stops."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from apscheduler.executors.base import BaseExecutor

from ccpush.errors import BusyError, ConfigError
from ccpush.log import configure
from ccpush.schedule import daemon
from ccpush.schedule.daemon import stay
from ccpush.schedule.ticks import Ticks
from ccpush.schedule.wake import Clocks

STOPPED_WITHIN_S = 2.0
AN_HOUR_S = 3600.0


class Run:
    """One ``stay`` in this process: ``ticks`` says what each tick does, and then it is stopped."""

    def __init__(self) -> None:
        self.out = io.StringIO()
        self.began: list[float] = []
        self.stopped = threading.Event()

    def stay(self, *ticks: Callable[[], object], **options) -> int:
        left = iter([*ticks, lambda: os.kill(os.getpid(), signal.SIGTERM)])

        def tick() -> None:
            self.began.append(time.monotonic())
            # ticks between the signal and the stop do nothing
            next(left, lambda: None)()

        given = {"interval_s": 0.02, "jitter_s": 0, "on_stop": self.stopped.set, **options}
        return stay(tick, log=configure("info", "json", self.out, throttle_s=300), **given)

    def lines(self, *but: str) -> list[dict]:
        lines = [json.loads(line) for line in self.out.getvalue().splitlines()]
        for line in lines:
            del line["ts"]
            # the tick that sent the signal may or may not have ended when the signal was heard
            line.pop("tick", None)
        return [line for line in lines if line["event"] not in but]


@pytest.fixture
def run() -> Run:
    """A stay in this process that was not begun yet."""
    return Run()


def nothing() -> None:
    """A tick that does nothing."""


def raising(kind: type[Exception], *words: str, **options: str) -> Callable[[], None]:
    """A tick that raises this error, a fresh one each time."""

    def tick() -> None:
        raise kind(*words, **options)

    return tick


def test_ticks_come_at_once_and_then_every_interval(run):
    """The first tick is not waited for, and the others follow at the interval."""
    before = time.monotonic()
    assert run.stay(nothing, nothing, nothing, interval_s=0.2) == 0
    assert run.stopped.is_set()
    # importing the scheduler is part of the first wait
    assert run.began[0] - before < 2
    assert len(run.began) == 4
    assert 0.3 < run.began[3] - run.began[0] < 3
    assert run.lines() == [
        {"level": "info", "event": "stopping", "signal": "SIGTERM"},
        {"level": "info", "event": "stopped", "crashes": 0},
    ]


@pytest.mark.parametrize(("jitter_s", "least_s", "most_s"), [(10, 55, 65), (60, 30, 90)])
def test_jitter_spreads_around_the_interval(monkeypatch, jitter_s, least_s, most_s):
    """Jitter spreads the gaps evenly around the interval, which stays their mean."""
    monkeypatch.setattr(random, "uniform", random.Random(7).uniform)
    trigger = daemon._trigger(60, jitter_s)
    times = [datetime(2026, 7, 1, tzinfo=UTC)]
    for _ in range(2000):
        times.append(trigger.get_next_fire_time(times[-1], times[-1]))
    gaps_s = [(after - ahead).total_seconds() for ahead, after in pairwise(times)]
    assert least_s <= min(gaps_s) < least_s + 0.2
    assert most_s - 0.2 < max(gaps_s) <= most_s
    assert sum(gaps_s) / len(gaps_s) == pytest.approx(60, abs=1.5)


def test_without_jitter_the_gap_is_the_interval():
    """Where no spread is wanted there is none."""
    start = datetime(2026, 7, 1, tzinfo=UTC)
    due = daemon._trigger(60, 0).get_next_fire_time(start, start)
    assert due - start == timedelta(seconds=60)


def test_a_late_tick_is_run_once_and_never_skipped():
    """However late a tick is, it is run; several that are due are one; two never run together."""
    log = configure("info", "json", io.StringIO())
    scheduler = daemon._started(Ticks(nothing, log), 60, 0, log)
    (job,) = scheduler.get_jobs()
    scheduler.shutdown()
    assert (job.misfire_grace_time, job.coalesce, job.max_instances) == (None, True, 1)


def test_an_error_for_people_is_one_line(run):
    """A tick that fails is told in one line with its hint, and the next one runs."""
    assert run.stay(raising(ConfigError, "no such file", hint="make one"), nothing) == 0
    assert run.lines("stopping") == [
        {"level": "error", "event": "tick_failed", "error": "no such file", "hint": "make one"},
        {"level": "info", "event": "stopped", "crashes": 0},
    ]
    assert len(run.began) >= 3


def test_what_passes_by_itself_is_a_warning(run):
    """An error that asks to try again later is no more than a warning."""
    run.stay(raising(BusyError, "held", hint="wait"))
    assert run.lines("stopping", "stopped") == [
        {"level": "warning", "event": "tick_failed", "error": "held", "hint": "wait"}
    ]


def test_an_unexpected_error_is_survived_and_counted(run):
    """A tick that crashes is told with its call path and no data, counted, and the next one runs."""
    crash = raising(ValueError, "sentinel-of-a-conversation")
    assert run.stay(crash, crash, crash, nothing) == 0
    failed, stopped, *_ = run.lines("stopping")
    assert (failed["level"], failed["event"]) == ("error", "tick_failed")
    assert failed["error"] == "ValueError"
    assert "schedule/test_daemon.py" in failed["at"]
    assert stopped["crashes"] == 3
    assert "sentinel" not in run.out.getvalue()


def test_repeated_crashes_do_not_fill_the_log(run):
    """What was throttled is told at the latest when the daemon stops."""
    crash = raising(ValueError)
    run.stay(*[crash] * 5)
    told = [line.get("suppressed", 0) for line in run.lines() if line["event"] == "tick_failed"]
    assert told == [0, 3]


def test_even_sys_exit_in_a_tick_is_survived(run):
    """A library that calls sys.exit does not end the daemon, and is told."""
    assert run.stay(sys.exit, nothing) == 0
    told = [line for line in run.lines() if line["event"] == "library_message"]
    assert [line["logger"] for line in told] == ["apscheduler.executors.default"]
    assert len(run.began) >= 3


def test_ticks_never_overlap(run):
    """A tick that takes longer than the interval is let finish, and that is told."""
    running, most = [], []

    def slow() -> None:
        running.append(1)
        most.append(len(running))
        time.sleep(0.1)
        running.pop()

    run.stay(slow, slow, slow)
    assert most == [1, 1, 1]
    overruns = [line for line in run.lines() if line["event"] == "tick_overrun"]
    assert overruns[0] == {"level": "warning", "event": "tick_overrun", "interval_s": 0.02}


class Machine:
    """Clocks that say the machine slept, or was set, whenever told to."""

    def __init__(self) -> None:
        self.slept_s = 0.0
        self.set_by_s = 0.0
        self.clocks = Clocks(
            time.monotonic,
            lambda: time.monotonic() + self.slept_s,
            lambda: time.monotonic() + self.slept_s + self.set_by_s,
        )

    def sleep(self) -> None:
        self.slept_s += AN_HOUR_S

    def set_back(self) -> None:
        self.set_by_s -= AN_HOUR_S

    def nap(self) -> None:
        self.slept_s += 20


@pytest.fixture
def machine(monkeypatch) -> Machine:
    """A machine that can be put to sleep, watched closely enough for a test."""
    monkeypatch.setattr(daemon, "LOOK_S", 0.02)
    return Machine()


def test_a_tick_at_once_after_a_sleep(run, machine):
    """When the machine wakes, a tick is run at once though the next is due in an hour."""
    run.stay(machine.sleep, machine.sleep, interval_s=AN_HOUR_S, clocks=machine.clocks)
    assert len(run.began) == 3
    woke = {"level": "info", "event": "woke_up", "slept_s": 3600}
    assert run.lines("stopping", "stopped") == [woke, woke]


def test_a_tick_at_once_after_the_clock_was_set(run, machine):
    """When the clock is set back an hour, the next tick does not wait for that hour."""
    run.stay(machine.set_back, interval_s=AN_HOUR_S, clocks=machine.clocks)
    assert len(run.began) == 2
    assert run.lines("stopping", "stopped") == [
        {"level": "info", "event": "clock_set", "set_by_s": -3600}
    ]


def test_a_nap_starts_no_tick(run, machine):
    """A short sleep of the machine changes nothing."""
    later = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM))
    later.start()
    run.stay(machine.nap, interval_s=AN_HOUR_S, clocks=machine.clocks)
    later.join()
    assert len(run.began) == 1
    assert run.lines("stopping", "stopped") == []


def test_a_tick_that_slept_with_the_machine_is_let_finish(run, machine):
    """A tick that was running when the machine fell asleep ends first, then the next runs."""
    ended = []

    def sleep_within() -> None:
        machine.sleep()
        time.sleep(0.2)
        ended.append(time.monotonic())

    run.stay(sleep_within, interval_s=AN_HOUR_S, clocks=machine.clocks)
    assert len(run.began) == 2
    assert run.began[1] >= ended[0]
    assert [line["event"] for line in run.lines("stopping", "stopped")] == ["woke_up"]


def test_a_tick_that_just_ended_does_not_cost_the_next(run, machine, monkeypatch):
    """The tick after a sleep comes even when the executor is slow to see the last one end."""
    real = BaseExecutor._run_job_success

    def slow(executor: BaseExecutor, *given: object) -> None:
        time.sleep(0.1)
        real(executor, *given)

    monkeypatch.setattr(BaseExecutor, "_run_job_success", slow)
    run.stay(machine.sleep, interval_s=AN_HOUR_S, clocks=machine.clocks)
    assert len(run.began) == 2
    assert [line["event"] for line in run.lines("stopping", "stopped")] == ["woke_up"]


def test_a_signal_that_another_thread_gets_stops_too(run):
    """The system may hand a signal to any thread; the main thread hears of it."""
    before = time.monotonic()
    run.stay(lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT), interval_s=60)
    assert time.monotonic() - before < STOPPED_WITHIN_S
    assert run.lines()[0] == {"level": "info", "event": "stopping", "signal": "SIGINT"}


def test_a_hangup_is_ignored_and_told(run):
    """A closed terminal does not end the daemon."""
    run.stay(lambda: os.kill(os.getpid(), signal.SIGHUP), nothing)
    assert run.lines("stopping", "stopped") == [{"level": "info", "event": "hangup_ignored"}]


def test_everything_is_put_back(run):
    """Afterwards signal handlers, the mask and Python's wakeup descriptor are as they were."""
    watched = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def state():
        wakeup = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(wakeup)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        return [signal.getsignal(number) for number in watched], wakeup, mask

    inside = []
    before, files = state(), len(os.listdir("/proc/self/fd"))
    run.stay(lambda: inside.extend(map(signal.getsignal, watched)))
    assert inside != before[0]
    assert (state(), len(os.listdir("/proc/self/fd"))) == (before, files)


def test_an_error_of_on_stop_reaches_the_caller(run):
    """When telling the tick to stop goes wrong the scheduler is stopped all the same."""
    with pytest.raises(ZeroDivisionError):
        run.stay(on_stop=lambda: 1 / 0)
    assert not [thread for thread in threading.enumerate() if thread.name == "APScheduler"]


def test_no_tick_begins_once_stopping():
    """A tick that was handed over just before the stop does not begin after it."""
    ran = []
    ticks = Ticks(lambda: ran.append(1), configure("info", "json", io.StringIO()))
    ticks.run()
    ticks.stopping = True
    ticks.run()
    assert ran == [1]
    assert not ticks.running


CHILD = """
import os, signal, subprocess, sys, threading, time
# whoever runs the tests may have these ignored
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from ccpush.log import configure
from ccpush.schedule.daemon import stay
stop = threading.Event()
on_stop = stop.set
interval_s = 3600
def tick():
    print("tick", flush=True)
{setup}
log = configure("info", "json", sys.stderr)
code = stay(tick, interval_s=interval_s, jitter_s=0, on_stop=on_stop, log=log)
sys.exit(code)
"""

# in a thread of its own, as each sink has one
HANGS = """
def tick():
    thread = threading.Thread(target=time.sleep, args=(60,))
    thread.start()
    print("tick", flush=True)
    thread.join()
"""


class Child:
    """A daemon in a process of its own, up to its first tick."""

    def __init__(self, setup: str = "") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD.format(setup=setup)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if self.process.stdout.readline() != "tick\n":
            self.process.kill()
            pytest.fail(self.process.communicate()[1])

    def stop(self, *numbers: int, apart_s: float = 0.0) -> tuple[int, float]:
        """The exit code after these signals, and how long it took from the last."""
        for number in numbers:
            self.process.send_signal(number)
            sent = time.monotonic()
            time.sleep(apart_s)
        code = self.process.wait(timeout=20)
        return code, time.monotonic() - sent

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.process.stderr]

    def last_tick(self) -> str:
        return [json.loads(line) for line in self.process.stderr][-1]["tick"]


@pytest.fixture
def start():
    """Starts daemons in processes of their own; whatever is left of them is killed."""
    children = []

    def start_child(setup: str = "") -> Child:
        children.append(Child(setup))
        return children[-1]

    yield start_child
    for child in children:
        child.process.kill()
        child.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_while_waiting(start, number):
    """Between two ticks the daemon stops at once and exits 0."""
    child = start()
    code, took_s = child.stop(number)
    assert code == 0
    assert took_s < STOPPED_WITHIN_S
    assert child.events() == ["stopping", "stopped"]


def test_stop_while_a_tick_listens(start):
    """A running tick that looks at the stop flag ends by itself, and the daemon with it."""
    child = start("""
def tick():
    print("tick", flush=True)
    stop.wait(60)
    print("cleaned up", flush=True)
""")
    code, took_s = child.stop(signal.SIGTERM)
    assert code == 0
    assert took_s < STOPPED_WITHIN_S
    assert child.process.stdout.read() == "cleaned up\n"
    assert child.last_tick() == "finished"


def test_stop_while_a_tick_hangs(start):
    """A tick that does not listen is left behind with its threads, and the exit is 0 in time."""
    child = start(HANGS)
    code, took_s = child.stop(signal.SIGTERM)
    assert code == 0
    assert took_s < STOPPED_WITHIN_S
    assert child.last_tick() == "abandoned"


def test_stop_while_on_stop_hangs(start):
    """Even when telling the tick to stop hangs, the daemon exits 0 in time."""
    child = start("on_stop = lambda: time.sleep(60)")
    code, took_s = child.stop(signal.SIGTERM)
    assert code == 0
    assert took_s < STOPPED_WITHIN_S


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [(signal.SIGTERM, signal.SIGTERM, 143), (signal.SIGTERM, signal.SIGINT, 130)],
)
def test_a_second_signal_ends_at_once(start, first, second, code):
    """Who asks twice is not made to wait; the exit code names the second signal."""
    child = start(HANGS)
    exit_code, took_s = child.stop(first, second, apart_s=0.3)
    assert exit_code == code
    # less than what is left of the grace
    assert took_s < 0.9


def test_nohup_is_left_alone(start):
    """Signals that were ignored at the start stay ignored: nohup, a script's background job."""
    child = start("""
signal.signal(signal.SIGHUP, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
""")
    code, _ = child.stop(signal.SIGHUP, signal.SIGINT, signal.SIGTERM, apart_s=0.1)
    assert code == 0
    assert child.events() == ["stopping", "stopped"]


def test_signals_that_the_parent_had_blocked_are_heard(start):
    """A daemon started with SIGTERM blocked can be stopped all the same."""
    child = start("signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])")
    code, took_s = child.stop(signal.SIGTERM)
    assert code == 0
    assert took_s < STOPPED_WITHIN_S


def test_programs_started_by_a_tick_can_be_stopped(start):
    """A program that a tick starts has no signal blocked or ignored because of us."""
    child = start("""
def tick():
    print("tick", flush=True)
    other = subprocess.Popen(["sleep", "60"])
    other.terminate()
    print(other.wait(), flush=True)
""")
    assert child.process.stdout.readline() == f"{-signal.SIGTERM}\n"
    assert child.stop(signal.SIGTERM)[0] == 0


def test_stop_when_nobody_reads_the_log(start):
    """With the reader of the log gone, and with nobody emptying its pipe, the stop is as fast."""
    gone = start()
    gone.process.stderr.close()
    full = start("""
stuffed = os.dup(2)
os.set_blocking(stuffed, False)
try:
    while True:
        os.write(stuffed, b"x" * 4096)
except BlockingIOError:
    os.set_blocking(stuffed, True)
""")
    for child in (gone, full):
        code, took_s = child.stop(signal.SIGTERM)
        assert code == 0
        assert took_s < STOPPED_WITHIN_S


def test_signals_at_any_moment(start):
    """Whenever the signal comes, while ticks start and end all the time, the stop never hangs."""
    moments = random.Random(3)
    for _ in range(15):
        child = start("interval_s = 0.003")
        time.sleep(moments.uniform(0, 0.06))
        code, took_s = child.stop(signal.SIGTERM)
        assert code == 0
        assert took_s < STOPPED_WITHIN_S
        # at a tick every 3 ms a busy machine may leave one out, also while it stops
        told = [event for event in child.events() if event != "tick_overrun"]
        assert told[-2:] == ["stopping", "stopped"]
