"""What came out of sessions: lines of code, commits and pull requests.

The rules are those of docs/counting.md.
"""

from __future__ import annotations

from typing import Any

import homes
import pytest
from brought_metrics import by_label, value
from homes import Row
from tool_rows import PULL, aside, bash, call, edit, patch, pr_link, result, write

LINES = "claude_code_lines_of_code_count_total"
COMMITS = "claude_code_commit_count_total"
PULLS = "claude_code_pull_request_count_total"
CREATED = "File created successfully at: /app/a.py"
UPDATED = "The file /app/a.py has been updated successfully."


def lines(home: homes.Home, reader: homes.Reader, *rows: Row) -> dict[Any, float]:
    """Lines that rows add and remove."""
    home.main().write(*rows)
    reader.run()
    return by_label(reader, LINES, "type")


@pytest.mark.parametrize("tool", ["Edit", "MultiEdit", "Write"])
def test_a_patch_tells_its_lines(home: homes.Home, reader: homes.Reader, tool: str) -> None:
    """Those that begin with plus and minus, over all hunks; not those around them."""
    detail = patch(" a", "+b", "+", "-c", "\\ No newline at end of file", "++d", "--e")
    detail["structuredPatch"] *= 2
    rows = [call("t1", tool, file_path="/app/a.py"), result("t1", detail=detail)]
    assert lines(home, reader, *rows) == {"added": 6, "removed": 4}


@pytest.mark.parametrize(
    ("content", "added"),
    [("a\nb\n", 2), ("a\nb", 2), ("a", 1), ("\n\n", 2), ("a\r\nb\r\n", 2), ("", 0)],
)
def test_a_new_file_adds_all_its_lines(
    home: homes.Home, reader: homes.Reader, content: str, added: int
) -> None:
    """Its patch is empty; what was written is in the result."""
    detail = {"type": "create", "filePath": "/a", "content": content, "structuredPatch": []}
    found = lines(home, reader, write(content="x"), result("t1", CREATED, detail=detail))
    assert found == ({"added": added} if added else {})


def test_a_file_written_as_it_was_changes_no_line(home: homes.Home, reader: homes.Reader) -> None:
    """Its patch is empty too, but it was not created."""
    detail = {"type": "update", "filePath": "/a", "content": "a\nb\n", "structuredPatch": []}
    assert lines(home, reader, write(), result("t1", UPDATED, detail=detail)) == {}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a", "b", {"added": 1, "removed": 1}),
        ("a\nb\nc", "a\nc", {"removed": 1}),
        ("a\nc", "a\nb\nb\nc", {"added": 2}),
        ("a\nb\nc\nd", "x\nb\ny\nd\nz", {"added": 3, "removed": 2}),
        # moved: one line must go and come again
        ("a\nb\nc", "c\na\nb", {"added": 1, "removed": 1}),
        ("", "a\nb\n", {"added": 2}),
        ("a\nb\n", "", {"removed": 2}),
        ("a\n", "a\n", {}),
    ],
)
def test_an_edit_without_details_is_told_by_what_it_was_asked(
    home: homes.Home, reader: homes.Reader, old: str, new: str, expected: dict[str, int]
) -> None:
    """In most subagents' files a result has no patch: the least that makes one text the other."""
    home.main().write(homes.user())
    home.agent().write(*aside(edit(old=old, new=new), result("t1", UPDATED)))
    reader.run()
    assert by_label(reader, LINES, "type") == expected


def test_replacing_all_counts_once(home: homes.Home, reader: homes.Reader) -> None:
    """How often the text was found is not known."""
    rows = aside(edit(old="a", new="b\nc", replace_all=True), result("t1", UPDATED))
    assert lines(home, reader, *rows) == {"added": 2, "removed": 1}


def test_several_edits_of_one_call_add_up(home: homes.Home, reader: homes.Reader) -> None:
    """MultiEdit without details: the sum over its edits."""
    edits = [{"old_string": "a", "new_string": "b"}, {"old_string": "", "new_string": "c\nd"}]
    rows = aside(call("t1", "MultiEdit", file_path="/a", edits=edits), result("t1", UPDATED))
    assert lines(home, reader, *rows) == {"added": 3, "removed": 1}


@pytest.mark.parametrize(("answer", "expected"), [(CREATED, {"added": 2}), (UPDATED, {})])
def test_a_file_written_without_details_counts_only_when_it_is_new(
    home: homes.Home, reader: homes.Reader, answer: str, expected: dict[str, int]
) -> None:
    """What lay there before nobody knows."""
    assert lines(home, reader, *aside(write(), result("t1", answer))) == expected


@pytest.mark.parametrize(
    "more",
    [
        {"error": True},
        {"error": True, "toolDenialKind": "user-rejected"},
        {"error": False, "toolDenialKind": "interrupted"},
        {"error": True, "detail": patch("+a", "-b")},
    ],
)
def test_an_edit_that_failed_changes_nothing(
    home: homes.Home, reader: homes.Reader, more: Row
) -> None:
    """Failed, rejected or cancelled: whatever was asked for and whatever the details say."""
    assert lines(home, reader, edit(new="b\nc"), result("t1", CREATED, **more)) == {}


def test_other_tools_change_no_line(home: homes.Home, reader: homes.Reader) -> None:
    """Notebooks are edited by the cell, and no other tool is an editor."""
    rows = [
        call("t1", "NotebookEdit", notebook_path="/a.ipynb", new_source="a\nb"),
        result("t1", detail={"new_source": "a\nb"}),
        call("t2", "mcp__files__change"),
        result("t2", detail=patch("+a", "-b")),
    ]
    assert lines(home, reader, *rows) == {}


def committed(home: homes.Home, reader: homes.Reader, *rows: Row) -> float:
    """Commits that rows make."""
    home.main().write(*rows)
    reader.run()
    return value(reader, COMMITS)


HEREDOC = """git commit -m "$(cat <<'EOF'
Say how to commit: git commit -m x && git commit

It's "quoted"; `git commit` too.
EOF
)" && git push"""


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("git commit -m x", 1),
        ("git commit", 1),
        ("git add -A && git commit -m 'x' && git push", 1),
        ("cd app; git commit -am x", 1),
        ("git add . \ngit commit -m x\ngit status", 1),
        ("git -C app commit -m x", 1),
        ("git -c user.name=me commit -m x", 1),
        ("GIT_AUTHOR_NAME=me git commit -m x", 1),
        ("(cd app && git commit -m x)", 1),
        ("git commit --amend --no-edit 2>&1 | tail -1", 1),
        ("if true; then git commit -m x; fi", 1),
        ("git commit -m one && git commit -m two", 2),
        ("git commit -m a; git add b; git commit -m 'b && git commit'", 2),
        (HEREDOC, 1),
        ("echo git commit", 0),
        ("echo 'git commit -m x'", 0),
        ('git log --grep "git commit"', 0),
        ("# git commit -m x", 0),
        ("git commit-tree HEAD^{tree} -m x", 0),
        ("git log commit", 0),
        ("git show --stat commit", 0),
        ("grep -r 'git commit' docs", 0),
        ("ls", 0),
    ],
)
def test_commits_are_told_by_the_command(
    home: homes.Home, reader: homes.Reader, command: str, expected: int
) -> None:
    """Once for each that is run, also inside compound commands; what is quoted is not run."""
    assert committed(home, reader, *bash(command)) == expected


@pytest.mark.parametrize(
    "words",
    [
        "On branch main\nnothing to commit, working tree clean",
        "nothing added to commit but untracked files present",
        "no changes added to commit",
    ],
)
def test_a_commit_of_nothing_is_none(home: homes.Home, reader: homes.Reader, words: str) -> None:
    """The command may have succeeded all the same, as with ``|| true``."""
    assert committed(home, reader, *bash("git commit -m x || true", words)) == 0


def test_a_commit_before_a_status_counts(home: homes.Home, reader: homes.Reader) -> None:
    """Git has said that it committed; that nothing is left to commit takes nothing back."""
    words = "[main 1a2b3c4] fix\n 1 file changed\nnothing to commit, working tree clean"
    assert committed(home, reader, *bash("git commit -m fix && git status", words)) == 1


def test_a_commit_that_failed_is_none(home: homes.Home, reader: homes.Reader) -> None:
    """A hook refused it, a person did, or somebody stopped it."""
    rows = [
        *bash("git commit -m x", "Exit code 1", "t1", error=True),
        *bash("git commit -m x", "no", "t2", error=True, toolDenialKind="user-rejected"),
        *bash("git commit -m x", "no", "t3", toolDenialKind="interrupted"),
    ]
    assert committed(home, reader, *rows) == 0


def test_a_commit_in_the_background_counts(home: homes.Home, reader: homes.Reader) -> None:
    """Its call succeeded at once; what came of it is not in the result."""
    rows = [
        call("t1", command="git commit -m x", run_in_background=True),
        result("t1", "Command running in background with ID: b1", detail={"stdout": ""}),
    ]
    assert committed(home, reader, *rows) == 1


def test_only_the_shell_commits(home: homes.Home, reader: homes.Reader) -> None:
    """A tool of another name with such a command is not known to run it."""
    rows = [call("t1", "mcp__notes__add", command="git commit -m x"), result("t1")]
    assert committed(home, reader, *rows) == 0


def pulls(home: homes.Home, reader: homes.Reader, *rows: Row) -> float:
    """Pull requests that rows name."""
    home.main().write(*rows)
    reader.run()
    return value(reader, PULLS)


MERGE = "https://gitlab.com/group/sub/app/-/merge_requests/7"


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("gh pr create --fill", PULL),
        ("git push && gh pr create --title x --body y", f"Creating pull request\n\n{PULL}\n"),
        ("glab mr create --fill", f"!7 A change\n {MERGE}\n"),
    ],
)
def test_creating_a_pull_request_counts_its_address(
    home: homes.Home, reader: homes.Reader, command: str, output: str
) -> None:
    """Once, however often its address is said."""
    rows = [*bash(command, output), *bash(command, output, "t2"), *bash("gh pr view", output, "t3")]
    assert pulls(home, reader, *rows) == 1


@pytest.mark.parametrize("link_first", [False, True])
@pytest.mark.parametrize("passes", [1, 2])
def test_a_link_to_what_was_created_is_no_other(
    home: homes.Home, reader: homes.Reader, link_first: bool, passes: int
) -> None:
    """The row that names an address first counts it, whichever kind it is, whenever it is read."""
    rows = [[pr_link()], bash("gh pr create --fill", PULL)]
    one, two = rows if link_first else rows[::-1]
    home.main().write(*one)
    if passes == 2:
        reader.run()
    home.main().append(*two, pr_link())
    reader.run()
    assert value(reader, PULLS) == 1


def test_links_count_each_address_once(home: homes.Home, reader: homes.Reader) -> None:
    """They are written again and again, in forks too."""
    rows = [pr_link(), pr_link(f"{PULL}3"), pr_link(), pr_link(MERGE)]
    home.main("fork").write(*rows)
    assert pulls(home, reader, *rows) == 3


def test_without_an_address_each_creating_call_counts(
    home: homes.Home, reader: homes.Reader
) -> None:
    """Its output was cut, or it runs in the background."""
    rows = [*bash("gh pr create", "Created.", "t1"), *bash("gh pr create", "", "t2")]
    assert pulls(home, reader, *rows) == 2


def test_the_last_address_is_the_one_that_was_created(
    home: homes.Home, reader: homes.Reader
) -> None:
    """What is said before may be of others."""
    output = f"Warning: see https://github.com/somebody/app/pull/1\n{PULL}"
    assert pulls(home, reader, *bash("gh pr create", output), pr_link()) == 1


@pytest.mark.parametrize(
    "rows",
    [
        bash("gh pr create --fill", f"a pull request already exists: {PULL}", error=True),
        bash("gh pr view --web", PULL),
        bash("echo gh pr create", PULL),
        bash("gh pr list", PULL),
    ],
)
def test_what_creates_no_pull_request_counts_none(
    home: homes.Home, reader: homes.Reader, rows: list[Row]
) -> None:
    """Failing to create one, or looking at one."""
    assert pulls(home, reader, *rows) == 0
