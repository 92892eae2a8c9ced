"""Remote-write requests made by hand, right or wrong, for tests of what receives them."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Callable, Iterator
from typing import Any

import snappy
from plain_http import Reply, send
from strict import StrictReceiver, strict_receiver
from strict_rules import HEADERS

from ccpush.push.remote_write.proto import remote_write_v1_pb2 as v1
from ccpush.push.remote_write.proto import remote_write_v2_pb2 as v2

Labels = list[tuple[str, str]]
Points = list[tuple[int, float]]
Series = tuple[Labels, Points]

X: Labels = [("__name__", "x"), ("job", "j")]


def request_v1(*series: Series, types: dict[str, int] | None = None) -> bytes:
    """A ``WriteRequest``, not compressed; ``types`` is name → number, sent as metadata."""
    request = v1.WriteRequest()
    for labels, points in series:
        one = request.timeseries.add()
        for name, value in labels:
            one.labels.add(name=name, value=value)
        for ts_ms, amount in points:
            one.samples.add(value=amount, timestamp=ts_ms)
    for name, kind in (types or {}).items():
        request.metadata.add(type=kind, metric_family_name=name, help="Help.", unit="s")
    return request.SerializeToString()


def request_v2(*series: Series, kind: int = 0, start_ms: int = 0) -> bytes:
    """A 2.0 ``Request``, not compressed, all its series of one type and with one start."""
    symbols = {"": 0}
    request = v2.Request()
    for labels, points in series:
        refs = [symbols.setdefault(text, len(symbols)) for pair in labels for text in pair]
        one = request.timeseries.add(labels_refs=refs)
        one.metadata.type = kind  # type: ignore[assignment]
        one.metadata.help_ref = symbols.setdefault("Help.", len(symbols))
        for ts_ms, amount in points:
            one.samples.add(value=amount, timestamp=ts_ms, start_timestamp=start_ms)
    request.symbols.extend(symbols)
    return request.SerializeToString()


MAKE: dict[int, Callable[..., bytes]] = {1: request_v1, 2: request_v2}


def write(url: str, body: bytes, version: int = 1, **headers: str) -> Reply:
    """Send a message, compressed, with the headers of its version; ``headers`` are added."""
    return send(url, snappy.compress(body), {**HEADERS[version], "User-Agent": "test/1", **headers})


@contextlib.contextmanager
def noticing(**settings: Any) -> Iterator[tuple[StrictReceiver, list[str]]]:
    """A receiver, and the faults that fail its block, which are there when the block is over."""
    faults: list[str] = []
    over = False
    try:
        with strict_receiver(**settings) as receiver:
            yield receiver, faults
            faults += receiver.check()
            over = True
    except AssertionError:
        if not over:
            raise
        assert faults
    else:
        assert faults == []


def offer(receiver: StrictReceiver, *points: tuple[int, float], version: int = 1) -> int:
    """Offer samples of the series X; the answer's status, 0 when there was none."""
    try:
        return write(receiver.url, MAKE[version]((X, list(points))), version).status
    except (ConnectionError, http.client.RemoteDisconnected):
        return 0
