"""What a tool was called with, as far as it counts: lines it would change, commits it would make.

Looked at only for tools that change files or run commands, and only once it is known to count.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from ccpush.claude.languages import language_of
from ccpush.claude.line_changes import changed_lines, lines_in
from ccpush.claude.parts import told_by
from ccpush.claude.results import COMMAND, EDITS, Result
from ccpush.claude.shell import outcomes_of


class Opened(NamedTuple):
    """A call whose result is awaited; what it was called with is not yet looked at."""

    tool: str
    input: msgspec.Raw


class Call(msgspec.Struct, gc=False, array_like=True, frozen=True):
    """A call: what it would change, if it goes well and the result does not say it better."""

    tool: str
    language: str = ""
    added: int = 0
    removed: int = 0
    commits: int = 0
    pull_requests: int = 0


class _Change(msgspec.Struct, gc=False):
    old_string: str = ""
    new_string: str = ""


class _Edit(_Change, gc=False):
    file_path: str = ""
    notebook_path: str = ""
    content: str = ""
    edits: list[_Change] = []


class _Path(msgspec.Struct, gc=False):
    file_path: str = ""
    notebook_path: str = ""


class _Command(msgspec.Struct, gc=False):
    command: str = ""


_decode_edit: Final = msgspec.json.Decoder(_Edit).decode
_decode_path: Final = msgspec.json.Decoder(_Path).decode
_decode_command: Final = msgspec.json.Decoder(_Command).decode


def may_bring(command: msgspec.Raw) -> bool:
    """Whether a command may make a commit or a pull request; decided without decoding it."""
    text = bytes(command)
    return b"commit" in text or b"create" in text or b" new" in text


def call_of(opened: Opened, result: Result | None = None) -> Call:
    """Look at what a tool was called with; what ``result`` tells better is left out.

    What is not as expected says nothing: the call then counts as one that changes no line.
    """
    tool, raw = opened
    if tool == COMMAND:
        ran = told_by(raw, _decode_command) or _Command()
        commits, pull_requests = outcomes_of(ran.command)
        return Call(tool, commits=commits, pull_requests=pull_requests)
    if tool not in EDITS:
        return Call(tool)
    if result is None or result.changed is None:
        edit = told_by(raw, _decode_edit)
        if edit is not None:
            return _edit(tool, edit)
    # in which language it is must not depend on whether the rest had to be looked at
    path = told_by(raw, _decode_path) or _Path()
    return Call(tool, language_of(path.file_path or path.notebook_path))


def _edit(tool: str, edit: _Edit) -> Call:
    language = language_of(edit.file_path or edit.notebook_path)
    if tool == "Write":
        return Call(tool, language, lines_in(edit.content))
    changes: list[_Change] = edit.edits if tool == "MultiEdit" else [edit]
    pairs = [changed_lines(change.old_string, change.new_string) for change in changes]
    return Call(tool, language, sum(a for a, _ in pairs), sum(r for _, r in pairs))
