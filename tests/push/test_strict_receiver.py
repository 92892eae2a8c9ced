"""The strict receiver notices what it is there to notice."""

from __future__ import annotations

import pytest
import snappy
from push_client import client
from receivers import strict_receiver

from ccpush.push.remote_write.encode import HEADERS
from ccpush.push.remote_write.proto import remote_write_v1_pb2 as pb

GOOD = [("__name__", "x"), ("job", "j")]


def _request(*series: tuple[list[tuple[str, str]], list[tuple[int, float]]]) -> bytes:
    request = pb.WriteRequest()
    for labels, points in series:
        one = request.timeseries.add()
        for name, value in labels:
            one.labels.add(name=name, value=value)
        for ts_ms, amount in points:
            one.samples.add(value=amount, timestamp=ts_ms)
    return request.SerializeToString()


def _faults(body: bytes, method: str = "POST", headers: dict[str, str] = HEADERS) -> list[str]:
    found: list[str] = []
    try:
        with strict_receiver() as receiver, client(receiver.url) as sender:
            sender.request(method, receiver.url, headers, body)
            found = receiver.broken
    except AssertionError:
        return found
    return []


def test_a_correct_request_breaks_nothing() -> None:
    """Two series with samples in order are fine."""
    other = [("__name__", "y")]

    assert (
        _faults(snappy.compress(_request((GOOD, [(1, 1.0), (2, 0.0)]), (other, [(1, 1.0)])))) == []
    )


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (_request((GOOD[::-1], [(1, 1.0)])), "not sorted"),
        (_request(([*GOOD, ("job", "j")], [(1, 1.0)])), "name twice"),
        (_request(([("job", "j")], [(1, 1.0)])), "metric name"),
        (_request(([("__name__", "a-b")], [(1, 1.0)])), "metric name"),
        (_request(([("__name__", "x"), ("a-b", "1")], [(1, 1.0)])), "label name"),
        (_request(([("__name__", "x"), ("job", "")], [(1, 1.0)])), "without value"),
        (_request((GOOD, [])), "without samples"),
        (_request((GOOD, [(1, 1.0)]), (GOOD, [(2, 1.0)])), "series twice"),
        (_request((GOOD, [(2, 1.0), (1, 1.0)])), "1 after 2"),
        (_request((GOOD, [(1, 1.0), (1, 2.0)])), "two values"),
        (b"\x12\x00", "field 2"),
        (b"\x0a\x10", "cut off"),
    ],
)
def test_a_broken_message_is_noticed(body: bytes, word: str) -> None:
    """Each rule about labels, samples and encoding has its fault."""
    faults = _faults(snappy.compress(body))

    assert any(word in fault for fault in faults), faults


@pytest.mark.parametrize("header", sorted(HEADERS))
def test_a_missing_header_is_noticed(header: str) -> None:
    """Each prescribed header must be there."""
    headers = {name: value for name, value in HEADERS.items() if name != header}

    assert _faults(snappy.compress(_request((GOOD, [(1, 1.0)]))), headers=headers)


def test_other_methods_and_the_framed_format_are_noticed() -> None:
    """Only POST, and only snappy's block format."""
    body = _request((GOOD, [(1, 1.0)]))

    assert _faults(snappy.compress(body), method="PUT") == ["method PUT"]
    assert _faults(snappy.StreamCompressor().add_chunk(body))
    assert _faults(body)
