"""How far a long read or a long delivery has come: a bar on a terminal, nothing anywhere else.

Never writes to a pipe, a file or a journal, and never fails what it watches.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

if TYPE_CHECKING:
    from rich import progress

# less is read in the blink of an eye; importing rich would take longer
MIN_SHOWN_BYTES = 64 * 1024 * 1024
# a second's worth, or a little more
MIN_SHOWN_SAMPLES = 100_000
REFRESHES_PER_S = 5


class Progress(Protocol):
    """Whoever reads tells it what was read."""

    def advance(self, size_bytes: int) -> None:
        """``size_bytes`` more are done; cheap enough for every chunk."""
        ...


class Deliveries(Protocol):
    """Whoever delivers tells it how far that is."""

    def told(self, done: int, due: int) -> None:
        """``done`` of ``due`` samples are delivered by the thread that calls; for any thread."""
        ...


def bar(
    total_bytes: int, *, stream: TextIO | None = None, quiet: bool = False
) -> AbstractContextManager[Progress]:
    """A bar on ``stream`` (stderr) while the context lasts, wiped away at its end.

    Nothing at all when ``quiet`` (CI, JSON logs), when the stream is no terminal, or when there is
    little to read.
    """
    out = sys.stderr if stream is None else stream
    if quiet or total_bytes < MIN_SHOWN_BYTES or not out.isatty():
        return contextlib.nullcontext(_Silent())
    return _TerminalBar(total_bytes, out)


def deliveries(
    words: str, *, stream: TextIO | None = None, quiet: bool = False
) -> AbstractContextManager[Deliveries]:
    """A bar for all deliveries together, as :func:`bar`; it appears once much is due."""
    out = sys.stderr if stream is None else stream
    if quiet or not out.isatty():
        return contextlib.nullcontext(_Silent())
    return _TerminalDeliveries(words, out)


class _Silent:
    def advance(self, size_bytes: int) -> None:
        pass

    def told(self, done: int, due: int) -> None:
        pass


class _TerminalBar:
    def __init__(self, total_bytes: int, stream: TextIO) -> None:
        # 40 ms and more that only a terminal pays
        from rich import progress

        self._shown = _shown("Reading transcripts", progress.DownloadColumn(), stream)
        self._task = self._shown.add_task("", total=total_bytes)

    def __enter__(self) -> Self:
        self._shown.start()
        return self

    def advance(self, size_bytes: int) -> None:
        self._shown.advance(self._task, size_bytes)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _wipe(self._shown)


class _TerminalDeliveries:
    def __init__(self, words: str, stream: TextIO) -> None:
        self._words = words
        self._stream = stream
        self._lock = threading.Lock()
        # (done, due); each sink delivers in a thread of its own
        self._by_thread: dict[int, tuple[int, int]] = {}
        self._shown: progress.Progress | None = None

    def __enter__(self) -> Self:
        return self

    def told(self, done: int, due: int) -> None:
        with self._lock:
            self._by_thread[threading.get_ident()] = (min(done, due), due)
            done = sum(each for each, _ in self._by_thread.values())
            due = sum(each for _, each in self._by_thread.values())
            if self._shown is None:
                if due < MIN_SHOWN_SAMPLES:
                    return
                self._begin()
            assert self._shown is not None
            self._shown.update(self._task, completed=done, total=due)

    def _begin(self) -> None:
        from rich import progress

        self._shown = _shown(self._words, progress.MofNCompleteColumn(), self._stream)
        self._task = self._shown.add_task("", total=None)
        self._shown.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            if self._shown is not None:
                _wipe(self._shown)


def _shown(words: str, amount: progress.ProgressColumn, stream: TextIO) -> progress.Progress:
    from rich import progress
    from rich.console import Console

    return progress.Progress(
        progress.TextColumn(words),
        progress.BarColumn(),
        amount,
        progress.TimeRemainingColumn(),
        console=Console(file=stream),
        refresh_per_second=REFRESHES_PER_S,
        transient=True,
    )


def _wipe(shown: progress.Progress) -> None:
    # a terminal that was closed meanwhile must not fail what it watches
    with contextlib.suppress(OSError):
        shown.stop()
