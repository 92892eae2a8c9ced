"""From the account to families: the catalogue's rows with this identity's labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from ccpush import __version__
from ccpush.ledger.query import Account
from ccpush.metrics.catalogue import CATALOGUE, IDENTITY, Metric
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
        if not account.passes and metric.name.startswith("claude_"):
            continue
        values: Values = metric.source(account)
        if metric in IDENTITY:
            values = [((who[metric.name],), 1.0)]
        families.append(_family(metric, values, common))
    return tuple(families)


def _family(metric: Metric, values: Values, common: Labels) -> Family:
    make = _histogram if metric.type == "histogram" else _plain
    return Family(
        name=metric.name,
        type=metric.type,
        help=metric.help,
        unit=metric.unit,
        timing=metric.timing,
        samples=tuple(make(metric, values, common)),
    )


def _plain(metric: Metric, values: Values, common: Labels) -> Iterable[Sample]:
    for own, value in sorted(values):
        # a metric's own label wins over an identity's of the same name
        labels = {**dict(common), **dict(zip(metric.labels, own, strict=True))}
        yield Sample(metric.name, tuple(sorted(labels.items())), float(value))


def _histogram(metric: Metric, values: Values, common: Labels) -> Iterable[Sample]:
    plain = tuple(sorted(common))
    count = 0.0
    for (bound,), value in values:
        if bound == "sum":
            yield Sample(f"{metric.name}_sum", plain, float(value))
        else:
            count = float(value)
            le = bound if bound == "+Inf" else f"{float(bound)}"
            yield Sample(f"{metric.name}_bucket", tuple(sorted((*common, ("le", le)))), count)
    yield Sample(f"{metric.name}_count", plain, count)
