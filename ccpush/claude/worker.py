"""Reading a large backlog in processes of its own, so that a laptop's cores share the work.

Run as ``python -m ccpush.claude.worker``: work comes on standard input, chunks leave on standard
output, both as length-prefixed msgpack. A worker only reads transcripts; when one fails, what it
had not handed on is read again by the next pass.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from queue import Queue
from typing import IO, Final

import msgspec

from ccpush.claude.reading import Chunk, Work, read_chunks

# Below this one process is done before others have started.
MIN_BYTES: Final = 256 << 20
_LENGTH_BYTES: Final = 8
# Chunks that may wait to be kept; more would only fill memory.
_WAITING: Final = 2


class Task(msgspec.Struct, array_like=True):
    """What a worker is to read."""

    work: list[Work]
    max_keys: int


class WorkerError(Exception):
    """A worker could not be started, or ended before it was done."""


def read_in_parallel(
    shares: Sequence[Sequence[Work]], max_keys: int, stop: Callable[[], bool]
) -> Iterator[Chunk]:
    """Read each share in a process; yield chunks as they come, ends early when told to stop.

    Raises WorkerError after the last chunk that came, when any process failed.
    """
    queue: Queue[bytes | WorkerError | None] = Queue(_WAITING)
    decode = msgspec.msgpack.Decoder(Chunk).decode
    processes = [_start() for _ in shares]
    try:
        for process, share in zip(processes, shares, strict=True):
            task = msgspec.msgpack.encode(Task(list(map(_sendable, share)), max_keys))
            threading.Thread(target=_relay, args=(process, task, queue), daemon=True).start()
        failed: WorkerError | None = None
        left = len(processes)
        while left and not stop():
            found = queue.get()
            if isinstance(found, bytes):
                yield decode(found)
                continue
            failed = found or failed
            left -= 1
        if failed is not None:
            raise failed
    finally:
        _end(processes, queue)


def share_out(work: Sequence[Work], shares: int) -> list[list[Work]]:
    """Split work into shares of about equal size, each in the order that it came in."""
    parts: list[list[Work]] = [[] for _ in range(shares)]
    sizes = [0] * shares
    for item in work:
        least = sizes.index(min(sizes))
        parts[least].append(item)
        sizes[least] += item.file.size
    return parts


def _sendable(item: Work) -> Work:
    """Spell a path, whose names may be any bytes, in characters that msgpack takes."""
    path = os.fsencode(item.file.path).decode("latin-1")
    return Work(item.key, item.file._replace(path=path), item.position)


def _received(item: Work) -> Work:
    path = os.fsdecode(item.file.path.encode("latin-1"))
    return Work(item.key, item.file._replace(path=path), item.position)


def _start() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ccpush.claude.worker"]
    try:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
    except OSError as error:
        raise WorkerError(str(error)) from error


def _relay(
    process: subprocess.Popen[bytes], task: bytes, queue: Queue[bytes | WorkerError | None]
) -> None:
    """Hand the task to a process and its chunks to the queue; runs in a thread of its own."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        _send(process.stdin, task)
        process.stdin.close()
        while (message := _receive(process.stdout)) is not None:
            if not message:
                queue.put(None)
                return
            queue.put(message)
        queue.put(WorkerError("a reading process ended early"))
    except (OSError, ValueError) as error:
        queue.put(WorkerError(f"a reading process failed: {error}"))


def _end(
    processes: Sequence[subprocess.Popen[bytes]], queue: Queue[bytes | WorkerError | None]
) -> None:
    for process in processes:
        process.kill()
    # a relay may be waiting to put; its process is gone, so it ends once there is room
    while not queue.empty():
        queue.get_nowait()
    for process in processes:
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _send(stream: IO[bytes], message: bytes) -> None:
    stream.write(len(message).to_bytes(_LENGTH_BYTES, "big"))
    stream.write(message)
    stream.flush()


def _receive(stream: IO[bytes]) -> bytes | None:
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
    received = _receive(sys.stdin.buffer)
    if received is None:
        return
    task = msgspec.msgpack.decode(received, type=Task)
    encode = msgspec.msgpack.Encoder().encode
    work = map(_received, task.work)
    for chunk in read_chunks(work, now=time.time, stop=lambda: False, max_keys=task.max_keys):
        _send(sys.stdout.buffer, encode(chunk))
    # an empty message: all is read
    _send(sys.stdout.buffer, b"")


if __name__ == "__main__":
    main()
