"""Which rules of remote-write does one request break, seen by itself? All that it shows.

Headers, the block format of snappy, names, labels and the samples of each series; what depends on
other requests is in ``strict_account.py``. Every fault is a sentence that says what was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import snappy
from strict_wire import (
    ORDINARY_NAN_BITS,
    STALE_BITS,
    Entry,
    Labels,
    Message,
    Point,
    decode,
    decode_v2,
)

if TYPE_CHECKING:
    from receivers import Request

V2_TYPE = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
HEADERS = {
    1: {
        "content-encoding": "snappy",
        "content-type": "application/x-protobuf",
        "x-prometheus-remote-write-version": "0.1.0",
    },
    2: {
        "content-encoding": "snappy",
        "content-type": V2_TYPE,
        "x-prometheus-remote-write-version": "2.0.0",
    },
}
FRAMED = b"\xff\x06\x00\x00sNaPpY"

_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def version_of(request: Request) -> int:
    """Which version of the message the headers announce."""
    # Anything that names the other message counts, so that a misspelled header is told as that.
    return 2 if "write.v2" in request.headers.get("content-type", "") else 1


def header_faults(request: Request) -> Iterator[str]:
    """What is wrong with method and headers."""
    if request.method != "POST":
        yield f"method {request.method}"
    prescribed = HEADERS[version_of(request)]
    for name, value in prescribed.items():
        if request.headers.get(name) != value:
            yield f"header {name}: {request.headers.get(name)}"
    if not request.headers.get("user-agent"):
        yield "no User-Agent"
    for name in sorted(request.repeated & {*prescribed, "user-agent"}):
        yield f"header {name} twice"


def message_of(request: Request) -> Message:
    """The decoded body; ValueError when there is none to decode."""
    if request.body.startswith(FRAMED):
        raise ValueError("snappy's framed format")
    try:
        raw = snappy.decompress(request.body)
    except snappy.UncompressError as error:
        raise ValueError(f"not snappy: {error}") from error
    return decode_v2(raw) if version_of(request) == 2 else decode(raw)


def message_faults(message: Message, now_s: float | None) -> Iterator[str]:
    """What is wrong with a message, whatever came before it; ``now_s`` is the receiver's clock."""
    yield from message.faults
    newest: dict[Labels, Point] = {}
    for entry in message.entries:
        yield from _label_faults(entry.labels)
        if not entry.points:
            yield f"series without samples: {entry.labels}"
        # 2.0 lets a series come again with other metadata, in order all the same.
        if entry.labels in newest and message.version == 1:
            yield f"series twice in one request: {entry.labels}"
        for point in entry.points:
            yield from _order_faults(entry, newest.get(entry.labels), point)
            yield from _point_faults(entry, point, now_s)
            newest[entry.labels] = point


def _label_faults(labels: Labels) -> Iterator[str]:
    names = [name for name, _ in labels]
    if names != sorted(names):
        yield f"labels not sorted: {names}"
    if len(names) != len(set(names)):
        yield f"a label name twice: {names}"
    if not _METRIC_NAME.fullmatch(dict(labels).get("__name__", "")):
        yield f"metric name: {labels}"
    for name, value in labels:
        if not _LABEL_NAME.fullmatch(name):
            yield f"label name: {name!r}"
        if name.startswith("__") and name != "__name__":
            yield f"reserved label name: {name!r}"
        if not value:
            yield f"label without value: {name!r}"


def _order_faults(entry: Entry, before: Point | None, point: Point) -> Iterator[str]:
    if before is None:
        return
    if point.ts_ms < before.ts_ms:
        yield f"{entry.labels}: {point.ts_ms} after {before.ts_ms} in one request"
    if point.ts_ms == before.ts_ms:
        yield f"{entry.labels}: {point.ts_ms} twice in one request"


def _point_faults(entry: Entry, point: Point, now_s: float | None) -> Iterator[str]:
    if point.value != point.value and point.bits not in (STALE_BITS, ORDINARY_NAN_BITS):
        yield f"{entry.labels}: an unusual NaN, {point.bits:#x}, at {point.ts_ms}"
    if point.start_ms and point.start_ms > point.ts_ms:
        yield f"{entry.labels}: starts at {point.start_ms}, after its sample at {point.ts_ms}"
    if now_s is not None and point.ts_ms > (now_s + 1.0) * 1000:
        ahead_s = point.ts_ms / 1000 - now_s
        yield f"{entry.labels}: {point.ts_ms} is {ahead_s:.3f} s in the future"
