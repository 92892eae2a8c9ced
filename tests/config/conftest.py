"""A user's machine without any settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from config_machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """An invented user's folders, empty."""
    folders = [tmp_path / name for name in ("home", "config", "state", "run", "cache")]
    for folder in folders:
        folder.mkdir()
    return Machine(*folders)
