"""What must be on the disk before a receiver hears of it: how far the past is frozen, and where.

Each request is held while the ledger's files are looked at as a power cut would leave them.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import homes
import pytest
from strict import StrictReceiver, strict_receiver
from strict_rules import message_of

from ccpush.app import Pipeline
from ccpush.config.settings import HttpConfig, RemoteWriteConfig, Settings
from ccpush.ledger import store
from ccpush.log import configure
from ccpush.metrics.catalogue import GRID, frozen_families
from ccpush.push.remote_write.sink import RemoteWriteSink

if TYPE_CHECKING:
    from receivers import Answer, Request

START_S = homes.NOW_S + 10.0
GRID_MS = 60_000


class Seen(NamedTuple):
    """What the files held when a request with samples came; times in milliseconds."""

    grid_ms: int
    now_ms: int
    frozen: dict[str, int]
    cursors: dict[str, tuple[int | None, int, int]]
    now_ts_ms: int | None


class Watch:
    """Looks at the ledger's files at every write, and at how transactions were ended."""

    def __init__(self, root: Path) -> None:
        self.state_dir = root / "state"
        self.copy = root / "copy"
        self.seen: list[Seen] = []
        # (synchronous, what was written) of each transaction, in order
        self.ended: list[tuple[str, set[str]]] = []
        self.ended_before_the_first_write: int | None = None

    def on_write(self, request: Request) -> Answer | None:
        """Take down what the files say."""
        stamps = [p.ts_ms for entry in message_of(request).entries for p in entry.points]
        if stamps:
            if self.ended_before_the_first_write is None:
                self.ended_before_the_first_write = len(self.ended)
            grid = [ts_ms for ts_ms in stamps if ts_ms % GRID_MS == 0]
            now = [ts_ms for ts_ms in stamps if ts_ms % GRID_MS]
            self.seen.append(self._look(max(grid, default=0), max(now, default=0)))
        return None

    def trace(self, connection: sqlite3.Connection) -> None:
        """Note every transaction of a connection and what its end waits for."""
        now: dict[str, Any] = {"synchronous": "?", "tables": set()}

        def note(statement: str) -> None:
            words = statement.split()
            if statement.startswith("PRAGMA synchronous"):
                now["synchronous"] = words[-1]
            elif words[0] == "INSERT":
                now["tables"].add(words[words.index("INTO") + 1])
            elif words[0] == "COMMIT":
                self.ended.append((now["synchronous"], now["tables"]))
                now["tables"] = set()

        connection.set_trace_callback(note)

    def _look(self, grid_ms: int, now_ms: int) -> Seen:
        """Open a copy of the files: what no process has, only the disk."""
        shutil.rmtree(self.copy, ignore_errors=True)
        self.copy.mkdir()
        for name in (store.FILE_NAME, store.FILE_NAME + "-wal"):
            shutil.copy(self.state_dir / name, self.copy)
        with contextlib.closing(sqlite3.connect(self.copy / store.FILE_NAME)) as connection:
            rows = connection.execute("SELECT metric, begin, through, tried FROM cursor")
            found = connection.execute("SELECT now_ts_ms FROM sink").fetchone()
            return Seen(
                grid_ms,
                now_ms,
                dict(connection.execute("SELECT family, through FROM frozen")),
                {row[0]: row[1:] for row in rows},
                found and found[0],
            )


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Watch, StrictReceiver, list[float], Pipeline]]:
    """A laptop with an hour of history whose every transaction is watched."""
    now = [START_S]
    home = homes.Home(tmp_path / "home")
    home.main().write(homes.assistant("m1", at_s=START_S - 3600), homes.user(at_s=START_S - 60))
    watch = Watch(tmp_path)
    with strict_receiver(now=lambda: now[0]) as receiver, pytest.MonkeyPatch.context() as patch:
        receiver.on_write = watch.on_write
        connect = store.connect

        def traced(state_dir: Path, *, write: bool) -> sqlite3.Connection:
            connection = connect(state_dir, write=write)
            watch.trace(connection)
            return connection

        patch.setattr(store, "connect", traced)
        # small requests, so that there are several
        config = RemoteWriteConfig("central", HttpConfig(receiver.url), max_samples_per_send=500)
        settings = Settings(
            claude_homes=(home.path,),
            claude_homes_given=True,
            state_dir=watch.state_dir,
            runtime_dir=tmp_path / "run",
            cache_dir=tmp_path / "cache",
            instance="laptop",
            user="ada",
            remote_write=(config,),
        )
        log = configure("error", "text", io.StringIO(), now=lambda: now[0])
        sink = RemoteWriteSink(config, settings, "ccpush/test", now=lambda: now[0], environ={})
        with Pipeline(settings, log, sinks=[sink], now=lambda: now[0]) as pipeline:
            yield watch, receiver, now, pipeline


Watched = tuple[Watch, StrictReceiver, list[float], Pipeline]


def test_before_samples_go_out_it_is_written_that_they_do(watched: Watched) -> None:
    """At every request the files already say: frozen so far, begun there, offered through here."""
    watch, _, now, pipeline = watched
    for _ in range(3):
        ((_, result),) = pipeline.tick().results
        assert result.outcome == "delivered"
        now[0] += 70

    assert len(watch.seen) > 5
    for seen in watch.seen:
        step = seen.grid_ms // GRID_MS
        assert seen.frozen.keys() == frozen_families()
        assert min(seen.frozen.values()) >= step
        assert seen.cursors.keys() == {metric.name for metric in GRID}
        for begin, through, tried in seen.cursors.values():
            assert begin is not None
            # a request may hold only what is true now
            assert begin <= step <= tried or not seen.grid_ms
            assert through <= tried
        assert seen.now_ms <= (seen.now_ts_ms or 0)
    # both kinds were seen
    assert max(seen.grid_ms for seen in watch.seen) > 0
    assert max(seen.now_ms for seen in watch.seen) > 0


def test_what_is_frozen_is_waited_for(watched: Watched) -> None:
    """A transaction that freezes ends only when the disk has it, and it ends before the sending."""
    watch, _, _, pipeline = watched
    pipeline.tick()

    freezing = [
        (number, how) for number, (how, tables) in enumerate(watch.ended) if "frozen" in tables
    ]
    assert {how for _, how in freezing} == {"FULL"}
    assert watch.ended_before_the_first_write is not None
    last, _ = freezing[-1]
    assert last < watch.ended_before_the_first_write
    assert watch.ended[last][1] >= {"frozen", "cursor"}
