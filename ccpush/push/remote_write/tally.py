"""What has become of an offer so far, counted as it happens: every sample is accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ccpush.push.outcome import Verdict
from ccpush.push.remote_write.naming import DUPLICATE_SERIES, Named
from ccpush.push.sink import PushResult

# Reasons of our own; what a receiver refuses is counted by its status.
TOO_OLD = "too_old"
NOT_WRITTEN = "not_written"
MAYBE_DELIVERED = "maybe_delivered"


class Tally:
    """Samples by what became of them, and the worst that was heard."""

    def __init__(self) -> None:
        self.sent = 0
        self.retried = 0
        self.rejected: Counter[str] = Counter()
        # what is not yet in the ledger's counts
        self._open: Counter[tuple[str, str]] = Counter()
        self._worst: Verdict | None = None

    def delivered(self, size: int, verdict: Verdict) -> None:
        """Count a batch that was taken, less what the receiver says it did not write."""
        self.sent += size - verdict.lost
        self._open["sent", ""] += size - verdict.lost
        if verdict.lost:
            error = f"the receiver took the request but did not write {verdict.lost} samples"
            self.refused(verdict.lost, NOT_WRITTEN, Verdict("rejected", error=error))

    def refused(self, size: int, reason: str, verdict: Verdict) -> None:
        """Count samples that are given up, and why."""
        self.rejected[reason] += size
        self._open["rejected", reason] += size
        self._worst = self._worst or verdict

    def put_off(self, size: int) -> None:
        """Count samples that are offered again."""
        self.retried += size
        self._open["retried", ""] += size

    def left_out(self, named: Named) -> None:
        """Count what could not be sent under its labels."""
        count = sum(named.refused.values())
        if not count:
            return
        if DUPLICATE_SERIES in named.refused:
            error = f"a series of {named.example} occurs twice; samples not sent: {count}"
            hint = "do two settings, such as external_labels, give the same labels to two series?"
        else:
            error = f"a name in {named.example} is not allowed; samples not sent: {count}"
            hint = "a label in external_labels may have letters, digits and _ only"
        for reason, n in named.refused.items():
            self.refused(n, reason, Verdict("rejected", error=error, hint=hint))

    def take_open(self) -> Mapping[tuple[str, str], int]:
        """Return the counts since the last call, for the ledger."""
        found, self._open = self._open, Counter()
        return found

    def result(self, ended: Verdict | None, through_s: float | None) -> PushResult:
        """Say what became of the offer; ``ended`` is why it ended early."""
        worst = ended or self._worst or Verdict("delivered")
        return PushResult(
            worst.outcome,
            sent=self.sent,
            retried=self.retried,
            rejected=dict(self.rejected),
            status=worst.status,
            error=worst.error,
            hint=worst.hint,
            retry_after_s=worst.retry_after_s,
            through_s=through_s,
            counted=True,
        )
