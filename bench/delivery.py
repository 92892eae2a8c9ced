"""What delivering a month costs: every sample of 29 days to a central store, in one push.

Beside it the same requests, ready-made, sent in a bare loop to a store of the same kind: that is
the store's own limit. A push is a process; what one costs that has nothing to deliver is taken off.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from central import available, central
from measure import Cost, run_once, table
from setting import HERE, Bench, Goal, ccpush, receiver, recorder

DAYS = 29
MODELS, TOOLS = 14, 50
_BETWEEN_S = 450


class _Round(NamedTuple):
    cost: Cost
    idle: Cost
    bare_s: float

    @property
    def delivery_s(self) -> float:
        """What the samples took, without the process around them."""
        return self.cost.wall_s - self.idle.wall_s


def delivery(bench: Bench) -> None:
    """Measure, print, and note the goals."""
    stores = available()
    if not stores:
        print(
            "\nDelivery of a month: SKIPPED, neither prometheus nor victoria-metrics is installed"
        )
        return
    home = _home(bench.folder / "month")
    samples, requests = _record(bench, home)
    lines = []
    for store in stores:
        rounds = [_round(bench, home, store) for _ in range(bench.rounds)]
        wall_s = statistics.median(one.delivery_s for one in rounds)
        bare_s = statistics.median(one.bare_s for one in rounds)
        cost = rounds[-1].cost
        rates = (samples / wall_s, samples / bare_s)
        lines.append(
            [store, f"{cost.wall_s:.2f}", f"{cost.cpu_s:.2f}", cost.rss]
            + [f"{wall_s:.2f}", f"{bare_s:.2f}"]
            + [f"{rate / 1000:,.0f}" for rate in rates]
            + [f"{rates[0] / rates[1]:.2f}"]
        )
        bench.goals.append(
            Goal(f"bare loop, of the rate into {store}", rates[1] / rates[0], 2.0, " x")
        )
        bench.goals.append(Goal(f"memory of it, into {store}", cost.rss_mb, 80, " MB"))
    title = f"\nA month in one push: {samples:,} samples in {requests} requests"
    header = ["", "process s", "CPU s", "RSS MB", "delivery s", "bare s"]
    header += ["k/s", "bare k/s", "of bare"]
    print(table(title, header, lines))
    day_mb = _day(bench, home).rss
    print(f"  memory for a backlog of one day: {day_mb} MB")


def _home(folder: Path) -> Path:
    """A home of a month with about 200 series: many models and tools, used every few minutes."""
    shutil.rmtree(folder, ignore_errors=True)
    file = folder / "projects" / "p" / "s.jsonl"
    file.parent.mkdir(parents=True)
    end_s = int(time.time()) - 300
    with file.open("w") as out:
        for number, ts_s in enumerate(range(end_s - DAYS * 86_400 + 7200, end_s, _BETWEEN_S)):
            out.write(json.dumps(_row(number, ts_s)) + "\n")
    return folder


def _row(number: int, ts_s: int) -> dict[str, object]:
    when = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(ts_s))
    tool = {"type": "tool_use", "id": f"t{number}", "name": f"Tool{number % TOOLS}", "input": {}}
    usage = {
        "input_tokens": 3,
        "output_tokens": number % 700,
        "cache_read_input_tokens": 9000,
        "cache_creation_input_tokens": 120,
    }
    message = {
        "id": f"msg_{number}",
        "role": "assistant",
        "model": f"claude-model-{number % MODELS}",
        "content": [tool],
        "stop_reason": "tool_use",
        "usage": usage,
    }
    return {
        "type": "assistant",
        "uuid": f"u{number}",
        "sessionId": "s",
        "timestamp": when,
        "message": message,
    }


def _push(bench: Bench, home: Path, url: str, state: Path, limit: str = "0s") -> list[str]:
    config = bench.folder / "delivery.yml"
    queue = f"queue_config: {{sample_age_limit: {limit}}}"
    config.write_text(f"remote_write:\n  - url: {url}\n    name: central\n    {queue}\n")
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(mode=0o700)
    run_once(bench.contender("collecting", ccpush("metrics", home, state)))
    return ccpush("push", home, state, config)


def _record(bench: Bench, home: Path) -> tuple[int, int]:
    """Keep the requests of one push; return how many samples and requests it had."""
    folder, state = bench.folder / "requests", bench.folder / "recorded-state"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with recorder(folder) as url:
        run_once(bench.contender("recorded push", _push(bench, home, url, state)))
        told = bench.contender(
            "status",
            [*ccpush("status", home, state, bench.folder / "delivery.yml"), "--json"],
        )
        run_once(told)
    (sink,) = json.loads(told.output.read_text())["sinks"]
    return int(sink["samples"]["sent"]), len(list(folder.iterdir()))


def _day(bench: Bench, home: Path) -> Cost:
    """What the last day alone takes."""
    with receiver() as url:
        push = _push(bench, home, url, bench.folder / "day-state", "1d")
        return run_once(bench.contender("delivery of a day", push))


def _round(bench: Bench, home: Path, store: str) -> _Round:
    with central(store, bench.folder) as url:
        state = bench.folder / "delivery-state"
        push = _push(bench, home, url, state)
        cost = run_once(bench.contender("delivery", push))
        idle = run_once(bench.contender("idle push", push))
    with central(store, bench.folder) as url:
        script = [sys.executable, str(HERE / "replay.py"), url, str(bench.folder / "requests")]
        told = subprocess.run(script, capture_output=True, text=True, check=True)
    return _Round(cost, idle, float(told.stdout))
