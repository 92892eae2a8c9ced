"""A baseline: parse every line of every transcript with the standard library and keep nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> None:
    """Parse all transcripts below the home given."""
    lines = 0
    for path in Path(sys.argv[1]).glob("projects/**/*.jsonl"):
        with path.open("rb") as file:
            for line in file:
                json.loads(line)
                lines += 1
    print(lines)


if __name__ == "__main__":
    main()
