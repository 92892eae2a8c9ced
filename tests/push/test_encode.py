"""From offers to points to bytes: nothing is lost, changed, doubled or out of order."""

from __future__ import annotations

import math
import struct
import subprocess
import sys

import pytest
import snappy
from hypothesis import given
from hypothesis import strategies as st
from push_offers import GRID_TS_MS, NOW_TS_MS, family, histogram, offer, sample
from receivers import decode

from ccpush.metrics.samples import Labels
from ccpush.push.remote_write.encode import STALE_NAN_BITS, encode
from ccpush.push.remote_write.proto import remote_write_v1_pb2 as pb
from ccpush.push.remote_write.series import Point, batches, due

COMMON = {"job": "ccpush", "instance": "laptop"}


def _bits(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def _value(bits: int) -> float:
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])


def test_labels_are_complete_sorted_and_without_empty_values() -> None:
    """A point bears name, job, instance and its own labels, by name; an empty one is left out."""
    only = family("claude_x", sample("claude_x", 7.0, user="jo", model="m", Team="", Zone="z"))
    (point,) = due(offer(only), COMMON).points

    assert point == Point(
        (
            ("Zone", "z"),
            ("__name__", "claude_x"),
            ("instance", "laptop"),
            ("job", "ccpush"),
            ("model", "m"),
            ("user", "jo"),
        ),
        NOW_TS_MS,
        7.0,
    )


def test_job_and_instance_are_the_paths_own() -> None:
    """A sample's own job or instance cannot replace ours, nor come twice."""
    only = family("x", sample("x", 1.0, job="other", instance="other"))
    (point,) = due(offer(only), COMMON).points

    assert dict(point.labels) == {"__name__": "x", **COMMON}


def test_each_timing_has_its_timestamp_and_the_older_goes_first() -> None:
    """Grid families bear the grid's time, the others now; points are in time order."""
    live = family("live", sample("live", 1.0))
    points = due(offer(live, histogram()), COMMON).points

    assert [point.ts_ms for point in points] == [GRID_TS_MS] * 4 + [NOW_TS_MS]


def test_a_series_that_occurs_twice_is_not_sent_but_counted() -> None:
    """Which of two values is right is not known: neither goes out, the others do."""
    first = family("x", sample("x", 1.0, a="1"), sample("x", 2.0, a="2"))
    second = family("x", sample("x", 3.0, a="1", b=""))
    asked = due(offer(first, second), COMMON)

    assert [point.value for point in asked.points] == [2.0]
    assert dict(asked.refused) == {"duplicate_series": 2}
    assert asked.example == "x"


@pytest.mark.parametrize(
    "wrong",
    [
        sample("9x", 1.0),
        sample("x-y", 1.0),
        sample("x\n", 1.0),
        sample("", 1.0),
        sample("ok", 1.0, **{"a-b": "1"}),
        sample("ok", 1.0, __reserved="1"),
        sample("ok", 1.0, **{"": "1"}),
        sample("ok", 1.0, **{"a\n": "1"}),
    ],
)
def test_names_that_the_specification_forbids_are_counted(wrong: object) -> None:
    """A metric or label name that no receiver must take is left out and told."""
    asked = due(offer(family("x", wrong, sample("fine", 2.0))), COMMON)  # type: ignore[arg-type]

    assert [point.value for point in asked.points] == [2.0]
    assert dict(asked.refused) == {"invalid_name": 1}


def test_a_lone_surrogate_does_not_cost_the_request() -> None:
    """What has no UTF-8 is replaced, so that the request can be encoded."""
    points = due(offer(family("x", sample("x", 1.0, user="a\udcffb"))), COMMON).points
    (series,) = decode(snappy.decompress(encode(points))).series

    assert dict(series[0])["user"] == "a?b"


@pytest.mark.parametrize(
    ("count", "size", "sizes"), [(0, 5, []), (5, 5, [5]), (6, 5, [5, 1]), (3, 1, [1, 1, 1])]
)
def test_batches_hold_all_points_in_order(count: int, size: int, sizes: list[int]) -> None:
    """No batch is larger than allowed, none empty, nothing lost."""
    points = [Point((("__name__", "x"),), ts_ms, 0.0) for ts_ms in range(count)]
    made = list(batches(points, size))

    assert [len(batch) for batch in made] == sizes
    assert [point for batch in made for point in batch] == points


_names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)
_values = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
_labels = st.dictionaries(_names, _values, max_size=5).map(
    lambda found: tuple(sorted((found | {"__name__": "m"}).items()))
)
_points = st.lists(
    st.builds(
        Point,
        _labels,
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False) | st.sampled_from([math.inf, -math.inf, -0.0, 5e-324]),
    ),
    max_size=30,
)


def _by_series(points: list[Point]) -> dict[Labels, list[tuple[int, int]]]:
    found: dict[Labels, list[tuple[int, int]]] = {}
    for point in points:
        found.setdefault(point.labels, []).append((point.ts_ms, _bits(point.value)))
    return found


@given(_points)
def test_the_bytes_decode_to_the_same_points(points: list[Point]) -> None:
    """Labels, timestamps and the very bits of values come back, by two independent decoders."""
    raw = snappy.decompress(encode(points))

    ours = {labels: [(ts, _bits(v)) for ts, v in found] for labels, found in decode(raw).series}
    assert ours == _by_series(points)

    message = pb.WriteRequest.FromString(raw)
    googles = {
        tuple((label.name, label.value) for label in series.labels): [
            (found.timestamp, _bits(found.value)) for found in series.samples
        ]
        for series in message.timeseries
    }
    assert googles == _by_series(points)


@pytest.mark.parametrize(
    ("bits", "sent"),
    [
        (_bits(math.nan), 0x7FF8000000000001),
        (0xFFF8000000000000, 0x7FF8000000000001),
        (0x7FF8000000000001, 0x7FF8000000000001),
        (STALE_NAN_BITS, STALE_NAN_BITS),
    ],
)
def test_only_a_stale_marker_is_sent_as_one(bits: int, sent: int) -> None:
    """Any NaN is sent as Prometheus's ordinary one; the marker keeps its bits."""
    raw = snappy.decompress(encode([Point((("__name__", "x"),), 1, _value(bits))]))

    assert struct.pack("<Q", sent) in raw
    assert [_bits(value) for _, points in decode(raw).series for _, value in points] == [sent]


def test_metadata_says_what_the_families_are() -> None:
    """Type, help and unit go with the family's exposed name, with the specification's numbers."""
    counter = family("tokens_total", sample("tokens_total", 1.0), type="counter", unit="tokens")
    raw = snappy.decompress(encode([], [counter, family("live"), histogram()]))

    assert decode(raw).metadata == {
        "tokens_total": (1, "Help of tokens_total.", "tokens"),
        "live": (2, "Help of live.", ""),
        "turn_seconds": (3, "Help of turn_seconds.", "seconds"),
    }


def test_the_generated_code_loads_without_a_warning() -> None:
    """The messages load on the installed protobuf with warnings as errors."""
    module = "ccpush.push.remote_write.proto.remote_write_v1_pb2"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import {module} as pb; pb.WriteRequest()"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
