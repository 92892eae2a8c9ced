"""The families of one Pushgateway group after relabelling, with what is still true of them.

Rules see a series as it will be there: with the labels of the group, which they cannot change. What
comes out is always a valid exposition: types, and histograms above all, stay only where they are
still true. Values are never changed, and nothing is sent here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ccpush.metrics.samples import Family, Labels, MetricType, Sample
from ccpush.push.relabel import Relabeling
from ccpush.push.sink import PushResult

INVALID_NAME = "invalid_name"
DUPLICATE_SERIES = "duplicate_series"
_NAME_LABEL = "__name__"
_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_PARTS = ("_bucket", "_sum", "_count")
# stands for the bucket that has everything
_LAST = "_bucket+Inf"


class _Made(msgspec.Struct, frozen=True):
    """A sample after relabelling, with what it was before."""

    sample: Sample
    before: Sample
    family: Family

    @property
    def home(self) -> str:
        """The family that it would belong to: its own name, or that without a histogram's part."""
        part = self.part
        return self.sample.name.removesuffix(part) if part else self.sample.name

    @property
    def part(self) -> str:
        """Which part of a histogram it was and still is; empty for all else."""
        if self.family.type != "histogram":
            return ""
        part = self.before.name.removeprefix(self.family.name)
        return part if self.sample.name.endswith(part) and self.sample.name != part else ""


def relabelled(
    families: Iterable[Family], rules: Relabeling, group: Mapping[str, str]
) -> tuple[tuple[Family, ...], PushResult]:
    """The families that the rules leave, and as a result what is not sent because of them.

    ``group`` is the grouping key. Labels that begin with ``__`` are taken off at the end, as a
    Pushgateway does not take them. Series that become one are left out, all of them: which of
    their values is right is not known. What the rules drop is left out without a word.
    """
    made: list[_Made] = []
    unnamed: list[Sample] = []
    for family in families:
        for before in family.samples:
            labels = rules.apply(_seen(before, group))
            if labels is None:
                continue
            after = _sample(labels, before.value, group)
            if after is None:
                unnamed.append(before)
            else:
                made.append(_Made(after, before, family))
    times_seen = Counter((one.sample.name, one.sample.labels) for one in made)
    twice = [one for one in made if times_seen[one.sample.name, one.sample.labels] > 1]
    left = [one for one in made if times_seen[one.sample.name, one.sample.labels] == 1]
    return _families(left), _settled(twice, unnamed)


def _seen(sample: Sample, group: Mapping[str, str]) -> Labels:
    return tuple(sorted({**dict(sample.labels), **group, _NAME_LABEL: sample.name}.items()))


def _sample(labels: Labels, value: float, group: Mapping[str, str]) -> Sample | None:
    """The sample with these labels, without those of the group; None when a name is impossible."""
    own = dict(labels)
    name = own.pop(_NAME_LABEL, "")
    if not _METRIC_NAME.fullmatch(name) or not all(map(_LABEL_NAME.fullmatch, own)):
        return None
    kept = ((label, text) for label, text in own.items() if label not in group)
    return Sample(name, tuple(pair for pair in kept if not pair[0].startswith("__")), value)


def _families(made: Sequence[_Made]) -> tuple[Family, ...]:
    # Parts that have lost their histogram are families of their own, which may break another one.
    apart: set[str] = set()
    while True:
        homes: dict[str, list[_Made]] = {}
        for one in made:
            homes.setdefault(one.sample.name if one.home in apart else one.home, []).append(one)
        histograms = {one.home for one in made if one.part} - apart
        broken = {
            home
            for home in histograms
            if not _is_whole(homes[home]) or any(home + part in homes for part in _PARTS)
        }
        if not broken:
            return tuple(
                _family(home, members, is_histogram=home in histograms)
                for home, members in homes.items()
            )
        apart |= broken


def _is_whole(members: Sequence[_Made]) -> bool:
    """Whether these are histograms: each with sum, count and last bucket, and its bounds."""
    parts: dict[Labels, Counter[str]] = {}
    for one in members:
        bound = dict(one.sample.labels).get("le")
        if not one.part or bound != dict(one.before.labels).get("le"):
            return False
        rest = tuple(pair for pair in one.sample.labels if pair[0] != "le")
        parts.setdefault(rest, Counter())[_LAST if bound == "+Inf" else one.part] += 1
    return all(found[part] == 1 for found in parts.values() for part in (_LAST, "_sum", "_count"))


def _family(name: str, members: Sequence[_Made], *, is_histogram: bool) -> Family:
    first = members[0].family
    types = {_type(one) for one in members}
    kind: MetricType = types.pop() if len(types) == 1 else "untyped"
    return Family(
        name,
        "histogram" if is_histogram else kind,
        first.help,
        first.unit,
        first.timing,
        tuple(one.sample for one in members),
    )


def _type(one: _Made) -> MetricType:
    """The type of a sample that is no part of a histogram any more, or never was."""
    kind = one.family.type
    if kind == "histogram":
        return "untyped"
    # the formats have no counters but of that name
    counts = one.sample.name == one.before.name or one.sample.name.endswith("_total")
    return kind if kind != "counter" or counts else "untyped"


def _settled(twice: Sequence[_Made], unnamed: Sequence[Sample]) -> PushResult:
    counts = {DUPLICATE_SERIES: len(twice), INVALID_NAME: len(unnamed)}
    rejected = {reason: count for reason, count in counts.items() if count}
    if not rejected:
        return PushResult("delivered")
    not_sent = f"samples not sent: {sum(counts.values())}"
    if twice:
        pair = [one for one in twice if _series(one.sample) == _series(twice[0].sample)][:2]
        befores = " and ".join(_series(one.before) for one in pair)
        error = f"relabelling makes {befores} the same series; {not_sent}"
        hint = "keep a label that tells them apart, or drop one of them"
    else:
        error = f"relabelling leaves {_series(unnamed[0])} without a possible name; {not_sent}"
        hint = "let __name__ and the names of labels have letters, digits and _ only"
    hint = f"in write_relabel_configs: {hint}"
    return PushResult("rejected", rejected=rejected, error=error, hint=hint)


def _series(sample: Sample) -> str:
    """As Prometheus shows a series."""
    return sample.name + "{" + ", ".join(f'{name}="{text}"' for name, text in sample.labels) + "}"
