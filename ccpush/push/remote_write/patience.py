"""How often one request is tried in one push, and how long in between.

A few times, with growing and unequal pauses: a fleet that met the same trouble must not come back
in step. Whatever needs longer is left to the next push.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from ccpush.push.outcome import Verdict

TRIES: Final = 3
FIRST_PAUSE_S: Final = 0.5
MAX_PAUSE_S: Final = 5.0
WAKING_PAUSE_S: Final = 5.0
# No answer at all, because the network is not there yet.
_NO_NETWORK: Final = frozenset({"dns", "unreachable"})
_BUSY: Final = frozenset({408, 425, 429})


class Patience:
    """The pauses of one push.

    ``pause`` waits so many seconds and says whether to go on; ``random`` gives numbers from 0 to 1.
    ``waking_s`` is how long a network may take that is not there yet.
    """

    def __init__(
        self,
        pause: Callable[[float], bool],
        random: Callable[[], float],
        until_s: float,
        waking_s: float,
    ) -> None:
        self._pause = pause
        self._random = random
        self._until_s = until_s
        self._waking_until_s = time.monotonic() + waking_s if waking_s else 0.0

    def until_answered(self, ask: Callable[[], Verdict]) -> Verdict:
        """Ask until there is a network, as long as it may still be coming up."""
        verdict = self.until_settled(ask)
        while verdict.failure in _NO_NETWORK and time.monotonic() < self._waking_until_s:
            if not self._pause(WAKING_PAUSE_S):
                break
            verdict = ask()
        return verdict

    def until_settled(self, send: Callable[[], Verdict]) -> Verdict:
        """Send until the answer is one that will not change in the next seconds."""
        verdict = send()
        for attempt in range(1, TRIES):
            pause_s = self._pause_before(verdict, attempt)
            if pause_s is None or not self._pause(pause_s):
                break
            verdict = send()
        return verdict

    def jittered(self, seconds: float) -> float:
        """Return a time around ``seconds``, between half of it and one and a half."""
        return seconds * (0.5 + self._random())

    def _pause_before(self, verdict: Verdict, attempt: int) -> float | None:
        passing = verdict.failure == "cut" or (
            verdict.outcome == "retry"
            and verdict.status is not None
            and (verdict.status in _BUSY or verdict.status >= 500)
        )
        if not passing:
            return None
        pause_s = self.jittered(FIRST_PAUSE_S * 2 ** (attempt - 1))
        if verdict.retry_after_s is not None:
            # A little later than asked, or all of them come at once.
            pause_s += verdict.retry_after_s
        if pause_s > MAX_PAUSE_S or time.monotonic() + pause_s > self._until_s:
            return None
        return pause_s
