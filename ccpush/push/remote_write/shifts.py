"""By how much do a sink's values differ from the ledger's? So that counters go on there.

After a ledger was lost the receiver's counters are ahead of the ledger's: what they are ahead by is
added for ever. Where the receiver's past is unknown, counters begin with nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ccpush.ledger.cursors import ShiftKey
from ccpush.metrics.catalogue import GRID, Metric
from ccpush.metrics.cumulative import Cell, Cumulative
from ccpush.metrics.evaluate import Identity
from ccpush.metrics.history import Walk, wire_labels
from ccpush.metrics.samples import Labels
from ccpush.push.remote_write.naming import NAME_LABEL, Naming

_SUFFIXES = ("", "_bucket", "_sum", "_count")


def shifts_to_go_on(
    walk: Walk, naming: Naming, there: Mapping[Labels, float], identity: Identity
) -> dict[ShiftKey, float]:
    """Return what the receiver's values are ahead of the walk's, by cell.

    Matched by the labels that are sent; what only the receiver has goes on too.
    """
    left = dict(there)
    shifts: dict[ShiftKey, float] = {}
    for metric, cell, labels, amount in walk.standing():
        final = naming.final(labels)
        if final is not None and final in left:
            ahead = _amount(metric, cell, left.pop(final)) - amount
            if ahead > 0:
                shifts[metric.name, *cell] = ahead
    for labels, value in left.items():
        found = _cell_of(labels, naming, identity)
        if found is not None and value > 0:
            metric, cell = found
            shifts[metric.name, *cell] = _amount(metric, cell, value)
    return shifts


def shifts_to_restart(walk: Walk) -> dict[ShiftKey, float]:
    """Return the shifts that make every counter begin at zero; gauges keep their totals."""
    return {
        (metric.name, *cell): -amount
        for metric, cell, _, amount in walk.standing()
        if metric.type != "gauge" and amount
    }


def metrics_of(there: Iterable[Labels], naming: Naming, identity: Identity) -> set[str]:
    """Return the metrics whose series these are, by the labels that are sent."""
    cells = (_cell_of(labels, naming, identity) for labels in there)
    return {found[0].name for found in cells if found is not None}


def _amount(metric: Metric, cell: Cell, value: float) -> float:
    assert isinstance(metric.source, Cumulative)
    return round(value * metric.source.divisors.get(cell.suffix, 1))


def _cell_of(labels: Labels, naming: Naming, identity: Identity) -> tuple[Metric, Cell] | None:
    """Return the cell that is sent under these labels, None when none is."""
    values = dict(labels)
    name = values.get(NAME_LABEL, "")
    for metric in GRID:
        suffix = name.removeprefix(metric.name)
        if not isinstance(metric.source, Cumulative) or not name.startswith(metric.name):
            continue
        if suffix not in _SUFFIXES or (suffix != "") != (metric.type == "histogram"):
            continue
        own = ("le",) if suffix == "_bucket" else metric.labels
        cell = Cell(suffix, tuple(values.get(label, "") for label in own))
        sent = naming.final(wire_labels(metric, cell, tuple(identity.labels.items())))
        if sent == labels:
            return metric, cell
    return None
