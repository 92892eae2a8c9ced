"""How far a receiver was offered, as something else than the ledger remembers it.

A ledger that was put back from a copy believes its own word. A small file outside its folder knows
better; where it is missing, as on a new machine, it says nothing. Only a second line of defence:
that it cannot be written is no reason not to push.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path


class Witness:
    """The mark for one receiver, kept below ``folder``."""

    def __init__(self, folder: Path, *who: str) -> None:
        name = hashlib.sha256("\n".join(who).encode()).hexdigest()[:16]
        self._path = folder / f"offered-{name}"
        self._known: int | None = None

    def through(self) -> int:
        """Return the newest step that was offered, -1 when nothing tells."""
        try:
            text = self._path.read_text(encoding="ascii", errors="replace").strip()
        except OSError:
            # not there: then it says nothing
            return -1
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1

    def note(self, step: int) -> None:
        """Remember that ``step`` is about to be offered."""
        if step == self._known:
            return
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.write_text(f"{step}\n", encoding="ascii")
            new.replace(self._path)
            self._known = step

    def forget(self) -> None:
        """Remove the mark."""
        self._known = None
        with contextlib.suppress(OSError):
            self._path.unlink()
