"""What staying costs: a tick of the resident process, and the memory it keeps.

The tick is measured from inside (``tick.py``, a process of its own), the memory from outside, of a
real ``ccpush run`` that has been ready and scraped.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from measure import FailedRunError, resident_mb, run_once, table
from setting import HERE, Bench, Goal, ccpush, count_sessions, receiver

_NAMES = {
    "look": "scandir + stat of all files",
    "idle": "collect, nothing grew",
    "collect": "collect, 3 files grew",
    "tick": "tick, 3 files grew",
}
_READY_WITHIN_S = 60


def resident(bench: Bench) -> None:
    """Measure, print, and note the goals."""
    home, state = bench.warm()
    script = [sys.executable, str(HERE / "tick.py"), str(home), str(state)]
    measured = bench.contender("tick", [*script, str(bench.rounds * 5)])
    run_once(measured)
    figures = json.loads(measured.output.read_text())
    lines = []
    for name, text in _NAMES.items():
        wall_ms, cpu_ms = figures[name]
        ratio = wall_ms / figures["look"][0]
        lines.append([text, f"{wall_ms:.1f}", f"{cpu_ms:.1f}", f"{ratio:.2f}"])
    title = f"\nResident: {count_sessions(home):,} session files"
    print(table(title, ["", "ms", "CPU ms", "x look"], lines))
    with receiver() as url:
        now_mb, peak_mb = _memory(bench, home, state, url)
    print(f"  ccpush run: RSS {now_mb:.0f} MB, peak {peak_mb:.0f} MB")
    bench.goals += [
        Goal("tick, 3 files grew", figures["tick"][0], 20, " ms"),
        Goal("ccpush run, peak RSS", peak_mb, 60, " MB"),
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
