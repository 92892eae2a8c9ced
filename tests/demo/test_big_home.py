"""The big home that is measured on: quickly written, and true to the totals beside it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).resolve().parents[2] / "bench" / "invent_big.py"
FIELDS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_input_tokens",
    "cache_creation": "cache_creation_input_tokens",
}


def invent(folder: Path, *options: str) -> None:
    """Run the script as a benchmark does."""
    command = [sys.executable, str(SCRIPT), "--dir", str(folder), *options]
    subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=60)


def files(folder: Path) -> dict[str, bytes]:
    """All files below a folder by their path."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def count(home: Path) -> dict[str, Any]:
    """What the files hold, each event once, counted slowly from their JSON."""
    usages: dict[str, list[dict[str, int]]] = defaultdict(list)
    models: dict[str, str] = {}
    users: set[str] = set()
    sessions: set[str] = set()
    tools: dict[str, str] = {}
    stops: dict[str, str | None] = {}
    system: dict[str, dict[str, Any]] = {}
    for path in home.glob("projects/**/*.jsonl"):
        for line in path.read_bytes().splitlines():
            row = json.loads(line)
            inner = row["data"]["message"] if "message" in row.get("data", ()) else row
            if row.get("isSidechain") is False:
                sessions.add(row["sessionId"])
            if inner["type"] == "user":
                users.add(inner["uuid"])
            elif inner["type"] == "system":
                system[inner["uuid"]] = inner
            elif inner["type"] == "assistant":
                message = inner["message"]
                usages[message["id"]].append(message["usage"])
                models[message["id"]] = message["model"]
                stops[message["id"]] = message["stop_reason"]
                blocks = [one for one in message["content"] if one["type"] == "tool_use"]
                tools.update((one["id"], one["name"]) for one in blocks)
    totals: dict[str, Any] = {name: Counter() for name in FIELDS}
    for message_id, rows in usages.items():
        for name, field in FIELDS.items():
            totals[name][models[message_id]] += max(row[field] for row in rows)
    subtypes = Counter(row["subtype"] for row in system.values())
    return {
        **totals,
        "responses": len(usages),
        "user_rows": len(users),
        "sessions": len(sessions),
        "tool_calls": Counter(tools.values()),
        "stop_reasons": Counter(stop for stop in stops.values() if stop is not None),
        "api_errors": subtypes["api_error"],
        "compactions": subtypes["compact_boundary"],
        "turn_durations": subtypes["turn_duration"],
        "turn_durations_ms": sum(row.get("durationMs", 0) for row in system.values()),
    }


def test_the_totals_beside_a_big_home_are_true(tmp_path: Path) -> None:
    """``truth.json`` says what a slow and obvious count of the files finds."""
    invent(tmp_path, "--size", "12MB", "--files", "200")
    truth = json.loads((tmp_path / "truth.json").read_text())
    found = count(tmp_path / "home")
    assert {name: truth[name] for name in found} == found
    lines = [line for text in files(tmp_path / "home").values() for line in text.splitlines()]
    assert truth["lines"] == len(lines)
    assert truth["size_bytes"] == sum(map(len, files(tmp_path / "home").values()))
    assert all(truth[name] for name in ("api_errors", "compactions", "stop_reasons"))


def test_a_big_home_is_the_same_for_the_same_arguments(tmp_path: Path) -> None:
    """Seed, size and end decide every byte, so that figures can be compared."""
    options = ("--size", "1MB", "--files", "12", "--end", "1790000000")
    invent(tmp_path / "one", *options)
    invent(tmp_path / "same", *options)
    invent(tmp_path / "other", *options, "--seed", "2")
    assert files(tmp_path / "one") == files(tmp_path / "same")
    assert files(tmp_path / "one") != files(tmp_path / "other")


def test_a_home_that_grows_keeps_what_it_had(tmp_path: Path) -> None:
    """As many files as asked for have whole rows appended, and nothing else changes."""
    invent(tmp_path, "--size", "1MB", "--files", "12")
    before = files(tmp_path / "home")
    invent(tmp_path, "--grow", "3")
    after = files(tmp_path / "home")
    grown = {path for path, content in after.items() if content != before[path]}
    assert len(grown) == 3
    assert before.keys() == after.keys()
    assert all(after[path].startswith(before[path]) for path in grown)
    assert all(json.loads(line) for path in grown for line in after[path].splitlines())
