"""From the account to families: the catalogue's rows with this identity's labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from ccpush import __version__
from ccpush.ledger.query import Account
from ccpush.metrics.catalogue import CATALOGUE, IDENTITY, Metric
from ccpush.metrics.cumulative import Cell, Cumulative
from ccpush.metrics.samples import Family, Labels, Sample, Timing
from ccpush.metrics.sources import Values


class Identity(msgspec.Struct, frozen=True):
    """Who sends: ``id`` survives a lost ledger, ``instance`` is what people call the machine.

    ``labels`` stand on every series of every path: user and the external labels.
    """

    id: str
    instance: str
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)


def evaluate(
    account: Account, identity: Identity, timing: Timing | None = None
) -> tuple[Family, ...]:
    """Say everything: one family for each row of the catalogue, in its order.

    ``timing`` picks the rows of one timing. Before the first complete pass only ccpush's own health
    is said: a number that is not yet whole would look like a counter's reset later.
    """
    who = {"ccpush_build_info": __version__, "ccpush_identity_info": identity.id}
    common = tuple(identity.labels.items())
    families = []
    for metric in CATALOGUE:
        if timing is not None and metric.timing != timing:
            continue
        if not account.passes and _of_transcripts(metric):
            continue
        if metric in IDENTITY:
            values: Values = [((who[metric.name],), 1.0)]
            samples = _plain(metric, values, common)
        elif isinstance(metric.source, Cumulative):
            cells = metric.source.values(account)
            samples = (_sample(metric, cell, common, value) for cell, value in cells)
        else:
            samples = _plain(metric, metric.source(account), common)
        families.append(_family(metric, samples))
    return tuple(families)


def named(metric: Metric, cell: Cell, common: Labels) -> tuple[str, Labels]:
    """Return the name and the labels, sorted, of one cell; ``common`` are the identity's."""
    names = ("le",) if cell.suffix == "_bucket" else metric.labels
    # a metric's own label wins over an identity's of the same name
    labels = {**dict(common), **dict(zip(names, cell.labels, strict=True))}
    return metric.name + cell.suffix, tuple(sorted(labels.items()))


def _of_transcripts(metric: Metric) -> bool:
    return bool(metric.families) or metric.name.startswith("claude_")


def _family(metric: Metric, samples: Iterable[Sample]) -> Family:
    return Family(
        name=metric.name,
        type=metric.type,
        help=metric.help,
        unit=metric.unit,
        timing=metric.timing,
        samples=tuple(samples),
    )


def _plain(metric: Metric, values: Values, common: Labels) -> Iterable[Sample]:
    for own, value in sorted(values):
        yield _sample(metric, Cell("", own), common, value)


def _sample(metric: Metric, cell: Cell, common: Labels, value: float) -> Sample:
    return Sample(*named(metric, cell, common), float(value))
