"""What a first scan costs: everything into a fresh ledger, beside programs that only read.

The totals that the scan says are held against the invented truth: a fast wrong scan is a failure.
An earlier version scans the same home in the same rounds, and what is kept of its speed is a goal.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from measure import Contender, Cost, FailedRunError, interleaved, run_once, table
from setting import HERE, Bench, Goal, ccpush
from versions import PRESENT, Version

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
    paths = [str(path) for path in sorted(home.glob("projects/**/*.jsonl"))]
    parse = [sys.executable, str(HERE / "json_lines.py"), str(home)]
    contenders = [
        bench.contender("cat", ["cat", *paths]),
        bench.contender("grep -c usage", ["grep", "-c", "usage", *paths]),
        bench.contender("json.loads", parse),
        *(_scan(bench, version, home) for version in bench.versions()),
    ]
    costs = interleaved(contenders, bench.rounds)
    _print(costs, truth, len(paths))
    for version in bench.versions():
        _check(bench, version, home, truth)
    scanned, grep = costs[_SCAN], costs["grep -c usage"]
    state = _state(bench, PRESENT)
    kept_bytes = sum(path.stat().st_size for path in state.rglob("*") if path.is_file())
    bench.goals += [
        Goal("cold scan, of the time of grep -c", scanned.wall_s / grep.wall_s, 2, " x"),
        Goal("cold scan, peak RSS", scanned.rss_mb, 80, " MB"),
        Goal("ledger, per response", kept_bytes / truth["responses"], 160, " B"),
    ]
    for earlier in bench.versions()[1:]:
        _compare(bench, scanned, costs[_name(earlier)], earlier)


def _name(version: Version) -> str:
    return _SCAN if version is PRESENT else f"{_SCAN}, {version.name}"


def _state(bench: Bench, version: Version) -> Path:
    return bench.folder / ("cold-state" if version is PRESENT else "cold-state-before")


def _scan(bench: Bench, version: Version, home: Path) -> Contender:
    """Without a sink a push only fills the ledger; what with is asked afterwards."""
    state = _state(bench, version)
    command = ccpush("push", home, state)
    return bench.contender(_name(version), command, lambda: bench.fresh(state.name), version)


def _compare(bench: Bench, now: Cost, before: Cost, version: Version) -> None:
    wall, cpu = before.wall_s / now.wall_s * 100, before.cpu_s / now.cpu_s * 100
    print(f"  speed kept, of that of {version.name}: {wall:.0f} % by the clock, {cpu:.0f} % by CPU")
    bench.goals.append(Goal("cold scan, speed kept, of that before", wall, 70, " %", is_least=True))


def _print(costs: Mapping[str, Cost], truth: Mapping[str, Any], files: int) -> None:
    size_gb = truth["size_bytes"] / 1e9
    grep = costs["grep -c usage"]
    lines = []
    for name, cost in costs.items():
        figures = (cost.wall_s, cost.cpu_s, size_gb / cost.wall_s, cost.wall_s / grep.wall_s)
        lines.append([name, *(f"{figure:.2f}" for figure in figures), cost.rss])
    title = f"\nCold scan: {size_gb:.2f} GB, {files:,} files, {truth['lines']:,} lines"
    print(table(title, ["", "wall s", "CPU s", "GB/s", "x grep", "RSS MB"], lines))


def _check(bench: Bench, version: Version, home: Path, truth: Mapping[str, Any]) -> None:
    """Raise FailedRunError unless what the scan has found is what was invented."""
    command = ccpush("metrics", home, _state(bench, version))
    asked = bench.contender(f"totals, {_name(version)}", command, version=version)
    run_once(asked)
    exposition = asked.output.read_text()
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
            raise FailedRunError(f"{name}: {version.name} says {found}, truly {truth[name]}")
    if len(plain) != len(_PLAIN):
        raise FailedRunError(f"the exposition lacks {set(_PLAIN.values()) - set(plain)}")
    print(f"  totals of {version.name}: exact")
