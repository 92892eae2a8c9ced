"""At which grid step an increment is booked, and into which local day and hour it falls.

An increment belongs to the first step after its own time. When the samples of that step were
already offered, it is booked one step after the newest offered one: so a sample at time t has one
value, for every retry, for ever. Nothing is booked later than the step after now.
"""

from __future__ import annotations

import sqlite3
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.ledger.labels import Kind, Labels

GRID_S: Final = 60
MINUTES_PER_QUARTER: Final = 15

# Response flags.
MAIN: Final = 1
STOP_COUNTED: Final = 2

# The hour of what is only known to lie on a day.
NO_HOUR: Final = -1

_NEVER: Final = -1
# Increments of whole days have numbers below 0 for their quarter-hours.
_WHOLE_DAYS: Final = -1_000_000
_FIGURES: Final = {
    (f.MESSAGES, ""): "messages",
    (f.SESSIONS, ""): "sessions",
    (f.TOKENS, "input"): "input",
    (f.TOKENS, "output"): "output",
}
# What a stats cache counts too; of everything else the ledger alone knows, also on imported days.
OVERLAID_FAMILIES: Final = frozenset({f.TOKENS, f.MESSAGES, f.SESSIONS, f.TOOL_CALLS})
HOURLY: Final = frozenset({"messages", "sessions", "tool_calls"})


def figure_kind(family: str, a: str) -> str | None:
    """Say which daily figure a series adds to, if any."""
    if family == f.TOOL_CALLS:
        return "tool_calls"
    return _FIGURES.get((family, a))


def figure_kinds(connection: sqlite3.Connection) -> dict[int, str | None]:
    """Say of every series, by its number, which daily figure it adds to."""
    rows = connection.execute("SELECT id, family, a FROM series")
    return {number: figure_kind(family, a) for number, family, a in rows}


def whole_day(day: int) -> int:
    """Return what stands for the quarter-hour of increments that were summed over a local day."""
    return day + _WHOLE_DAYS


class LocalTime:
    """Local day and hour of quarter-hours, in the time zone that the process has now."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, int]] = {}

    def day_and_hour(self, quarter: int) -> tuple[int, int]:
        """Return the day's ordinal and the hour: 0 to 23, NO_HOUR of a whole day."""
        found = self._known.get(quarter)
        if found is None:
            if quarter < 0:
                return quarter - _WHOLE_DAYS, NO_HOUR
            local = time.localtime(quarter * MINUTES_PER_QUARTER * 60)
            day = date(local.tm_year, local.tm_mon, local.tm_mday).toordinal()
            found = self._known[quarter] = (day, local.tm_hour)
        return found


class Booking:
    """Collects the increments of one chunk and writes them, summed, in one go."""

    def __init__(
        self, connection: sqlite3.Connection, now_s: float, local: LocalTime, overlaid: set[int]
    ) -> None:
        self._connection = connection
        self.now_s = int(now_s)
        self._frozen = frozen_through(connection)
        self._local = local
        # ordinals of imported days: what lies on them is left out of all-time figures
        self._overlaid_days = overlaid
        self._ids: dict[Series, int] = {}
        self._rows: list[tuple[Series, str | None, int]] = []
        self._labels = Labels(connection)
        # series that are kept under another name, and how many increments were, by kind of label
        self._folded: dict[Series, Kind] = {}
        self.folded: Counter[Kind] = Counter()
        self._load_series()
        self._cells: defaultdict[tuple[int, int, int], int] = defaultdict(int)

    def minute(self, ts_s: int) -> int:
        """Return the own minute of a row: what claims to be later than now is booked at now."""
        return min(ts_s, self.now_s) // 60

    def add(self, series: Series, minute: int, amount: int) -> None:
        """Let ``series`` grow by ``amount`` at ``minute``."""
        if amount:
            number = self._ids.get(series)
            if number is None:
                number = self._new_series(series)
            if self._folded and series in self._folded:
                self.folded[self._folded[series]] += 1
            frozen = self._rows[number][2]
            booked = minute + 1 if minute >= frozen else frozen + 1
            self._cells[booked, minute // MINUTES_PER_QUARTER, number] += amount

    def add_each(self, series: Iterable[Series], minute: int, amounts: Iterable[int]) -> None:
        """Let each of some series grow by its amount; the same as :meth:`add`, many times."""
        ids, rows, cells, quarter = (
            self._ids,
            self._rows,
            self._cells,
            minute // MINUTES_PER_QUARTER,
        )
        for one, amount in zip(series, amounts, strict=True):
            if amount:
                number = ids.get(one)
                if number is None or self._folded:
                    self.add(one, minute, amount)
                    continue
                frozen = rows[number][2]
                booked = minute + 1 if minute >= frozen else frozen + 1
                cells[booked, quarter, number] += amount

    def write(self) -> int | None:
        """Write increments, totals and daily and hourly figures of everything added.

        Returns the oldest step that was booked at, None without any.
        """
        cells = sorted([(b, q, n, amount) for (b, q, n), amount in self._cells.items() if amount])
        self._write_increments(cells)
        totals = [0] * len(self._rows)
        by_quarter: defaultdict[tuple[int, int], int] = defaultdict(int)
        has_figure = [row[1] is not None for row in self._rows]
        for _, quarter, number, amount in cells:
            totals[number] += amount
            if has_figure[number]:
                by_quarter[quarter, number] += amount
        self._connection.executemany(
            "UPDATE series SET total = total + ? WHERE id = ?",
            [(amount, number) for number, amount in enumerate(totals) if amount],
        )
        add_overlay(self._connection, self._overlay(cells) if self._overlaid_days else {})
        add_figures(self._connection, self._figures(by_quarter))
        return cells[0][0] if cells else None

    def _write_increments(self, cells: Sequence[tuple[int, int, int, int]]) -> None:
        """Add to the increments that are there; what is newer than any is put down at once."""
        newest = self._connection.execute("SELECT MAX(booked) FROM increment").fetchone()[0]
        first_new = 0 if newest is None else bisect_left(cells, (newest + 1,))
        self._connection.executemany(
            "INSERT INTO increment VALUES (?, ?, ?, ?) ON CONFLICT (booked, quarter, series)"
            " DO UPDATE SET amount = amount + excluded.amount",
            cells[:first_new],
        )
        self._connection.executemany("INSERT INTO increment VALUES (?, ?, ?, ?)", cells[first_new:])

    def _overlay(self, cells: Sequence[tuple[int, ...]]) -> Counter[tuple[int, int]]:
        """Say how much of each series lies on imported days, by step."""
        overlay: Counter[tuple[int, int]] = Counter()
        for booked, quarter, number, amount in cells:
            if (
                self._rows[number][0].family in OVERLAID_FAMILIES
                and self._local.day_and_hour(quarter)[0] in self._overlaid_days
            ):
                overlay[booked, number] += amount
        return overlay

    def _figures(self, by_quarter: Mapping[tuple[int, int], int]) -> Counter[tuple[str, int, str]]:
        """Say what adds to which daily and hourly figure."""
        figures: Counter[tuple[str, int, str]] = Counter()
        for (quarter, number), amount in by_quarter.items():
            kind = self._rows[number][1]
            if kind is not None:
                day, hour = self._local.day_and_hour(quarter)
                figures["day", day, kind] += amount
                if kind in HOURLY and day not in self._overlaid_days:
                    figures["hour", hour, kind] += amount
        return figures

    def _load_series(self) -> None:
        self._rows = [(Series(""), None, _NEVER)]
        for number, *names in self._connection.execute(
            "SELECT id, family, a, b FROM series ORDER BY id"
        ):
            assert number == len(self._rows)
            self._remember(Series(*names))

    def _remember(self, series: Series) -> int:
        number = len(self._rows)
        frozen = self._frozen.get(series.family, _NEVER)
        self._rows.append((series, figure_kind(series.family, series.a), frozen))
        self._ids[series] = number
        return number

    def _new_series(self, series: Series) -> int:
        kept, kind = self._labels.fold(series)
        number = self._ids.get(kept)
        if number is None:
            number = self._remember(kept)
            self._connection.execute(
                "INSERT INTO series (id, family, a, b) VALUES (?, ?, ?, ?)", (number, *kept)
            )
        if kind is not None:
            self._ids[series] = number
            self._folded[series] = kind
        return number


def add_figures(
    connection: sqlite3.Connection, figures: Mapping[tuple[str, int, str], int]
) -> None:
    """Add to the daily (``at`` = the day's ordinal) and hourly (``at`` = 0 to 23) figures."""
    connection.executemany(
        "INSERT INTO figure VALUES (?, ?, ?, ?) ON CONFLICT (span, at, kind)"
        " DO UPDATE SET amount = amount + excluded.amount",
        [(*key, amount) for key, amount in sorted(figures.items()) if amount],
    )


def add_overlay(connection: sqlite3.Connection, overlay: Mapping[tuple[int, int], int]) -> None:
    """Note what of series lies on imported days: by (booked, series)."""
    connection.executemany(
        "INSERT INTO overlay VALUES (?, ?, ?) ON CONFLICT (booked, series)"
        " DO UPDATE SET amount = amount + excluded.amount",
        [(*key, amount) for key, amount in sorted(overlay.items()) if amount],
    )


def frozen_through(connection: sqlite3.Connection) -> dict[str, int]:
    """Return, for each family ever offered, the newest grid step that was."""
    return dict(connection.execute("SELECT family, through FROM frozen"))
