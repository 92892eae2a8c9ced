"""Which folders are Claude homes: those given, else the two that Claude Code uses by itself.

Only names them: whether one exists is for the reader of transcripts to find out, each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

PROJECTS = "projects"


def given_homes(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The homes meant by the paths given: a home, or the ``projects`` folder in it."""
    return _distinct(_home_of(path) for path in paths)


def default_homes(home: Path, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """``~/.claude`` and ``~/.config/claude`` (XDG_CONFIG_HOME), of which any may be missing."""
    config = environ.get("XDG_CONFIG_HOME", "")
    # the XDG specification wants relative paths ignored
    base = Path(config) if config.startswith("/") else home / ".config"
    return _distinct((home / ".claude", base / "claude"))


def _home_of(path: Path) -> Path:
    if path.name != PROJECTS:
        return path
    try:
        (path / PROJECTS).stat()
    except OSError:
        return path.parent
    # a home that happens to be called projects
    return path


def _distinct(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The first of all paths that lead to the same folder; a folder read twice costs time."""
    by_real_path: dict[str, Path] = {}
    for path in paths:
        by_real_path.setdefault(os.path.realpath(path), path)
    return tuple(by_real_path.values())
