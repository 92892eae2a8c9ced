"""What is the network like? A proxy for hell, whose weather changes from round to round.

The real servers' ``Date`` is put into hell's own time, in which everything happens.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from email.utils import formatdate

import servers
from fault_proxy import FaultProxy
from faults import Fault, at_random
from receivers import Answer, Conversation, Request, serve

SLOW_S = 0.04
IDLE_WITHIN_S = 10.0
# longer than a push waits: it is left to a later one
RETRY_AFTER_S = 90.0

CUTS = (Fault.CUT_BEFORE, Fault.CUT_BODY, Fault.CUT_ANSWER, Fault.TRUNCATED)
ERRORS = (Fault.ERROR_BEFORE, Fault.ERROR_AFTER)
# What goes wrong how often, beside one in which nothing does; the weight before is the weather's.
WEATHERS: Mapping[str, tuple[float, Mapping[Fault, float]]] = {
    "calm": (4, {Fault.PASS: 1}),
    "mixed": (4, dict.fromkeys(Fault, 1.0) | {Fault.PASS: 24}),
    "cutting": (3, dict.fromkeys(CUTS, 1.0) | {Fault.PASS: 3}),
    "deaf": (2, {Fault.CUT_ANSWER: 1, Fault.ERROR_AFTER: 1}),
    "sick": (2, dict.fromkeys(ERRORS, 1.0) | {Fault.PASS: 2}),
    "busy": (1, {Fault.BUSY_SECONDS: 1, Fault.BUSY_DATE: 1, Fault.PASS: 4}),
    "slow": (1, {Fault.SLOW_BODY: 1, Fault.SLOW_ANSWER: 1}),
    "portal": (1, {Fault.PORTAL: 3, Fault.REDIRECT: 1}),
    "off": (1, {Fault.CUT_BEFORE: 1}),
}


class HellProxy(FaultProxy):
    """A fault proxy with weather, in the time of ``now``.

    ``before_query`` is asked of the server before each query: what makes it show what it has.
    """

    def __init__(
        self, target: str, rng: random.Random, now: Callable[[], float], before_query: str | None
    ) -> None:
        self._chance = rng
        self._clock = now
        self._before_query = before_query
        self._talking: set[Conversation] = set()
        super().__init__(
            target,
            lambda _: Fault.PASS,
            slow_s=SLOW_S,
            retry_after_s=RETRY_AFTER_S,
            rng=random.Random(rng.random()),
            now=now,
        )

    def change(self, weather: str | None = None) -> str:
        """Let the weather be another one; by chance unless told."""
        if weather is None:
            shares = [share for share, _ in WEATHERS.values()]
            (weather,) = self._chance.choices(list(WEATHERS), shares)
        self.decide = at_random(self._chance, WEATHERS[weather][1])
        return weather

    def talk(self, conversation: Conversation) -> None:
        """Serve one connection, and know that it is there."""
        self._talking.add(conversation)
        try:
            super().talk(conversation)
        finally:
            self._talking.discard(conversation)

    def wait_until_idle(self) -> None:
        """Let what is still on its way arrive: nothing of it may come hours later."""
        servers.wait_until(lambda: not self._talking, IDLE_WITHIN_S, "no connection is open")

    def _forward(self, request: Request, slow: bool) -> Answer:
        if self._before_query and request.method == "GET":
            super()._forward(replace(request, target=self._before_query), slow=False)
        answer = super()._forward(request, slow)
        date = formatdate(self._clock(), usegmt=True)
        headers = {k: v for k, v in answer.headers.items() if k.lower() != "date"}
        return replace(answer, headers={**headers, "Date": date})


@contextlib.contextmanager
def hell_proxy(
    target: str, rng: random.Random, now: Callable[[], float], before_query: str | None = None
) -> Iterator[HellProxy]:
    """A running proxy to the server at ``target`` (a root URL)."""
    proxy = HellProxy(target, rng, now, before_query)
    with serve(proxy.talk) as proxy.server:
        try:
            yield proxy
        finally:
            proxy.stop()
