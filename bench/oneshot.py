"""What ``ccpush push`` costs from a timer: one process that reads what grew, pushes and ends.

Beside it the bare imports that such a push needs, which no program in Python can go below.
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import time

from measure import Cost, interleaved, run_once, table
from setting import HERE, Bench, Goal, ccpush, count_sessions, receiver

# what a push through plain remote-write cannot do without, whatever else may be loaded
_NEEDED = (
    "click, yaml, json, sqlite3, msgspec, platformdirs, requests, snappy,"
    " google.protobuf.internal.builder"
)
_GROWN_FILES = 3


def oneshot(bench: Bench) -> None:
    """Measure, print, and note the goal."""
    home, state = bench.warm()
    script = [sys.executable, str(HERE / "invent_big.py"), "--dir", str(home.parent)]
    script += ["--grow", str(_GROWN_FILES)]
    with receiver() as url:
        config = bench.folder / "push.yml"
        config.write_text(f"remote_write:\n  - url: {url}\n")
        command = ccpush("push", home, state, config)
        contenders = [
            bench.contender("bare interpreter", [sys.executable, "-c", "pass"]),
            bench.contender("bare imports", [sys.executable, "-c", f"import {_NEEDED}"]),
            bench.contender("ccpush push", command, lambda: _grow(script)),
        ]
        costs = interleaved(contenders, bench.rounds * 3)
        loaded = _libraries(bench, command)
    bare = costs["bare imports"]
    lines = [_line(name, cost, bare) for name, cost in costs.items()]
    title = f"\nOne-shot push: {count_sessions(home):,} session files, {_GROWN_FILES} grew"
    print(table(title, ["", "wall ms", "CPU ms", "RSS MB", "x imports"], lines))
    print(f"  bare imports: {_NEEDED}")
    print(f"  libraries that ccpush push loads: {', '.join(loaded)}")
    ratio = costs["ccpush push"].wall_s / bare.wall_s
    bench.goals.append(Goal("one-shot push, of its bare imports", ratio, 1.6, " x"))


def _grow(script: list[str]) -> None:
    subprocess.run(script, check=True)
    # Receivers tell the time to the second: within the same one there is nothing newer to send.
    time.sleep(1)


def _line(name: str, cost: Cost, bare: Cost) -> list[str]:
    times = (f"{cost.wall_s * 1000:.0f}", f"{cost.cpu_s * 1000:.0f}")
    return [name, *times, cost.rss, f"{cost.wall_s / bare.wall_s:.2f}"]


def _libraries(bench: Bench, command: list[str]) -> list[str]:
    """The libraries that a run imports: one that is not needed would show here."""
    time.sleep(1)
    spied = bench.contender("imports", [command[0], "-X", "importtime", *command[1:]])
    run_once(spied)
    told = spied.output.with_suffix(".stderr").read_text()
    names = re.findall(r"^import time:.*\| +(\S+)$", told, re.MULTILINE)
    # imports that were tried in vain are listed too, but belong to nothing installed
    owners = importlib.metadata.packages_distributions()
    roots = {name.split(".")[0] for name in names}
    return sorted({owner for root in roots for owner in owners.get(root, ())} - {"ccpush"})
