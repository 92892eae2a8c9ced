"""How are metrics that only grow made of the ledger's series? Declared once, for now and for then.

A *cell* is one sample of such a metric: its name's suffix and its own labels' values. Each ledger
series adds to some cells, always as a plain sum; so the value at any moment is the sum of what the
series were at that moment, and the history of a metric needs no definition of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec

from ccpush.claude.facts import INFINITY, Series
from ccpush.ledger.query import Account


class Cell(NamedTuple):
    """One sample of a metric; ``labels`` are the values of its own labels."""

    suffix: str = ""
    labels: tuple[str, ...] = ()


PLAIN: Final = Cell()
Cells = tuple[Cell, ...]


class Cumulative(msgspec.Struct, frozen=True):
    """A metric as sums of series of some families.

    ``cells`` says to which cells a series of these families adds. ``declared`` cells are there from
    the start, as zeros. ``imported`` metrics hold the imported days too. ``divisors`` turn the
    ledger's unit into the metric's, by suffix.
    """

    families: tuple[str, ...]
    cells: Callable[[Series], Cells]
    imported: bool = False
    declared: Cells = ()
    divisors: Mapping[str, int] = msgspec.field(default_factory=dict)

    def values(self, account: Account) -> list[tuple[Cell, float]]:
        """Say all cells as of the account's moment: the declared ones, then by label."""
        sums = dict.fromkeys(self.declared, 0)
        for series, amount in (account.all_time if self.imported else account.totals).items():
            if series.family in self.families:
                for cell in self.cells(series):
                    sums[cell] = sums.get(cell, 0) + amount
        declared = [(cell, self.scaled(cell, sums.pop(cell))) for cell in self.declared]
        return declared + [(cell, self.scaled(cell, sums[cell])) for cell in sorted(sums)]

    def scaled(self, cell: Cell, amount: float) -> float:
        """Return a sum of the ledger in the metric's unit."""
        divisor = self.divisors.get(cell.suffix)
        return float(amount) if divisor is None else amount / divisor


def whole(family: str, *, imported: bool = False, divisor: int = 1) -> Cumulative:
    """A family without labels; ``divisor`` makes its unit the metric's."""
    return Cumulative((family,), lambda _: (PLAIN,), imported, (PLAIN,), _divisors(divisor))


def by_a(
    family: str, *, imported: bool = False, declared: tuple[str, ...] = (), divisor: int = 1
) -> Cumulative:
    """A family by its first label, whose values of ``declared`` are there from the start."""
    return Cumulative(
        (family,),
        lambda series: (Cell("", (series.a,)),) if series.a else (),
        imported,
        tuple(Cell("", (value,)) for value in declared),
        _divisors(divisor),
    )


def by_b(family: str, a: str, *, imported: bool = False) -> Cumulative:
    """A family's series of one first label, by the second."""
    return Cumulative(
        (family,), lambda series: (Cell("", (series.b,)),) if series.a == a else (), imported
    )


def by_ab(family: str) -> Cumulative:
    """A family by both labels."""
    return Cumulative((family,), lambda series: (Cell("", (series.a, series.b)),))


def by_words(family: str) -> Cumulative:
    """A family by its first label and the words of its second, a label each."""
    return Cumulative((family,), lambda series: (Cell("", (series.a, *series.b.split(" ", 2))),))


def _divisors(divisor: int) -> dict[str, int]:
    return {} if divisor == 1 else {"": divisor}


def histogram(buckets: str, summed: str, bounds: tuple[int, ...], *, divisor: int) -> Cumulative:
    """A histogram: cumulative counts by upper bound, their sum and their count."""
    bucket_cells = tuple(Cell("_bucket", (str(float(bound)),)) for bound in bounds)
    bucket_cells += (Cell("_bucket", (INFINITY,)),)
    summed_cell, count_cell = Cell("_sum"), Cell("_count")
    names = (*map(str, bounds), INFINITY)
    # an observation is in its own bucket and in every wider one
    reached = {name: (*bucket_cells[at:], count_cell) for at, name in enumerate(names)}

    def cells(series: Series) -> Cells:
        return (summed_cell,) if series.family == summed else reached[series.a]

    declared = (*bucket_cells, summed_cell, count_cell)
    return Cumulative((buckets, summed), cells, False, declared, {"_sum": divisor})
