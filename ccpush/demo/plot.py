"""What happens when: the sessions of an invented home, before a single row is written.

Sixty days hold fewer sessions on weekends, none in a holiday week, and one that is still going on.
The version of Claude Code moves on with time, and with it what can be met on disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Literal

from ccpush.demo.chance import Chance
from ccpush.demo.eras import ERAS, Era, Scene, era_at
from ccpush.demo.models import Role

_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS
# no session outlasts this, so the next one of a pair can be set after it
_LONGEST_MS = 2 * _HOUR_MS
_ACTIVE_FOR_MS = 50 * _MINUTE_MS
_HOLIDAY_BEGINS, _HOLIDAY_DAYS = 0.56, 6


@dataclass(frozen=True, slots=True)
class Project:
    """A folder that somebody works in, and what its models are: its own and its subagents'.

    ``branch`` is empty outside git; ``forge`` is where changes are proposed, if anywhere.
    """

    cwd: str
    branch: str
    suffix: str
    model: Role
    small_model: Role
    weight: int
    forge: Literal["github", "gitlab", ""] = "github"


PROJECTS = (
    Project("/home/robin/code/orchard-api", "main", ".py", "large", "small", 6),
    Project("/home/robin/code/tidewatch", "feat/tide-tables", ".ts", "middle", "small", 5),
    Project("/home/robin/code/larder", "main", ".go", "large", "bedrock", 2, forge="gitlab"),
    Project("/home/robin/code/lantern", "main", ".rs", "finest", "small", 1),
    Project("/home/robin/lab/kite", "main", ".c", "foreign", "foreign", 1, forge=""),
    Project("/home/robin/notes.site", "", ".md", "bedrock", "bedrock", 1, forge=""),
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


def plot(chance: Chance, *, end_ms: int, days: int, zone: tzinfo) -> list[Plan]:
    """All sessions in the order in which they begin; the last one is active at ``end_ms``."""
    plans: list[Plan] = []
    met: dict[str, int] = {}
    first_ms = end_ms - days * 24 * _HOUR_MS
    for start_ms in _starts(chance, end_ms, days, zone):
        era = era_at(max(0.0, (start_ms - first_ms) / (end_ms - first_ms)))
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
