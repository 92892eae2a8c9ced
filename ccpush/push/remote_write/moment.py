"""Which moment is a push made at? Never later than the receiver's now, nor than what was read.

The receiver's clock is told by the ``Date`` of its answers. Close to ours, the earlier one of the
two counts; further off, the receiver's: samples of its future would harm all who write there.
"""

from __future__ import annotations

import time
from typing import Final

import msgspec

from ccpush.ledger.sinks import SinkState
from ccpush.metrics.grid import step_of
from ccpush.push.outcome import Verdict
from ccpush.push.remote_write.means import Means
from ccpush.push.remote_write.refusal import Ended
from ccpush.push.sink import Offer

# Clocks this close are as good as equal.
CLOSE_S: Final = 60.0
# The receiver's clock is known to the second only: at a minute's edge it may seem to go back.
EDGE_STEPS: Final = 1


class Moment(msgspec.Struct, frozen=True):
    """``step`` is the newest one to offer, ``server_s`` the receiver's now.

    ``now_ms`` is the timestamp of what is true now, None when it would not be later than the last.
    """

    step: int
    server_s: float
    now_ms: int | None

    def refuse_ahead(self, through: int) -> None:
        """Raise Ended when what was delivered lies ahead of the receiver's clock."""
        steps = through - self.step
        if steps > EDGE_STEPS:
            error = f"what was delivered is {steps} minutes ahead of the receiver's clock"
            hint = "nothing is sent until that time has passed; is a clock wrong, here or there?"
            raise Ended(Verdict("retry", error=error, hint=hint))


def look(means: Means, offer: Offer, state: SinkState) -> Moment:
    """Compare the clocks, asking the receiver when its is not known; raises Ended."""
    skew_s = means.receiver.skew_s()
    if skew_s is None:
        verdict = means.patience.until_answered(means.receiver.probe)
        if verdict.outcome == "retry":
            raise Ended(verdict)
        skew_s = verdict.skew_s or 0.0
    now_s = means.now()
    server_s = now_s - skew_s
    since_pass_s = time.monotonic() - offer.collected_at_s
    read_s = server_s - since_pass_s
    if abs(skew_s) <= CLOSE_S:
        read_s = min(now_s - since_pass_s, read_s)
    close = abs(offer.now_s - server_s) <= CLOSE_S
    now_ms = int((min(server_s, offer.now_s) if close else server_s) * 1000)
    is_later = now_ms > (state.now_ts_ms or 0)
    return Moment(step_of(read_s), server_s, now_ms if is_later else None)
