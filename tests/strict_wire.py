"""What does a remote-write message say? Both versions, by the specifications' field numbers.

The strict receiver's own decoder: it shares nothing with the encoder that it checks, and keeps the
very bits of every value. It raises ValueError for what no receiver could decode, and for what
ccpush has no business sending (exemplars, native histograms); a message that can be decoded but
breaks a rule of its form has it in ``faults``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

Labels = tuple[tuple[str, str], ...]
Meta = tuple[int, str, str]
Field = tuple[int, int | bytes]

STALE_BITS = 0x7FF0000000000002
ORDINARY_NAN_BITS = 0x7FF8000000000001
MAX_TYPE = 7


class Point(NamedTuple):
    """One sample; ``start_ms`` is 0 where the message tells no start."""

    ts_ms: int
    bits: int
    start_ms: int = 0

    @property
    def value(self) -> float:
        """The number that the bits are."""
        return float(struct.unpack("<d", struct.pack("<Q", self.bits))[0])


@dataclass(frozen=True)
class Entry:
    """One TimeSeries; ``meta`` is (type, help, unit), which only 2.0 tells for a series."""

    labels: Labels
    points: list[Point]
    meta: Meta | None = None


@dataclass(frozen=True)
class Message:
    """A decoded message; ``metadata`` is name → (type, help, unit), for 2.0 by ``__name__``."""

    version: int
    entries: list[Entry]
    metadata: dict[str, Meta]
    faults: list[str] = field(default_factory=list)

    @property
    def series(self) -> list[tuple[Labels, list[tuple[int, float]]]]:
        """Labels and (ts_ms, value) of every TimeSeries, in the message's order."""
        return [
            (entry.labels, [(point.ts_ms, point.value) for point in entry.points])
            for entry in self.entries
        ]


def bits_of(value: float) -> int:
    """The 64 bits of a double."""
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def is_stale(value: float) -> bool:
    """Whether a value is the stale marker, bit for bit."""
    return bits_of(value) == STALE_BITS


def decode(data: bytes) -> Message:
    """A remote-write 1.0 ``prometheus.WriteRequest``."""
    message = Message(1, [], {})
    for number, value in _fields(data):
        if number == 1:
            message.entries.append(_series_v1(_bytes(value)))
        elif number == 3:
            parts = _singular(value, "MetricMetadata", {1, 2, 4, 5})
            name = _text(parts, 2)
            message.metadata[name] = (_int(parts, 1), _text(parts, 4), _text(parts, 5))
        else:
            raise ValueError(f"field {number} in WriteRequest")
    for name, meta in message.metadata.items():
        message.faults.extend(_type_faults(name, meta[0]))
    return message


def decode_v2(data: bytes) -> Message:
    """A remote-write 2.0 ``io.prometheus.write.v2.Request``."""
    symbols: list[str] = []
    found: list[bytes] = []
    for number, value in _fields(data):
        if number == 4:
            symbols.append(_bytes(value).decode("utf-8"))
        elif number == 5:
            found.append(_bytes(value))
        else:
            raise ValueError(f"field {number} in Request")
    message = Message(2, [_series_v2(one, symbols) for one in found], {}, _symbol_faults(symbols))
    for entry in message.entries:
        if entry.meta is not None:
            name = dict(entry.labels).get("__name__", "")
            message.metadata[name] = entry.meta
            message.faults.extend(_type_faults(name, entry.meta[0]))
    return message


def _series_v1(data: bytes) -> Entry:
    labels: list[tuple[str, str]] = []
    points: list[Point] = []
    for number, value in _fields(data):
        if number == 1:
            parts = _singular(value, "Label", {1, 2})
            labels.append((_text(parts, 1), _text(parts, 2)))
        elif number == 2:
            parts = _singular(value, "Sample", {1, 2})
            points.append(Point(_signed(parts, 2), _double(parts, 1)))
        else:
            raise ValueError(f"field {number} in TimeSeries")
    return Entry(tuple(labels), points)


def _series_v2(data: bytes, symbols: list[str]) -> Entry:
    refs: list[int] = []
    points: list[Point] = []
    meta: Meta | None = None
    for number, value in _fields(data):
        if number == 1:
            refs += _packed(_bytes(value))
        elif number == 2:
            parts = _singular(value, "Sample", {1, 2, 3})
            points.append(Point(_signed(parts, 2), _double(parts, 1), _signed(parts, 3)))
        elif number == 5 and meta is None:
            parts = _singular(value, "Metadata", {1, 3, 4})
            help_text, unit = (_symbol(symbols, _int(parts, ref)) for ref in (3, 4))
            meta = (_int(parts, 1), help_text, unit)
        else:
            raise ValueError(f"field {number} in TimeSeries")
    if len(refs) % 2:
        raise ValueError(f"odd number of label references: {len(refs)}")
    names = [_symbol(symbols, ref) for ref in refs]
    return Entry(tuple(zip(names[::2], names[1::2], strict=True)), points, meta)


def _symbol(symbols: list[str], ref: int) -> str:
    if ref >= len(symbols):
        raise ValueError(f"reference {ref} beyond {len(symbols)} symbols")
    return symbols[ref]


def _symbol_faults(symbols: list[str]) -> list[str]:
    faults = []
    if symbols[:1] != [""]:
        faults.append(f"the first symbol is not empty: {symbols[:1]}")
    if len(symbols) != len(set(symbols)):
        twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
        faults.append(f"symbols twice: {twice}")
    return faults


def _type_faults(name: str, kind: int) -> list[str]:
    return [] if 0 <= kind <= MAX_TYPE else [f"metadata of {name!r}: unknown type {kind}"]


def _singular(value: int | bytes, what: str, known: set[int]) -> dict[int, int | bytes]:
    """The fields of a message that has no repeated ones."""
    parts: dict[int, int | bytes] = {}
    for number, part in _fields(_bytes(value)):
        if number not in known or number in parts:
            raise ValueError(f"field {number} in {what}")
        parts[number] = part
    return parts


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where a message or text belongs")
    return value


def _text(parts: dict[int, int | bytes], number: int) -> str:
    return _bytes(parts.get(number, b"")).decode("utf-8")


def _int(parts: dict[int, int | bytes], number: int) -> int:
    value = parts.get(number, 0)
    if not isinstance(value, int):
        raise ValueError("bytes where a number belongs")
    return value


def _signed(parts: dict[int, int | bytes], number: int) -> int:
    value = _int(parts, number)
    return value - (1 << 64) if value >> 63 else value


def _double(parts: dict[int, int | bytes], number: int) -> int:
    data = _bytes(parts.get(number, bytes(8)))
    if len(data) != 8:
        raise ValueError("a text where a double belongs")
    return int.from_bytes(data, "little")


def _packed(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _fields(data: bytes) -> Iterator[Field]:
    """Field number and value: varints as int, fixed64 and length-delimited as bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        size = 8
        if wire_type == 2:
            size, at = _varint(data, at)
        elif wire_type != 1:
            raise ValueError(f"wire type {wire_type}")
        if at + size > len(data):
            raise ValueError("cut off")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise ValueError("cut off, or a varint that is too long")
