"""A Claude home that keeps growing, by chance: turns, late rows, half lines, forks, new files.

    life = Life(home, random.Random(7))
    life.grow(now_s)
    life.finish(now_s)
    assert recount(home).messages > 0

What lies there in the end says everything: nothing is ever taken back.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import homes
from slow_count import Row, Slow, parse, slow_count

MODELS = (homes.OPUS, homes.HAIKU, "claude-sonnet-4-5-20250929")
TOOLS = ("Bash", "Read", "Edit", "WebSearch")
LATE_S = 3 * homes.DAY_S


class Life:
    """What Claude Code and a person do between two pushes."""

    def __init__(self, home: homes.Home, rng: random.Random) -> None:
        self._home = home
        self._rng = rng
        self._made = 0
        self._sessions: list[str] = []
        # the rest of a line that was begun, by file
        self._torn: dict[Path, bytes] = {}

    def grow(self, now_s: float) -> None:
        """Let a few things happen."""
        for _ in range(self._rng.randint(0, 3)):
            what = self._rng.choices(
                (self._turn, self._subagent, self._event, self._fork), (6, 2, 2, 1)
            )
            what[0](now_s)

    def finish(self, now_s: float) -> None:
        """End every line that was begun."""
        for path, rest in self._torn.items():
            homes.Transcript(path).append_bytes(rest, at_s=now_s)
        self._torn.clear()

    def _turn(self, now_s: float) -> None:
        session = self._session()
        at_s = self._moment(now_s)
        rows = [homes.user(at_s=at_s, session=session, uuid=self._new("u"))]
        self._write(self._home.main(session), [*rows, *self._response(at_s, session)], now_s)

    def _subagent(self, now_s: float) -> None:
        """A subagent's own file, and some of it once more in the file of its parent."""
        session, at_s = self._session(), self._moment(now_s)
        rows = self._response(at_s, session, agent=self._new("a"))
        self._write(self._home.agent(self._new("agent"), session), rows, now_s)
        copies = [homes.agent_progress(row, session=session, at_s=at_s) for row in rows]
        self._write(self._home.main(session), copies[: self._rng.randint(0, 2)], now_s)

    def _event(self, now_s: float) -> None:
        common = {"session": self._session(), "at_s": self._moment(now_s), "uuid": self._new("e")}
        row = self._rng.choice(
            [
                homes.turn_duration(self._rng.randint(1, 4_000_000), **common),
                homes.api_error(self._rng.randint(0, 2), **common),
                homes.compact_boundary(self._rng.randint(1, 600_000), **common),
            ]
        )
        self._write(self._home.main(str(common["session"])), [row], now_s)

    def _fork(self, now_s: float) -> None:
        """A session is resumed under another name: all of its rows are there twice."""
        session = self._session()
        path = self._home.main(session).path
        if path.exists():
            whole = path.read_bytes().rpartition(b"\n")[0].splitlines()
            name = self._new("fork")
            self._sessions.append(name)
            copies = [{**row, "sessionId": name} for row in map(parse, whole) if row is not None]
            self._write(self._home.main(name), copies, now_s)

    def _response(self, at_s: float, session: str, agent: str | None = None) -> list[Row]:
        """One response in one to three rows, whose numbers grow."""
        rng, message, model = self._rng, self._new("msg"), self._rng.choice(MODELS)
        count, output = rng.randint(1, 3), 0
        rows = []
        for number in range(count):
            output += rng.randint(0, 900)
            blocks = [homes.tool_use(self._new("toolu"), rng.choice(TOOLS))]
            rows.append(
                homes.assistant(
                    message,
                    at_s=at_s + number,
                    session=session,
                    model=model,
                    blocks=blocks if rng.random() < 0.5 else None,
                    stop="end_turn" if number == count - 1 else None,
                    sidechain=agent is not None,
                    agent=agent,
                    uuid=self._new("r"),
                    output=output,
                    input=7,
                    cache_read=len(message) * 1000,
                    flat=500,
                )
            )
        return rows

    def _write(self, file: homes.Transcript, rows: list[Row], now_s: float) -> None:
        """Append whole lines; sometimes the last one only in part, for now."""
        text = self._torn.pop(file.path, b"") + homes.lines(*rows)
        if rows and self._rng.random() < 0.2:
            size = len(homes.line(rows[-1]))
            keep = len(text) - self._rng.randint(1, size)
            self._torn[file.path] = text[keep:]
            text = text[:keep]
        file.append_bytes(text, at_s=now_s)

    def _session(self) -> str:
        if not self._sessions or self._rng.random() < 0.1:
            self._sessions.append(self._new("session"))
        return self._rng.choice(self._sessions[-8:])

    def _moment(self, now_s: float) -> float:
        """Mostly just now; sometimes long ago, or by a clock that is ahead."""
        kind = self._rng.random()
        if kind < 0.2:
            return now_s - self._rng.uniform(60, LATE_S)
        if kind < 0.25:
            return now_s + self._rng.uniform(60, 7200)
        return now_s - self._rng.uniform(0, 30)

    def _new(self, kind: str) -> str:
        self._made += 1
        return f"{kind}-{self._made}"


def recount(home: Path) -> Slow:
    """Count a home by the slow rule, main files first; shares no code with ccpush."""
    files = sorted(home.rglob("*.jsonl"), key=lambda path: ("subagents" in path.parts, path))
    lines = (line for path in files for line in path.read_bytes().splitlines())
    return slow_count(row for row in map(json.loads, lines) if isinstance(row, dict))
