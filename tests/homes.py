"""Invented transcripts for tests: rows as Claude Code writes them, homes to put them in, a reader.

Row functions give plain dicts; every row gets a uuid of its own unless told. ``put`` and
``without`` change one. How a row lies on disk (key order, spaces) is its *shape*, chosen on writing.

    home = Home(tmp_path / "home")
    home.main("session-1").write(user(), assistant("msg_1", output=7))
    reader = Reader(tmp_path / "state", home)
    reader.run()
    assert reader.tokens() == {OPUS: (10, 7, 0, 0)}

The reader's clock stands still at NOW_S, and files are as old as they are told to be.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import pytest

from ccpush.claude import facts as f
from ccpush.claude import tail
from ccpush.claude.extract import Extractor
from ccpush.claude.facts import Series
from ccpush.claude.reading import CHUNK_KEYS
from ccpush.config.settings import PriceOverride
from ccpush.ledger.cursors import freeze
from ccpush.ledger.history import sums_at
from ccpush.ledger.intake import Intake, Pass
from ccpush.ledger.query import Account, read_account
from ccpush.ledger.store import open_ledger

Row = dict[str, Any]
# 1.0: envelope first, message begins with its id.  2.1: envelope first, then slug; the model first.
# 2.1.270: the envelope at the end.  spaced: as 2.1, with spaces after commas and colons.
# usage-first: usage before content, type and timestamp last.
Shape = Literal["1.0", "2.1", "2.1.270", "spaced", "usage-first"]
SHAPES: Final[tuple[Shape, ...]] = ("1.0", "2.1", "2.1.270", "spaced", "usage-first")

NOW_S: Final = int(datetime(2026, 9, 16, 12, 0, tzinfo=UTC).timestamp())
DAY_S: Final = 86_400
OPUS: Final = "claude-opus-4-5-20251101"
HAIKU: Final = "claude-haiku-4-5-20251001"
SESSION: Final = "5e551011-0000-4000-8000-000000000001"
TOKEN_TYPES: Final = ("input", "output", "cacheRead", "cacheCreation")

_numbers = count(1)
_PLACE = ("userType", "entrypoint", "cwd", "sessionId", "version", "gitBranch", "slug")


def iso(at_s: float) -> str:
    """A timestamp as Claude Code writes it: UTC, milliseconds, ``Z``."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def new_uuid() -> str:
    """A uuid that no other row of this process has."""
    return f"00000000-0000-4000-8000-{next(_numbers):012x}"


def envelope(session: str = SESSION, *, sidechain: bool = False, version: str = "2.1.39") -> Row:
    """What every conversation row begins or ends with."""
    return {
        "parentUuid": None,
        "isSidechain": sidechain,
        "userType": "external",
        "cwd": "/home/somebody/app",
        "sessionId": session,
        "version": version,
        "gitBranch": "main",
    }


def usage(
    *,
    input: int = 10,  # noqa: A002
    output: int = 20,
    cache_read: int = 0,
    flat: int = 0,
    five_minutes: int | None = None,
    hour: int | None = None,
    searches: int | None = None,
    fetches: int | None = None,
) -> Row:
    """A ``usage`` object; the nested cache writes default to the flat number, as in real rows."""
    split = {
        "ephemeral_5m_input_tokens": flat if five_minutes is None else five_minutes,
        "ephemeral_1h_input_tokens": hour or 0,
    }
    found: Row = {
        "input_tokens": input,
        "cache_creation_input_tokens": flat,
        "cache_read_input_tokens": cache_read,
        "cache_creation": split,
        "output_tokens": output,
        "service_tier": "standard",
    }
    if searches is not None or fetches is not None:
        found["server_tool_use"] = {
            "web_search_requests": searches or 0,
            "web_fetch_requests": fetches or 0,
        }
    return found


def text(words: str = "some words") -> Row:
    """A content block of text."""
    return {"type": "text", "text": words}


def tool_use(call: str | None = None, name: str = "Bash", **arguments: Any) -> Row:
    """A content block that calls a tool."""
    return {
        "type": "tool_use",
        "id": call or f"toolu_{next(_numbers)}",
        "name": name,
        "input": arguments or {"command": "ls"},
    }


def assistant(
    message_id: str | None = "msg_1",
    *,
    at_s: float = NOW_S - 3600,
    session: str = SESSION,
    request: str | None = "auto",
    model: str = OPUS,
    blocks: list[Row] | None = None,
    stop: str | None = None,
    sidechain: bool = False,
    agent: str | None = None,
    uuid: str | None = None,
    spent: Row | None = None,
    **numbers: int,
) -> Row:
    """One row of a response: one content block and the usage so far (``numbers``: see usage)."""
    message = {
        "model": model,
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "content": [text()] if blocks is None else blocks,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": usage(**numbers) if spent is None else spent,
    }
    row = {
        **envelope(session, sidechain=sidechain),
        **({} if agent is None else {"agentId": agent}),
        "slug": "merry-wandering-fox",
        "message": message,
        "requestId": f"req_{message_id}" if request == "auto" else request,
        "type": "assistant",
        "uuid": uuid or new_uuid(),
        "timestamp": iso(at_s),
    }
    if request is None:
        del row["requestId"]
    if message_id is None:
        del message["id"]
    return row


def user(
    content: Any = "do it",
    *,
    at_s: float = NOW_S - 3600,
    session: str = SESSION,
    sidechain: bool = False,
    uuid: str | None = None,
    **more: Any,
) -> Row:
    """A prompt, or with a list as ``content`` results of tools."""
    return {
        **envelope(session, sidechain=sidechain),
        "type": "user",
        "message": {"role": "user", "content": content},
        "uuid": uuid or new_uuid(),
        "timestamp": iso(at_s),
        **more,
    }


def tool_result(call: str, content: Any = "done", *, at_s: float = NOW_S - 3600) -> Row:
    """A user row that answers a tool call, with the detailed result beside it."""
    block = {"tool_use_id": call, "type": "tool_result", "content": content}
    return user([block], at_s=at_s, toolUseResult={"stdout": content, "stderr": ""})


def system(
    subtype: str | None,
    *,
    at_s: float = NOW_S - 3600,
    session: str = SESSION,
    sidechain: bool = False,
    uuid: str | None = None,
    **more: Any,
) -> Row:
    """A row of type system."""
    return {
        **envelope(session, sidechain=sidechain),
        "type": "system",
        **({} if subtype is None else {"subtype": subtype}),
        **more,
        "timestamp": iso(at_s),
        "uuid": uuid or new_uuid(),
        "isMeta": False,
    }


def turn_duration(duration_ms: Any, **more: Any) -> Row:
    """A turn's end."""
    return system("turn_duration", durationMs=duration_ms, **more)


def api_error(retry: Any = 1, **more: Any) -> Row:
    """An error of the API that the client retries."""
    error = {"status": 529, "error": {"type": "overloaded_error"}}
    return system(
        "api_error", level="error", error=error, retryInMs=500, retryAttempt=retry, maxRetries=10,
        **more,
    )  # fmt: skip


def compact_boundary(pre_tokens: Any = None, **more: Any) -> Row:
    """A compaction."""
    metadata = {"trigger": "auto", **({} if pre_tokens is None else {"preTokens": pre_tokens})}
    return system(
        "compact_boundary", content="Conversation compacted", compactMetadata=metadata, **more
    )


def synthetic(words: str = "No response requested.", **more: Any) -> Row:
    """A row that the client made up itself; its message.id is a uuid and its usage is all 0."""
    return assistant(
        new_uuid(), request=None, model="<synthetic>", blocks=[text(words)], input=0, output=0,
        stop="stop_sequence", **more,
    )  # fmt: skip


def api_error_message(words: str = "API Error: 529", **more: Any) -> Row:
    """An error as shown to the user."""
    return {**synthetic(words, **more), "isApiErrorMessage": True, "error": "rate_limit"}


def progress(kind: str, *, at_s: float = NOW_S - 3600, session: str = SESSION, **data: Any) -> Row:
    """News of something under way."""
    return {
        **envelope(session),
        "slug": "merry-wandering-fox",
        "type": "progress",
        "data": {"type": kind, **data},
        "toolUseID": "toolu_0",
        "parentToolUseID": "toolu_0",
        "uuid": new_uuid(),
        "timestamp": iso(at_s),
    }


def agent_progress(row: Row, *, at_s: float = NOW_S - 3600, session: str = SESSION) -> Row:
    """A row of a subagent, repeated in the file of its parent."""
    kept = ("type", "message", "timestamp", "uuid", "requestId", "isApiErrorMessage")
    inner = {key: row[key] for key in kept if key in row}
    return progress(
        "agent_progress", at_s=at_s, session=session, message=inner, normalizedMessages=[],
        prompt="go and look", agentId="a1b2c3d",
    )  # fmt: skip


def put(row: Row, path: str, value: Any) -> Row:
    """A copy of the row with another value at a dotted path."""
    copied = copy.deepcopy(row)
    *folders, name = path.split(".")
    at = copied
    for folder in folders:
        at = at[folder]
    at[name] = value
    return copied


def without(row: Row, path: str) -> Row:
    """A copy of the row that lacks what is at a dotted path."""
    copied = put(row, path, None)
    *folders, name = path.split(".")
    at = copied
    for folder in folders:
        at = at[folder]
    del at[name]
    return copied


def shaped(row: Row, shape: Shape) -> Row:
    """The row with its keys in the order of a version."""
    message = row.get("message")
    if isinstance(message, dict) and shape in ("1.0", "usage-first"):
        first = ("id", "type", "role", "model") if shape == "1.0" else ("usage", "id", "model")
        row = {**row, "message": _first(message, first)}
    if shape == "2.1.270":
        return _last({**row, "entrypoint": "cli", "version": "2.1.270"}, _PLACE)
    if shape == "usage-first":
        return _last(_first(row, ("message", "data")), ("timestamp", "type"))
    if shape == "1.0":
        return {k: v for k, v in row.items() if k not in ("slug", "entrypoint")}
    return row


def line(row: Row | bytes | str, shape: Shape = "2.1") -> bytes:
    """One line with its newline; bytes and text are taken as they are."""
    if isinstance(row, bytes):
        return row + b"\n"
    if isinstance(row, str):
        return row.encode() + b"\n"
    separators = (", ", ": ") if shape == "spaced" else (",", ":")
    found = json.dumps(shaped(row, shape), ensure_ascii=False, separators=separators)
    return found.encode("utf-8", "surrogatepass") + b"\n"


def lines(*rows: Row | bytes | str, shape: Shape = "2.1") -> bytes:
    """Rows as the bytes of a file."""
    return b"".join(line(row, shape) for row in rows)


def _first(row: Row, names: tuple[str, ...]) -> Row:
    return {**{n: row[n] for n in names if n in row}, **row}


def _last(row: Row, names: tuple[str, ...]) -> Row:
    rest = {k: v for k, v in row.items() if k not in names}
    return {**rest, **{n: row[n] for n in names if n in row}}


class Transcript:
    """One file; every write sets how old it is, so that no test depends on the real time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, *rows: Row | bytes | str, shape: Shape = "2.1", at_s: float = NOW_S) -> Path:
        """Make the file anew, in place."""
        return self.write_bytes(lines(*rows, shape=shape), at_s=at_s)

    def append(self, *rows: Row | bytes | str, shape: Shape = "2.1", at_s: float = NOW_S) -> Path:
        """Write further rows to its end."""
        return self.append_bytes(lines(*rows, shape=shape), at_s=at_s)

    def write_bytes(self, content: bytes, *, at_s: float = NOW_S) -> Path:
        """Make the file anew, in place, of these bytes."""
        self.path.write_bytes(content)
        os.utime(self.path, (at_s, at_s))
        return self.path

    def append_bytes(self, content: bytes, *, at_s: float = NOW_S) -> Path:
        """Write these bytes to its end."""
        with self.path.open("ab") as opened:
            opened.write(content)
        os.utime(self.path, (at_s, at_s))
        return self.path


class Home:
    """A Claude home: where each kind of transcript lies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.projects = path / "projects"
        self.projects.mkdir(parents=True)

    def main(self, session: str = SESSION, project: str = "-home-somebody-app") -> Transcript:
        """A session's own transcript."""
        return Transcript(self.projects / project / f"{session}.jsonl")

    def agent(
        self, agent: str = "a1b2c3d", session: str = SESSION, project: str = "-home-somebody-app"
    ) -> Transcript:
        """A subagent's transcript, as since 2.1.14."""
        folder = self.projects / project / session / "subagents"
        return Transcript(folder / f"agent-{agent}.jsonl")

    def flat_agent(
        self, agent: str = "a1b2c3d4", project: str = "-home-somebody-app"
    ) -> Transcript:
        """A subagent's transcript beside the session's, as in 2.0."""
        return Transcript(self.projects / project / f"agent-{agent}.jsonl")

    def workflow(
        self, name: str, run: str = "wf_12345678-abc", session: str = SESSION
    ) -> Transcript:
        """A file of a workflow's run: ``agent-….jsonl`` or ``journal.jsonl``."""
        folder = self.projects / "-home-somebody-app" / session / "subagents" / "workflows" / run
        return Transcript(folder / name)

    def write_stats_cache(self, content: Row | bytes, *, at_s: float = NOW_S) -> Path:
        """Put a stats cache beside ``projects``."""
        path = self.path / "stats-cache.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        os.utime(path, (at_s, at_s))
        return path


def account_at(connection: sqlite3.Connection, now_s: float, step: int) -> Account:
    """The account with its sums as they are at a grid step."""
    sums = sums_at(connection, step)
    account = read_account(connection, now_s, 900)
    all_time = {s: sums.counted[s] + sums.imported[s] for s in account.all_time}
    return msgspec.structs.replace(account, totals=dict(sums.counted), all_time=all_time)


class Reader:
    """A ledger over homes, with a clock that only moves when told."""

    def __init__(self, state_dir: Path, *homes: Home | Path, now_s: float = NOW_S) -> None:
        self.state_dir = state_dir
        self.homes = [home.path if isinstance(home, Home) else home for home in homes]
        self.now_s = now_s
        self.prices: Sequence[PriceOverride] = ()

    def run(
        self,
        *,
        stop: Callable[[], bool] = lambda: False,
        advance: Callable[[int], None] = lambda _: None,
        chunk_keys: int = CHUNK_KEYS,
    ) -> Pass:
        """Make one pass in a process's manner: open, read, close. The row tallies must add up."""
        with open_ledger(self.state_dir, write=True) as connection:
            intake = Intake(
                connection,
                self.homes,
                now=lambda: self.now_s,
                stop=stop,
                chunk_keys=chunk_keys,
                prices=self.prices,
            )
            done = intake.run(advance)
        read = self.tally("lines_read")
        assert read == sum(map(self.tally, ("rows_counted", "rows_duplicate", "rows_skipped")))
        return done

    def account(self, active_window_s: float = 900.0) -> Account:
        """The account as it stands."""
        with open_ledger(self.state_dir, write=False) as connection:
            return read_account(connection, self.now_s, active_window_s)

    def freeze(self, families: set[str], through_s: float | None = None) -> None:
        """Say that what happened until now was offered to a sink."""
        with open_ledger(self.state_dir, write=True) as connection:
            freeze(connection, families, int(through_s or self.now_s) // 60)

    def tokens(self) -> dict[str, tuple[int, ...]]:
        """Counted tokens by model: input, output, cache read, cache creation."""
        totals = self.account().totals
        models = {series.b for series in totals if series.family == f.TOKENS}
        found = {
            m: tuple(totals.get(Series(f.TOKENS, t, m), 0) for t in TOKEN_TYPES) for m in models
        }
        return {model: amounts for model, amounts in found.items() if any(amounts)}

    def total(self, family: str, a: str = "") -> int:
        """The counter of one series."""
        return self.account().totals.get(Series(family, a), 0)

    def by_a(self, family: str) -> dict[str, int]:
        """The counters of a family by their first label."""
        totals = self.account().totals
        return {s.a: n for s, n in totals.items() if s.family == family and n}

    def tally(self, name: str) -> int:
        """A tally, summed over its labels."""
        return sum(self.tallies(name).values())

    def tallies(self, name: str) -> dict[str, int]:
        """A tally by its labels."""
        found = self.account().tallies
        return {label: int(n) for (key, label), n in found.items() if key == name}


def extract(*rows: Row | bytes | str, shape: Shape = "2.1", now_s: float = NOW_S) -> Extractor:
    """The facts of rows alone, without a file or a ledger."""
    extractor = Extractor()
    extractor.take_all([line(row, shape)[:-1] for row in rows])
    extractor.end_of_file()
    return extractor


def read_in_pieces(patch: pytest.MonkeyPatch, size_bytes: int) -> None:
    """Let files be read in pieces of this size, so that small ones have several."""
    patch.setattr(tail, "BLOCK_BYTES", size_bytes)
    patch.setattr(tail, "BATCH_BYTES", size_bytes)


@contextlib.contextmanager
def zone(name: str) -> Iterator[None]:
    """Let the process be in another time zone."""
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TZ", name)
            time.tzset()
            yield
    finally:
        time.tzset()
