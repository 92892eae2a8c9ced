"""Random lives of transcripts against a slow model: nothing is lost, nothing is counted twice.

A machine writes, tears, renames, forks, rewrites and deletes files, reads them, dies in the middle
of reading and comes back. Beside it runs a model that knows only which complete lines were there to
be seen when a pass ended. As long as no file was changed under the reader in a way that only luck
could notice, the ledger is exactly what the slow count says of the lines seen. Otherwise:

    seen ≤ ledger ≤ ever written

No counter ever falls, and what was offered to a sink never changes, whatever comes later.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

import homes
import laws
import pytest
import small_steps
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from slow_count import Row, Slow, key, numbers, parse, slow_count

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.claude.keys import key_of
from ccpush.ledger import positions
from ccpush.ledger.booking import frozen_through
from ccpush.ledger.collapse import KEPT_DAYS
from ccpush.ledger.cursors import freeze
from ccpush.ledger.intake import Intake
from ccpush.ledger.query import Account, read_account
from ccpush.ledger.rebooking import PATIENCE_S
from ccpush.ledger.store import open_ledger
from ccpush.metrics.catalogue import frozen_families

STILL_S = 600
DIGITS = [b"0", b"9", b"9"]
# What was read of a file is fingerprinted whole if it is no longer than this.
FINGERPRINTED_BYTES = 2048
NAMES = ("p/a.jsonl", "p/b.jsonl", "p/a/subagents/agent-c.jsonl", "q/d.jsonl")
SESSIONS = ("s1", "s2")
# What happened to a file since the last complete pass.
Happening = Literal["grew", "shrank", "rewritten", "new"]


class CrashError(Exception):
    """The process ends here."""


OLD_DAY = date(2026, 9, 16).toordinal() - 40
OLD_S = homes.NOW_S - 40 * homes.DAY_S
COLLAPSED_S = homes.NOW_S - KEPT_DAYS * homes.DAY_S
# Around now, on days that a stats cache may be asked about, or about to become too old for details.
TIMES = st.one_of(
    st.integers(homes.NOW_S - 7200, homes.NOW_S + 7200),
    st.integers(OLD_S - homes.DAY_S, OLD_S + homes.DAY_S),
    st.integers(COLLAPSED_S - 3 * homes.DAY_S, COLLAPSED_S + 2 * homes.DAY_S),
)
responses = st.builds(
    homes.assistant,
    st.sampled_from(["m1", "m2", "m3", "m4", "m5"]),
    output=st.sampled_from([0, 3, 8]),
    input=st.sampled_from([0, 3, 8]),
    cache_read=st.sampled_from([0, 5]),
    session=st.sampled_from(SESSIONS),
    sidechain=st.sampled_from([False, False, True]),
    stop=st.sampled_from([None, None, "end_turn"]),
    at_s=TIMES,
    blocks=st.one_of(
        st.just([homes.text()]),
        st.sampled_from(["t1", "t2", "t3"]).map(lambda call: [homes.tool_use(call)]),
        # long enough for a file's middle to be out of a fingerprint's sight
        st.sampled_from([[homes.text("long " * 300)], [homes.text("longer " * 200)]]),
        st.just([homes.text("long " * 300)]),
    ),
)
prompts = st.builds(
    homes.user,
    uuid=st.sampled_from(["u1", "u2", "u3"]),
    session=st.sampled_from(SESSIONS),
    sidechain=st.sampled_from([False, False, True]),
    at_s=TIMES,
)
events = st.sampled_from([homes.api_error(0, uuid="e1"), homes.api_error(2, uuid="e2")])
rows = st.one_of(responses, responses, prompts, events)
some_rows = st.lists(rows, min_size=1, max_size=4)


@dataclass
class File:
    """A transcript as the test knows it."""

    content: bytes = b""
    mtime_s: float = 0.0
    since: list[Happening] = field(default_factory=list)
    # how far the file at this path may have been read
    read_to: int = 0
    # something happened that a fingerprint need not notice; over when it is read from its start
    unsure: bool = False

    def visible(self, now_s: float) -> list[Row]:
        """The rows of all complete lines, and of the last if the file has been still."""
        *complete, rest = self.content.split(b"\n")
        if now_s - self.mtime_s >= STILL_S:
            complete.append(rest)
        return [row for row in map(parse, complete) if row is not None]

    def ever(self) -> list[Row]:
        """All rows in it that anybody might see, now or after a while."""
        return self.visible(float("inf"))

    def noticed(self) -> bool:
        """Whether a reader that reached its end last time is bound to see what it says now."""
        if self.read_to <= FINGERPRINTED_BYTES:
            return True
        if self.unsure:
            return False
        # only ever grown, only cut, or only rewritten with a new time and the old size
        kinds = set(self.since)
        return self.since[:1] == ["new"] or len(kinds) <= 1


class TailAndLedger(RuleBasedStateMachine):
    """The machine; ``seen`` and ``written`` are rows, in the order in which they came."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="ccpush-machine-"))
        self.home = homes.Home(self.folder / "home")
        self.state_dir = self.folder / "state"
        self.clock_s = float(homes.NOW_S)
        self.ticks = 0
        self.files: dict[str, File] = {}
        self.gone: dict[str, File] = {}
        self.seen: list[Row] = []
        self.written: list[Row] = []
        self.frozen_at: dict[int, Account] = {}
        self.totals: Mapping[Series, int] = {}
        self.patch = pytest.MonkeyPatch()
        small_steps.take_small_steps(self.patch, 512)

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.patch.undo()
        shutil.rmtree(self.folder)

    # --- the world -------------------------------------------------------------------------------

    @initialize(ahead_s=st.integers(0, 59))
    def begin(self, ahead_s: int) -> None:
        """An empty ledger, at some second of a minute."""
        self.clock_s += ahead_s
        self.read_to_the_end()

    def now(self) -> float:
        """The clock; no two changes of a file happen at one moment."""
        return self.clock_s + self.ticks / 1000

    def path(self, name: str) -> Path:
        """Where a file lies."""
        path = self.home.projects / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def changed(self, name: str, content: bytes, what: Happening) -> None:
        """Note what a file now says; its time is the clock's."""
        self.ticks += 1
        file = self.files[name]
        file.content, file.mtime_s = content, self.now()
        file.since.append(what)
        self.written.extend(file.ever())
        moment_ns = int(file.mtime_s * 1000) * 1_000_000
        os.utime(self.path(name), ns=(moment_ns, moment_ns))

    def write_on(self, name: str, more: bytes) -> None:
        """Append bytes, as Claude Code does."""
        if name not in self.files:
            self.put_new(name, b"")
        with self.path(name).open("ab") as out:
            out.write(more)
        self.changed(name, self.files[name].content + more, "grew")

    def put_new(self, name: str, content: bytes) -> None:
        """Put a new file in a file's place, or where there was none."""
        fresh = self.folder / "fresh"
        fresh.write_bytes(content)
        fresh.replace(self.path(name))
        self.came_to(name, content)

    def came_to(self, name: str, content: bytes) -> None:
        """Another file is now at a path; the number of an inode that was freed may come back."""
        before = self.files.get(name, self.gone.pop(name, None))
        freed = name not in self.files or "new" in self.files[name].since
        self.files[name] = File()
        if before is not None:
            self.files[name] = File(read_to=before.read_to, unsure=freed)
        self.changed(name, content, "new")

    def vacate(self, name: str) -> File:
        """No file is at a path any more, though a position still is."""
        self.gone[name] = self.files.pop(name)
        return self.gone[name]

    # --- what Claude Code and people do ----------------------------------------------------------

    @rule(name=st.sampled_from(NAMES), new=some_rows)
    def append_lines(self, name: str, new: list[Row]) -> None:
        """Whole lines arrive."""
        self.write_on(name, homes.lines(*new))

    @rule(name=st.sampled_from(NAMES), row=rows, part=st.floats(0.01, 1))
    def append_half_a_line(self, name: str, row: Row, part: float) -> None:
        """A line arrives in part, at most without its newline."""
        whole = homes.line(row)[:-1]
        self.write_on(name, whole[: max(1, int(len(whole) * part))])

    @rule(name=st.sampled_from(NAMES), row=rows)
    def finish_the_line(self, name: str, row: Row) -> None:
        """The line that was begun is ended: as it should be if it was a row, else as garbage."""
        if name in self.files:
            rest = self.files[name].content.rpartition(b"\n")[2]
            whole = homes.line(row)
            self.write_on(name, whole[len(rest) :] if whole.startswith(rest) else b"\n")

    @precondition(lambda self: self.files)
    @rule(data=st.data(), part=st.floats(0, 1))
    def truncate(self, data: st.DataObject, part: float) -> None:
        """A file is cut in place."""
        name = data.draw(st.sampled_from(sorted(self.files)))
        content = self.files[name].content
        left = content[: int(len(content) * part)]
        if left != content:
            os.truncate(self.path(name), len(left))
            self.changed(name, left, "shrank")

    @precondition(lambda self: self.files)
    @rule(data=st.data(), new=some_rows)
    def cut_and_write_on(self, data: st.DataObject, new: list[Row]) -> None:
        """The last lines of a file are taken back in place, and others follow."""
        name = data.draw(st.sampled_from(sorted(self.files)))
        lines = self.files[name].content.splitlines(keepends=True)
        left = b"".join(lines[: data.draw(st.integers(0, len(lines)))])
        os.truncate(self.path(name), len(left))
        self.changed(name, left, "shrank")
        self.write_on(name, homes.lines(*new))

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def rewrite_in_place(self, data: st.DataObject) -> None:
        """A row of a file is replaced by one of the same length."""
        name = data.draw(st.sampled_from(sorted(self.files)))
        old = self.files[name].content
        found = list(re.finditer(rb'"output_tokens":(\d),', old))
        if found:
            place = data.draw(st.sampled_from(found)).start(1)
            new = old[:place] + data.draw(st.sampled_from(DIGITS)) + old[place + 1 :]
            if new != old:
                with self.path(name).open("r+b") as out:
                    out.write(new)
                self.changed(name, new, "rewritten")

    @rule(name=st.sampled_from(NAMES), new=some_rows)
    def replace(self, name: str, new: list[Row]) -> None:
        """A file is replaced by another, as an atomic rewrite does."""
        self.put_new(name, homes.lines(*new))

    @precondition(lambda self: self.files)
    @rule(data=st.data(), to=st.sampled_from(NAMES))
    def rename(self, data: st.DataObject, to: str) -> None:
        """A file moves, perhaps into the place of another."""
        name = data.draw(st.sampled_from(sorted(self.files)))
        if name != to:
            self.path(name).replace(self.path(to))
            moved = self.vacate(name)
            self.came_to(to, moved.content)

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """A file goes; what was not yet read of it is gone."""
        name = data.draw(st.sampled_from(sorted(self.files)))
        self.path(name).unlink()
        self.vacate(name)

    @precondition(lambda self: self.files)
    @rule(data=st.data(), to=st.sampled_from(NAMES), session=st.sampled_from(["s1", "s2", "fork"]))
    def fork(self, data: st.DataObject, to: str, session: str) -> None:
        """A session's rows are copied into another file, with another session's name."""
        name = data.draw(st.sampled_from(sorted(self.files)))
        copies = [{**row, "sessionId": session} for row in self.files[name].visible(0.0)]
        if copies and name != to:
            self.write_on(to, b"".join(json.dumps(c).encode() + b"\n" for c in copies))

    @rule(
        days=st.lists(st.integers(-2, 2), min_size=1, max_size=3, unique=True), n=st.integers(0, 50)
    )
    def remember_days(self, days: list[int], n: int) -> None:
        """Claude Code refreshes its stats cache, which remembers other days than before."""
        texts = [str(date.fromordinal(OLD_DAY + day)) for day in sorted(days)]
        activity = [
            {"date": text, "messageCount": n, "sessionCount": n % 7, "toolCallCount": n % 5}
            for text in texts
        ]
        cache = {
            "version": 4,
            "lastComputedDate": texts[-1],
            "dailyActivity": activity,
            "dailyModelTokens": [{"date": t, "tokensByModel": {homes.OPUS: n}} for t in texts],
            "modelUsage": {homes.OPUS: {"inputTokens": n, "outputTokens": n * len(days) - n}},
            "totalSessions": 1,
            "totalMessages": 1,
            "hourCounts": {"9": 2, "23": 1},
        }
        self.ticks += 1
        self.home.write_stats_cache(cache, at_s=self.now())

    @rule(by_s=st.sampled_from([1, 59, 61, 601, 4000, -100, -5000]))
    def time_passes(self, by_s: int) -> None:
        """The clock moves on, or is set back."""
        self.clock_s += by_s

    # --- what ccpush does ------------------------------------------------------------------------

    @rule(chunk_keys=st.sampled_from([1, 2, 20_000]))
    def read_to_the_end(self, chunk_keys: int = 20_000) -> None:
        """A pass of a fresh process."""
        with open_ledger(self.state_dir, write=True) as connection:
            done = self.intake(connection, chunk_keys).run()
        assert done.complete
        self.note_what_was_seen()

    @rule()
    def read_on_the_next_day(self) -> None:
        """Days that have become too old for details are collapsed, once a day."""
        self.clock_s += homes.DAY_S
        self.read_to_the_end()

    @rule(by_s=st.sampled_from([3 * 3600, 20 * 3600]))
    def read_by_a_clock_that_is_ahead(self, by_s: int) -> None:
        """The clock runs ahead for one pass, and is right again."""
        self.clock_s += by_s
        self.read_to_the_end()
        self.clock_s -= by_s

    @rule()
    def read_for_an_hour(self) -> None:
        """What was booked ahead of now is not any more, unless the clock is behind."""
        step = int(self.now()) // 60
        self.read_to_the_end()
        self.clock_s += PATIENCE_S
        self.read_to_the_end()
        with open_ledger(self.state_dir, write=False) as connection:
            newest = connection.execute("SELECT MAX(booked) FROM increment").fetchone()[0]
            offered = max(frozen_through(connection).values(), default=-1)
        assert (newest or 0) <= int(self.now()) // 60 + 1 or offered > step

    @rule(twice=st.booleans())
    def read_with_one_intake(self, twice: bool) -> None:
        """Passes of a resident process, which remembers positions itself."""
        with open_ledger(self.state_dir, write=True) as connection:
            intake = self.intake(connection, 2)
            intake.run()
            if twice:
                before = laws.contents(connection)
                assert intake.run().files_read == 0
                assert laws.contents(connection) == before
        self.note_what_was_seen()

    @rule(chunks=st.integers(0, 3), where=st.sampled_from(["before", "after"]))
    def crash(self, chunks: int, where: str) -> None:
        """The process dies in a transaction, before or after the positions were written."""
        left = [chunks]
        saved = positions.save

        def dying(*arguments: Any) -> None:
            left[0] -= 1
            if left[0] < 0 and where == "before":
                raise CrashError
            saved(*arguments)
            if left[0] < 0:
                raise CrashError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(positions, "save", dying)
            try:
                with open_ledger(self.state_dir, write=True) as connection:
                    self.intake(connection, 1).run()
            except CrashError:
                self.note_what_may_have_been_seen()
            else:
                self.note_what_was_seen()

    @rule()
    def stop_in_the_middle(self) -> None:
        """A pass is stopped after its first chunk."""
        asked = iter([False, False])
        with open_ledger(self.state_dir, write=True) as connection:
            Intake(
                connection,
                [self.home.path],
                now=self.now,
                stop=lambda: next(asked, True),
                chunk_keys=1,
            ).run()
        self.note_what_may_have_been_seen()

    @rule()
    def freeze(self) -> None:
        """All that is known until now is about to be offered."""
        step = int(self.now()) // 60
        with open_ledger(self.state_dir, write=True) as connection:
            freeze(connection, frozen_families(), step)
            then = homes.account_at(connection, self.now(), step)
        self.frozen_at.setdefault(step, then)

    def intake(self, connection: sqlite3.Connection, chunk_keys: int) -> Intake:
        """A reader that knows only what the ledger tells it."""
        return Intake(connection, [self.home.path], now=self.now, chunk_keys=chunk_keys)

    def note_what_may_have_been_seen(self) -> None:
        """After a pass that did not come to its end."""
        for file in self.files.values():
            file.read_to = max(file.read_to, len(file.content))

    def note_what_was_seen(self) -> None:
        """After a complete pass: what must be in the ledger now."""
        self.gone.clear()
        for file in self.files.values():
            file.unsure = not file.noticed()
            if not file.unsure:
                self.seen.extend(file.visible(self.now()))
            file.since, file.read_to = [], len(file.content)

    # --- the laws --------------------------------------------------------------------------------

    @invariant()
    def every_law_holds(self) -> None:
        """Sums, recounts and days agree at every moment."""
        if self.state_dir.exists():
            with open_ledger(self.state_dir, write=False) as connection:
                laws.assert_laws(connection, self.now())

    @invariant()
    def the_ledger_is_between_seen_and_written(self) -> None:
        """Everything seen is counted, nothing that was never written is."""
        if not self.state_dir.exists():
            return
        least, most = slow_count(self.seen), slow_count(self.written)
        with open_ledger(self.state_dir, write=False) as connection:
            counted = {
                row[0]: row[1:]
                for row in connection.execute(
                    "SELECT key, input, output, cache_read, cache_creation FROM response"
                )
            }
            totals = read_account(connection, self.now(), 900).totals
        assert {key_of("response", name) for name in least.responses} <= set(counted)
        assert set(counted) <= {key_of("response", name) for name in most.responses}
        for name in most.responses:
            if key_of("response", name) in counted:
                self.in_bounds(name, counted[key_of("response", name)])
        for family, fewest, greatest in amounts(least, most):
            total = sum(n for series, n in totals.items() if series.family == family)
            assert (family, fewest) <= (family, total) <= (family, greatest)

    def in_bounds(self, name: str, counted: tuple[int, ...]) -> None:
        """A response has the largest numbers of its rows seen, and not more than ever written.

        What a sidechain's copy said counts if it was read before any main row.
        """
        written, seen = rows_of(self.written, name), rows_of(self.seen, name)
        in_main = [row for row in seen if not row["isSidechain"]]
        if all(row["isSidechain"] for row in written):
            in_main = seen
        assert all(n <= top for n, top in zip(counted, largest(written), strict=True))
        assert all(n >= low for n, low in zip(counted, largest(in_main), strict=True))

    @invariant()
    def no_counter_falls(self) -> None:
        """Whoever looks, at whatever moment, never sees less than before."""
        if not self.state_dir.exists():
            return
        with open_ledger(self.state_dir, write=False) as connection:
            totals = read_account(connection, self.now(), 900).totals
        assert all(totals[series] >= n for series, n in self.totals.items())
        self.totals = totals

    @invariant()
    def what_was_seen_is_exact(self) -> None:
        """When all that was ever written was seen, the slow count holds, wherever order is nothing.

        Of a response that has larger numbers in a copy than in its main rows, the order of reading
        decides.
        """
        if any(row not in self.seen for row in self.written):
            return
        with open_ledger(self.state_dir, write=False) as connection:
            counted = {
                row[0]: row[1:]
                for row in connection.execute(
                    "SELECT key, input, output, cache_read, cache_creation FROM response"
                )
            }
        main_first = slow_count(sorted(self.seen, key=lambda row: row["isSidechain"])).responses
        main_last = slow_count(sorted(self.seen, key=lambda row: not row["isSidechain"])).responses
        assert counted.keys() == {key_of("response", name) for name in main_first}
        for name, least in main_first.items():
            found = counted[key_of("response", name)]
            between = zip(least, found, main_last[name], strict=True)
            assert all(low <= n <= high for low, n, high in between)

    @invariant()
    def what_was_offered_stays(self) -> None:
        """The values of a step that was frozen are the same for ever, and totals never below."""
        if not self.frozen_at:
            return
        with open_ledger(self.state_dir, write=False) as connection:
            for step, offered in self.frozen_at.items():
                now = read_account(connection, self.now(), 900)
                then = homes.account_at(connection, self.now(), step)
                assert nonzero(then.totals) == nonzero(offered.totals)
                assert nonzero(then.all_time) == nonzero(offered.all_time)
                assert all(now.totals[series] >= n for series, n in offered.totals.items())


def rows_of(given: list[Row], name: str) -> list[Row]:
    """The rows of one response."""
    return [row for row in given if row.get("type") == "assistant" and key(row) == name]


def largest(given: list[Row]) -> tuple[int, ...]:
    """The field-wise maximum over rows, 0 without any."""
    return tuple(map(max, zip((0, 0, 0, 0), *map(numbers, given), strict=True)))


def amounts(least: Slow, most: Slow) -> list[tuple[str, int, int]]:
    """What each family's sum must lie between."""
    pairs: dict[str, Callable[[Slow], int]] = {
        f.MESSAGES: lambda slow: slow.messages,
        f.SESSIONS: lambda slow: len(slow.sessions),
        f.TOOL_CALLS: lambda slow: len(slow.tools),
        f.STOP_REASONS: lambda slow: len(slow.stopped),
        f.API_ERRORS: lambda slow: len(slow.errors),
        f.API_RETRIES: lambda slow: len(slow.retries),
    }
    return [(family, count(least), count(most)) for family, count in pairs.items()]


def nonzero(totals: Mapping[Series, int]) -> dict[Series, int]:
    """A series that was not there and one that is 0 are the same."""
    return {series: n for series, n in totals.items() if n}


TestTailAndLedger = TailAndLedger.TestCase
TestTailAndLedger.settings = settings(stateful_step_count=40)
