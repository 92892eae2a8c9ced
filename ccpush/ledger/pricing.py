"""What a response is worth: its cost and what the cache saved, or its tokens without a price.

A price is asked for once, when a response enters the ledger or grows; the version of the prices is
kept with it.
"""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from ccpush.claude.facts import FAST, FULL_PRICE, Counts
from ccpush.prices.book import PriceBook
from ccpush.prices.rates import Rates

_MINUTES_PER_DAY: Final = 24 * 60
# the proleptic ordinal of 1970-01-01
_EPOCH_DAY: Final = 719_163


class Worth(NamedTuple):
    """In nano-USD, and in tokens; each only ever grows with the counts."""

    cost_nano: int
    saved_nano: int
    unpriced: int


NOTHING: Final = Worth(0, 0, 0)


class Pricing:
    """Prices of one version; ``version`` is the number that the ledger has for it."""

    def __init__(self, connection: sqlite3.Connection, book: PriceBook) -> None:
        self._rates = book.rates
        self._known: dict[tuple[str, int, int], tuple[Rates | None, bool]] = {}
        connection.execute(
            "INSERT OR IGNORE INTO price_table (version) VALUES (?)", (book.version,)
        )
        (self.version,) = connection.execute(
            "SELECT id FROM price_table WHERE version = ?", (book.version,)
        ).fetchone()

    def worth(self, model: str, minute: int, counts: Counts) -> Worth:
        """Say what a response is worth whose first row was written in ``minute``."""
        new_input, output, read, creation, searches, _, write_5m, write_1h, mode = counts
        rates, _ = self._rates_at(model, minute, mode)
        price = None
        if rates is not None:
            price = rates.price(new_input, output, read, write_5m, write_1h, searches)
        if price is None:
            return Worth(0, 0, new_input + output + read + creation)
        return Worth(price[0], price[1], 0)

    def is_linear(self, model: str, minute: int, mode: int) -> bool:
        """Whether what many such responses are worth can be said of their sums at once."""
        return self._rates_at(model, minute, mode)[1]

    def _rates_at(self, model: str, minute: int, mode: int) -> tuple[Rates | None, bool]:
        key = (model, minute // _MINUTES_PER_DAY, mode)
        found = self._known.get(key)
        if found is None:
            day, fast, full = key[1] + _EPOCH_DAY, mode & FAST, mode & FULL_PRICE
            rates = self._rates(model, day, fast=bool(fast), batch=not full)
            found = self._known[key] = (rates, rates is None or rates.linear)
        return found
