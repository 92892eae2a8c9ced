"""What a first scan costs: everything into a fresh ledger, beside programs that only read.

The totals that the scan says are held against the invented truth: a fast wrong scan is a failure.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from measure import Cost, FailedRunError, interleaved, run_once, table
from setting import HERE, Bench, Goal, ccpush

_SCAN = "ccpush push, no sink"
_FAMILIES = {
    "claude_model_input_tokens": "input",
    "claude_model_output_tokens": "output",
    "claude_model_cache_read_tokens": "cache_read",
    "claude_model_cache_create_tokens": "cache_creation",
}
_PLAIN = {
    "claude_total_sessions": "sessions",
    "claude_api_errors_total": "api_errors",
    "claude_compact_events_total": "compactions",
    "claude_turn_duration_seconds_count": "turn_durations",
}


def cold(bench: Bench) -> None:
    """Measure, print, and note the goals."""
    size, files = ("100MB", 240) if bench.quick else ("1GB", 2400)
    home, truth = bench.home("cold", size, files)
    state = bench.folder / "cold-state"
    paths = [str(path) for path in sorted(home.glob("projects/**/*.jsonl"))]
    parse = [sys.executable, str(HERE / "json_lines.py"), str(home)]
    # without a sink a push only fills the ledger; what it filled it with is asked afterwards
    scan = bench.contender(_SCAN, ccpush("push", home, state), lambda: _fresh(state))
    asked = bench.contender("ccpush metrics", ccpush("metrics", home, state))
    contenders = [
        bench.contender("cat", ["cat", *paths]),
        bench.contender("grep -c usage", ["grep", "-c", "usage", *paths]),
        bench.contender("json.loads", parse),
        scan,
    ]
    costs = interleaved(contenders, bench.rounds)
    _print(costs, truth, len(paths))
    run_once(asked)
    _check(asked.output.read_text(), truth)
    scanned, grep = costs[_SCAN], costs["grep -c usage"]
    kept_bytes = sum(path.stat().st_size for path in state.rglob("*") if path.is_file())
    bench.goals += [
        Goal("cold scan, of the time of grep -c", scanned.wall_s / grep.wall_s, 2, " x"),
        Goal("cold scan, peak RSS", scanned.rss_mb, 80, " MB"),
        Goal("ledger, per response", kept_bytes / truth["responses"], 160, " B"),
    ]


def _fresh(state: Path) -> None:
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(mode=0o700)


def _print(costs: Mapping[str, Cost], truth: Mapping[str, Any], files: int) -> None:
    size_gb = truth["size_bytes"] / 1e9
    grep = costs["grep -c usage"]
    lines = []
    for name, cost in costs.items():
        figures = (cost.wall_s, cost.cpu_s, size_gb / cost.wall_s, cost.wall_s / grep.wall_s)
        lines.append([name, *(f"{figure:.2f}" for figure in figures), cost.rss])
    title = f"\nCold scan: {size_gb:.2f} GB, {files:,} files, {truth['lines']:,} lines"
    print(table(title, ["", "wall s", "CPU s", "GB/s", "x grep", "RSS MB"], lines))


def _check(exposition: str, truth: Mapping[str, Any]) -> None:
    """Raise FailedRunError unless what was said is what was invented."""
    said: dict[str, dict[str, float]] = {name: {} for name in _FAMILIES.values()}
    plain: dict[str, float] = {}
    for name, labels, value in re.findall(r"^(\w+)(?:\{(.*)\})? (\S+)$", exposition, re.MULTILINE):
        if name in _FAMILIES:
            model = re.search(r'model="([^"]+)"', labels)
            said[_FAMILIES[name]][model[1] if model else ""] = float(value)
        elif name in _PLAIN:
            plain[_PLAIN[name]] = float(value)
    for name, found in {**said, **plain}.items():
        if found != truth[name]:
            raise FailedRunError(f"{name}: ccpush says {found}, truly {truth[name]}")
    if len(plain) != len(_PLAIN):
        raise FailedRunError(f"the exposition lacks {set(_PLAIN.values()) - set(plain)}")
    print("  totals: exact")
