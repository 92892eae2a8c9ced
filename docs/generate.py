"""Makes those parts of the docs that the code already knows, and tells when they are out of date.

    python docs/generate.py            writes them anew; ``make docs`` runs it
    python docs/generate.py --check    writes nothing, names what is out of date, exits 1

Between ``<!-- generated: NAME -->`` and ``<!-- end -->`` a page belongs to this program, the rest
of it to people. Reads ccpush as it is installed.
"""

from __future__ import annotations

import inspect
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import click

from ccpush.cli import cli
from ccpush.metrics import catalogue
from ccpush.metrics.catalogue import CATALOGUE, Metric
from ccpush.metrics.reasons import REJECTED, SKIPPED_FILES, SKIPPED_ROWS

ROOT = Path(__file__).resolve().parents[1]
Parts = Mapping[str, Callable[[], str]]

_MARKED = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_GROUPS = {
    "cc_exporter": (*catalogue.FAMILY_1, *catalogue.HISTOGRAMS),
    "telemetry": catalogue.FAMILY_2,
    "beyond": catalogue.BEYOND,
    "health": (*catalogue.FAMILY_3, *catalogue.IDENTITY),
}
_STAMPS = {"grid": "its grid step", "now": "the moment of the push"}


def main(arguments: list[str]) -> int:
    """Write the pages, or check them; answer the exit code."""
    code = 0
    for path, text in pages():
        if path.read_text(encoding="utf-8") == text:
            continue
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)} is out of date: run make docs", file=sys.stderr)
            code = 1
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return code


def pages() -> Iterator[tuple[Path, str]]:
    """Every page with generated parts, and its whole text as it should be."""
    english = {metric.name: metric.help for metric in CATALOGUE}
    chinese = tomllib.loads((ROOT / "docs/metrics_zh.toml").read_text(encoding="utf-8"))
    found: Mapping[str, Parts] = {
        "README.md": _tables(english, "| Metric | Type | Labels | Meaning |"),
        "README_zh.md": _tables(chinese, "| 指标 | 类型 | 标签 | 含义 |"),
        "docs/metrics.md": {
            **{name: partial(_full_table, metrics) for name, metrics in _GROUPS.items()},
            "skipped_rows": partial(_reasons, SKIPPED_ROWS),
            "skipped_files": partial(_reasons, SKIPPED_FILES),
            "rejected": partial(_reasons, REJECTED),
        },
        "docs/commands.md": {"commands": _commands},
    }
    for name, parts in found.items():
        path = ROOT / name
        yield path, filled(path.read_text(encoding="utf-8"), parts)


def filled(text: str, parts: Parts) -> str:
    """The page with its marked parts made anew.

    Raises ValueError when a part has no place in the page, or a place has no part.
    """
    places = [match[2] for match in _MARKED.finditer(text)]
    if sorted(places) != sorted(parts):
        raise ValueError(f"the page has places for {sorted(places)}, not for {sorted(parts)}")
    return _MARKED.sub(lambda match: f"{match[1]}\n{parts[match[2]]()}\n{match[3]}", text)


def _tables(words: Mapping[str, str], head: str) -> Parts:
    odd = set(words) ^ {metric.name for metric in CATALOGUE}
    if odd:
        raise ValueError(f"metrics without words, or words without a metric: {sorted(odd)}")
    return {name: partial(_table, metrics, words, head) for name, metrics in _GROUPS.items()}


def _table(metrics: tuple[Metric, ...], words: Mapping[str, str], head: str) -> str:
    rows = (f"| `{m.name}` | {m.type} | {_labels(m)} | {_cell(words[m.name])} |" for m in metrics)
    return "\n".join((head, "|---|---|---|---|", *rows, ""))


def _full_table(metrics: tuple[Metric, ...]) -> str:
    rows = (
        f"| `{m.name}` | {m.type} | {_labels(m)} | {m.unit or '–'} | {_cell(m.help)}"
        f" | {', '.join(m.families) or '–'} | {_STAMPS[m.timing]} |"
        for m in metrics
    )
    head = "| Metric | Type | Labels | Unit | Meaning | Families of the ledger | Stamped with |"
    return "\n".join((head, "|---|---|---|---|---|---|---|", *rows, ""))


def _labels(metric: Metric) -> str:
    return ", ".join(f"`{label}`" for label in metric.labels) or "–"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _reasons(words: Mapping[str, str]) -> str:
    rows = (f"| `{reason}` | {_cell(meaning)} |" for reason, meaning in words.items())
    return "\n".join(("| Reason | What it is |", "|---|---|", *rows, ""))


def _commands() -> str:
    """The program and its commands; not as click prints them, which its versions do differently."""
    commands = sorted(cli.commands.items())
    named = [("ccpush", cli), *((f"ccpush {name}", each) for name, each in commands)]
    return "\n".join(_command(title, command) for title, command in named)


def _command(title: str, command: click.Command) -> str:
    options = [each for each in command.params if isinstance(each, click.Option)]
    rows = (f"| `{_spelling(option)}` | {_meaning(option)} |" for option in options)
    return "\n".join(
        (
            f"## {title}\n",
            _prose(command.help or ""),
            "| Option | Meaning |\n|---|---|",
            *rows,
            "",
            _prose(command.epilog or ""),
        )
    )


def _prose(text: str) -> str:
    """Help in Markdown: what click must not wrap stands as code."""
    paragraphs = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        fixed = paragraph.startswith("\b\n")
        paragraphs.append(f"```text\n{paragraph[2:]}\n```" if fixed else paragraph)
    return "\n\n".join(paragraphs) + "\n"


def _spelling(option: click.Option) -> str:
    value = "" if option.is_flag else f" {option.metavar or option.type.name.upper()}"
    return ", ".join(option.opts) + value


def _meaning(option: click.Option) -> str:
    default = f" [default: {option.default}]" if option.show_default else ""
    return _cell(" ".join((option.help or "").split()) + default)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
