"""What a text says as YAML: our nodes, each with its line, and what is wrong with it.

Composes only: no tag ever makes an object, and a second spelling of a key is a problem instead of
the last one winning. No message repeats a piece of the text beyond a key: it may be a secret.
"""

from __future__ import annotations

import re

import yaml

from ccpush.config.nodes import Block, Kind, Listing, Node, Scalar
from ccpush.config.report import Item, Report, Source

try:
    from yaml import CSafeLoader as _Loader
except ImportError:
    # ten times slower, but always there
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

# libyaml composes by recursion in C, and a file of brackets would end the process
MAX_DEPTH = 50
_TAG = "tag:yaml.org,2002:"
_KINDS: dict[str, Kind] = {
    "str": "text",
    "timestamp": "text",
    "value": "text",
    "int": "int",
    "float": "float",
    "bool": "bool",
    "null": "null",
}
_ACCEPTED = 'YAML (a value with ": " in it, or one of []{}*&!|>%@`# at its start, stands in quotes)'
_QUOTED_PIECE = re.compile(r"'[^']{3,}'|\"[^\"]{3,}\"")


def parse_yaml(text: str, source: Source, report: Report) -> Node:
    """The one document in the text; nothing when it is empty or no YAML."""
    nothing = Scalar("", "null")
    try:
        if _is_too_deep(text):
            found = f"more than {MAX_DEPTH} levels of nesting"
            report.wrong(Item(source, "", nothing), found, "settings of three or four levels")
            return nothing
        root = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        words = " ".join(str(part) for part in (error.problem, error.context) if part)
        found = f"a mistake ({_QUOTED_PIECE.sub('…', words)})"
        mark = error.problem_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        report.problems.append(f"{source.name}{place}: found {found}; accepted: {_ACCEPTED}")
        return nothing
    except yaml.reader.ReaderError as error:
        _report_character(error, text, source, report)
        return nothing
    return nothing if root is None else _Conversion(source, report).node(root, "")


def _is_too_deep(text: str) -> bool:
    """Whether it nests deeper than MAX_DEPTH; found without recursion, and no deeper than that."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return False


def _report_character(
    error: yaml.reader.ReaderError, text: str, source: Source, report: Report
) -> None:
    # libyaml counts bytes, the Python reader characters; up to here they differ by little
    before = text.encode()[: error.position]
    line = before.count(b"\n") + 1
    column = error.position - before.rfind(b"\n")
    found = "a control character"
    report.problems.append(f"{source.name}:{line}:{column}: found {found}; accepted: {_ACCEPTED}")


class _Conversion:
    """Turns PyYAML's nodes into ours, each once, however many aliases name it."""

    def __init__(self, source: Source, report: Report) -> None:
        self._source = source
        self._report = report
        self._done: dict[int, Node] = {}
        self._under_way: set[int] = set()

    def node(self, raw: yaml.Node, path: str) -> Node:
        known = self._done.get(id(raw))
        if known is not None:
            return known
        line = raw.start_mark.line + 1
        if id(raw) in self._under_way:
            return self._wrong(path, line, "an alias of itself", "values that end somewhere")
        self._under_way.add(id(raw))
        self._done[id(raw)] = made = self._made(raw, path, line)
        self._under_way.discard(id(raw))
        return made

    def _made(self, raw: yaml.Node, path: str, line: int) -> Node:
        kind = raw.tag.removeprefix(_TAG)
        if isinstance(raw, yaml.ScalarNode) and kind in _KINDS:
            return Scalar(raw.value, _KINDS[kind], line)
        if isinstance(raw, yaml.SequenceNode) and kind == "seq":
            items = [self.node(item, f"{path}[{at}]") for at, item in enumerate(raw.value)]
            return Listing(tuple(items), line)
        if isinstance(raw, yaml.MappingNode) and kind == "map":
            return self._block(raw, path, line)
        return self._wrong(path, line, "a YAML tag", "plain values without a tag")

    def _block(self, raw: yaml.MappingNode, path: str, line: int) -> Block:
        own: dict[str, Node] = {}
        lines: dict[str, int] = {}
        merged: dict[str, tuple[Node, int]] = {}
        for key, value in raw.value:
            at = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._wrong(path, at, "a key that is a list or a block", "words as keys")
                continue
            name = f"{path}.{key.value}" if path else key.value
            if key.tag == f"{_TAG}merge":
                merged |= self._merged(value, name, at)
            elif key.value in own:
                found = f"the same key a second time (first on line {lines[key.value]})"
                self._wrong(name, at, found, "each key once")
            else:
                own[key.value] = self.node(value, name)
                lines[key.value] = at
        for word, (node, at) in merged.items():
            own.setdefault(word, node)
            lines.setdefault(word, at)
        return Block(own, lines, line)

    def _merged(self, raw: yaml.Node, path: str, line: int) -> dict[str, tuple[Node, int]]:
        """What ``<<:`` brings in; of several blocks the first one wins, as YAML has it."""
        node = self.node(raw, path)
        found: dict[str, tuple[Node, int]] = {}
        for block in node.items if isinstance(node, Listing) else (node,):
            if not isinstance(block, Block):
                self._wrong(path, line, "something that is no block", "an alias of a block")
                continue
            for word, value in block.entries.items():
                found.setdefault(word, (value, block.key_lines[word]))
        return found

    def _wrong(self, path: str, line: int, found: str, accepted: str) -> Node:
        nothing = Scalar("", "null", line)
        self._report.wrong(Item(self._source, path, nothing, line), found, accepted)
        return nothing
