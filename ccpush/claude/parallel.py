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
    parts: Sequence[Sequence[Work]], processes: int, max_keys: int, stop: Callable[[], bool]
) -> Iterator[Chunk]:
    """Share each part out among processes; yield chunks as they come, end early when told to stop.

    All chunks of a part come before those of the next. Raises WorkerError after the last chunk that
    came, when any process failed.
    """
    shared = [_share_out(part, processes) for part in parts]
    shares = [[share[number] for share in shared] for number in range(processes)]
    return _read_shares(shares, max_keys, stop)


def _read_shares(
    shares: Sequence[Sequence[Sequence[Work]]], max_keys: int, stop: Callable[[], bool]
) -> Iterator[Chunk]:
    queue: Queue[bytes | WorkerError | None] = Queue(_WAITING)
    decode = msgspec.msgpack.Decoder(Chunk).decode
    processes: list[subprocess.Popen[bytes]] = []
    part_done = threading.Barrier(len(shares))
    try:
        processes.extend(_start() for _ in shares)
        for process, share in zip(processes, shares, strict=True):
            tasks = [
                msgspec.msgpack.encode(Task(list(map(spelt, part)), max_keys)) for part in share
            ]
            arguments = (process, tasks, part_done, queue)
            threading.Thread(target=_relay, args=arguments, daemon=True).start()
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


def _share_out(work: Sequence[Work], shares: int) -> list[list[Work]]:
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
    process: subprocess.Popen[bytes],
    tasks: Sequence[bytes],
    part_done: threading.Barrier,
    queue: Queue[bytes | WorkerError | None],
) -> None:
    """Hand tasks to a process and its chunks to the queue; runs in a thread of its own.

    No process begins with its next task before all are through with theirs.
    """
    result = None
    try:
        for task in tasks:
            _relay_task(process, task, queue)
            part_done.wait()
    except (OSError, ValueError) as error:
        result = WorkerError(f"a reading process failed: {error}")
    except threading.BrokenBarrierError:
        result = WorkerError("another reading process failed")
    except WorkerError as error:
        result = error
    if result is not None:
        part_done.abort()
    queue.put(result)


def _relay_task(
    process: subprocess.Popen[bytes], task: bytes, queue: Queue[bytes | WorkerError | None]
) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    send(process.stdin, task)
    while message := receive(process.stdout):
        queue.put(message)
    if message is None:
        raise WorkerError("a reading process ended early")


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
