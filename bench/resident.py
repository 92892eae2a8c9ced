"""What staying costs: a tick of the resident process, and the memory it keeps.

The tick is measured from inside (``tick.py``, in processes of its own, by turns of this version and
the earlier one), the memory from outside, of a real ``ccpush run`` that has been ready and scraped.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from measure import FailedRunError, resident_mb, run_once, table
from setting import HERE, Bench, Goal, ccpush, count_sessions, receiver
from versions import PRESENT, Version

# by the name of what is measured: wall and CPU milliseconds
_Figures = dict[str, list[tuple[float, float]]]

_NAMES = {
    "look": "scandir + stat of all files",
    "idle": "collect, nothing grew",
    "collect": "collect, 3 files grew",
    "tick": "tick, 3 files grew",
}
_READY_WITHIN_S = 60
_ROUNDS_EACH = 5


def resident(bench: Bench) -> None:
    """Measure, print, and note the goals."""
    versions = bench.versions()
    warm = {version: bench.warm(version) for version in versions}
    rounds: dict[Version, list[_Figures]] = {version: [] for version in versions}
    for _ in range(bench.rounds):
        for version, (home, state) in warm.items():
            rounds[version].append(_ticks(bench, version, home, state))
    figures = {version: _medians(of_one) for version, of_one in rounds.items()}
    home, state = warm[PRESENT]
    for version in versions:
        title = f"\nResident, {version.name}: {count_sessions(home):,} session files"
        print(table(title, ["", "ms", "CPU ms", "x look"], _lines(figures[version])))
    with receiver() as url:
        now_mb, peak_mb = _memory(bench, home, state, url)
    print(f"  ccpush run: RSS {now_mb:.0f} MB, peak {peak_mb:.0f} MB")
    tick_ms = figures[PRESENT]["tick"][0]
    bench.goals += [
        Goal("tick, 3 files grew", tick_ms, 20, " ms"),
        Goal("ccpush run, peak RSS", peak_mb, 60, " MB"),
    ]
    for earlier in versions[1:]:
        slower_ms = tick_ms - figures[earlier]["tick"][0]
        bench.goals.append(Goal("tick, slower than before", slower_ms, 5, " ms"))


def _ticks(bench: Bench, version: Version, home: Path, state: Path) -> _Figures:
    """Some rounds of one process; its first ones, not counted, read what others let grow."""
    script = [sys.executable, str(HERE / "tick.py"), str(home), str(state), str(_ROUNDS_EACH)]
    measured = bench.contender(f"tick, {version.name}", script, version=version)
    run_once(measured)
    told = json.loads(measured.output.read_text())
    version.check(told["ccpush"])
    figures: _Figures = told["figures"]
    return figures


def _medians(rounds: Sequence[_Figures]) -> dict[str, tuple[float, float]]:
    """Of each thing measured: median wall and CPU milliseconds."""
    medians = {}
    for name in _NAMES:
        walls, cpus = zip(*(one for figures in rounds for one in figures[name]), strict=True)
        medians[name] = (statistics.median(walls), statistics.median(cpus))
    return medians


def _lines(figures: dict[str, tuple[float, float]]) -> list[list[str]]:
    look_ms = figures["look"][0]
    return [
        [text, *(f"{figure:.1f}" for figure in figures[name]), f"{figures[name][0] / look_ms:.2f}"]
        for name, text in _NAMES.items()
    ]


def _memory(bench: Bench, home: Path, state: Path, url: str) -> tuple[float, float]:
    """RSS in MB, now and at its peak."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = bench.folder / "run.yml"
    listen = f"web:\n  listen_address: 127.0.0.1:{port}\n"
    config.write_text(f"{listen}remote_write:\n  - url: {url}\n")
    with (bench.folder / "run.stderr").open("wb") as complaints:
        process = subprocess.Popen(
            ccpush("run", home, state, config), env=bench.environment, stderr=complaints
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/-/ready", process)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            answer.read()
        return resident_mb(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Until the address answers 200; raises FailedRunError when it will not."""
    until_s = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < until_s:
        if process.poll() is not None:
            raise FailedRunError(f"ccpush run ended with {process.returncode}")
        refused = contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError)
        with refused, urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.05)
    raise FailedRunError(f"{url} was not ready within {_READY_WITHIN_S} s")
