"""Telling a sleep of the machine and a clock that was set from time that simply passed."""

from __future__ import annotations

import pytest

from ccpush.schedule.wake import Clocks, ClockWatch, Jump, system_clocks


class Machine:
    """A machine whose clocks are moved by hand."""

    def __init__(self) -> None:
        self.awake, self.always, self.wall = 1000.0, 5000.0, 1782907203.0

    @property
    def clocks(self) -> Clocks:
        return Clocks(lambda: self.awake, lambda: self.always, lambda: self.wall)

    def work(self, seconds: float) -> None:
        self.awake += seconds
        self.sleep(seconds)

    def sleep(self, seconds: float) -> None:
        self.always += seconds
        self.wall += seconds


@pytest.fixture
def machine() -> Machine:
    """A machine at work."""
    return Machine()


def test_time_that_passes_is_no_jump(machine):
    """However long the machine works between two looks, nothing happened."""
    watch = ClockWatch(machine.clocks)
    for seconds in (0, 1, 3600, 86400):
        machine.work(seconds)
        assert watch.look() is None


def test_a_sleep_is_told_once(machine):
    """A sleep is told with its length at the next look, and not again."""
    watch = ClockWatch(machine.clocks)
    machine.work(1)
    machine.sleep(3600)
    machine.work(1)
    assert watch.look() == Jump(slept_s=3600, set_by_s=0)
    assert watch.look() is None


def test_a_nap_is_nothing(machine):
    """Naps of up to 30 seconds are passed over, and do not add up."""
    watch = ClockWatch(machine.clocks)
    for _ in range(10):
        machine.sleep(30)
        assert watch.look() is None
    machine.sleep(31)
    assert watch.look() == Jump(slept_s=31, set_by_s=0)


@pytest.mark.parametrize("set_by_s", [-3600, -31, 31, 86400])
def test_a_clock_that_was_set(machine, set_by_s):
    """Setting the wall clock is told with its sign, and is no sleep."""
    watch = ClockWatch(machine.clocks)
    machine.work(2)
    machine.wall += set_by_s
    assert watch.look() == Jump(slept_s=0, set_by_s=set_by_s)
    assert watch.look() is None


def test_both_at_once(machine):
    """A machine that slept and then learnt the right time tells both apart."""
    watch = ClockWatch(machine.clocks)
    machine.sleep(600)
    machine.wall -= 60
    assert watch.look() == Jump(slept_s=600, set_by_s=-60)


def test_slow_drift_is_no_jump(machine):
    """A clock that is slewed into place over hours was not set."""
    watch = ClockWatch(machine.clocks)
    for _ in range(1000):
        machine.work(60)
        machine.wall += 0.03
        assert watch.look() is None


def test_a_sleep_while_looking(machine):
    """A machine that falls asleep between the reading of two clocks slept, and its clock is right."""
    asleep = [600, 600]

    def awake_and_off_to_sleep() -> float:
        if looking and asleep:
            machine.sleep(asleep.pop())
        return machine.awake

    looking = False
    watch = ClockWatch(Clocks(awake_and_off_to_sleep, lambda: machine.always, lambda: machine.wall))
    looking = True
    assert watch.look() == Jump(slept_s=1200, set_by_s=0)
    assert watch.look() is None


def test_the_clocks_of_this_machine():
    """The real clocks agree with each other while the machine is awake."""
    watch = ClockWatch(system_clocks())
    assert watch.look() is None
