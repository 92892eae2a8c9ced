"""A laptop that the first release has pushed from: its sessions, and what receivers have of it.

    release = the_release("unpacked", tmp_path)
    release.tick(laptop)
    assert brought(kept(prometheus, "ada", at_s)) == {}

What is *new* is what came with cost and outcome; all else the first release had already.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import homes
import tool_rows
from brought_metrics import COUNTED, MONEY
from central import DAY_S, HOUR_S, NOON_S, settle
from first_release import Imitated, Release, Unpacked
from homes import Row
from laptops import Clock, Laptop
from slow_rows import Key, key_of

from ccpush.demo.invent import invent_home
from ccpush.metrics.catalogue import CATALOGUE

if TYPE_CHECKING:
    import servers
    from strict import StrictReceiver

Labels = tuple[tuple[str, str], ...]
# every sample of every series of a laptop
Kept = Mapping[Labels, dict[float, float]]

SESSIONS = "claude_code_session_count_total"
NEW = COUNTED | MONEY
OLD_COUNTERS = frozenset(m.name for m in CATALOGUE if m.type == "counter" and m.families) - NEW
# of a session that is left
LEFT = "nobodys-model"
RELEASES = ("imitated", "unpacked")
# the first push of the first release; nobody was at work just before
BEGIN_S = NOON_S - HOUR_S
# what every series has of who sends it
SENDERS = ("instance", "job", "user")


def the_release(name: str, folder: Path) -> Release:
    """The first release, by today's code or by its own."""
    return Imitated() if name == "imitated" else Unpacked(folder)


def session(name: str, at_s: float, model: str) -> list[Row]:
    """A session that adds to every metric there is."""
    one, two, three, four = (f"{name}-{number}" for number in range(4))
    limits = {"trigger": "manual", "preTokens": 160_000, "postTokens": 9_000}
    rows = [
        homes.user(at_s=at_s),
        homes.assistant(
            one, at_s=at_s + 5, stop="end_turn", cache_read=5000, flat=90, searches=1, fetches=1
        ),
        homes.assistant(two, at_s=at_s + 9, model=model, output=700),
        tool_rows.edit(three, at_s=at_s + 15),
        tool_rows.result(three, detail=tool_rows.patch("+a", "+b", "-c"), at_s=at_s + 20),
        *tool_rows.bash("git commit -m words", call_id=two, at_s=at_s + 25),
        tool_rows.call(four, "Read", at_s=at_s + 30),
        tool_rows.result(four, "no such file", error=True, at_s=at_s + 31),
        homes.api_error(1, at_s=at_s + 40),
        {**homes.compact_boundary(160_000, at_s=at_s + 41), "compactMetadata": limits},
        homes.turn_duration(9000, at_s=at_s + 42),
        tool_rows.attachment(
            "hook_success", hookEvent="PostToolUse", durationMs=1500, at_s=at_s + 43
        ),
        tool_rows.pr_link(f"https://github.com/somebody/{name}/pull/1", at_s=at_s + 44),
    ]
    return [{**row, "sessionId": name} for row in rows]


def transcript(laptop: Laptop, name: str) -> homes.Transcript:
    """A session's file."""
    return homes.Transcript(laptop.home / "projects" / "-home-app" / f"{name}.jsonl")


def kept(server: servers.Server, instance: str, at_s: float) -> Kept:
    """Every sample that a real server has of a laptop; none may be there twice."""
    settle(server)
    found = {}
    for one in server.query(f'{{instance="{instance}"}}[40d]', at_s):
        points = {float(ts_s): float(value) for ts_s, value in one["values"]}
        assert len(points) == len(one["values"]), f"twice: {one['metric']}"
        found[tuple(sorted(one["metric"].items()))] = points
    return found


def kept_strictly(receiver: StrictReceiver) -> Kept:
    """The same of a strict receiver."""
    return {
        tuple(sorted(labels)): {ts_ms / 1000: value for ts_ms, value in points}
        for labels, points in receiver.samples.items()
    }


def name_of(labels: Labels) -> str:
    """A series' name."""
    return dict(labels)["__name__"]


def brought(found: Kept) -> Kept:
    """What is new, without the labels of who sends it."""
    return {
        tuple(pair for pair in labels if pair[0] not in SENDERS): points
        for labels, points in found.items()
        if name_of(labels) in NEW
    }


def fresh_laptop(laptop: Laptop, *ways: Any) -> Laptop:
    """Another machine that reads the same transcripts, with a ledger of its own."""
    fresh = Laptop(laptop.root.parent / f"{laptop.root.name} anew", laptop.clock, *ways)
    fresh.home = laptop.home
    return fresh


def left_by_the_first_release(laptop: Laptop, clock: Clock) -> Laptop:
    """Let it have pushed ten minutes ago; something has happened since."""
    invent_home(laptop.home, end=BEGIN_S - 2 * HOUR_S, days=2)
    transcript(laptop, "left").write(*session("left", BEGIN_S - DAY_S, LEFT), at_s=BEGIN_S - DAY_S)
    assert Imitated().tick(laptop) == {"central": "delivered"}
    clock.forward(600)
    laptop.use(ago_s=60, output=10)
    return laptop


def increases(
    server: servers.Server, names: frozenset[str], instance: str, since_s: float, at_s: float
) -> dict[Key, float]:
    """By how much series grew between two moments, as PromQL says it; what did not is left out."""
    found = {}
    for name in sorted(names):
        promql = f'increase({name}{{instance="{instance}"}}[{at_s - since_s:.0f}s])'
        for one in server.query(promql, at_s):
            labels = {k: v for k, v in one["metric"].items() if k not in SENDERS}
            if amount := float(one["value"][1]):
                found[key_of(name, **labels)] = amount
    return found
