"""What is wrong with a settings file as YAML is told with line and column."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from config_machine import Machine

# text, what stands behind the file's name, words of what was found
BROKEN = {
    "tab": (b"log:\n\tlevel: info", ":2:1: ", "character that cannot start any token"),
    "unclosed quote": (b"user: 'a\n", ":2:1: ", "unexpected end of stream"),
    "two colons": (b"user: a: b", ":1:8: ", "mapping values are not allowed"),
    "brackets without quotes": (b"web:\n  listen_address: [::1]:9101", ":2:20: ", "node content"),
    "two documents": (b"user: a\n---\nuser: b", ":2:1: ", "another document"),
    "unknown alias": (b"user: *a", ":1:7: ", "undefined alias"),
    "control character": ("user: ä\nstate: \x01".encode(), ":2:8: ", "a control character"),
    "NUL": (b"\0", ":1:1: ", "a control character"),
    "not UTF-8": (b"user: a\nstate: \xff", ":2: ", "bytes that are not UTF-8"),
    "too deep": (b"user: " + b"[" * 200_000 + b"]" * 200_000, ": ", "levels of nesting"),
    "too large": (b"#" * 2_000_000, ": ", "more than 1048576 bytes"),
    "key twice": (b"user: a\nlog:\n  level: info\nuser: b", ":4: user: ", "a second time (first on line 1)"),
    "key twice deeper": (b"log:\n  level: info\n  level: info", ":3: log.level: ", "first on line 2"),
    "object": (b"user: !!python/object/apply:os.system [x]", ":1: user: ", "a YAML tag"),
    "own tag": (b"log: {level: !secret x}", ":1: log.level: ", "a YAML tag"),
    "list as a key": (b"? [a]\n: b", ":1: ", "a key that is a list"),
    "endless alias": (b"claude_home: &a [x, *a]", ":1: claude_home[1]: ", "an alias of itself"),
    "merge of a text": (b"log:\n  <<: x", ":2: log.<<: ", "something that is no block"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_broken_yaml(machine: Machine, name: str) -> None:
    """The first line names the file, the place, what was found and what is accepted."""
    raw, place, found = BROKEN[name]
    machine.file.write_bytes(raw)
    told = machine.problems()[0]
    assert told.startswith(f"{machine.file}{place}found ")
    assert found in told
    assert "; accepted: " in told


def test_yaml_without_the_c_library() -> None:
    """Where PyYAML came without libyaml its own reader gives the same nodes and places."""
    program = (
        "import yaml; del yaml.CSafeLoader\n"
        "from ccpush.config.report import Report, Source\n"
        "from ccpush.config.yaml_nodes import parse_yaml\n"
        "report = Report()\n"
        "node = parse_yaml('log: &l\\n  level: info\\nx: {<<: *l, a: 1}', Source('f'), report)\n"
        "print(node.entries['x'].entries['level'].text, report.problems)\n"
        "parse_yaml('a: \\'secret-word', Source('f'), report)\n"
        "parse_yaml('b: *secret-word', Source('f'), report)\n"
        "parse_yaml('c: \\x01', Source('f'), report)\n"
        "print(*report.problems, sep='\\n')\n"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    first, *problems = ran.stdout.splitlines()
    assert first == "info []"
    assert [line.partition(": ")[0] for line in problems] == ["f:1:16", "f:1:4", "f:1:4"]
    assert "secret-word" not in ran.stdout


def test_merged_blocks(machine: Machine) -> None:
    """Blocks may share keys through anchors; what a block says itself comes first."""
    settings = machine.load(
        "remote_write:\n"
        "- &first\n"
        "  url: http://localhost:1/a\n"
        "  name: one\n"
        "  remote_timeout: 5s\n"
        "- <<: *first\n"
        "  name: two\n"
        "- <<: [{name: three}, *first]\n"
        "  url: http://localhost:1/c\n"
    )
    expected = [
        ("one", "http://localhost:1/a", 5.0),
        ("two", "http://localhost:1/a", 5.0),
        ("three", "http://localhost:1/c", 5.0),
    ]
    assert expected == [
        (sink.name, sink.http.url, sink.http.timeout_s) for sink in settings.remote_write
    ]


def test_texts_stay_as_written(machine: Machine) -> None:
    """A number, a date or a truth value where a text belongs is taken letter by letter."""
    settings = machine.load(
        "user: 0123\ninstance: yes\nexternal_labels: {on: 1e5, day: 2026-01-02, n: 1_000}"
    )
    assert (settings.user, settings.instance) == ("0123", "yes")
    assert settings.external_labels == {"on": "1e5", "day": "2026-01-02", "n": "1_000"}
