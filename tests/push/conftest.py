"""A ledger to push from, for every test of remote-write here."""

from __future__ import annotations

from pathlib import Path

import pytest
from push_ledger import MESSAGES, Books


@pytest.fixture
def books(tmp_path: Path) -> Books:
    """A ledger in which something happened ten minutes ago and five."""
    made = Books(tmp_path)
    made.grow((MESSAGES, 10, 3), (MESSAGES, 5, 4))
    return made
