"""What does a receiver keep, and what does it refuse? As real ones do.

With no window it takes every age and keeps what it is sent twice, as VictoriaMetrics does. A window
of 0 is a Prometheus 2.42 that takes no old samples, another one with that
``out_of_order_time_window``; both judge a request as a whole by what was committed before it.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from strict_wire import Entry, Labels, Point

# Half of the shortest block: how far behind its newest sample a Prometheus still appends.
HEAD_MS = 3_600_000

Refuse = Callable[[Labels, int], str | None]


class Refusal(NamedTuple):
    """Why a sample is not taken, and the status for the request that bears it."""

    status: int
    text: str


@dataclass
class Storage:
    """The samples of one receiver."""

    window_s: float | None
    too_old_status: int
    refuse: Refuse | None
    refuse_status: int
    samples: dict[Labels, list[tuple[int, float]]] = field(default_factory=dict)
    _points: dict[Labels, dict[int, Point]] = field(default_factory=dict)
    _last_ts_ms: dict[Labels, int] = field(default_factory=dict)
    _newest_ts_ms: int | None = None

    def judge(self, entries: Sequence[Entry]) -> tuple[Refusal | None, list[Entry]]:
        """The first refusal in the order of the request, and what can be kept of it."""
        first: Refusal | None = None
        good: list[Entry] = []
        newest = self._newest_ts_ms
        for entry in entries:
            kept: list[Point] = []
            for point in entry.points:
                # The first sample of all tells an empty Prometheus what time it is.
                newest = point.ts_ms if newest is None else newest
                refusal = self._refusal(entry.labels, point, newest)
                first = first or refusal
                if refusal is None:
                    kept.append(point)
            if kept:
                good.append(Entry(entry.labels, kept, entry.meta))
        return first, good

    def keep(self, entries: Sequence[Entry]) -> None:
        """Keep these; what a Prometheus drops without a word at commit is dropped."""
        for entry in entries:
            known = self._points.setdefault(entry.labels, {})
            listed = self.samples.setdefault(entry.labels, [])
            for point in entry.points:
                last = self._last_ts_ms.get(entry.labels, point.ts_ms)
                if self.window_s is None:
                    listed.append((point.ts_ms, point.value))
                elif point.ts_ms in known or (self.window_s == 0 and point.ts_ms < last):
                    continue
                else:
                    bisect.insort(listed, (point.ts_ms, point.value), key=lambda it: it[0])
                known.setdefault(point.ts_ms, point)
                self._last_ts_ms[entry.labels] = max(last, point.ts_ms)
                self._newest_ts_ms = max(self._newest_ts_ms or point.ts_ms, point.ts_ms)

    def points(self, labels: Labels) -> list[Point]:
        """The samples of one series, in the order of time, each once."""
        return [point for _, point in sorted(self._points.get(labels, {}).items())]

    def series(self) -> Iterator[Labels]:
        """Every series there is."""
        return iter(tuple(self._points))

    def _refusal(self, labels: Labels, point: Point, newest_ts_ms: int) -> Refusal | None:
        if self.refuse is not None and (text := self.refuse(labels, point.ts_ms)) is not None:
            return Refusal(self.refuse_status, text)
        if self.window_s is None:
            return None
        recent = point.ts_ms >= newest_ts_ms - HEAD_MS
        last = self._last_ts_ms.get(labels)
        if recent and (last is None or point.ts_ms > last):
            return None
        if recent and last == point.ts_ms:
            same = self._points[labels][last].bits == point.bits
            return None if same else Refusal(400, "duplicate sample for timestamp")
        if self.window_s > 0:
            if point.ts_ms >= newest_ts_ms - self.window_s * 1000:
                return None
            return Refusal(self.too_old_status, "too old sample")
        return Refusal(400, "out of order sample" if recent else "out of bounds")
