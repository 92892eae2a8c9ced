"""Tool calls that come to nothing: they fail, somebody says no, or somebody stops them.

Older versions say so in the text of the result alone; how later ones spell it is ``denial``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ccpush.demo.calls import Call, Ending
from ccpush.demo.chance import Chance
from ccpush.demo.edits import create, edit
from ccpush.demo.git import bash_result
from ccpush.demo.rows import Row
from ccpush.demo.words import Words

# Claude Code's own words begin like these; what follows them is ours
_REFUSED = "The user doesn't want to proceed with this tool use. Nothing was changed."
_STOPPED = "The user doesn't want to take this action right now. Nothing was changed."


def _not_made(call: Call, ending: Ending, text: str, why: tuple[str, str]) -> Call:
    """The same call, not made; ``why`` is who decided so and how later versions spell it."""
    return replace(
        call,
        text=text,
        result="User rejected tool use" if text == _REFUSED else f"Error: {text}",
        error=True,
        ending=ending,
        source=why[0],
        denial=why[1],
        commits=0,
        proposes=None,
        seconds=30,
    )


def _risky(chance: Chance, words: Words, cwd: str) -> Call:
    """A call that somebody may well want to think about."""
    arguments: Row = {"command": f"rm {words.file()}", "description": "Remove the old file"}
    remove = Call("Bash", arguments, "", bash_result(""))
    return chance.choice((remove, edit(chance, words, cwd), create(chance, words, cwd)))


def refused(chance: Chance, words: Words, cwd: str) -> Call:
    """A person says no."""
    call = _risky(chance, words, cwd)
    return _not_made(call, "denied", _REFUSED, ("user_reject", "user-rejected"))


def forbidden(chance: Chance, words: Words, cwd: str) -> Call:
    """A rule says no, or nobody is there to be asked."""
    call = _risky(chance, words, cwd)
    if chance.often(0.5):
        text = f"Permission to use {call.name} has been denied."
    else:
        path = call.arguments.get("file_path", cwd)
        text = f"Claude requested permissions to write to {path}, but nobody gave them."
    return _not_made(call, "denied", text, ("config", "permission-rule"))


def stopped(chance: Chance, words: Words, cwd: str) -> Call:
    """A person stops the turn while a call waits or runs."""
    call = _risky(chance, words, cwd)
    spelt = chance.choice(("interrupted", "cancelled"))
    return _not_made(call, "interrupted", _STOPPED, ("user_abort", spelt))


def cut_short(chance: Chance, words: Words, cwd: str) -> Call:
    """A command that was stopped while it ran: no error, only its structured result says so."""
    del cwd
    printed = words.output(chance.randrange(1, 9))
    arguments: Row = {"command": "make serve", "description": "Try it"}
    result = bash_result(printed, interrupted=True)
    return Call("Bash", arguments, printed, result, seconds=60, ending="interrupted")


def failed(chance: Chance, words: Words, cwd: str) -> Call:
    """A call that was made and failed."""
    makers: tuple[Callable[[], Call], ...] = (
        lambda: edit(chance, words, cwd),
        lambda: Call("Read", {"file_path": f"{cwd}/{words.file()}"}, "", None),
        lambda: Call("WebFetch", {"url": "https://docs.example.org/gone", "prompt": "?"}, "", None),
        lambda: Call("mcp__tracker__get_issue", {"query": words.title()}, "", None),
    )
    call = chance.choices(makers, (4, 3, 1, 1))[0]()
    text = f"<tool_use_error>{words.output(1)}: not there</tool_use_error>"
    return replace(
        call, text=text, result=f"Error: {text}", error=True, ending="error", as_blocks=False
    )
