"""What stats-cache.json remembers of days whose transcripts are gone.

It is refreshed only now and then, counts every row (about twice the tokens), and may shrink; so it
is only ever asked about days that the transcripts no longer cover. Versions 1 to 5. Other tools use
the same file name: a file without Claude Code's keys is refused, not guessed at.
"""

from __future__ import annotations

import os
import stat
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from ccpush.claude.facts import MAX_TOKENS
from ccpush.claude.model_names import normalise

FILE_NAME: Final = "stats-cache.json"
# Three years of days with ten models are under 1 MB.
MAX_BYTES: Final = 16 << 20
VERSIONS: Final = range(1, 6)
TOKEN_TYPES: Final = ("input", "output", "cacheRead", "cacheCreation")
# From this value of dailyModelTokensVersion on, the daily number includes cache tokens.
_DAILY_WITH_CACHE: Final = 5


class StatsCacheError(Exception):
    """The file cannot be used; ``reason`` is a label value. Nothing is imported from it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Activity(msgspec.Struct):
    date: str
    messageCount: int = 0  # noqa: N815
    sessionCount: int = 0  # noqa: N815
    toolCallCount: int = 0  # noqa: N815


class _DayTokens(msgspec.Struct):
    date: str
    tokensByModel: dict[str, int]  # noqa: N815


class _ModelUsage(msgspec.Struct):
    inputTokens: int = 0  # noqa: N815
    outputTokens: int = 0  # noqa: N815
    cacheReadInputTokens: int = 0  # noqa: N815
    cacheCreationInputTokens: int = 0  # noqa: N815


class _File(msgspec.Struct):
    version: int
    lastComputedDate: str | None  # noqa: N815
    dailyActivity: list[_Activity]  # noqa: N815
    dailyModelTokens: list[_DayTokens]  # noqa: N815
    modelUsage: dict[str, _ModelUsage]  # noqa: N815
    hourCounts: dict[str, int] = {}  # noqa: N815
    dailyModelTokensVersion: int | None = None  # noqa: N815


class RememberedDay(msgspec.Struct, frozen=True):
    """One local day: what was counted on it, and each model's tokens by TOKEN_TYPES."""

    messages: int
    sessions: int
    tool_calls: int
    tokens: dict[str, tuple[int, int, int, int]]


class Remembered(msgspec.Struct, frozen=True):
    """All that the cache knows by day; ``sessions_by_hour`` is over its whole life."""

    days: dict[date, RememberedDay]
    sessions_by_hour: dict[int, int]


class Stamp(msgspec.Struct, frozen=True):
    """Tells one state of the file from another."""

    size: int
    mtime_ns: int


def stamp(home: Path) -> Stamp | None:
    """Return the file's present stamp, None when there is no such file."""
    try:
        info = (home / FILE_NAME).stat()
    except OSError:
        return None
    return Stamp(info.st_size, info.st_mtime_ns) if stat.S_ISREG(info.st_mode) else None


def read_stats_cache(home: Path) -> Remembered:
    """Read and check the file; raises StatsCacheError."""
    raw = _read(home / FILE_NAME)
    try:
        found = msgspec.json.decode(raw, type=_File)
    except msgspec.ValidationError:
        raise StatsCacheError("not_claudes") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise StatsCacheError("not_json") from None
    if found.version not in VERSIONS:
        raise StatsCacheError("unknown_version")
    _refuse_impossible(found)
    return Remembered(_days(found), _hours(found.hourCounts))


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb", opener=open_without_waiting) as opened:
            raw = opened.read(MAX_BYTES + 1)
    except OSError:
        raise StatsCacheError("unreadable") from None
    if len(raw) > MAX_BYTES:
        raise StatsCacheError("too_long")
    if not raw.strip():
        raise StatsCacheError("empty")
    return raw


def open_without_waiting(path: str, flags: int) -> int:
    """Open a file that may turn out to be a pipe; for ``open``."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _refuse_impossible(found: _File) -> None:
    amounts = [
        *(n for a in found.dailyActivity for n in (a.messageCount, a.sessionCount)),
        *(a.toolCallCount for a in found.dailyActivity),
        *(n for day in found.dailyModelTokens for n in day.tokensByModel.values()),
        *(n for usage in found.modelUsage.values() for n in _usage(usage)),
        *found.hourCounts.values(),
    ]
    # a fleet may exceed one response's bound by far; a million times is damage, also in sum
    if min(amounts, default=0) < 0 or sum(amounts) > MAX_TOKENS * 1_000_000:
        raise StatsCacheError("bad_number")


def _usage(usage: _ModelUsage) -> tuple[int, int, int, int]:
    return (
        usage.inputTokens,
        usage.outputTokens,
        usage.cacheReadInputTokens,
        usage.cacheCreationInputTokens,
    )


def _hours(counts: dict[str, int]) -> dict[int, int]:
    hours = {int(hour): n for hour, n in counts.items() if hour.isdecimal()}
    return {hour: n for hour, n in hours.items() if 0 <= hour <= 23}


def _days(found: _File) -> dict[date, RememberedDay]:
    activity = {a.date: a for a in found.dailyActivity}
    tokens = _tokens_by_day(found)
    days = {}
    for text in sorted({*activity, *tokens}):
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise StatsCacheError("bad_date") from None
        a = activity.get(text, _Activity(text))
        days[day] = RememberedDay(
            a.messageCount, a.sessionCount, a.toolCallCount, tokens.get(text, {})
        )
    return days


def _tokens_by_day(found: _File) -> dict[str, dict[str, tuple[int, int, int, int]]]:
    """Split each model's all-time usage over its days, in proportion to what the days say.

    Up to version 4 the daily number is input and output together; where it includes the cache, it
    still says how a model's use was spread. Rounded so that the days add up to the whole.
    """
    by_day: dict[str, dict[str, tuple[int, int, int, int]]] = {}
    spelt: dict[str, list[tuple[str, int]]] = {}
    for day in sorted(found.dailyModelTokens, key=lambda d: d.date):
        for model, amount in day.tokensByModel.items():
            spelt.setdefault(model, []).append((day.date, amount))
    for model, amounts in spelt.items():
        usage = _usage(found.modelUsage.get(model, _ModelUsage()))
        whole = sum(amount for _, amount in amounts)
        if model not in found.modelUsage and not _daily_with_cache(found):
            usage = (whole, 0, 0, 0)
        name, so_far, given = normalise(model), 0, (0, 0, 0, 0)
        for text, amount in amounts:
            so_far += amount
            reached = _share(usage, so_far, whole)
            part = tuple(a - b for a, b in zip(reached, given, strict=True))
            given = reached
            models = by_day.setdefault(text, {})
            before = models.get(name, (0, 0, 0, 0))
            models[name] = _sum(before, part)
    return by_day


def _daily_with_cache(found: _File) -> bool:
    return (found.dailyModelTokensVersion or 0) >= _DAILY_WITH_CACHE


def _share(usage: tuple[int, int, int, int], part: int, whole: int) -> tuple[int, int, int, int]:
    if not whole:
        return (0, 0, 0, 0)
    a, b, c, d = (n * part // whole for n in usage)
    if usage[0] + usage[1] == whole:
        # the two together are what the days say, to the token
        b = part - a
    return (a, b, c, d)


def _sum(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, int, int, int]:
    a, b, c, d = (x + y for x, y in zip(left, right, strict=True))
    return (a, b, c, d)
