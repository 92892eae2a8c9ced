"""What every sink is: takes an offer, tries once, and says exactly what became of it.

A sink never raises for what a receiver does; it answers with a :class:`PushResult`. It keeps no
state of its own: cursors, counts and last errors are kept in the ledger by whoever called it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

from ccpush.metrics.samples import Family

SinkKind = Literal["remote_write", "pushgateway"]
# delivered: the receiver has it.  retry: keep the cursor, try again.  rejected: refused for good.
Outcome = Literal["delivered", "retry", "rejected"]


class Offer(msgspec.Struct, frozen=True):
    """What is due now, with the two timestamps that its samples bear (milliseconds since 1970).

    ``families`` with timing ``grid`` hold the values of the grid step at ``grid_ts_ms``, those with
    ``now`` the values at ``now_ts_ms``. ``current`` is everything as of now, for sinks that take no
    timestamps. ``instance`` is the identity's.
    """

    families: tuple[Family, ...]
    current: tuple[Family, ...]
    instance: str
    grid_ts_ms: int
    now_ts_ms: int


class PushResult(msgspec.Struct, frozen=True):
    """What became of one offer; the counts are samples.

    ``error`` and ``hint`` are sentences for a person, with the receiver's own words in them.
    ``skew_s`` is our clock minus the receiver's ``Date``, None when it sent none.
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


class Sink(Protocol):
    """A destination. ``name`` is unique among the configured sinks and safe to print."""

    name: str
    kind: SinkKind

    def push(self, offer: Offer) -> PushResult:
        """Send what is due, once; blocks at most for the sink's timeout."""
        ...

    def abort(self) -> None:
        """Make a push under way in another thread end at once; called from any thread."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
