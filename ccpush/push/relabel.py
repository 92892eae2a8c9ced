"""What becomes of a series' labels under ``write_relabel_configs``? Exactly what Prometheus makes.

Every rule sees what the ones before it left; the metric's name is the label ``__name__``. Nothing
is sent, counted or remembered here. Labels whose names begin with ``__`` stay, as Prometheus leaves
them in remote-write, and names are not checked: both are for whoever sends.
Spec: ``<relabel_config>`` on Prometheus's configuration page, and its package model/relabel; where
versions differ, the newest (an empty value takes away a label whose name was made from ``$1``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable

from ccpush.config.re2 import translate
from ccpush.config.settings import RelabelRule
from ccpush.metrics.samples import Labels
from ccpush.push.templates import expansion

# changes the labels in place; False when the series is dropped
_Step = Callable[[dict[str, str]], bool]
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class Relabeling:
    """The rules of one sink, ready to be applied.

    Raises :class:`ccpush.config.texts.RefusedError` for a regular expression that the settings
    would not have taken.
    """

    def __init__(self, rules: Iterable[RelabelRule]) -> None:
        self._steps = tuple(_STEPS[rule.action](rule) for rule in rules)

    def apply(self, labels: Labels) -> Labels | None:
        """The labels after all rules, sorted by name and none empty; None when it is dropped.

        ``labels`` has ``__name__`` among it. A series that no label is left of is dropped. The
        result depends on the labels alone, so that callers may keep it.
        """
        if not self._steps:
            return labels
        left = dict(labels)
        if not all(step(left) for step in self._steps):
            return None
        return tuple(sorted((name, value) for name, value in left.items() if value)) or None


def _source(rule: RelabelRule) -> Callable[[dict[str, str]], str]:
    names, separator = rule.source_labels, rule.separator
    if len(names) == 1:
        (name,) = names
        return lambda labels: labels.get(name, "")
    return lambda labels: separator.join([labels.get(name, "") for name in names])


def _matcher(rule: RelabelRule) -> Callable[[str], re.Match[str] | None]:
    return re.compile(translate(rule.regex).pattern).fullmatch


def _set(labels: dict[str, str], name: str, value: str) -> None:
    if value:
        labels[name] = value
    else:
        labels.pop(name, None)


def _keep(rule: RelabelRule) -> _Step:
    source, match, wanted = _source(rule), _matcher(rule), rule.action == "keep"
    return lambda labels: (match(source(labels)) is not None) == wanted


def _keep_equal(rule: RelabelRule) -> _Step:
    source, target, wanted = _source(rule), rule.target_label, rule.action == "keepequal"
    return lambda labels: (labels.get(target, "") == source(labels)) == wanted


def _replace(rule: RelabelRule) -> _Step:
    source, match = _source(rule), _matcher(rule)
    names = translate(rule.regex).names
    target, replacement = expansion(rule.target_label, names), expansion(rule.replacement, names)

    def step(labels: dict[str, str]) -> bool:
        found = match(source(labels))
        if found is not None:
            name = target(found)
            if _LABEL_NAME.fullmatch(name):
                _set(labels, name, replacement(found))
        return True

    return step


def _setting(rule: RelabelRule, made_of: Callable[[str], str]) -> _Step:
    """The step that sets the target to something made of the source, without an expression."""
    source, target = _source(rule), rule.target_label

    def step(labels: dict[str, str]) -> bool:
        _set(labels, target, made_of(source(labels)))
        return True

    return step


def _lowercase(rule: RelabelRule) -> _Step:
    return _setting(rule, _lowered)


def _uppercase(rule: RelabelRule) -> _Step:
    return _setting(rule, _raised)


def _hashmod(rule: RelabelRule) -> _Step:
    def remainder(value: str) -> str:
        digest = hashlib.md5(value.encode("utf-8", "replace"), usedforsecurity=False).digest()
        # the last eight bytes, as Prometheus has it since its first version
        return str(int.from_bytes(digest[8:], "big") % rule.modulus)

    return _setting(rule, remainder)


def _labelmap(rule: RelabelRule) -> _Step:
    match, replacement = _matcher(rule), expansion(rule.replacement, translate(rule.regex).names)

    def step(labels: dict[str, str]) -> bool:
        # by name, as Prometheus has them: where two become one, the last one stays
        for name, value in sorted(labels.items()):
            found = match(name)
            if found is not None:
                _set(labels, replacement(found), value)
        return True

    return step


def _labeldrop(rule: RelabelRule) -> _Step:
    match, dropped = _matcher(rule), rule.action == "labeldrop"

    def step(labels: dict[str, str]) -> bool:
        for name in [name for name in labels if (match(name) is not None) == dropped]:
            del labels[name]
        return True

    return step


def _lowered(text: str) -> str:
    if text.isascii():
        return text.lower()
    # Prometheus maps letter by letter, to one letter each
    return "".join(char.lower()[0] for char in text)


def _raised(text: str) -> str:
    if text.isascii():
        return text.upper()
    return "".join(_raised_letter(char) for char in text)


def _raised_letter(char: str) -> str:
    for raised in (char.upper(), char.title()):
        if len(raised) == 1:
            return raised
    return char


_STEPS: dict[str, Callable[[RelabelRule], _Step]] = {
    "keep": _keep,
    "drop": _keep,
    "keepequal": _keep_equal,
    "dropequal": _keep_equal,
    "replace": _replace,
    "lowercase": _lowercase,
    "uppercase": _uppercase,
    "hashmod": _hashmod,
    "labelmap": _labelmap,
    "labeldrop": _labeldrop,
    "labelkeep": _labeldrop,
}
