"""One batch until it is settled: taken, given up sample by sample, or put off.

Whatever the receiver answers, each sample of the batch is counted once. What is put off ends the
push; the next one begins with it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from ccpush.ledger.sinks import SinkState, note
from ccpush.ledger.store import transaction
from ccpush.metrics.samples import Described
from ccpush.push.outcome import Verdict
from ccpush.push.remote_write.batch import Batch, parted
from ccpush.push.remote_write.means import Means
from ccpush.push.remote_write.reach import REACH_S, known_horizon_s, reach_steps, too_old
from ccpush.push.remote_write.refusal import Ended, Refusal
from ccpush.push.remote_write.tally import Tally

# Receivers without a window take about an hour; what is younger is not refused for its age.
YOUNG_S: Final = 55 * 60.0
ILL_BACKOFF_S: Final = 300.0


class TooOld(Exception):  # noqa: N818
    """The receiver turned out not to take samples that old: begin again from where it does."""


class Handover:
    """Hands batches to one receiver; made anew for each push.

    ``unsure_ms`` is the newest timestamp that an earlier push may have delivered unheard.
    """

    def __init__(
        self, connection: sqlite3.Connection, state: SinkState, means: Means, number: str
    ) -> None:
        self._connection = connection
        self._sink = state.name
        self._means = means
        self.tally = Tally()
        self.metadata: Sequence[Described] = ()
        self.unsure_ms = -1
        # whether the receiver may have more than it has told
        self.unclear = False
        own = means.naming.own(number)
        self._refusal = Refusal(self._ask_once, self._request, own, self.tally)
        self._horizon_s = known_horizon_s(state, means.now())
        self._last_probe_ms = 0

    def too_old(self) -> Verdict:
        """Return the words for what lies further back than that."""
        return too_old(self._means.config, self._horizon_s)

    @property
    def reach_steps(self) -> int:
        """How many steps back the receiver takes samples, as far as is known."""
        return reach_steps(self._means.config, self._horizon_s)

    def deliver(self, batch: Batch) -> None:
        """Settle a batch; raises Ended when the rest is put off, TooOld before any is sent."""
        for part in parted(self._hopeful(batch), self._means.config.max_samples_per_send):
            verdict = self._means.patience.until_settled(partial(self._request, part))
            verdict = self._poison_or_ill(verdict)
            if verdict.outcome == "delivered":
                self.unclear = False
                self.tally.delivered(part.size, verdict)
            elif verdict.outcome == "retry":
                raise Ended(verdict, part.size)
            else:
                self._refused(part, verdict)

    def _request(self, batch: Batch) -> Verdict:
        verdict = self._means.receiver.send(batch, self.metadata)
        self.unclear = self.unclear or verdict.unclear
        if verdict.outcome == "delivered":
            self.metadata = ()
        return verdict

    def _ask_once(self, batch: Batch) -> Verdict:
        return self._poison_or_ill(self._request(batch))

    def _hopeful(self, batch: Batch) -> Batch:
        """Leave out, counted, the series that were refused whatever their time."""
        hopeless = self._refusal.hopeless
        if not hopeless:
            return batch
        for run in batch.runs:
            if run.labels in hopeless:
                verdict = hopeless[run.labels]
                self.tally.refused(run.size, verdict.reason, verdict)
        left = tuple(run for run in batch.runs if run.labels not in hopeless)
        return Batch(batch.timestamps_ms, left)

    def _poison_or_ill(self, verdict: Verdict) -> Verdict:
        """Tell a batch that makes the receiver fail from a receiver that fails by itself."""
        # Who says when to come back is busy, whatever was in the batch.
        failing = verdict.outcome == "retry" and (verdict.status or 0) >= 500
        if not failing or verdict.retry_after_s is not None:
            return verdict
        if self._means.receiver.probe().outcome != "delivered":
            return verdict
        return msgspec.structs.replace(
            verdict, outcome="rejected", reason=f"status_{verdict.status}"
        )

    def _refused(self, batch: Batch, verdict: Verdict) -> None:
        """Find out what the receiver does not take of a batch."""
        now_ms = self._probe_ms()
        answer = self._refusal.takes_anything(now_ms)
        if answer.outcome != "delivered":
            after_s = answer.retry_after_s or self._means.patience.jittered(ILL_BACKOFF_S)
            ill = msgspec.structs.replace(
                verdict, outcome="retry", reason="", retry_after_s=after_s
            )
            raise Ended(ill, batch.size)
        oldest_ms = min(batch.timestamps_ms[run.stretches[0].first] for run in batch.runs)
        if self._horizon_s is None and now_ms - oldest_ms > YOUNG_S * 1000:
            self._find_horizon(now_ms)
            if now_ms - oldest_ms > self.reach_steps * 60_000:
                raise TooOld
        self._refusal.bisect(batch, verdict, unsure_ms=self.unsure_ms)

    def _find_horizon(self, now_ms: int) -> None:
        self._horizon_s = self._refusal.horizon_s(now_ms, REACH_S)
        found = {"horizon_s": self._horizon_s, "horizon_at_s": self._means.now()}
        with transaction(self._connection):
            note(self._connection, self._sink, "remote_write", **found)

    def _probe_ms(self) -> int:
        """Return the receiver's now, rising with every call."""
        skew_s = self._means.receiver.last_skew_s or 0.0
        now_ms = int((self._means.now() - skew_s) * 1000)
        self._last_probe_ms = max(now_ms, self._last_probe_ms + 1)
        return self._last_probe_ms
