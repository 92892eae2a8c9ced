"""What ccpush costs, each figure beside its baseline of the same run; ``make bench`` runs it.

Rounds are interleaved and figures are medians. Seconds hold for one machine alone: the ratios are
what to look at, and what the goals are set on.

    python bench/run.py [--quick] [--dir DIR] [--only cold,resident,oneshot,delivery] [--before REV]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from cold import cold
from delivery import delivery
from measure import FailedRunError, table
from oneshot import oneshot
from resident import resident
from setting import Bench
from versions import DEFAULT_BEFORE

_PARTS: dict[str, Callable[[Bench], None]] = {
    "cold": cold,
    "resident": resident,
    "oneshot": oneshot,
    "delivery": delivery,
}


def main() -> None:
    """Parse, measure, print; exit 1 when something under measurement fails."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "--dir",
        type=Path,
        default=Path(tempfile.gettempdir()) / "ccpush-bench",
        help="where invented homes are kept for the next time (default: %(default)s)",
    )
    parser.add_argument("--quick", action="store_true", help="100 MB and fewer rounds")
    parser.add_argument(
        "--only", default=",".join(_PARTS), help="parts, with commas between (default: %(default)s)"
    )
    parser.add_argument(
        "--before",
        metavar="REV",
        default=DEFAULT_BEFORE,
        help="a git revision to compare with; '' for none (default: %(default)s)",
    )
    given = parser.parse_args()
    parts = given.only.split(",")
    unknown = [part for part in parts if part not in _PARTS]
    if unknown:
        parser.error(f"unknown part {unknown[0]!r}; there are {', '.join(_PARTS)}")
    given.dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    bench = Bench(given.dir.resolve(), given.quick, given.before)
    try:
        for part in parts:
            _PARTS[part](bench)
    except FailedRunError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(1)
    print(table("\nGoals", ["", "is", "goal", ""], [goal.line() for goal in bench.goals]))


if __name__ == "__main__":
    main()
