"""What must be true of every ledger at every moment between two transactions, whatever was read.

    reader.run()
    laws.hold(reader)

:func:`contents` is the account as plain tables, to be compared with another's.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from typing import Any

import homes

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.ledger import figures
from ccpush.ledger.booking import STOP_COUNTED, LocalTime
from ccpush.ledger.labels import OTHER
from ccpush.ledger.meta import get_meta
from ccpush.ledger.query import read_account
from ccpush.ledger.store import open_ledger

# These say when and how a state was reached, not what it is.
HOW_TABLES = frozenset({"meta", "position", "tally"})
COUNTS = ("input", "output", "cache_read", "cache_creation")

Tables = dict[str, list[tuple[Any, ...]]]


def hold(reader: homes.Reader) -> None:
    """Assert every law on a reader's ledger."""
    with open_ledger(reader.state_dir, write=False) as connection:
        assert_laws(connection, reader.now_s)


def tables(reader: homes.Reader) -> Tables:
    """All that a reader's ledger holds of the account."""
    with open_ledger(reader.state_dir, write=False) as connection:
        return contents(connection)


def contents(connection: sqlite3.Connection) -> Tables:
    """Every table that says what was counted, with names for the numbers that are handed out."""
    query = "SELECT name FROM sqlite_schema WHERE type = 'table'"
    names = {name for (name,) in connection.execute(query)} - HOW_TABLES
    models = dict(connection.execute("SELECT id, name FROM model"))
    series = {row[0]: row[1:4] for row in connection.execute("SELECT * FROM series")}
    named = {
        "model": lambda row: row[1:],
        "series": lambda row: row[1:],
        "increment": lambda row: (*row[:2], *series[row[2]], row[3]),
        "response": lambda row: (*row[:2], models[row[2]], *row[3:]),
        "session_tokens": lambda row: (row[0], models[row[1]], *row[2:]),
    }
    return {
        name: sorted(
            map(named.get(name, tuple), connection.execute(f"SELECT * FROM {name}")), key=repr
        )
        for name in sorted(names)
    }


def assert_laws(connection: sqlite3.Connection, now_s: float) -> None:
    """Assert every law on a ledger."""
    totals_are_sums_of_increments(connection)
    totals_are_a_recount(connection)
    lines_are_counted_duplicate_or_skipped(connection)
    what_is_collapsed_is_kept_by_the_day(connection)
    figures_are_sums_of_increments(connection)
    days_add_up_to_all_time(connection, now_s)


def totals_are_sums_of_increments(connection: sqlite3.Connection) -> None:
    """A series' running total is the sum of its increments."""
    wrong = connection.execute(
        "SELECT family, a, b, total, TOTAL(amount) FROM series LEFT JOIN increment ON series = id"
        " GROUP BY id HAVING total != TOTAL(amount)"
    ).fetchall()
    assert wrong == []
    orphans = "SELECT * FROM increment WHERE series NOT IN (SELECT id FROM series)"
    assert connection.execute(orphans).fetchall() == []


def totals_are_a_recount(connection: sqlite3.Connection) -> None:
    """Totals are what the responses and sessions say that the ledger remembers one by one."""
    query = "SELECT family, a, b, total FROM series"
    totals = {Series(*names): total for *names, total in connection.execute(query)}
    named = {series.b for series in totals if series.family == f.TOKENS}
    recount: Counter[Series] = Counter()
    for model, *counts in connection.execute(
        f"SELECT name, {', '.join(COUNTS)} FROM response JOIN model ON model.id = model"
    ):
        for kind, amount in zip(homes.TOKEN_TYPES, counts, strict=True):
            # a model that was one too many
            recount[Series(f.TOKENS, kind, model if model in named else OTHER)] += amount
    counted = {series: n for series, n in totals.items() if series.family == f.TOKENS}
    assert _without_zeros(counted) == _without_zeros(recount)
    stopped = _number(connection, f"response WHERE flags & {STOP_COUNTED}")
    assert sum(n for s, n in totals.items() if s.family == f.STOP_REASONS) == stopped
    sessions = _number(connection, "session WHERE main_s NOT NULL")
    assert totals.get(Series(f.SESSIONS), 0) == sessions


def lines_are_counted_duplicate_or_skipped(connection: sqlite3.Connection) -> None:
    """Every line read is accounted for, once."""
    tally: Counter[str] = Counter()
    for name, _, value in connection.execute("SELECT * FROM tally"):
        tally[name] += value
    parts = ("rows_counted", "rows_duplicate", "rows_skipped")
    assert tally["lines_read"] == sum(tally[part] for part in parts)


def what_is_collapsed_is_kept_by_the_day(connection: sqlite3.Connection) -> None:
    """Up to the step that was reached, and only there, increments are of whole days."""
    through = get_meta(connection, "collapsed_through") or 0
    wrong = "SELECT * FROM increment WHERE (quarter < 0) != (booked <= ?)"
    done = get_meta(connection, "collapse_done") or 0
    if through == done:
        assert connection.execute(wrong, (through,)).fetchall() == []


def figures_are_sums_of_increments(connection: sqlite3.Connection) -> None:
    """The table of daily and hourly figures is what a fresh sum over all increments yields."""
    rows = connection.execute("SELECT span, at, kind, amount FROM figure")
    table = {(span, at, kind): amount for span, at, kind, amount in rows}
    assert _without_zeros(table) == _without_zeros(figures.compute(connection, LocalTime()))


def days_add_up_to_all_time(connection: sqlite3.Connection, now_s: float) -> None:
    """The days, own and imported, add up to the all-time totals."""
    account = read_account(connection, now_s, 900)
    families = {"messages": f.MESSAGES, "sessions": f.SESSIONS, "tool_calls": f.TOOL_CALLS}
    by_day = {kind: sum(getattr(day, kind) for day in account.days.values()) for kind in families}
    assert by_day == {
        kind: sum(n for series, n in account.all_time.items() if series.family == family)
        for kind, family in families.items()
    }
    assert sum(day.input + day.output + (day.unsplit or 0) for day in account.days.values()) == sum(
        n
        for series, n in account.all_time.items()
        if series.family == f.TOKENS and series.a in ("input", "output")
    )


def _number(connection: sqlite3.Connection, of: str) -> int:
    return int(connection.execute(f"SELECT COUNT(*) FROM {of}").fetchone()[0])


def _without_zeros(counts: Mapping[Any, int]) -> dict[Any, int]:
    """Sums that came to nothing need no row, and may have one."""
    return {key: n for key, n in counts.items() if n}
