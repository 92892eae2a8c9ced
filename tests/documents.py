"""What the documents hold, taken apart for the tests: headings, tables, examples, words of code."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
READMES = ("README.md", "README_zh.md")
PAGES = (
    *READMES,
    "CHANGELOG.md",
    "docs/architecture.md",
    "docs/metrics.md",
    "docs/commands.md",
    "docs/cost.md",
    "docs/counting.md",
    "prometheus/README.md",
)

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_EXAMPLE = re.compile(r"^<!-- example: (.+?) -->\n```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_OLD_NAMES = re.compile(r"<!-- old names -->.*?<!-- end of old names -->", re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def read(name: str) -> str:
    """The text of a page."""
    return (ROOT / name).read_text(encoding="utf-8")


def prose(name: str) -> str:
    """A page without its blocks of code."""
    return _FENCE.sub("", read(name))


def fences(name: str) -> list[tuple[str, str]]:
    """The blocks of code: language, and what stands in it without comments."""
    return [
        (
            language,
            "\n".join(
                _without_comment(line) for line in text.splitlines() if _without_comment(line)
            ),
        )
        for language, text in _FENCE.findall(read(name))
    ]


def examples(name: str) -> dict[str, str]:
    """The examples of YAML that have a name."""
    return dict(_EXAMPLE.findall(read(name)))


def headings(name: str) -> list[tuple[int, str]]:
    """Level and words of each heading."""
    return [(len(marks), words) for marks, words in _HEADING.findall(prose(name))]


def section(name: str, *titles: str) -> str:
    """What stands under the first heading with one of these titles, up to the next heading."""
    text = read(name)
    for title in titles:
        found = re.search(
            rf"^#+ {re.escape(title)}$\n(.*?)(?=^#|\Z)", text, re.DOTALL | re.MULTILINE
        )
        if found:
            return found[1]
    raise AssertionError(f"{name} has no section {titles}")


def table_rows(text: str) -> list[list[str]]:
    """The cells of every row of every table, heads left out."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    rules = [number for number, row in enumerate(rows) if set(row) <= set("|-: ")]
    heads = {number - 1 for number in rules} | set(rules)
    return [_cells(row) for number, row in enumerate(rows) if number not in heads]


def words_of_code(name: str) -> set[str]:
    """Names of metrics and the like in inline code, but those that a page calls old."""
    text = _OLD_NAMES.sub("", prose(name))
    return {
        word
        for code in re.findall(r"`([^`\n]+)`", text)
        for word in re.findall(r"\b(?:claude|ccpush)_\w+\b(?!\.py)", code)
    }


def links(name: str) -> list[str]:
    """Where the links of a page lead."""
    return _LINK.findall(prose(name))


def anchors(name: str) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    return {re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-") for _, words in headings(name)}


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def _without_comment(line: str) -> str:
    return re.sub(r"(^|\s)#.*$", "", line).rstrip()
