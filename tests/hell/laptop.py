"""One laptop in hell: a home that grows, a ledger, and pushes that may be killed at any moment.

Time runs as everywhere, but begins in the past and jumps between rounds, so that it has reached the
present when all rounds are over. Some pushes are made in this process, as by a resident one; the
others are the real command, whose clock is moved, and which is killed more often than not.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import homes
from hell import moved_clock
from hell.life import Life

from ccpush.app import Pipeline, Pushing
from ccpush.config.settings import HttpConfig, RemoteWriteConfig, Settings
from ccpush.log import configure
from ccpush.push.remote_write.sink import RemoteWriteSink
from ccpush.push.sink import PushResult

if TYPE_CHECKING:
    from hell.weather import HellProxy

INSTANCE, USER, SINK = "hell", "ada", "central"
PROGRAM = Path(moved_clock.__file__)
LONG_SLEEPS = 5
# what is left of the time for delivering in peace
PEACE_S = 2 * 3600.0
# A real command takes about a quarter of a second until it has read, and as long for the rest.
KILLED_WITHIN_S = (0.12, 0.5)
COMMAND_WITHIN_S = 60.0
EXIT_DELIVERED, EXIT_LATER = 0, 75


class Clock:
    """Time that begins so long ago that all jumps together lead to the present."""

    def __init__(self, jumps_s: Sequence[float]) -> None:
        self.behind_s = sum(jumps_s) + PEACE_S

    def __call__(self) -> float:
        return time.time() - self.behind_s

    def jump(self, by_s: float) -> None:
        """Sleep."""
        self.behind_s = max(0.0, self.behind_s - by_s)


def planned_jumps(rounds: int, rng: random.Random) -> list[float]:
    """How long it is from round to round: mostly minutes, a few nights and weekends."""
    jumps = [
        rng.choices(
            (rng.uniform(1, 100), rng.uniform(100, 900), rng.uniform(900, 7200)), (6, 3, 1)
        )[0]
        for _ in range(rounds)
    ]
    for at in rng.sample(range(rounds), min(LONG_SLEEPS, rounds)):
        jumps[at] = rng.uniform(6, 40) * 3600
    return jumps


class Laptop:
    """The laptop; ``happened`` counts what became of its pushes."""

    def __init__(self, root: Path, proxy: HellProxy, clock: Clock, rng: random.Random) -> None:
        self.root = root
        self.clock = clock
        self.happened: Counter[str] = Counter()
        self.home = homes.Home(root / "claude")
        self.life = Life(self.home, random.Random(rng.random()))
        self._proxy = proxy
        self._rng = rng
        self._pipeline: Pipeline | None = None
        self._said = io.StringIO()
        self._write_settings()

    @property
    def settings(self) -> Settings:
        """What the command finds in its file, as it is read."""
        return Settings(
            claude_homes=(self.home.path,),
            claude_homes_given=True,
            state_dir=self.root / "state" / "ccpush",
            runtime_dir=self.root / "run" / "ccpush",
            cache_dir=self.root / "cache" / "ccpush",
            instance=INSTANCE,
            user=USER,
            remote_write=(RemoteWriteConfig(SINK, HttpConfig(self._url, timeout_s=10.0)),),
        )

    def push(self) -> None:
        """One push by chance: here, or by a command that is perhaps killed."""
        kind = self._rng.choices(("here", "command", "killed"), (12, 1, 3))[0]
        if kind == "here":
            self.push_here()
        else:
            self.push_by_command(killed=kind == "killed")

    def push_here(self) -> PushResult | None:
        """Push in this process, as one that stays does; None when the sink is left alone."""
        if self._pipeline is None or self._rng.random() < 0.3:
            self.close()
            self._pipeline = self._open()
        tick = self._pipeline.tick()
        assert tick.collected.complete
        if not tick.results:
            self.happened["waited"] += 1
            return None
        ((_, result),) = tick.results
        self.happened[result.outcome] += 1
        # Nothing that hell does makes a sample one that can never be delivered.
        assert result.outcome in ("delivered", "retry"), result
        return result

    def push_by_command(self, *, killed: bool) -> None:
        """Push by the real command."""
        self.close()
        with self._command() as process:
            if killed:
                self._kill(process)
            words = process.communicate(timeout=COMMAND_WITHIN_S)[0].decode()
        self._proxy.wait_until_idle()
        code = process.returncode
        self.happened[f"command {code}"] += 1
        assert code in (EXIT_DELIVERED, EXIT_LATER) or (killed and code == -9), (code, words)
        assert "Traceback" not in words, words

    def close(self) -> None:
        """End the process that stays, if there is one."""
        if self._pipeline is not None:
            self._pipeline.__exit__(None, None, None)
            self._pipeline = None

    @property
    def _url(self) -> str:
        return self._proxy.url + "/api/v1/write"

    def _open(self) -> Pipeline:
        settings = self.settings
        # Pauses between tries are next to nothing: they are not what is tried here.
        sinks = [
            RemoteWriteSink(
                config, settings, "ccpush/hell", now=self.clock, environ={}, chance=lambda: -0.495
            )
            for config in settings.remote_write
        ]
        log = configure("error", "text", self._said, now=self.clock)
        pushing = Pushing(deadline_s=20.0)
        made = Pipeline(settings, log, sinks=sinks, now=self.clock, pushing=pushing)
        return made.__enter__()

    def _write_settings(self) -> None:
        folder = self.root / "config" / "ccpush"
        folder.mkdir(parents=True)
        for name in ("run", "user"):
            (self.root / name).mkdir(mode=0o700)
        text = f"""\
claude_home: {self.home.path}
instance: {INSTANCE}
user: {USER}
remote_write:
  - name: {SINK}
    url: {self._url}
    remote_timeout: 10s
"""
        (folder / "ccpush.yml").write_text(text, encoding="utf-8")

    @contextlib.contextmanager
    def _command(self) -> Iterator[subprocess.Popen[bytes]]:
        by_s = -self.clock.behind_s
        environment = {"HOME": str(self.root / "user"), "PATH": os.environ["PATH"], "TZ": "UTC"}
        for variable, name in (
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_RUNTIME_DIR", "run"),
        ):
            environment[variable] = str(self.root / name)
        with subprocess.Popen(
            [sys.executable, "-I", str(PROGRAM), repr(by_s), "push"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill it after some time, or as soon as it has begun some request, or a little later."""
        requests = self._rng.choice((0, 1, 1, 2, 2, 3, 4, 6))
        then_s = self._rng.choice((0.0, self._rng.uniform(0, 0.004), self._rng.uniform(0, 0.03)))
        wanted = len(self._proxy.done) + requests
        deadline = time.monotonic() + self._rng.uniform(*KILLED_WITHIN_S) + (requests > 0)
        while process.poll() is None and time.monotonic() < deadline:
            if requests and len(self._proxy.done) >= wanted:
                time.sleep(then_s)
                break
            time.sleep(0.0005)
        process.kill()
