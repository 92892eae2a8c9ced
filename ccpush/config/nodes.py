"""What was written, before anybody knows what it means: texts, lists and blocks with their lines.

A scalar keeps the text as written, so that the user name 007 stays 007 and an octal number is
never guessed at. ``shown`` is the only way a value found reaches a message; it hides secrets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "int", "float", "bool", "null"]

HIDDEN = "<hidden>"
# as much of a wrong value as a person needs to recognise it
MAX_SHOWN_CHARS = 80
_USERINFO = r"(?s)//.*@"
_QUERY = r"(?s)(://[^?]*)\?.*"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Scalar:
    """One value: its text as written, and what YAML takes it for."""

    text: str
    kind: Kind = "text"
    line: int | None = None


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Listing:
    """A list of values."""

    items: tuple[Node, ...]
    line: int | None = None


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Block:
    """Keys with their values, and the line on which each key stands."""

    entries: Mapping[str, Node]
    key_lines: Mapping[str, int]
    line: int | None = None


Node = Scalar | Listing | Block


def is_null(node: Node) -> bool:
    """Whether a key was written without a value, which Prometheus takes for "not given"."""
    return isinstance(node, Scalar) and node.kind == "null"


def shown(node: Node, *, secret: bool = False) -> str:
    """The value found, fit for a message: short, on one line, without a secret."""
    if isinstance(node, Listing):
        return "a list"
    if isinstance(node, Block):
        return "a block of keys"
    if node.kind == "null":
        return "nothing"
    if secret:
        return HIDDEN
    if node.kind != "text":
        return node.text
    text = without_userinfo(node.text)
    return repr(text if len(text) <= MAX_SHOWN_CHARS else text[:MAX_SHOWN_CHARS] + "…")


def without_userinfo(text: str) -> str:
    """Hide what may be a password or a token in something that looks like a URL."""
    return re.sub(_QUERY, rf"\1?{HIDDEN}", re.sub(_USERINFO, f"//{HIDDEN}@", text))
