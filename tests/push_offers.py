"""Offers for tests of the sinks."""

from __future__ import annotations

from ccpush.metrics.samples import Family, MetricType, Sample, Timing
from ccpush.push.sink import Offer

GRID_TS_MS = 1_793_534_400_000
NOW_TS_MS = GRID_TS_MS + 12_345


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


def offer(
    *families: Family,
    instance: str = "laptop",
    grid_ts_ms: int = GRID_TS_MS,
    now_ts_ms: int = NOW_TS_MS,
) -> Offer:
    """An offer of these families."""
    return Offer(families, families, instance, grid_ts_ms, now_ts_ms)


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
