"""ccpush as its users start it: the command, as a subprocess, with folders of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

STOP_WITHIN_S = 2.0


@dataclass(frozen=True)
class Desk:
    """A user's place on a machine: home, state and run-time folders, all below ``root``."""

    root: Path

    def environment(self) -> dict[str, str]:
        """The environment of this user; PATH and time zone are the test's."""
        runtime = self.root / "run"
        runtime.mkdir(mode=0o700, exist_ok=True)
        home = self.root / "home"
        home.mkdir(exist_ok=True)
        return {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "TZ": "UTC",
            "XDG_STATE_HOME": str(self.root / "state"),
            "XDG_CONFIG_HOME": str(self.root / "config"),
            "XDG_RUNTIME_DIR": str(runtime),
        }

    def run(
        self, *words: str, more: Mapping[str, str] | None = None, timeout_s: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            _command(words),
            env=self.environment() | dict(more or {}),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    @contextlib.contextmanager
    def staying(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Start a command that stays; it is killed at the end if it still lives."""
        log = self.root / "log"
        with log.open("w", encoding="utf-8") as stream:
            process = subprocess.Popen(
                _command(words), env=self.environment(), stdout=stream, stderr=stream, text=True
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def log(self) -> str:
        """What the command that stays has said."""
        return (self.root / "log").read_text(encoding="utf-8")


def stop(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[int, float]:
    """Send a signal; return the exit code and the seconds it took."""
    started = time.monotonic()
    process.send_signal(number)
    code = process.wait(timeout=10)
    return code, time.monotonic() - started


def answers(url: str) -> bool:
    """Whether a GET is answered with success."""
    try:
        fetch(url)
    except OSError:
        return False
    return True


def fetch(url: str) -> str:
    """The body of a GET, never through a proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as response:
            return str(response.read().decode())
    except urllib.error.HTTPError as error:
        error.close()
        raise


def _command(words: Sequence[str]) -> list[str]:
    return [sys.executable, "-Im", "ccpush", *words]
