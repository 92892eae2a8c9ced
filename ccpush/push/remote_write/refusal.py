"""What a receiver does not take of a batch that it has refused.

A receiver refuses a request as a whole, though one sample may be at fault. Three questions, in this
order: does it take anything at all; how old may samples be; and which of those young enough it is.
The first two are asked with series of their own, so that no real one is harmed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ccpush.metrics.history import Run, Stretch
from ccpush.metrics.samples import Labels, MetricType
from ccpush.push.outcome import Verdict
from ccpush.push.remote_write.batch import Batch, halves, newest, parted_at
from ccpush.push.remote_write.tally import MAYBE_DELIVERED, Tally

MAX_REQUESTS: Final = 64
# After so many samples of a series, one by one and none taken, only the newest is tried.
HOPELESS_AFTER: Final = 2
HOUR_S: Final = 3600
# How often a 5xx is heard for one age before it is believed.
AGE_TRIES: Final = 2
# A probe lies this much within the hour that it asks for: requests take time.
MARGIN_S: Final = 60
PROBE: Final = "ccpush_probe"

Send = Callable[[Batch], Verdict]


class Ended(Exception):  # noqa: N818
    """The push ends here; ``verdict`` says why, and ``size`` samples were under way."""

    def __init__(self, verdict: Verdict, size: int = 0) -> None:
        super().__init__(verdict.error)
        self.verdict = verdict
        self.size = size


class _Probe:
    name = PROBE
    type: MetricType = "gauge"
    help = "What ccpush asks a receiver with, after it has refused samples."
    unit = ""


class Refusal:
    """Asks one receiver; ``common`` labels make the probes this identity's own.

    ``send`` tells a batch that makes the receiver fail from a receiver that fails, ``send_bare``
    only sends.
    """

    def __init__(self, send: Send, send_bare: Send, common: Labels, tally: Tally) -> None:
        self._send = send
        self._send_bare = send_bare
        self._common = common
        self._tally = tally
        # series that the receiver has refused whatever the time; not tried again in this push
        self.hopeless: dict[Labels, Verdict] = {}

    def takes_anything(self, now_ms: int) -> Verdict:
        """Send one sample of now; when that is not taken either, the receiver itself is ill."""
        return self._send(self._probe("current", now_ms))

    def horizon_s(self, now_ms: int, limit_s: float) -> float:
        """Return how old samples may be, up to ``limit_s``; in whole hours, about ten requests.

        Raises Ended when the receiver does not answer.
        """
        taken, refused = 0, int(limit_s // HOUR_S)
        if self._takes_age(refused, now_ms):
            return limit_s
        while refused - taken > 1:
            middle = (taken + refused) // 2
            if self._takes_age(middle, now_ms):
                taken = middle
            else:
                refused = middle
        return max(0.0, taken * HOUR_S - MARGIN_S)

    def bisect(self, batch: Batch, verdict: Verdict, *, unsure_ms: int) -> None:
        """Deliver what of a refused batch is taken, in ever smaller parts; count the rest.

        Through ``unsure_ms`` the receiver may have it already from a request whose answer was lost.
        Then only the newest of these samples are sent again: it takes them as they are, whatever it
        thinks of those before. Raises Ended when the receiver does not answer.
        """
        self._left = MAX_REQUESTS
        maybe, sure = parted_at(batch, unsure_ms)
        # What has failed may be well by now: only a refusal is a sign that it is there already.
        if maybe.runs and (verdict.status or 0) < 500:
            last, older = newest(maybe)
            answer = self._ask(last)
            if answer.outcome == "delivered":
                self._tally.delivered(last.size, answer)
                self._tally.refused(older, MAYBE_DELIVERED, verdict)
                self._try(sure, verdict)
                return
        self._part(batch, verdict)

    def _try(self, batch: Batch, verdict: Verdict) -> None:
        """Send a batch, and part it when it is refused; ``verdict`` is why it may be."""
        if not batch.runs:
            return
        answer = self._ask(batch) if self._left > 0 else verdict
        if answer.outcome == "delivered":
            self._tally.delivered(batch.size, answer)
        else:
            self._part(batch, answer)

    def _part(self, batch: Batch, verdict: Verdict) -> None:
        """Part a batch that was refused as a whole."""
        if batch.size <= 1 or self._left <= 0:
            self._tally.refused(batch.size, verdict.reason, verdict)
        elif len(batch.runs) == 1:
            self._part_by_time(batch, verdict)
        else:
            for half in halves(batch):
                self._try(half, verdict)

    def _part_by_time(self, batch: Batch, verdict: Verdict) -> None:
        """Part the one series of a refused batch, never sending a sample before an older one."""
        waiting = list(reversed(halves(batch)))
        refused, taken = 0, False
        while waiting:
            if refused == HOPELESS_AFTER and not taken:
                self._give_up(waiting, verdict)
                return
            part = waiting.pop()
            answer = self._ask(part) if self._left > 0 else verdict
            if answer.outcome == "delivered":
                self._tally.delivered(part.size, answer)
                taken = True
            elif part.size > 1 and self._left > 0:
                waiting.extend(reversed(halves(part)))
            else:
                self._tally.refused(part.size, answer.reason, answer)
                refused += 1

    def _give_up(self, waiting: Sequence[Batch], verdict: Verdict) -> None:
        """Send the newest sample only; when it is refused too, the series is hopeless."""
        left = sum(part.size for part in waiting)
        last, _ = newest(waiting[0])
        answer = self._ask(last) if self._left > 0 else verdict
        if answer.outcome == "delivered":
            self._tally.delivered(1, answer)
            left -= 1
        else:
            self.hopeless[last.runs[0].labels] = answer
        self._tally.refused(left, verdict.reason, verdict)

    def _ask(self, batch: Batch) -> Verdict:
        self._left -= 1
        answer = self._send(batch)
        if answer.outcome == "retry":
            raise Ended(answer, batch.size)
        if answer.status is not None and answer.status >= 500:
            # then it was asked as well whether it fails by itself
            self._left -= 1
        return answer

    def _takes_age(self, hours: int, now_ms: int) -> bool:
        age_ms = max(0, hours * HOUR_S - MARGIN_S) * 1000
        # A series for each age: one alone would have to go back in time.
        probe = self._probe(f"age_{hours}h", now_ms - age_ms)
        for _ in range(AGE_TRIES):
            answer = self._send_bare(probe)
            # Prometheus before 2.50 answers 500 to what is too old; one that passes is no answer.
            if answer.status is not None and answer.status >= 500:
                continue
            if answer.outcome == "retry":
                raise Ended(answer)
            return answer.outcome == "delivered"
        return False

    def _probe(self, purpose: str, at_ms: int) -> Batch:
        named = {**dict(self._common), "__name__": PROBE, "purpose": purpose}
        run = Run(tuple(sorted(named.items())), _Probe(), (Stretch(0, 0, 1.0),))
        return Batch((at_ms,), (run,))
