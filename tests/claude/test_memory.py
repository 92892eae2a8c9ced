"""Lines of any length cost no memory beyond 200 MB, whatever they hold.

Each case runs in a process of its own, because memory once used is not given back.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import homes
import pytest
from homes import assistant, line, put, text, user

LIMIT_KB = 200 << 10
MB = 1 << 20
READ = """
import json, resource, sys
from pathlib import Path
from ccpush.claude.facts import Series
from ccpush.ledger.intake import Intake
from ccpush.ledger.query import read_account
from ccpush.ledger.store import open_ledger

now_s, state, home = float(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
with open_ledger(state, write=True) as connection:
    Intake(connection, [home], now=lambda: now_s).run()
    account = read_account(connection, now_s, 900)
try:
    # ru_maxrss also counts what the parent process had when this one was forked from it
    status = Path("/proc/self/status").read_text()
    peak_kb = int(status.partition("VmHWM:")[2].split()[0])
except OSError:
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
print(json.dumps({
    "peak_kb": peak_kb,
    "tokens": {s.a: n for s, n in account.totals.items() if s.family == "tokens" and n},
    "messages": account.totals.get(Series("messages"), 0),
    "skipped": {label: n for (name, label), n in account.tallies.items() if name == "rows_skipped"},
}))
"""


def read(tmp_path: Path, home: homes.Home, now_s: float = homes.NOW_S) -> dict[str, Any]:
    """One pass in a fresh process: what it found, after its memory was checked."""
    command = [sys.executable, "-c", READ, str(now_s), str(tmp_path / "state"), str(home.path)]
    done = subprocess.run(command, check=True, capture_output=True, timeout=120)
    found: dict[str, Any] = json.loads(done.stdout)
    assert found.pop("peak_kb") < LIMIT_KB
    return found


def around(home: homes.Home, *pieces: bytes) -> None:
    """A transcript of these bytes, between two rows that count."""
    with home.main().path.open("wb") as opened:
        opened.write(line(assistant("msg_first", output=1)))
        opened.writelines(pieces)
        opened.write(line(assistant("msg_last", output=2)))


def expected(**more: Any) -> dict[str, Any]:
    """The two rows around, and what else there is."""
    return {"tokens": {"input": 20, "output": 3}, "messages": 2, "skipped": {}, **more}


def test_a_line_of_200_mb_is_too_long(tmp_path: Path, home: homes.Home) -> None:
    """Zeros without an end, as a file system leaves them after a crash; the rows around it count."""
    path = home.main().write(assistant("msg_first", output=1))
    with path.open("r+b") as opened:
        opened.seek(200 * MB, 2)
        opened.write(b"\n" + line(assistant("msg_last", output=2)))
    assert read(tmp_path, home) == expected(skipped={"too_long": 1})


def test_a_row_of_200_mb_is_too_long(tmp_path: Path, home: homes.Home) -> None:
    """Valid JSON, but longer than any row that Claude Code writes or reads."""
    head, end = line(assistant("msg_long", blocks=[text("@@")])).split(b"@@")
    around(home, head, *([b"x" * MB] * 200), end)
    assert read(tmp_path, home) == expected(skipped={"too_long": 1})


def test_an_unfinished_line_of_200_mb_is_survived(tmp_path: Path, home: homes.Home) -> None:
    """It might yet end; until then it is left alone, and after ten minutes it is told."""
    around(home)
    with home.main().path.open("r+b") as opened:
        opened.seek(200 * MB, 2)
        opened.write(b"x")
    homes.Transcript(home.main().path).append_bytes(b"x")
    assert read(tmp_path, home) == expected()
    assert read(tmp_path, home, homes.NOW_S + 600) == expected(skipped={"too_long": 1})


@pytest.mark.parametrize("kind", ["result", "words", "irrelevant", "surprising", "garbage", "torn"])
def test_lines_of_60_mb_one_after_the_other(tmp_path: Path, home: homes.Home, kind: str) -> None:
    """A pasted image, a huge result of a tool: two in a row, of each fate that a line can have."""
    filler, mark = b"x" * (60 * MB), b"@@"
    rows: dict[str, tuple[homes.Row, dict[str, Any]]] = {
        "result": (user([{"type": "tool_result", "content": "@@"}]), {"messages": 4}),
        "words": (assistant("msg_long", output=7, blocks=[text("@@")]), {}),
        "irrelevant": ({"type": "custom-title", "title": "@@"}, {"skipped": {"no_metric": 2}}),
        "surprising": (put(user(text("@@")), "isSidechain", 7), {"skipped": {"bad_field": 2}}),
        "garbage": ({"type": "@@"}, {"skipped": {"not_json": 2}}),
        "torn": (user("@@\ud83d"), {"messages": 4}),
    }
    row, found = rows[kind]
    parts = []
    for number in range(2):
        head, end = line({**row, "uuid": f"u{number}"}).split(mark)
        parts += [head, filler, b"" if kind == "garbage" else end]
        if kind == "garbage":
            parts.append(b"\n")
    around(home, *parts)
    if kind == "words":
        found = {"tokens": {"input": 30, "output": 10}, "messages": 3}
    elif kind == "torn":
        # whether so long a line is mended is not promised; that the next ones count is
        result = read(tmp_path, home)
        assert result["tokens"] == expected()["tokens"]
        assert result["messages"] + sum(result["skipped"].values()) == 4
        return
    assert read(tmp_path, home) == expected(**found)


BOMBS = {
    "session": b'{"type":"user","uuid":"u","timestamp":"2026-09-16T11:00:00Z","sessionId":[@@]}',
    "time": b'{"type":"assistant","timestamp":[@@],"message":{"id":"m"}}',
    "type": b'{"type":[@@]}',
    "usage": b'{"type":"assistant","timestamp":"2026-09-16T11:00:00Z","message":{"id":"m","usage":[@@]}}',
    "content": b'{"type":"assistant","timestamp":"2026-09-16T11:00:00Z","message":{"id":"m","content":[@@]}}',
}  # fmt: skip


@pytest.mark.parametrize("where", BOMBS)
@pytest.mark.parametrize("item", [b"{}", b'{"a":{}}'], ids=["empty", "nested"])
def test_a_line_of_many_small_values_is_not_unfolded(
    tmp_path: Path, home: homes.Home, where: str, item: bytes
) -> None:
    """Thirty megabytes of tiny objects would be ten times that as Python's."""
    values = (item + b",") * (30 * MB // len(item)) + item
    around(home, BOMBS[where].replace(b"@@", values) + b"\n")
    result = read(tmp_path, home)
    assert result["tokens"] == expected()["tokens"]
    assert result["messages"] + sum(result["skipped"].values()) == 3


def test_many_rows_are_read_in_flat_memory(tmp_path: Path, home: homes.Home) -> None:
    """Sixty thousand responses in one file, and as many prompts."""
    pair = line(user(uuid="u@@")) + line(assistant("m@@", output=1))
    with home.main().path.open("wb") as opened:
        opened.writelines(pair.replace(b"@@", b"%d" % number) for number in range(60_000))
    assert read(tmp_path, home) == {
        "tokens": {"input": 600_000, "output": 60_000},
        "messages": 120_000,
        "skipped": {},
    }


MANY: dict[str, tuple[bytes, int]] = {
    "sessions": (
        b'{"type":"system","timestamp":"2026-09-16T11:00:00Z","sessionId":"s@@"}\n', 700_000
    ),
    "identifiers": (
        b'{"type":"user","timestamp":"2026-09-16T11:00:00Z","uuid":"' + b"x" * MB + b'@@"}\n', 250
    ),
    "kept rows": (
        b'{"type":"assistant","timestamp":"2026-09-16T11:00:00Z","message":{"id":"m@@","content":'
        b'[{"type":"text","text":"' + b"x" * 3 * MB + b'"},'
        b'{"type":"tool_use","id":"t@@","name":"Edit"}]}}\n', 90
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", MANY)
def test_rows_that_leave_much_with_few_keys(tmp_path: Path, home: homes.Home, kind: str) -> None:
    """Sessions without messages, identifiers of a megabyte, long rows whose calls wait."""
    row, count = MANY[kind]
    around(home, *(row.replace(b"@@", b"%d" % number) for number in range(count)))
    tokens = read(tmp_path, home)["tokens"]
    assert tokens == expected()["tokens"]


RESULT = b'{"type":"tool_result","tool_use_id":"t","content":"ok"}'
CALL = b'{"type":"tool_use","id":"t","name":"Edit","input":@@}'
LARGE = {
    "newlines": (b'{"old_string":"' + rb"\n" * (15 * MB) + b'","new_string":"a"}', b"null"),
    "patch": (b"{}", b'{"structuredPatch":[{"lines":["+ab"' + b',"+ab"' * (8 * MB) + b"]}]}"),
    "command": (b'{"command":"git commit ' + b"a " * (5 * MB) + b'"}', b"null"),
}


@pytest.mark.parametrize("kind", LARGE)
def test_calls_and_results_of_many_lines_are_not_unfolded(
    tmp_path: Path, home: homes.Home, kind: str
) -> None:
    """Millions of lines or words in one call: they count by their number, or not at all."""
    given, told = LARGE[kind]
    call = CALL.replace(b"Edit", b"Bash" if kind == "command" else b"Edit")
    head = b'"timestamp":"2026-09-16T11:00:00Z","uuid":"u","message":{"id":"m","content":['
    around(
        home,
        b'{"type":"assistant",' + head + call.replace(b"@@", given) + b"]}}\n",
        b'{"type":"user","toolUseResult":' + told + b"," + head + RESULT + b"]}}\n",
    )
    assert read(tmp_path, home)["tokens"] == expected()["tokens"]


@pytest.mark.parametrize("kind", ["calls", "results"])
def test_a_line_of_many_calls_is_not_unfolded(tmp_path: Path, home: homes.Home, kind: str) -> None:
    """A hundred thousand in one row are nobody's."""
    block = RESULT if kind == "results" else b'{"type":"tool_use","name":"Bash","id":"t"}'
    blocks = b",".join(block.replace(b'"t"', b'"t%d"' % number) for number in range(300_000))
    row = b'"type":"user"' if kind == "results" else b'"type":"assistant"'
    head = b'{@@,"timestamp":"2026-09-16T11:00:00Z","uuid":"u","message":{"id":"m","content":['
    around(home, head.replace(b"@@", row) + blocks + b"]}}\n")
    assert read(tmp_path, home)["tokens"] == expected()["tokens"]


def test_many_rows_of_one_prompt_are_followed_in_flat_memory(
    tmp_path: Path, home: homes.Home
) -> None:
    """A row each second for weeks, of which nothing but the time is known."""
    begin_s = int(homes.NOW_S) - 1_500_000
    stamps = (homes.iso(begin_s + number).encode() for number in range(1_400_000))
    around(
        home,
        line(user(at_s=begin_s - 1)),
        *(b'{"type":"assistant","timestamp":"%s"}\n' % stamp for stamp in stamps),
    )
    assert read(tmp_path, home)["tokens"] == expected()["tokens"]
