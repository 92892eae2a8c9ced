"""Days before the transcripts, taken from the stats cache once each and then fixed.

A day is either imported or the ledger's own, never both: what the ledger itself knows of an
imported day is left out of all-time figures (the table ``overlay``), as far as the cache counts it
too. Both are booked like increments, so that what was offered stays true. Counters hold no imports.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.claude.stats_cache import TOKEN_TYPES, Remembered, RememberedDay
from ccpush.ledger import figures
from ccpush.ledger.booking import (
    OVERLAID_FAMILIES,
    LocalTime,
    add_overlay,
    frozen_through,
)
from ccpush.ledger.labels import Labels
from ccpush.ledger.meta import get_meta, set_meta_once
from ccpush.ledger.tallies import add_tallies

# families that only imported days have
UNSPLIT: Final = "unsplit"
HOUR_SESSIONS: Final = "hour_sessions"


def covered_from(
    connection: sqlite3.Connection, local: LocalTime, first_run_s: float, kept_days: int
) -> date:
    """Return the day from which on the ledger is complete; settled once there is a row.

    The later of the first row's day and the day to which Claude Code had kept transcripts when
    ccpush first ran.
    """
    held = get_meta(connection, "covered_from")
    if held is None:
        kept, _ = local.day_and_hour(int(first_run_s) // 900 - kept_days * 96)
        first = connection.execute("SELECT MIN(quarter) FROM increment").fetchone()[0]
        if first is None:
            return date.fromordinal(kept)
        begun, _ = local.day_and_hour(first)
        held = set_meta_once(connection, "covered_from", max(kept, begun))
    return date.fromordinal(int(held))


def imported_days(connection: sqlite3.Connection) -> set[int]:
    """Return the ordinals of the days that were imported."""
    return {row[0] for row in connection.execute("SELECT DISTINCT day FROM imported")}


def import_days(
    connection: sqlite3.Connection, caches: Iterable[Remembered], before: date, local: LocalTime
) -> int:
    """Import the days before ``before`` that were not yet; return how many. Needs a transaction."""
    held = imported_days(connection)
    new: dict[int, Counter[tuple[str, str, str]]] = {}
    for cache in caches:
        days = {
            day: remembered
            for day, remembered in cache.days.items()
            if day < before and day.toordinal() not in held
        }
        for day, remembered in days.items():
            new.setdefault(day.toordinal(), Counter()).update(_amounts(remembered))
        if days:
            sessions = sum(remembered.sessions for remembered in days.values())
            new[max(days).toordinal()].update(_hours(cache, sessions))
    if new:
        # before anything was offered, imported days have always been there
        booked = max(frozen_through(connection).values(), default=-1) + 1
        connection.executemany(
            "INSERT INTO imported VALUES (?, ?, ?, ?, ?, ?)",
            [
                (day, *series, booked, n)
                for day, amounts in _folded(connection, new).items()
                for series, n in sorted(amounts.items())
            ],
        )
        _overlay(connection, set(new), booked, local)
    return len(new)


def _folded(
    connection: sqlite3.Connection, days: Mapping[int, Counter[tuple[str, str, str]]]
) -> dict[int, Counter[Series]]:
    """Keep the values of a label few, as booking does; what was one too many is tallied."""
    labels = Labels(connection)
    found: dict[int, Counter[Series]] = {}
    folded: Counter[tuple[str, str]] = Counter()
    for day, amounts in days.items():
        found[day] = Counter()
        for names, amount in sorted(amounts.items()):
            series, kind = labels.fold(Series(*names))
            found[day][series] += amount
            if kind is not None and amount:
                folded["folded", kind] += 1
    add_tallies(connection, folded)
    return found


def _amounts(day: RememberedDay) -> Counter[tuple[str, str, str]]:
    amounts: Counter[tuple[str, str, str]] = Counter(
        {
            (f.MESSAGES, "", ""): day.messages,
            (f.SESSIONS, "", ""): day.sessions,
            (f.TOOL_CALLS, "", ""): day.tool_calls,
            (UNSPLIT, "", ""): sum(tokens[0] + tokens[1] for tokens in day.tokens.values()),
        }
    )
    for model, tokens in day.tokens.items():
        for kind, amount in zip(TOKEN_TYPES, tokens, strict=True):
            amounts[f.TOKENS, kind, model] += amount
    return amounts


def _hours(cache: Remembered, sessions: int) -> Counter[tuple[str, str, str]]:
    """Spread the imported sessions over the hours, as the cache's whole life was spread."""
    whole = sum(cache.sessions_by_hour.values())
    hours: Counter[tuple[str, str, str]] = Counter()
    so_far = given = 0
    for hour, count in sorted(cache.sessions_by_hour.items()):
        so_far += count
        reached = sessions * so_far // whole if whole else 0
        hours[HOUR_SESSIONS, f"{hour:02d}", ""] = reached - given
        given = reached
    return hours


def _overlay(connection: sqlite3.Connection, days: set[int], booked: int, local: LocalTime) -> None:
    """Note how much of each series lies on newly imported days, and leave it out of the hours."""
    overlay: Counter[tuple[int, int]] = Counter()
    for quarter, series, family, step, amount in connection.execute(
        "SELECT quarter, id, family, booked, amount FROM increment JOIN series ON id = series"
        " WHERE quarter < ?",
        # a day beyond the last imported one, whatever the time zone
        ((max(days) - date(1970, 1, 1).toordinal() + 2) * 96,),
    ):
        if family in OVERLAID_FAMILIES and local.day_and_hour(quarter)[0] in days:
            overlay[max(booked, step), series] += amount
    add_overlay(connection, overlay)
    figures.make_anew(connection, local)
