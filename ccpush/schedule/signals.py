"""Which signal asks the daemon to stop, told to its main thread and to nobody else.

Handlers here take no lock: setting a ``threading.Event`` in a handler while the main thread waits
on it can hang for ever. They note the number; a pipe that Python's own C handler writes to wakes
the waiting ``select``, whichever thread the system chose for the signal. No signal is ever blocked,
so programs started meanwhile inherit nothing, and ``sigtimedwait``, which macOS lacks, is not used.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections import deque
from types import FrameType, TracebackType
from typing import Self

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Windows cannot wake a sleeping main thread: it looks that often
_WINDOWS_LOOK_S = 0.2


class Signals:
    """While the context lasts, SIGTERM, SIGINT and SIGHUP are told by :meth:`wait`.

    SIGINT and SIGHUP stay ignored where they were ignored at the start (nohup, a background job of
    a script). A second SIGTERM or SIGINT ends the process at once with 128 + its number. Only for
    the main thread.
    """

    def __init__(self) -> None:
        self._seen: deque[int] = deque()
        self._stopping = False

    def wait(self, timeout_s: float) -> int | None:
        """The next signal, or None after at most ``timeout_s`` seconds."""
        if not self._seen:
            self._sleep(timeout_s)
        return self._seen.popleft() if self._seen else None

    def __enter__(self) -> Self:
        listened = [signal.SIGTERM, *(n for n in _optional() if not _is_ignored(n))]
        if sys.platform != "win32":
            self._reader, self._writer = os.pipe()
            os.set_blocking(self._reader, False)
            os.set_blocking(self._writer, False)
            # a full pipe wakes as well as a fresh byte
            self._woken_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._handled_before = {n: signal.signal(n, self._note) for n in listened}
        if sys.platform != "win32":
            # A careless parent may have left them blocked, and then nothing could stop us.
            self._mask_before = signal.pthread_sigmask(signal.SIG_UNBLOCK, listened)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask_before)
        for number, before in self._handled_before.items():
            # None: a handler that C code had installed, which cannot be put back from here
            signal.signal(number, signal.SIG_DFL if before is None else before)
        if sys.platform != "win32":
            signal.set_wakeup_fd(self._woken_before)
            os.close(self._reader)
            os.close(self._writer)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number in STOP_SIGNALS:
            if self._stopping:
                os._exit(128 + number)
            self._stopping = True
        self._seen.append(number)

    def _sleep(self, timeout_s: float) -> None:
        if sys.platform == "win32":
            time.sleep(min(timeout_s, _WINDOWS_LOOK_S))
            return
        ready, _, _ = select.select([self._reader], [], [], timeout_s)
        if ready:
            os.read(self._reader, 4096)


def _optional() -> list[signal.Signals]:
    if sys.platform == "win32":
        return [signal.SIGINT]
    return [signal.SIGINT, signal.SIGHUP]


def _is_ignored(number: signal.Signals) -> bool:
    return signal.getsignal(number) == signal.SIG_IGN
