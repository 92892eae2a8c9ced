"""What a tool call is in the story: how it is asked for, what it answers, and what comes of it.

A call here is only an idea of one: it has no id and is counted by whoever makes it happen.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from ccpush.demo.rows import Row

Ending = Literal["ok", "error", "denied", "interrupted"]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that an edit added to a file and took out of it."""

    added: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call and its answer; ``seconds`` is how long it takes at most.

    ``lines`` are what its structured result shows, ``lines_asked_for`` what can be told from its
    arguments alone. ``source`` is who decided on an edit. ``denial`` is how versions that say why
    a call was not made spell it. ``proposes``: the address of a pull request, empty when none was
    printed, None when it proposes nothing.
    """

    name: str
    arguments: Row
    text: str
    result: object
    error: bool = False
    seconds: float = 4.0
    ending: Ending = "ok"
    source: str = "unknown"
    denial: str | None = None
    lines: Lines = Lines()
    lines_asked_for: Lines = Lines()
    commits: int = 0
    proposes: str | None = None
    as_blocks: bool = False

    @property
    def suffix(self) -> str:
        """The edited file's suffix with its dot; empty when it has none, or no file is edited."""
        path = self.arguments.get("file_path") or self.arguments.get("notebook_path") or ""
        return PurePosixPath(str(path)).suffix

    @property
    def content(self) -> object:
        """The text as its block holds it."""
        return [{"type": "text", "text": self.text}] if self.as_blocks else self.text
