"""Runs commands in interleaved rounds and says what each cost: wall, CPU and memory.

The kernel's own accounts are read (``wait4``), children included. Nothing is run in a shell.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run cost; ``rss_mb`` is the peak of the largest process in it."""

    wall_s: float
    cpu_s: float
    rss_mb: float

    @property
    def rss(self) -> str:
        """The peak for a table; below this process's own it cannot be told (see getrusage(2))."""
        own_mb = _ru_maxrss_mb(resource.getrusage(resource.RUSAGE_SELF))
        return f"{self.rss_mb:.0f}" if self.rss_mb > own_mb + 1 else f"<{own_mb:.0f}"


@dataclass(frozen=True, slots=True)
class Contender:
    """A command under measurement; ``before`` puts things in place and is not measured.

    The command's output goes to ``output``: grep stops at the first hit when that is /dev/null.
    """

    name: str
    command: Sequence[str]
    output: Path
    before: Callable[[], object] | None = None
    environment: Mapping[str, str] | None = None


class FailedRunError(Exception):
    """A command under measurement failed, so its figures would mean nothing."""


def run_once(contender: Contender) -> Cost:
    """Run it and wait for it; raises FailedRunError when it fails."""
    if contender.before is not None:
        contender.before()
    errors = contender.output.with_suffix(".stderr")
    with contender.output.open("wb") as output, errors.open("wb") as complaints:
        began = time.perf_counter()
        process = subprocess.Popen(
            contender.command, stdout=output, stderr=complaints, env=contender.environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began
    # wait4 has taken the process, so Popen must be told how it ended
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        said = errors.read_text(errors="replace").strip()[-2000:]
        raise FailedRunError(f"{contender.name} exited with {process.returncode}:\n{said}")
    return Cost(wall_s, usage.ru_utime + usage.ru_stime, _ru_maxrss_mb(usage))


def _ru_maxrss_mb(usage: resource.struct_rusage) -> float:
    # kilobytes everywhere but on macOS
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def interleaved(contenders: Sequence[Contender], rounds: int) -> dict[str, Cost]:
    """Every contender once per round, in turn; the median of each figure, by name."""
    costs: dict[str, list[Cost]] = {one.name: [] for one in contenders}
    for number in range(rounds + 1):
        for contender in contenders:
            cost = run_once(contender)
            # the first round warms the caches
            if number or rounds == 1:
                costs[contender.name].append(cost)
    return {name: _median(of_one) for name, of_one in costs.items()}


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.wall_s for cost in costs),
        statistics.median(cost.cpu_s for cost in costs),
        statistics.median(cost.rss_mb for cost in costs),
    )


def resident_mb(process_id: int) -> tuple[float, float]:
    """Memory of a running process in MB: now, and at its peak. Linux only."""
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    now, peak = (int(fields[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))
    return now, peak


def table(title: str, header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Columns for a terminal: the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in [header, *lines]) for i in range(len(header))]
    shown = [title]
    for row in [header, *lines]:
        first, *others = zip(row, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]
        shown.append("  " + "  ".join(cells).rstrip())
    return "\n".join(shown)
