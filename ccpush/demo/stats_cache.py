"""The ``stats-cache.json`` of an invented home: daily sums, older than every transcript there is.

Written as Claude Code writes it (version 4): it counts rows, not responses, books a whole session
on the day of its first row, and stops two days before the end because nobody opened ``/stats``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo

from ccpush.demo.chance import Chance
from ccpush.demo.rows import Row, iso
from ccpush.demo.truth import ImportedDay

# those days are older than the transcripts, and so are their models
_OLD_MODELS = {"claude-opus-4-20250514": 3, "claude-3-7-sonnet-20250219": 1}
_STALE_DAYS = 2
_COUNTED_TYPES = frozenset({"user", "assistant", "attachment", "system", "progress"})


@dataclass(slots=True)
class _Day:
    rows: int = 0
    sessions: int = 0
    tool_calls: int = 0
    hours: Counter[int] = field(default_factory=Counter)
    spent: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def tokens(self) -> dict[str, int]:
        """Input and output tokens by model: without the cache's."""
        return {
            model: counts["inputTokens"] + counts["outputTokens"]
            for model, counts in self.spent.items()
        }


class StatsCache:
    """Adds up rows the way the cache does, which is not the way they are to be counted."""

    def __init__(self, chance: Chance, zone: tzinfo) -> None:
        self._chance = chance
        self._zone = zone
        self._days: dict[date, _Day] = defaultdict(_Day)

    def observe(self, rows: Iterable[Row]) -> None:
        """Add one main transcript."""
        day: _Day | None = None
        for row in rows:
            if row["type"] not in _COUNTED_TYPES or row["isSidechain"]:
                continue
            if day is None:
                began = datetime.fromisoformat(row["timestamp"]).astimezone(self._zone)
                day = self._days[began.date()]
                day.sessions += 1
                day.hours[began.hour] += 1
            day.rows += 1
            if row["type"] == "assistant":
                self._observe_response(day, row["message"])

    @staticmethod
    def _observe_response(day: _Day, message: Row) -> None:
        usage = message["usage"]
        spent = day.spent[message["model"]]
        spent["inputTokens"] += usage["input_tokens"]
        spent["outputTokens"] += usage["output_tokens"]
        spent["cacheReadInputTokens"] += usage["cache_read_input_tokens"]
        spent["cacheCreationInputTokens"] += usage["cache_creation_input_tokens"]
        day.tool_calls += sum(block["type"] == "tool_use" for block in message["content"])

    def remember(self, first: date, days: int) -> tuple[ImportedDay, ...]:
        """Invent the days before the first transcript; their transcripts were deleted long ago."""
        told = []
        for number in range(days, 0, -1):
            day = first - timedelta(days=number)
            if day.weekday() < 5:
                told.append(self._invent(day))
        return tuple(told)

    def _invent(self, when: date) -> ImportedDay:
        chance, day = self._chance, self._days[when]
        day.sessions = chance.randrange(1, 6)
        day.rows = day.sessions * chance.randrange(90, 260)
        day.tool_calls = day.rows // 4
        for model, share in _OLD_MODELS.items():
            read, wrote = chance.randrange(50, 900) * share, chance.randrange(2_000, 16_000) * share
            day.spent[model].update(
                inputTokens=read,
                outputTokens=wrote,
                cacheReadInputTokens=wrote * 160,
                cacheCreationInputTokens=wrote * 9,
            )
        for _ in range(day.sessions):
            day.hours[chance.choice((9, 10, 11, 14, 15, 16, 21))] += 1
        # the names above are as plain as names get: normalised, they stay what they are
        return ImportedDay(when.isoformat(), day.rows, day.sessions, day.tool_calls, day.tokens)

    def as_json(self, end_ms: int) -> Row:
        """The file's content, as it was last refreshed."""
        today = datetime.fromtimestamp(end_ms / 1000, self._zone).date()
        last = today - timedelta(days=_STALE_DAYS)
        days = {day: counts for day, counts in sorted(self._days.items()) if day <= last}
        hours, spent = _lifetime(days.values())
        first = datetime.combine(min(days), datetime.min.time(), self._zone)
        return {
            "version": 4,
            "lastComputedDate": last.isoformat(),
            "dailyActivity": [_activity(day, counts) for day, counts in days.items()],
            "dailyModelTokens": [
                {"date": day.isoformat(), "tokensByModel": counts.tokens}
                for day, counts in days.items()
            ],
            "modelUsage": {model: _spent(counts) for model, counts in spent.items()},
            "totalSessions": sum(counts.sessions for counts in days.values()),
            "totalMessages": sum(counts.rows for counts in days.values()),
            "longestSession": {
                "sessionId": self._chance.row_id(),
                "duration": 7_000_000,
                "messageCount": 640,
                "timestamp": iso(int(first.timestamp() * 1000)),
            },
            "firstSessionDate": iso(int(first.timestamp() * 1000)),
            "hourCounts": {str(hour): count for hour, count in sorted(hours.items())},
        }


def _activity(day: date, counts: _Day) -> Row:
    return {
        "date": day.isoformat(),
        "messageCount": counts.rows,
        "sessionCount": counts.sessions,
        "toolCallCount": counts.tool_calls,
    }


def _lifetime(days: Iterable[_Day]) -> tuple[Counter[int], dict[str, Counter[str]]]:
    hours: Counter[int] = Counter()
    spent: dict[str, Counter[str]] = defaultdict(Counter)
    for day in days:
        hours += day.hours
        for model, counts in day.spent.items():
            spent[model].update(counts)
    return hours, spent


def _spent(counts: Mapping[str, int]) -> Row:
    unused = {"webSearchRequests": 0, "costUSD": 0, "contextWindow": 0, "maxOutputTokens": 0}
    return {**counts, **unused}
