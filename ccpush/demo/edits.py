"""Edits of files: what each asks for, and the patch that its result shows.

Every line that is taken out, put in or kept is unlike any other in its edit, so that there is only
one smallest difference between old and new, and it is known here without looking for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ccpush.demo.calls import Call, Lines
from ccpush.demo.chance import Chance
from ccpush.demo.rows import Row
from ccpush.demo.words import Words

_OTHER_FILES = ("README.md", "Makefile", "deploy/values.yaml", "web/site.css", "tools/seed.sh")
_NO_NEWLINE = "\\ No newline at end of file"


@dataclass(frozen=True, slots=True)
class _Change:
    """One place in a file: lines before it, out of it, into it and after it."""

    before: list[str]
    out: list[str]
    into: list[str]
    after: list[str]

    @property
    def strings(self) -> tuple[str, str]:
        """The old text and the new one, as an edit names them."""
        old = [*self.before, *self.out, *self.after]
        new = [*self.before, *self.into, *self.after]
        return "\n".join(old), "\n".join(new)

    @property
    def lines(self) -> Lines:
        """How many lines it adds and removes."""
        return Lines(len(self.into), len(self.out))

    def hunk(self, start: int) -> Row:
        """The same as one hunk of a patch."""
        kept = (len(self.before) + len(self.after)) + 1
        return {
            "oldStart": start,
            "oldLines": kept + len(self.out),
            "newStart": start,
            "newLines": kept + len(self.into),
            "lines": [
                *(f" {line}" for line in (*self.before, "pass")),
                *(f"-{line}" for line in self.out),
                *(f"+{line}" for line in self.into),
                *(f" {line}" for line in self.after),
            ],
        }


def _change(chance: Chance, words: Words) -> _Change:
    into = chance.choices((0, 1, 3, 8), (1, 4, 4, 1))[0]
    # what an edit does not replace it must hold on to, or it would be no edit
    out = chance.randrange(1, 5) if into == 0 else chance.randrange(4)
    before = chance.randrange(3) if out else chance.randrange(1, 3)
    counts = (before, out, into, chance.randrange(2))
    return _Change(*(words.unlike(count) for count in counts))


def _path(chance: Chance, words: Words, cwd: str) -> str:
    return f"{cwd}/{chance.choice(_OTHER_FILES) if chance.often(0.15) else words.file()}"


def edit(chance: Chance, words: Words, cwd: str) -> Call:
    """One place of a file is changed; now and then every place that looks like it."""
    path, change = _path(chance, words, cwd), _change(chance, words)
    everywhere = chance.often(0.06)
    old, new = change.strings
    hunks = [change.hunk(10), change.hunk(80)] if everywhere else [change.hunk(10)]
    if chance.often(0.05):
        hunks[-1]["lines"].append(_NO_NEWLINE)
    arguments: Row = {"file_path": path, "old_string": old, "new_string": new}
    if everywhere:
        arguments["replace_all"] = True
    result: Row = {
        "filePath": path,
        "oldString": old,
        "newString": new,
        "originalFile": "\n".join(words.code(chance.randrange(10, 40))),
        "structuredPatch": hunks,
        "userModified": False,
        "replaceAll": everywhere,
    }
    shown = Lines(change.lines.added * len(hunks), change.lines.removed * len(hunks))
    return Call(
        "Edit",
        arguments,
        f"The file {path} has been updated.",
        result,
        seconds=1,
        lines=shown,
        lines_asked_for=change.lines,
    )


def multi_edit(chance: Chance, words: Words, cwd: str) -> Call:
    """Several places of a file in one call; later versions have no such tool."""
    path = _path(chance, words, cwd)
    changes = [_change(chance, words) for _ in range(chance.randrange(2, 4))]
    edits = [
        {"old_string": old, "new_string": new, "replace_all": False}
        for old, new in (change.strings for change in changes)
    ]
    lines = Lines(
        sum(change.lines.added for change in changes),
        sum(change.lines.removed for change in changes),
    )
    result: Row = {
        "filePath": path,
        "edits": edits,
        "originalFileContents": "\n".join(words.code(12)),
        "structuredPatch": [change.hunk(30 * number + 1) for number, change in enumerate(changes)],
        "userModified": False,
    }
    arguments = {"file_path": path, "edits": edits}
    text = f"Applied {len(edits)} edits to {path}"
    return Call("MultiEdit", arguments, text, result, seconds=1, lines=lines, lines_asked_for=lines)


def create(chance: Chance, words: Words, cwd: str) -> Call:
    """A new file; its patch is empty, and its lines are in ``content``."""
    path = _path(chance, words, cwd)
    count = 0 if chance.often(0.05) else chance.randrange(8, 60)
    content = "".join(f"{line}\n" for line in words.code(count))
    # an editor that ends the last line is not everybody's
    content = content if chance.often(0.7) else content.removesuffix("\n")
    result: Row = {
        "type": "create",
        "filePath": path,
        "content": content,
        "structuredPatch": [],
        "originalFile": None,
    }
    arguments = {"file_path": path, "content": content}
    text = f"File created successfully at: {path}"
    lines = Lines(added=len(content.splitlines()))
    return Call("Write", arguments, text, result, seconds=1, lines=lines, lines_asked_for=lines)


def overwrite(chance: Chance, words: Words, cwd: str) -> Call:
    """A file is written anew; from the arguments alone nobody knows what was there before."""
    path, change = _path(chance, words, cwd), _change(chance, words)
    rest = words.code(chance.randrange(4, 20))
    old, new = change.strings
    content = "\n".join((new, *rest)) + "\n"
    result: Row = {
        "type": "update",
        "filePath": path,
        "content": content,
        "structuredPatch": [change.hunk(1)],
        "originalFile": "\n".join((old, *rest)) + "\n",
    }
    arguments = {"file_path": path, "content": content}
    text = f"The file {path} has been updated successfully."
    return Call("Write", arguments, text, result, seconds=1, lines=change.lines)


def notebook_edit(chance: Chance, words: Words, cwd: str) -> Call:
    """A cell of a notebook; somebody decides on it, but it has no lines that count."""
    path = f"{cwd}/{words.file().rpartition('.')[0]}.ipynb"
    source = "\n".join(words.code(chance.randrange(1, 6)))
    arguments: Row = {"notebook_path": path, "new_source": source, "cell_type": "code"}
    result: Row = {**arguments, "edit_mode": "replace", "language": "python", "error": ""}
    return Call("NotebookEdit", arguments, f"Updated a cell of {path}", result, seconds=1)
