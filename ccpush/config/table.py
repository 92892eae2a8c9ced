"""How a block with known keys is read: every key has a rule, and an unknown one is a mistake.

What has no effect in ccpush is noted, never silent; what must not be passed over is refused by
its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ccpush.config.nodes import Block, is_null, shown
from ccpush.config.reader import Reader
from ccpush.config.report import WRONG, Item, Report, closest

Values = dict[str, Any]
Build = Callable[[Values, Item, Report], object]


class Noted(msgspec.Struct, frozen=True):
    """A key that is checked and then has no effect; a note says why."""

    reader: Reader
    why: str


class Refused(msgspec.Struct, frozen=True):
    """A key that must not be passed over silently, and that ccpush cannot obey."""

    accepted: str
    found: str = "a setting that ccpush does not support"


Rule = Reader | Noted | Refused


def as_dict(values: Values, item: Item, report: Report) -> Values:  # noqa: ARG001
    """The keys as they were read, for a block that is no thing of its own."""
    return values


class Table(msgspec.Struct, frozen=True):
    """A block with known keys; ``build`` makes the value once every key is right.

    A key without a value counts as not given. Of each group in ``at_most_one`` one key may be
    given, of each in ``exactly_one`` one must. ``secret`` hides what stands in place of a block:
    it is probably the secret itself.
    """

    keys: Mapping[str, Rule]
    build: Build = as_dict
    at_most_one: tuple[tuple[str, ...], ...] = ()
    exactly_one: tuple[tuple[str, ...], ...] = ()
    secret: bool = False

    @property
    def accepted(self) -> str:
        """The keys that do something here."""
        return f"a block with the keys {self._names()}"

    def read(self, item: Item, report: Report) -> object:
        """See :class:`Reader`."""
        if not isinstance(item.node, Block):
            return report.wrong(item, shown(item.node, secret=self.secret), self.accepted)
        told = len(report.problems)
        values: Values = {}
        for key in item.node.entries:
            self._read_key(key, item.key(key), values, report)
        self._check_groups(item, report)
        self._note_keys_without_effect(item, report)
        return self.build(values, item, report) if len(report.problems) == told else WRONG

    def _names(self) -> str:
        rules = self.keys.items()
        return ", ".join(key for key, rule in rules if not isinstance(rule, Noted | Refused))

    def _read_key(self, key: str, item: Item, values: Values, report: Report) -> None:
        rule = self.keys.get(key)
        if rule is None:
            near = closest(key, self.keys)
            meant = f" (did you mean {near[0]}?)" if near else ""
            report.wrong(item, "a key that does not exist here", self._names() + meant)
        elif is_null(item.node):
            return
        elif isinstance(rule, Refused):
            report.wrong(item, rule.found, rule.accepted)
        elif isinstance(rule, Noted):
            rule.reader.read(item, report)
        else:
            values[key] = rule.read(item, report)

    def _check_groups(self, item: Item, report: Report) -> None:
        for group in self.at_most_one + self.exactly_one:
            given = [key for key in group if not is_null(item.key(key).node)]
            if len(given) > 1:
                report.wrong(item, " and ".join(given), f"only one of {', '.join(group)}")
        for group in self.exactly_one:
            if all(is_null(item.key(key).node) for key in group):
                missing = item.key(group[0])
                words = [f"{key} ({self._accepted_by(key)})" for key in group]
                report.wrong(missing, "nothing", " or ".join(words))

    def _accepted_by(self, key: str) -> str:
        rule = self.keys[key]
        return rule.accepted if not isinstance(rule, Noted) else rule.reader.accepted

    def _note_keys_without_effect(self, item: Item, report: Report) -> None:
        reasons: dict[str, list[str]] = {}
        for key, rule in self.keys.items():
            if isinstance(rule, Noted) and not is_null(item.key(key).node):
                reasons.setdefault(rule.why, []).append(key)
        for why, keys in reasons.items():
            report.note(item, f"{', '.join(keys)}: accepted, but without effect ({why})")
