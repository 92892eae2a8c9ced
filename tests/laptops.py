"""Laptops with a home, a ledger, a clock and sinks, for tests of what real receivers then have.

    clock = Clock()
    with road(prometheus.url, clock) as way:
        laptop = Laptop(tmp_path / "ada", clock, way)
        laptop.use(ago_s=3600, output=7)
        assert laptop.tick()["central"].outcome == "delivered"

Every tick is a process's: ledger, sinks and connections are opened anew. The clock moves only when
told, and a way may tell it as the receiver's: real servers know no other time than the true one.
"""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import homes
import pytest
from central import NOON_S, Points

from ccpush import identity
from ccpush.app import Pipeline, Pushing
from ccpush.config.settings import HttpConfig, PushgatewayConfig, RemoteWriteConfig, Settings
from ccpush.ledger.sinks import SinkState
from ccpush.ledger.store import FILE_NAME
from ccpush.log import configure
from ccpush.push.build import build_sinks
from ccpush.push.remote_write import patience
from ccpush.push.sink import PushResult

if TYPE_CHECKING:
    from roads import Road


class Clock:
    """A clock that stands, half a minute after a whole one."""

    def __init__(self, now_s: float = NOON_S + 30.5) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def forward(self, seconds: float) -> None:
        """Let time go by."""
        self.now_s += seconds


@dataclass
class Used:
    """One response: when, and how many output tokens."""

    at_s: float
    output: int
    model: str


class Laptop:
    """A machine with a Claude home and ccpush; its sinks may be set at any time.

    ``machine`` is what it is told apart by, ``instance`` what it is called, None for the host name
    ``hostname``.
    """

    def __init__(self, root: Path, clock: Callable[[], float], *ways: Road) -> None:
        self.root = root
        self.clock = clock
        self.home = root / "claude"
        self.instance: str | None = root.name
        self.machine = self.hostname = root.name
        self.used: list[Used] = []
        self.remote_write = [to(way, f"central{n or ''}") for n, way in enumerate(ways)]
        self.pushgateway: list[PushgatewayConfig] = []
        self.said = io.StringIO()

    def use(self, ago_s: float, output: int, model: str = homes.OPUS) -> None:
        """Let somebody have used Claude then, in a session of its own."""
        at_s, number = self.clock() - ago_s, len(self.used)
        self.used.append(Used(at_s, output, model))
        self.transcript(number).write(self._row(number, at_s, output, model), at_s=at_s)

    def grow(self, by: int) -> None:
        """Let the newest response turn out larger, after its first part was pushed."""
        number, first = len(self.used) - 1, self.used[-1]
        row = self._row(number, first.at_s + 1, first.output + by, first.model)
        self.transcript(number).append(row, at_s=self.clock())
        self.used.append(Used(self.clock() // 60 * 60, by, first.model))

    def transcript(self, number: int) -> homes.Transcript:
        """The file of one response."""
        return homes.Transcript(self.home / "projects" / "-home-app" / f"s{number}.jsonl")

    def _row(self, number: int, at_s: float, output: int, model: str) -> homes.Row:
        return homes.assistant(
            f"msg_{self.root.name}_{number}", at_s=at_s, session=f"s{number}", model=model,
            input=0, output=output,
        )  # fmt: skip

    def spent(self, since_s: float = 0.0, until_s: float = 1e12) -> int:
        """Output tokens used in some time."""
        return sum(one.output for one in self.used if since_s <= one.at_s < until_s)

    def untrue(self, points: Points) -> Points:
        """The samples of the output tokens, after the first zero, that are not what was used."""
        return [(ts_s, value) for ts_s, value in points[1:] if value != self.spent(0, ts_s)]

    def settings(self) -> Settings:
        """The settings as they are now."""
        return Settings(
            claude_homes=(self.home,),
            claude_homes_given=True,
            state_dir=self.root / "state",
            runtime_dir=self.root / "run",
            cache_dir=self.root / "cache",
            instance=self.instance,
            user="ada",
            remote_write=tuple(self.remote_write),
            pushgateway=tuple(self.pushgateway),
        )

    @contextlib.contextmanager
    def running(self, deadline_s: float = 60.0) -> Iterator[Pipeline]:
        """A process of ccpush on this machine, impatient in its pauses."""
        settings = self.settings()
        log = configure("info", "json", self.said, now=self.clock)
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "machine-id").write_text(self.machine, encoding="ascii")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(identity, "_MACHINE_ID_FILES", (self.root / "machine-id",))
            patch.setattr("platform.node", lambda: self.hostname)
            patch.setattr(patience, "FIRST_PAUSE_S", 0.01)
            sinks = build_sinks(settings, now=self.clock, environ={})
            pushing = Pushing(deadline_s=deadline_s)
            with Pipeline(settings, log, sinks=sinks, now=self.clock, pushing=pushing) as pipeline:
                yield pipeline

    def tick(self) -> dict[str, PushResult]:
        """Collect and push once; the results by the sinks' names."""
        with self.running() as pipeline:
            return {sink.name: result for sink, result in pipeline.tick().results}

    def state(self, sink: str = "central") -> SinkState:
        """What is known of a sink, as ``ccpush status`` has it."""
        with self.running() as pipeline:
            return next(state for state in pipeline.account().sinks if state.name == sink)

    def back_up(self) -> Path:
        """A copy of the ledger as it is now."""
        copy = self.root / "backup"
        shutil.copytree(self.root / "state", copy)
        return copy

    def restore(
        self, copy: Path | None, *, in_place: bool = False, forgetful: bool = False
    ) -> None:
        """Put a copy of the ledger back, or none; ``forgetful``: the cache folder is lost too.

        ``in_place``: the file stays the same one.
        """
        file = self.root / "state" / FILE_NAME
        if copy is not None and in_place:
            file.write_bytes((copy / FILE_NAME).read_bytes())
        else:
            shutil.move(self.root / "state", self.root / "lost")
            if copy is not None:
                shutil.copytree(copy, self.root / "state")
        if forgetful:
            shutil.rmtree(self.root / "cache")

    def clone(self, name: str) -> Laptop:
        """Another machine with a copy of everything."""
        shutil.copytree(self.root, self.root.parent / name)
        other = Laptop(self.root.parent / name, self.clock)
        other.instance, other.used = self.instance, list(self.used)
        other.remote_write = list(self.remote_write)
        return other


def to(way: Road | str, name: str = "central", **http: Any) -> RemoteWriteConfig:
    """The setting of a sink at the end of a way; ``http`` goes to its HTTP settings."""
    url = way if isinstance(way, str) else way.url
    return RemoteWriteConfig(name, HttpConfig(url, **{"timeout_s": 10.0, **http}))
