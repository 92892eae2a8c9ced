"""Whether the machine slept, or its clock was set, since we last looked.

APScheduler plans by the wall clock and waits by a clock that stands still while the machine sleeps:
after a wake its next run comes up to an interval late, and after the clock was set back by an hour,
an hour late. Reads clocks, decides nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

# naps shorter than this delay nothing that anybody would miss
MIN_JUMP_S = 30.0


@dataclass(frozen=True, slots=True)
class Clocks:
    """Three clocks, in seconds.

    ``awake`` stands still while the machine sleeps, ``always`` goes on, ``wall`` can be set.
    """

    awake: Callable[[], float]
    always: Callable[[], float]
    wall: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Jump:
    """What happened in between: seconds slept, and seconds the wall clock was set by (signed)."""

    slept_s: float
    set_by_s: float


class ClockWatch:
    """Compares the clocks with how they stood at the last look."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._last = self._differences()

    def look(self) -> Jump | None:
        """What happened since the last look; None when it is less than 30 seconds of either."""
        slept_before, set_before = self._last
        self._last = self._differences()
        jump = Jump(self._last[0] - slept_before, self._last[1] - set_before)
        if jump.slept_s > MIN_JUMP_S or abs(jump.set_by_s) > MIN_JUMP_S:
            return jump
        return None

    def _differences(self) -> tuple[float, float]:
        while True:
            always, awake, wall = self._clocks.always(), self._clocks.awake(), self._clocks.wall()
            # the machine may fall asleep between two of these, and they would not belong together
            if self._clocks.always() - always < 1:
                return always - awake, wall - always


def system_clocks() -> Clocks:
    """The clocks of the machine. Elsewhere than on Linux and macOS sleep cannot be told."""
    if sys.platform == "linux":
        return Clocks(time.monotonic, lambda: time.clock_gettime(time.CLOCK_BOOTTIME), time.time)
    if sys.platform == "darwin":
        # There it is CLOCK_MONOTONIC that goes on in sleep, CLOCK_UPTIME_RAW that does not.
        return Clocks(
            lambda: time.clock_gettime(time.CLOCK_UPTIME_RAW),
            lambda: time.clock_gettime(time.CLOCK_MONOTONIC),
            time.time,
        )
    return Clocks(time.monotonic, time.monotonic, time.time)
