"""Reading a large backlog in processes of its own, so that a laptop's cores share the work.

When a process fails, what it had not handed on is read again by the caller: positions are only ever
kept together with what was read for them.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from queue import Queue
from typing import Final

import msgspec

from ccpush.claude.reading import Chunk, Work
from ccpush.claude.worker import Task, receive, send, spelt

# Below this one process is done before others have started.
MIN_BYTES: Final = 256 << 20
# Chunks that may wait to be kept; more would only fill memory.
_WAITING: Final = 2


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
    processes: list[subprocess.Popen[bytes]] = []
    try:
        processes.extend(_start() for _ in shares)
        for process, share in zip(processes, shares, strict=True):
            task = msgspec.msgpack.encode(Task(list(map(spelt, share)), max_keys))
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


def _start() -> subprocess.Popen[bytes]:
    # -P: the folder that somebody happens to stand in is no place to import from
    command = [sys.executable, "-P", "-m", "ccpush.claude.worker"]
    pipe = subprocess.PIPE
    try:
        # Whatever it had to say would be a mistake of ours, and shows when the caller reads itself.
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)  # noqa: S603
    except OSError as error:
        raise WorkerError(str(error)) from error


def _relay(
    process: subprocess.Popen[bytes], task: bytes, queue: Queue[bytes | WorkerError | None]
) -> None:
    """Hand the task to a process and its chunks to the queue; runs in a thread of its own."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        send(process.stdin, task)
        process.stdin.close()
        while (message := receive(process.stdout)) is not None:
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
                # what was still to be written to it nobody reads any more
                with contextlib.suppress(OSError):
                    pipe.close()
