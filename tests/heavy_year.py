"""A heavy year of one laptop: everything that could become a label's value, in few and small rows.

    made = write_year(homes.Home(tmp_path / "home"))
    assert made.calls[tool] == ...

366 days with a conversation each and a stats cache for the weeks before. Weights fall with rank, as
people's habits do; what is listed in a vocabulary comes up at least once. Nothing is random but by
a fixed seed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import homes
from homes import DAY_S, NOW_S, Row

DAYS = 366
RESPONSES_A_DAY, CALLS_A_RESPONSE = 6, 4
REMEMBERED_DAYS = 60

# Three have no price; every fourth or so comes in a provider's spelling, too.
MODELS = (
    "claude-opus-5-5",
    "claude-sonnet-5-5",
    "claude-haiku-4-5-20251001",
    "claude-opus-4-6",
    "claude-sonnet-4-5-20250929",
    "claude-fable-5-1",
    "claude-haiku-5-5",
    "claude-opus-4-5-20251101",
    "claude-sonnet-5",
    "claude-opus-4-1-20250805",
    "claude-sonnet-4-20250514",
    "glm-4.6",
    "kimi-k2.7-code",
    "minimax-m2.5:cloud",
)
SPELLINGS = (
    "{}",
    "us.anthropic.{}-v1:0",
    "eu.anthropic.{}-v2:0",
    "anthropic/{}",
    "arn:aws:bedrock:us-east-1:0:inference-profile/us.anthropic.{}-v1:0",
    "{}[1m]",
)
EDITORS = ("Edit", "Write", "MultiEdit", "NotebookEdit")
TOOLS = (
    *(
        "Bash",
        "Read",
        "Edit",
        "Grep",
        "Write",
        "TodoWrite",
        "Glob",
        "Task",
        "WebFetch",
        "WebSearch",
    ),
    *("MultiEdit", "Agent", "BashOutput", "KillShell", "NotebookEdit", "Skill", "ExitPlanMode"),
    *("AskUserQuestion", "SlashCommand", "Workflow"),
    *(f"mcp__server{number // 10}__tool_{number % 10}" for number in range(100)),
)
# One suffix for each of the languages that files can be in, and one that no language has.
SUFFIXES = [
    "py",
    "ts",
    "go",
    "md",
    "rs",
    "sh",
    "yaml",
    "json",
    "css",
    "html",
    "js",
    "sql",
    "toml",
    "java",
    "kt",
    "rb",
    "php",
    "c",
    "cpp",
    "cs",
    "swift",
    "scala",
    "lua",
    "r",
    "pl",
    "ex",
    "erl",
    "hs",
    "fs",
    "clj",
    "dart",
    "gradle",
    "graphql",
    "groovy",
    "less",
    "scss",
    "nix",
    "mm",
    "proto",
    "ps1",
    "tex",
    "txt",
    "vb",
    "bat",
    "cmake",
    "diff",
    "dockerfile",
    "mk",
    "zzz",
]
STATUSES = (529, 500, 429, 503, 502, 504, 401, 400, 403, 404, 408, 413, 409, 422, 499, 501, 520, 522, 524, 526)  # fmt: skip
STOPS = (
    *("tool_use", "end_turn", "max_tokens", "stop_sequence", "pause_turn", "refusal"),
    *("model_context_window_exceeded", "compaction"),
)
# Lines for each reason that a row can be skipped for, but those of length.
DAMAGED = (
    *("", "[]", "{}", '{"type":"user"', '{"type":"never heard of"}', '{"type":"summary"}'),
    homes.without(homes.user(), "timestamp"),
    homes.put(homes.user(), "timestamp", "yesterday"),
    homes.put(homes.user(), "uuid", None),
    homes.put(homes.user(), "uuid", 7),
    homes.without(homes.assistant(), "message"),
    homes.assistant("msg_bad", output=-1),
    homes.synthetic(),
)
DENIALS = ("user-rejected", "interrupted", "cancelled", "permission-rule", "hook")
TRIGGERS = ("auto", "manual", None)


@dataclass
class Made:
    """What was written, each thing once."""

    calls: Counter[str] = field(default_factory=Counter)
    tool_errors: int = 0
    decisions: int = 0
    responses: int = 0
    api_errors: int = 0


class _Pick:
    """Draws values, the first ones far more often; each comes up before anything is left to chance.

    ``new_every``: a value that was not there yet comes up at every so many draws.
    """

    def __init__(self, chance: random.Random, values: Sequence[Any], new_every: int) -> None:
        self._chance = chance
        self._values = values
        self._weights = [1 / (rank + 1) ** 1.3 for rank in range(len(values))]
        self._new_every = new_every
        self._drawn = 0

    def __call__(self) -> Any:
        number, rest = divmod(self._drawn, self._new_every)
        self._drawn += 1
        if rest == 0 and number < len(self._values):
            return self._values[number]
        return self._chance.choices(self._values, self._weights)[0]


class _Year:
    """The rows of one day after another."""

    def __init__(self) -> None:
        self._chance = random.Random(4)
        self.made = Made()
        self._model = _Pick(self._chance, MODELS, 40)
        self._tool = _Pick(self._chance, TOOLS, 60)
        self._suffix = _Pick(self._chance, SUFFIXES, 20)
        self._status = _Pick(self._chance, STATUSES, 3)
        self._stop = _Pick(self._chance, STOPS, 100)
        self._denial = _Pick(self._chance, DENIALS, 4)
        self._trigger = _Pick(self._chance, TRIGGERS, 5)
        self._calls = 0

    def rows(self, day: int, at_s: float) -> list[Row]:
        """The conversation of a day."""
        session = f"5e551011-0000-4000-8000-{day:012d}"
        rows = [homes.user(at_s=at_s, session=session)]
        for number in range(RESPONSES_A_DAY):
            at_s += 60
            rows += self._response(at_s, session, sidechain=number == RESPONSES_A_DAY - 1)
        if day % 3 == 0:
            self.made.api_errors += 1
            status = self._status()
            row = homes.api_error(1, at_s=at_s, session=session)
            rows.append({**row, "error": {} if day % 30 == 0 else {"status": status}})
        if day % 5 == 0:
            compacted = homes.compact_boundary(
                self._chance.randrange(30_000, 600_000), at_s=at_s, session=session
            )
            metadata = {**compacted["compactMetadata"], "trigger": self._trigger()}
            rows.append({**compacted, "compactMetadata": {**metadata, "postTokens": 9_000}})
        rows.append(
            homes.turn_duration(
                self._chance.randrange(2_000, 4_000_000), at_s=at_s, session=session
            )
        )
        return rows

    def _response(self, at_s: float, session: str, *, sidechain: bool) -> list[Row]:
        """A response that calls some tools, and one row with all that they gave back."""
        calls = [self._call() for _ in range(CALLS_A_RESPONSE)]
        name = self._model()
        spelling = self._chance.choice(SPELLINGS) if name.startswith("claude-") else name
        spent = homes.usage(
            input=3, output=400, cache_read=30_000, flat=900, five_minutes=500, hour=400
        )
        self.made.responses += 1
        response = homes.assistant(
            f"msg_{self.made.responses}",
            at_s=at_s,
            session=session,
            model=spelling.format(name),
            blocks=calls,
            stop=self._stop(),
            sidechain=sidechain,
            spent=spent,
        )
        results = [self._result(call, at_s + 5, session, sidechain=sidechain) for call in calls]
        return [response, *results]

    def _call(self) -> Row:
        tool = self._tool()
        self._calls += 1
        self.made.calls[tool] += 1
        given: Row = {"command": "ls"}
        if tool in EDITORS:
            given = {"file_path": f"/a/b.{self._suffix()}", "old_string": "a", "new_string": "b"}
        return homes.tool_use(f"toolu_year_{self._calls}", tool, **given)

    def _result(self, call: Row, at_s: float, session: str, *, sidechain: bool) -> Row:
        kind = self._chance.choices(("ok", "error", "denied"), (92, 6, 2))[0]
        block = {"tool_use_id": call["id"], "type": "tool_result", "content": "done"}
        more: Row = {}
        if kind != "ok":
            self.made.tool_errors += 1
            block["is_error"] = True
        if kind == "denied":
            more["toolDenialKind"] = self._denial()
        if call["name"] in EDITORS and kind != "error":
            self.made.decisions += 1
        return homes.user([block], at_s=at_s, session=session, sidechain=sidechain, **more)


def write_year(home: homes.Home) -> Made:
    """Write the year that ends an hour before NOW_S, and the stats cache of the weeks before it."""
    year = _Year()
    for day in range(DAYS):
        noon_s = NOW_S - (DAYS - 1 - day) * DAY_S
        # at every hour of the day in turn; the last one is going on
        at_s = NOW_S - 400 if day == DAYS - 1 else noon_s + (day % 24 - 12) * 3600 - 1800
        rows = year.rows(day, at_s)
        home.main(rows[0]["sessionId"]).write(*rows, at_s=noon_s)
    home.main("5e551011-0000-4000-8000-damaged").write(*DAMAGED)
    home.write_stats_cache(_cache(datetime.fromtimestamp(NOW_S - (DAYS + 2) * DAY_S, UTC)))
    return year.made


def _cache(newest: datetime) -> Row:
    """The weeks before, with all models, as a stats cache has them."""
    days = [
        (newest - timedelta(days=number)).date().isoformat() for number in range(REMEMBERED_DAYS)
    ][::-1]
    spent = dict.fromkeys(("inputTokens", "outputTokens"), 10 * REMEMBERED_DAYS)
    cached = {"cacheReadInputTokens": 90_000, "cacheCreationInputTokens": 9_000}
    return {
        "version": 4,
        "lastComputedDate": days[-1],
        "dailyActivity": [
            {"date": day, "messageCount": 240, "sessionCount": 24, "toolCallCount": 90}
            for day in days
        ],
        "dailyModelTokens": [
            {"date": day, "tokensByModel": dict.fromkeys(MODELS, 20)} for day in days
        ],
        "modelUsage": {model: {**spent, **cached} for model in MODELS},
        "totalSessions": 24 * REMEMBERED_DAYS,
        "totalMessages": 240 * REMEMBERED_DAYS,
        "hourCounts": {str(hour): REMEMBERED_DAYS for hour in range(24)},
    }
