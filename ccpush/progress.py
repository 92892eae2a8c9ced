"""How far a long read has come: a bar on a terminal, nothing anywhere else.

Never writes to a pipe, a file or a journal, and never fails what it watches.
"""

from __future__ import annotations

import contextlib
import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self, TextIO

# less is read in the blink of an eye; importing rich would take longer
MIN_SHOWN_BYTES = 64 * 1024 * 1024
REFRESHES_PER_S = 5


class Progress(Protocol):
    """Whoever reads tells it what was read."""

    def advance(self, size_bytes: int) -> None:
        """``size_bytes`` more are done; cheap enough for every chunk."""
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


class _Silent:
    def advance(self, size_bytes: int) -> None:
        pass


class _TerminalBar:
    def __init__(self, total_bytes: int, stream: TextIO) -> None:
        # 40 ms and more that only a terminal pays
        from rich import progress
        from rich.console import Console

        self._shown = progress.Progress(
            progress.TextColumn("Reading transcripts"),
            progress.BarColumn(),
            progress.DownloadColumn(),
            progress.TimeRemainingColumn(),
            console=Console(file=stream),
            refresh_per_second=REFRESHES_PER_S,
            transient=True,
        )
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
        # a terminal that was closed meanwhile must not fail the reading
        with contextlib.suppress(OSError):
            self._shown.stop()
