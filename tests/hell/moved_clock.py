"""The real command with its clock moved: ``python moved_clock.py BY_S push ...``."""

from __future__ import annotations

import sys
import time


def main() -> None:
    """Move the clock before anything of ccpush is imported, then run the command."""
    by_s = float(sys.argv.pop(1))
    real = time.time
    time.time = lambda: real() + by_s

    from ccpush.cli import main as command

    command()


if __name__ == "__main__":
    main()
