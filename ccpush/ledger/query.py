"""The account as it stands: everything that is shown or sent comes from one snapshot of it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Final

import msgspec

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.ledger import figures
from ccpush.ledger.booking import LocalTime
from ccpush.ledger.imports import HOUR_SESSIONS, UNSPLIT
from ccpush.ledger.labels import OTHER
from ccpush.ledger.sinks import SinkState, read_sinks
from ccpush.ledger.store import snapshot


class Day(msgspec.Struct, frozen=True):
    """One local day; ``unsplit`` are the tokens of an imported day, None on the ledger's own."""

    messages: int = 0
    sessions: int = 0
    tool_calls: int = 0
    input: int = 0
    output: int = 0
    unsplit: int | None = None


class Live(msgspec.Struct, frozen=True):
    """The sessions with a row within the active window, and what they have used in all."""

    sessions: int = 0
    messages: int = 0
    # by model: input, output
    tokens: Mapping[str, tuple[int, int]] = msgspec.field(default_factory=dict)


class Account(msgspec.Struct, frozen=True):
    """All values at one moment.

    ``totals`` are the counters: sums of increments. ``all_time`` also has the imported days, each
    day once. ``hours`` are by (hour, kind), ``tallies`` by (name, label).
    """

    as_of_s: float
    today: date
    totals: Mapping[Series, int]
    all_time: Mapping[Series, int]
    days: Mapping[date, Day]
    hours: Mapping[tuple[int, str], int]
    live: Live
    tallies: Mapping[tuple[str, str], float]
    sinks: tuple[SinkState, ...]
    imported_days: int
    # complete passes over the files so far; before the first the account is not yet whole
    passes: int
    first_run_s: float | None
    collected_s: float | None
    collect_duration_s: float | None
    offered_s: float | None
    covered_from: date | None
    stats_cache: str | None
    files: int


def read_account(connection: sqlite3.Connection, now_s: float, active_window_s: float) -> Account:
    """Read everything, as of now."""
    with snapshot(connection):
        return _read(connection, now_s, active_window_s)


_OVERLAY: Final = (
    "SELECT family, a, b, -SUM(amount) FROM overlay JOIN series ON series.id = series"
    " GROUP BY series.id"
)
_IMPORTED: Final = "SELECT family, a, b, SUM(amount) FROM imported GROUP BY family, a, b"
# A session of later than now was read while the clock was ahead; a little back any clock may go.
_CLOCK_PLAY_S: Final = 60


def _sums(connection: sqlite3.Connection, query: str) -> Counter[Series]:
    """Return a query's sums by series."""
    rows = connection.execute(query)
    return Counter({Series(family, a, b): amount for family, a, b, amount in rows})


def _all_time_extra(connection: sqlite3.Connection) -> Counter[Series]:
    """Sum what all-time figures have beside the counters: imported days, less what they overlay."""
    extra = _sums(connection, _IMPORTED)
    for series, amount in _sums(connection, _OVERLAY).items():
        extra[series] += amount
    return extra


def _read(connection: sqlite3.Connection, now_s: float, active_window_s: float) -> Account:
    today = date.fromordinal(LocalTime().day_and_hour(int(now_s) // 900)[0])
    totals = {
        Series(family, a, b): total
        for family, a, b, total in connection.execute("SELECT family, a, b, total FROM series")
    }
    all_time = Counter(totals)
    for series, amount in _all_time_extra(connection).items():
        all_time[series] += amount
    days, hours, imported = _figures(connection, now_s, all_time)
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    covered = meta.get("covered_from")
    return Account(
        as_of_s=now_s,
        today=today,
        totals=totals,
        all_time=all_time,
        days=days,
        hours=hours,
        live=_live(connection, now_s - active_window_s, now_s + _CLOCK_PLAY_S, totals),
        tallies={(n, label): v for n, label, v in connection.execute("SELECT * FROM tally")},
        sinks=read_sinks(connection),
        imported_days=imported,
        passes=int(meta.get("passes", 0)),
        first_run_s=meta.get("first_run_s"),
        collected_s=meta.get("collected_s"),
        collect_duration_s=meta.get("collect_duration_s"),
        offered_s=meta.get("offered_s"),
        covered_from=date.fromordinal(covered) if covered is not None else None,
        stats_cache=meta.get("stats_cache"),
        files=int(meta.get("files", 0)),
    )


def _figures(
    connection: sqlite3.Connection, now_s: float, all_time: Counter[Series]
) -> tuple[dict[date, Day], dict[tuple[int, str], int], int]:
    by_day: dict[int, dict[str, int]] = {}
    hours: dict[tuple[int, str], int] = {}
    for (span, at, kind), amount in figures.read(connection, now_s).items():
        if span == "day":
            by_day.setdefault(at, {})[kind] = amount
        else:
            hours[at, kind] = amount
    for series, amount in all_time.items():
        if series.family == HOUR_SESSIONS:
            key = (int(series.a), "sessions")
            hours[key] = hours.get(key, 0) + amount
    days = {date.fromordinal(at): Day(**kinds) for at, kinds in by_day.items()}
    imported = _imported_days(connection)
    days.update(imported)
    return days, hours, len(imported)


def _imported_days(connection: sqlite3.Connection) -> dict[date, Day]:
    found: dict[int, dict[str, int]] = {}
    for day, family, amount in connection.execute(
        "SELECT day, family, SUM(amount) FROM imported WHERE a = '' GROUP BY day, family"
    ):
        found.setdefault(day, {})[family] = amount
    return {
        date.fromordinal(day): Day(
            messages=amounts.get(f.MESSAGES, 0),
            sessions=amounts.get(f.SESSIONS, 0),
            tool_calls=amounts.get(f.TOOL_CALLS, 0),
            unsplit=amounts.get(UNSPLIT, 0),
        )
        for day, amounts in found.items()
    }


def _live(
    connection: sqlite3.Connection, since_s: float, until_s: float, totals: Mapping[Series, int]
) -> Live:
    span = (int(since_s), int(until_s))
    sessions, messages = connection.execute(
        "SELECT COUNT(*), TOTAL(messages) FROM session"
        " WHERE last_s BETWEEN ? AND ? AND main_s NOT NULL",
        span,
    ).fetchone()
    # a model that was one too many has no series of its own
    named = {series.b for series in totals if series.family == f.TOKENS}
    named |= {series.a for series in totals if series.family == f.RESPONSES}
    tokens: dict[str, tuple[int, int]] = {}
    for model, new_input, new_output in connection.execute(
        "SELECT name, SUM(input), SUM(output) FROM session JOIN session_tokens ON session = key"
        " JOIN model ON model.id = model"
        " WHERE last_s BETWEEN ? AND ? AND main_s NOT NULL GROUP BY name",
        span,
    ):
        kept = model if model in named else OTHER
        before = tokens.get(kept, (0, 0))
        tokens[kept] = (before[0] + new_input, before[1] + new_output)
    return Live(sessions, int(messages), tokens)
