"""Brings a receiver the past that was left out, because nobody could say what it has, afterwards.

What it got since began with 0 and stays as it is: only what lies before it is sent, so that the two
add up. May be repeated: the same steps have the same values.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Final

from ccpush.ledger.cursors import read_cursors, read_shifts
from ccpush.ledger.history import beginning
from ccpush.ledger.sinks import SinkState, add_counts, note
from ccpush.ledger.store import transaction
from ccpush.metrics.catalogue import GRID
from ccpush.metrics.grid import due_steps
from ccpush.metrics.history import Span, Walk
from ccpush.push.outcome import Verdict
from ccpush.push.remote_write.batch import Batch
from ccpush.push.remote_write.handover import Handover, TooOld
from ccpush.push.remote_write.means import Means
from ccpush.push.remote_write.refusal import Ended
from ccpush.push.remote_write.tally import TOO_OLD
from ccpush.push.sink import Offer

LONG: Final = "the past is long; the next push with --backfill goes on"


def is_left_out(connection: sqlite3.Connection, state: SinkState, who: str) -> bool:
    """Whether a sink has the present, but was not sent the past, or only afterwards."""
    if state.settled_as != who or not read_cursors(connection, state.name):
        return False
    began_anew = any(amount < 0 for amount in read_shifts(connection, state.name).values())
    return state.unknown_past or began_anew


class Past:
    """The steps before a sink's first one; made anew for each push."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        sink: str,
        offer: Offer,
        means: Means,
        handover: Handover,
    ) -> None:
        self._connection = connection
        self._sink = sink
        self._offer = offer
        self._means = means
        self._handover = handover

    def bring(self, step: int) -> None:
        """Send it, ``step`` being the newest one there is; raises Ended when it is put off."""
        cursors = read_cursors(self._connection, self._sink).values()
        first = min((cursor.begin for cursor in cursors if cursor.begin is not None), default=None)
        wanted = int(self._offer.backfill_s or 0) // 60
        reach = min(wanted, self._handover.reach_steps)
        while first is not None:
            begin = beginning(self._connection, step, reach)
            try:
                self._send(begin, first - 1)
            except TooOld:
                # the receiver has just been found not to reach back that far
                reach = min(reach, self._handover.reach_steps)
                self._give_up(begin, min(first, step - reach) - 1)
                continue
            break
        with transaction(self._connection):
            note(self._connection, self._sink, "remote_write", unknown_past=False)

    def _give_up(self, begin: int, through: int) -> None:
        """Count what is too old."""
        windows = self._walk(begin, through).windows(self._means.config.max_samples_per_send)
        size = sum(run.size for window in windows for run in window.runs)
        verdict = Verdict(
            "rejected", error="of the past only a part was taken: the rest is too old"
        )
        self._handover.tally.refused(size, TOO_OLD, verdict)

    def _walk(self, begin: int, through: int) -> Walk:
        span = Span(GRID, begin - 1, through, begin)
        return Walk(self._connection, span, self._offer.identity)

    def _send(self, begin: int, through: int) -> None:
        if begin >= through:
            return
        tally, max_samples = self._handover.tally, self._means.config.max_samples_per_send
        walk = self._walk(begin, through)
        due = walk.size * len(due_steps(begin - 1, through))
        for window in walk.windows(max_samples):
            named = self._means.naming.name(window.runs)
            tally.left_out(named)
            self._handover.deliver(Batch(window.timestamps_ms, named.runs))
            with transaction(self._connection):
                add_counts(self._connection, self._sink, tally.take_open())
            self._offer.progress(tally.sent, due)
            if time.monotonic() >= self._offer.until_s:
                raise Ended(Verdict("retry", error=LONG))
