"""After 400 days increments are kept by the day: nothing that anybody can see changes by it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import homes
import laws
import pytest
from homes import DAY_S, HAIKU, NOW_S, OPUS, assistant, tool_use, user
from hypothesis import given
from hypothesis import strategies as st

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.errors import LedgerError
from ccpush.ledger import collapse
from ccpush.ledger.booking import LocalTime
from ccpush.ledger.days import Days, read_days
from ccpush.ledger.meta import MetaKey, Value, set_meta
from ccpush.ledger.query import Account
from ccpush.ledger.store import open_ledger
from ccpush.metrics.catalogue import frozen_families

TODAY = date(2026, 9, 16)
# Noon UTC of the newest day that is old enough to be collapsed.
OLD_S = NOW_S - 401 * DAY_S
OLD = TODAY - timedelta(days=401)
# The midnight up to which everything is collapsed.
LIMIT = (NOW_S // DAY_S - 400) * 1440
ZONES = ("UTC", "America/Los_Angeles", "Asia/Kathmandu", "Pacific/Kiritimati", "Europe/Berlin")


class Twins:
    """Two ledgers over one home, one of which never collapses anything."""

    def __init__(self, folder: Path) -> None:
        self.home = homes.Home(folder / "home")
        self.collapsed = homes.Reader(folder / "collapsed", self.home)
        self.whole = homes.Reader(folder / "whole", self.home)
        # what is old is counted from the newest row, if that is earlier than now
        self.home.main("now").write(user(at_s=NOW_S))

    def run(self, later_s: float = 0) -> None:
        """Read with both, a while later."""
        for reader in (self.collapsed, self.whole):
            reader.now_s += later_s
        never_collapsing(self.whole)
        self.collapsed.run()
        laws.hold(self.collapsed)

    def run_tomorrow(self) -> None:
        """Read on the next day, on which there is a new row."""
        self.home.main("now").append(
            user(at_s=self.whole.now_s + DAY_S), at_s=self.whole.now_s + DAY_S
        )
        self.run(DAY_S)

    def assert_same(self) -> None:
        """Whoever asks either ledger gets the same answer."""
        one, other = self.collapsed.account(), self.whole.account()
        assert one.totals == other.totals
        assert one.all_time == other.all_time
        assert one.days == other.days
        assert {at: n for at, n in one.hours.items() if n} == dict(other.hours)
        assert one.live == other.live
        assert by_day(self.collapsed) == by_day(self.whole)
        limit = (int(self.whole.now_s) // DAY_S - 400) * 1440
        booked = {row[0] for row in laws.tables(self.whole)["increment"]}
        midnights = {limit - 1440 * days for days in range(35)}
        for step in {limit + 1, *midnights, *booked, *(step - 1 for step in booked)}:
            if step > limit or step in midnights:
                self.assert_same_at(step)

    def assert_same_at(self, step: int) -> None:
        """The counters at a grid step are the same."""
        one, other = at_step(self.collapsed, step), at_step(self.whole, step)
        assert nonzero(one.totals) == nonzero(other.totals)
        assert nonzero(one.all_time) == nonzero(other.all_time)


def never_collapsing(reader: homes.Reader) -> None:
    """Make a pass that leaves old days as they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collapse, "KEPT_DAYS", 10**6)
        reader.run()


@pytest.fixture
def twins(tmp_path: Path) -> Twins:
    """Two new ledgers."""
    return Twins(tmp_path)


def at_step(reader: homes.Reader, step: int) -> Account:
    """The account with its counters as they are at a grid step."""
    with open_ledger(reader.state_dir, write=False) as connection:
        return homes.account_at(connection, reader.now_s, step)


def by_day(reader: homes.Reader) -> Days:
    """What a report is made of."""
    with open_ledger(reader.state_dir, write=False) as connection:
        return read_days(connection, reader.now_s)


def nonzero(totals: object) -> dict[Series, int]:
    """A series that was not there and one that is 0 are the same."""
    assert isinstance(totals, dict)
    return {series: n for series, n in totals.items() if n}


def steps_of(reader: homes.Reader, series: Series) -> list[tuple[int, int]]:
    """The increments of a series: booked step, relative to the limit, and amount."""
    return [
        (row[0] - LIMIT, row[-1])
        for row in sorted(laws.tables(reader)["increment"])
        if row[2:5] == series
    ]


def busy_day(at_s: int, name: str) -> Iterator[homes.Row]:
    """Rows of some hours: prompts, responses of two models, tools, an error, an end of turn."""
    for hour in range(5):
        moment = at_s + hour * 3600
        yield user(at_s=moment)
        for number, model in enumerate((OPUS, HAIKU, OPUS)):
            yield assistant(
                f"{name}-{hour}-{number}",
                at_s=moment + number * 1200,
                model=model,
                input=hour + 1,
                output=10 * number + 1,
                blocks=[tool_use(f"{name}-{hour}-{number}")],
                stop="end_turn",
            )
        yield homes.turn_duration(7000, at_s=moment)
    yield homes.api_error(at_s=at_s)


MESSAGES = Series(f.MESSAGES)


def test_an_old_day_is_one_increment_for_each_series(twins: Twins) -> None:
    """Days that ended 400 days ago shrink to a row each; the day after them is left alone."""
    for days in (0, 1, 2):
        twins.home.main(f"s{days}").write(*busy_day(OLD_S - 3600 * 6 + days * DAY_S, f"r{days}"))
    twins.run()

    assert steps_of(twins.collapsed, MESSAGES)[0] == (0, 20)
    assert steps_of(twins.collapsed, Series(f.TOKENS, "output", OPUS))[0] == (0, 5 * 22)
    rows = laws.tables(twins.collapsed)["increment"]
    old = [row for row in rows if row[0] <= LIMIT]
    assert len(old) == len({row[2:5] for row in old})
    recent = [row for row in rows if row[0] > LIMIT]
    assert recent == [row for row in laws.tables(twins.whole)["increment"] if row[0] > LIMIT]
    twins.assert_same()


@pytest.mark.parametrize("zone", ZONES)
def test_nothing_to_be_seen_changes(twins: Twins, zone: str) -> None:
    """Totals, days, hours, reports and values at any step of 400 days, wherever the laptop is."""
    with homes.zone(zone):
        for days in range(-4, 3):
            at_s = OLD_S + days * DAY_S + 7 * 3600 * days
            twins.home.main(f"s{days}").write(*busy_day(at_s, f"r{days}"))
        twins.run()

        assert len(laws.tables(twins.collapsed)["increment"]) < len(
            laws.tables(twins.whole)["increment"]
        )
        twins.assert_same()


def test_days_are_collapsed_as_they_grow_old(twins: Twins) -> None:
    """Each day one more, once; nothing is written to the ledger's account in between."""
    for days in range(5):
        twins.home.main(f"s{days}").write(*busy_day(OLD_S + days * DAY_S, f"r{days}"))
    for days in range(1, 5):
        twins.run()
        twins.run(60)
        collapsed = [end for end, n in steps_of(twins.collapsed, MESSAGES) if n == 20]
        assert collapsed == [1440 * number for number in range(days)]
        twins.assert_same()
        twins.run_tomorrow()


def test_late_rows_of_old_days_are_collapsed_the_next_day(twins: Twins) -> None:
    """A file that turns up with rows older than 400 days: at most once a day, days are redone."""
    twins.home.main("early").write(*busy_day(OLD_S, "early"))
    twins.run()
    twins.home.main("late").write(
        *busy_day(OLD_S, "late"), *busy_day(OLD_S - 30 * DAY_S, "later still")
    )
    twins.run(60)

    assert len(steps_of(twins.collapsed, MESSAGES)) > 20
    twins.assert_same()
    twins.run_tomorrow()
    assert steps_of(twins.collapsed, MESSAGES)[:2] == [(-30 * 1440, 20), (0, 40)]
    twins.assert_same()


def test_late_rows_that_are_booked_now_keep_their_own_day(twins: Twins) -> None:
    """Of what was offered nothing changes; 400 days later two own days are two rows of one step."""
    twins.run()
    for reader in (twins.collapsed, twins.whole):
        reader.freeze(set(frozen_families()))
    offered = at_step(twins.collapsed, NOW_S // 60)
    twins.home.main("late").write(*busy_day(OLD_S, "a"), *busy_day(OLD_S - 9 * DAY_S, "b"))
    twins.run(120)
    assert nonzero(at_step(twins.collapsed, NOW_S // 60).totals) == nonzero(offered.totals)
    twins.assert_same()

    for _ in range(2):
        twins.home.main("now").append(user(at_s=NOW_S + 401 * DAY_S), at_s=twins.whole.now_s)
        twins.run(401 * DAY_S)
    end = 400 * 1440 + 720
    assert [step for step, n in steps_of(twins.collapsed, MESSAGES) if n == 20] == [
        end + 720,
        end + 720,
    ]
    twins.assert_same()


@pytest.mark.parametrize("ahead_steps", [-300, 0, 90])
def test_what_a_family_was_frozen_through_stays(twins: Twins, ahead_steps: int) -> None:
    """A sink last offered something 400 days ago: the value that it has is still exact."""
    mark = OLD_S // 60 + ahead_steps
    with open_ledger(twins.collapsed.state_dir, write=True):
        pass
    twins.collapsed.freeze({f.TOKENS, f.MESSAGES}, mark * 60)
    twins.whole.freeze({f.TOKENS, f.MESSAGES}, mark * 60)
    twins.home.main().write(*busy_day(OLD_S - 3600, "a"), *busy_day(OLD_S - 3 * DAY_S, "b"))
    twins.run()

    twins.assert_same()
    ours, theirs = at_step(twins.collapsed, mark).totals, at_step(twins.whole, mark).totals
    families = (f.TOKENS, f.MESSAGES)
    for series in {*ours, *theirs}:
        if series.family in families:
            assert ours.get(series, 0) == theirs.get(series, 0)
    assert ours.get(MESSAGES, 0) == sum(
        n for s, n in steps_of(twins.whole, MESSAGES) if s <= mark - LIMIT
    )


def freeze_after_reading(twins: Twins, mark: int) -> None:
    """Offer what both have at a step of the past."""
    for reader in (twins.collapsed, twins.whole):
        reader.freeze(set(frozen_families()), mark * 60)


def test_a_day_is_parted_where_it_was_offered(twins: Twins) -> None:
    """What was booked before the mark and after it are two rows, until there is a newer mark."""
    twins.home.main().write(*busy_day(OLD_S - 3600 * 2, "a"))
    never_collapsing(twins.collapsed)
    never_collapsing(twins.whole)
    mark = OLD_S // 60
    freeze_after_reading(twins, mark)
    twins.run(60)

    assert steps_of(twins.collapsed, MESSAGES)[:2] == [(mark - LIMIT, 8), (0, 12)]
    twins.assert_same_at(mark)
    twins.assert_same()


def crash_at(patch: pytest.MonkeyPatch, transactions: int) -> None:
    """Let the process die at the end of a transaction of a collapse."""
    left = [transactions]

    def dying(connection: sqlite3.Connection, key: MetaKey, value: Value) -> None:
        set_meta(connection, key, value)
        left[0] -= 1
        if left[0] < 0:
            raise sqlite3.OperationalError("disk I/O error")

    patch.setattr(collapse, "set_meta", dying)


@pytest.mark.parametrize("transactions", range(4))
def test_a_crash_between_transactions_costs_nothing(
    twins: Twins, monkeypatch: pytest.MonkeyPatch, transactions: int
) -> None:
    """A part of the days is collapsed, the rest is by the next pass; at each moment all is right."""
    for days in range(5):
        twins.home.main(f"s{days}").write(*busy_day(OLD_S - days * DAY_S, f"r{days}"))
    monkeypatch.setattr(collapse, "MAX_ROWS", 10)
    with monkeypatch.context() as patch:
        crash_at(patch, transactions)
        with pytest.raises(LedgerError, match="disk I/O"):
            twins.collapsed.run()
    laws.hold(twins.collapsed)
    done = [end for end, n in steps_of(twins.collapsed, MESSAGES) if n == 20]
    assert done == [(number - 4) * 1440 for number in range(transactions)]
    twins.run(60)

    assert steps_of(twins.collapsed, MESSAGES)[:5] == [((n - 4) * 1440, 20) for n in range(5)]
    twins.assert_same()


def test_a_collapse_that_is_stopped_goes_on_later(
    twins: Twins, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever wants to stop waits for a few thousand rows at most."""
    for days in range(5):
        twins.home.main(f"s{days}").write(*busy_day(OLD_S - days * DAY_S, f"r{days}"))
    monkeypatch.setattr(collapse, "MAX_ROWS", 10)
    never_collapsing(twins.collapsed)
    answers = iter([False, False])
    with open_ledger(twins.collapsed.state_dir, write=True) as connection:
        collapse.collapse(connection, NOW_S, LocalTime(), lambda: next(answers, True))
    assert [n for _, n in steps_of(twins.collapsed, MESSAGES)[:3]] == [20, 20, 2]
    twins.run(60)

    assert [n for _, n in steps_of(twins.collapsed, MESSAGES)[:5]] == [20] * 5
    twins.assert_same()


def test_after_a_flight_collapsed_days_stay_what_they_were(twins: Twins) -> None:
    """Their own hours are gone but for sums: day and hour remain those of the place they were in."""
    evening = OLD_S + 11 * 3600
    twins.home.main().write(user(at_s=evening - DAY_S), user(at_s=evening), user(at_s=NOW_S - 3600))
    twins.run()
    at_home = twins.collapsed.account()
    with homes.zone("Asia/Tokyo"):
        twins.run(60)
        abroad = twins.collapsed.account()
        there = twins.whole.account()
    twins.run(60)

    messages = {day: figures.messages for day, figures in abroad.days.items()}
    assert messages == {OLD - timedelta(days=1): 1, OLD: 1, TODAY: 2}
    assert {day: figures.messages for day, figures in there.days.items()} == {
        OLD: 1, OLD + timedelta(days=1): 1, TODAY: 2,
    }  # fmt: skip
    assert {at: n for at, n in abroad.hours.items() if at[1] == "messages" and n} == {
        (23, "messages"): 2, (20, "messages"): 1, (21, "messages"): 1,
    }  # fmt: skip
    assert (abroad.totals, abroad.all_time) == (at_home.totals, at_home.all_time)
    twins.assert_same()


def test_a_collapsed_day_can_still_be_imported(twins: Twins) -> None:
    """A cache that remembers such a day later counts alone, by day, in all and by the hour."""
    twins.home.main().write(*busy_day(OLD_S, "a"), *busy_day(OLD_S - DAY_S, "b"))
    twins.run()
    activity = {"date": str(OLD), "messageCount": 50, "sessionCount": 5, "toolCallCount": 25}
    cache = {
        "version": 4,
        "lastComputedDate": str(OLD),
        "dailyActivity": [activity],
        "dailyModelTokens": [{"date": str(OLD), "tokensByModel": {OPUS: 100}}],
        "modelUsage": {OPUS: {"inputTokens": 25, "outputTokens": 75}},
        "totalSessions": 5,
        "totalMessages": 50,
        "hourCounts": {"9": 5},
    }
    twins.home.write_stats_cache(cache)
    twins.run(60)

    account = twins.collapsed.account()
    assert account.days[OLD].messages == 50
    assert account.all_time[MESSAGES] == 50 + 20 + 1
    assert account.totals[MESSAGES] == 41
    twins.assert_same()


def test_a_clock_that_runs_years_ahead_collapses_nothing(twins: Twins) -> None:
    """What is old is counted from the newest row that there is."""
    twins.home.main().write(*busy_day(NOW_S - 20 * DAY_S, "a"))
    twins.run(2000 * DAY_S)

    assert laws.tables(twins.collapsed) == laws.tables(twins.whole)


def test_when_nothing_is_old_the_table_is_not_searched(twins: Twins) -> None:
    """A pass asks for two values and the newest step; no query reads through the increments."""
    twins.home.main().write(*busy_day(OLD_S, "a"))
    twins.run()
    said: list[str] = []
    with open_ledger(twins.collapsed.state_dir, write=True) as connection:
        connection.set_trace_callback(said.append)
        collapse.collapse(connection, NOW_S + 60, LocalTime(), lambda: False)
        connection.set_trace_callback(None)
        plans = [
            row[3]
            for query in (
                "SELECT MAX(booked) FROM increment",
                "SELECT * FROM increment WHERE booked > 1",
            )
            for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")
        ]

    assert [query.split(" WHERE")[0] for query in said] == ["SELECT value FROM meta"]
    assert all(plan.startswith("SEARCH") for plan in plans)


moments = st.integers(-3 * DAY_S, 2 * DAY_S).map(lambda s: OLD_S + s)
rows = st.one_of(
    st.builds(user, at_s=moments),
    st.builds(
        assistant,
        st.sampled_from(["m1", "m2", "m3", "m4"]),
        at_s=moments,
        model=st.sampled_from([OPUS, HAIKU]),
        output=st.integers(1, 9),
        sidechain=st.booleans(),
        blocks=st.sampled_from(["t1", "t2"]).map(lambda call: [tool_use(call)]),
    ),
)
some_rows = st.lists(rows, max_size=8)


@given(
    st.lists(some_rows, min_size=1, max_size=4),
    st.sampled_from(ZONES),
    st.sampled_from([1, 4, 5_000]),
    st.one_of(st.none(), moments),
)
def test_any_old_rows_in_any_passes(
    tmp_path_factory: pytest.TempPathFactory,
    passes: list[list[homes.Row]],
    zone: str,
    max_rows: int,
    frozen_s: int | None,
) -> None:
    """However rows come, day after day, late or not: both ledgers say the same."""
    with homes.zone(zone), pytest.MonkeyPatch.context() as patch:
        patch.setattr(collapse, "MAX_ROWS", max_rows)
        twins = Twins(tmp_path_factory.mktemp("twins"))
        twins.run()
        if frozen_s is not None:
            freeze_after_reading(twins, frozen_s // 60)
        for new in passes:
            twins.home.main().append(*new, at_s=twins.whole.now_s)
            twins.run_tomorrow()
            if frozen_s is not None:
                twins.assert_same_at(frozen_s // 60)
        twins.assert_same()
