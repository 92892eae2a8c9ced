"""Writes a big Claude home fast, for measuring, and its true totals into ``truth.json`` beside it.

The same arguments (with ``--end``) give the same bytes; a gigabyte takes a few seconds.

    python bench/invent_big.py --dir /tmp/big --size 1GB --files 2400 --seed 1
    python bench/invent_big.py --dir /tmp/big --grow 3
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import random
import re
import time
from collections.abc import Sequence
from pathlib import Path

from inventor import Inventor, Session, Totals
from lines import File

_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}
_DAYS = 28
_FOLDERS = 24
_SUBAGENT_SHARE = 0.33


def made_by() -> str:
    """What tells apart homes that were invented in different ways: a digest of the inventor."""
    here = Path(__file__).resolve()
    parts = (here.with_name(f"{name}.py") for name in ("invent_big", "inventor", "calls", "lines"))
    return hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()[:16]


def file_sizes(rng: random.Random, total_bytes: int, files: int) -> list[int]:
    """Skewed sizes (half are under a third of a megabyte in a real home) with the given sum."""
    drawn = [math.exp(rng.gauss(0, 1.3)) for _ in range(files)]
    scale = total_bytes / sum(drawn)
    return [int(one * scale) for one in drawn]


def invent_big(folder: Path, *, size_bytes: int, files: int, seed: int, end_s: float) -> Totals:
    """Write ``folder/home`` and ``folder/truth.json``; the newest rows are of ``end_s``."""
    inventor = Inventor(seed)
    rng, totals = inventor.rng, inventor.totals
    sizes = file_sizes(rng, size_bytes, files)
    plans: list[list[int]] = []
    for size in sizes:
        if plans and rng.random() < _SUBAGENT_SHARE:
            # much of a subagent's file is there twice: the rest of its share is in the main file
            plans[-1].append(size // 2)
        else:
            plans.append([size])
    step_ms = _DAYS * 86_400_000 // len(plans)
    # a day is left at the end, so that no session runs on past it
    first_ms = int(end_s * 1000) - (_DAYS + 1) * 86_400_000
    for number, plan in enumerate(plans):
        path = f"projects/-home-robin-p{number % _FOLDERS}/{inventor.names.uuid().decode()}"
        began_ms = first_ms + number * step_ms
        for name, lines in Session(inventor, path, began_ms).files(plan):
            totals.size_bytes += _write(folder / "home" / name, lines, began_ms)
            totals.lines += len(lines)
            totals.files += 1
    truth = {**_plain(totals), "end_s": end_s, "made_by": made_by()}
    (folder / "truth.json").write_text(json.dumps(truth, indent=1))
    return totals


def _plain(totals: Totals) -> dict[str, object]:
    return {name: getattr(totals, name) for name in Totals.__slots__}


def _write(path: Path, lines: list[bytes], modified_ms: int) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb", buffering=1 << 20) as file:
        file.writelines(lines)
        size = file.tell()
    os.utime(path, (modified_ms / 1000, modified_ms / 1000))
    return size


def newest_sessions(home: Path, count: int) -> list[Path]:
    """The main files changed last: those that somebody may be working in."""
    paths = home.glob("projects/*/*.jsonl")
    return sorted(paths, key=lambda path: path.stat().st_mtime)[-count:]


class Grower:
    """Appends what some turns leave in a session's file, never the same twice."""

    def __init__(self, seed: int) -> None:
        self._inventor = Inventor(seed)

    def grow(self, paths: Sequence[Path], *, now_s: float, size_bytes: int = 26_000) -> None:
        """Let each of these main files grow by about that much."""
        for path in paths:
            main = File(b"grown", path.stem.encode(), newer=False, agent_id=b"")
            lines: list[bytes] = []
            while sum(map(len, lines)) < size_bytes:
                self._inventor.response(main, lines, int(now_s * 1000))
                self._inventor.answer(main, lines, int(now_s * 1000))
            with path.open("ab") as file:
                file.writelines(lines)


def parse_size(text: str) -> int:
    """``100MB`` or ``1.5GB`` in bytes."""
    match = re.fullmatch(r"([0-9.]+) *([KMG]B)", text.upper())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 100MB or 1GB")
    return int(float(match[1]) * _UNITS[match[2]])


def main() -> None:
    """Parse, write, say what was written."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--size", type=parse_size, default=parse_size("1GB"))
    parser.add_argument("--files", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--end", type=float, default=None, help="seconds since 1970; default: now")
    parser.add_argument("--grow", type=int, help="append to that many files of a home made before")
    given = parser.parse_args()
    if given.grow is not None:
        now_s = time.time()
        grown = newest_sessions(given.dir / "home", given.grow)
        Grower(time.time_ns()).grow(grown, now_s=now_s)
        return
    began = time.perf_counter()
    end_s = time.time() if given.end is None else given.end
    totals = invent_big(
        given.dir, size_bytes=given.size, files=given.files, seed=given.seed, end_s=end_s
    )
    took_s = time.perf_counter() - began
    print(
        f"{totals.size_bytes / 1e6:,.0f} MB, {totals.files:,} files, {totals.lines:,} lines, "
        f"{totals.responses:,} responses in {took_s:.1f} s"
    )


if __name__ == "__main__":
    main()
