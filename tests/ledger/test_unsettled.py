"""Calls and results that are not read together: joined once, whenever the other half turns up."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import homes
import laws
import msgspec
import pytest
from homes import DAY_S, NOW_S, Row
from tool_rows import PULL, aside, bash, call, edit, forked, patch, pr_link, result, write

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.ledger import positions
from ccpush.ledger.intake import Intake
from ccpush.ledger.store import open_ledger
from ccpush.ledger.unsettled import KEPT_DAYS

# what calls and results add together, and never one of them alone
JOINED = (
    f.TOOL_ERRORS, f.LINES, f.COMMITS, f.PULL_REQUESTS, f.EDIT_DECISIONS,
)  # fmt: skip
Pair = tuple[Row, Row]


def pairs() -> dict[str, Pair]:
    """A call and its result for each way in which something comes of them."""
    committed = bash("git add . && git commit -m words && git commit --amend", call_id="t3")
    created = bash("gh pr create --fill", f"remote: done\n{PULL}\n", call_id="t4")
    unnamed = bash("glab mr create", "created", call_id="t5")
    denied = result("t6", "no", error=True, toolDenialKind="user-rejected")
    stopped = bash("sleep 99", "", call_id="t7")
    stopped[1]["toolUseResult"]["interrupted"] = True
    return {
        "an edit with a patch": (edit("t1"), result("t1", detail=patch("+a", "+b", "-c"))),
        "an edit without": (edit("t2", "a\nb", "a\nc\nd"), result("t2")),
        "commits": (committed[0], committed[1]),
        "a pull request": (created[0], created[1]),
        "one without its address": (unnamed[0], unnamed[1]),
        "an edit that was denied": (edit("t6", path="/app/a.rs"), denied),
        "a command that was stopped": (stopped[0], stopped[1]),
        "an error": (call("t8", "Read", file_path="/app"), result("t8", "gone", error=True)),
        "a new file": (write("t9", "a\nb\n"), result("t9", "File created successfully at: /x")),
    }


TOGETHER = {
    Series(f.LINES, "added"): 2 + 2 + 2,
    Series(f.LINES, "removed"): 1 + 1,
    Series(f.COMMITS): 2,
    Series(f.PULL_REQUESTS): 2,
    Series(f.EDIT_DECISIONS, "Edit", "accept unknown Python"): 2,
    Series(f.EDIT_DECISIONS, "Write", "accept unknown Python"): 1,
    Series(f.EDIT_DECISIONS, "Edit", "reject user_reject Rust"): 1,
    Series(f.TOOL_ERRORS, "Edit", "denied"): 1,
    Series(f.TOOL_ERRORS, "Bash", "interrupted"): 1,
    Series(f.TOOL_ERRORS, "Read", "error"): 1,
}


def joined(reader: homes.Reader) -> dict[Series, int]:
    """What came of calls."""
    totals = reader.account().totals
    return {series: n for series, n in totals.items() if series.family in JOINED and n}


def waiting(reader: homes.Reader) -> dict[str, int]:
    """How many halves wait, by what they are."""
    return dict(Counter(row[2] for row in laws.tables(reader)["unsettled"]))


@pytest.fixture
def whole(tmp_path: Path) -> laws.Tables:
    """What a ledger holds that has read all of it at once."""
    home = homes.Home(tmp_path / "whole")
    home.main().write(*(row for pair in pairs_of_this_test() for row in pair))
    reader = homes.Reader(tmp_path / "state of the whole", home)
    reader.run()
    assert joined(reader) == TOGETHER
    assert waiting(reader) == {}
    return laws.tables(reader)


_PAIRS = pairs()


def pairs_of_this_test() -> list[Pair]:
    """The same rows, uuids and all, wherever they are asked for."""
    return list(_PAIRS.values())


def parts(*, results_first: bool) -> list[list[Row]]:
    """All calls and all results."""
    calls, results = (list(rows) for rows in zip(*pairs_of_this_test(), strict=True))
    return [results, calls] if results_first else [calls, results]


@pytest.mark.parametrize("results_first", [False, True], ids=["calls first", "results first"])
@pytest.mark.parametrize("place", ["one file", "two files"])
@pytest.mark.parametrize("passes", ["one pass", "two passes", "a chunk each"])
def test_halves_find_each_other(
    home: homes.Home,
    reader: homes.Reader,
    whole: laws.Tables,
    monkeypatch: pytest.MonkeyPatch,
    results_first: bool,
    place: str,
    passes: str,
) -> None:
    """However they are read, all tables are as if they had been read together."""
    homes.read_in_pieces(monkeypatch, 256)
    chunk_keys = 1 if passes == "a chunk each" else 20_000
    for at, rows in enumerate(parts(results_first=results_first)):
        name = "a" if place == "one file" else f"{at}"
        home.main(name).append(*rows, at_s=NOW_S + at)
        if passes == "two passes":
            reader.run()
            laws.hold(reader)
            half = "result" if results_first else "call"
            assert waiting(reader) == ({half: len(rows)} if at == 0 else {})
            assert at == 1 or joined(reader) == {}
    reader.run(chunk_keys=chunk_keys)
    laws.hold(reader)

    assert joined(reader) == TOGETHER
    assert laws.tables(reader) == whole


@pytest.mark.parametrize("order", list(permutations("crC")), ids="".join)
def test_copies_settle_nothing_twice(
    home: homes.Home, reader: homes.Reader, order: tuple[str, ...]
) -> None:
    """Calls, results and forks' copies of both, a pass each in any order: each call counts once."""
    calls, results = parts(results_first=False)
    rows = {"c": calls, "r": results, "C": forked(*calls, *results)}
    for at, each in enumerate([*order, *order]):
        home.main(f"s{at}").write(*rows[each])
        reader.run()
        laws.hold(reader)

    assert joined(reader) == TOGETHER


def test_copies_of_what_is_settled_do_not_wait(home: homes.Home, reader: homes.Reader) -> None:
    """A fork that is read in pieces leaves no halves behind of what counted before."""
    counted = [pair for name, pair in _PAIRS.items() if name != "a pull request"]
    home.main("a").write(*(row for pair in counted for row in pair))
    reader.run()
    for at, rows in enumerate(zip(*counted, strict=True)):
        home.main(f"fork {at}").write(*forked(*rows))
        reader.run()
        assert waiting(reader) == {}


def test_the_first_result_settles_a_call(home: homes.Home, reader: homes.Reader) -> None:
    """What another one says later is not heard, whether the call was read before it or after."""
    home.main("a").write(result("t1", "no", error=True))
    reader.run()
    home.main("b").write(result("t1", detail=patch("+a")))
    reader.run()
    home.main("c").write(edit("t1"))
    reader.run()
    home.main("d").write(result("t1", detail=patch("+a", "+b")))
    reader.run()

    assert joined(reader) == {Series(f.TOOL_ERRORS, "Edit", "error"): 1}


def test_it_is_booked_when_the_result_was_written(home: homes.Home, reader: homes.Reader) -> None:
    """At the result's time, also when the call is read long after it."""
    rows = (edit("t1", at_s=NOW_S - 7200), result("t1", detail=patch("+a"), at_s=NOW_S - 600))
    home.main("a").write(rows[1])
    reader.run()
    reader.now_s += 300
    home.main("b").write(rows[0], at_s=NOW_S + 300)
    reader.run()

    booked = {row[0] for row in laws.tables(reader)["increment"] if row[2] == f.LINES}
    assert booked == {NOW_S // 60 - 10 + 1}


def test_what_was_offered_meanwhile_does_not_change(home: homes.Home, reader: homes.Reader) -> None:
    """A result whose step was offered is booked behind it, as everything is that comes late."""
    rows = (edit("t1", at_s=NOW_S - 7200), result("t1", detail=patch("+a"), at_s=NOW_S - 600))
    home.main("a").write(rows[1])
    reader.run()
    reader.freeze({f.LINES})
    reader.now_s += 300
    home.main("b").write(rows[0], at_s=NOW_S + 300)
    reader.run()

    booked = {row[0] for row in laws.tables(reader)["increment"] if row[2] == f.LINES}
    assert booked == {NOW_S // 60 + 1}


@pytest.mark.parametrize(("days", "expected"), [(KEPT_DAYS, 1), (KEPT_DAYS + 1, 0)])
@pytest.mark.parametrize("first", ["call", "result"])
def test_what_finds_no_partner_is_forgotten(
    home: homes.Home, reader: homes.Reader, first: str, days: int, expected: int
) -> None:
    """After 400 days; until then it may still come."""
    at_s = NOW_S - DAY_S
    rows = {"call": edit("t1", at_s=at_s), "result": result("t1", detail=patch("+a"), at_s=at_s)}
    home.main("a").write(rows.pop(first))
    reader.run()
    assert waiting(reader) == {first: 1}
    reader.now_s += days * DAY_S
    reader.run()
    assert waiting(reader) == ({first: 1} if expected else {})
    (later,) = rows.values()
    home.main("b").write(later, at_s=reader.now_s)
    reader.run()
    laws.hold(reader)

    assert reader.total(f.LINES, "added") == expected


def test_results_without_calls_add_nothing(home: homes.Home, reader: homes.Reader) -> None:
    """What they say went wrong is nobody's: the tool is not known."""
    _, results = parts(results_first=False)
    home.main().write(*results)
    reader.run()

    assert joined(reader) == {}
    assert reader.total(f.MESSAGES) == len(results)


def test_a_pull_request_counts_once_by_its_address(home: homes.Home, reader: homes.Reader) -> None:
    """Linked in one pass, made by a call whose halves come in two others, and linked again."""
    made = bash("gh pr create", f"{PULL}\n", call_id="t1")
    for at, rows in enumerate([[pr_link()], made[:1], made[1:], [pr_link(f"{PULL}/")]]):
        home.main(f"s{at}").write(*rows)
        reader.run()

    assert joined(reader) == {Series(f.PULL_REQUESTS): 1}


class CrashError(Exception):
    """The process ends here."""


def crashing(reader: homes.Reader, at: int, *, after: bool) -> Iterator[None]:
    """Make a pass that dies when it keeps chunk number ``at``; yields once if it did."""
    left, save = [at], positions.save

    def dying(*arguments: Any) -> None:
        if left[0] == 0 and not after:
            raise CrashError
        save(*arguments)
        if left[0] == 0:
            raise CrashError
        left[0] -= 1

    with pytest.MonkeyPatch.context() as patched, open_ledger(reader.state_dir, write=True) as held:
        patched.setattr(positions, "save", dying)
        intake = Intake(held, reader.homes, now=lambda: reader.now_s, chunk_keys=1)
        try:
            intake.run()
        except CrashError:
            yield


@pytest.mark.parametrize("results_first", [False, True], ids=["calls first", "results first"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_between_halves_costs_nothing(
    tmp_path: Path,
    home: homes.Home,
    whole: laws.Tables,
    monkeypatch: pytest.MonkeyPatch,
    results_first: bool,
    after: bool,
) -> None:
    """At each chunk, before it is written and after: the next process makes the same account."""
    homes.read_in_pieces(monkeypatch, 2048)
    for at, rows in enumerate(parts(results_first=results_first)):
        home.main(f"{at}").write(*rows)
    died = 0
    for at in range(100):
        reader = homes.Reader(tmp_path / f"state {at}", home)
        crashes = list(crashing(reader, at, after=after))
        reader.run()
        laws.hold(reader)
        assert laws.tables(reader) == whole
        if not crashes:
            break
        died += 1

    assert died > 5


MARKS = ("COMMAND", "PATH", "CONTENT", "ADDRESS", "OUTPUT", "MESSAGE", "PROMPT", "IDENTIFIER")


def marked(mark: str) -> str:
    """A word that stands nowhere else."""
    assert mark in MARKS
    return f"Marker{mark}Marker"


def telling_rows() -> Iterator[tuple[str, Row]]:
    """Calls and results that wait, of every kind that is looked into, full of somebody's words."""
    path, content = f"/home/{marked('PATH')}/{marked('PATH')}.py", f"{marked('CONTENT')}\n" * 3
    address = f"https://git.example/{marked('ADDRESS')}/app/pull/7"
    commands = [
        f"git commit -m '{marked('COMMAND')}'",
        f"cd {marked('PATH')} && gh pr create --title {marked('COMMAND')}",
        f"cat <<EOF\n{marked('COMMAND')}\nEOF",
    ]
    given: list[tuple[str, Row]] = [
        *(("Bash", {"command": each, "description": marked("COMMAND")}) for each in commands),
        ("Edit", {"file_path": path, "old_string": content, "new_string": marked("CONTENT")}),
        ("MultiEdit", {"file_path": path, "edits": [{"old_string": "", "new_string": content}]}),
        ("Write", {"file_path": f"/x/a.{marked('PATH')}", "content": content}),
        ("NotebookEdit", {"notebook_path": path, "new_source": content}),
        ("WebFetch", {"url": address, "prompt": marked("PROMPT")}),
    ]
    for at, (tool, arguments) in enumerate(given):
        yield "call", call(f"{marked('IDENTIFIER')}{at}", tool, **arguments)
    output = f"{marked('OUTPUT')}\n{address}\nnothing to commit\n"
    details: list[Any] = [
        None,
        marked("OUTPUT"),
        {"stdout": output, "stderr": marked("OUTPUT"), "interrupted": False},
        {"stdout": output, "interrupted": True},
        {"filePath": path, "originalFile": content, **patch(f"+{content}", f"-{content}")},
        {"type": "create", "filePath": path, "content": content, "structuredPatch": []},
    ]
    for at, detail in enumerate(details):
        for wrong in (False, True):
            of = f"{marked('IDENTIFIER')}r{at}{wrong}"
            yield "result", result(of, output, error=wrong, detail=detail, uuid=of)
    denied = result(
        f"{marked('IDENTIFIER')}d", output, error=True, toolDenialKind=marked("MESSAGE")
    )
    yield "result", denied


def test_nothing_of_anybodys_words_waits(home: homes.Home, reader: homes.Reader) -> None:
    """Not in the database, not in its log, not in what is decoded of it: numbers and few words."""
    told = list(telling_rows())
    home.main(marked("PATH")).write(*(row for _, row in told))
    home.agent(marked("PATH")).write(*aside(*(row for _, row in told)), pr_link(
        f"https://git.example/{marked('ADDRESS')}/app/pull/8"
    ))  # fmt: skip
    with open_ledger(reader.state_dir, write=True) as connection:
        Intake(connection, reader.homes, now=lambda: reader.now_s).run()
        kept = sorted(reader.state_dir.iterdir())
        assert any(path.name.endswith("-wal") and path.stat().st_size for path in kept)
        in_use = b"".join(path.read_bytes() for path in kept)
        dump = "\n".join(plain(connection))
    at_rest = b"".join(path.read_bytes() for path in sorted(reader.state_dir.iterdir()))

    assert waiting(reader) == dict(Counter(half for half, _ in told))
    assert reader.total(f.PULL_REQUESTS) == 1
    for mark in MARKS:
        for code in ("utf-8", "utf-16-le"):
            assert marked(mark).encode(code) not in in_use + at_rest
        assert marked(mark) not in dump
    assert b"Marker" not in in_use + at_rest
    assert b"git.example" not in in_use + at_rest
    words = {word for row in laws.tables(reader)["unsettled"] for word in words_in(row[3])}
    tools = {"Bash", "Edit", "MultiEdit", "Write", "NotebookEdit", "WebFetch"}
    ways = {"ok", "error", "denied", "interrupted", "user_abort", "config"}
    assert words == {*tools, *ways, "Python", "unknown", ""}


def plain(connection: sqlite3.Connection) -> Iterator[str]:
    """All rows of all tables, with what waits decoded."""
    yield from connection.iterdump()
    for (said,) in connection.execute("SELECT said FROM unsettled"):
        yield repr(msgspec.msgpack.decode(said))


def words_in(said: bytes) -> Iterator[str]:
    """The words of what waits."""
    yield from (word for word in msgspec.msgpack.decode(said) if isinstance(word, str))
