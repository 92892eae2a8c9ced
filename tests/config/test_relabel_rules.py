"""The rules of write_relabel_configs: read as Prometheus reads them, refused as it refuses them."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import documents
import pytest

from ccpush.config.settings import RelabelRule
from ccpush.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from config_machine import Machine

HEAD = "remote_write:\n- url: http://localhost:9090/api/v1/write\n  write_relabel_configs:\n"

TAKEN = {
    "{target_label: a}": RelabelRule(target_label="a"),
    "{action: REPLACE, target_label: a, regex: }": RelabelRule(target_label="a", regex=""),
    "{target_label: a, replacement: , separator: }": RelabelRule(
        target_label="a", replacement="", separator=""
    ),
    "{target_label: a, regex: 5, replacement: 007, separator: yes}": RelabelRule(
        target_label="a", regex="5", replacement="007", separator="yes"
    ),
    "{target_label: 'a${1}2$b'}": RelabelRule(target_label="a${1}2$b"),
    "{action: keep}": RelabelRule("keep"),
    "{action: Drop, source_labels: [__name__, b_1], regex: 'a;(?:b)', target_label: '1 2'}": RelabelRule(
        "drop", ("__name__", "b_1"), regex="a;(?:b)", target_label="1 2"
    ),
    "{action: hashmod, source_labels: [a], modulus: 18446744073709551615, target_label: b}": RelabelRule(
        "hashmod", ("a",), modulus=2**64 - 1, target_label="b"
    ),
    "{action: labelmap, regex: 'a(.*)', replacement: 'b$1'}": RelabelRule(
        "labelmap", regex="a(.*)", replacement="b$1"
    ),
    "{action: labeldrop, regex: a|b, separator: ;, replacement: $1, source_labels: }": RelabelRule(
        "labeldrop", regex="a|b"
    ),
    "{action: labelkeep, modulus: 0, target_label: ''}": RelabelRule("labelkeep"),
    "{action: lowercase, source_labels: [a], target_label: b, regex: x}": RelabelRule(
        "lowercase", ("a",), target_label="b", regex="x"
    ),
    "{action: dropEqual, target_label: __name__}": RelabelRule("dropequal", target_label="__name__"),
}  # fmt: skip

# rule, its key at fault, words of what was found, words of what is accepted
REFUSED = {
    "": ("", "nothing", "a block with the keys source_labels"),
    "drop": ("", "'drop'", "a block with the keys source_labels"),
    "{}": (".target_label", "nothing", "which replace needs"),
    "{action: }": (".action", "nothing", "one of replace, keep, drop"),
    "{action: delete}": (".action", "'delete'", "labeldrop"),
    "{action: labelDrop, regexp: a}": (".regexp", "does not exist", "did you mean regex?"),
    "{target_label: a-b}": (".target_label", "'a-b'", "letters, digits and _"),
    "{target_label: 'a$'}": (".target_label", "'a$'", "$1 or ${1}"),
    "{target_label: '2$1'}": (".target_label", "'2$1'", "not beginning with a digit"),
    "{target_label: a, regex: '(?=b)'}": (".regex", "'(?=b)'", "RE2 has not"),
    "{target_label: a, regex: [b]}": (".regex", "a list", "a regular expression of RE2"),
    "{target_label: a, source_labels: b}": (".source_labels", "'b'", "a list of labels' names"),
    "{target_label: a, source_labels: [b-c]}": (".source_labels[0]", "'b-c'", "letters, digits and _"),
    "{action: hashmod, target_label: a}": (".modulus", "nothing", "which hashmod needs"),
    "{action: hashmod, target_label: a, modulus: 0}": (".modulus", "0", "a whole number from 1"),
    "{action: hashmod, target_label: a, modulus: -1}": (".modulus", "-1", "decimal digits"),
    "{action: hashmod, target_label: a, modulus: '2'}": (".modulus", "'2'", "a whole number"),
    "{action: hashmod, target_label: a, modulus: 18446744073709551616}": (".modulus", "18446744073709551616", "64 bits"),
    "{action: hashmod, modulus: 2}": (".target_label", "nothing", "which hashmod needs"),
    "{action: hashmod, target_label: '$1', modulus: 2}": (".target_label", "'$1'", "letters, digits and _"),
    "{action: labelmap, replacement: 'a-$1'}": (".replacement", "'a-$1'", "$1 or ${1}"),
    "{action: labelmap, replacement: }": (".replacement", "nothing", "$1 or ${1}"),
    "{action: lowercase}": (".target_label", "nothing", "which lowercase needs"),
    "{action: uppercase, target_label: a, replacement: b}": (".replacement", "without use for uppercase", "source_labels, separator, regex, modulus, target_label"),
    "{action: keepequal, target_label: a, regex: (.*)}": (".regex", "without use for keepequal", "only source_labels, target_label"),
    "{action: dropequal, target_label: a, separator: x}": (".separator", "without use for dropequal", "only source_labels, target_label"),
    "{action: labeldrop, source_labels: []}": (".source_labels", "without use for labeldrop", "only regex"),
    "{action: labelkeep, target_label: a}": (".target_label", "without use for labelkeep", "only regex"),
    "{action: labelkeep, replacement: ''}": (".replacement", "without use for labelkeep", "only regex"),
}  # fmt: skip


@pytest.mark.parametrize("block", TAKEN)
def test_a_rule_has_the_defaults_of_prometheus(machine: Machine, block: str) -> None:
    """What is not given is the default; what is given without a value is empty."""
    (sink,) = machine.load(f"{HEAD}  - {block}\n").remote_write

    assert sink.write_relabel_configs == (TAKEN[block],)


def test_a_pushgateway_has_rules_too(machine: Machine) -> None:
    """The same key with the same rules, in their order."""
    text = "pushgateway:\n  url: http://localhost:9091\n  write_relabel_configs:\n"
    rules = (
        "  - {action: labeldrop, regex: user}\n  - {action: drop, source_labels: [a], regex: b}\n"
    )
    (sink,) = machine.load(text + rules).pushgateway

    expected = (RelabelRule("labeldrop", regex="user"), RelabelRule("drop", ("a",), regex="b"))
    assert sink.write_relabel_configs == expected


@pytest.mark.parametrize("readme", documents.READMES)
def test_the_example_loads(machine: Machine, readme: str) -> None:
    """What the documents show is a settings file as it stands."""
    (sink,) = machine.load(
        documents.examples(readme)["ccpush.yml write_relabel_configs"]
    ).remote_write

    assert [rule.action for rule in sink.write_relabel_configs] == ["drop", "labeldrop"]


@pytest.mark.parametrize("block", REFUSED)
def test_a_rule_that_prometheus_refuses_is_told(machine: Machine, block: str) -> None:
    """One line with file, line, the key at fault, what was found and what is accepted."""
    key, found, accepted = REFUSED[block]
    (told,) = machine.problems(f"{HEAD}  - {block}\n")
    where, _, rest = told.partition(": found ")
    said_found, _, said_accepted = rest.partition("; accepted: ")

    assert where == f"{machine.file}:4: remote_write[0].write_relabel_configs[0]{key}"
    assert found in said_found
    assert accepted in said_accepted


def test_rules_that_are_no_list(machine: Machine) -> None:
    """One rule alone is not a list of rules."""
    (told,) = machine.problems(f"{HEAD}    {{action: drop}}\n")

    assert "a block of keys; accepted: a list of rules" in told


@pytest.mark.integration
def test_prometheus_agrees(machine: Machine, tmp_path: Path) -> None:
    """Its own checker takes what is taken here and refuses what is refused here."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    # what does not fit into 64 bits it takes without a word, as some other number
    blocks = [block for block in (*TAKEN, *REFUSED) if f"modulus: {2**64}" not in block]
    file = tmp_path / "prometheus.yml"
    verdicts = {}
    for block in blocks:
        file.write_text(f"{HEAD}  - {block}\n")
        command = ["promtool", "check", "config", str(file)]
        verdicts[block] = subprocess.run(command, capture_output=True, check=False).returncode == 0

    assert verdicts == {block: is_taken(machine, block) for block in blocks}


def is_taken(machine: Machine, block: str) -> bool:
    """Whether the settings take this rule."""
    try:
        machine.load(f"{HEAD}  - {block}\n")
    except ConfigError:
        return False
    return True
