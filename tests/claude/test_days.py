"""Local days and hours, in the time zone that the laptop has at the moment."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import homes
import pytest
from homes import NOW_S, assistant, tool_use, user

from ccpush.claude import facts as f


def at(text: str, zone: str) -> float:
    """Seconds since 1970 of a local time."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("zone", "day", "hour"),
    [("UTC", 16, 4), ("America/Los_Angeles", 15, 21), ("Asia/Kolkata", 16, 9), ("Pacific/Auckland", 16, 16),
     ("Asia/Kathmandu", 16, 9), ("Pacific/Kiritimati", 16, 18), ("Pacific/Pago_Pago", 15, 17)],
)  # fmt: skip
def test_a_row_falls_into_its_local_day_and_hour(
    home: homes.Home, reader: homes.Reader, zone: str, day: int, hour: int
) -> None:
    """04:07 UTC is another day in California, and another hour in most places."""
    at_s = at("2026-09-16T04:07:00", "UTC")
    home.main().write(user(at_s=at_s), assistant("msg_1", output=7, at_s=at_s, blocks=[tool_use()]))
    with homes.zone(zone):
        reader.run()
        account = reader.account()
    (figures,) = account.days.values()
    assert list(account.days) == [date(2026, 9, day)]
    assert (figures.messages, figures.sessions, figures.tool_calls) == (2, 1, 1)
    assert (figures.input, figures.output, figures.unsplit) == (10, 7, None)
    assert dict(account.hours) == {
        (hour, "messages"): 2,
        (hour, "sessions"): 1,
        (hour, "tool_calls"): 1,
    }


def test_days_begin_at_local_midnight(home: homes.Home, reader: homes.Reader) -> None:
    """To the minute, where the offset is a whole number of quarter-hours."""
    zone = "Asia/Kathmandu"
    home.main().write(
        user(at_s=at("2026-09-15T23:59:59", zone)),
        user(at_s=at("2026-09-16T00:00:00", zone)),
        user(at_s=at("2026-09-16T00:00:01", zone)),
    )
    with homes.zone(zone):
        reader.run()
        account = reader.account()
    assert {day.day: figures.messages for day, figures in account.days.items()} == {15: 1, 16: 2}


def test_today_is_local(home: homes.Home, reader: homes.Reader) -> None:
    """At noon UTC the day is not the same everywhere."""
    home.main().write(user(at_s=NOW_S))
    for zone, day in (("Pacific/Kiritimati", 17), ("UTC", 16), ("Pacific/Pago_Pago", 16)):
        with homes.zone(zone):
            reader.run()
            account = reader.account()
            assert account.today == date(2026, 9, day)
            assert account.days[account.today].messages == 1


def test_a_change_of_zone_between_passes_moves_days_and_no_total(
    home: homes.Home, reader: homes.Reader
) -> None:
    """After a flight all days and hours are those of the new place; what was counted stays."""
    evening_s = at("2026-09-15T23:30:00", "America/New_York")
    home.main().write(user(at_s=evening_s), assistant("msg_1", output=7, at_s=evening_s))
    with homes.zone("America/New_York"):
        reader.run()
        before = reader.account()
    home.main().append(assistant("msg_2", output=5, at_s=NOW_S))
    with homes.zone("Europe/Berlin"):
        # without a pass in between, reading alone shows the new place
        assert {day.day: d.output for day, d in reader.account().days.items()} == {16: 7}
        reader.run()
        after = reader.account()
    assert {day.day: d.output for day, d in before.days.items()} == {15: 7}
    assert {day.day: (d.output, d.messages) for day, d in after.days.items()} == {16: (12, 3)}
    hours = {hour: n for (hour, kind), n in after.hours.items() if kind == "messages"}
    assert hours == {5: 2, 14: 1}
    assert reader.total(f.MESSAGES) == 3
    with homes.zone("America/New_York"):
        reader.run()
        assert {day.day: d.output for day, d in reader.account().days.items()} == {15: 7, 16: 5}


def test_a_change_of_the_environment_takes_effect_at_the_next_pass(
    home: homes.Home, reader: homes.Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resident process asks for the zone at each pass; nobody calls tzset for it."""
    home.main().write(user(at_s=at("2026-09-16T03:00:00", "UTC")))
    reader.run()
    monkeypatch.setenv("TZ", "America/New_York")
    reader.run()
    assert [day.day for day in reader.account().days] == [15]


def test_days_around_a_change_to_summer_time(home: homes.Home, reader: homes.Reader) -> None:
    """A day of 23 and one of 25 hours hold their own rows."""
    zone = "Europe/Berlin"
    times = [
        "2026-03-28T23:59:00",
        "2026-03-29T00:00:00",
        "2026-03-29T23:59:00",
        "2026-03-30T00:00:00",
    ]
    home.main().write(*(user(at_s=at(text, zone)) for text in times))
    with homes.zone(zone):
        reader.run()
        account = reader.account()
    assert {day.isoformat(): d.messages for day, d in account.days.items()} == {
        "2026-03-28": 1, "2026-03-29": 2, "2026-03-30": 1,
    }  # fmt: skip
    hours = {hour: n for (hour, kind), n in account.hours.items() if kind == "messages"}
    assert hours == {0: 2, 23: 2}


def test_summer_time_is_no_change_of_zone(home: homes.Home, reader: homes.Reader) -> None:
    """Days of the past keep their own offset when the clocks change."""
    home.main().write(user(at_s=at("2026-03-01T23:30:00", "Europe/Berlin")))
    with homes.zone("Europe/Berlin"):
        reader.now_s = at("2026-03-28T12:00:00", "Europe/Berlin")
        reader.run()
        reader.now_s = at("2026-03-30T12:00:00", "Europe/Berlin")
        reader.run()
        assert [day.isoformat() for day in reader.account().days] == ["2026-03-01"]
