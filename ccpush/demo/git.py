"""What is committed and proposed: ``git``, ``gh`` and ``glab`` in the commands of Bash calls.

A commit may stand alone, inside a compound command, or with its message in a here-document; one
that finds nothing to commit is none. Addresses are on hosts that do not exist.
"""

from __future__ import annotations

from ccpush.demo.calls import Call
from ccpush.demo.chance import Chance
from ccpush.demo.plot import Project
from ccpush.demo.rows import Row
from ccpush.demo.words import Words

_HOSTS = {"github": "https://git.example.org", "gitlab": "https://lab.example.net"}
_PATHS = {"github": "pull", "gitlab": "-/merge_requests"}
_CREATES = {"github": "gh pr create", "gitlab": "glab mr create"}


def bash_result(printed: str, *, interrupted: bool = False) -> Row:
    """The structured result of a command."""
    return {"stdout": printed, "stderr": "", "interrupted": interrupted, "isImage": False}


def _printed(chance: Chance, words: Words) -> str:
    title, added = words.title(), chance.randrange(1, 90)
    return f"[main {chance.hex_id(7)}] {title}\n 2 files changed, {added} insertions(+)"


def commit(chance: Chance, words: Words, cwd: str) -> Call:
    """A commit, in one of the ways in which people and models make one."""
    title, other = words.title(), words.title()
    here_document = f"$(cat <<'EOF'\n{title}\n\n{words.answer()}\n\nMade at the harbour.\nEOF\n)"
    command, count = chance.choices(
        (
            (f'git commit -am "{title}"', 1),
            (f'cd {cwd} && git add -A && git commit -m "{title}" && git status --short', 1),
            (f'git add . && git commit -m "{here_document}"', 1),
            ("git add -u; git commit --amend --no-edit", 1),
            (f'git commit -m "{title}" src && git add . && git commit -m "{other}"', 2),
        ),
        (6, 4, 4, 1, 1),
    )[0]
    printed = "\n".join(_printed(chance, words) for _ in range(count))
    arguments = {"command": command, "description": "Commit"}
    return Call("Bash", arguments, printed, bash_result(printed), seconds=2, commits=count)


def vain_commit(chance: Chance, words: Words, cwd: str) -> Call:
    """A commit that is none: nothing had changed, or a hook would not have it."""
    del cwd
    arguments: Row = {"command": f'git commit -am "{words.title()}"', "description": "Commit"}
    if chance.often(0.5):
        text = f"Exit code 1\n{words.output(3)}"
        return Call(
            "Bash", arguments, text, f"Error: {text}", error=True, seconds=9, ending="error"
        )
    arguments["command"] += " || true"
    printed = "On branch main\nnothing to commit, working tree clean"
    return Call("Bash", arguments, printed, bash_result(printed), seconds=1)


def history(chance: Chance, words: Words, cwd: str) -> Call:
    """Commands that speak of commits and of pull requests, and make none."""
    del cwd
    command = chance.choice(
        ("git log --oneline -5", "git status", "gh pr view 12", "gh pr list --state open")
    )
    printed = f"{words.title()}\n{_HOSTS['github']}/robin/other/pull/{chance.randrange(1, 40)}"
    return Call("Bash", {"command": command}, printed, bash_result(printed), seconds=2)


def address(project: Project, number: int) -> str:
    """Where a project's pull request of this number is to be seen."""
    assert project.forge
    name = project.cwd.rpartition("/")[2]
    return f"{_HOSTS[project.forge]}/robin/{name}/{_PATHS[project.forge]}/{number}"


def propose(chance: Chance, words: Words, project: Project) -> Call:
    """The branch is pushed and a pull request made of it; its address comes last, if it is told."""
    assert project.forge
    told: str | None = address(project, chance.randrange(1, 400))
    create, title = _CREATES[project.forge], words.title()
    # what a server says about a pushed branch is no pull request yet
    printed = f"remote:   {str(told).rpartition('/')[0]}/new/mend-it"
    push = f'git push -u origin HEAD && {create} --title "{title}" --body "{words.answer()}"'
    form = chance.choices(("usual", "silent", "in a browser"), (18, 2, 1))[0]
    if form == "usual":
        command = push
        printed += f"\nCreating a request for mend-it into main\n\n{told}"
    elif form == "silent":
        command, told = f"{push} > /dev/null", ""
    else:
        # whether a person then makes one, nobody here can know
        command, told, printed = f"{create} --web", None, "Opening a page in your browser."
    arguments = {"command": command, "description": "Propose the change"}
    return Call("Bash", arguments, printed, bash_result(printed), seconds=8, proposes=told)


def pr_link(session_id: str, url: str, timestamp: str) -> Row:
    """The metadata row by which later versions remember a session's pull request."""
    return {
        "type": "pr-link",
        "sessionId": session_id,
        "prNumber": int(url.rpartition("/")[2]),
        "prUrl": url,
        "prRepository": "/".join(url.split("/")[3:5]),
        "timestamp": timestamp,
    }
