"""What the rules of ``write_relabel_configs:`` say, under the conditions that Prometheus sets.

A rule that Prometheus would not load is refused here too, with the key that is at fault; what a
regular expression of its kind (RE2) means is settled in :mod:`ccpush.config.re2`.
Spec: ``<relabel_config>`` on Prometheus's configuration page, and its package model/relabel.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import get_args

from ccpush.config.nodes import Block, is_null, shown
from ccpush.config.reader import ListOf, Value
from ccpush.config.report import WRONG, Item, Report
from ccpush.config.settings import RelabelAction, RelabelRule
from ccpush.config.table import Rule, Table, Values
from ccpush.config.texts import RefusedError

_LABEL_NAME = r"[a-zA-Z_][a-zA-Z0-9_]*"
_REFERENCE = r"\$(?:\{[a-zA-Z0-9_]+\}|[a-zA-Z0-9_])"
# letters, digits and _ with $1 or ${1} among them, not beginning with a digit
_TEMPLATE = rf"(?:[a-zA-Z_]|{_REFERENCE})(?:[a-zA-Z0-9_]|{_REFERENCE})*"
# Prometheus keeps 64 bits
_MAX_MODULUS = 2**64 - 1
_MAX_DIGITS = 20

_TARGETED = ("replace", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal")
_USELESS: dict[RelabelAction, tuple[str, ...]] = {
    "lowercase": ("replacement",),
    "uppercase": ("replacement",),
    "keepequal": ("regex", "modulus", "separator", "replacement"),
    "dropequal": ("regex", "modulus", "separator", "replacement"),
    "labeldrop": ("source_labels", "target_label", "modulus", "separator", "replacement"),
    "labelkeep": ("source_labels", "target_label", "modulus", "separator", "replacement"),
}
_LABEL = "a label's name (letters, digits and _, not beginning with a digit)"
_LABEL_TEMPLATE = f"{_LABEL}, in which $1 or ${{1}} may stand"


def _action(text: str) -> RelabelAction:
    action: RelabelAction
    for action in get_args(RelabelAction):
        if text.lower() == action:
            return action
    raise RefusedError("in any case")


def _source_label(text: str) -> str:
    if not re.fullmatch(_LABEL_NAME, text):
        raise RefusedError("letters, digits and _, not beginning with a digit")
    return text


def _modulus(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > _MAX_DIGITS:
        raise RefusedError("in decimal digits")
    if int(text) > _MAX_MODULUS:
        raise RefusedError("at most 64 bits")
    return int(text)


def _regex(text: str) -> str:
    # imported late: most files have no rules
    from ccpush.config.re2 import translate

    translate(text)
    return text


_ANY_TEXT = Value("a text")
_ACTION = Value(f"one of {', '.join(get_args(RelabelAction))}", _action)
_KEYS: dict[str, Rule] = {
    "source_labels": ListOf(Value("a label's name", _source_label), "a list of labels' names"),
    "separator": _ANY_TEXT,
    "regex": Value("a regular expression of RE2", _regex),
    "modulus": Value("a whole number", _modulus, frozenset(("int",))),
    "target_label": _ANY_TEXT,
    "replacement": _ANY_TEXT,
    "action": _ACTION,
}


def _rule(values: Values, item: Item, report: Report) -> object:
    if "action" in _nulls(item):
        return report.wrong(item.key("action"), "nothing", _ACTION.accepted)
    told = len(report.problems)
    given = {**_written_empty(item), **values}
    rule = RelabelRule(**given)
    _check_useless(rule, given, item, report)
    _check_names(rule, item, report)
    return rule if len(report.problems) == told else WRONG


def _nulls(item: Item) -> Collection[str]:
    entries = item.node.entries if isinstance(item.node, Block) else {}
    return [key for key, node in entries.items() if is_null(node)]


def _written_empty(item: Item) -> Values:
    # for Prometheus these, written without a value, are empty and not the default
    texts = ("separator", "regex", "replacement")
    return {key: "" for key in _nulls(item) if key in texts}


def _check_useless(rule: RelabelRule, given: Values, item: Item, report: Report) -> None:
    """Prometheus refuses keys that an action has no use for, unless they say the default."""
    default = RelabelRule()
    for key in _USELESS.get(rule.action, ()):
        always = key in ("regex", "source_labels") and key in given
        if always or getattr(rule, key) != getattr(default, key):
            report.wrong(item.key(key), f"a key without use for {rule.action}", _useful(rule))


def _useful(rule: RelabelRule) -> str:
    useless = (*_USELESS[rule.action], "action")
    return f"beside action only {', '.join(key for key in _KEYS if key not in useless)}"


def _check_names(rule: RelabelRule, item: Item, report: Report) -> None:
    target = item.key("target_label")
    if rule.action in _TARGETED and not rule.target_label:
        report.wrong(target, shown(target.node), f"a label's name, which {rule.action} needs")
    elif rule.action == "replace":
        if not re.fullmatch(_TEMPLATE, rule.target_label):
            report.wrong(target, shown(target.node), _LABEL_TEMPLATE)
    elif rule.action in _TARGETED and not re.fullmatch(_LABEL_NAME, rule.target_label):
        report.wrong(target, shown(target.node), _LABEL)
    if rule.action == "labelmap" and not re.fullmatch(_TEMPLATE, rule.replacement):
        replacement = item.key("replacement")
        report.wrong(replacement, shown(replacement.node), _LABEL_TEMPLATE)
    if rule.action == "hashmod" and not rule.modulus:
        modulus = item.key("modulus")
        report.wrong(modulus, shown(modulus.node), "a whole number from 1, which hashmod needs")


RELABEL_RULES = ListOf(
    Table(_KEYS, _rule), "a list of rules, such as - {action: labeldrop, regex: user}"
)
