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


class _Progress:
    """How many processes are through with which part."""

    def __init__(self, processes: int, parts: int) -> None:
        self._left = [processes] * parts
        self._failed = False
        self._changed = threading.Condition()

    def done(self, part: int) -> None:
        """Note that one more process is through with a part."""
        with self._changed:
            self._left[part] -= 1
            self._changed.notify_all()

    def fail(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._failed = True
            self._changed.notify_all()

    def wait_until_done(self, part: int) -> None:
        """Wait until all are through with a part; raises WorkerError when one of them failed."""
        if part < 0:
            return
        with self._changed:
            self._changed.wait_for(lambda: self._failed or not self._left[part])
            if self._failed:
                raise WorkerError("another reading process failed")


def _read_shares(
    shares: Sequence[Sequence[Sequence[Work]]], max_keys: int, stop: Callable[[], bool]
) -> Iterator[Chunk]:
    queue: Queue[bytes | WorkerError | None] = Queue(_WAITING)
    decode = msgspec.msgpack.Decoder(Chunk).decode
    processes: list[subprocess.Popen[bytes]] = []
    progress = _Progress(len(shares), max(map(len, shares), default=0))
    try:
        processes.extend(_start() for _ in shares)
        for process, share in zip(processes, shares, strict=True):
            tasks = [
                msgspec.msgpack.encode(Task(list(map(spelt, part)), max_keys)) for part in share
            ]
            arguments = (process, tasks, progress, queue)
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
    progress: _Progress,
    queue: Queue[bytes | WorkerError | None],
) -> None:
    """Hand tasks to a process and its chunks to the queue; runs in a thread of its own.

    A process goes on with its next task at once, but what it finds there waits until all are
    through with theirs.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    result = None
    try:
        for part, task in enumerate(tasks):
            send(process.stdin, task)
            message = receive(process.stdout)
            progress.wait_until_done(part - 1)
            while message:
                queue.put(message)
                message = receive(process.stdout)
            if message is None:
                result = WorkerError("a reading process ended early")
                break
            progress.done(part)
    except (OSError, ValueError) as error:
        result = WorkerError(f"a reading process failed: {error}")
    except WorkerError as error:
        result = error
    if result is not None:
        progress.fail()
    queue.put(result)


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
