"""The last days: the same as the whole account says of them, and nothing else is read."""

from __future__ import annotations

from datetime import date, timedelta

import homes
import pytest
from homes import DAY_S, NOW_S, assistant, tool_use, user

from ccpush.claude import facts as f
from ccpush.ledger.days import read_days
from ccpush.ledger.recent import FAMILIES, Recent, read_recent
from ccpush.ledger.store import open_ledger
from ccpush.metrics.catalogue import frozen_families

TODAY = date(2026, 9, 16)


def use(home: homes.Home, at_s: float) -> None:
    """Let there be a prompt and a response."""
    number = int(at_s)
    home.main(f"session-{number}").write(
        user(at_s=at_s, session=f"session-{number}"),
        assistant(f"msg_{number}", at_s=at_s, session=f"session-{number}", blocks=[tool_use()]),
    )


def recent(reader: homes.Reader, days: int = 30) -> Recent:
    """The last days of the ledger."""
    with open_ledger(reader.state_dir, write=False) as connection:
        return read_recent(connection, reader.now_s, days=days)


def whole(reader: homes.Reader) -> dict[date, dict[object, int]]:
    """The same families of all days, read the long way."""
    with open_ledger(reader.state_dir, write=False) as connection:
        days = read_days(connection, reader.now_s)
    return {
        day: {series: n for series, n in amounts.items() if series.family in FAMILIES}
        for day, amounts in days.counted.items()
    }


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York", "Asia/Kathmandu"])
def test_recent_days_are_those_of_the_account(
    home: homes.Home, reader: homes.Reader, zone: str
) -> None:
    """Whatever the time zone, the last days are exactly as the reader of all days has them."""
    for hours_ago in range(1, 24 * 40, 5):
        use(home, NOW_S - hours_ago * 3600)
    with homes.zone(zone):
        reader.run()
        found, all_days = recent(reader), whole(reader)
        assert found.first == found.today - timedelta(days=29)
        assert found.counted == {
            day: amounts for day, amounts in all_days.items() if day >= found.first
        }
        messages = sum(
            n
            for day, amounts in found.counted.items()
            for series, n in amounts.items()
            if series.family == f.MESSAGES and day >= found.hours_since
        )
    assert sum(found.week_hours.values()) == messages > 0


def test_what_was_booked_late_lies_on_its_own_day(home: homes.Home, reader: homes.Reader) -> None:
    """Rows found after their time was offered are booked later, and shown on their own day."""
    use(home, NOW_S - 3600)
    reader.run()
    reader.freeze(set(frozen_families()))
    use(home, NOW_S - 5 * DAY_S)
    use(home, NOW_S - 35 * DAY_S)
    reader.run()
    assert sorted(recent(reader).counted) == [TODAY - timedelta(days=5), TODAY]
    assert recent(reader).counted == {
        day: amounts for day, amounts in whole(reader).items() if day > TODAY - timedelta(days=30)
    }


def test_an_empty_ledger_has_no_days(reader: homes.Reader) -> None:
    """With nothing counted there is nothing, but the days themselves."""
    reader.run()
    found = recent(reader)
    assert (found.today, found.first) == (TODAY, TODAY - timedelta(days=29))
    assert (found.counted, found.week_hours, found.before_prices) == ({}, {}, {})


def test_tokens_from_before_there_were_prices_are_told(
    home: homes.Home, reader: homes.Reader
) -> None:
    """What an earlier version counted without a price stands by day and model, recent days only."""
    use(home, NOW_S - DAY_S)
    use(home, NOW_S - 40 * DAY_S)
    reader.run()
    with open_ledger(reader.state_dir, write=True) as connection:
        connection.execute("UPDATE response SET prices = NULL")
    assert recent(reader).before_prices == {(TODAY - timedelta(days=1), homes.OPUS): 30}
