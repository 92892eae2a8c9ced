"""What tools are called with and what they answer, in the shapes of ``toolUseResult``.

A call here is only an idea of one: it has no id and is counted by whoever makes it happen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ccpush.demo.chance import Chance
from ccpush.demo.rows import Row
from ccpush.demo.words import Words

# Claude Code's own words when a person says no to a tool call begin like this
_REFUSED = "The user doesn't want to proceed with this tool use. Nothing was changed."
_COMMANDS = ("make test", "pytest -q", "git diff --stat", "npm run build", "ls -la")
_MCP_TOOLS = ("mcp__tracker__list_issues", "mcp__tracker__get_issue", "mcp__wiki__find")


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call and its answer; ``seconds`` is how long it takes at most."""

    name: str
    arguments: Row
    text: str
    result: object
    error: bool = False
    seconds: float = 4.0


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


def _edit(chance: Chance, words: Words, cwd: str) -> Call:
    path = f"{cwd}/{words.file()}"
    old, new = words.code(chance.randrange(1, 4)), words.code(chance.randrange(1, 8))
    patch = {
        "oldStart": 10,
        "oldLines": len(old) + 1,
        "newStart": 10,
        "newLines": len(new) + 1,
        "lines": [" pass", *(f"-{line}" for line in old), *(f"+{line}" for line in new)],
    }
    arguments = {"file_path": path, "old_string": "\n".join(old), "new_string": "\n".join(new)}
    result: Row = {
        "filePath": path,
        "oldString": arguments["old_string"],
        "newString": arguments["new_string"],
        "originalFile": "\n".join(words.code(chance.randrange(10, 40))),
        "structuredPatch": [patch],
        "userModified": False,
        "replaceAll": False,
    }
    return Call("Edit", arguments, f"The file {path} has been changed.", result, seconds=1)


def _write(chance: Chance, words: Words, cwd: str) -> Call:
    path = f"{cwd}/{words.file()}"
    content = "\n".join(words.code(chance.randrange(8, 60)))
    # a new file has an empty patch: its lines are in ``content``
    result: Row = {
        "type": "create",
        "filePath": path,
        "content": content,
        "structuredPatch": [],
        "originalFile": None,
    }
    arguments = {"file_path": path, "content": content}
    return Call("Write", arguments, f"File created at {path}", result, seconds=1)


def _bash(chance: Chance, words: Words, cwd: str) -> Call:
    del cwd
    command = chance.choice(
        ("make test", "pytest -q", "git diff --stat", "npm run build", "ls -la")
    )
    printed = words.output(chance.randrange(2, 40))
    arguments = {"command": command, "description": "Run it and see"}
    if chance.often(0.08):
        text = f"Exit code 1\n{printed}"
        return Call("Bash", arguments, text, f"Error: {text}", error=True, seconds=20)
    result = {"stdout": printed, "stderr": "", "interrupted": False, "isImage": False}
    return Call("Bash", arguments, printed, result, seconds=40)


def _commit(chance: Chance, words: Words, cwd: str) -> Call:
    del cwd
    arguments = {"command": f'git commit -am "{words.title()}"', "description": "Commit"}
    printed = f"[main {chance.hex_id(7)}] {words.title()}\n 2 files changed, 9 insertions(+)"
    result = {"stdout": printed, "stderr": "", "interrupted": False, "isImage": False}
    return Call("Bash", arguments, printed, result, seconds=2)


def _refused(chance: Chance, words: Words, cwd: str) -> Call:
    del chance, cwd
    arguments = {"command": f"rm {words.file()}", "description": "Remove the old file"}
    return Call("Bash", arguments, _REFUSED, "User rejected tool use", error=True, seconds=9)


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
    name = chance.choice(
        ("mcp__tracker__list_issues", "mcp__tracker__get_issue", "mcp__wiki__find")
    )
    answer = [{"type": "text", "text": words.output(4)}]
    return Call(name, {"query": words.title()}, words.output(4), answer, seconds=3)


_TOOLS: tuple[tuple[Callable[[Chance, Words, str], Call], int], ...] = (
    (_read, 26),
    (_edit, 20),
    (_bash, 24),
    (_grep, 10),
    (_glob, 4),
    (_write, 4),
    (_todo, 5),
    (_commit, 2),
    (_refused, 1),
    (_mcp, 3),
    (web_search, 1),
    (web_fetch, 1),
)


def any_call(chance: Chance, words: Words, cwd: str) -> Call:
    """Some tool call, the usual ones more often."""
    makers = [maker for maker, _ in _TOOLS]
    weights = [weight for _, weight in _TOOLS]
    return chance.choices(makers, weights)[0](chance, words, cwd)
