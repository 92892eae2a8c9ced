"""At which step an increment is booked, and into which local day and hour it falls."""

from __future__ import annotations

from datetime import date

import homes
import laws
import pytest
from homes import NOW_S, assistant, user

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.ledger.query import Account
from ccpush.ledger.store import open_ledger
from ccpush.metrics.catalogue import frozen_families

STEP = NOW_S // 60
MESSAGES = Series(f.MESSAGES)


def at_step(reader: homes.Reader, step: int) -> Account:
    """The account with its counters as they are at a grid step."""
    with open_ledger(reader.state_dir, write=False) as connection:
        return homes.account_at(connection, reader.now_s, step)


def booked(reader: homes.Reader, series: Series = MESSAGES) -> dict[int, int]:
    """The amounts of a series by the step at which they are booked, relative to now's."""
    steps: dict[int, int] = {}
    for number, _, *names, amount in laws.tables(reader)["increment"]:
        if tuple(names) == series:
            steps[number - STEP] = steps.get(number - STEP, 0) + amount
    return steps


def counted(account: Account) -> dict[Series, int]:
    """The counters that are not 0: a series born later is 0 at the steps before."""
    return {series: n for series, n in account.totals.items() if n}


def offer(reader: homes.Reader, step: int) -> Account:
    """Freeze all families through a step; return what is then sent."""
    reader.freeze(set(frozen_families()), step * 60)
    return at_step(reader, step)


def test_a_row_is_booked_at_the_step_after_its_own_time(
    home: homes.Home, reader: homes.Reader
) -> None:
    """What happened within a minute is known at its end: the first step that is not earlier."""
    home.main().write(user(at_s=NOW_S - 1), user(at_s=NOW_S - 60), user(at_s=NOW_S))
    reader.run()

    assert booked(reader) == {0: 2, 1: 1}
    assert at_step(reader, STEP - 1).totals[MESSAGES] == 0
    assert at_step(reader, STEP).totals[MESSAGES] == 2


def test_a_row_that_claims_to_be_later_than_now_is_booked_at_now(
    home: homes.Home, reader: homes.Reader
) -> None:
    """A clock that went back, or runs ahead elsewhere: nothing is booked later than the next step."""
    home.main().write(user(at_s=NOW_S + 3 * 3600))
    reader.run()

    assert booked(reader) == {1: 1}
    assert reader.account().days[reader.account().today].messages == 1


def test_a_late_row_is_booked_one_step_after_the_newest_offered(
    home: homes.Home, reader: homes.Reader
) -> None:
    """A file that turns up after its time was offered changes nothing that was offered."""
    home.main().write(user(at_s=NOW_S - 7200))
    reader.run()
    offered = offer(reader, STEP)
    home.main("late").write(user(at_s=NOW_S - 7200), user(at_s=NOW_S - 61))
    reader.run()

    assert booked(reader) == {-119: 1, 1: 2}
    assert counted(at_step(reader, STEP)) == counted(offered)
    assert at_step(reader, STEP + 1).totals[MESSAGES] == 3


def test_own_time_is_kept_for_days_and_hours(home: homes.Home, reader: homes.Reader) -> None:
    """However late a row is booked, it counts on the day and in the hour it was written."""
    reader.run()
    offer(reader, STEP)
    home.main().write(user(at_s=NOW_S - 2 * homes.DAY_S))
    reader.run()
    account = reader.account()

    assert {day: figures.messages for day, figures in account.days.items()} == {
        date(2026, 9, 14): 1
    }
    assert account.hours[12, "messages"] == 1


def test_freezing_never_falls(home: homes.Home, reader: homes.Reader) -> None:
    """Offering an older step later takes nothing back of what is frozen, nor of what is said of it."""
    reader.run()
    offer(reader, STEP)
    offer(reader, STEP - 30)
    home.main().write(user(at_s=NOW_S - 600))
    reader.run()

    assert booked(reader) == {1: 1}
    assert reader.account().offered_s == STEP * 60


def test_families_are_frozen_one_by_one(home: homes.Home, reader: homes.Reader) -> None:
    """A family that was never offered has its whole past still."""
    reader.run()
    reader.freeze({f.TOKENS})
    home.main().write(assistant("msg_1", at_s=NOW_S - 7200, input=5, output=0))
    reader.run()

    assert booked(reader, Series(f.MESSAGES)) == {-119: 1}
    assert booked(reader, Series(f.TOKENS, "input", homes.OPUS)) == {1: 5}


def test_a_clock_set_back_behind_what_was_offered(home: homes.Home, reader: homes.Reader) -> None:
    """Rows read while the clock is behind the newest step offered are booked after that step."""
    reader.run()
    offered = offer(reader, STEP + 60)
    home.main().write(user(at_s=NOW_S - 10))
    reader.now_s -= 3600
    reader.run()

    assert booked(reader) == {61: 1}
    assert counted(at_step(reader, STEP + 60)) == counted(offered) == {}


def test_growth_of_an_old_response_is_booked_late(home: homes.Home, reader: homes.Reader) -> None:
    """A later row of a response adds its difference after what was offered, on the first row's day."""
    home.main().write(assistant("msg_1", output=5, at_s=NOW_S - homes.DAY_S))
    reader.run()
    offered = offer(reader, STEP)
    home.main().append(assistant("msg_1", output=90, at_s=NOW_S - homes.DAY_S))
    reader.run()

    assert booked(reader, Series(f.TOKENS, "output", homes.OPUS)) == {-1439: 5, 1: 85}
    assert counted(at_step(reader, STEP)) == counted(offered)
    assert reader.account().days[date(2026, 9, 15)].output == 90


def test_a_main_row_outranks_copies_in_sidechains(home: homes.Home, reader: homes.Reader) -> None:
    """Read in one pass, a main file comes first; copies add nothing then, nor in any later pass."""
    home.agent().write(assistant("msg_1", output=50, sidechain=True))
    home.main().write(assistant("msg_1", output=20))
    reader.run()
    home.agent("b2").write(assistant("msg_1", output=90, sidechain=True))
    reader.run()

    laws.hold(reader)
    assert reader.tokens() == {homes.OPUS: (10, 20, 0, 0)}


@pytest.mark.parametrize("step", [STEP - 120, STEP])
def test_what_was_counted_never_goes_down(
    home: homes.Home, reader: homes.Reader, step: int
) -> None:
    """A copy's larger numbers stay, offered or not, though the main row has smaller ones."""
    home.agent().write(assistant("msg_1", output=50, input=3, sidechain=True))
    reader.run()
    offered = offer(reader, step)
    home.main().write(assistant("msg_1", output=20, input=8))
    reader.run()

    laws.hold(reader)
    assert reader.tokens() == {homes.OPUS: (8, 50, 0, 0)}
    assert counted(at_step(reader, step)) == counted(offered)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles", "Asia/Kathmandu"])
def test_figures_follow_the_laptop_to_another_zone(
    home: homes.Home, reader: homes.Reader, zone: str
) -> None:
    """After a flight the days are those of the new place, and still add up."""
    home.main().write(*(user(at_s=NOW_S - 3600 * hours) for hours in range(48)))
    reader.run()
    at_home = reader.account().days
    with homes.zone(zone):
        # whoever reads before the next pass computes them
        seen_before = reader.account()
        reader.run()
        laws.hold(reader)
        abroad = reader.account()
    reader.run()
    laws.hold(reader)

    assert seen_before.days == abroad.days != at_home
    assert seen_before.hours == abroad.hours
    assert sum(day.messages for day in abroad.days.values()) == 48
    assert reader.account().days == at_home


def test_hours_are_whole_in_zones_of_quarter_hours(home: homes.Home, reader: homes.Reader) -> None:
    """Where local hours begin at a quarter past, a row still falls into its own hour."""
    with homes.zone("Asia/Kathmandu"):
        # 12:14 UTC is 17:59 there, 12:15 is 18:00
        home.main().write(user(at_s=NOW_S - homes.DAY_S + 14 * 60 + 59))
        home.main().append(user(at_s=NOW_S - homes.DAY_S + 15 * 60))
        reader.run()
        hours = reader.account().hours

    assert (hours[17, "messages"], hours[18, "messages"]) == (1, 1)


def test_days_of_23_and_25_hours_are_whole(home: homes.Home, reader: homes.Reader) -> None:
    """When clocks change, local midnight is where the clock says."""
    with homes.zone("Europe/Berlin"):
        reader.now_s = 1_793_100_000  # 2026-10-27
        # from local midnight of the 25th, which has 25 hours, to that of the 26th
        midnight = 1_792_879_200
        home.main().write(*(user(at_s=midnight + hour * 3600) for hour in range(26)))
        reader.run()
        days = {day: figures.messages for day, figures in reader.account().days.items()}

    assert days == {date(2026, 10, 25): 25, date(2026, 10, 26): 1}
