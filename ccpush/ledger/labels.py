"""Names that come from outside, kept from growing without end: what is one too many is ``other``.

A kind of label has so many values over all families together, in the order in which they first
came, and a family whose labels multiply so many series. A series that is there never changes its
name, so nothing that was sent becomes untrue.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from typing import Final, Literal

from ccpush.claude import facts as f
from ccpush.claude.facts import Series

OTHER: Final = "other"

Kind = Literal["model", "tool", "reason", "status", "language"]
# OTHER included; docs/counting.md has the same numbers
MAX_VALUES: Final[Mapping[Kind, int]] = {
    "model": 50, "tool": 40, "reason": 50, "status": 15, "language": 50,
}  # fmt: skip
# series of other languages and tools beyond these are kept without: those of each decision and kind
MAX_SERIES: Final[Mapping[str, int]] = {f.EDIT_DECISIONS: 60, f.TOOL_ERRORS: 40}
# families whose labels come from outside: of which kind the first and the second are
KINDS: Final[Mapping[str, tuple[Kind | None, Kind | None]]] = {
    f.TOKENS: (None, "model"),
    f.TOOL_CALLS: ("tool", None),
    f.STOP_REASONS: ("reason", None),
    f.RESPONSES: ("model", None),
    f.CACHE_WRITES: (None, "model"),
    f.COST: ("model", None),
    f.SAVINGS: ("model", None),
    f.UNPRICED: ("model", None),
    f.TOOL_ERRORS: ("tool", None),
    f.API_STATUSES: ("status", None),
}
_MANY: Final = 10**9


class Labels:
    """The values that there are, by kind."""

    __slots__ = ("_series", "_values")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._values: dict[Kind, set[str]] = {}
        self._series: Counter[str] = Counter()
        for names in connection.execute(
            "SELECT family, a, b FROM series UNION SELECT family, a, b FROM imported"
        ):
            self.know(Series(*names))

    def know(self, series: Series) -> None:
        """Take note of a series that is there."""
        # what holds the rest is not counted, whether it was just made or read from the ledger
        if OTHER not in (series.a, series.b.rpartition(" ")[2]):
            self._series[series.family] += 1
        for kind, value in _labels(series):
            self._values.setdefault(kind, set()).add(value)

    def fold(self, series: Series) -> tuple[Series, Kind | None]:
        """Return the series under which a new one is kept, and the kind that was one too many."""
        for kind, value in _labels(series):
            values = self._values.setdefault(kind, set())
            is_new = value not in values and value != OTHER
            if is_new and len(values - {OTHER}) >= MAX_VALUES[kind] - 1:
                return _with_other(series, kind), kind
        if self._series[series.family] >= MAX_SERIES.get(series.family, _MANY):
            kind = "language" if series.family == f.EDIT_DECISIONS else "tool"
            return _with_other(series, kind), kind
        self.know(series)
        return series, None


def _labels(series: Series) -> list[tuple[Kind, str]]:
    kinds = KINDS.get(series.family)
    if kinds is None:
        return []
    pairs = zip(kinds, (series.a, series.b), strict=True)
    return [(kind, value) for kind, value in pairs if kind is not None and value]


def _with_other(series: Series, kind: Kind) -> Series:
    if series.family == f.EDIT_DECISIONS:
        decision, source, _ = series.b.split(" ", 2)
        return series._replace(b=f"{decision} {source} {OTHER}")
    first, _ = KINDS[series.family]
    if first == kind:
        return series._replace(a=OTHER)
    return series._replace(b=OTHER)
