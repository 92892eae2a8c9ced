"""The next complete lines of a file, from a known position on.

Never returns a line without its newline, unless the file has been still for ten minutes and the
line is whole. Notices truncated, replaced and rewritten files by a fingerprint of what was read,
and then starts over: reading twice is harmless, because everything is counted by its key.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from hashlib import blake2b
from typing import BinaryIO, Final, Literal

import msgspec

from ccpush.claude import activity, decode, extract
from ccpush.claude.activity import Standing
from ccpush.claude.discover import FoundFile, as_signed
from ccpush.claude.extract import Extractor

MAX_LINE_BYTES: Final = 64 << 20
BLOCK_BYTES: Final = 512 << 10
# What one call reads at most, so that a stop is noticed and progress shown.
MAX_CALL_BYTES: Final = 32 << 20
# What is read before it is looked at: rows come by the thousand.
BATCH_BYTES: Final = 1 << 20
STILL_S: Final = 600
_NEWLINE: Final = 10
# Stands for a rest that is longer than a line can be, and was not kept.
_TOO_LONG_REST: Final = b"..."
_WINDOW_BYTES: Final = 1024
_O_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

# none: the file ends with a newline.  waiting: it ends in half a line, or in one that may still
# grow.  torn: that was looked at after ten minutes and is no row, which was counted.
TailState = Literal["none", "waiting", "torn"]
Restart = Literal["replaced", "truncated", "rewritten", "new_rules"]


class SourceError(Exception):
    """One file cannot be read now; ``reason`` is a label value. Skip it, count it, go on."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Position(msgspec.Struct, gc=False, array_like=True, frozen=True):
    """How far a file was read: ``offset`` is the end of the last line taken.

    ``stretch`` and ``latest_s`` are where its activity stood there (see ``activity``).
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    offset: int
    fingerprint: int
    extractor: int
    tail: TailState = "none"
    stretch: int = activity.NOBODY
    latest_s: int = 0

    def unchanged(self, file: FoundFile, now_s: float) -> bool:
        """Whether there is nothing to read, as far as the file system tells."""
        return (
            self.size == file.size
            and self.mtime_ns == file.mtime_ns
            and self.inode == file.inode
            and self.device == file.device
            and self.extractor == extract.VERSION
            and (self.tail != "waiting" or now_s - file.mtime_ns / 1e9 < STILL_S)
        )


class Stretch(msgspec.Struct, frozen=True):
    """What one call read: the new position, and whether the file's end was reached."""

    position: Position
    at_end: bool
    read_bytes: int
    restart: Restart | None


def read_on(
    file: FoundFile, position: Position | None, into: Extractor, now_s: float, max_keys: int
) -> Stretch:
    """Feed the next complete lines to ``into``, until the end, ``max_keys`` or MAX_CALL_BYTES.

    Raises SourceError when the file cannot be opened or read.
    """
    try:
        descriptor = os.open(file.path, _O_FLAGS)
    except FileNotFoundError:
        raise SourceError("vanished") from None
    except OSError:
        raise SourceError("unreadable") from None
    try:
        with open(descriptor, "rb", buffering=BLOCK_BYTES) as opened:
            return _read_opened(opened, position, into, now_s, max_keys)
    except OSError:
        raise SourceError("unreadable") from None


def _read_opened(
    opened: BinaryIO, position: Position | None, into: Extractor, now_s: float, max_keys: int
) -> Stretch:
    info = os.fstat(opened.fileno())
    if not stat.S_ISREG(info.st_mode):
        raise SourceError("no_regular_file")
    start, restart = _start(opened, position, info)
    opened.seek(start)
    if position is None or start == 0:
        into.begin_file(Standing(), resumed=False)
    else:
        into.begin_file(Standing(position.stretch, position.latest_s), resumed=True)
    offset, rest = _take_lines(opened, start, into, max_keys)
    tail: TailState = "none"
    if rest:
        tail = "waiting"
        if now_s - info.st_mtime_ns / 1e9 >= STILL_S:
            tail, offset = _take_still_tail(rest, offset, into)
    if rest is not None:
        into.end_of_file()
    standing = into.standing()
    reached = Position(
        device=as_signed(info.st_dev),
        inode=as_signed(info.st_ino),
        # Not at the end: a size that no file has, so that the next pass looks again.
        size=info.st_size if rest is not None else -1,
        mtime_ns=info.st_mtime_ns,
        offset=offset,
        fingerprint=_fingerprint(opened, offset),
        extractor=extract.VERSION,
        tail=tail,
        stretch=standing.stretch,
        latest_s=standing.latest_s,
    )
    return Stretch(reached, rest is not None, offset - start, restart)


def _take_lines(
    opened: BinaryIO, start: int, into: Extractor, max_keys: int
) -> tuple[int, bytes | None]:
    """Take complete lines; return the offset after them and the rest, None when not at the end."""
    offset = start
    for batch, batch_bytes in _batches(opened, start, into):
        rest = batch.pop() if batch and not batch[-1].endswith(b"\n") else b""
        into.take_all(batch)
        offset += batch_bytes - len(rest)
        if rest:
            return offset, rest
        if offset - start >= MAX_CALL_BYTES or into.keys >= max_keys:
            return offset, None
    return offset, b""


def _batches(opened: BinaryIO, start: int, into: Extractor) -> Iterator[tuple[list[bytes], int]]:
    """Yield lines by about BATCH_BYTES, and the bytes they took; the last may lack its newline."""
    if os.fstat(opened.fileno()).st_size - start >= MAX_LINE_BYTES:
        yield from _bounded_batches(opened, into)
    # In what is left no line can be too long, so they need not be looked at one by one.
    while batch := opened.readlines(BATCH_BYTES):
        yield batch, sum(map(len, batch))


def _bounded_batches(opened: BinaryIO, into: Extractor) -> Iterator[tuple[list[bytes], int]]:
    """Yield lines as _batches does, however long some are; too long ones are counted, not kept."""
    batch, batch_bytes = list[bytes](), 0
    while line := opened.readline(MAX_LINE_BYTES):
        batch_bytes += len(line)
        if line.endswith(b"\n") or len(line) < MAX_LINE_BYTES:
            batch.append(line)
        elif (length := _skip_long_line(opened)) is not None:
            batch_bytes += length
            into.too_long()
        else:
            yield batch, batch_bytes - len(line)
            yield [_TOO_LONG_REST], len(_TOO_LONG_REST)
            return
        if batch_bytes >= BATCH_BYTES:
            yield batch, batch_bytes
            batch, batch_bytes = [], 0
    yield batch, batch_bytes


def _skip_long_line(opened: BinaryIO) -> int | None:
    """Pass over the rest of a line; return its length, or None when the file ends within it."""
    length = 0
    while piece := opened.readline(BLOCK_BYTES):
        length += len(piece)
        if piece[-1] == _NEWLINE:
            return length
    return None


def _take_still_tail(rest: bytes, offset: int, into: Extractor) -> tuple[TailState, int]:
    if rest is _TOO_LONG_REST:
        into.too_long()
        return "torn", offset
    # A head may prove half a line irrelevant; whether it is whole only its end can tell.
    if isinstance(decode.decode(rest), decode.Skip) and not decode.is_whole(rest):
        # blanks may be the indentation of a line that is still to come
        if not rest.isspace():
            into.half_line()
        return "torn", offset
    into.take_all([rest])
    return "none", offset + len(rest)


def _start(
    opened: BinaryIO, position: Position | None, info: os.stat_result
) -> tuple[int, Restart | None]:
    """Where to go on: after what was read, or at 0 when the file is no longer what it was."""
    if position is None:
        return 0, None
    if position.extractor != extract.VERSION:
        return 0, "new_rules"
    if (position.device, position.inode) != (
        as_signed(info.st_dev),
        as_signed(info.st_ino),
    ):
        return 0, "replaced"
    if info.st_size < position.offset:
        return 0, "truncated"
    touched = position.size == info.st_size and position.mtime_ns != info.st_mtime_ns
    if touched or _fingerprint(opened, position.offset) != position.fingerprint:
        return 0, "rewritten"
    return _after_taken_tail(opened, position.offset)


def _after_taken_tail(opened: BinaryIO, offset: int) -> tuple[int, Restart | None]:
    """Step over the newline that a line got after it was taken without one."""
    if offset == 0:
        return 0, None
    around = _read_at(opened, offset - 1, 2)
    if around[:1] == b"\n" or len(around) < 2:
        return offset, None
    return (offset + 1, None) if around[1:] == b"\n" else (0, "rewritten")


def _fingerprint(opened: BinaryIO, offset: int) -> int:
    """Hash the first and the last bytes before ``offset``, as a signed 64-bit number."""
    state = blake2b(digest_size=8)
    state.update(_read_at(opened, 0, min(offset, _WINDOW_BYTES)))
    if offset > _WINDOW_BYTES:
        state.update(_read_at(opened, offset - _WINDOW_BYTES, _WINDOW_BYTES))
    return int.from_bytes(state.digest(), "big", signed=True)


def _read_at(opened: BinaryIO, offset: int, size: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(opened.fileno(), size, offset)
    back = opened.tell()
    opened.seek(offset)
    found = opened.read(size)
    opened.seek(back)
    return found
