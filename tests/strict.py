"""A remote-write receiver that holds a sender to every MUST of the specifications 1.0 and 2.0.

    with strict_receiver(window_s=0, now=clock) as receiver:
        push_to(receiver.url)
        assert receiver.value("x_total", model="m") == 3.0

Every rule that was broken is in ``broken``, and fails the test at the end of the block. Not
checked, because no receiver can tell: backoff, and whether a request is a retry that the sender
must not make.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import TYPE_CHECKING

from receivers import Answer, Conversation, LoopbackServer, Request, serve
from strict_account import Account
from strict_query import answer_query
from strict_rules import header_faults, message_faults, message_of, version_of
from strict_storage import Refuse, Storage

if TYPE_CHECKING:
    from strict_wire import Entry, Labels, Message, Meta

WRITE_PATH, QUERY_PATH = "/api/v1/write", "/api/v1/query"
WRITTEN = "X-Prometheus-Remote-Write-{}-Written"
# Scripted answers: the request is kept and nobody learns of it, or is lost with the connection.
LOST_ANSWER = Answer(0, stored=True)
LOST_REQUEST = Answer(0, stored=False)


@dataclass
class StrictReceiver:
    """What a sender has delivered, and every rule that it has broken.

    ``samples`` has what was kept: without a window as it came, identical repetitions included, or
    else in the order of time. ``answers`` are given to the next writes in turn, before the
    receiver's own judgement; such a request is kept if its answer is a 2xx. ``on_write`` sees every
    write first and may answer it. ``query_status`` other than 200 closes the query API.
    """

    server: LoopbackServer
    account: Account
    storage: Storage
    speaks: Collection[int]
    unknown_status: int
    partial: bool
    now: Callable[[], float] | None
    query_status: int = 200
    on_write: Callable[[Request], Answer | None] | None = None
    answers: deque[Answer] = field(default_factory=deque)
    metadata: dict[str, Meta] = field(default_factory=dict)
    starts: dict[Labels, dict[int, int]] = field(default_factory=dict)
    batch_sizes: list[int] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Where to write to."""
        return self.server.url + WRITE_PATH

    @property
    def query_url(self) -> str:
        """Where instant queries are answered."""
        return self.server.url + QUERY_PATH

    @property
    def samples(self) -> dict[Labels, list[tuple[int, float]]]:
        """(ts_ms, value) of everything kept, by series."""
        return self.storage.samples

    @property
    def requests(self) -> int:
        """How many writes came."""
        return len(self.statuses)

    @property
    def refused(self) -> int:
        """How many writes were answered, but not with a 2xx."""
        return sum(1 for status in self.statuses if status and not 200 <= status < 300)

    def labels(self, name: str, **labels: str) -> Labels:
        """The one series that was kept with this name and these labels among its own."""
        wanted = {("__name__", name), *labels.items()}
        (found,) = (series for series in self.samples if wanted <= set(series))
        return found

    def history(self, name: str, **labels: str) -> list[tuple[int, float]]:
        """(ts_ms, value) of that series in the order of time, each timestamp once."""
        points = self.storage.points(self.labels(name, **labels))
        return [(point.ts_ms, point.value) for point in points]

    def value(self, name: str, **labels: str) -> float:
        """The newest value of that series."""
        return self.history(name, **labels)[-1][1]

    def check(self) -> list[str]:
        """Every rule broken so far, those included that only show over all requests."""
        return [*self.broken, *self.account.fallen_counters()]

    def answer(self, request: Request) -> Answer:
        """Take a request of any kind; what to answer."""
        path = request.target.partition("?")[0]
        with self._lock:
            if path == QUERY_PATH:
                found = self._query(request)
            elif path == WRITE_PATH:
                found = self._write(request)
            else:
                self.broken.append(f"nothing is at {request.method} {request.target}")
                found = Answer(404)
        if self.now is None or found.status == 0:
            return found
        return replace(
            found, headers={"Date": formatdate(self.now(), usegmt=True), **found.headers}
        )

    def _query(self, request: Request) -> Answer:
        self.queries.append(request.target)
        if self.query_status != 200:
            return Answer(self.query_status, {}, b"no queries here")
        status, body = answer_query(self.storage, request, self.now() if self.now else None)
        return Answer(status, {"Content-Type": "application/json"}, body)

    def _write(self, request: Request) -> Answer:
        self.broken += header_faults(request)
        scripted = self.on_write(request) if self.on_write else None
        if scripted is None and self.answers:
            scripted = self.answers.popleft()
        self.versions.append(version_of(request))
        try:
            message = message_of(request)
        except ValueError as error:
            self.broken.append(f"cannot be decoded: {error!r}")
            answer = scripted or Answer(400, {}, str(error).encode())
        else:
            answer = self._take(message, scripted)
        self.statuses.append(answer.status)
        return answer

    def _take(self, message: Message, scripted: Answer | None) -> Answer:
        self.batch_sizes.append(sum(len(entry.points) for entry in message.entries))
        self.broken += message_faults(message, self.now() if self.now else None)
        self.broken += self.account.offer(message)
        return self._decide(message, scripted)

    def _decide(self, message: Message, scripted: Answer | None) -> Answer:
        """Keep or refuse a message."""
        if message.version not in self.speaks:
            # One that does not know 2.0 finds nothing in it, and says that all is well.
            return scripted or Answer(self.unknown_status)
        answer, good = (scripted, message.entries) if scripted else self._judge(message)
        stored = 200 <= answer.status < 300 if answer.stored is None else answer.stored
        if stored:
            self._keep(message, good)
        return _with_written(answer, good if stored else []) if message.version == 2 else answer

    def _judge(self, message: Message) -> tuple[Answer, list[Entry]]:
        """The receiver's own answer, and what to keep."""
        refusal, possible = self.storage.judge(message.entries)
        if refusal is None:
            return Answer(), message.entries
        keeps = self.partial and message.version == 2 and possible != []
        return Answer(refusal.status, {}, refusal.text.encode(), stored=keeps), possible

    def _keep(self, message: Message, good: list[Entry]) -> None:
        self.storage.keep(good)
        self.account.arrived(good)
        if good != message.entries:
            self.account.arrived(message.entries, partly=True)
        self.metadata |= message.metadata
        for entry in good:
            for point in entry.points:
                if point.start_ms:
                    self.starts.setdefault(entry.labels, {})[point.ts_ms] = point.start_ms


def _with_written(answer: Answer, good: list[Entry]) -> Answer:
    """With what 2.0 wants told of success and failure alike."""
    counts = {"Samples": sum(len(entry.points) for entry in good)}
    counts |= {"Histograms": 0, "Exemplars": 0}
    written = {WRITTEN.format(what): str(count) for what, count in counts.items()}
    return replace(answer, headers={**written, **answer.headers})


@contextlib.contextmanager
def strict_receiver(
    *,
    speaks: Collection[int] = (1, 2),
    unknown_status: int = 415,
    window_s: float | None = None,
    too_old_status: int = 500,
    refuse: Refuse | None = None,
    refuse_status: int = 400,
    partial: bool = False,
    strict_order: bool = True,
    now: Callable[[], float] | None = None,
) -> Iterator[StrictReceiver]:
    """A receiver on a free loopback port, that fails the test when the sender broke a rule.

    ``speaks``: the versions it knows; another one is answered with ``unknown_status``, and nothing
    of it kept: 415, or 204 as by a Prometheus 2.42. ``window_s``: the ages it takes, see
    ``strict_storage.py``; ``too_old_status`` is 400 since Prometheus 2.50. ``refuse``: why a sample
    must not be, or None; its request is answered with ``refuse_status``, nothing of it kept.
    ``partial``: of a refused 2.0 message the rest is kept, as by a Prometheus 3. ``strict_order``:
    a series must not go back in time, but for what may have arrived. ``now``: the receiver's clock;
    without it no ``Date`` is told, and no sample is too new.
    """

    def script(conversation: Conversation) -> None:
        while (request := conversation.read()) is not None:
            try:
                answer = receiver.answer(request)
            except Exception as error:
                receiver.broken.append(f"the receiver failed: {error!r}")
                raise
            if answer.status == 0:
                conversation.reset()
                return
            conversation.answer(answer)
        conversation.close()

    with serve(script) as server:
        receiver = StrictReceiver(
            server,
            Account(strict_order),
            Storage(window_s, too_old_status, refuse, refuse_status),
            speaks,
            unknown_status,
            partial,
            now,
        )
        try:
            yield receiver
        except BaseException as error:
            if faults := receiver.check():
                error.add_note(f"the receiver had noticed: {faults[:20]}")
            raise
    faults = receiver.check()
    assert not faults, "\n".join([f"rules broken: {len(faults)}", *faults[:50]])
