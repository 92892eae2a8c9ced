"""Ticks of the resident process, measured from inside: three session files grew, the rest did not.

The baseline is what no reader can do without, a look at every file there is (scandir and stat); the
sink answers at once, so that no network is in the figures. Prints each round's figures as JSON, and
which ccpush they are of: it imports only what every version compared has.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from invent_big import Grower, newest_sessions

import ccpush
from ccpush.app import Pipeline
from ccpush.config.settings import HttpConfig, RemoteWriteConfig, Settings
from ccpush.log import configure
from ccpush.push.sink import Offer, PushResult, SinkKind

_GROWN_FILES = 3
_WARM_UP_ROUNDS = 3
_SINK = RemoteWriteConfig("at-once", HttpConfig("http://127.0.0.1:9/"))


class AtOnce:
    """A sink that takes everything in no time."""

    name = _SINK.name
    kind: SinkKind = "remote_write"

    def push(self, offer: Offer) -> PushResult:
        """Taken."""
        return PushResult("delivered", sent=sum(len(one.samples) for one in offer.current))

    def abort(self) -> None:
        """Nothing to end."""

    def close(self) -> None:
        """Nothing to let go of."""


def open_pipeline(home: Path, state: Path) -> Pipeline:
    """The pipeline as ``ccpush run`` has it, but for its sink."""
    settings = Settings(
        claude_homes=(home,),
        claude_homes_given=True,
        state_dir=state,
        runtime_dir=state,
        cache_dir=state,
        remote_write=(_SINK,),
    )
    return Pipeline(settings, configure("warning", "text", sys.stderr), sinks=(AtOnce(),))


def look_at_everything(folder: str) -> int:
    """The names, sizes and times of all files below a folder; gives their number."""
    found, folders = 0, [folder]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    entry.stat()
                    found += 1
    return found


def timed_ms(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU milliseconds of one call."""
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    work()
    wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    return wall_s * 1000, cpu_s * 1000


def tick_ms(home: Path, state: Path, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Wall and CPU milliseconds of each thing measured, of each of the interleaved rounds."""
    grown, grower = newest_sessions(home, _GROWN_FILES), Grower(time.time_ns())
    measured: dict[str, list[tuple[float, float]]] = {}
    with open_pipeline(home, state) as pipeline:
        works: dict[str, Callable[[], object]] = {
            "look": lambda: look_at_everything(str(home / "projects")),
            "idle": pipeline.collect,
            "collect": pipeline.collect,
            "tick": pipeline.tick,
        }
        for number in range(rounds + _WARM_UP_ROUNDS):
            for name, work in works.items():
                if name in {"collect", "tick"}:
                    grower.grow(grown, now_s=time.time())
                figures = timed_ms(work)
                if number >= _WARM_UP_ROUNDS:
                    measured.setdefault(name, []).append(figures)
    return measured


def main() -> None:
    """Measure and print."""
    home, state, rounds = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    figures = tick_ms(home, state, rounds)
    print(json.dumps({"ccpush": ccpush.__file__, "figures": figures}))


if __name__ == "__main__":
    main()
