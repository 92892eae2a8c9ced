"""When a row was written, and what becomes of rows that do not say so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import homes
import pytest
from homes import NOW_S, assistant, extract, put, turn_duration, user, without
from hypothesis import given, settings
from hypothesis import strategies as st

from ccpush.claude.timestamps import EARLIEST_S, END_S, Clock

AT_S = int(datetime(2026, 9, 16, 7, 48, 21, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "text",
    ["2026-09-16T07:48:21.123Z", "2026-09-16T07:48:21Z", "2026-09-16T07:48:21.123456Z", "2026-09-16T07:48:21+00:00",
     "2026-09-16T09:48:21+02:00", "2026-09-16T02:48:21.5-05:00", "2026-09-16 07:48:21.123Z",
     # without a zone: UTC, whatever the laptop's zone is
     "2026-09-16T07:48:21.123", "2026-09-16T07:48:21"],
)  # fmt: skip
def test_a_time_is_read_however_it_is_written(text: str) -> None:
    """ISO 8601, with or without a zone, to the second."""
    with homes.zone("America/New_York"):
        assert Clock().seconds(text) == AT_S


@pytest.mark.parametrize(
    "text",
    ["", "Z", "yesterday", "1970-01-01T00:00:00.000Z", "2019-12-31T23:59:59.999Z", "2100-01-01T00:00:00.000Z",
     "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00+14:00", "2026-13-01T00:00:00.000Z", "2026-09-31T00:00:00.000Z",
     "2026-09-16T25:00:00.000Z", "2026-09-16T07:61:00.000Z", "2026-09-16T07:48:61.000Z", "1789544901", "1789544901000",
     "2026-09-16T07:48:21.123ZZ", "２０２６-09-16T07:48:21.123Z", "x" * 100_000],
)  # fmt: skip
def test_what_is_no_time_that_a_row_can_have_is_refused(text: str) -> None:
    """Before 2020, from 2100 on, or no time at all."""
    assert Clock().seconds(text) == -1


def test_the_first_and_the_last_second_are_times() -> None:
    """From 2020 to 2099, whatever this machine takes the time to be."""
    clock = Clock()
    assert clock.seconds("2020-01-01T00:00:00.000Z") == EARLIEST_S
    assert clock.seconds("2099-12-31T23:59:59.999Z") == END_S - 1


PLAIN = "2026-09-16T07:48:"


@settings(max_examples=200, deadline=None)
@given(
    end=st.one_of(
        st.integers(-1, 99).map(lambda n: f"{n:02d}.123Z"),
        st.text("0123456789.:+-Z _", min_size=7, max_size=7),
    )
)
def test_what_was_asked_before_changes_no_answer(end: str) -> None:
    """Minutes are remembered for speed; that must not let times through that are none."""
    first, second = Clock(), Clock()
    first.seconds(f"{PLAIN}00.000Z")
    known, unknown = first.seconds(PLAIN + end), second.seconds(PLAIN + end)
    assert known == unknown or (unknown == -1 and 0 <= known - AT_S + 21 < 60)


BAD: list[Any] = ["1970-01-01T00:00:00.000Z", "2100-01-01T00:00:00.000Z", "soon", ""]


@pytest.mark.parametrize(
    "row", [assistant("msg_1"), user(), turn_duration(9), homes.api_error_message()]
)
def test_rows_without_a_usable_time_are_skipped_by_reason(row: homes.Row) -> None:
    """They would have to be booked somewhere, and there is no telling where."""
    for value in BAD:
        facts = extract(put(row, "timestamp", value), assistant("msg_2")).facts
        assert dict(facts.skipped) == {"bad_timestamp": 1}
        assert list(facts.responses) == ["msg_2"]
    for missing in (
        put(row, "timestamp", None),
        put(row, "timestamp", 1_789_544_901),
        without(row, "timestamp"),
    ):
        assert dict(extract(missing).facts.skipped) == {"no_timestamp": 1}


def test_a_row_without_zone_counts_at_its_utc_time(home: homes.Home, reader: homes.Reader) -> None:
    """Other tools drop such rows."""
    home.main().write(put(assistant("msg_1", output=4), "timestamp", "2026-09-15T23:30:00.000"))
    with homes.zone("Asia/Tokyo"):
        reader.run()
        days = reader.account().days
    assert {day.isoformat(): figures.output for day, figures in days.items()} == {"2026-09-16": 4}


def test_the_time_of_an_agents_news_is_the_inner_rows(
    home: homes.Home, reader: homes.Reader
) -> None:
    """The response happened when it says, not when the parent heard of it."""
    row = assistant("msg_1", output=4, at_s=NOW_S - 2 * homes.DAY_S)
    home.main().write(homes.agent_progress(row, at_s=NOW_S))
    home.agent().write(
        homes.agent_progress(without(assistant("msg_2", output=5), "timestamp"), at_s=NOW_S)
    )
    reader.run()
    days = reader.account().days
    assert {day.isoformat(): figures.output for day, figures in days.items()} == {
        "2026-09-14": 4,
        "2026-09-16": 5,
    }


def test_rows_need_not_be_in_order_of_time(home: homes.Home, reader: homes.Reader) -> None:
    """One row in sixteen steps back; each falls into its own day."""
    ages = (3, 0, 2, 0, 3, 1)
    home.main().write(
        *(assistant(f"msg_{n}", at_s=NOW_S - age * homes.DAY_S) for n, age in enumerate(ages))
    )
    reader.run()
    days = reader.account().days
    assert {day.day: figures.messages for day, figures in days.items()} == {
        13: 2,
        14: 1,
        15: 1,
        16: 2,
    }


def test_a_row_from_the_near_future_is_booked_now(home: homes.Home, reader: homes.Reader) -> None:
    """Another machine's clock was ahead; nothing is ever booked later than the step after now."""
    home.main().write(assistant("msg_1", output=4, at_s=NOW_S + 20 * 3600))
    reader.run()
    account = reader.account()
    assert account.days[account.today].output == 4
    assert list(account.days) == [account.today]
