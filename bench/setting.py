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

from invent_big import made_by
from measure import Contender, run_once
from versions import PRESENT, Version, ask_where, unpack

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and the most it may be, or the least."""

    what: str
    value: float
    limit: float
    unit: str
    is_least: bool = False

    def line(self) -> list[str]:
        """A row of the last table."""
        reached = self.value >= self.limit if self.is_least else self.value <= self.limit
        limit = f"{'>=' if self.is_least else '<='} {self.limit:g}{self.unit}"
        verdict = "reached" if reached else "MISSED"
        return [self.what, f"{self.value:,.2f}{self.unit}", limit, verdict]


@dataclass(slots=True)
class Bench:
    """Where things are, how often to measure, and the goals met so far."""

    folder: Path
    quick: bool
    # a git revision; empty for none
    before: str = ""
    goals: list[Goal] = field(default_factory=list)
    _versions: tuple[Version, ...] = ()

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
        return PRESENT.environment({**kept, "HOME": str(own), "XDG_RUNTIME_DIR": str(own)})

    def versions(self) -> tuple[Version, ...]:
        """The ccpush of this checkout, then the earlier one if there is one to compare it with."""
        if not self._versions:
            earlier = unpack(self.before, self.folder) if self.before else None
            found = (PRESENT,) if earlier is None else (PRESENT, earlier)
            for version in found:
                ask_where(version, self.environment)
            self._versions = found
        return self._versions

    def contender(
        self,
        name: str,
        command: list[str],
        before: Callable[[], object] | None = None,
        version: Version = PRESENT,
    ) -> Contender:
        """A command to measure, with its output kept beside the data."""
        output = self.folder / f"{_slug(name)}.out"
        return Contender(name, command, output, before, version.environment(self.environment))

    def home(self, name: str, size: str, files: int) -> tuple[Path, dict[str, Any]]:
        """An invented home and its true totals; reused when this inventor made it before."""
        folder = self.folder / f"{name}-{size}-{files}"
        truth = folder / "truth.json"
        if not truth.exists() or json.loads(truth.read_text()).get("made_by") != made_by():
            shutil.rmtree(folder, ignore_errors=True)
            # another process: what inventing costs must not show in anybody's memory
            script = [sys.executable, str(HERE / "invent_big.py"), "--dir", str(folder)]
            subprocess.run([*script, "--size", size, "--files", str(files)], check=True)
        return folder / "home", json.loads(truth.read_text())

    def warm(self, version: Version = PRESENT) -> tuple[Path, Path]:
        """A home of about 2,000 session files, and a state in which all of it has been read."""
        home, _ = self.home("warm", "200MB", 3000)
        # A ledger of an earlier run could be of another home, or of a ccpush in between.
        state = self.fresh(f"warm-state-{_slug(version.name)}")
        read = ccpush("metrics", home, state)
        run_once(self.contender(f"first read, {version.name}", read, version=version))
        return home, state

    def fresh(self, name: str) -> Path:
        """An empty folder for a state."""
        state = self.folder / name
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir(mode=0o700)
        return state


def _slug(name: str) -> str:
    return re.sub("[^a-z0-9]+", "-", name.lower())


def ccpush(command: str, home: Path, state: Path, config: Path | None = None) -> list[str]:
    """The command line under measurement; which version it is, its environment decides."""
    # -P: not the ccpush of the folder that this is called in
    words = [sys.executable, "-P", "-m", "ccpush", command]
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
