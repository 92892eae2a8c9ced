"""What do ``$1`` and ``${name}`` in a replacement stand for? As Go's Regexp.Expand has it.

``$name`` takes as many letters, digits and ``_`` as there are, so that ``$1x`` is the group called
1x; what names no group is nothing; ``$$`` is a ``$``, and so is one that names nothing at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

Match = re.Match[str]
# a text, or the groups of which the first one that took part in the match is meant
_Part = str | tuple[int, ...]

_DOLLAR = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})?")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")


def expansion(template: str, names: Sequence[str]) -> Callable[[Match], str]:
    """What makes the text for one match; ``names`` are those of the groups, empty for none."""
    parts = _parts(template, names)
    if all(isinstance(part, str) for part in parts):
        text = "".join(part for part in parts if isinstance(part, str))
        return lambda match: text  # noqa: ARG005
    return lambda match: "".join(
        part if isinstance(part, str) else _taken(match, part) for part in parts
    )


def _parts(template: str, names: Sequence[str]) -> list[_Part]:
    parts: list[_Part] = []
    end = 0
    for dollar in _DOLLAR.finditer(template):
        parts.append(template[end : dollar.start()])
        name = dollar[1] or dollar[2]
        parts.append("$" if name is None else _groups(name, names))
        end = dollar.end()
    parts.append(template[end:])
    return [part for part in parts if part != ""]


def _groups(name: str, names: Sequence[str]) -> tuple[int, ...]:
    if _NUMBER.fullmatch(name):
        return (int(name),) if int(name) <= len(names) else ()
    return tuple(number for number, known in enumerate(names, 1) if known == name)


def _taken(match: Match, groups: tuple[int, ...]) -> str:
    for group in groups:
        text: str | None = match[group]
        if text is not None:
            return text
    return ""
