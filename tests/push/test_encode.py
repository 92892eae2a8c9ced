"""From batches to bytes: exactly those that protobuf itself makes of the same messages."""

from __future__ import annotations

import math
import struct
import subprocess
import sys
from itertools import pairwise

import pytest
import snappy
from hypothesis import example, given
from hypothesis import strategies as st
from push_offers import family, histogram, sample
from strict_wire import decode, decode_v2

from ccpush.metrics.history import Run, Stretch
from ccpush.metrics.samples import Described, Family, Labels, MetricType
from ccpush.push.remote_write.batch import STALE_NAN_BITS, Batch, of_now
from ccpush.push.remote_write.encode import EncoderV1, EncoderV2
from ccpush.push.remote_write.proto import remote_write_v1_pb2 as v1
from ccpush.push.remote_write.proto import remote_write_v2_pb2 as v2
from ccpush.push.remote_write.wire import double, varint

ORDINARY_NAN_BITS = 0x7FF8000000000001
TYPES: dict[MetricType, int] = {"untyped": 0, "counter": 1, "gauge": 2, "histogram": 3}

Point = tuple[int, int, int]


def _bits(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def _value(bits: int) -> float:
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])


def _sent_bits(value: float) -> int:
    """What a value's bits must be on the wire."""
    if not math.isnan(value):
        return _bits(value)
    return STALE_NAN_BITS if _bits(value) == STALE_NAN_BITS else ORDINARY_NAN_BITS


_names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_labels = st.dictionaries(_names, _texts.filter(bool), max_size=5).map(
    lambda found: tuple(sorted((found | {"__name__": "m"}).items()))
)
_values = st.integers(0, 2**64 - 1).map(_value) | st.sampled_from(
    [0.0, -0.0, 5e-324, math.inf, -math.inf, math.nan, _value(STALE_NAN_BITS)]
)
# Now, at the borders of what a varint of so many bytes holds, and anything.
_times = (
    st.integers(1_600_000_000_000, 1_900_000_000_000)
    | st.sampled_from([edge for bits in range(7, 63, 7) for edge in (2**bits - 1, 2**bits)])
    | st.integers(-(2**63), 2**63 - 1)
)
_metrics = st.builds(
    Family,
    _names,
    st.sampled_from(["counter", "gauge", "histogram"]),
    _texts,
    st.sampled_from(["", "seconds"]),
    st.just("grid"),
    st.just(()),
)


@st.composite
def _batches(draw: st.DrawFn) -> Batch:
    times = sorted(draw(st.sets(_times, min_size=1, max_size=12)))
    metrics = draw(st.lists(_metrics, min_size=1, max_size=3, unique_by=lambda one: one.name))
    runs = []
    for labels in draw(st.lists(_labels, max_size=4, unique=True)):
        bounds = sorted(draw(st.sets(st.integers(0, len(times)), min_size=2, max_size=6)))
        stretches = [Stretch(first, end - 1, draw(_values)) for first, end in pairwise(bounds)]
        start_ms = draw(st.sampled_from([0, times[bounds[0]], times[0]]))
        # A series begins at its first sample, or before it.
        start_ms = start_ms if start_ms <= times[bounds[0]] else 0
        runs.append(Run(labels, draw(st.sampled_from(metrics)), stretches, start_ms))
    return Batch(tuple(times), tuple(runs))


def _points(batch: Batch, run: Run) -> list[Point]:
    """Timestamp, bits on the wire and start of every sample of a run."""
    start_ms = run.start_ms if run.metric.type != "gauge" else 0
    return [
        (
            batch.timestamps_ms[at],
            _sent_bits(stretch.value),
            start_ms if batch.timestamps_ms[at] != start_ms else 0,
        )
        for stretch in run.stretches
        for at in range(stretch.first, stretch.last + 1)
    ]


def _message_v1(batch: Batch, metadata: list[Family]) -> v1.WriteRequest:
    """The message as the generated code has it."""
    message = v1.WriteRequest()
    for run in batch.runs:
        series = message.timeseries.add()
        for name, value in run.labels:
            series.labels.add(name=name, value=value)
        for ts_ms, bits, _ in _points(batch, run):
            series.samples.add(timestamp=ts_ms, value=_value(bits))
    for one in metadata:
        message.metadata.add(
            type=TYPES[one.type], metric_family_name=one.name, help=one.help, unit=one.unit
        )
    return message


@given(_batches(), st.lists(_metrics, max_size=3))
@example(Batch((), ()), [])
def test_1_0_is_byte_for_byte_what_protobuf_makes(batch: Batch, metadata: list[Family]) -> None:
    """Any labels, any timestamps, the very bits of any values, with and without metadata."""
    raw = snappy.decompress(EncoderV1().encode(batch, metadata))

    # Protobuf leaves a zero out, which we need not: what it reads must be equal to the byte.
    assert v1.WriteRequest.FromString(raw).SerializeToString() == (
        _message_v1(batch, metadata).SerializeToString()
    )
    assert [
        (entry.labels, [(point.ts_ms, point.bits) for point in entry.points])
        for entry in decode(raw).entries
    ] == [(run.labels, [point[:2] for point in _points(batch, run)]) for run in batch.runs]


@given(_batches())
@example(Batch((), ()))
def test_2_0_is_what_protobuf_reads_and_makes(batch: Batch) -> None:
    """Symbols, metadata and start timestamps too; and the generated code makes the same of it."""
    raw = snappy.decompress(EncoderV2().encode(batch))
    message = v2.Request.FromString(raw)
    symbols = list(message.symbols)

    assert symbols[0] == ""
    assert len(symbols) == len(set(symbols))
    found = []
    for series in message.timeseries:
        texts = [symbols[ref] for ref in series.labels_refs]
        points = [(s.timestamp, _bits(s.value), s.start_timestamp) for s in series.samples]
        meta = series.metadata
        told = (meta.type, symbols[meta.help_ref], symbols[meta.unit_ref])
        found.append((tuple(zip(texts[::2], texts[1::2], strict=True)), points, told))
    assert found == [
        (
            run.labels,
            _points(batch, run),
            (TYPES[run.metric.type], run.metric.help, run.metric.unit),
        )
        for run in batch.runs
    ]
    # Fields that the generated code does not know would come back too, and be more bytes.
    message.DiscardUnknownFields()
    assert message.SerializeToString() == v2.Request.FromString(raw).SerializeToString()
    assert [
        (entry.labels, [tuple(point) for point in entry.points]) for entry in decode_v2(raw).entries
    ] == [
        (labels, [(ts_ms, bits, start) for ts_ms, bits, start in points])
        for labels, points, _ in found
    ]


def test_a_start_goes_with_every_sample_but_the_zero_that_lies_on_it() -> None:
    """A counter says since when it counts; the sample at that very moment has no time to have."""
    counter = family("x_total", type="counter")
    labels: Labels = (("__name__", "x_total"),)
    run = Run(labels, counter, [Stretch(0, 1, 0.0), Stretch(2, 3, 5.0)], start_ms=60_000)
    gauge = Run((("__name__", "y"),), family("y"), [Stretch(0, 1, 7.0)], start_ms=60_000)
    batch = Batch((60_000, 120_000, 180_000, 240_000), (run, gauge))
    message = decode_v2(snappy.decompress(EncoderV2().encode(batch)))

    assert [[point.start_ms for point in entry.points] for entry in message.entries] == [
        [0, 60_000, 60_000, 60_000],
        [0, 0],
    ]


def test_2_0_says_each_text_once() -> None:
    """Names, values and help texts of all series share one table."""
    many = family("m", *(sample("m", 1.0, model=f"model-{n}", user="jo") for n in range(50)))
    raw = snappy.decompress(EncoderV2().encode(of_now([many], 1)))

    assert raw.count(b"user") == raw.count(b"__name__") == raw.count(b"Help of m.") == 1
    assert len(v2.Request.FromString(raw).symbols) == 57


def test_an_encoder_may_be_used_again() -> None:
    """What an encoder remembers of one request changes nothing in the next."""
    encoder, other = EncoderV1(), EncoderV2()
    first = of_now([histogram()], 1)
    second = of_now([family("turn", sample("turn", 2.0)), histogram()], 2)
    encoder.encode(first)
    other.encode(first)

    assert encoder.encode(second) == EncoderV1().encode(second)
    assert other.encode(second) == EncoderV2().encode(second)


@pytest.mark.parametrize(
    ("bits", "sent"),
    [
        (_bits(math.nan), ORDINARY_NAN_BITS),
        (0xFFF8000000000000, ORDINARY_NAN_BITS),
        (0x7FF8000000000001, ORDINARY_NAN_BITS),
        (0x7FF0000000000001, ORDINARY_NAN_BITS),
        (STALE_NAN_BITS, STALE_NAN_BITS),
        (_bits(math.inf), _bits(math.inf)),
        (_bits(-0.0), _bits(-0.0)),
    ],
)
def test_only_a_stale_marker_is_sent_as_one(bits: int, sent: int) -> None:
    """Any NaN is sent as Prometheus's ordinary one; the marker keeps its bits, as all else does."""
    assert double(_value(bits)) == struct.pack("<Q", sent)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, b"\x00"),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (300, b"\xac\x02"),
        (2**63, b"\x80" * 9 + b"\x01"),
        (-1, b"\xff" * 9 + b"\x01"),
        (-(2**63), b"\x80" * 9 + b"\x01"),
    ],
)
def test_a_number_has_the_bytes_of_the_specification(number: int, expected: bytes) -> None:
    """Seven bits a byte, the lowest first; a negative number has all ten."""
    assert varint(number) == expected


def test_metadata_says_what_the_families_are() -> None:
    """Type, help and unit go with the family's exposed name, with the specification's numbers."""
    counter = family("tokens_total", sample("tokens_total", 1.0), type="counter", unit="tokens")
    families: list[Described] = [counter, family("live"), histogram()]
    raw = snappy.decompress(EncoderV1().encode(Batch((), ()), families))

    assert decode(raw).metadata == {
        "tokens_total": (1, "Help of tokens_total.", "tokens"),
        "live": (2, "Help of live.", ""),
        "turn_seconds": (3, "Help of turn_seconds.", "seconds"),
    }


@pytest.mark.parametrize("kind", TYPES)
def test_what_is_untyped_is_sent_as_of_unknown_type(kind: MetricType) -> None:
    """Every type that a metric can have has its number in both versions."""
    batch = of_now([family("m", sample("m", 1.0), type=kind)], 1)
    first = decode(snappy.decompress(EncoderV1().encode(batch, [batch.runs[0].metric])))
    second = decode_v2(snappy.decompress(EncoderV2().encode(batch)))

    assert first.metadata["m"][0] == second.metadata["m"][0] == TYPES[kind]


@pytest.mark.parametrize(("version", "message"), [("v1", "WriteRequest()"), ("v2", "Request()")])
def test_the_generated_code_loads_without_a_warning(version: str, message: str) -> None:
    """The messages load on the installed protobuf with warnings as errors."""
    module = f"ccpush.push.remote_write.proto.remote_write_{version}_pb2"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import {module} as pb; pb.{message}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
