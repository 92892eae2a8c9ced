"""The invented Claude home: the same every time, well-formed, and true to what it says it holds."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ccpush.demo.invent import invent_home
from ccpush.demo.truth import Tokens, Truth

END = datetime(2026, 9, 16, 15, 40, tzinfo=UTC)
SPELLINGS = {
    "us.anthropic.claude-3-5-haiku-20241022-v1:0": "claude-3-5-haiku-20241022",
    "us.anthropic.claude-haiku-4-5-20251001-v1:0": "claude-haiku-4-5-20251001",
    "claude-sonnet-4-5-20250929[1m]": "claude-sonnet-4-5-20250929",
    "zhipuai/glm-4.6": "glm-4.6",
}
FIELDS = ("input_tokens", "output_tokens", "cache_read_input_tokens")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """Sixty days, invented once for all tests here, which only read them."""
    root = tmp_path_factory.mktemp("home")
    return root, invent_home(root, end=END)


def fingerprint(root: Path) -> str:
    """All names, times and bytes below a folder, as one hash."""
    digest = hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(root)).encode() + b"\0")
        digest.update(str(path.stat().st_mtime_ns).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def transcripts(root: Path) -> list[Path]:
    """Main files before subagents' files, as they are to be read."""
    paths = [path for path in root.glob("projects/**/*.jsonl") if path.name != "journal.jsonl"]
    return sorted(paths, key=lambda path: ("subagents" in path.parts, path))


def rows(root: Path) -> list[dict[str, Any]]:
    """All rows of all transcripts."""
    return [
        json.loads(line) for path in transcripts(root) for line in path.read_bytes().splitlines()
    ]


def session_starts(root: Path) -> list[datetime]:
    """When each session has its first row."""
    began: dict[str, datetime] = {}
    for row in rows(root):
        if row.get("isSidechain") is False:
            at = datetime.fromisoformat(row["timestamp"])
            began[row["sessionId"]] = min(at, began.get(row["sessionId"], at))
    return sorted(began.values())


class Count:
    """A slow and obvious count of a home by the counting rule, straight from its JSON."""

    def __init__(self, root: Path) -> None:
        self.responses: dict[str, dict[bool, list[dict[str, Any]]]] = defaultdict(
            lambda: {True: [], False: []}
        )
        self.users: set[str] = set()
        self.sessions: set[str] = set()
        self.tools: dict[str, str] = {}
        self.system: dict[str, dict[str, Any]] = {}
        self.shown_errors: set[str] = set()
        for row in rows(root):
            self.add(row)

    def add(self, row: dict[str, Any]) -> None:
        kind = row["type"]
        if row.get("isSidechain") is False:
            self.sessions.add(row["sessionId"])
        if kind == "user":
            self.users.add(row["uuid"])
        elif kind == "system":
            self.system[row["uuid"]] = row
        elif kind == "assistant":
            self.add_response(row, sidechain=row["isSidechain"])
        elif kind == "progress" and row["data"]["type"] == "agent_progress":
            inner = row["data"]["message"]
            if inner["type"] == "user":
                self.users.add(inner["uuid"])
            else:
                self.add_response(inner, sidechain=True)

    def add_response(self, row: dict[str, Any], *, sidechain: bool) -> None:
        message = row["message"]
        if message["model"] == "<synthetic>":
            if row["isApiErrorMessage"]:
                self.shown_errors.add(row["uuid"])
            return
        self.responses[message["id"]][sidechain].append(message)
        for block in message["content"]:
            if block["type"] == "tool_use":
                self.tools[block["id"]] = block["name"]

    def tokens(self) -> dict[str, Tokens]:
        total: dict[str, Tokens] = {}
        for copies in self.responses.values():
            messages = copies[False] or copies[True]
            usages = [message["usage"] for message in messages if message["usage"] is not None]
            model = SPELLINGS.get(messages[0]["model"], messages[0]["model"])
            inputs, output, cache_read = (max(one[name] for one in usages) for name in FIELDS)
            wrote = max(
                max(one["cache_creation_input_tokens"], sum(one.get("cache_creation", {}).values()))
                for one in usages
            )
            spent = Tokens(inputs, output, cache_read, wrote)
            total[model] = total.get(model, Tokens()) + spent
        return total

    def stop_reasons(self) -> Counter[str]:
        reasons: Counter[str] = Counter()
        for copies in self.responses.values():
            said = [one["stop_reason"] for one in copies[False] or copies[True]]
            reasons.update([one for one in said if one is not None][-1:])
        return reasons

    def server(self, name: str) -> int:
        return sum(
            max((one["usage"] or {}).get("server_tool_use", {}).get(name, 0) for one in messages)
            for copies in self.responses.values()
            for messages in [copies[False] or copies[True]]
        )

    def subtype(self, name: str) -> list[dict[str, Any]]:
        return [row for row in self.system.values() if row["subtype"] == name]


@pytest.mark.parametrize(("days", "seed"), [(60, 1), (60, 7), (9, 3), (1, 2)])
def test_the_truth_is_what_a_slow_and_obvious_count_finds(
    tmp_path: Path, days: int, seed: int
) -> None:
    """What the inventor counted while inventing is what the files hold, by the counting rule."""
    truth = invent_home(tmp_path / "home", end=END, days=days, seed=seed)
    count = Count(tmp_path / "home")
    errors, tools = count.subtype("api_error"), Counter(count.tools.values())
    found = {
        "responses": len(count.responses),
        "tokens": count.tokens(),
        "messages": len(count.users) + len(count.responses),
        "sessions": len(count.sessions),
        "tool_calls": dict(tools),
        "stop_reasons": dict(count.stop_reasons()),
        "api_errors": len(errors) + len(count.shown_errors),
        "api_retries": sum(row["retryAttempt"] > 0 for row in errors),
        "compactions": len(count.subtype("compact_boundary")),
        "web_searches": tools["WebSearch"] + count.server("web_search_requests"),
        "web_fetches": tools["WebFetch"] + count.server("web_fetch_requests"),
    }
    assert {name: getattr(truth, name) for name in found} == found
    assert sorted(truth.turn_durations_ms) == sorted(
        row["durationMs"] for row in count.subtype("turn_duration")
    )
    assert sorted(truth.compact_pre_tokens) == sorted(
        row["compactMetadata"]["preTokens"] for row in count.subtype("compact_boundary")
    )


def test_the_same_arguments_give_the_same_tree(tmp_path: Path, home: tuple[Path, Truth]) -> None:
    """Names, bytes and times of all files depend on end, days and seed alone."""
    again = invent_home(tmp_path / "again", end=END.timestamp())
    assert again == home[1]
    assert fingerprint(tmp_path / "again") == fingerprint(home[0])
    invent_home(tmp_path / "other", end=END, seed=2)
    assert fingerprint(tmp_path / "other") != fingerprint(home[0])


def test_every_line_is_a_json_object_and_ends(home: tuple[Path, Truth]) -> None:
    """No transcript is torn, and each row says its type."""
    for path in transcripts(home[0]):
        content = path.read_bytes()
        assert content == b"" or content.endswith(b"\n")
        assert all("type" in json.loads(line) for line in content.splitlines())


def test_the_home_is_small(home: tuple[Path, Truth]) -> None:
    """Sixty days are worth some megabytes, so that a demo starts at once."""
    size = sum(path.stat().st_size for path in home[0].rglob("*") if path.is_file())
    assert 4_000_000 <= size <= 12_000_000


def test_somebody_is_still_at_work_at_the_end(home: tuple[Path, Truth]) -> None:
    """The active session has rows within ten minutes of the end, and nothing is later."""
    root, truth = home
    stamps = {
        datetime.fromisoformat(row["timestamp"]): row.get("sessionId")
        for row in rows(root)
        if "timestamp" in row
    }
    assert END - timedelta(minutes=10) <= max(stamps) <= END
    assert stamps[max(stamps)] == truth.active_session_id
    assert int(max(stamps).timestamp() * 1000) == truth.last_row_ms


def test_weekends_are_quieter_and_the_holiday_is_silent(home: tuple[Path, Truth]) -> None:
    """Work is spread over the days as people's work is."""
    days = Counter(at.date() for at in session_starts(home[0]))
    weekend = sum(count for day, count in days.items() if day.weekday() >= 5)
    assert 0 < weekend < sum(days.values()) / 8
    ordered = sorted(days)
    assert max(later - day for day, later in pairwise(ordered)).days > 5


def test_every_shape_on_disk_is_met(home: tuple[Path, Truth]) -> None:
    """All places of transcripts and all kinds of rows that a reader must know are there."""
    root, _ = home
    patterns = (
        "projects/*/agent-*.jsonl",
        "projects/*/*/subagents/agent-*.jsonl",
        "projects/*/*/subagents/agent-*.meta.json",
        "projects/*/*/subagents/agent-acompact-*.jsonl",
        "projects/*/*/subagents/workflows/wf_*/agent-*.jsonl",
        "projects/*/*/subagents/workflows/wf_*/journal.jsonl",
        "projects/*/*/workflows/wf_*.json",
    )
    assert [pattern for pattern in patterns if not any(root.glob(pattern))] == []
    kinds: set[str] = set()
    for row in rows(root):
        inner = row.get("data") or row.get("attachment") or {}
        kinds.add(":".join(filter(None, (row["type"], row.get("subtype"), inner.get("type")))))
        kinds |= {flag for flag in ("isCompactSummary", "isApiErrorMessage") if row.get(flag)}
    wanted = """user assistant isCompactSummary isApiErrorMessage summary ai-title queue-operation
        file-history-snapshot cost-state pr-link permission-mode last-prompt
        progress:agent_progress progress:bash_progress progress:hook_progress
        attachment:hook_success attachment:total_tokens_reminder attachment:queued_command
        system:api_error system:turn_duration system:compact_boundary system:stop_hook_summary
        system:local_command"""
    assert set(wanted.split()) - kinds == set()


def test_envelopes_lie_where_their_version_puts_them(home: tuple[Path, Truth]) -> None:
    """Older versions write the envelope first, later ones last."""
    for row in rows(home[0]):
        if row["type"] == "assistant":
            last = row["version"] in {"2.1.114", "2.1.270"}
            keys = list(row)
            assert (keys.index("cwd") > keys.index("message")) == last


def test_copies_are_there_to_be_seen_through(home: tuple[Path, Truth]) -> None:
    """Forks, replays and progress rows repeat responses; some are found in progress rows alone."""
    root, truth = home
    written: Counter[str] = Counter()
    requests: dict[str, set[str]] = defaultdict(set)
    embedded: set[str | None] = set()
    used = 0
    for row in rows(root):
        if row["type"] == "assistant" and "requestId" in row:
            written[row["uuid"]] += 1
            requests[row["message"]["id"]].add(row["requestId"])
            used += (row["message"]["usage"] or {}).get("output_tokens", 0)
        elif row["type"] == "progress" and row["data"]["type"] == "agent_progress":
            embedded.add(row["data"]["message"]["message"].get("id"))
    assert max(written.values()) > 1
    assert max(len(ids) for ids in requests.values()) > 1
    assert embedded - {None} - set(requests) != set()
    assert used != truth.total.output


def test_the_cache_remembers_days_before_the_transcripts(home: tuple[Path, Truth]) -> None:
    """The days of ``imported`` are in the cache as told, before the first row and not after it."""
    root, truth = home
    cache = json.loads((root / "stats-cache.json").read_text())
    first = datetime.fromtimestamp(truth.first_row_ms / 1000, UTC).date().isoformat()
    activity = {day.pop("date"): day for day in cache["dailyActivity"]}
    tokens = {day["date"]: day["tokensByModel"] for day in cache["dailyModelTokens"]}
    assert [day.date for day in truth.imported] == [day for day in activity if day < first]
    for day in truth.imported:
        assert activity[day.date] == {
            "messageCount": day.messages,
            "sessionCount": day.sessions,
            "toolCallCount": day.tool_calls,
        }
        assert tokens[day.date] == day.tokens
    assert cache["lastComputedDate"] < END.date().isoformat()


def test_the_cache_adds_up_as_real_ones_do(home: tuple[Path, Truth]) -> None:
    """Daily tokens make up each model's input and output; sessions make up the hours."""
    cache = json.loads((home[0] / "stats-cache.json").read_text())
    by_model: Counter[str] = Counter()
    for day in cache["dailyModelTokens"]:
        by_model.update(day["tokensByModel"])
    usage = cache["modelUsage"]
    assert by_model == {
        model: counts["inputTokens"] + counts["outputTokens"] for model, counts in usage.items()
    }
    sessions = sum(day["sessionCount"] for day in cache["dailyActivity"])
    assert sessions == cache["totalSessions"] == sum(cache["hourCounts"].values())
    messages = sum(day["messageCount"] for day in cache["dailyActivity"])
    assert messages == cache["totalMessages"]


def test_working_hours_are_those_of_the_zone(tmp_path: Path) -> None:
    """Somebody in Tokyo begins most sessions in Tokyo's daytime."""
    tokyo = timezone(timedelta(hours=9))
    invent_home(tmp_path / "home", end=END, zone=tokyo)
    hours = [at.astimezone(tokyo).hour for at in session_starts(tmp_path / "home")]
    assert sum(8 <= hour <= 17 for hour in hours) > len(hours) * 0.7


def test_a_home_that_holds_anything_is_left_alone(tmp_path: Path) -> None:
    """Nobody's own Claude home is ever written into."""
    (tmp_path / "settings.json").write_text("{}")
    with pytest.raises(FileExistsError, match="is not empty"):
        invent_home(tmp_path, end=END)
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


@pytest.mark.parametrize(("end", "days"), [(datetime(2026, 1, 1), 60), (END, 0)])
def test_arguments_that_mean_nothing_are_refused(tmp_path: Path, end: datetime, days: int) -> None:
    """An end without a zone and a story of no days are the caller's mistake."""
    with pytest.raises(ValueError, match=r"time zone|days must be"):
        invent_home(tmp_path / "home", end=end, days=days)
    assert not (tmp_path / "home").exists()
