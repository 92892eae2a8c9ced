"""The receivers at the end of the way through hell, and how each tells what it has.

A Prometheus that takes the past, a VictoriaMetrics that removes no duplicates, and the strict
receiver, which fails the test for any rule that was broken.
"""

from __future__ import annotations

import contextlib
import json
import math
import urllib.error
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

import servers
from strict import strict_receiver

if TYPE_CHECKING:
    from hell.judgement import Labels, Stored

WINDOW = "storage: {tsdb: {out_of_order_time_window: 31d}}\n"
EVERYTHING = '{instance="hell"}'


class Upstream(NamedTuple):
    """One running receiver.

    ``url`` is its root, ``before_query`` what makes it show what it has. ``stored`` is all that it
    has at a moment; ``increase`` is the increase of a metric's series over so many seconds before
    a moment, None where nobody can be asked.
    """

    url: str
    before_query: str | None
    stored: Callable[[float], Stored]
    increase: Callable[[str, int, float], dict[Labels, float]] | None
    exact: bool = False


Start = Callable[[Path, Callable[[], float]], contextlib.AbstractContextManager[Upstream]]


@contextlib.contextmanager
def strict(_: Path, now: Callable[[], float]) -> Iterator[Upstream]:
    """The strict receiver, which keeps everything that it is sent."""
    with strict_receiver(now=now) as receiver:

        def stored(_: float) -> Stored:
            return receiver.samples

        yield Upstream(receiver.server.url, None, stored, None)


@contextlib.contextmanager
def prometheus(tmp_path: Path, _: Callable[[], float]) -> Iterator[Upstream]:
    """Debian's Prometheus, that takes what is up to 31 days old."""
    flags = ["--storage.tsdb.retention.time=90d"]
    with servers.prometheus(WINDOW, tmp_path, flags) as server:

        def stored(now_s: float) -> Stored:
            return {
                tuple(sorted(found["metric"].items())): [
                    (round(at_s * 1000), float(text)) for at_s, text in found["values"]
                ]
                for found in server.query(EVERYTHING + "[90d]", now_s)
            }

        yield Upstream(server.url, None, stored, _increase(server))


@contextlib.contextmanager
def victoria_metrics(tmp_path: Path, _: Callable[[], float]) -> Iterator[Upstream]:
    """Debian's VictoriaMetrics; without -dedup.minScrapeInterval it keeps what comes twice."""
    with servers.victoria_metrics(tmp_path) as server:

        def stored(now_s: float) -> Stored:
            server.get("/internal/force_flush")
            fields = {"match[]": EVERYTHING, "end": repr(now_s), "reduce_mem_usage": "1"}
            lines = server.get("/api/v1/export?" + urlencode(fields), timeout_s=60.0).splitlines()
            found: dict[Labels, list[tuple[int, float]]] = {}
            # a series may be told in several lines
            for block in map(json.loads, lines):
                # a stale marker is null
                values = [math.nan if value is None else float(value) for value in block["values"]]
                points = zip(block["timestamps"], values, strict=True)
                found.setdefault(tuple(sorted(block["metric"].items())), []).extend(points)
            return {labels: sorted(points, key=itemgetter(0)) for labels, points in found.items()}

        before = server.before_query
        yield Upstream(server.url, before, stored, _increase(server), exact=True)


def _increase(server: servers.Server) -> Callable[[str, int, float], dict[Labels, float]]:
    def increase(name: str, span_s: int, now_s: float) -> dict[Labels, float]:
        try:
            found = server.query(f"increase({name}[{span_s}s])", now_s)
        except urllib.error.HTTPError as error:
            with error:
                error.add_note(f"{name}: {error.read(2000)!r}")
            raise
        return {
            tuple(sorted({**result["metric"], "__name__": name}.items())): float(result["value"][1])
            for result in found
        }

    return increase
