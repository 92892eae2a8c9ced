"""Real transcripts, which lie in ``shared/data`` beside the checkout and are only read."""

from __future__ import annotations

from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data; absent from most checkouts."""
    if not (DATA / "expected_totals.tsv").is_file():
        pytest.skip("the real transcripts are not beside this checkout (../shared/data)")
    return DATA
