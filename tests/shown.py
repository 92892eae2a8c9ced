"""What a page shows: its elements as a tree, which must be well formed, and its words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta"}


@dataclass
class Element:
    """One element; ``parts`` are texts and elements in order."""

    name: str
    attributes: dict[str, str | None]
    parts: list[Element | str] = field(default_factory=list)

    def all(self, name: str = "", **having: str) -> Iterator[Element]:
        """Yield the elements within, of a name and with attributes (``class_`` one of them)."""
        for part in self.parts:
            if isinstance(part, Element):
                if part._is(name, having):
                    yield part
                yield from part.all(name, **having)

    def one(self, name: str = "", **having: str) -> Element:
        """The only such element."""
        (found,) = self.all(name, **having)
        return found

    @property
    def words(self) -> str:
        """All text within, spaces as they are."""
        return "".join(part if isinstance(part, str) else part.words for part in self.parts)

    def rows(self) -> list[list[str]]:
        """A table's body, by row and cell."""
        body = self.one("tbody")
        return [
            [cell.words for cell in row.parts if isinstance(cell, Element)]
            for row in body.all("tr")
        ]

    def table(self, caption: str) -> Element:
        """The table whose caption begins so."""
        (found,) = [
            table for table in self.all("table") if table.one("caption").words.startswith(caption)
        ]
        return found

    def figures(self) -> dict[str, list[str]]:
        """What a list of terms says."""
        entries = self.one("dl").all("div")
        return {
            entry.one("dt").words: [each.words for each in entry.all("dd")] for entry in entries
        }

    def _is(self, name: str, having: dict[str, str]) -> bool:
        for key, value in having.items():
            held = self.attributes.get(key.rstrip("_")) or ""
            if value not in (held.split() if key == "class_" else [held]):
                return False
        return name in {"", self.name}


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        element = Element(tag, dict(attrs))
        self._open[-1].parts.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1].name == tag, f"</{tag}> closes <{self._open[-1].name}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].parts.append(data)

    def close(self) -> None:
        super().close()
        assert len(self._open) == 1, [each.name for each in self._open]


def shown(page: bytes) -> Element:
    """Take a page apart; every element must be closed where it belongs."""
    builder = _Builder()
    builder.feed(page.decode())
    builder.close()
    return builder.root


def skeleton(element: Element) -> list[object]:
    """The elements and attributes without any text, for comparing two pages."""
    return [
        (part.name, sorted(part.attributes), skeleton(part))
        for part in element.parts
        if isinstance(part, Element)
    ]
