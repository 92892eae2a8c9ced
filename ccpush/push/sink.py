"""What every sink is: takes an offer, delivers what is due, and says exactly what became of it.

A sink never raises for what a receiver does; it answers with a :class:`PushResult`. What it has to
remember it keeps in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

import msgspec

from ccpush.metrics.evaluate import Identity
from ccpush.metrics.samples import Family

SinkKind = Literal["remote_write", "pushgateway"]
# delivered: the receiver has it.  retry: keep the cursor, try again.  rejected: refused for good.
# stopped: nothing is sent until a person has changed a setting.
Outcome = Literal["delivered", "retry", "rejected", "stopped"]


def _quiet(_: int, __: int) -> None:
    """Show no progress."""


class Offer(msgspec.Struct, frozen=True):
    """What there is at the end of a complete pass; what of it is due, the sink knows.

    ``current`` is everything as of ``now_s``. ``collected_at_s`` is the monotonic moment at which
    the pass began: what happened until then is in the ledger. A sink ends by ``until_s`` (monotonic
    too) and goes on at the next offer. ``patience_s`` is how long a network that is not there yet
    may take, after waking. ``moved``: the ledger is another machine's and nobody has said what this
    one is called. ``backfill_s``: the user's word that the receiver is empty, and how far back to
    begin. ``progress`` is told (samples delivered, samples due) as they are.
    """

    current: tuple[Family, ...]
    identity: Identity
    now_s: float
    collected_at_s: float
    until_s: float
    patience_s: float = 0.0
    moved: bool = False
    backfill_s: float | None = None
    progress: Callable[[int, int], None] = _quiet

    @property
    def instance(self) -> str:
        """The identity's instance."""
        return self.identity.instance


class PushResult(msgspec.Struct, frozen=True):
    """What became of one offer; the counts are samples.

    ``error`` and ``hint`` are sentences for a person, with the receiver's own words in them.
    ``skew_s`` is our clock minus the receiver's ``Date``, None when it sent none. ``through_s`` is
    the newest moment whose values the receiver has, None where that cannot be said.
    """

    outcome: Outcome
    sent: int = 0
    retried: int = 0
    rejected: Mapping[str, int] = msgspec.field(default_factory=dict)
    status: int | None = None
    error: str | None = None
    hint: str | None = None
    retry_after_s: float | None = None
    skew_s: float | None = None
    through_s: float | None = None
    # what a person should know although delivery goes on
    remark: str | None = None
    remark_hint: str | None = None
    # whether the sink has counted these samples in the ledger itself
    counted: bool = False


class Sink(Protocol):
    """A destination. ``name`` is unique among the configured sinks and safe to print."""

    name: str
    kind: SinkKind

    def push(self, offer: Offer) -> PushResult:
        """Deliver what is due; ends soon after the offer's ``until_s``, or after ``abort``."""
        ...

    def abort(self) -> None:
        """Make a push under way in another thread end at once; called from any thread."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
