"""The bytes of samples: one stretch of equal values costs one join, however long it is.

A sample is a nested message of a value (a double) and a timestamp (a varint) in both versions of
the protocol; 2.0 may add when its series was zero. Only these few bytes are laid out here, because
a month of samples has to be cheap; everything else of a message is protobuf's own.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final

from ccpush.metrics.history import Stretch
from ccpush.push.remote_write.batch import STALE_NAN_BITS

# Field numbers and wire types: samples = 2 (nested), value = 1 (64 bit), timestamp = 2 and
# start_timestamp = 3 (varints); the same numbers in 1.0 and 2.0.
_SAMPLE: Final = b"\x12"
_VALUE: Final = b"\x09"
_TIMESTAMP: Final = b"\x10"
_START: Final = b"\x18"
_ORDINARY_NAN: Final = struct.pack("<Q", 0x7FF8000000000001)
_STALE_NAN: Final = struct.pack("<Q", STALE_NAN_BITS)
_VALUE_BYTES: Final = 9
_MAX_LENGTHS: Final = 4096
_pack = struct.Struct("<d").pack
# Lengths repeat: series of one window are alike.
_LENGTHS: Final[dict[int, bytes]] = {}


def varint(number: int) -> bytes:
    """Return a number of at most 64 bits as protobuf has it; negative ones as two's complement."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _length(number: int) -> bytes:
    found = _LENGTHS.get(number)
    if found is None:
        if len(_LENGTHS) > _MAX_LENGTHS:
            _LENGTHS.clear()
        found = _LENGTHS[number] = varint(number)
    return found


def double(value: float) -> bytes:
    """Return a value's eight bytes; a NaN is Prometheus's ordinary one, or the stale marker."""
    packed = _pack(value)
    if value == value:  # noqa: PLR0124 - quicker than isnan, which is called for every stretch
        return packed
    return _STALE_NAN if packed == _STALE_NAN else _ORDINARY_NAN


def nested(tag: bytes, message: bytes) -> bytes:
    """Return a message as a field of another one; ``tag`` is :func:`tag_of` the field."""
    return tag + _length(len(message)) + message


def tag_of(field: int) -> bytes:
    """Return the tag of a field that holds a message or a text."""
    return varint(field << 3 | 2)


def samples(stretches: Iterable[Stretch], times: Sequence[bytes], start_ms: int = 0) -> bytes:
    """Return the samples of one series; ``times`` are the batch's timestamps as varints.

    ``start_ms`` goes with every sample later than it; 0 leaves it out.
    """
    start = _START + varint(start_ms) if start_ms else b""
    parts = []
    for first, last, value in stretches:
        head = _VALUE + double(value) + _TIMESTAMP
        if start and times[first] == start[1:]:
            # the zero at the start itself
            parts.append(_alone(head, times[first], b""))
            chosen = times[first + 1 : last + 1]
        else:
            chosen = times[first : last + 1]
        if not chosen:
            continue
        size = len(chosen[0])
        if len(chosen[-1]) != size:
            parts += (_alone(head, time, start) for time in chosen)
            continue
        opening = _SAMPLE + _length(_VALUE_BYTES + 1 + size + len(start)) + head
        parts.append(opening + (start + opening).join(chosen) + start)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _alone(head: bytes, time: bytes, tail: bytes) -> bytes:
    body = head + time + tail
    return _SAMPLE + varint(len(body)) + body
