"""What tools are called with and what they answer, in the shapes of ``toolUseResult``.

Edits, ``git`` and what goes wrong have files of their own; here is the rest, and the choice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ccpush.demo import edits, friction, git
from ccpush.demo.calls import Call
from ccpush.demo.chance import Chance
from ccpush.demo.eras import Era
from ccpush.demo.rows import Row
from ccpush.demo.words import Words

_COMMANDS = ("make test", "pytest -q", "git diff --stat", "npm run build", "ls -la")
_MCP_TOOLS = ("mcp__tracker__list_issues", "mcp__tracker__get_issue", "mcp__wiki__find")
# no command may run for longer than ten minutes; nearly all end long before
_SLOW_S = 590


def _read(chance: Chance, words: Words, cwd: str) -> Call:
    lines = words.code(chance.randrange(12, 90))
    path = f"{cwd}/{words.file()}"
    text = "\n".join(f"{number:6d}→{line}" for number, line in enumerate(lines, 1))
    file = {
        "filePath": path,
        "content": "\n".join(lines),
        "numLines": len(lines),
        "startLine": 1,
        "totalLines": len(lines),
    }
    return Call("Read", {"file_path": path}, text, {"type": "text", "file": file}, seconds=0.4)


def _bash(chance: Chance, words: Words, cwd: str) -> Call:
    del cwd
    printed = words.output(chance.randrange(2, 40))
    arguments = {"command": chance.choice(_COMMANDS), "description": "Run it and see"}
    if chance.often(0.08):
        text = f"Exit code 1\n{printed}"
        return Call(
            "Bash", arguments, text, f"Error: {text}", error=True, seconds=20, ending="error"
        )
    seconds = _SLOW_S if chance.often(0.02) else 40
    return Call("Bash", arguments, printed, git.bash_result(printed), seconds=seconds)


def _stream_edit(chance: Chance, words: Words, cwd: str) -> Call:
    """A command that changes files; the result shows the change, but no edit was asked for."""
    del cwd
    command = f"sed -i 's/{chance.hex_id(3)}/{chance.hex_id(3)}/' {words.file()}"
    hunk = {"oldStart": 3, "newStart": 3, "lines": ["-one", "+other"]}
    result = git.bash_result("")
    result["bashEditDiff"] = {"files": [{"filePath": words.file(), "hunks": [hunk]}]}
    return Call("Bash", {"command": command, "description": "Replace"}, "", result, seconds=1)


def _grep(chance: Chance, words: Words, cwd: str) -> Call:
    del cwd
    found = [words.file() for _ in range(chance.randrange(1, 12))]
    result = {"mode": "files_with_matches", "filenames": found, "numFiles": len(found)}
    text = f"Found {len(found)} files\n" + "\n".join(found)
    return Call("Grep", {"pattern": "harvest", "output_mode": "files_with_matches"}, text, result)


def _glob(chance: Chance, words: Words, cwd: str) -> Call:
    del cwd
    found = [words.file() for _ in range(chance.randrange(1, 9))]
    result = {"filenames": found, "durationMs": 11, "numFiles": len(found), "truncated": False}
    return Call("Glob", {"pattern": "**/*"}, "\n".join(found), result, seconds=0.5)


def _todo(chance: Chance, words: Words, cwd: str) -> Call:
    del chance, cwd
    todo = {"content": words.title(), "status": "in_progress", "activeForm": "Working on it"}
    result = {"oldTodos": [], "newTodos": [todo]}
    return Call("TodoWrite", {"todos": [todo]}, "The list has been changed.", result, seconds=0.3)


def web_search(chance: Chance, words: Words, cwd: str) -> Call:
    """A search; its own tokens are in no transcript."""
    del cwd
    query = words.title()
    hit = {"title": words.title(), "url": "https://docs.example.org/" + chance.hex_id(4)}
    result = {
        "query": query,
        "results": [{"tool_use_id": f"srvtoolu_{chance.hex_id(12)}", "content": [hit]}],
        "durationSeconds": 3.25,
    }
    return Call("WebSearch", {"query": query}, words.answer(3), result, seconds=6)


def web_fetch(chance: Chance, words: Words, cwd: str) -> Call:
    """A page that is fetched and summed up."""
    del cwd
    url = "https://docs.example.org/" + chance.hex_id(4)
    page = words.answer(6)
    result = {
        "bytes": len(page) * 7,
        "code": 200,
        "codeText": "OK",
        "result": page,
        "durationMs": 1800,
        "url": url,
    }
    return Call("WebFetch", {"url": url, "prompt": words.prompt()}, page, result, seconds=5)


def _mcp(chance: Chance, words: Words, cwd: str) -> Call:
    del cwd
    name = chance.choice(_MCP_TOOLS)
    arguments: Row = {"query": words.title()}
    answer = [{"type": "text", "text": words.output(4)}]
    return Call(name, arguments, words.output(4), answer, seconds=3, as_blocks=True)


Weighted = tuple[tuple[Callable[[Chance, Words, str], Call], int], ...]

_TOOLS: Final[Weighted] = (
    (_read, 26),
    (edits.edit, 20),
    (_bash, 24),
    (_grep, 10),
    (_glob, 4),
    (edits.create, 4),
    (edits.overwrite, 2),
    (edits.notebook_edit, 1),
    (_todo, 5),
    (git.commit, 2),
    (git.vain_commit, 1),
    (git.history, 1),
    (friction.refused, 1),
    (friction.failed, 2),
    (_mcp, 3),
    (web_search, 1),
    (web_fetch, 1),
)
# nobody talks to a subagent, and what it was answered is mostly kept as a text
_WITH_A_PERSON: Final[Weighted] = ((friction.forbidden, 1), (friction.cut_short, 1))
_EARLIER: Final[Weighted] = ((edits.multi_edit, 3),)
_LATER: Final[Weighted] = ((_stream_edit, 2),)


def any_call(chance: Chance, words: Words, cwd: str, *, era: Era, with_a_person: bool) -> Call:
    """Some tool call that this version knows, the usual ones more often."""
    tools = [*_TOOLS]
    tools += _WITH_A_PERSON if with_a_person else ()
    tools += _EARLIER if not era.envelope_last else ()
    tools += _LATER if era.sources_told else ()
    makers = [maker for maker, _ in tools]
    weights = [weight for _, weight in tools]
    return chance.choices(makers, weights)[0](chance, words, cwd)
