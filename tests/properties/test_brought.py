"""However rows of work are cut, copied and scattered, they say the same of what it brought."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import homes
import laws
import pytest
import small_steps
from brought_metrics import COST, COUNTED, MONEY, UNPRICED, by_label, differences, fallen, said
from homes import HAIKU, OPUS, Row
from hypothesis import given
from hypothesis import strategies as st
from slow_brought import slow_brought
from slow_cost import slow_cost
from slow_rows import flat, of_type
from tool_rows import PULL, attachment, hook, patch, pr_link, result

from ccpush.claude.discover import find_transcripts

if TYPE_CHECKING:
    from slow_rows import Key, Piece

BEGIN_S = homes.NOW_S - 4 * 3600
REJECTED = "The user doesn't want to proceed with this tool use."
CREATED = "File created successfully at: /a.py"

# What a person reads in each: commits, and whether it creates a pull request.
COMMANDS = {
    "ls": (0, False),
    "git commit -m x": (1, False),
    "git commit -m x; git commit -m y": (2, False),
    "gh pr create": (0, True),
    "git commit -m x && gh pr create": (1, True),
}


def reading(call: str, command: str) -> tuple[int, bool]:
    """How many commits a command makes, and whether it creates a pull request."""
    del call
    return COMMANDS[command]


# seconds since the row before: mostly some, now and then a pause or a step back
gaps = st.sampled_from([0, 1, 7, 20, 20, 45, 130, 700, -30])
texts = st.text("ab\n", max_size=6)
edits = st.fixed_dictionaries({"old_string": texts, "new_string": texts})
# what is called, and with what
calls: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.one_of(
    st.sampled_from(sorted(COMMANDS)).map(lambda text: ("Bash", {"command": text})),
    edits.map(lambda edit: ("Edit", edit)),
    st.lists(edits, max_size=2).map(lambda found: ("MultiEdit", {"edits": found})),
    texts.map(lambda text: ("Write", {"content": text})),
    st.just(("Read", {})),
)
answers = st.one_of(
    st.sampled_from(["done", CREATED, PULL, f"{PULL}3"]).map(lambda text: {"content": text}),
    st.just({"content": "nothing to commit, working tree clean"}),
    st.just({"detail": patch("+a", "+b", "-c")}),
    texts.map(lambda text: {"detail": {"type": "create", "content": text, "structuredPatch": []}}),
    st.just({"detail": {"stdout": "", "interrupted": True}}),
    st.sampled_from(["Exit code 1", REJECTED]).map(lambda text: {"content": text, "error": True}),
    st.sampled_from(["user-rejected", "cancelled", "permission-rule"]).map(
        lambda kind: {"error": True, "toolDenialKind": kind}
    ),
)
# all rows of a response have the same share of its cache writes live for an hour
numbers = st.fixed_dictionaries(
    {
        "model": st.sampled_from([OPUS, HAIKU]),
        "output": st.integers(0, 99),
        "input": st.integers(0, 9),
        "cache_read": st.sampled_from([0, 9, 150_000, 300_000]),
        "flat": st.integers(0, 9),
    }
)
said_by: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.sampled_from(
    [
        ("do it", {}),
        ("do it", {"isMeta": True}),
        ("do it", {"promptSource": "system"}),
        ("do it", {"entrypoint": "sdk-py"}),
        ("do it", {"origin": {"kind": "human"}, "entrypoint": "sdk-py"}),
        ("<command-name>/x</command-name>", {}),
        ("[Request interrupted by user]", {}),
        ("<task-notification>", {}),
    ]
)
others: st.SearchStrategy[Callable[..., Row]] = st.sampled_from(
    [
        homes.api_error,
        lambda at_s: homes.compact_boundary(160_000, at_s=at_s),
        lambda at_s: attachment("queued_command", prompt="x", at_s=at_s),
        lambda at_s: {**hook(), "timestamp": homes.iso(at_s)},
        lambda at_s: pr_link(at_s=at_s),
    ]
)


def assistant(number: int, at_s: float, given: dict[str, Any], *blocks: Row) -> Row:
    """A row of a response; two that follow one another are of the same one, as far as it grew."""
    hour = {"hour": given["flat"], "five_minutes": 0} if number % 4 < 2 else {}
    message_id = f"m{number // 2}"
    return homes.assistant(message_id, at_s=at_s, blocks=list(blocks), **hour, **given)


@st.composite
def conversations(draw: st.DrawFn) -> list[Row]:
    """Prompts, responses, calls of tools with their results, and what else there is."""
    at_s = float(BEGIN_S)
    written: list[Row] = []
    kinds = draw(
        st.lists(st.sampled_from(["prompt", "call", "call", "response", "other"]), max_size=9)
    )
    for number, kind in enumerate(kinds):
        at_s += draw(gaps)
        if kind == "prompt":
            content, more = draw(said_by)
            written.append(homes.user(content, at_s=at_s, **more))
        elif kind == "response":
            written.append(assistant(number, at_s, draw(numbers)))
        elif kind == "other":
            written.append(draw(others)(at_s=at_s))
        else:
            tool, given = draw(calls)
            block = homes.tool_use(f"t{number}", tool, file_path="/a.py", **given)
            written.append(assistant(number, at_s, draw(numbers), block))
            at_s += draw(gaps)
            written.append(result(f"t{number}", at_s=at_s, **draw(answers)))
    return written


@st.composite
def scattered(draw: st.DrawFn) -> dict[str, list[Row]]:
    """Files whose rows are partly copies of one another's, in sidechains or news of them."""
    written = draw(conversations())

    def some() -> list[Row]:
        first, last = (draw(st.integers(0, len(written))) for _ in range(2))
        return written[first:last]

    aside = [{**row, "isSidechain": True} for row in some()]
    main = draw(st.sampled_from([written, some()]))
    return {
        "p/a.jsonl": [*main, *map(whole_news, told(main, some()))],
        "p/b.jsonl": [*some(), *some()],
        "p/a/subagents/agent-c.jsonl": aside,
    }


def whole_news(row: Row) -> Row:
    """News with all that a result tells: how they fare without it has tests of its own."""
    news = homes.agent_progress(row)
    for name in ("toolUseResult", "toolDenialKind"):
        if name in row:
            news = homes.put(news, f"data.message.{name}", row[name])
    return news


def told(before: list[Row], repeated: list[Row]) -> list[Row]:
    """What a parent repeats of a subagent's rows: results only of calls that its file has too."""
    called = {block["id"] for row in [*before, *repeated] for block in of_type(row, "tool_use")}
    return [
        row
        for row in repeated
        if row["type"] in ("assistant", "user")
        and {block["tool_use_id"] for block in of_type(row, "tool_result")} <= called
    ]


@contextmanager
def laptop(step_bytes: int | None = None) -> Iterator[tuple[homes.Home, homes.Reader]]:
    """A home and a reader over it, below a folder of their own; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="ccpush-brought-"))
    with pytest.MonkeyPatch.context() as patched:
        if step_bytes is not None:
            small_steps.take_small_steps(patched, step_bytes)
        home = homes.Home(folder / "home")
        try:
            yield home, homes.Reader(folder / "state", home)
        finally:
            shutil.rmtree(folder)


def in_order(home: homes.Home, further: dict[str, list[Row]]) -> list[Piece]:
    """Further rows of files in the order in which a pass will read them."""
    found = [found.path for found in find_transcripts([home.path]).in_order()]
    return [(name, further[name]) for path in found if (name := _name(home, path)) in further]


def _name(home: homes.Home, path: str) -> str:
    return os.path.relpath(path, home.projects)


def read_in_passes(
    files: dict[str, list[Row]], cuts: dict[str, list[int]], chunk_keys: int = 20_000
) -> tuple[dict[Key, float], list[Piece], tuple[Any, Any]]:
    """What a ledger says at last, the pieces in the order in which it read them, and its money."""
    pieces: list[Piece] = []
    before: dict[Key, float] = {}
    passes = 1 + max(map(len, cuts.values()))
    with laptop(64 if chunk_keys < 100 else None) as (home, reader):
        for number in range(passes):
            further = {}
            for name, written in files.items():
                ends = [0, *cuts[name], *[len(written)] * passes]
                further[name] = written[ends[number] : ends[number + 1]]
                homes.Transcript(home.projects / name).append(*further[name])
            pieces += in_order(home, further)
            reader.run(chunk_keys=chunk_keys)
            now = said(reader, COUNTED | MONEY)
            assert fallen(before, now) == {}
            before = now
        laws.hold(reader)
        money = by_label(reader, COST, "model"), by_label(reader, UNPRICED, "model")
        return said(reader), pieces, money


@given(scattered(), st.data())
def test_any_passes_bring_what_the_slow_count_finds(
    files: dict[str, list[Row]], data: st.DataObject
) -> None:
    """Rows arrive by any pieces, with a pass after each; no counter ever goes back on the way."""
    cuts = {
        name: sorted(data.draw(st.lists(st.integers(0, len(written)), max_size=3)))
        for name, written in files.items()
    }
    found, pieces, (cost, unpriced) = read_in_passes(files, cuts)

    assert differences(found, slow_brought(pieces, reading)) == {}
    expected, _, expected_unpriced = slow_cost(row for _, row in flat(pieces))
    assert cost == pytest.approx({m: float(n) for m, n in expected.items() if n}, abs=1e-9)
    assert unpriced == expected_unpriced


@given(scattered(), st.sampled_from([1, 2, 5]))
def test_chunks_of_any_size_bring_what_one_brings(
    files: dict[str, list[Row]], chunk_keys: int
) -> None:
    """Where transactions end leaves no trace."""
    uncut: dict[str, list[int]] = {name: [] for name in files}
    found, pieces, money = read_in_passes(files, uncut, chunk_keys)

    assert differences(found, slow_brought(pieces, reading)) == {}
    assert (found, money) == read_in_passes(files, uncut)[::2]


@given(scattered())
def test_one_file_cut_anywhere_brings_what_it_brings_whole(files: dict[str, list[Row]]) -> None:
    """Passes leave no trace either, where nothing but time lies between them."""
    written = files["p/a.jsonl"]
    whole = read_in_passes({"p/a.jsonl": written}, {"p/a.jsonl": []})
    everywhere = read_in_passes({"p/a.jsonl": written}, {"p/a.jsonl": list(range(len(written)))})

    assert differences(everywhere[0], whole[0]) == {}
    assert everywhere[2] == whole[2]
