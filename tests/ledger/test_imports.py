"""Days before the transcripts: taken from the stats cache once each, and then fixed."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta
from typing import Any

import homes
import laws
import pytest
from homes import DAY_S, HAIKU, NOW_S, OPUS, assistant, tool_use, user

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.ledger.intake import Intake
from ccpush.ledger.meta import MetaKey, Value, set_meta
from ccpush.ledger.query import Account, Day
from ccpush.ledger.store import open_ledger
from ccpush.metrics.catalogue import frozen_families

TODAY = date(2026, 9, 16)
# Claude Code keeps thirty days; what lies before is the cache's.
OLD = TODAY - timedelta(days=40)
OLD_S = NOW_S - 40 * DAY_S
STEP = NOW_S // 60


def cache(
    *days: tuple[date, int],
    model: str = OPUS,
    tokens: int = 100,
    hours: dict[str, int] | None = None,
) -> dict[str, Any]:
    """A stats cache whose days have so many messages each, a tenth of them sessions."""
    activity = [
        {"date": str(day), "messageCount": n, "sessionCount": n // 10, "toolCallCount": n // 2}
        for day, n in days
    ]
    by_model = [{"date": str(day), "tokensByModel": {model: tokens}} for day, _ in days]
    whole = tokens * len(days)
    usage = {
        "inputTokens": whole // 4,
        "outputTokens": whole - whole // 4,
        "cacheReadInputTokens": 10 * whole,
        "cacheCreationInputTokens": whole,
    }
    return {
        "version": 4,
        "lastComputedDate": str(max(day for day, _ in days)),
        "dailyActivity": activity,
        "dailyModelTokens": by_model,
        "modelUsage": {model: usage},
        "totalSessions": sum(n // 10 for _, n in days),
        "totalMessages": sum(n for _, n in days),
        "hourCounts": hours or {"9": 1},
    }


def day(reader: homes.Reader, when: date) -> Day | None:
    """One day of the account."""
    return reader.account().days.get(when)


def test_days_that_the_transcripts_no_longer_cover_are_imported(
    home: homes.Home, reader: homes.Reader
) -> None:
    """Old days come from the cache, recent ones from the transcripts alone, never from both."""
    recent = TODAY - timedelta(days=3)
    home.write_stats_cache(cache((OLD, 50), (OLD + timedelta(days=1), 30), (recent, 900)))
    home.main().write(user(at_s=NOW_S - 3 * DAY_S), assistant(at_s=NOW_S - 3 * DAY_S))
    done = reader.run()
    account = reader.account()

    laws.hold(reader)
    assert (done.imported_days, account.imported_days, done.stats_cache) == (2, 2, "ok")
    assert account.days == {
        OLD: Day(messages=50, sessions=5, tool_calls=25, unsplit=100),
        OLD + timedelta(days=1): Day(messages=30, sessions=3, tool_calls=15, unsplit=100),
        recent: Day(messages=2, sessions=1, input=10, output=20),
    }
    assert account.all_time[Series(f.MESSAGES)] == 82
    assert account.all_time[Series(f.TOKENS, "cacheRead", OPUS)] == 2000
    # the later of the first row's day and the day to which transcripts were kept
    assert account.covered_from == recent


def test_counters_never_hold_imports(home: homes.Home, reader: homes.Reader) -> None:
    """A counter is a sum of increments; what the cache remembers is in the all-time gauges only."""
    home.write_stats_cache(cache((OLD, 50)))
    home.main().write(user())
    reader.run()

    own = {Series(f.MESSAGES): 1, Series(f.SESSIONS): 1, Series(f.PROMPTS): 1}
    assert reader.account().totals == own


def test_an_imported_day_is_fixed(home: homes.Home, reader: homes.Reader) -> None:
    """The cache may shrink, grow or vanish later: a day once imported stays as it was."""
    home.write_stats_cache(cache((OLD, 50)))
    reader.run()
    before = laws.tables(reader)["imported"]
    home.write_stats_cache(cache((OLD, 7)), at_s=NOW_S + 1)
    reader.run()
    home.write_stats_cache(b"<<<<<<< HEAD", at_s=NOW_S + 2)
    assert reader.run().stats_cache == "not_json"
    (home.path / "stats-cache.json").unlink()
    assert reader.run().stats_cache == "none"

    assert laws.tables(reader)["imported"] == before
    assert day(reader, OLD) == Day(messages=50, sessions=5, tool_calls=25, unsplit=100)


def test_covered_from_is_settled_at_the_first_complete_pass(
    home: homes.Home, reader: homes.Reader
) -> None:
    """Weeks later, days that have since left the transcripts are still the ledger's own."""
    home.main().write(user(at_s=NOW_S - 20 * DAY_S), user(at_s=NOW_S))
    reader.run()
    covered = reader.account().covered_from
    reader.now_s += 25 * DAY_S
    home.write_stats_cache(cache((TODAY - timedelta(days=20), 99)), at_s=reader.now_s)
    reader.run()

    assert covered == TODAY - timedelta(days=20)
    assert reader.account().imported_days == 0
    assert day(reader, TODAY - timedelta(days=20)) == Day(messages=1, sessions=1)


def test_how_long_transcripts_are_kept_is_a_setting_of_claude_code(
    home: homes.Home, reader: homes.Reader
) -> None:
    """With cleanupPeriodDays at 90, a day 40 days ago is the transcripts' own."""
    (home.path / "settings.json").write_text('{"cleanupPeriodDays": 90}')
    home.write_stats_cache(cache((OLD, 50)))
    home.main().write(user(at_s=NOW_S - 60 * DAY_S))
    reader.run()

    assert reader.account().imported_days == 0


def test_own_rows_on_imported_days_are_overlaid(home: homes.Home, reader: homes.Reader) -> None:
    """A long session's old rows lie on an imported day: the day counts once, as the cache has it."""
    home.write_stats_cache(cache((OLD, 50), tokens=400, hours={"9": 5}))
    home.main().write(
        assistant(at_s=OLD_S, input=7, output=9, blocks=[tool_use("t1", "Read")]),
        user(at_s=OLD_S),
        user(at_s=NOW_S),
    )
    reader.run()
    account = reader.account()

    laws.hold(reader)
    assert account.days[OLD] == Day(messages=50, sessions=5, tool_calls=25, unsplit=400)
    assert account.all_time[Series(f.MESSAGES)] == 51
    assert account.all_time[Series(f.TOKENS, "input", OPUS)] == 100
    # the hours too: five sessions at nine and today's message at noon
    assert {key: n for key, n in account.hours.items() if n} == {
        (9, "sessions"): 5,
        (12, "messages"): 1,
    }
    # the counters know nothing of it
    assert account.totals[Series(f.MESSAGES)] == 3


def test_rows_that_turn_up_on_an_imported_day_are_overlaid_too(
    home: homes.Home, reader: homes.Reader
) -> None:
    """A restored file with rows of an imported day raises the counters, not the all-time gauges."""
    home.write_stats_cache(cache((OLD, 50)))
    reader.run()
    home.main().write(user(at_s=OLD_S))
    reader.run()
    account = reader.account()

    laws.hold(reader)
    assert account.totals[Series(f.MESSAGES)] == 1
    assert account.all_time[Series(f.MESSAGES)] == 50


def test_an_import_that_could_not_be_kept_is_made_up_for(
    home: homes.Home, reader: homes.Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resident reader whose transaction failed looks at the cache again."""
    home.write_stats_cache(cache((OLD, 50)))
    home.main().write(user())

    def fail_at_the_end(connection: sqlite3.Connection, key: MetaKey, value: Value) -> None:
        if key == "passes":
            raise sqlite3.OperationalError("disk I/O error")
        set_meta(connection, key, value)

    with open_ledger(reader.state_dir, write=True) as connection:
        resident = Intake(connection, reader.homes, now=lambda: reader.now_s)
        with monkeypatch.context() as patch:
            patch.setattr("ccpush.ledger.intake.set_meta", fail_at_the_end)
            with pytest.raises(sqlite3.OperationalError, match="disk I/O"):
                resident.run()
        done = resident.run()

    laws.hold(reader)
    assert done.imported_days == reader.account().imported_days == 1


def test_several_homes_add_up(home: homes.Home, reader: homes.Reader) -> None:
    """Two homes' caches are two people's work on one day; they are added at one import."""
    other = homes.Home(home.path.parent / "other")
    reader.homes.append(other.path)
    home.write_stats_cache(cache((OLD, 50), hours={"9": 1}))
    other.write_stats_cache(cache((OLD, 30), model=HAIKU, hours={"23": 1}))
    reader.run()
    account = reader.account()

    laws.hold(reader)
    assert account.days[OLD] == Day(messages=80, sessions=8, tool_calls=40, unsplit=200)
    assert account.all_time[Series(f.TOKENS, "output", HAIKU)] == 75
    assert (account.hours[9, "sessions"], account.hours[23, "sessions"]) == (5, 3)


def test_imported_sessions_are_spread_over_the_hours_as_the_cache_says(
    home: homes.Home, reader: homes.Reader
) -> None:
    """In proportion, and to the last session: 10 sessions over hours of 1, 1 and 1."""
    home.write_stats_cache(cache((OLD, 100), hours={"3": 1, "9": 1, "22": 1}))
    reader.run()
    hours = {hour: n for (hour, kind), n in reader.account().hours.items() if kind == "sessions"}

    assert sum(hours.values()) == 10
    assert sorted(hours.values()) == [3, 3, 4]


@pytest.mark.parametrize(
    "family", [f.STOP_REASONS, f.API_ERRORS, f.COMPACTIONS, f.WEB_SEARCHES], ids=str
)
def test_what_a_cache_cannot_know_is_not_lost(
    home: homes.Home, reader: homes.Reader, family: str
) -> None:
    """Errors, stops, compactions and searches on an imported day are the ledger's own to tell."""
    home.write_stats_cache(cache((OLD, 50)))
    home.main().write(
        assistant(at_s=OLD_S, stop="end_turn", blocks=[tool_use("t1", "WebSearch")]),
        homes.api_error(at_s=OLD_S),
        homes.compact_boundary(90_000, at_s=OLD_S),
    )
    reader.run()
    account = reader.account()

    assert sum(n for series, n in account.all_time.items() if series.family == family) == 1


def offer(reader: homes.Reader) -> Account:
    """Freeze everything through now's step; return what is then sent."""
    reader.freeze(set(frozen_families()), STEP * 60)
    return at_step(reader)


def at_step(reader: homes.Reader) -> Account:
    """The account at the step that was offered."""
    with open_ledger(reader.state_dir, write=False) as connection:
        return homes.account_at(connection, reader.now_s, STEP)


def counted(account: Account) -> dict[Series, int]:
    """The all-time gauges that are not 0."""
    return {series: n for series, n in account.all_time.items() if n}


def test_a_late_row_on_an_imported_day_changes_nothing_offered(
    home: homes.Home, reader: homes.Reader
) -> None:
    """An all-time gauge at a step that was offered is the same for ever."""
    home.write_stats_cache(cache((OLD, 50)))
    home.main().write(user())
    reader.run()
    offered = offer(reader)
    home.main("late").write(user(at_s=OLD_S), assistant("msg_2", at_s=OLD_S))
    reader.run()

    assert counted(at_step(reader)) == counted(offered)


def test_a_late_import_changes_nothing_offered(home: homes.Home, reader: homes.Reader) -> None:
    """A cache that appears after a step was offered raises the gauges after that step only."""
    home.main().write(user(), user(at_s=OLD_S))
    reader.run()
    offered = offer(reader)
    home.write_stats_cache(cache((OLD, 50)))
    reader.now_s += 120
    reader.run()

    laws.hold(reader)
    assert reader.account().all_time[Series(f.MESSAGES)] == 51
    assert counted(at_step(reader)) == counted(offered)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_a_flight_does_not_change_all_time(
    home: homes.Home, reader: homes.Reader, zone: str
) -> None:
    """What lies beneath imported days was settled where they were imported."""
    home.write_stats_cache(cache((OLD, 50)))
    home.main().write(*(user(at_s=OLD_S + 3600 * hours) for hours in range(-24, 24)))
    reader.run()
    laws.hold(reader)
    before = reader.account().all_time
    with homes.zone(zone):
        reader.run()
        abroad = reader.account().all_time
    reader.run()
    laws.hold(reader)

    assert abroad == reader.account().all_time == before
