"""Which rules does a sender break over many requests? Those that need a memory.

Every sample that was ever offered is remembered, whether it was taken or not: none may be offered
with another value, no series may go back in time, no counter may fall, and nothing ends that never
began.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from strict_wire import STALE_BITS, Entry, Labels, Message, Meta, Point

COUNTER, HISTOGRAM = 1, 3
# Durations and sizes only: what ccpush observes is never negative, so its sums never fall either.
HISTOGRAM_PARTS = ("_bucket", "_count", "_sum")


class Account:
    """What one sender has offered, and what of it has arrived.

    ``types`` is name → number of the type, from the metadata of every request; a test may add to
    it what the sender does not tell.
    """

    def __init__(self, strict_order: bool) -> None:
        self.types: dict[str, int] = {}
        self._strict_order = strict_order
        self._offered: dict[Labels, dict[int, int]] = {}
        # What may be offered again though the series has gone on: it may have arrived.
        self._repeatable: dict[Labels, set[int]] = {}
        self._newest_ts_ms: dict[Labels, int] = {}
        self._typed: dict[Labels, int] = {}

    def offer(self, message: Message) -> Iterator[str]:
        """Take note of a request, whatever the answer will be; what is wrong with it."""
        self._note_types(message.metadata)
        for entry in message.entries:
            if entry.meta is not None and entry.meta[0]:
                self._typed[entry.labels] = entry.meta[0]
            offered = self._offered.setdefault(entry.labels, {})
            for point in entry.points:
                yield from self._value_faults(entry.labels, point, offered)
                if self._strict_order:
                    yield from self._order_faults(entry.labels, point)
                offered.setdefault(point.ts_ms, point.bits)

    def arrived(self, entries: Sequence[Entry], partly: bool = False) -> None:
        """These samples may be there now, and be offered again as they are.

        ``partly``: a refused request whose good samples were kept. What else was in it may be
        tried again too, since the sender must find out which those were.
        """
        for entry in entries:
            if not entry.points:
                continue
            self._repeatable.setdefault(entry.labels, set()).update(p.ts_ms for p in entry.points)
            if not partly:
                newest = max(point.ts_ms for point in entry.points)
                known = self._newest_ts_ms.get(entry.labels, newest)
                self._newest_ts_ms[entry.labels] = max(known, newest)

    def fallen_counters(self) -> Iterator[str]:
        """Every counter that falls, in the order of time, over all that was ever offered."""
        for labels, offered in self._offered.items():
            if not self._is_counter(labels):
                continue
            before: Point | None = None
            for ts_ms, bits in sorted(offered.items()):
                point = Point(ts_ms, bits)
                if bits == STALE_BITS:
                    continue
                if before is not None and point.value < before.value:
                    yield (
                        f"{labels}: a counter falls from {before.value:g} at {before.ts_ms} "
                        f"to {point.value:g} at {ts_ms}"
                    )
                before = point

    def _value_faults(self, labels: Labels, point: Point, offered: dict[int, int]) -> Iterator[str]:
        known = offered.get(point.ts_ms)
        if known is not None and known != point.bits:
            before = Point(point.ts_ms, known).value
            yield f"{labels}: two values at {point.ts_ms}: {before!r}, then {point.value!r}"
        if point.bits == STALE_BITS and not offered:
            yield f"{labels}: ends at {point.ts_ms} without ever having begun"

    def _order_faults(self, labels: Labels, point: Point) -> Iterator[str]:
        newest = self._newest_ts_ms.get(labels)
        if newest is None or point.ts_ms >= newest:
            return
        if point.ts_ms not in self._repeatable.get(labels, ()):
            yield f"{labels}: {point.ts_ms} after {newest}"

    def _note_types(self, metadata: dict[str, Meta]) -> None:
        self.types |= {name: kind for name, (kind, _, _) in metadata.items() if kind}

    def _is_counter(self, labels: Labels) -> bool:
        name = dict(labels).get("__name__", "")
        kind = self._typed.get(labels, self.types.get(name, self.types.get(name[: -len("_total")])))
        if kind == COUNTER:
            return True
        for part in HISTOGRAM_PARTS:
            if name.endswith(part):
                return HISTOGRAM in (kind, self.types.get(name.removesuffix(part)))
        return False
