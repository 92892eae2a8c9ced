"""What happens when: the sessions of an invented home, before a single row is written.

Sixty days hold fewer sessions on weekends, none in a holiday week, and one that is still going on.
The version of Claude Code moves on with time, and with it what can be met on disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Literal

from ccpush.demo.chance import Chance

_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS
# no session outlasts this, so the next one of a pair can be set after it
_LONGEST_MS = 2 * _HOUR_MS
_ACTIVE_FOR_MS = 50 * _MINUTE_MS
_HOLIDAY_BEGINS, _HOLIDAY_DAYS = 0.56, 6


@dataclass(frozen=True, slots=True)
class Model:
    """A model as rows spell it, and the name that all its spellings come to."""

    spelling: str
    name: str


OPUS = Model("claude-opus-4-6", "claude-opus-4-6")
SONNET = Model("claude-sonnet-5", "claude-sonnet-5")
HAIKU = Model("claude-haiku-4-5-20251001", "claude-haiku-4-5-20251001")
# the same model through Bedrock
HAIKU_BEDROCK = Model("us.anthropic.claude-haiku-4-5-20251001-v1:0", HAIKU.name)


@dataclass(frozen=True, slots=True)
class Project:
    """A folder that somebody works in; ``model`` is what they use there."""

    cwd: str
    branch: str
    suffix: str
    model: Model
    small_model: Model
    weight: int


PROJECTS = (
    Project("/home/robin/code/orchard-api", "main", ".py", OPUS, HAIKU, 5),
    Project("/home/robin/code/tidewatch", "feat/tide-tables", ".ts", SONNET, HAIKU, 4),
    Project("/home/robin/code/larder", "main", ".go", OPUS, HAIKU_BEDROCK, 2),
    Project("/home/robin/notes.site", "", ".md", HAIKU_BEDROCK, HAIKU_BEDROCK, 1),
)

# A scene is one thing worth showing that happens in a session besides ordinary turns.
Scene = Literal[
    "subagent",
    "lost_subagent",
    "compaction",
    "retries",
    "refused",
    "fork",
    "web",
    "aside",
    "workflow",
    "command",
    "scripted",
    "plain",
]


@dataclass(frozen=True, slots=True)
class Era:
    """A version of Claude Code and how it writes; ``until`` is a share of the days told.

    ``final_usage``: every row of a response bears its final usage, in main files.
    ``stop_reason_chance``: how often a response's rows bear its stop reason at all.
    """

    version: str
    until: float
    envelope_last: bool
    subagents: Literal["inline", "flat", "folder"]
    progress_rows: bool
    final_usage: bool
    stop_reason_chance: float
    scenes: tuple[Scene, ...]


ERAS = (
    Era("1.0.108", 0.08, False, "inline", False, False, 0.2, ("subagent", "plain", "retries")),
    Era(
        "2.0.55", 0.24, False, "flat", False, False, 0.25, ("subagent", "fork", "compaction", "web")
    ),
    Era(
        "2.1.39",
        0.58,
        False,
        "folder",
        True,
        False,
        0.04,
        ("subagent", "compaction", "lost_subagent", "retries", "fork", "web", "plain", "refused"),
    ),
    Era(
        "2.1.114",
        0.74,
        True,
        "folder",
        False,
        True,
        1.0,
        ("subagent", "compaction", "web", "command", "fork", "scripted"),
    ),
    Era(
        "2.1.270",
        1.01,
        True,
        "folder",
        False,
        True,
        1.0,
        ("workflow", "subagent", "fork", "aside", "retries", "compaction", "scripted", "refused"),
    ),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """One session: where, when (milliseconds since 1970), how long, and what happens in it."""

    project: Project
    era: Era
    scene: Scene
    start_ms: int
    limit_ms: int
    turns: int
    active: bool = False


def sessions_per_day(chance: Chance, day: date, *, holiday: bool) -> int:
    """How many sessions somebody begins on such a day."""
    if holiday:
        return 0
    if day.weekday() >= 5:
        return chance.choices((0, 1), (3, 1))[0]
    return chance.choices((1, 2, 3, 4), (3, 5, 3, 1))[0]


def _start_ms(chance: Chance, day: date, zone: tzinfo) -> int:
    """Some moment of a working day: mostly morning or afternoon, now and then the evening."""
    hour = chance.choices((9.5, 14.5, 20.5), (4, 4, 1))[0] + chance.gauss(0, 0.8)
    midnight = datetime.combine(day, time(), zone)
    return int(midnight.timestamp() * 1000) + int(hour * _HOUR_MS)


def _starts(chance: Chance, end_ms: int, days: int, zone: tzinfo) -> list[int]:
    today = datetime.fromtimestamp(end_ms / 1000, zone).date()
    starts: list[int] = []
    for number in range(days):
        day = today - timedelta(days=days - 1 - number)
        since_holiday = number - int(days * _HOLIDAY_BEGINS)
        holiday = days >= 30 and 0 <= since_holiday < _HOLIDAY_DAYS
        # the first day is never idle: where the transcripts begin is part of the story
        count = max(sessions_per_day(chance, day, holiday=holiday), number == 0)
        starts += [_start_ms(chance, day, zone) for _ in range(count)]
    newest = end_ms - _LONGEST_MS - _ACTIVE_FOR_MS
    return sorted(start for start in starts if start <= newest)


def _era(share: float) -> Era:
    return next(era for era in ERAS if share < era.until)


def plot(chance: Chance, *, end_ms: int, days: int, zone: tzinfo) -> list[Plan]:
    """All sessions in the order in which they begin; the last one is active at ``end_ms``."""
    plans: list[Plan] = []
    met: dict[str, int] = {}
    first_ms = end_ms - days * 24 * _HOUR_MS
    for start_ms in _starts(chance, end_ms, days, zone):
        era = _era(max(0.0, (start_ms - first_ms) / (end_ms - first_ms)))
        turn = met[era.version] = met.get(era.version, -1) + 1
        plans.append(
            Plan(
                project=chance.choices(PROJECTS, [project.weight for project in PROJECTS])[0],
                era=era,
                scene=era.scenes[turn % len(era.scenes)],
                start_ms=start_ms,
                limit_ms=start_ms + _LONGEST_MS,
                turns=chance.randrange(2, 9),
            )
        )
    active_start_ms = end_ms - _ACTIVE_FOR_MS
    plans.append(
        Plan(PROJECTS[0], ERAS[-1], "subagent", active_start_ms, end_ms, turns=6, active=True)
    )
    return plans
