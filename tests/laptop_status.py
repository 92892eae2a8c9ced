"""A developer's laptop for tests of whole pushes: a home, a ledger, a clock, sinks, and a status.

    laptop = Laptop(tmp_path, pushgateway=(PushgatewayConfig("gateway", HttpConfig(url)),))
    assert laptop.push().outcome == "delivered"

Its clock stands half a minute after a grid step, and moves only when it is told.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import homes

from ccpush.app import Pipeline, look
from ccpush.config.settings import Settings
from ccpush.log import configure
from ccpush.metrics.evaluate import evaluate
from ccpush.push.build import build_sinks
from ccpush.push.sink import PushResult, Sink
from ccpush.terminal.status import as_json, as_text, see

START_S: Final = homes.NOW_S + 30.5


class Laptop:
    """A home with one response, a ledger, a clock, and the sinks that are configured."""

    def __init__(self, root: Path, **sinks: Any) -> None:
        self.home = homes.Home(root / "home")
        self.home.main("one").write(homes.assistant("msg_1", output=7))
        self.now_s = START_S
        # another one is another machine
        self.persona = ""
        self.settings = Settings(
            claude_homes=(self.home.path,),
            claude_homes_given=True,
            state_dir=root / "state",
            runtime_dir=root / "run",
            cache_dir=root / "cache",
            instance="laptop",
            user="ada",
            **sinks,
        )

    def collect(self) -> None:
        """Read what is new, and push nothing."""
        with self._pipeline(()) as pipeline:
            pipeline.collect()

    def push(self) -> PushResult:
        """One push, as a timer makes it; the result of the only sink."""
        sinks = build_sinks(self.settings, now=lambda: self.now_s, environ={})
        with self._pipeline(sinks) as pipeline:
            ((_, result),) = pipeline.tick().results
        return result

    def lose_ledger(self) -> None:
        """Let there be none, and nothing beside it that remembers."""
        for folder in (self.settings.state_dir, self.settings.cache_dir):
            shutil.rmtree(folder, ignore_errors=True)

    def facts(self) -> dict[str, Any]:
        """What the status says of the only sink."""
        (found,) = json.loads(as_json(see(self.settings, None, now=lambda: self.now_s)))["sinks"]
        return dict(found)

    def text(self) -> str:
        """What the status says, for people, with single spaces."""
        text = as_text(see(self.settings, None, now=lambda: self.now_s))
        return "\n".join(" ".join(line.split()) for line in text.splitlines())

    def metric(self, name: str) -> float:
        """The value of a metric with one series, as :9101 has it."""
        account, known = look(self.settings, now=lambda: self.now_s)
        families = {family.name: family for family in evaluate(account, known.identity)}
        (found,) = families[name].samples
        return found.value

    def _pipeline(self, sinks: Sequence[Sink]) -> Pipeline:
        log = configure("error", "text", io.StringIO())
        return Pipeline(
            self.settings, log, sinks=sinks, now=lambda: self.now_s, persona=self.persona
        )
