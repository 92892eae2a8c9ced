"""Where a benchmark finds things: invented homes, states, commands, and a receiver.

Everything lies below one folder and is made when it is missing; the caller's own settings, state
and Claude home are never looked at.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measure import Contender, run_once

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and the most it may be."""

    what: str
    value: float
    most: float
    unit: str

    def line(self) -> list[str]:
        """A row of the last table."""
        verdict = "reached" if self.value <= self.most else "MISSED"
        return [self.what, f"{self.value:,.2f}{self.unit}", f"{self.most:g}{self.unit}", verdict]


@dataclass(slots=True)
class Bench:
    """Where things are, how often to measure, and the goals met so far."""

    folder: Path
    quick: bool
    goals: list[Goal] = field(default_factory=list)

    @property
    def rounds(self) -> int:
        """How many rounds to measure what takes seconds; what takes less is measured more often."""
        return 3 if self.quick else 5

    @property
    def environment(self) -> Mapping[str, str]:
        """The caller's, without any setting or folder of theirs."""
        own = self.folder / "user"
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("CCPUSH_", "CLAUDE_", "XDG_"))
        }
        return {**kept, "HOME": str(own), "XDG_RUNTIME_DIR": str(own)}

    def contender(
        self, name: str, command: list[str], before: Callable[[], object] | None = None
    ) -> Contender:
        """A command to measure, with its output kept beside the data."""
        output = self.folder / f"{re.sub('[^a-z]+', '-', name.lower())}.out"
        return Contender(name, command, output, before, self.environment)

    def home(self, name: str, size: str, files: int) -> tuple[Path, dict[str, Any]]:
        """An invented home and its true totals; reused when it is there already."""
        folder = self.folder / f"{name}-{size}-{files}"
        truth = folder / "truth.json"
        if not truth.exists():
            shutil.rmtree(folder, ignore_errors=True)
            # another process: what inventing costs must not show in anybody's memory
            script = [sys.executable, str(HERE / "invent_big.py"), "--dir", str(folder)]
            subprocess.run([*script, "--size", size, "--files", str(files)], check=True)
        return folder / "home", json.loads(truth.read_text())

    def warm(self) -> tuple[Path, Path]:
        """A home of about 2,000 session files, and a state in which all of it has been read."""
        home, _ = self.home("warm", "200MB", 3000)
        state = self.folder / "warm-state"
        state.mkdir(mode=0o700, exist_ok=True)
        run_once(self.contender("first read", ccpush("metrics", home, state)))
        return home, state


def ccpush(command: str, home: Path, state: Path, config: Path | None = None) -> list[str]:
    """The command line under measurement."""
    words = [sys.executable, "-m", "ccpush", command]
    words += ["--claude-home", str(home), "--state", str(state)]
    return words if config is None else [*words, "--config", str(config)]


def count_sessions(home: Path) -> int:
    """How many main files there are."""
    return sum(1 for _ in home.glob("projects/*/*.jsonl"))


def recorder(folder: Path) -> contextlib.AbstractContextManager[str]:
    """The URL of a receiver that takes everything and keeps every request's body."""
    return receiver(str(folder))


@contextlib.contextmanager
def receiver(*words: str) -> Iterator[str]:
    """The URL of a receiver that takes everything."""
    script = [sys.executable, str(HERE / "receiver.py"), *words]
    with subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/api/v1/write"
        finally:
            process.stdin.close()
            process.wait(timeout=10)
