"""How values are read: one scalar, a path, a list, a block with names of the user's own.

A reader takes an :class:`Item` and returns its value, or tells the report what is wrong and
returns WRONG. It goes on after a mistake, so that all mistakes of a file are told at once.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from ccpush.config.nodes import Block, Kind, Listing, Scalar, shown
from ccpush.config.report import WRONG, Item, Report
from ccpush.config.texts import RefusedError

_ANY_SCALAR: frozenset[Kind] = frozenset(("text", "int", "float", "bool"))


class Reader(Protocol):
    """What reads one value; ``accepted`` completes the sentence "accepted: …"."""

    @property
    def accepted(self) -> str:
        """What this reader takes, in words."""
        ...

    def read(self, item: Item, report: Report) -> object:
        """The value, or WRONG after telling the report."""
        ...


class Value(msgspec.Struct, frozen=True):
    """One scalar; ``convert`` raises RefusedError with words that do not repeat the text.

    What was found is not shown when it is ``secret``.
    """

    accepted: str
    convert: Callable[[str], Any] = str
    kinds: frozenset[Kind] = _ANY_SCALAR
    secret: bool = False

    def read(self, item: Item, report: Report) -> object:
        """See :class:`Reader`."""
        node = item.node
        found = shown(node, secret=self.secret)
        if not isinstance(node, Scalar) or node.kind not in self.kinds:
            return report.wrong(item, found, self.accepted)
        try:
            return self.convert(node.text)
        except RefusedError as advice:
            return report.wrong(item, found, f"{self.accepted} ({advice})")


class PathValue(msgspec.Struct, frozen=True):
    """A path; a relative one belongs to the folder of the file in which it stands."""

    accepted: str = "a path"

    def read(self, item: Item, report: Report) -> object:
        """See :class:`Reader`."""
        node = item.node
        if not isinstance(node, Scalar) or node.kind == "null" or not node.text.strip():
            return report.wrong(item, shown(node), self.accepted)
        if "\0" in node.text or "\n" in node.text:
            return report.wrong(item, shown(node), f"{self.accepted} on one line")
        text, home = node.text, item.source.home
        if home is not None and text.startswith("~"):
            if text[1:2] not in ("", "/"):
                accepted = f"{self.accepted} (of homes, only one's own: ~ or ~/…)"
                return report.wrong(item, shown(node), accepted)
            return home / text[2:]
        if text.startswith("/"):
            return Path(text)
        try:
            return (item.source.folder or Path.cwd()) / text
        except FileNotFoundError:
            # somebody deleted the current folder
            return report.wrong(item, shown(node), f"{self.accepted} that begins with /")


class ListOf(msgspec.Struct, frozen=True):
    """A list, as a tuple; with ``or_one`` a single value stands for a list of one."""

    element: Reader
    accepted: str
    or_one: bool = False
    secret: bool = False

    def read(self, item: Item, report: Report) -> object:
        """See :class:`Reader`."""
        if isinstance(item.node, Listing):
            values = tuple(self.element.read(element, report) for element in item.elements())
        elif self.or_one:
            values = (self.element.read(item, report),)
        else:
            return report.wrong(item, shown(item.node, secret=self.secret), self.accepted)
        return WRONG if any(value is WRONG for value in values) else values


class MapOf(msgspec.Struct, frozen=True):
    """A block whose keys are the user's own (labels, headers, users), as a dict."""

    name: Callable[[str], str]
    value: Reader
    accepted: str
    secret: bool = False

    def read(self, item: Item, report: Report) -> object:
        """See :class:`Reader`."""
        if not isinstance(item.node, Block):
            return report.wrong(item, shown(item.node, secret=self.secret), self.accepted)
        told = len(report.problems)
        values: dict[str, Any] = {}
        for key in item.node.entries:
            child = item.key(key)
            try:
                values[self.name(key)] = self.value.read(child, report)
            except RefusedError as advice:
                report.wrong(child, f"the name {key[:60]!r}", f"{self.accepted} ({advice})")
        return values if len(report.problems) == told else WRONG
