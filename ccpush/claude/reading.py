"""Chunks of facts from a list of files: what the ledger takes in one transaction each.

A chunk is bounded by the keys it holds and by the bytes that were read for it, so that memory is
flat however much there is to read. What was read and not yet handed on is simply read again next
time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from ccpush.claude.discover import FoundFile
from ccpush.claude.extract import Extractor
from ccpush.claude.facts import KeyedFacts
from ccpush.claude.tail import Position, SourceError, read_on

# About 10 MB of facts, and a transaction of a few hundred milliseconds.
CHUNK_KEYS: Final = 25_000
# Rows that add no key may leave something too, and identifiers may be long.
CHUNK_BYTES: Final = 128 << 20


class Work(msgspec.Struct, gc=False, array_like=True):
    """One file that has something new: the key of its path, and how far it was read."""

    key: int
    file: FoundFile
    position: Position | None


class Chunk(msgspec.Struct, array_like=True):
    """Facts, and how far files were read for them, by path key; counts are by reason."""

    facts: KeyedFacts = msgspec.field(default_factory=KeyedFacts)
    reached: dict[int, Position] = msgspec.field(default_factory=dict)
    read_bytes: int = 0
    skipped: dict[str, int] = msgspec.field(default_factory=dict)
    restarts: dict[str, int] = msgspec.field(default_factory=dict)


def read_chunks(
    work: Iterable[Work],
    *,
    now: Callable[[], float],
    stop: Callable[[], bool],
    max_keys: int = CHUNK_KEYS,
) -> Iterator[Chunk]:
    """Read all files in order; ends early, with what it has, when told to stop."""
    extractor = Extractor()
    chunk = Chunk()
    for item in work:
        position, at_end = item.position, False
        while not at_end and not stop():
            try:
                stretch = read_on(item.file, position, extractor, now(), max_keys)
            except SourceError as error:
                _count(chunk.skipped, error.reason)
                break
            if stretch.restart is not None:
                _count(chunk.restarts, stretch.restart)
            position, at_end = stretch.position, stretch.at_end
            chunk.reached[item.key] = position
            chunk.read_bytes += stretch.read_bytes
            if extractor.keys >= max_keys or chunk.read_bytes >= CHUNK_BYTES:
                chunk.facts = extractor.keyed()
                extractor = Extractor()
                yield chunk
                chunk = Chunk()
        if stop():
            break
    chunk.facts = extractor.keyed()
    yield chunk


def _count(counts: dict[str, int], reason: str) -> None:
    counts[reason] = counts.get(reason, 0) + 1
