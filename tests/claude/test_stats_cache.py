"""stats-cache.json, versions 1 to 5: what it says by day, and what is not believed."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import homes
import pytest
from homes import DAY_S, HAIKU, NOW_S, OPUS, assistant, user

from ccpush.claude.retention import DEFAULT_DAYS, cleanup_period_days
from ccpush.claude.stats_cache import (
    MAX_BYTES,
    Remembered,
    StatsCacheError,
    read_stats_cache,
    stamp,
)

Json = dict[str, Any]
REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "stats-cache"
NAMES = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
DAYS = ("2026-07-01", "2026-07-02", "2026-07-05")


def usage(*numbers: int, **more: Any) -> Json:
    """A model's lifetime usage: input, output, cache read, cache creation."""
    rest = {"webSearchRequests": 0, "costUSD": 0, "contextWindow": 0}
    return {**dict(zip(NAMES, numbers, strict=True)), **rest, **more}


def cache(version: int = 4) -> Json:
    """A cache as that version writes it: two models on three days."""
    found: Json = {
        "version": version,
        "lastComputedDate": "2026-07-05",
        "dailyActivity": [
            {"date": day, "messageCount": 100 * n, "sessionCount": n, "toolCallCount": 10 * n}
            for n, day in enumerate(DAYS, 1)
        ],
        "dailyModelTokens": [
            {"date": DAYS[0], "tokensByModel": {OPUS: 10}},
            {"date": DAYS[1], "tokensByModel": {OPUS: 20, HAIKU: 7}},
            {"date": DAYS[2], "tokensByModel": {OPUS: 70}},
        ],
        "modelUsage": {OPUS: usage(40, 60, 1_000, 201), HAIKU: usage(5, 2, 30, 0)},
        "totalSessions": 6,
        "totalMessages": 600,
        "longestSession": {"sessionId": "x", "duration": 9, "messageCount": 3, "timestamp": "t"},
        "firstSessionDate": "2026-07-01T08:00:00.000Z",
        "hourCounts": {"9": 4, "23": 2},
    }
    if version in (2, 3):
        found["totalSpeculationTimeSavedMs"] = 12
    if version == 3:
        # subagents' tokens are on days without activity
        found["dailyModelTokens"].append({"date": "2026-07-04", "tokensByModel": {HAIKU: 1}})
    if version == 5:
        found |= {"dailyModelTokensVersion": 5, "shotDistribution": {"1": 3}}
        for day in found["dailyModelTokens"]:
            day["tokensByModel"] = {model: 100 * n for model, n in day["tokensByModel"].items()}
    if version >= 2:
        for one in found["modelUsage"].values():
            one["maxOutputTokens"] = 0
    return found


def written(home: homes.Home, content: Json | bytes) -> Remembered:
    """What is read from a home with this cache."""
    home.write_stats_cache(content)
    return read_stats_cache(home.path)


def tokens(found: Remembered, model: str) -> dict[str, tuple[int, ...]]:
    """A model's tokens by day: input, output, cache read, cache creation."""
    return {str(day): d.tokens[model] for day, d in found.days.items() if model in d.tokens}


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5])
def test_every_version_is_read(home: homes.Home, version: int) -> None:
    """Activity by day, sessions by hour, and each model's lifetime usage spread over its days."""
    found = written(home, cache(version))
    first = found.days[date(2026, 7, 1)]
    assert (first.messages, first.sessions, first.tool_calls) == (100, 1, 10)
    assert found.sessions_by_hour == {9: 4, 23: 2}
    assert tokens(found, OPUS) == {
        DAYS[0]: (4, 6, 100, 20),
        DAYS[1]: (8, 12, 200, 40),
        DAYS[2]: (28, 42, 700, 141),
    }
    assert sorted(map(str, found.days)) == sorted(
        {*DAYS, *(["2026-07-04"] if version == 3 else [])}
    )


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5])
def test_days_add_up_to_the_lifetime_usage(home: homes.Home, version: int) -> None:
    """To the last token, however the days' parts round."""
    content = cache(version)
    found = written(home, content)
    for model, whole in content["modelUsage"].items():
        summed = tuple(map(sum, zip(*tokens(found, model).values(), strict=True)))
        assert summed == tuple(whole[name] for name in NAMES)


def test_a_day_has_the_tokens_that_it_says(home: homes.Home) -> None:
    """Where the days are input and output, the two of a day make it up, however they round."""
    content = cache()
    content["dailyModelTokens"] = [
        {"date": day, "tokensByModel": {OPUS: amount}}
        for day, amount in zip(DAYS, (7, 6, 8), strict=True)
    ]
    content["modelUsage"] = {OPUS: usage(10, 11, 5, 0)}
    found = tokens(written(home, content), OPUS)
    assert [found[day][0] + found[day][1] for day in DAYS] == [7, 6, 8]
    assert sum(found[day][0] for day in DAYS) == 10


def test_spellings_of_a_model_are_one(home: homes.Home) -> None:
    """As in the transcripts."""
    content = cache()
    content["dailyModelTokens"][0]["tokensByModel"] = {
        f"us.anthropic.{OPUS}-v1:0": 3,
        f"{OPUS}[1m]": 4,
    }
    content["modelUsage"] |= {
        f"us.anthropic.{OPUS}-v1:0": usage(1, 2, 0, 0),
        f"{OPUS}[1m]": usage(0, 4, 9, 0),
    }
    assert tokens(written(home, content), OPUS)[DAYS[0]] == (1, 6, 9, 0)


def test_a_model_without_lifetime_usage_keeps_its_days(home: homes.Home) -> None:
    """Up to version 4 the daily number is input and output together; with cache it is neither."""
    for version, expected in ((4, 27), (5, 0)):
        content = cache(version)
        del content["modelUsage"][HAIKU]
        content["dailyModelTokens"][1]["tokensByModel"][HAIKU] = 27
        found = tokens(written(home, content), HAIKU)[DAYS[1]]
        assert found[0] + found[1] == expected


def test_a_day_with_tokens_and_no_activity_is_a_day(home: homes.Home) -> None:
    """Only subagents worked on it, as versions from 3 on count them."""
    day = written(home, cache(3)).days[date(2026, 7, 4)]
    assert (day.messages, day.sessions, day.tool_calls, list(day.tokens)) == (0, 0, 0, [HAIKU])


def test_a_model_whose_days_are_all_zero_is_spread_over_none(home: homes.Home) -> None:
    """There is nothing to go by, and nothing is divided by nothing."""
    content = cache()
    content["dailyModelTokens"] = [{"date": DAYS[0], "tokensByModel": {OPUS: 0}}]
    assert tokens(written(home, content), OPUS) == {DAYS[0]: (0, 0, 0, 0)}


def test_an_empty_account_is_a_valid_cache(home: homes.Home) -> None:
    """As written on the first day."""
    content = cache() | {
        "lastComputedDate": None,
        "dailyActivity": [],
        "dailyModelTokens": [],
        "modelUsage": {},
        "hourCounts": {},
    }
    assert written(home, content) == Remembered({}, {})


def test_hours_that_are_none_are_left_out(home: homes.Home) -> None:
    """Twenty-four hours have a day."""
    content = cache() | {"hourCounts": {"0": 1, "09": 2, "24": 3, "-1": 4, "x": 5, "": 6, "1e1": 7}}
    assert written(home, content).sessions_by_hour == {0: 1, 9: 2}


CONFLICT = b'{\n<<<<<<< HEAD\n "version": 2,\n=======\n "version": 1,\n>>>>>>> theirs\n}\n'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (json.dumps(cache()).encode()[:-40], "not_json"),
        (CONFLICT, "not_json"),
        (b"\x00" * 500, "not_json"),
        (b"\xff\xfe\x00{", "not_json"),
        (b'{"version":1,"lastComputedDate":"\xff"}', "not_json"),
        (b"[" * 100_000, "not_claudes"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not_json"),
        (b"null", "not_claudes"),
        (b"[]", "not_claudes"),
        (b"{}", "not_claudes"),
        # what other tools keep under this name
        (b'{"public_repos": 12, "followers": 3, "stars": 99}', "not_claudes"),
        (b'{"version": 1, "users": {"x": {"commits": 4}}, "lastComputedDate": "2026-01-01"}', "not_claudes"),
        (cache() | {"version": 6}, "unknown_version"),
        (cache() | {"version": 0}, "unknown_version"),
        (cache() | {"version": -1}, "unknown_version"),
        (cache() | {"version": "4"}, "not_claudes"),
        (cache() | {"version": None}, "not_claudes"),
        (cache() | {"version": True}, "not_claudes"),
        (cache() | {"modelUsage": []}, "not_claudes"),
        (cache() | {"modelUsage": {OPUS: 7}}, "not_claudes"),
        (cache() | {"dailyActivity": {}}, "not_claudes"),
        (cache() | {"dailyActivity": [{"messageCount": 1}]}, "not_claudes"),
        (cache() | {"dailyModelTokens": [{"date": DAYS[0], "tokensByModel": {OPUS: "7"}}]}, "not_claudes"),
        (cache() | {"dailyModelTokens": [{"date": DAYS[0], "tokensByModel": {OPUS: 1.5}}]}, "not_claudes"),
        (cache() | {"dailyModelTokens": [{"date": DAYS[0], "tokensByModel": {OPUS: -1}}]}, "bad_number"),
        (cache() | {"dailyModelTokens": [{"date": DAYS[0], "tokensByModel": {OPUS: 10**30}}]}, "bad_number"),
        (cache() | {"modelUsage": {OPUS: usage(-1, 0, 0, 0)}}, "bad_number"),
        (cache() | {"hourCounts": {"9": -4}}, "bad_number"),
        (cache() | {"dailyActivity": [{"date": "yesterday", "messageCount": 1}]}, "bad_date"),
        (cache() | {"dailyActivity": [{"date": "2026-02-30", "messageCount": 1}]}, "bad_date"),
        (cache() | {"dailyModelTokens": [{"date": "", "tokensByModel": {OPUS: 1}}]}, "bad_date"),
        (b" " * (MAX_BYTES + 1), "too_long"),
    ],
)  # fmt: skip
def test_a_cache_that_cannot_be_true_is_refused_by_reason(
    home: homes.Home, reader: homes.Reader, content: Json | bytes, reason: str
) -> None:
    """Nothing of it is taken, the transcripts count all the same, and the reason is shown."""
    with pytest.raises(StatsCacheError) as told:
        written(home, content)
    assert told.value.reason == reason
    home.main().write(user())
    done = reader.run()
    account = reader.account()
    assert (done.complete, done.stats_cache, account.stats_cache) == (True, reason, reason)
    assert (account.imported_days, account.days[account.today].messages) == (0, 1)


def test_numbers_that_together_cannot_be_kept_are_refused(
    home: homes.Home, reader: homes.Reader
) -> None:
    """Each alone might be; a sum beyond 64 bits would stop every later run."""
    models = {f"model-{n}": 10**15 for n in range(10_000)}
    home.write_stats_cache(
        cache()
        | {
            "dailyModelTokens": [{"date": DAYS[0], "tokensByModel": models}],
            "modelUsage": {model: usage(amount, 0, 0, 0) for model, amount in models.items()},
        }
    )
    home.main().write(user())
    assert reader.run().stats_cache == "bad_number"
    assert reader.account().imported_days == 0


@pytest.mark.parametrize("odd", ["folder", "dangling", "loop", "pipe", "missing"])
def test_what_is_no_file_is_no_cache(home: homes.Home, reader: homes.Reader, odd: str) -> None:
    """Nothing blocks, nothing raises."""
    path = home.path / "stats-cache.json"
    if odd == "folder":
        path.mkdir()
    elif odd == "pipe":
        os.mkfifo(path)
    elif odd != "missing":
        path.symlink_to(path if odd == "loop" else home.path / "nowhere")
    assert stamp(home.path) is None
    home.main().write(user())
    assert reader.run().stats_cache == "none"


def test_an_unreadable_cache_is_told(as_nobody: Path) -> None:
    """And read once it can be."""
    home = homes.Home(as_nobody / "home")
    path = home.write_stats_cache(cache())
    home.main().write(user())
    path.chmod(0)
    reader = homes.Reader(as_nobody / "state", home)
    assert reader.run().stats_cache == "unreadable"
    path.chmod(0o600)
    done = reader.run()
    assert (done.stats_cache, done.imported_days) == ("ok", 3)


def test_a_cache_that_becomes_valid_is_imported_then(
    home: homes.Home, reader: homes.Reader
) -> None:
    """Half written at one pass, whole at the next; a pass that finds it unchanged does not read it."""
    content = json.dumps(cache()).encode()
    home.main().write(user())
    home.write_stats_cache(content[:300])
    assert reader.run().stats_cache == "not_json"
    home.write_stats_cache(content, at_s=NOW_S + 1)
    done = reader.run()
    assert (done.stats_cache, done.imported_days) == ("ok", 3)
    assert reader.run().imported_days == 0


def test_two_caches_may_be_of_different_fate(tmp_path: Path, home: homes.Home) -> None:
    """One home's is damaged; the other's is taken."""
    second = homes.Home(tmp_path / "second")
    home.write_stats_cache(b"{")
    second.write_stats_cache(cache())
    home.main().write(user())
    reader = homes.Reader(tmp_path / "state", home, second)
    done = reader.run()
    assert (done.stats_cache, done.imported_days) == ("not_json", 3)


def test_before_any_transcript_the_days_are_not_settled(
    home: homes.Home, reader: homes.Reader
) -> None:
    """Covered-from is the later of the first row and the retention; without a row it is not known."""
    recent = "2026-09-10"
    content = cache()
    content["dailyActivity"].append(
        {"date": recent, "messageCount": 7, "sessionCount": 1, "toolCallCount": 0}
    )
    home.write_stats_cache(content)
    reader.run()
    assert reader.account().imported_days == 3
    home.main().write(user(at_s=NOW_S - DAY_S))
    reader.run()
    account = reader.account()
    assert account.covered_from == date(2026, 9, 15)
    assert account.days[date.fromisoformat(recent)].messages == 7


SETTINGS: list[tuple[bytes | None, int]] = [
    (None, DEFAULT_DAYS),
    (b"{}", DEFAULT_DAYS),
    (b"", DEFAULT_DAYS),
    (b'{"cleanupPeriodDays": 90}', 90),
    (b'{"env": {"SECRET": "x"}, "cleanupPeriodDays": 7, "hooks": {}}', 7),
    (b'{"cleanupPeriodDays": 0}', DEFAULT_DAYS),
    (b'{"cleanupPeriodDays": -5}', DEFAULT_DAYS),
    (b'{"cleanupPeriodDays": null}', DEFAULT_DAYS),
    (b'{"cleanupPeriodDays": "90"}', DEFAULT_DAYS),
    (b'{"cleanupPeriodDays": 1.5}', DEFAULT_DAYS),
    (b'{"cleanupPeriodDays": true}', DEFAULT_DAYS),
    (b'{"cleanupPeriodDays": 90', DEFAULT_DAYS),
    (b"\xff\xfe", DEFAULT_DAYS),
    (b"[" * 100_000, DEFAULT_DAYS),
    (b'{"a":' + b"[" * 100_000, DEFAULT_DAYS),
]


@pytest.mark.parametrize(("content", "days"), SETTINGS)
def test_how_long_transcripts_are_kept_is_one_number_of_the_settings(
    home: homes.Home, content: bytes | None, days: int
) -> None:
    """Claude Code's default holds when there is no such number."""
    if content is not None:
        (home.path / "settings.json").write_bytes(content)
    assert cleanup_period_days(home.path) == days


@pytest.mark.parametrize("days", [3_650, 99_999, 365_000, 10**12, 10**30])
def test_transcripts_may_be_kept_for_ever(
    home: homes.Home, reader: homes.Reader, days: int
) -> None:
    """Then no day that the ledger knows exactly is replaced by what the cache counted."""
    (home.path / "settings.json").write_text(json.dumps({"cleanupPeriodDays": days}))
    home.write_stats_cache(cache())
    home.main().write(user(at_s=NOW_S - 76 * DAY_S), user(at_s=NOW_S))
    reader.run()
    account = reader.account()
    assert account.covered_from == date(2026, 7, 2)
    assert {str(day): d.messages for day, d in account.days.items()} == {
        "2026-07-01": 100, "2026-07-02": 1, "2026-09-16": 1,
    }  # fmt: skip


def test_settings_that_are_no_file_do_not_block(home: homes.Home) -> None:
    """A pipe, a folder, a loop."""
    path = home.path / "settings.json"
    os.mkfifo(path)
    assert cleanup_period_days(home.path) == DEFAULT_DAYS
    path.unlink()
    path.mkdir()
    assert cleanup_period_days(home.path) == DEFAULT_DAYS


def real_caches() -> list[Path]:
    """Published caches, where the shared data lies beside the checkout."""
    return sorted(REAL.glob("*.json"))


@pytest.mark.parametrize("path", real_caches() or [None], ids=lambda p: p.name if p else "absent")
def test_published_caches_are_read(
    home: homes.Home, reader: homes.Reader, path: Path | None
) -> None:
    """Up to version 4 a day's tokens are its number, and all days add up to the lifetime usage."""
    if path is None:
        pytest.skip("no shared data beside the checkout")
    content = path.read_bytes()
    raw = json.loads(content)
    found = written(home, content)
    assert sum(day.messages for day in found.days.values()) == raw["totalMessages"]
    assert sum(day.sessions for day in found.days.values()) == raw["totalSessions"]
    summed = [
        sum(n)
        for n in zip(*(t for d in found.days.values() for t in d.tokens.values()), strict=True)
    ]
    assert summed == [sum(one[name] for one in raw["modelUsage"].values()) for name in NAMES]
    for day in raw["dailyModelTokens"]:
        mine = found.days[date.fromisoformat(day["date"])].tokens.values()
        theirs = sum(day["tokensByModel"].values())
        # input and output are rounded each
        assert abs(sum(t[0] + t[1] for t in mine) - theirs) <= len(day["tokensByModel"])
    home.main().write(assistant("msg_1"))
    assert reader.run().imported_days == len(found.days)
    account = reader.account()
    assert (
        sum(hour for (_, kind), hour in account.hours.items() if kind == "sessions")
        == raw["totalSessions"] + 1
    )
