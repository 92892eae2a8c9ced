"""Which samples does an offer hold? Each with its complete label set, in the order of sending.

What the remote-write specification 1.0 forbids a sender is sorted out here and counted, so that
the encoder may take every point as it is. Values are never changed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from ccpush.metrics.samples import Labels, Sample
from ccpush.push.sink import Offer

NAME_LABEL = "__name__"
_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
# "__" at the beginning is the receiver's own.
_LABEL_NAME = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")

INVALID_NAME = "invalid_name"
DUPLICATE_SERIES = "duplicate_series"


class Point(msgspec.Struct, frozen=True):
    """One value of one series: labels sorted by name, ``__name__`` among them, none empty."""

    labels: Labels
    ts_ms: int
    value: float


class Due(msgspec.Struct, frozen=True):
    """The points of an offer, oldest first, and how many samples are not sent, by reason.

    ``example`` is the name of one metric that was left out, for the message about it.
    """

    points: tuple[Point, ...]
    refused: Mapping[str, int]
    example: str | None


def due(offer: Offer, common: Mapping[str, str]) -> Due:
    """What an offer asks to send; ``common`` labels win over a sample's own of the same name.

    A series that occurs twice is not sent at all: which of its values is right is not known, and
    a receiver would take either without a word.
    """
    refused: Counter[str] = Counter()
    example: str | None = None
    points: list[Point] = []
    for sample, ts_ms in _timed(offer):
        labels = _labels(sample, common)
        if labels is None:
            refused[INVALID_NAME] += 1
            example = example or sample.name
        else:
            points.append(Point(labels, ts_ms, sample.value))
    times_seen = Counter(point.labels for point in points)
    if len(times_seen) < len(points):
        twice = [point for point in points if times_seen[point.labels] > 1]
        refused[DUPLICATE_SERIES] = len(twice)
        example = example or dict(twice[0].labels)[NAME_LABEL]
        points = [point for point in points if times_seen[point.labels] == 1]
    # One series must be sent in time order; sorting all also lets a receiver know that everything
    # up to the last accepted batch is in.
    points.sort(key=lambda point: point.ts_ms)
    return Due(tuple(points), refused, example)


def batches(points: Sequence[Point], max_samples: int) -> Iterator[Sequence[Point]]:
    """The points in runs of at most ``max_samples``, in their order."""
    for start in range(0, len(points), max_samples):
        yield points[start : start + max_samples]


def _timed(offer: Offer) -> Iterator[tuple[Sample, int]]:
    for family in offer.families:
        ts_ms = offer.grid_ts_ms if family.timing == "grid" else offer.now_ts_ms
        for sample in family.samples:
            yield sample, ts_ms


def _labels(sample: Sample, common: Mapping[str, str]) -> Labels | None:
    if not _METRIC_NAME.fullmatch(sample.name):
        return None
    merged = {**dict(sample.labels), **common}
    if not all(map(_LABEL_NAME.fullmatch, merged)):
        return None
    merged[NAME_LABEL] = sample.name
    # An empty value means that there is no such label, and must not be sent.
    return tuple(sorted((name, _encodable(value)) for name, value in merged.items() if value))


def _encodable(value: str) -> str:
    # A lone surrogate (an undecodable login name, say) has no UTF-8.
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
