"""What came of the calls of tools: errors by kind, decisions on edits; each call once.

The rules are those of docs/counting.md.
"""

from __future__ import annotations

from typing import Any

import homes
import pytest
from brought_metrics import by_label, said
from homes import Row, agent_progress, put
from tool_rows import aside, bash, call, edit, forked, patch, result, write

ERRORS = "claude_tool_errors_total"
DECISIONS = "claude_code_code_edit_tool_decision_total"
REJECTED = "The user doesn't want to proceed with this tool use. The tool use was rejected"
STOPPED = "The user doesn't want to take this action right now. STOP what you are doing"

KINDS = [
    ("user-rejected", "denied"),
    ("permission-rule", "denied"),
    ("automode-blocked", "denied"),
    ("something-new", "denied"),
    ("interrupted", "interrupted"),
    ("cancelled", "interrupted"),
]


@pytest.mark.parametrize(("denial", "kind"), KINDS)
def test_a_denial_says_its_kind(
    home: homes.Home, reader: homes.Reader, denial: str, kind: str
) -> None:
    """What the row says of a denial is believed before anything else."""
    home.main().write(call("t1"), result("t1", error=True, toolDenialKind=denial))
    reader.run()
    assert by_label(reader, ERRORS, "tool", "kind") == {("Bash", kind): 1}


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (REJECTED, "denied"),
        (STOPPED, "interrupted"),
        ("[Request interrupted by user for tool use]", "interrupted"),
        ("Permission to use Bash with command rm has been denied.", "denied"),
        ("Claude requested permissions to write to /a, but you haven't granted it yet.", "denied"),
        ("Exit code 1", "error"),
        ("<tool_use_error>File does not exist.</tool_use_error>", "error"),
        ("It said: The user doesn't want to proceed", "error"),
        ("", "error"),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_older_rows_are_told_by_the_beginning_of_their_text(
    home: homes.Home, reader: homes.Reader, words: str, kind: str, wrapped: bool
) -> None:
    """The block's content, or the first text in it, says what an error was."""
    content = [{"type": "text", "text": words}] if wrapped else words
    home.main().write(call("t1"), result("t1", content, error=True, detail="Error: x"))
    reader.run()
    assert by_label(reader, ERRORS, "kind") == {kind: 1}


def test_what_was_interrupted_while_it_ran_is_no_success(
    home: homes.Home, reader: homes.Reader
) -> None:
    """A command that somebody stopped may have no error, and says it in its details."""
    detail = {"stdout": "", "stderr": "", "interrupted": True}
    home.main().write(call("t1", command="git commit -m x"), result("t1", detail=detail))
    reader.run()
    assert by_label(reader, ERRORS, "kind") == {"interrupted": 1}
    assert by_label(reader, "claude_code_commit_count_total") == {}


@pytest.mark.parametrize("error", [None, False])
def test_a_success_is_no_error(home: homes.Home, reader: homes.Reader, error: bool | None) -> None:
    """No word of an error is none, whatever the text says."""
    home.main().write(call("t1"), result("t1", REJECTED, error=error))
    reader.run()
    assert by_label(reader, ERRORS, "kind") == {}


def test_errors_are_by_the_tool_of_the_call(home: homes.Home, reader: homes.Reader) -> None:
    """Results do not name their tool; the first block with the id does."""
    failed = [result(f"t{n}", "Exit code 1", error=True) for n in range(3)]
    home.main().write(
        call("t0"), call("t1", "Read"), call("t2", "mcp__web__look"), call("t2", "Grep"), *failed
    )
    reader.run()
    assert by_label(reader, ERRORS, "tool") == {"Bash": 1, "Read": 1, "mcp__web__look": 1}


@pytest.mark.parametrize("passes", [1, 2])
def test_the_first_result_settles_a_call(
    home: homes.Home, reader: homes.Reader, passes: int
) -> None:
    """Whatever further rows say of the same call."""
    home.main().write(edit(), result("t1", REJECTED, error=True))
    if passes == 2:
        reader.run()
    home.main().append(result("t1", detail=patch("+b")), result("t1", "failed", error=True))
    reader.run()
    assert by_label(reader, ERRORS, "kind") == {"denied": 1}
    assert by_label(reader, DECISIONS, "decision") == {"reject": 1}
    assert by_label(reader, "claude_code_lines_of_code_count_total", "type") == {}


PAIRS: list[list[Row]] = [
    [edit(), result("t1", detail=patch("+b", "-a"))],
    [edit(new="b\nc"), result("t1")],
    [write(), result("t1", "File created successfully at: /app/a.py")],
    [edit(), result("t1", REJECTED, error=True)],
    [call("t1", "Read"), result("t1", "no such file", error=True)],
    bash("git add -A && git commit -m x"),
    bash("gh pr create --fill", "https://github.com/somebody/app/pull/3"),
    bash("gh pr create --fill", "Created."),
]


@pytest.mark.parametrize("pair", PAIRS)
def test_a_call_and_its_result_may_come_in_different_passes(
    tmp_path: Any, home: homes.Home, reader: homes.Reader, pair: list[Row]
) -> None:
    """A call is remembered until its result is written; repeating both adds nothing."""
    there = homes.Home(tmp_path / "there")
    there.main().write(*pair)
    once = homes.Reader(tmp_path / "once", there)
    once.run()
    # what the call alone adds
    home.main().write(pair[0])
    reader.run()
    home.main().append(pair[1])
    reader.run()
    home.main("copy").write(*pair)
    reader.run()

    assert said(reader) == said(once)
    # more than the response
    assert len(said(once)) > 1


@pytest.mark.parametrize("pair", PAIRS)
def test_a_result_may_be_read_before_its_call(
    tmp_path: Any, home: homes.Home, reader: homes.Reader, pair: list[Row]
) -> None:
    """When files come in another order than they were written, the pair is found all the same."""
    there = homes.Home(tmp_path / "there")
    there.main().write(*pair)
    once = homes.Reader(tmp_path / "once", there)
    once.run()
    home.main("a").write(pair[1])
    reader.run()
    home.main("b").write(pair[0])
    reader.run()

    assert said(reader) == said(once)


@pytest.mark.parametrize("pair", PAIRS)
def test_subagents_news_repeat_a_call_and_its_result(
    home: homes.Home, reader: homes.Reader, pair: list[Row]
) -> None:
    """Inside the parent's news, in the subagent's own file or in both: it is one call."""
    rows = aside(*pair)
    home.agent().write(*rows)
    reader.run()
    before = said(reader)
    home.main().write(*map(agent_progress, rows))
    reader.run()
    assert said(reader) == before

    alone = homes.Home(home.path.parent / "alone")
    alone.main().write(*[keep_detail(agent_progress(row), row) for row in rows])
    other = homes.Reader(reader.state_dir.parent / "other", alone)
    other.run()
    assert said(other) == before


def keep_detail(news: Row, row: Row) -> Row:
    """The news with the detailed result, where the row has it."""
    detail = row.get("toolUseResult")
    return news if detail is None else put(news, "data.message.toolUseResult", detail)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("fork_first", [False, True])
def test_a_fork_repeats_no_call(
    home: homes.Home, reader: homes.Reader, pair: list[Row], fork_first: bool
) -> None:
    """Copies keep the ids of calls; whichever is read first, the call counts once."""
    one, two = (forked(*pair), pair) if fork_first else (pair, forked(*pair))
    home.main("one").write(*one)
    reader.run()
    before = said(reader)
    home.main("two").write(*two)
    reader.run()
    assert said(reader) == before


def test_a_result_without_its_call_adds_nothing(home: homes.Home, reader: homes.Reader) -> None:
    """Which tool it was is not known."""
    home.main().write(
        result("t1", detail=patch("+b", "+c", "-a")),
        result("t2", "Exit code 1", error=True),
        result("t3", detail={"type": "text", "file": {}}),
    )
    reader.run()
    assert said(reader) == {}


def test_news_of_a_result_before_its_call_are_no_result(
    home: homes.Home, reader: homes.Reader
) -> None:
    """They lack what the subagent's own file tells, which holds the call too."""
    pair = aside(edit(), result("t1", detail=patch("+b", "+c")))
    home.main().write(agent_progress(pair[1]))
    reader.run()
    home.agent().write(*pair)
    reader.run()
    assert by_label(reader, "claude_code_lines_of_code_count_total", "type") == {"added": 2}


@pytest.mark.parametrize("passes", [1, 2])
def test_only_commands_are_interrupted_while_they_run(
    home: homes.Home, reader: homes.Reader, passes: int
) -> None:
    """The details of other tools may have such a word for something else."""
    home.main().write(edit(), call("t2", "Read"))
    if passes == 2:
        reader.run()
    stopped = {**patch("+b"), "interrupted": True}
    home.main().append(*(result(call_id, detail=stopped) for call_id in ("t1", "t2")))
    reader.run()
    assert by_label(reader, ERRORS, "kind") == {}
    assert by_label(reader, DECISIONS, "decision") == {"accept": 1}
    assert by_label(reader, "claude_code_lines_of_code_count_total", "type") == {"added": 1}


def decision(home: homes.Home, reader: homes.Reader, *rows: Row) -> dict[Any, float]:
    """The edit decisions that rows make, by all their labels."""
    home.main().write(*rows)
    reader.run()
    return by_label(reader, DECISIONS, "tool_name", "decision", "source", "language")


@pytest.mark.parametrize(
    ("tool", "path"),
    [
        ("Edit", {"file_path": "/a/b.py"}),
        ("MultiEdit", {"file_path": "/a/b.py"}),
        ("Write", {"file_path": "/a/b.py"}),
        ("NotebookEdit", {"notebook_path": "/a/b.py"}),
    ],
)
def test_an_edit_that_was_made_was_accepted(
    home: homes.Home, reader: homes.Reader, tool: str, path: dict[str, Any]
) -> None:
    """By whom, rows do not tell."""
    rows = [call("t1", tool, **path), result("t1")]
    assert decision(home, reader, *rows) == {(tool, "accept", "unknown", "Python"): 1}


@pytest.mark.parametrize(
    ("more", "words", "source"),
    [
        ({"toolDenialKind": "user-rejected"}, "no", "user_reject"),
        ({}, REJECTED, "user_reject"),
        ({"toolDenialKind": "interrupted"}, "no", "user_abort"),
        ({"toolDenialKind": "cancelled"}, "no", "user_abort"),
        ({}, STOPPED, "user_abort"),
        ({"toolDenialKind": "permission-rule"}, "no", "config"),
        ({"toolDenialKind": "automode-blocked"}, "no", "config"),
        ({}, "Permission to use Edit has been denied.", "config"),
        ({}, "Claude requested permissions to edit /a/b.py", "config"),
    ],
)
def test_a_rejection_says_who_rejected(
    home: homes.Home, reader: homes.Reader, more: Row, words: str, source: str
) -> None:
    """A person, a person who stopped everything, or the settings."""
    rows = [edit(), result("t1", words, error=True, **more)]
    assert decision(home, reader, *rows) == {("Edit", "reject", source, "Python"): 1}


def test_an_error_is_no_decision(home: homes.Home, reader: homes.Reader) -> None:
    """An edit that failed was neither accepted nor rejected by anybody that rows name."""
    failed = result("t1", "<tool_use_error>String to replace not found", error=True)
    assert decision(home, reader, edit(), failed) == {}


def test_other_tools_are_no_edits(home: homes.Home, reader: homes.Reader) -> None:
    """Only what changes files is decided about here."""
    rows = [*bash("sed -i s/a/b/ a.py"), call("t2", "Read", file_path="/a/b.py"), result("t2")]
    assert decision(home, reader, *rows) == {}


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("/a/b.ts", "TypeScript"),
        ("/a/b.md", "Markdown"),
        ("/a/b.d.ts", "TypeScript"),
        ("C:\\a\\b.rs", "Rust"),
        ("/a.py/Makefile", "unknown"),
        ("/a/b.invented", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_language_is_told_by_the_extension(
    home: homes.Home, reader: homes.Reader, path: str, language: str
) -> None:
    """The file's own name's, not a folder's."""
    rows = [edit(path=path), result("t1")]
    assert decision(home, reader, *rows) == {("Edit", "accept", "unknown", language): 1}
