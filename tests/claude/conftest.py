"""A home and a reader over it, in UTC unless a test says otherwise."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import homes
import pytest


@pytest.fixture(autouse=True)
def _utc() -> Iterator[None]:
    """Days begin at midnight UTC, wherever the tests run."""
    with homes.zone("UTC"):
        yield


@pytest.fixture
def home(tmp_path: Path) -> homes.Home:
    """An empty Claude home."""
    return homes.Home(tmp_path / "home")


@pytest.fixture
def reader(tmp_path: Path, home: homes.Home) -> homes.Reader:
    """A new ledger over the home."""
    return homes.Reader(tmp_path / "state", home)


@pytest.fixture
def as_nobody(tmp_path: Path) -> Iterator[Path]:
    """A folder, used as a user for whom modes hold: root, who ignores them, becomes nobody."""
    if os.geteuid() != 0:
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(prefix="ccpush-nobody-"))
    nobody = 65_534
    os.chown(folder, nobody, nobody)
    os.seteuid(nobody)
    try:
        yield folder
    finally:
        os.seteuid(0)
        shutil.rmtree(folder)
