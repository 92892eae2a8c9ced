"""A home and a reader over it; days begin at midnight UTC."""

from __future__ import annotations

from pathlib import Path

import homes
import pytest


@pytest.fixture
def home(tmp_path: Path) -> homes.Home:
    """An empty Claude home."""
    return homes.Home(tmp_path / "home")


@pytest.fixture
def reader(tmp_path: Path, home: homes.Home) -> homes.Reader:
    """A new ledger over the home."""
    return homes.Reader(tmp_path / "state", home)
