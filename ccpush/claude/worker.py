"""A process that reads a share of a large backlog; run as ``python -m ccpush.claude.worker``.

Tasks come on standard input, chunks leave on standard output, both as length-prefixed msgpack. A
worker only reads transcripts. It loads as little as it can, because it lives for a second.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from typing import IO, Final

import msgspec

from ccpush.claude.reading import Work, read_chunks

NICENESS: Final = 10
_LENGTH_BYTES: Final = 8


class Task(msgspec.Struct, array_like=True):
    """What a worker is to read."""

    work: list[Work]
    max_keys: int


def spelt(item: Work) -> Work:
    """Spell a path, whose names may be any bytes, in characters that msgpack takes."""
    path = os.fsencode(item.file.path).decode("latin-1")
    return Work(item.key, item.file._replace(path=path), item.position)


def _unspelt(item: Work) -> Work:
    path = os.fsdecode(item.file.path.encode("latin-1"))
    return Work(item.key, item.file._replace(path=path), item.position)


def send(stream: IO[bytes], message: bytes) -> None:
    """Write one message."""
    stream.write(len(message).to_bytes(_LENGTH_BYTES, "big"))
    stream.write(message)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """Read one message, None when the stream ended before it was whole."""
    prefix = stream.read(_LENGTH_BYTES)
    if len(prefix) < _LENGTH_BYTES:
        return None
    length = int.from_bytes(prefix, "big")
    message = stream.read(length)
    return message if len(message) == length else None


def main() -> None:
    """Be a worker."""
    gc.disable()
    # Ctrl-C is for the process that started this one, which then ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        # whoever keeps what is read here has the longest way, and people at work come first
        os.nice(NICENESS)
    encode = msgspec.msgpack.Encoder().encode
    while (received := receive(sys.stdin.buffer)) is not None:
        task = msgspec.msgpack.decode(received, type=Task)
        work = map(_unspelt, task.work)
        for chunk in read_chunks(work, now=time.time, stop=lambda: False, max_keys=task.max_keys):
            send(sys.stdout.buffer, encode(chunk))
        # an empty message: all of this task is read
        send(sys.stdout.buffer, b"")


if __name__ == "__main__":
    main()
