"""Which transcript files there are, under all Claude homes, main transcripts first.

Recursive, because subagents and workflows write below their session. Follows symlinks once, opens
nothing, and says by reason what looks like a transcript but is none.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

# Deeper than anything Claude Code makes (projects/<slug>/<session>/subagents/workflows/<run>/).
MAX_DEPTH: Final = 12
_NO_TRANSCRIPTS: Final = frozenset({"journal.jsonl"})
_SET_ASIDE: Final = (".orphaned", ".superseded")


class FoundFile(NamedTuple):
    """A transcript as the file system shows it at this moment."""

    path: str
    device: int
    inode: int
    size: int
    mtime_ns: int


@dataclass(slots=True)
class Found:
    """What a walk found. ``skipped`` counts, by reason, what cannot be read as a transcript."""

    main: list[FoundFile] = field(default_factory=list)
    sub: list[FoundFile] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    # homes that exist
    homes: list[Path] = field(default_factory=list)

    def in_order(self) -> list[FoundFile]:
        """All files; main transcripts first, so that their rows outrank copies in subagents'."""
        return self.main + self.sub

    @property
    def complete(self) -> bool:
        """Whether there is a home and every folder could be listed.

        If not, what was not found may still exist.
        """
        return bool(self.homes) and not self.skipped["folder_unreadable"]


def as_signed(number: int) -> int:
    """Fold a device or inode number, unsigned on some systems, into what SQLite can keep."""
    return number if number < 1 << 63 else number - (1 << 64)


def find_transcripts(homes: Iterable[Path]) -> Found:
    """Walk ``projects/`` of every home; never raises for what it finds there."""
    found = Found()
    visited: set[tuple[int, int]] = set()
    for home in homes:
        if home.is_dir():
            found.homes.append(home)
        projects = home / "projects"
        if projects.is_dir():
            _walk(str(projects), found, visited, depth=0, sub=False)
    return found


def _walk(
    folder: str, found: Found, visited: set[tuple[int, int]], *, depth: int, sub: bool
) -> None:
    try:
        with os.scandir(folder) as entries:
            listed = list(entries)
    except OSError:
        found.skipped["folder_unreadable"] += 1
        return
    for entry in listed:
        name = entry.name
        if name.endswith(".jsonl"):
            _add(entry, found, visited, sub=sub)
        elif depth < MAX_DEPTH and _is_folder(entry, visited):
            _walk(entry.path, found, visited, depth=depth + 1, sub=sub or name == "subagents")


def _is_folder(entry: os.DirEntry[str], visited: set[tuple[int, int]]) -> bool:
    try:
        if not entry.is_symlink():
            return entry.is_dir(follow_symlinks=False)
        found = entry.stat()
    except OSError:
        # a dangling or looping link that does not even claim to be a transcript
        return False
    key = (found.st_dev, found.st_ino)
    if not stat.S_ISDIR(found.st_mode) or key in visited:
        return False
    visited.add(key)
    return True


def _add(
    entry: os.DirEntry[str], found: Found, visited: set[tuple[int, int]], *, sub: bool
) -> None:
    name = entry.name
    if name in _NO_TRANSCRIPTS:
        return
    if any(mark in name for mark in _SET_ASIDE):
        found.skipped["set_aside"] += 1
        return
    try:
        info = entry.stat()
    except OSError:
        found.skipped["dangling_link" if entry.is_symlink() else "vanished"] += 1
        return
    if not stat.S_ISREG(info.st_mode):
        found.skipped["folder" if stat.S_ISDIR(info.st_mode) else "no_regular_file"] += 1
        return
    key = (info.st_dev, info.st_ino)
    if key in visited:
        found.skipped["same_file"] += 1
        return
    visited.add(key)
    into = found.sub if sub or name.startswith("agent-") else found.main
    into.append(
        FoundFile(entry.path, as_signed(key[0]), as_signed(key[1]), info.st_size, info.st_mtime_ns)
    )
