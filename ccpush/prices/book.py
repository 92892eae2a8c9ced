"""What a response cost at the API's list price, and what the cache saved.

Answers from ``table.json`` beside this module and from the rows of ``prices:`` in ccpush.yml. A
price that is not known is None: never 0, never that of a neighbour. How it is worked out, and where
the table comes from, stands in docs/cost.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from ccpush.config.settings import PriceOverride
from ccpush.prices.rates import Rates, rates_of

TABLE: Final = Path(__file__).with_name("table.json")
# of a release: claude-opus-4-5-20251101; the table's names are without
SNAPSHOT: Final = re.compile(r"-(?:20\d{6}|latest)$", re.ASCII)
# a few models on each day of some years, in up to four modes; more than that is somebody's joke
_MAX_KEPT: Final = 50_000


class Use(NamedTuple):
    """What one response used: counts of tokens and searches, none below 0, and its mode."""

    input: int
    output: int
    cache_read: int
    write_5m: int
    write_1h: int
    web_searches: int
    fast: bool
    batch: bool


class Price(NamedTuple):
    """Nano-USD (10⁻⁹), each rounded once, half to even."""

    cost_nano: int
    saved_nano: int


class Table(msgspec.Struct, frozen=True):
    """``table.json``; ``date`` is the day on which its rows last changed."""

    date: str
    source: str
    rows: tuple[PriceOverride, ...]


class PriceBook:
    """Every price there is; ``version`` tells two books with different prices apart."""

    def __init__(self, table: Table, overrides: Sequence[PriceOverride]) -> None:
        self.version = table.date
        if overrides:
            self.version += f"+{blake2b(msgspec.json.encode(overrides), digest_size=4).hexdigest()}"
        self._table = _by_name(table.rows)
        self._overrides = _by_name(overrides)
        self._rates: dict[tuple[str, int, bool, bool], Rates | None] = {}

    def price(self, model: str, day: int, use: Use) -> Price | None:
        """What a response of this model cost on a UTC day (a proleptic ordinal).

        ``model`` is a plain name (:mod:`ccpush.claude.model_names`); a row of that very name or of
        the name without its release (``-20251101``, ``-latest``) decides, nothing else. None when
        there is no such row, none for the mode (fast and batch at once never has one), or when
        something was used that the row has no price for, be it cache reads, writes of either life
        or searches: then the whole response has no price, for a part of its cost would be a wrong
        cost. As long as there is a price, it never falls when a count rises.
        """
        found = self.rates(model, day, fast=use.fast, batch=use.batch)
        price = None if found is None else found.price(*use[:6])
        return None if price is None else Price(*price)

    def rates(self, model: str, day: int, *, fast: bool, batch: bool) -> Rates | None:
        """The prices that hold for a model on a day in a mode; for many responses at once."""
        try:
            return self._rates[model, day, fast, batch]
        except KeyError:
            return self._look_up(model, day, fast, batch)

    def _look_up(self, model: str, day: int, fast: bool, batch: bool) -> Rates | None:
        if len(self._rates) >= _MAX_KEPT:
            self._rates.clear()
        row = self._row(model, day)
        found = None if row is None else rates_of(row, fast=fast, batch=batch)
        self._rates[model, day, fast, batch] = found
        return found

    def _row(self, model: str, day: int) -> PriceOverride | None:
        """The row that holds on a day: the table's, and over it the overrides in their order."""
        base = SNAPSHOT.sub("", model)
        row: PriceOverride | None = None
        # what names the very release comes after what names the model
        for rows in (self._table, self._overrides):
            for name in dict.fromkeys((base, model)):
                for each in rows.get(name, ()):
                    if _since(each) <= day:
                        row = _over(row, each)
        return row


def load_book(overrides: Sequence[PriceOverride] = ()) -> PriceBook:
    """The shipped table with the rows of ``prices:`` over it; takes well under a millisecond."""
    return PriceBook(msgspec.json.decode(TABLE.read_bytes(), type=Table), overrides)


def _by_name(rows: Sequence[PriceOverride]) -> dict[str, list[PriceOverride]]:
    found: dict[str, list[PriceOverride]] = {}
    for row in sorted(rows, key=_since):
        for name in row.models:
            found.setdefault(name, []).append(row)
    return found


def _since(row: PriceOverride) -> int:
    return row.since.toordinal() if row.since else 0


def _over(row: PriceOverride | None, upper: PriceOverride) -> PriceOverride | None:
    """A row with prices of tokens stands for itself; another adds to what is there."""
    if row is None or upper.input is not None:
        return upper
    added = {key: getattr(upper, key) for key in ("web_search", "fast", "batch")}
    return msgspec.structs.replace(row, **{k: v for k, v in added.items() if v is not None})
