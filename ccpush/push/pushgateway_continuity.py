"""How do counters go on in a Pushgateway's group? They never fall, even if the ledger was lost.

At the first contact of a ledger with a group the group is read back: what its counters and
histograms are ahead of the ledger's is added for ever. Gauges are as they are. A group that another
machine pushes is left alone.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from ccpush.config.settings import Settings
from ccpush.ledger.cursors import ShiftKey, forget, read_shifts, replace_shifts
from ccpush.ledger.sinks import SinkState, note, read_sink
from ccpush.ledger.store import file_number, transaction
from ccpush.metrics.catalogue import CATALOGUE, IDENTITY_INFO, Metric
from ccpush.metrics.cumulative import Cell, Cumulative
from ccpush.metrics.evaluate import named
from ccpush.metrics.grid import step_of
from ccpush.metrics.samples import Family, Labels, Sample
from ccpush.push.outcome import Verdict
from ccpush.push.pushgateway_group import Series
from ccpush.push.remote_write.naming import NAME_LABEL
from ccpush.push.remote_write.witness import Witness
from ccpush.push.sink import Offer

_GROWING: Final = {m.name: m for m in CATALOGUE if m.type in {"counter", "histogram"}}
_SUFFIXES: Final = ("_bucket", "_sum", "_count")

# the labels under which the gateway has a series; None when it is not sent there
FinalLabels = Callable[[Sample], Labels | None]
Read = Callable[[], Series | Verdict | None]


class GroupContinuity:
    """Settles one push to one group; ``address`` is the group's own."""

    def __init__(
        self, connection: sqlite3.Connection, settings: Settings, sink: str, address: str
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._sink = sink
        self._destination = hashlib.sha256(address.encode()).hexdigest()[:16]
        self._unasked = False

    def settle(self, offer: Offer, final: FinalLabels, read: Read) -> Verdict | None:
        """Find out how the counters of this offer go on; a verdict when nothing may be sent."""
        identity = offer.identity
        # A copy of a ledger, put back or carried elsewhere, may not know what was pushed since.
        self._who = f"{identity.id} {identity.instance} {file_number(self._connection)}"
        self._witness = Witness(
            self._settings.cache_dir, identity.id, identity.instance, self._destination
        )
        state = self._state()
        behind = self._witness.through() > step_of(state.offered_s or 0.0)
        known = state.settled_as == self._who
        if known and not behind:
            return None
        there = read()
        if isinstance(there, Verdict):
            return there
        if there is None:
            return self._cannot_ask(offer)
        others = _others(there, offer, final)
        if others:
            return _somebody_elses(offer, others)
        shifts = dict(_ahead(there, offer, final))
        if state.settled_as is not None:
            # what was added once stays: the group may have lost its values since
            for key, amount in read_shifts(self._connection, self._sink).items():
                shifts[key] = max(amount, shifts.get(key, 0.0))
        with transaction(self._connection, durable=True):
            replace_shifts(self._connection, self._sink, shifts)
            note(self._connection, self._sink, "pushgateway", settled_as=self._who)
        return None

    def shifted(self, offer: Offer) -> tuple[Family, ...]:
        """Return the offer's families as they go on in the group."""
        shifts = read_shifts(self._connection, self._sink)
        if not shifts:
            return offer.current
        common = tuple(offer.identity.labels.items())
        return tuple(_shifted(family, shifts, common) for family in offer.current)

    def begin(self, offer: Offer) -> None:
        """Note, outside the ledger too, that the offer is about to be sent."""
        self._witness.note(step_of(offer.now_s))

    def delivered(self) -> None:
        """Note that the gateway took it: a group that cannot be read is settled by that."""
        if self._unasked:
            with transaction(self._connection):
                note(self._connection, self._sink, "pushgateway", settled_as=self._who)

    def _state(self) -> SinkState:
        """Return what is known of the group; nothing when it is another one now."""
        state = read_sink(self._connection, self._sink, "pushgateway")
        if state.destination == self._destination:
            return state
        with transaction(self._connection):
            if state.destination is not None:
                forget(self._connection, self._sink)
            note(self._connection, self._sink, "pushgateway", destination=self._destination)
        return read_sink(self._connection, self._sink, "pushgateway")

    def _cannot_ask(self, offer: Offer) -> Verdict | None:
        self._unasked = True
        if not offer.moved:
            return None
        return Verdict(
            "stopped",
            error="this ledger was made on another machine, and the Pushgateway cannot be asked"
            f" whether that one still pushes as instance {offer.instance!r}",
            hint="set instance: in ccpush.yml to a name that only this machine has",
        )


def _others(there: Series, offer: Offer, final: FinalLabels) -> set[str]:
    """Return the ids of other machines that push this group."""
    name, labels = named(
        _IDENTITY, Cell("", (offer.identity.id,)), tuple(offer.identity.labels.items())
    )
    ours = dict(final(Sample(name, labels, 1.0)) or ())
    ids = {
        dict(found).get("id")
        for found in there
        if dict(found)[NAME_LABEL] == ours.get(NAME_LABEL) and "id" in ours
    }
    return {number for number in ids if number and number != ours["id"]}


_IDENTITY: Final = next(metric for metric in CATALOGUE if metric.name == IDENTITY_INFO)


def _somebody_elses(offer: Offer, others: set[str]) -> Verdict:
    return Verdict(
        "stopped",
        error=f"another machine sends as instance {offer.instance!r}"
        f" (its id is {', '.join(sorted(others))})",
        hint="give this one a name of its own: instance: in ccpush.yml;"
        " or, if that machine is gone: ccpush forget",
    )


def _ahead(there: Series, offer: Offer, final: FinalLabels) -> Iterator[tuple[ShiftKey, float]]:
    """Yield what the group is ahead of the ledger, by cell, in the ledger's unit."""
    left = dict(there)
    for family in offer.current:
        metric = _GROWING.get(family.name)
        for sample in family.samples if metric else ():
            assert metric is not None
            found = final(sample)
            if found is not None and found in left:
                cell = _cell(metric, sample)
                ahead = _amount(metric, cell, left.pop(found)) - _amount(metric, cell, sample.value)
                if ahead > 0:
                    yield (metric.name, *cell), ahead
    for labels, value in left.items():
        known = _known(labels, offer, final)
        if known is not None and value > 0:
            metric, cell = known
            yield (metric.name, *cell), _amount(metric, cell, value)


def _known(labels: Labels, offer: Offer, final: FinalLabels) -> tuple[Metric, Cell] | None:
    """Return the cell that is sent under these labels, None when none is."""
    values = dict(labels)
    for metric in _GROWING.values():
        suffix = values[NAME_LABEL].removeprefix(metric.name)
        if suffix not in (_SUFFIXES if metric.type == "histogram" else ("",)):
            continue
        own = tuple(values.get(label, "") for label in _own(metric, suffix))
        cell = Cell(suffix, own)
        name, sent = named(metric, cell, tuple(offer.identity.labels.items()))
        if final(Sample(name, sent, 0.0)) == labels:
            return metric, cell
    return None


def _shifted(family: Family, shifts: Mapping[ShiftKey, float], common: Labels) -> Family:
    metric = _GROWING.get(family.name)
    mine = {Cell(*key[1:]): n for key, n in shifts.items() if key[0] == family.name}
    if metric is None or not mine:
        return family
    samples = []
    for sample in family.samples:
        cell = _cell(metric, sample)
        value = (_amount(metric, cell, sample.value) + mine.pop(cell, 0)) / _divisor(metric, cell)
        samples.append(msgspec.structs.replace(sample, value=value))
    # what only the group knows of goes on too
    for cell, amount in sorted(mine.items()):
        name, labels = named(metric, cell, common)
        samples.append(Sample(name, labels, amount / _divisor(metric, cell)))
    return msgspec.structs.replace(family, samples=tuple(samples))


def _cell(metric: Metric, sample: Sample) -> Cell:
    suffix = sample.name.removeprefix(metric.name)
    labels = dict(sample.labels)
    return Cell(suffix, tuple(labels.get(label, "") for label in _own(metric, suffix)))


def _own(metric: Metric, suffix: str) -> tuple[str, ...]:
    return ("le",) if suffix == "_bucket" else metric.labels


def _amount(metric: Metric, cell: Cell, value: float) -> float:
    return round(value * _divisor(metric, cell))


def _divisor(metric: Metric, cell: Cell) -> int:
    source = metric.source
    return source.divisors.get(cell.suffix, 1) if isinstance(source, Cumulative) else 1
