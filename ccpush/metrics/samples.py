"""What leaves ccpush: families of samples, ready for the wire, whatever the wire is.

The pull endpoint, the Pushgateway and remote-write all send these same values. Labels here are the
metric's own and the identity's (``user`` and the external labels); ``job`` and ``instance`` belong
to the path and are added there, so that the three paths never share a label set.
"""

from __future__ import annotations

from typing import Literal

import msgspec

MetricType = Literal["gauge", "counter", "histogram"]
# grid: the value as of the newest grid step, at that step's timestamp; never changes afterwards.
# now: the value of this moment, at this moment's millisecond.
Timing = Literal["grid", "now"]
Labels = tuple[tuple[str, str], ...]


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
