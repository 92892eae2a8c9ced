"""Under which labels is a series sent? The path's own and the relabelling, once per series.

What the remote-write specification forbids a sender is sorted out here and counted, so that the
encoder may take every run as it is. Values are never changed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from ccpush.config.settings import RelabelRule
from ccpush.metrics.history import Run
from ccpush.metrics.samples import Labels

NAME_LABEL: Final = "__name__"
_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
# "__" at the beginning is the receiver's own.
_LABEL_NAME = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")

INVALID_NAME: Final = "invalid_name"
DUPLICATE_SERIES: Final = "duplicate_series"


class Named(msgspec.Struct, frozen=True):
    """Runs under their final labels, and how many samples are not sent, by reason.

    ``example`` is the name of one metric that was left out, for the message about it.
    """

    runs: tuple[Run, ...]
    refused: Mapping[str, int]
    example: str | None = None


class Naming:
    """The labels of one sink's series; ``common`` ones win over a series' own of the same name."""

    def __init__(self, common: Mapping[str, str], rules: Sequence[RelabelRule] = ()) -> None:
        self._common = common
        self._finals: dict[Labels, Labels | str | None] = {}
        self._relabeling = None
        if rules:
            from ccpush.push.relabel import Relabeling

            self._relabeling = Relabeling(rules)

    def final(self, labels: Labels) -> Labels | None:
        """Return the labels as they are sent, None for a series that is not."""
        found = self._final(labels)
        return None if isinstance(found, str) else found

    def own(self, number: str) -> Labels:
        """Return the labels of series that only this identity sends, without a name."""
        return tuple(sorted({**self._common, "id": number}.items()))

    def name(self, runs: Iterable[Run]) -> Named:
        """Put runs under their final labels; what relabelling drops is simply not there.

        Series that have become one are not sent at all: which of the values is right is not known,
        and a receiver would take either without a word.
        """
        refused: Counter[str] = Counter()
        example: str | None = None
        named: list[Run] = []
        for run in runs:
            final = self._final(run.labels)
            if isinstance(final, str):
                refused[final] += run.size
                example = example or run.metric.name
            elif final is not None:
                named.append(Run(final, run.metric, run.stretches, run.start_ms))
        seen = Counter(run.labels for run in named)
        if len(seen) < len(named):
            twice = [run for run in named if seen[run.labels] > 1]
            refused[DUPLICATE_SERIES] = sum(run.size for run in twice)
            example = example or twice[0].metric.name
            named = [run for run in named if seen[run.labels] == 1]
        return Named(tuple(named), refused, example)

    def _final(self, labels: Labels) -> Labels | str | None:
        if labels in self._finals:
            return self._finals[labels]
        final = self._finals[labels] = self._made(labels)
        return final

    def _made(self, labels: Labels) -> Labels | str | None:
        # An empty value means that there is no such label, and must not be sent.
        merged = {**dict(labels), **self._common}
        final: Labels | None = tuple(
            sorted((name, _encodable(value)) for name, value in merged.items() if value)
        )
        if self._relabeling is not None:
            final = self._relabeling.apply(final or ())
        if final is None:
            return None
        found = dict(final)
        if not _METRIC_NAME.fullmatch(found.pop(NAME_LABEL, "")):
            return INVALID_NAME
        return final if all(map(_LABEL_NAME.fullmatch, found)) else INVALID_NAME


def _encodable(value: str) -> str:
    # A lone surrogate (an undecodable login name, say) has no UTF-8.
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
