"""How does this ledger go on at this receiver? Settled before anything is sent.

A ledger can be new, copied, restored or another machine's; a receiver may have more than the ledger
remembers. Then the receiver is asked, and every counter goes on where it stood. Where nobody can be
asked nothing is sent of the time before, because a second copy of it would count twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping
from typing import Final

import msgspec

from ccpush.ledger import cursors as kept
from ccpush.ledger.cursors import Cursor
from ccpush.ledger.history import beginning
from ccpush.ledger.sinks import SinkState, note
from ccpush.ledger.store import file_number, transaction
from ccpush.metrics.catalogue import GRID, IDENTITY_INFO, OFFERED_THROUGH, frozen_families
from ccpush.metrics.grid import STEPS_PER_DAY, ts_ms
from ccpush.metrics.history import Span, Walk
from ccpush.metrics.samples import Labels
from ccpush.push.remote_write.history_query import Unanswered, selector
from ccpush.push.remote_write.naming import NAME_LABEL, Naming
from ccpush.push.remote_write.past import is_left_out
from ccpush.push.remote_write.shifts import metrics_of, shifts_to_go_on, shifts_to_restart
from ccpush.push.sink import Offer

# Receivers are asked whenever more than this is to be made up.
LAG_ASKED_STEPS: Final = 5
ASKED_AGAIN_S: Final = 60.0
# How far back a receiver is asked when the ledger does not know where to look.
WHOLE_RANGE: Final = "366d"
# After so many failures a receiver whose query API is ill is trusted to be as the ledger says, and
# one that answers with pages is believed to have no such API.
PATIENCE_FAILURES: Final = 3

Ask = Callable[[str, float], dict[Labels, float]]


class Held(Exception):  # noqa: N818
    """Nothing can be sent now; ``stopped`` until a person has changed something."""

    def __init__(
        self, words: str, *, stopped: bool, hint: str | None = None, after_s: float | None = None
    ) -> None:
        super().__init__(words)
        self.stopped = stopped
        self.hint = hint
        self.after_s = after_s


class Place(msgspec.Struct, frozen=True):
    """Where a push stands: ``step`` is the newest one to offer, by the receiver's clock.

    ``reach_steps`` is how far back samples may lie, ``witnessed`` the newest step that was ever
    offered to this receiver as told from outside the ledger, -1 when nothing tells.
    """

    step: int
    reach_steps: int
    witnessed: int


class Continuity:
    """Settles one sink."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        state: SinkState,
        offer: Offer,
        naming: Naming,
        place: Place,
    ) -> None:
        self._connection = connection
        self._state = state
        self._offer = offer
        self._naming = naming
        self._step = place.step
        self._reach_steps = place.reach_steps
        self._witnessed = place.witnessed
        self._sink = state.name
        # why the time before is not sent, when that was settled just now
        self.past_left_out: str | None = None
        # whether that time is to be sent now, because the user says that nothing of it is there
        self.brings_past = False
        # A copy of a ledger, put back or carried elsewhere, may not know what was sent since.
        number = file_number(connection)
        self._who = f"{offer.identity.id} {offer.identity.instance} {number}"

    def settle(self, ask: Ask, server_s: float) -> None:
        """Place the sink's cursors and shifts so that sending can go on; raises Held."""
        if self._offer.backfill_s is not None:
            self.brings_past = is_left_out(self._connection, self._state, self._who)
            if not self.brings_past:
                self._begin(min(int(self._offer.backfill_s) // 60, self._reach_steps))
                return
        cursors = kept.read_cursors(self._connection, self._sink)
        known = bool(cursors) and self._state.settled_as == self._who
        offered = max((cursor.tried for cursor in cursors.values()), default=-1)
        behind = self._witnessed > offered
        lag = self._step - min((c.through for c in cursors.values()), default=-1)
        if known and not behind and lag <= LAG_ASKED_STEPS:
            return
        reach = f"{lag + STEPS_PER_DAY}m" if known and not behind else WHOLE_RANGE
        try:
            through = self._through(ask, server_s, reach)
            if through > offered:
                self._go_on(ask, through)
        except Unanswered as error:
            self._unanswered(error, trusted=known and not behind)
            return
        if through <= offered or through < 0:
            self._as_the_ledger_says(new=not cursors)

    def _as_the_ledger_says(self, *, new: bool) -> None:
        """Nothing is there that the ledger does not know of."""
        if new:
            self._begin(self._reach_steps)
        elif self._state.settled_as != self._who:
            self._note(settled_as=self._who, asked=None)

    def _through(self, ask: Ask, server_s: float, reach: str) -> int:
        """Return the newest step that the receiver has of this identity, -1 for nothing."""
        offered, identity = self._labels(OFFERED_THROUGH), self._labels(IDENTITY_INFO)
        ids = ask(f"last_over_time({selector(identity)}[{reach}])", server_s)
        others = {dict(labels).get("id") for labels in ids} - {self._offer.identity.id, None}
        if others:
            raise Held(
                f"another machine sends as instance {self._offer.identity.instance!r}"
                f" (its id is {', '.join(sorted(map(str, others)))})",
                stopped=True,
                hint="give this one a name of its own: instance: in ccpush.yml",
            )
        found = ask(f"last_over_time({selector(offered)}[{reach}])", server_s)
        return max((int(value) // 60 for value in found.values()), default=-1)

    def _go_on(self, ask: Ask, through: int) -> None:
        """Take over what the receiver has, after it has said the same twice."""
        now_s = self._offer.now_s
        asked = msgspec.json.decode(self._state.asked or "null", type=_Asked | None)
        if asked is None or asked.through != through or asked.at_s > now_s:
            self._note(asked=msgspec.json.encode(_Asked(through, now_s)).decode())
            raise _again(ASKED_AGAIN_S)
        if now_s - asked.at_s < ASKED_AGAIN_S:
            raise _again(ASKED_AGAIN_S - (now_s - asked.at_s))
        labels = {k: v for k, v in self._labels(OFFERED_THROUGH).items() if k != NAME_LABEL}
        there = ask(selector(labels), ts_ms(through) / 1000)
        shifts = shifts_to_go_on(self._walk(through), self._naming, there, self._offer.identity)
        self._place(None, through, shifts, new=self._never_had(ask, through, there))

    def _never_had(self, ask: Ask, through: int, there: Mapping[Labels, float]) -> set[str]:
        """Return the metrics of which the receiver has nothing: an upgrade came meanwhile."""
        labels = {k: v for k, v in self._labels(OFFERED_THROUGH).items() if k != NAME_LABEL}
        reach = f"{self._reach_steps + STEPS_PER_DAY}m"
        try:
            ever = ask(f"last_over_time({selector(labels)}[{reach}])", ts_ms(through) / 1000)
        except Unanswered:
            # it was asked for much at once; a past that it may have must not be sent again
            return set()
        standing = self._walk(self._step).standing()
        sent = {one.name for one, _, final, _ in standing if self._naming.final(final)}
        return sent - metrics_of((*there, *ever), self._naming, self._offer.identity)

    def _unanswered(self, error: Unanswered, *, trusted: bool) -> None:
        patient = self._state.failures < PATIENCE_FAILURES
        if (error.later and (patient or not trusted)) or (error.elsewhere and patient):
            raise Held(str(error), stopped=False, hint=error.hint) from error
        if trusted:
            return
        if self._offer.moved:
            raise Held(
                "this ledger was made on another machine, and the receiver cannot be asked whether"
                f" that one still sends as instance {self._offer.identity.instance!r}",
                stopped=True,
                hint="set instance: in ccpush.yml to a name that only this machine has",
            ) from error
        shifts = shifts_to_restart(self._walk(self._step))
        self._place(self._step + 1, self._step, shifts, unknown_past=True)
        self.past_left_out = str(error)

    def _begin(self, reach_steps: int) -> None:
        """Begin anew: zeros at the first step, and everything after it."""
        begin = beginning(self._connection, self._step, reach_steps)
        self._place(begin, begin - 1, {})

    def _place(
        self,
        begin: int | None,
        through: int,
        shifts: Mapping[kept.ShiftKey, float],
        *,
        unknown_past: bool = False,
        new: Collection[str] = (),
    ) -> None:
        connection, sink = self._connection, self._sink
        # what has no cursor begins with its past
        placed = [Cursor(m.name, begin, through, through) for m in GRID if m.name not in new]
        with transaction(connection, durable=True):
            kept.forget_history(connection, sink)
            kept.freeze_within(connection, frozen_families(), through)
            kept.place(connection, sink, placed)
            kept.replace_shifts(connection, sink, shifts)
            note(
                connection, sink, self._state.kind,
                settled_as=self._who, unknown_past=unknown_past, asked=None,
            )  # fmt: skip

    def _note(self, **found: str | None) -> None:
        with transaction(self._connection):
            note(self._connection, self._sink, self._state.kind, **found)

    def _walk(self, step: int) -> Walk:
        return Walk(self._connection, Span(GRID, step, step, None), self._offer.identity)

    def _labels(self, name: str) -> dict[str, str]:
        """Return the final labels by which all of this identity's series of a metric are found."""
        walk = self._walk(self._step)
        found = dict(self._naming.final(walk.labels_of(name)) or ())
        if not found:
            raise Unanswered(f"write_relabel_configs drops {name}", later=False)
        keys = [key for key in (NAME_LABEL, "job", "instance") if key in found]
        return {key: found[key] for key in keys} if len(keys) > 2 else found


class _Asked(msgspec.Struct):
    through: int
    at_s: float


def _again(after_s: float) -> Held:
    return Held(
        "the receiver has more of this instance than the ledger remembers; it is asked again"
        " before counters go on from there",
        stopped=False,
        hint="nothing is to be done: the next run goes on",
        after_s=after_s,
    )
