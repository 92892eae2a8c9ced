"""The remote-write sink: current values, in batches, to one receiver of the 1.0 protocol.

Each batch goes out once; what is to be tried again is offered again by the caller's next tick.
Keeps no state but the time of the last metadata.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from ccpush.config.settings import RemoteWriteConfig
from ccpush.metrics.samples import Family
from ccpush.push.http import HttpClient
from ccpush.push.outcome import Verdict, judge
from ccpush.push.remote_write.encode import HEADERS, encode
from ccpush.push.remote_write.series import DUPLICATE_SERIES, Due, Point, batches, due
from ccpush.push.sink import Offer, PushResult, SinkKind

# The three paths never share a label set; this is remote-write's job.
JOB = "ccpush"
METADATA_INTERVAL_S = 60.0


class RemoteWriteSink:
    """Sends offers to one block of ``remote_write:``; see :class:`ccpush.push.sink.Sink`."""

    kind: SinkKind = "remote_write"

    def __init__(
        self,
        config: RemoteWriteConfig,
        user_agent: str,
        *,
        now: Callable[[], float] = time.time,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.name = config.name
        self._config = config
        self._now = now
        self._client = HttpClient(config.http, user_agent, now=now, environ=environ)
        self._metadata_at_s: float | None = None

    def push(self, offer: Offer) -> PushResult:
        """Send what is due, once, batch after batch; the first one to be retried ends it.

        ``sent``, ``retried`` and ``rejected`` add up to the samples of the offer: ``retried``
        counts the batch that the receiver did not take and all that was not sent after it.
        Delivered means all of them; rejected, that all is settled but some were refused.
        """
        asked = due(offer, {"job": JOB, "instance": offer.instance})
        tally = _Tally(asked)
        metadata = self._metadata(offer)
        for batch in batches(asked.points, self._config.max_samples_per_send):
            verdict = self._send(batch, metadata)
            tally.add(batch, verdict)
            if verdict.outcome == "retry":
                break
            if verdict.outcome == "delivered" and metadata:
                self._metadata_at_s = self._now()
                metadata = ()
        return tally.result()

    def abort(self) -> None:
        """End a push under way in another thread, and every later one, at once."""
        self._client.abort()

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _send(self, batch: Sequence[Point], metadata: Sequence[Family]) -> Verdict:
        url = self._config.http.url
        answer = self._client.request("POST", url, HEADERS, encode(batch, metadata))
        return judge(answer, self.kind, url, self._now())

    def _metadata(self, offer: Offer) -> tuple[Family, ...]:
        if not self._config.send_metadata:
            return ()
        if self._metadata_at_s is not None:
            age_s = self._now() - self._metadata_at_s
            # A clock that was set back says nothing about the age.
            if 0.0 <= age_s < METADATA_INTERVAL_S:
                return ()
        return tuple(family for family in offer.families if family.samples)


class _Tally:
    """What became of an offer, batch by batch."""

    def __init__(self, asked: Due) -> None:
        self._rejected = Counter(asked.refused)
        self._left = len(asked.points)
        self._sent = 0
        self._last = Verdict("delivered")
        self._worst = Verdict("delivered")
        self._skew_s: float | None = None
        if asked.refused:
            self._worst = _left_out(asked)

    def add(self, batch: Sequence[Point], verdict: Verdict) -> None:
        self._last = verdict
        if verdict.skew_s is not None:
            self._skew_s = verdict.skew_s
        if verdict.outcome == "retry":
            self._worst = verdict
            return
        self._left -= len(batch)
        if verdict.outcome == "delivered":
            self._sent += len(batch)
            return
        # A receiver refuses a batch as a whole, though a single sample may be at fault. Halving
        # the batch to find it would begin here; until then all of it counts as refused.
        self._rejected[verdict.reason] += len(batch)
        if self._worst.outcome == "delivered":
            self._worst = verdict

    def result(self) -> PushResult:
        worst = self._worst
        return PushResult(
            worst.outcome,
            sent=self._sent,
            retried=self._left,
            rejected=dict(self._rejected),
            status=worst.status if worst.status is not None else self._last.status,
            error=worst.error,
            hint=worst.hint,
            retry_after_s=worst.retry_after_s,
            skew_s=self._skew_s,
        )


def _left_out(asked: Due) -> Verdict:
    count = sum(asked.refused.values())
    if DUPLICATE_SERIES in asked.refused:
        error = f"a series of {asked.example} occurs twice; samples not sent: {count}"
        hint = "do two settings, such as external_labels, give the same labels to two series?"
    else:
        error = f"a name in {asked.example} is not allowed; samples not sent: {count}"
        hint = "a label in external_labels may have letters, digits and _ only"
    return Verdict("rejected", error=error, hint=hint)
