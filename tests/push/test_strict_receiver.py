"""The strict receiver notices every rule that one request can break, of either version."""

from __future__ import annotations

import struct

import pytest
import snappy
from hand_made import MAKE, X, request_v1, request_v2, write
from plain_http import send
from strict import StrictReceiver, strict_receiver
from strict_rules import HEADERS

from ccpush.push.remote_write.proto import remote_write_v2_pb2 as v2

Y = [("__name__", "y")]
GOOD_V1 = request_v1((X, [(1, 1.0), (2, 0.0)]), (Y, [(1, 1.0)]), types={"x": 2})
GOOD_V2 = request_v2((X, [(1, 1.0), (2, 0.0)]), (Y, [(1, 1.0)]), kind=2)
GOOD = {1: GOOD_V1, 2: GOOD_V2}
NOW_S = 1000.0


def _faults(raw: bytes, version: int = 1, **headers: str | None) -> list[str]:
    return _compressed_faults(snappy.compress(raw), version, "POST", **headers)


def _compressed_faults(
    body: bytes, version: int = 1, method: str = "POST", **changed: str | None
) -> list[str]:
    """What the receiver tells at the end of the block."""
    headers = {"user-agent": "test/1", **HEADERS[version], **changed}
    given = {name: value for name, value in headers.items() if value is not None}
    noticed: list[StrictReceiver] = []
    try:
        with strict_receiver(now=lambda: NOW_S) as receiver:
            noticed.append(receiver)
            send(receiver.url, body, given, method)
    except AssertionError:
        return noticed[0].check()
    assert noticed[0].check() == []
    return []


def _nan(bits: int) -> float:
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])


@pytest.mark.parametrize("version", [1, 2])
def test_a_correct_request_breaks_nothing(version: int) -> None:
    """Two series with samples in order and metadata are fine, and so is a stale end."""
    assert _faults(GOOD[version], version) == []
    with strict_receiver() as receiver:
        assert write(receiver.url, GOOD[version], version).status == 204
        ending = MAKE[version](
            (Y, [(2, _nan(0x7FF0000000000002))]), (X, [(3, _nan(0x7FF8000000000001))])
        )
        assert write(receiver.url, ending, version).status == 204

    assert receiver.batch_sizes == [3, 2]
    assert set(receiver.metadata) >= {"x"}


BROKEN_SERIES = [
    ((X[::-1], [(1, 1.0)]), "not sorted"),
    (([*X, ("job", "j")], [(1, 1.0)]), "name twice"),
    (([("job", "j")], [(1, 1.0)]), "metric name"),
    (([("__name__", "a-b")], [(1, 1.0)]), "metric name"),
    (([("__name__", "x"), ("a-b", "1")], [(1, 1.0)]), "label name"),
    (([("", "1"), ("__name__", "x")], [(1, 1.0)]), "label name"),
    (([("__name__", "x"), ("__y", "1")], [(1, 1.0)]), "reserved"),
    (([("__name__", "x"), ("job", "")], [(1, 1.0)]), "without value"),
    ((X, []), "without samples"),
    ((X, [(2, 1.0), (1, 1.0)]), "1 after 2"),
    ((X, [(1, 1.0), (1, 1.0)]), "1 twice in one request"),
    ((X, [(1, 1.0), (1, 2.0)]), "two values at 1"),
    ((X, [(1, 0.0), (1, -0.0)]), "two values at 1"),
    ((X, [(1, _nan(0x7FF8000000000000))]), "unusual NaN"),
    ((X, [(1, _nan(0x7FF0000000000001))]), "unusual NaN"),
    ((X, [(1, _nan(0x7FF0000000000002))]), "without ever having begun"),
    ((X, [(1_001_001, 1.0)]), "in the future"),
]


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(("series", "words"), BROKEN_SERIES)
def test_a_broken_series_is_noticed(series: object, words: str, version: int) -> None:
    """Each rule about labels and samples has its fault, in both versions."""
    faults = _faults(MAKE[version](series), version)

    assert any(words in fault for fault in faults), faults


def test_a_sample_may_be_a_second_ahead() -> None:
    """The receiver's clock is not more exact than that."""
    assert _faults(request_v1((X, [(1_001_000, 1.0)]))) == []


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (request_v1((X, [(1, 1.0)]), (X, [(2, 1.0)])), "series twice"),
        (request_v1((X, [(1, 1.0)]), types={"x": 9}), "unknown type 9"),
        (GOOD_V2, "field 4"),
        (b"\x12\x00", "field 2"),
        (b"\x0a\x02\x1a\x00", "field 3"),
        (b"\x0a\x10", "cut off"),
        (b"\x0a" + b"\xff" * 11, "too long"),
        (b"\x08\x01", "a number where"),
        (b"\x0a\x06\x0a\x04\x0a\x02\xff\xfe", "utf-8"),
        (b"\x0b\x00", "wire type 3"),
    ],
)
def test_a_broken_1_0_message_is_noticed(raw: bytes, words: str) -> None:
    """What is wrong with the message rather than with a series of it."""
    faults = _faults(raw)

    assert any(words in fault for fault in faults), faults


def _v2(symbols: list[str], refs: list[int], **metadata: int) -> bytes:
    request = v2.Request(symbols=symbols)
    request.timeseries.add(
        labels_refs=refs,
        samples=[v2.Sample(value=1.0, timestamp=1)],
        metadata=v2.Metadata(**metadata),  # type: ignore[arg-type]
    )
    return request.SerializeToString()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (_v2(["__name__", "x"], [0, 1]), "first symbol"),
        (b"", "first symbol"),
        (_v2(["", "__name__", "x", "x"], [1, 2]), "symbols twice: ['x']"),
        (_v2(["", "__name__", "x"], [1, 3]), "reference 3 beyond 3"),
        (_v2(["", "__name__", "x"], [1, 2, 1]), "odd number"),
        (_v2(["", "__name__", "x"], [1, 2], help_ref=7), "reference 7"),
        (_v2(["", "__name__", "x"], [1, 2], unit_ref=8), "reference 8"),
        (_v2(["", "__name__", "x"], [1, 2], type=8), "unknown type 8"),
        (_v2(["", "__name__", "x"], [1, 0]), "metric name"),
        (request_v2((X, [(5, 1.0)]), start_ms=6), "starts at 6, after its sample at 5"),
        (request_v2((X, [(2, 1.0)]), (X, [(1, 1.0)])), "1 after 2"),
        (GOOD_V1, "field 1 in Request"),
        (b"\x22\x00\x2a\x02\x30\x01", "field 6 in TimeSeries"),
        (b"\x22\x00\x2a\x02\x1a\x00", "field 3 in TimeSeries"),
    ],
)
def test_a_broken_2_0_message_is_noticed(raw: bytes, words: str) -> None:
    """Each rule about symbols, references, metadata and starts has its fault."""
    faults = _faults(raw, 2)

    assert any(words in fault for fault in faults), faults


def test_2_0_lets_a_series_come_twice() -> None:
    """In order of time it may be split, with other metadata or starts; 1.0 knows no reason for it."""
    assert _faults(request_v2((X, [(1, 1.0)]), (X, [(2, 1.0)])), 2) == []


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("header", [*HEADERS[1], "user-agent"])
def test_a_missing_header_is_noticed(header: str, version: int) -> None:
    """Each prescribed header must be there."""
    faults = _faults(GOOD[version], version, **{header: None})

    assert any(header in fault.lower() for fault in faults), faults


@pytest.mark.parametrize(
    ("version", "header", "value"),
    [
        (1, "content-encoding", "gzip"),
        (1, "content-type", "application/x-protobuf;proto=prometheus.WriteRequest"),
        (1, "x-prometheus-remote-write-version", "2.0.0"),
        (2, "content-type", "application/x-protobuf; proto=io.prometheus.write.v2.Request"),
        (2, "x-prometheus-remote-write-version", "0.1.0"),
    ],
)
def test_a_wrong_header_is_noticed(version: int, header: str, value: str) -> None:
    """Each must be exactly what its version prescribes."""
    assert _faults(GOOD[version], version, **{header: value}) == [f"header {header}: {value}"]


def test_a_header_that_comes_twice_is_noticed() -> None:
    """A configured header must not stand beside a prescribed one."""
    twice = {"Content-encoding": "snappy"}

    assert _faults(GOOD_V1, 1, **twice) == ["header content-encoding twice"]


def test_other_methods_other_places_and_other_formats_are_noticed() -> None:
    """Only POST, only where it was sent to, and only snappy's block format."""
    framed = snappy.StreamCompressor().add_chunk(GOOD_V1)

    assert _compressed_faults(snappy.compress(GOOD_V1), method="PUT") == ["method PUT"]
    assert ["framed" in fault for fault in _compressed_faults(framed)] == [True]
    assert ["not snappy" in fault for fault in _compressed_faults(GOOD_V1)] == [True]
    with pytest.raises(AssertionError), strict_receiver() as receiver:
        assert send(receiver.server.url + "/api/v1/push", b"").status == 404


def test_what_was_noticed_is_told_when_the_test_fails_for_another_reason() -> None:
    """A broken rule is often why; it goes with the failure as a note."""
    with pytest.raises(ZeroDivisionError) as failure, strict_receiver() as receiver:
        assert send(receiver.url, snappy.compress(GOOD_V1), method="PUT").status / 0

    assert "method PUT" in failure.value.__notes__[0]
