"""What is wrong with the settings, said in one form: where, what was found, what is accepted.

Problems are collected, so that a person mends a file once and not five times. Never holds a
secret: what was found comes from :func:`ccpush.config.nodes.shown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from ccpush.config.nodes import Block, Listing, Node, Scalar
from ccpush.errors import ConfigError

# what a reader returns instead of a value it could not use; the report says why
WRONG = object()
# a key longer than this is somebody's text in the wrong place
MAX_KEY_CHARS = 80


class Source(msgspec.Struct, frozen=True):
    """Where settings were written: a file, an environment variable, a flag.

    Relative paths are relative to ``folder`` (None: the current folder). ``home`` is what ``~``
    stands for (None: ``~`` is an ordinary character).
    """

    name: str
    folder: Path | None = None
    home: Path | None = None


class Item(msgspec.Struct, frozen=True):
    """One value as it was written, with its key path (``remote_write[0].url``)."""

    source: Source
    path: str
    node: Node
    line: int | None = None

    @property
    def where(self) -> str:
        """``file:line: key``, as it begins every sentence about this value."""
        line = f":{self.line}" if self.line is not None else ""
        colon = ": " if self.path and not self.path.startswith("[") else ""
        return f"{self.source.name}{line}{colon}{self.path}"

    def key(self, key: str) -> Item:
        """The value of a key of this block; nothing when the key was not written."""
        word = key if key.isprintable() and len(key) <= MAX_KEY_CHARS else repr(key[:MAX_KEY_CHARS])
        path = f"{self.path}.{word}" if self.path else word
        if isinstance(self.node, Block) and key in self.node.entries:
            return Item(self.source, path, self.node.entries[key], self.node.key_lines.get(key))
        return Item(self.source, path, Scalar("", "null"), self.line)

    def elements(self) -> Iterator[Item]:
        """The values of this list."""
        if isinstance(self.node, Listing):
            for index, node in enumerate(self.node.items):
                yield Item(self.source, f"{self.path}[{index}]", node, node.line)


class Report:
    """The problems and notes of one reading of the settings."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.notes: list[str] = []
        # values that are secrets and stand in the file itself
        self.inline_secrets: list[Item] = []

    def wrong(self, item: Item, found: str, accepted: str) -> object:
        """Remember a problem; returns WRONG for the reader to pass on."""
        self.problems.append(f"{item.where}: found {found}; accepted: {accepted}")
        return WRONG

    def note(self, item: Item, sentence: str) -> None:
        """Remember something that was accepted, but that a person should know."""
        self.notes.append(f"{item.where}: {sentence}")

    def raise_problems(self) -> None:
        """Stop with all problems at once, one a line."""
        if self.problems:
            raise ConfigError("\n".join(self.problems))


def closest(name: str, known: Iterable[str], *, at_most: int = 1) -> list[str]:
    """The accepted names that look most like ``name``; empty when none comes near."""
    # imported late: needed only when something is wrong
    import difflib

    return difflib.get_close_matches(name, list(known), n=at_most, cutoff=0.6)
