"""Which transcript files there are, under all Claude homes, main transcripts first.

Recursive, because subagents and workflows write below their session. Follows symlinks once, opens
nothing, and says by reason what looks like a transcript but is none.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

# Deeper than anything Claude Code makes (projects/<slug>/<session>/subagents/workflows/<run>/).
MAX_DEPTH: Final = 12
_SIGN: Final = 1 << 63
_NO_TRANSCRIPTS: Final = frozenset({"journal.jsonl"})


class FoundFile(NamedTuple):
    """A transcript as the file system shows it at this moment."""

    path: str
    device: int
    inode: int
    size: int
    mtime_ns: int


class Found(msgspec.Struct):
    """What a walk found. ``skipped`` counts, by reason, what cannot be read as a transcript."""

    main: list[FoundFile] = msgspec.field(default_factory=list)
    sub: list[FoundFile] = msgspec.field(default_factory=list)
    skipped: Counter[str] = msgspec.field(default_factory=Counter)
    # homes that exist
    homes: list[Path] = msgspec.field(default_factory=list)

    def in_order(self) -> list[FoundFile]:
        """All files; main transcripts first, so that their rows outrank copies in subagents'."""
        return self.main + self.sub

    @property
    def complete(self) -> bool:
        """Whether there is a home and every folder could be listed.

        If not, what was not found may still exist.
        """
        return bool(self.homes) and not self.skipped["folder_unreadable"]

    @property
    def usable(self) -> bool:
        """Whether an account can be made of it: one closed folder does not hide all others."""
        return self.complete or bool(self.main or self.sub)


def as_signed(number: int) -> int:
    """Fold a device or inode number, unsigned on some systems, into what SQLite can keep."""
    return number if number < _SIGN else number - 2 * _SIGN


def find_transcripts(homes: Iterable[Path]) -> Found:
    """Walk ``projects/`` of every home; never raises for what it finds there."""
    found = Found()
    visited: set[tuple[int, int]] = set()
    for home in homes:
        if os.path.isdir(home):  # noqa: PTH112
            found.homes.append(home)
        projects = home / "projects"
        try:
            info = projects.stat()
        except PermissionError:
            found.skipped["folder_unreadable"] += 1
            continue
        except OSError:
            # no such folder yet, or a link that leads nowhere
            continue
        key = (info.st_dev, info.st_ino)
        if stat.S_ISDIR(info.st_mode) and key not in visited:
            visited.add(key)
            _Walk(found, visited, os.path.realpath(projects)).down(str(projects), 0, sub=False)
    return found


class _Walk(NamedTuple):
    found: Found
    # (device, inode) of files, and of folders that links led to
    visited: set[tuple[int, int]]
    root: str

    def down(self, folder: str, depth: int, *, sub: bool) -> None:
        try:
            with os.scandir(folder) as entries:
                listed = list(entries)
        except OSError:
            self.found.skipped["folder_unreadable"] += 1
            return
        found, visited = self.found, self.visited
        for entry in listed:
            name = entry.name
            if name.endswith(".jsonl"):
                _add(entry, name, found, visited, sub)
            elif depth < MAX_DEPTH and self._is_new_folder(entry):
                self.down(entry.path, depth + 1, sub=sub or name == "subagents")

    def _is_new_folder(self, entry: os.DirEntry[str]) -> bool:
        try:
            if entry.is_dir(follow_symlinks=False):
                return True
            if not entry.is_symlink():
                return False
            info = entry.stat()
        except OSError:
            # a dangling or looping link that does not even claim to be a transcript
            return False
        key = (info.st_dev, info.st_ino)
        if not stat.S_ISDIR(info.st_mode) or key in self.visited:
            return False
        self.visited.add(key)
        # what lies below the root is walked without the link
        target = os.path.realpath(entry.path) + os.sep
        return not target.startswith(self.root + os.sep)


def _add(
    entry: os.DirEntry[str],
    name: str,
    found: Found,
    visited: set[tuple[int, int]],
    sub: bool,
) -> None:
    if name in _NO_TRANSCRIPTS:
        return
    if ".orphaned" in name or ".superseded" in name:
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
    device, inode = info.st_dev, info.st_ino
    key = (device, inode) if inode < _SIGN > device else (as_signed(device), as_signed(inode))
    if key in visited:
        found.skipped["same_file"] += 1
        return
    visited.add(key)
    into = found.sub if sub or name.startswith("agent-") else found.main
    # FoundFile(...) would make the tuple twice, thousands of times a tick
    made = tuple.__new__(FoundFile, (entry.path, *key, info.st_size, info.st_mtime_ns))
    into.append(made)
