"""Reading in steps far smaller than real ones, so that few rows make many transactions.

Also a program to be killed: ``python small_steps.py STATE_DIR HOME NOW_S`` reads a home into a
ledger, pass after pass, and writes a dot after each chunk that it kept.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ccpush.claude import tail
from ccpush.ledger.intake import Intake
from ccpush.ledger.store import open_ledger

# What tail reads and takes at once; a chunk ends at the end of such a step.
STEPS = ("BLOCK_BYTES", "BATCH_BYTES")
STEP_BYTES = 4096


def take_small_steps(patch: pytest.MonkeyPatch, step_bytes: int = STEP_BYTES) -> None:
    """Let chunks end after any few rows."""
    for name in STEPS:
        patch.setattr(tail, name, step_bytes)


def write_dot(_: int) -> None:
    """A chunk was kept."""
    os.write(1, b".")


def main() -> None:
    """Read for ever."""
    state_dir, home, now_s = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    with pytest.MonkeyPatch.context() as patch:
        take_small_steps(patch)
        while True:
            with open_ledger(state_dir, write=True) as connection:
                intake = Intake(connection, [home], now=lambda: now_s, chunk_keys=1)
                intake.run(write_dot)


if __name__ == "__main__":
    main()
