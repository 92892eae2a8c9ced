"""How do our families look as an exposition? The one place where they meet prometheus_client.

The families come in complete, samples with their exposed names; nothing is computed, read or
remembered here. prometheus_client is imported where it is used, because it takes 77 ms that a
one-shot push must not pay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ccpush.metrics.negotiation import preferences
from ccpush.metrics.samples import Family

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_TEXT_1_0_0 = "text/plain;version=1.0.0"
_OPENMETRICS_1_0_0 = "application/openmetrics-text;version=1.0.0"
# What the encoder is asked for, by media type and version as a client names them. "" is its
# default, text 0.0.4. Versions that are not here are not promised to anybody.
_FORMATS = {
    ("*/*", ""): "",
    ("text/*", ""): "",
    ("text/plain", ""): "",
    ("text/plain", "0.0.4"): "",
    ("text/plain", "1.0.0"): _TEXT_1_0_0,
    ("application/openmetrics-text", ""): _OPENMETRICS_1_0_0,
    ("application/openmetrics-text", "1.0.0"): _OPENMETRICS_1_0_0,
}


class FamiliesCollector:
    """A prometheus_client collector over our families, for a registry of one's own.

    ``families`` is called at each collection. Satisfies ``prometheus_client.registry.Collector``
    without naming it, so that importing this class stays free.
    """

    def __init__(self, families: Callable[[], Iterable[Family]]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        """Each family as a Metric of its true type, without timestamps and ``_created``."""
        return (_metric(family) for family in self._families())


def render(
    families: Iterable[Family], accept: str = "", names: Sequence[str] = ()
) -> tuple[bytes, str]:
    """The exposition and its content type, in the format that ``accept`` likes best.

    Text 0.0.4 (also when nothing offered is accepted), text 1.0.0 or OpenMetrics 1.0.0. ``names``
    keeps only the samples of these names, or of families of these names; none given keeps all.
    """
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import choose_encoder

    chosen = tuple(families) if not names else tuple(_restricted(families, frozenset(names)))
    # An own registry: the default one adds process_* and python_*.
    registry = CollectorRegistry()
    registry.register(FamiliesCollector(lambda: chosen))
    encode, content_type = choose_encoder(_format(accept))
    return encode(registry), content_type


def _format(accept: str) -> str:
    # The encoder takes the first format it knows whatever its weight, and writes the client's own
    # version into the content type; it therefore gets one format, in our words. How to escape
    # names is left out: ours need none, and for plain names some of its schemes contradict
    # themselves between TYPE and samples.
    for media_type, parameters in preferences(accept):
        found = _FORMATS.get((media_type, parameters.get("version", "")))
        if found is not None:
            return found
    return ""


def _restricted(families: Iterable[Family], names: frozenset[str]) -> Iterator[Family]:
    for family in families:
        if family.name in names:
            yield family
            continue
        samples = tuple(sample for sample in family.samples if sample.name in names)
        if samples:
            yield replace(family, samples=samples)


def _metric(family: Family) -> Metric:
    from prometheus_client.metrics_core import Metric

    # A counter's family has no suffix inside the client, which puts it back where a format wants
    # it; a gauge that happens to be called _total keeps its name.
    name = family.name.removesuffix("_total") if family.type == "counter" else family.name
    # OpenMetrics: a unit must be the name's suffix; the client would append one that is not.
    unit = family.unit if family.unit and name.endswith(f"_{family.unit}") else ""
    metric = Metric(name, family.help, family.type, unit)
    for sample in family.samples:
        labels = {label: _encodable(value) for label, value in sample.labels}
        metric.add_sample(sample.name, labels, sample.value)
    return metric


def _encodable(text: str) -> str:
    # A lone surrogate (an undecodable login name, say) must not cost the whole scrape.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
