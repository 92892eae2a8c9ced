"""Offers for tests of the sinks."""

from __future__ import annotations

import time

from ccpush.metrics.evaluate import Identity
from ccpush.metrics.samples import Family, MetricType, Sample, Timing
from ccpush.push.sink import Offer

NOW_S = 1_793_534_412.345


def sample(name: str, value: float, **labels: str) -> Sample:
    """A sample with its labels in order."""
    return Sample(name, tuple(sorted(labels.items())), value)


def family(
    name: str,
    *samples: Sample,
    type: MetricType = "gauge",  # noqa: A002
    timing: Timing = "now",
    unit: str = "",
) -> Family:
    """A family with a help text."""
    return Family(name, type, f"Help of {name}.", unit, timing, samples)


def offer(*families: Family, instance: str = "laptop", now_s: float = NOW_S) -> Offer:
    """An offer of these families; half a minute's time to take it."""
    begun_s = time.monotonic()
    identity = Identity("0123456789abcdef", instance)
    return Offer(families, identity, now_s, begun_s, begun_s + 30.0)


def numbered(count: int, timing: Timing = "now") -> Family:
    """One gauge with ``count`` series, whose values are their numbers."""
    samples = (sample("numbered", float(number), n=f"{number:05}") for number in range(count))
    return family("numbered", *samples, timing=timing)


def histogram() -> Family:
    """A histogram of three events."""
    return family(
        "turn_seconds",
        sample("turn_seconds_bucket", 1.0, le="5.0"),
        sample("turn_seconds_bucket", 3.0, le="+Inf"),
        sample("turn_seconds_sum", 42.5),
        sample("turn_seconds_count", 3.0),
        type="histogram",
        timing="grid",
        unit="seconds",
    )
