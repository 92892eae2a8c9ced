"""The way from a laptop to a real receiver, which may be broken, closed, or of another time."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Final
from urllib.parse import urlsplit

from receivers import Answer, Conversation, LoopbackServer, Request, serve

HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


class Road:
    """The way to one receiver, in good repair or not.

    ``clock`` is what the receiver's answers are dated by, None for their own time. ``answer`` sees
    every request first and may answer it. ``broken`` cuts every connection.
    """

    def __init__(self, target: str, clock: Callable[[], float] | None) -> None:
        self.target = target
        self.clock = clock
        self.broken = False
        self.answer: Callable[[Request], Answer | None] = lambda _: None
        self.statuses: list[int] = []
        self.server: LoopbackServer

    @property
    def url(self) -> str:
        """Where to write to."""
        return self.server.url + "/api/v1/write"

    def talk(self, conversation: Conversation) -> None:
        """Serve one connection."""
        parts = urlsplit(self.target)
        upstream = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60.0)
        with contextlib.closing(upstream):
            while not self.broken and (request := conversation.read()) is not None:
                answer = self.answer(request) or _forwarded(upstream, request)
                if request.method == "POST":
                    self.statuses.append(answer.status)
                if self.clock is not None:
                    date = formatdate(self.clock(), usegmt=True)
                    answer = Answer(answer.status, {**answer.headers, "Date": date}, answer.body)
                conversation.answer(answer)
        conversation.reset() if self.broken else conversation.close()


def _forwarded(upstream: http.client.HTTPConnection, request: Request) -> Answer:
    upstream.request(request.method, request.target, request.body, request.headers)
    found = upstream.getresponse()
    kept = {k: v for k, v in found.getheaders() if k.lower() not in HOP_BY_HOP}
    return Answer(found.status, kept, found.read())


@contextlib.contextmanager
def road(target: str, clock: Callable[[], float] | None = None) -> Iterator[Road]:
    """A way to the server at ``target`` (a root URL)."""
    way = Road(target, clock)
    with serve(way.talk) as way.server:
        yield way


def no_queries(request: Request) -> Answer | None:
    """What a receiver answers whose query API is closed."""
    return Answer(404, {}, b"no queries here") if request.method == "GET" else None
