"""How does text become HTML? Every string is text and is escaped; only ``tag`` makes markup.

No part of the page writes an angle bracket: what comes from a transcript cannot become an element,
whatever it says.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Final

# HTML elements without content; those of SVG are closed like any other
_VOID: Final = frozenset({"meta"})


class Html(str):
    """Markup that ``tag`` has made; any other string is text."""

    __slots__ = ()


Child = str | Html | None
Attribute = str | int | float | bool | None


def tag(name: str, *children: Child, **attributes: Attribute) -> Html:
    """An element with its children, None among them left out.

    Attributes: ``class_`` is written ``class``, other underscores become hyphens; True stands
    without a value, None and False not at all.
    """
    opened = f"<{name}{_attributes(attributes)}>" if attributes else f"<{name}>"
    if name in _VOID:
        return Html(opened)
    return Html(f"{opened}{join(children)}</{name}>")


def join(children: Iterable[Child], between: str = "") -> Html:
    """Children one after the other, as markup."""
    return Html(between.join([_markup(child) for child in children if child is not None]))


def raw(name: str, code: str, **attributes: Attribute) -> Html:
    """A ``style`` or ``script`` element around code of our own, which is not escaped."""
    assert f"</{name}" not in code
    return Html(f"<{name}{_attributes(attributes)}>{code}</{name}>")


def label(text: str) -> Html:
    """A name from outside: set apart, so that its letters' direction ends where it ends."""
    return tag("bdi", text)


def hidden(text: str) -> Html:
    """Words for those who hear the page."""
    return tag("span", text, class_="heard")


def _attributes(attributes: dict[str, Attribute]) -> str:
    parts = []
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        written = name.rstrip("_").replace("_", "-")
        parts.append(f" {written}" if value is True else f' {written}="{html.escape(str(value))}"')
    return "".join(parts)


def _markup(child: str) -> str:
    return child if isinstance(child, Html) else html.escape(child)
