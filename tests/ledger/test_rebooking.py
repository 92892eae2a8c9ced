"""What was booked while the clock was ahead is booked at now, once the clock is right again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import homes
import laws
import pytest
from homes import DAY_S, NOW_S, assistant, user
from laptops import Clock, Laptop, to
from strict import strict_receiver

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.ledger.cursors import freeze
from ccpush.ledger.rebooking import PATIENCE_S
from ccpush.ledger.store import open_ledger
from ccpush.metrics.catalogue import frozen_families

TODAY = date(2026, 9, 16)
HOUR_S = 3600
TOKENS = "claude_code_token_usage_tokens_total"
OUTPUT = Series(f.TOKENS, "output", homes.OPUS)


def booked(reader: homes.Reader, series: Series) -> list[tuple[int, int, int]]:
    """The increments of a series: minutes from the test's noon, quarter-hours from it, amount."""
    return [
        (step - NOW_S // 60, quarter - NOW_S // 900, amount)
        for step, quarter, *names, amount in laws.tables(reader)["increment"]
        if tuple(names) == series
    ]


def pass_for(reader: homes.Reader, seconds: float) -> None:
    """Passes a quarter of an hour apart, for so long."""
    end_s = reader.now_s + seconds
    while reader.now_s < end_s:
        reader.run()
        laws.hold(reader)
        reader.now_s = min(end_s, reader.now_s + 900)
    reader.run()
    laws.hold(reader)


@pytest.fixture
def ahead(home: homes.Home, reader: homes.Reader) -> Iterator[homes.Reader]:
    """A reader that has read some rows of the truth, and then some with a clock three days ahead."""
    home.main("old").write(
        assistant("msg_old", output=1, at_s=NOW_S - 7200), user(at_s=NOW_S - 7200)
    )
    reader.run()
    reader.now_s += 3 * DAY_S
    row = assistant("msg_1", output=5, at_s=reader.now_s - 60, blocks=[homes.tool_use("t1")])
    home.main().write(row, user(at_s=reader.now_s - 1800), at_s=reader.now_s)
    reader.run()
    reader.now_s -= 3 * DAY_S
    yield reader
    laws.hold(reader)


def test_rows_of_a_clock_that_was_ahead_are_booked_at_now(ahead: homes.Reader) -> None:
    """After an hour they lie at the next step and on today; what is older has not moved."""
    before = ahead.account()
    pass_for(ahead, PATIENCE_S)
    after = ahead.account()

    assert booked(ahead, OUTPUT) == [(-119, -8, 1), (61, 4, 5)]
    assert booked(ahead, Series(f.MESSAGES)) == [(-119, -8, 2), (61, 4, 2)]
    assert (after.totals, after.all_time) == (before.totals, before.all_time)
    assert set(before.days) == {TODAY, date(2026, 9, 19)}
    assert {day: (it.messages, it.output, it.tool_calls) for day, it in after.days.items()} == {
        TODAY: (4, 6, 1)
    }
    assert after.hours == {**after.hours, (10, "messages"): 2, (13, "messages"): 2}
    assert sum(n for (_, kind), n in after.hours.items() if kind == "messages") == 4


def test_nothing_moves_again(ahead: homes.Reader) -> None:
    """Once it was moved, passes change nothing; also hours later, and after another jump."""
    pass_for(ahead, PATIENCE_S)
    moved = laws.tables(ahead)
    pass_for(ahead, 2 * HOUR_S)

    assert laws.tables(ahead) == moved


@pytest.mark.parametrize("by_s", [90, 8 * HOUR_S, 2000 * DAY_S])
def test_a_clock_that_is_set_right_within_the_hour_moves_nothing(
    ahead: homes.Reader, by_s: int
) -> None:
    """A laptop that lost its time at a boot, until the network tells it, keeps its past."""
    ahead.now_s += 3 * DAY_S
    ahead.run()
    known = laws.tables(ahead)
    for _ in range(2):
        ahead.now_s -= by_s
        pass_for(ahead, PATIENCE_S - 60)
        ahead.now_s += by_s
        ahead.run()

    assert laws.tables(ahead) == known


def test_a_clock_from_before_claude_code_moves_nothing(ahead: homes.Reader) -> None:
    """However long it says so, it is the clock that is wrong."""
    known = laws.tables(ahead)
    ahead.now_s = 1_700_000_000
    pass_for(ahead, 3 * HOUR_S)

    assert laws.tables(ahead) == known


def test_a_clock_behind_what_was_offered_moves_nothing(ahead: homes.Reader) -> None:
    """Samples are offered by the receiver's clock: what lies before them is not now."""
    ahead.freeze(set(frozen_families()), ahead.now_s + DAY_S)
    known = laws.tables(ahead)
    pass_for(ahead, 3 * HOUR_S)

    assert laws.tables(ahead) == known


def test_a_clock_that_goes_back_twice(ahead: homes.Reader) -> None:
    """The hour begins again, by the clock as it is then; all that it finds ahead moves."""
    ahead.run()
    ahead.now_s -= DAY_S
    pass_for(ahead, PATIENCE_S)

    assert booked(ahead, OUTPUT) == [(61 - 1440, 4 - 96, 6)]


def test_what_was_offered_stays(home: homes.Home, ahead: homes.Reader) -> None:
    """Rows move behind what was offered meanwhile, family by family; its values are the same."""
    frozen = set(frozen_families()) - {f.STOP_REASONS}
    home.main("s2").write(assistant("msg_2", stop="end_turn", at_s=NOW_S + 3 * DAY_S))
    ahead.now_s += 3 * DAY_S
    ahead.run()
    ahead.now_s -= 3 * DAY_S
    step = int(ahead.now_s + PATIENCE_S) // 60
    with open_ledger(ahead.state_dir, write=True) as connection:
        freeze(connection, frozen, step - 60)
        offered = homes.account_at(connection, ahead.now_s, step - 60)
        pass_for(ahead, PATIENCE_S)
        freeze(connection, frozen, step)
        also = homes.account_at(connection, ahead.now_s, step)
        then = homes.account_at(connection, ahead.now_s, step - 60)
        later = homes.account_at(connection, ahead.now_s, step + 1)

    assert then.totals == offered.totals == also.totals
    assert (also.totals[OUTPUT], later.totals[OUTPUT]) == (1, 26)
    assert booked(ahead, Series(f.STOP_REASONS, "end_turn")) == [(61, 4, 1)]


def test_growth_of_a_response_that_was_counted_ahead(home: homes.Home, ahead: homes.Reader) -> None:
    """What it grows by is booked at now, before the rest has moved and after, on the same day."""
    home.main().append(assistant("msg_1", output=8, at_s=NOW_S), at_s=NOW_S + 1)
    ahead.run()
    assert booked(ahead, OUTPUT)[1] == (1, 0, 3)

    pass_for(ahead, PATIENCE_S)
    ahead.now_s += 6 * HOUR_S
    home.main().append(assistant("msg_1", output=9, stop="end_turn"), at_s=NOW_S + 2)
    ahead.run()

    assert booked(ahead, OUTPUT) == [(-119, -8, 1), (1, 0, 3), (61, 4, 6)]
    assert booked(ahead, Series(f.STOP_REASONS, "end_turn")) == [(61, 4, 1)]
    assert {day: it.output for day, it in ahead.account().days.items()} == {TODAY: 10}


def test_a_session_of_a_clock_that_was_ahead(home: homes.Home, ahead: homes.Reader) -> None:
    """It is not alive for its rows of the future, but is when something happens in it now."""
    assert ahead.account().live.sessions == 0
    home.main().append(user(at_s=NOW_S - 30), at_s=NOW_S + 1)
    ahead.run()
    assert ahead.account().live.sessions == 1
    ahead.now_s += 1800
    ahead.run()
    assert ahead.account().live.sessions == 0


@pytest.mark.parametrize(
    "imported", [(TODAY, date(2026, 9, 21)), (date(2026, 9, 21),), (TODAY,)], ids=str
)
def test_days_that_were_imported_by_a_wrong_clock(
    home: homes.Home, reader: homes.Reader, imported: tuple[date, ...]
) -> None:
    """Rows that leave an imported day, or come to one, are counted on one side only."""
    home.main().write(user(at_s=NOW_S - DAY_S), user(at_s=NOW_S + 5 * DAY_S))
    home.write_stats_cache(
        {
            "version": 4,
            "lastComputedDate": "2026-09-22",
            "dailyActivity": [
                {"date": str(day), "messageCount": 40, "sessionCount": 3, "toolCallCount": 2}
                for day in imported
            ],
            "dailyModelTokens": [],
            "modelUsage": {},
            "totalSessions": 1,
            "totalMessages": 1,
            "hourCounts": {"9": 2},
        }
    )
    reader.now_s += 40 * DAY_S
    assert reader.run().imported_days == len(imported)
    laws.hold(reader)
    reader.now_s -= 40 * DAY_S
    pass_for(reader, PATIENCE_S)

    assert booked(reader, Series(f.MESSAGES))[-1] == (61, 4, 1)
    assert reader.account().all_time[Series(f.MESSAGES)] == 40 * len(imported) + (
        1 if TODAY in imported else 2
    )


def test_receivers_get_them_as_soon_as_the_clock_is_right(tmp_path: Path) -> None:
    """The receiver's clock was right all the time: rows of three days ahead come an hour later."""
    clock, true = Clock(NOW_S + 30.5), Clock(NOW_S + 30.5)
    with strict_receiver(now=true) as receiver:
        laptop = Laptop(tmp_path / "ada", clock)
        laptop.remote_write = [to(receiver.url)]
        laptop.use(ago_s=3600, output=5)
        laptop.tick()
        clock.forward(3 * DAY_S)
        laptop.use(ago_s=10, output=7)
        results = [laptop.tick()["central"]]
        clock.forward(-3 * DAY_S)
        for _ in range(6):
            clock.forward(900)
            true.forward(900)
            results.append(laptop.tick()["central"])
        grown = receiver.history(TOKENS, type="output")

    assert {result.outcome for result in results} == {"delivered"}
    minutes = [(ts_ms // 1000 - NOW_S) // 60 for ts_ms, _ in grown]
    assert (minutes[0], minutes[-1]) == (-60, 90)
    assert {value: min(m for m, (_, v) in zip(minutes, grown, strict=True) if v == value)
            for value in (0.0, 5.0, 12.0)} == {0.0: -60, 5.0: -59, 12.0: 76}  # fmt: skip
