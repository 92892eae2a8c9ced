"""Invented histories of the account, and what they add up to, counted one by one.

with story.ledger() as connection:
assert sums_at(connection, STEP).counted == story.sums(STEP).counted
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

import homes
from hypothesis import strategies as st

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.ledger.booking import OVERLAID_FAMILIES, Booking, LocalTime
from ccpush.ledger.history import Sums
from ccpush.ledger.store import open_ledger, transaction

STEP: Final = homes.NOW_S // 60
DAY: Final = 24 * 60
EPOCH: Final = date(1970, 1, 1).toordinal()
# what a stats cache knows of comes first
SERIES: Final = (
    Series(f.TOKENS, "input", "opus"),
    Series(f.TOKENS, "output", "opus"),
    Series(f.MESSAGES),
    Series(f.API_ERRORS),
    Series(f.TOKENS, "output", "haiku"),
    Series(f.TURN_DURATION_BUCKETS, "30"),
    Series(f.TURN_DURATION_MS),
)


class Grown(NamedTuple):
    """A series grew at so many minutes before now."""

    series: Series
    ago: int
    amount: int

    @property
    def step(self) -> int:
        """Where it is booked."""
        return STEP - self.ago + 1

    @property
    def day(self) -> int:
        """The ordinal of its day, in UTC."""
        return EPOCH + (STEP - self.ago) // DAY


class Imported(NamedTuple):
    """What a stats cache says of a day."""

    days_ago: int
    series: Series
    amount: int

    @property
    def step(self) -> int:
        """Where it is booked."""
        return STEP - self.days_ago * DAY

    @property
    def day(self) -> int:
        """Its ordinal."""
        return EPOCH + STEP // DAY - self.days_ago


class Story(NamedTuple):
    """All that ever happened."""

    grown: Sequence[Grown]
    imported: Sequence[Imported] = ()

    @contextlib.contextmanager
    def ledger(self) -> Iterator[sqlite3.Connection]:
        """A ledger that knows it."""
        with (
            tempfile.TemporaryDirectory() as folder,
            open_ledger(Path(folder) / "state", write=True) as connection,
        ):
            with transaction(connection):
                days = {one.day for one in self.imported}
                booking = Booking(connection, homes.NOW_S, LocalTime(), days)
                for series, ago, amount in self.grown:
                    booking.add(series, STEP - ago, amount)
                booking.write()
                connection.executemany(
                    "INSERT INTO imported VALUES (?, ?, ?, ?, ?, ?)",
                    [(one.day, *one.series, one.step, one.amount) for one in self.imported],
                )
            yield connection

    def events(self) -> Iterator[tuple[int, Series, int, bool]]:
        """Step, series, amount, and whether only all-time figures change, one by one."""
        days = {imported.day for imported in self.imported}
        for one in self.grown:
            yield one.step, one.series, one.amount, False
            if one.series.family in OVERLAID_FAMILIES and one.day in days:
                yield one.step, one.series, -one.amount, True
        for other in self.imported:
            yield other.step, other.series, other.amount, True

    def sums(self, step: int) -> Sums:
        """What every series stands at."""
        found = Sums(Counter(), Counter())
        for at, series, amount, imported in self.events():
            if at <= step:
                (found.imported if imported else found.counted)[series] += amount
        return found


ago: Final = st.integers(0, 3 * DAY) | st.integers(0, 70) | st.integers(0, 10)
grown: Final = st.builds(Grown, st.sampled_from(SERIES), ago, st.integers(1, 99))
imported: Final = st.lists(
    st.builds(Imported, st.integers(0, 4), st.sampled_from(SERIES[:3]), st.integers(1, 99)),
    max_size=6,
    unique_by=lambda one: (one.day, one.series),
)
stories: Final = st.builds(Story, st.lists(grown, max_size=25), imported)
