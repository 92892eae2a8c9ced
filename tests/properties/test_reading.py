"""However the same rows are cut, ordered, copied or read again, they make the same account."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import homes
import laws
import pytest
import small_steps
from hypothesis import given
from hypothesis import strategies as st
from slow_count import Row, slow_count

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.ledger.days import read_days
from ccpush.ledger.store import open_ledger

TIMES = st.integers(-3 * homes.DAY_S, 3600).map(lambda s: homes.NOW_S + s)
SESSIONS = st.sampled_from(["s1", "s2", "s3"])

responses = st.builds(
    homes.assistant,
    st.sampled_from(["m1", "m2", "m3", "m4"]),
    output=st.integers(0, 99),
    input=st.integers(0, 9),
    cache_read=st.integers(0, 9),
    flat=st.integers(0, 9),
    session=SESSIONS,
    sidechain=st.booleans(),
    stop=st.sampled_from([None, "end_turn", "tool_use"]),
    blocks=st.lists(st.sampled_from(["t1", "t2", "t3"]).map(homes.tool_use), max_size=2),
    at_s=TIMES,
)
prompts = st.builds(
    homes.user,
    uuid=st.sampled_from(["u1", "u2", "u3"]),
    session=SESSIONS,
    sidechain=st.booleans(),
    at_s=TIMES,
)
events = st.one_of(
    st.builds(homes.api_error, st.just(1), uuid=st.sampled_from(["e1", "e2"]), at_s=TIMES),
    st.builds(homes.turn_duration, st.just(7000), uuid=st.just("e3"), at_s=TIMES),
    st.builds(homes.compact_boundary, st.just(160_000), uuid=st.just("e4"), at_s=TIMES),
)
rows = st.one_of(responses, prompts, events)
odd_rows = st.one_of(
    st.builds(homes.put, rows, st.just("timestamp"), st.sampled_from([None, "soon", 7])),
    st.builds(homes.put, rows, st.just("sessionId"), st.sampled_from([None, "", 7])),
    st.builds(homes.put, rows, st.just("uuid"), st.sampled_from([None, 7])),
    st.builds(homes.put, responses, st.just("message.usage"), st.sampled_from([None, 7, {}])),
    st.builds(
        homes.put,
        responses,
        st.just("message.usage.output_tokens"),
        st.sampled_from([None, -1, "7", 7.0, 1e30]),
    ),
    st.builds(
        homes.put, responses, st.just("message.model"), st.sampled_from([None, "<synthetic>"])
    ),
    st.builds(homes.put, responses, st.just("message.id"), st.sampled_from([None, 7])),
    responses.map(homes.agent_progress),
    st.builds(homes.api_error_message),
    st.sampled_from([{"type": "summary"}, {"type": "invented"}, {"no": "type"}]),
)
garbage = st.sampled_from([b"", b"{", b"[1]", b"\xff\x00", b'{"type":"user"'])
any_lines = st.lists(st.one_of(rows, rows, odd_rows, garbage), max_size=12)


@contextmanager
def laptop(step_bytes: int | None = None) -> Iterator[tuple[homes.Home, homes.Reader]]:
    """A home and a reader over it, below a folder of their own; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="ccpush-reading-"))
    with pytest.MonkeyPatch.context() as patch:
        if step_bytes is not None:
            small_steps.take_small_steps(patch, step_bytes)
        home = homes.Home(folder / "home")
        try:
            yield home, homes.Reader(folder / "state", home)
        finally:
            shutil.rmtree(folder)


def account_of(files: dict[str, bytes], chunk_keys: int = 20_000) -> tuple[laws.Tables, Any]:
    """The ledger's tables and tallies after one pass over files."""
    small = 64 if chunk_keys < 100 else None
    with laptop(small) as (home, reader):
        for name, content in files.items():
            homes.Transcript(home.projects / name).write_bytes(content)
        reader.run(chunk_keys=chunk_keys)
        laws.hold(reader)
        return laws.tables(reader), reader.account().tallies


def totals(tables: laws.Tables) -> dict[tuple[str, ...], int]:
    """What each series comes to; one that is 0 need not be there."""
    return {row[:3]: row[3] for row in tables["series"] if row[3]}


def counted(tables: laws.Tables) -> laws.Tables:
    """The tables of what is counted; how alive a session is may be told roughly.

    What grew and was taken back at one step may leave a row of 0.
    """
    found = {**tables, "session": [(row[0],) for row in tables["session"] if row[2] is not None]}
    found["series"] = [row for row in tables["series"] if row[3]]
    for table in ("increment", "figure"):
        found[table] = [row for row in tables[table] if row[-1]]
    del found["session_tokens"]
    return found


@given(any_lines, st.data())
def test_any_split_into_appends_equals_one_read(lines: list[Row | bytes], data: Any) -> None:
    """A file that grows by any pieces, read after each, comes to the totals of one read.

    On the way there no total ever falls.
    """
    whole = homes.lines(*lines)
    so_far: dict[tuple[str, ...], int] = {}
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    with laptop() as (home, reader):
        transcript = home.main()
        for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(whole)], strict=True)):
            with transcript.path.open("ab") as out:
                out.write(whole[start:end])
            # still younger than the ten minutes after which half a line is looked at
            os.utime(transcript.path, (homes.NOW_S + number, homes.NOW_S + number))
            reader.run()
            laws.hold(reader)
            before, so_far = so_far, totals(laws.tables(reader))
            assert all(so_far[series] >= n for series, n in before.items())
        grown, tallies = laws.tables(reader), reader.account().tallies
        restarts = reader.tallies("files_restarted")

    once, tallies_of_one = account_of({"p/whole.jsonl": whole})

    if not restarts:
        assert tallies == tallies_of_one
    assert totals(grown) == totals(once)
    assert counted(grown)["session"] == counted(once)["session"]


@given(st.lists(any_lines, max_size=3), st.sampled_from([1, 2, 5]))
def test_chunks_leave_no_trace(files: list[list[Row | bytes]], chunk_keys: int) -> None:
    """Where transactions end is not to be seen in any table, down to minute and day."""
    contents = {f"p/{n}.jsonl": homes.lines(*lines) for n, lines in enumerate(files)}

    small, tallies = account_of(contents, chunk_keys)
    large, tallies_of_large = account_of(contents)

    assert tallies == tallies_of_large
    assert counted(small) == counted(large)


@given(st.lists(any_lines, max_size=3))
def test_reading_again_from_the_start_changes_nothing(files: list[list[Row | bytes]]) -> None:
    """A ledger that forgot all positions reads everything again and finds nothing new."""
    with laptop() as (home, reader):
        for number, lines in enumerate(files):
            homes.Transcript(home.projects / f"p/{number}.jsonl").write(*lines)
        reader.run()
        before, counted = laws.tables(reader), reader.tally("rows_counted")
        with open_ledger(reader.state_dir, write=True) as connection:
            connection.execute("DELETE FROM position")
        reader.run()

        laws.hold(reader)
        assert laws.tables(reader) == before
        assert reader.tally("rows_counted") == counted


def without_reasons(given_rows: list[Row]) -> list[Row]:
    """Which of a response's stop reasons was said first is a matter of order: none is said."""
    return [
        homes.put(row, "message.stop_reason", None) if row["type"] == "assistant" else row
        for row in given_rows
    ]


def untimed(tables: laws.Tables) -> dict[tuple[str, ...], int]:
    """The totals, but for time at work."""
    return {series: n for series, n in totals(tables).items() if series[0] != f.ACTIVE_S}


@given(st.lists(rows, max_size=12), st.data())
def test_the_order_of_rows_and_files_does_not_matter(given_rows: list[Row], data: Any) -> None:
    """Shuffled over rows and files the same rows make the same totals, but sidechains come last.

    Time at work apart: that is what lies between the rows of a file, in their order.
    """
    given_rows = without_reasons(given_rows)
    shuffled = data.draw(st.permutations(given_rows))
    main = [row for row in shuffled if not row["isSidechain"]]
    aside = [row for row in shuffled if row["isSidechain"]]
    cut, cut_aside = (data.draw(st.integers(0, len(part))) for part in (main, aside))
    there = homes.lines(*sorted(given_rows, key=lambda row: row["isSidechain"]))
    here = {
        "p/a.jsonl": main[:cut],
        "p/b.jsonl": main[cut:],
        "p/a/subagents/agent-c.jsonl": aside[:cut_aside],
        "p/a/subagents/agent-d.jsonl": aside[cut_aside:],
    }

    found = account_of({name: homes.lines(*part) for name, part in here.items()})[0]

    assert untimed(found) == untimed(account_of({"p/a.jsonl": there})[0])


@given(st.lists(rows, max_size=12), st.integers(0, 12))
def test_the_account_is_the_slow_count_in_the_order_of_reading(
    given_rows: list[Row], cut: int
) -> None:
    """Whatever comes first, copies or main rows: the totals are those of the slow count."""
    given_rows = without_reasons(given_rows)
    main, sub = homes.lines(*given_rows[:cut]), homes.lines(*given_rows[cut:])
    slow = slow_count(given_rows)

    found = totals(account_of({"p/a.jsonl": main, "p/a/subagents/agent-c.jsonl": sub})[0])

    assert found.get((f.MESSAGES, "", ""), 0) == slow.messages
    assert found.get((f.SESSIONS, "", ""), 0) == len(slow.sessions)
    by_type = [sum(n for (_, a, _), n in found.items() if a == t) for t in homes.TOKEN_TYPES]
    assert tuple(by_type) == slow.tokens()


@given(st.lists(rows, min_size=1, max_size=12), st.integers(1, 4))
def test_copies_add_nothing(given_rows: list[Row], copies: int) -> None:
    """However often rows are copied into other files, they count as once."""
    content = homes.lines(*given_rows)
    once = totals(account_of({"p/a.jsonl": content})[0])

    assert totals(account_of({f"p/{n}.jsonl": content for n in range(copies)})[0]) == once


@given(st.lists(rows, max_size=12))
def test_days_add_up_to_the_counters(given_rows: list[Row]) -> None:
    """What a report is made of, over all days, is what the counters say."""
    with laptop() as (home, reader):
        home.main().write(*given_rows)
        reader.run()
        with open_ledger(reader.state_dir, write=False) as connection:
            days = read_days(connection, reader.now_s)
        totals = reader.account().totals

    reported: Counter[Series] = Counter()
    for counted in days.counted.values():
        reported.update(counted)
    assert {s: n for s, n in totals.items() if n} == {s: n for s, n in reported.items() if n}
