"""One push to one remote-write receiver: everything that it does not have yet, in time order.

First the receiver's clock, then how this ledger goes on there, then the past is frozen, and only
then is anything sent: window after window, each taken off the backlog when the receiver has it. A
crash at any point costs a repetition of equal samples at most.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from ccpush.ledger import cursors as kept
from ccpush.ledger.cursors import Cursor
from ccpush.ledger.sinks import SinkState, add_counts, note
from ccpush.ledger.store import transaction
from ccpush.metrics.catalogue import GRID, frozen_families
from ccpush.metrics.grid import due_steps
from ccpush.metrics.history import Span, Walk, Window
from ccpush.metrics.samples import Labels
from ccpush.push.outcome import Verdict
from ccpush.push.remote_write.batch import Batch, joined
from ccpush.push.remote_write.continuity import Continuity, Held, Place
from ccpush.push.remote_write.groups import Group, all_cursors, groups
from ccpush.push.remote_write.handover import Handover, TooOld
from ccpush.push.remote_write.history_query import Unanswered, ask, query_url
from ccpush.push.remote_write.means import Means
from ccpush.push.remote_write.moment import look
from ccpush.push.remote_write.past import Past
from ccpush.push.remote_write.present import Present
from ccpush.push.remote_write.refusal import Ended
from ccpush.push.remote_write.tally import TOO_OLD
from ccpush.push.sink import Offer, PushResult

# What one push may bring: a laptop that was away must not keep a receiver busy for minutes.
MAX_SAMPLES: Final = 5_000_000


class Delivery:
    """One push; made anew for each."""

    def __init__(
        self, connection: sqlite3.Connection, offer: Offer, state: SinkState, means: Means
    ) -> None:
        self._connection = connection
        self._sink = state.name
        self._offer = offer
        self._state = state
        self._means = means
        self._handover = Handover(connection, state, means, offer.identity.id)
        self._tally = self._handover.tally
        self._due = 0
        self._past_left_out: str | None = None
        # through which step the receiver may have more than it has told; None: as it was noted
        self._open: int | None = None

    def run(self, *, with_metadata: bool) -> PushResult:
        """Deliver what is due and say what became of it; raises LedgerError."""
        ended: Verdict | None = None
        try:
            self._moment = look(self._means, self._offer, self._state)
            self._settle()
            self._send(with_metadata=with_metadata)
        except Held as held:
            ended = Verdict(
                "stopped" if held.stopped else "retry",
                error=str(held),
                hint=held.hint,
                retry_after_s=held.after_s,
            )
        except Ended as end:
            ended = end.verdict
            self._tally.put_off(end.size)
        self._close(ended)
        cursors = kept.read_cursors(self._connection, self._sink).values()
        through = min((cursor.through for cursor in cursors), default=None)
        result = self._tally.result(ended, None if through is None else through * 60.0)
        result = msgspec.structs.replace(result, skew_s=self._means.receiver.last_skew_s)
        return result if self._past_left_out is None else _remarked(result, self._past_left_out)

    def _settle(self) -> None:
        """Let the ledger go on where the receiver stands; raises Held."""
        config = self._means.config
        url = query_url(config.http.url, config.query_url)

        def question(promql: str, at_s: float) -> dict[Labels, float]:
            if not url:
                raise Unanswered("no query API is known for this url", later=False)
            return ask(self._means.receiver.get, url, promql, at_s)

        place = Place(self._moment.step, self._handover.reach_steps, self._means.witness.through())
        continuity = Continuity(
            self._connection, self._state, self._offer, self._means.naming, place
        )
        continuity.settle(question, self._moment.server_s)
        self._past_left_out = continuity.past_left_out
        if continuity.brings_past:
            past = Past(self._connection, self._sink, self._offer, self._means, self._handover)
            past.bring(self._moment.step)

    def _send(self, *, with_metadata: bool) -> None:
        """Send what is due of the grid, and what is true now."""
        reach_steps = self._handover.reach_steps
        cursors = all_cursors(self._connection, self._sink, self._moment.step, reach_steps)
        self._moment.refuse_ahead(min(cursor.through for cursor in cursors))
        now_ms = self._moment.now_ms
        present = Present(self._connection, self._sink, self._means.naming, self._offer, now_ms)
        self._tally.left_out(present.named)
        if with_metadata and self._means.config.send_metadata:
            described = (*GRID, *(run.metric for run in present.runs))
            self._handover.metadata = tuple({one.name: one for one in described}.values())
        self._begin(cursors, now_ms)
        due = groups(cursors, self._moment.step)
        for group in due:
            self._send_group(group, present)
        if not present.sent:
            self._handover.deliver(present.batch())
        present.keep()

    def _begin(self, cursors: Sequence[Cursor], now_ms: int | None) -> None:
        """Freeze what is about to be offered, and note that it is; on the disk before any of it."""
        unsure = [cursor.tried for cursor in cursors if cursor.tried > cursor.through]
        self._open = max(unsure, default=-1)
        self._handover.unsure_ms = self._open * 60_000
        connection, step = self._connection, self._moment.step
        with transaction(connection, durable=True):
            kept.freeze_within(connection, frozen_families(), step)
            tried = [Cursor(c.metric, c.begin, c.through, max(c.tried, step)) for c in cursors]
            kept.place(connection, self._sink, tried)
            if now_ms is not None:
                note(connection, self._sink, "remote_write", now_ts_ms=now_ms)
        # Only now: a witness of what the ledger does not know of would make it look restored.
        self._means.witness.note(step)

    def _send_group(self, group: Group, present: Present) -> None:
        """Send the windows of metrics that stand at the same step."""
        while True:
            group = self._young_enough(group)
            walk = self._walk(group, self._moment.step)
            self._due += walk.size * len(due_steps(group.through, self._moment.step))
            try:
                for window in walk.windows(self._means.config.max_samples_per_send):
                    self._send_window(window, group, present)
                    group = msgspec.structs.replace(group, through=window.through)
                    self._offer.progress(self._tally.sent, self._due)
                    self._check_time()
            except TooOld:
                continue
            return

    def _send_window(self, window: Window, group: Group, present: Present) -> None:
        named = self._means.naming.name(window.runs)
        self._tally.left_out(named)
        batch = Batch(window.timestamps_ms, named.runs)
        if window.through == self._moment.step:
            present.see(named.runs, group.names)
            if group.last:
                batch = joined(batch, present.batch())
                present.sent = True
        self._handover.deliver(batch)
        with transaction(self._connection):
            kept.advance(self._connection, self._sink, group.names, window.through)
            add_counts(self._connection, self._sink, self._tally.take_open())

    def _young_enough(self, group: Group) -> Group:
        """Give up what the receiver does not take for its age, counted; return what is left."""
        reach_steps = self._handover.reach_steps
        earliest = self._moment.step - reach_steps
        if group.through >= earliest - 1:
            return group
        max_samples = self._means.config.max_samples_per_send
        windows = self._walk(group, earliest - 1).windows(max_samples)
        size = sum(run.size for window in windows for run in window.runs)
        self._tally.refused(size, TOO_OLD, self._handover.too_old())
        # When it has nothing of them yet, this is where they begin.
        begins = group.begin is not None and group.through < group.begin and not group.unsure
        begin = earliest if begins else group.begin
        with transaction(self._connection, durable=True):
            cursors = [Cursor(name, begin, earliest - 1, self._moment.step) for name in group.names]
            kept.place(self._connection, self._sink, cursors)
            add_counts(self._connection, self._sink, self._tally.take_open())
        return msgspec.structs.replace(group, begin=begin, through=earliest - 1)

    def _walk(self, group: Group, through: int) -> Walk:
        shifts = kept.read_shifts(self._connection, self._sink)
        span = Span(group.metrics, group.through, through, group.begin, shifts)
        return Walk(self._connection, span, self._offer.identity)

    def _check_time(self) -> None:
        if time.monotonic() >= self._offer.until_s or self._tally.sent > MAX_SAMPLES:
            raise Ended(Verdict("retry", error="the backlog is long; the next push goes on"))

    def _close(self, ended: Verdict | None) -> None:
        """Note what was found out on the way."""
        receiver = self._means.receiver
        fell_back = receiver.protocol if receiver.protocol != receiver.wanted else None
        self._look_at_open(ended)
        with transaction(self._connection):
            add_counts(self._connection, self._sink, self._tally.take_open())
            if self._open is not None:
                kept.settle_tried(self._connection, self._sink, self._open)
            if fell_back != self._state.protocol:
                at_s = self._means.now() if fell_back else None
                found = {"protocol": fell_back, "protocol_at_s": at_s}
                note(self._connection, self._sink, "remote_write", **found)

    def _look_at_open(self, ended: Verdict | None) -> None:
        """Settle through which step the receiver may have more than the cursors say."""
        if ended is None:
            self._open = -1
        elif self._handover.unclear:
            self._open = None
        if self._open is not None:
            cursors = kept.read_cursors(self._connection, self._sink).values()
            through = max((cursor.through for cursor in cursors), default=-1)
            # First: ahead of the ledger it would make it look restored.
            self._means.witness.note(max(through, self._open))


def _remarked(result: PushResult, why: str) -> PushResult:
    words = f"nothing of the time before now was sent: {why}, so what the receiver has is not known"
    hint = "if it has nothing of this machine: ccpush push --backfill 29d"
    return msgspec.structs.replace(result, remark=words, remark_hint=hint)
