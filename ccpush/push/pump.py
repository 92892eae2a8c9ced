"""How do several sinks push at once? Each in a thread of its own, all results in the caller's.

A sink that hangs delays nobody else. One try for each offer and sink: nothing is repeated in here,
the next tick offers again. Threads only push; what became of it is recorded by the thread that
calls, so that the ledger has one writer.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Collection, Iterable

import msgspec

from ccpush.push.sink import Offer, PushResult, Sink

# A stop is to be over in two seconds with everything else; only a name lookup can need longer,
# and is left to a thread that does not hold the process.
STOP_WITHIN_S = 1.0


class _Finished(msgspec.Struct, frozen=True):
    worker: _Worker
    offer: Offer
    result: PushResult | BaseException


class _Worker:
    """One sink and the thread that pushes to it; busy from an offer until its result is taken."""

    def __init__(self, sink: Sink, finished: queue.SimpleQueue[_Finished | None]) -> None:
        self.sink = sink
        self.busy = False
        self._finished = finished
        self._inbox: queue.SimpleQueue[Offer | None] = queue.SimpleQueue()
        # A daemon: a name lookup that cannot be ended must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name=f"push {sink.name}", daemon=True)

    def start(self, offer: Offer) -> None:
        self.busy = True
        if self._thread.ident is None:
            self._thread.start()
        self._inbox.put(offer)

    def end(self) -> None:
        self._inbox.put(None)

    def ended_by(self, until_s: float) -> bool:
        if self._thread.ident is not None:
            self._thread.join(max(until_s - time.monotonic(), 0.0))
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (offer := self._inbox.get()) is not None:
            result: PushResult | BaseException
            try:
                result = self.sink.push(offer)
            except BaseException as error:  # noqa: BLE001
                # A mistake in our own code: it stops the caller, who must hear of it. Here it
                # would only end a thread, and the sink would look busy for ever.
                result = error
            self._finished.put(_Finished(self, offer, result))


class Pump:
    """Pushes offers to all sinks at once. ``offer`` and ``collect`` are for one thread only.

    ``record`` is called once for each offer that a sink took, in the thread that calls ``offer``
    or ``collect``. An exception of a sink is a mistake in our own code; it is raised there too,
    after the results of the others are recorded.
    """

    def __init__(
        self,
        sinks: Iterable[Sink],
        record: Callable[[Sink, Offer, PushResult], None],
        deadline_s: float,
    ) -> None:
        self._record = record
        self._deadline_s = deadline_s
        # None wakes the caller because of a stop.
        self._finished: queue.SimpleQueue[_Finished | None] = queue.SimpleQueue()
        self._workers = tuple(_Worker(sink, self._finished) for sink in sinks)
        self._stopping = False

    def offer(self, offer: Offer, waiting: Collection[str] = ()) -> tuple[Sink, ...]:
        """Push to every sink that is free, and wait for them until the deadline.

        A sink still busy with an older offer is skipped this time, and so are those named in
        ``waiting``. Returns the sinks of which no result for this offer was recorded: those
        skipped, and those still at it, whose results come with the next call. After a stop nothing
        is pushed any more.
        """
        until_s = time.monotonic() + self._deadline_s
        self.collect()
        unrecorded = list(self._workers)
        free = [w for w in unrecorded if not w.busy and w.sink.name not in waiting]
        started = [] if self._stopping else free
        for worker in started:
            worker.start(offer)
        errors: list[BaseException] = []
        while any(worker in unrecorded for worker in started):
            finished = self._next(until_s - time.monotonic())
            if finished is None:
                break
            self._settle(finished, errors)
            if finished.offer is offer:
                unrecorded.remove(finished.worker)
        _raise_first(errors)
        return tuple(worker.sink for worker in unrecorded)

    def collect(self) -> None:
        """Record the results that have come in since; waits for nothing."""
        errors: list[BaseException] = []
        while not self._finished.empty():
            finished = self._next(0.0)
            if finished is not None:
                self._settle(finished, errors)
        _raise_first(errors)

    def stop(self) -> bool:
        """End every push under way, within about a second; True when none is left.

        For any thread, but not for a signal handler, which might interrupt what holds the same
        locks. Ends a waiting ``offer`` too. What became of the pushes is recorded by that
        ``offer``, or by a ``collect`` afterwards. Closes the sinks.
        """
        self._stopping = True
        until_s = time.monotonic() + STOP_WITHIN_S
        for worker in self._workers:
            worker.sink.abort()
            worker.end()
        ended = [worker for worker in self._workers if worker.ended_by(until_s)]
        for worker in ended:
            worker.sink.close()
        # Only now: every result that can come is before it in the queue.
        self._finished.put(None)
        return len(ended) == len(self._workers)

    def _next(self, timeout_s: float) -> _Finished | None:
        try:
            return self._finished.get(timeout=max(timeout_s, 0.0))
        except queue.Empty:
            return None

    def _settle(self, finished: _Finished, errors: list[BaseException]) -> None:
        finished.worker.busy = False
        if isinstance(finished.result, PushResult):
            self._record(finished.worker.sink, finished.offer, finished.result)
        else:
            errors.append(finished.result)


def _raise_first(errors: list[BaseException]) -> None:
    if errors:
        raise errors[0]
