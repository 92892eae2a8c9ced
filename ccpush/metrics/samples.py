"""What leaves ccpush: families of samples, ready for the wire, whatever the wire is.

The pull endpoint, the Pushgateway and remote-write all send these same values. Labels here are the
metric's own and the identity's (``user`` and the external labels); ``job`` and ``instance`` belong
to the path and are added there, so that the three paths never share a label set.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

# untyped: what relabelling has made of several types; the catalogue has none of it.
MetricType = Literal["gauge", "counter", "histogram", "untyped"]
# grid: the value as of a grid step, at that step's timestamp; it never changes afterwards.
# now: the value of this moment, at this moment's millisecond.
Timing = Literal["grid", "now"]
Labels = tuple[tuple[str, str], ...]


class Described(Protocol):
    """What a receiver is told of a metric, whatever its values."""

    @property
    def name(self) -> str:
        """The exposed name, without a histogram's suffixes."""
        ...

    @property
    def type(self) -> MetricType:
        """The type."""
        ...

    @property
    def help(self) -> str:
        """One sentence."""
        ...

    @property
    def unit(self) -> str:
        """The unit, empty when there is none."""
        ...


class Sample(msgspec.Struct, frozen=True):
    """One series and its value: ``name`` as exposed (``…_bucket``), labels sorted by name."""

    name: str
    labels: Labels
    value: float


class Family(msgspec.Struct, frozen=True):
    """All samples of one metric; ``name`` is the exposed name, without a histogram's suffixes."""

    name: str
    type: MetricType
    help: str
    unit: str
    timing: Timing
    samples: tuple[Sample, ...]
