"""What the commands of a command line make together, by the operators between them.

If all succeeds, everything joined by ``;``, ``&``, ``|``, ``&&`` and newlines runs. What is behind
``||`` or ``else`` runs in place of what is before it, so the larger of the two counts.
"""

from __future__ import annotations

from typing import Final

# Commits and pull requests.
Outcomes = tuple[int, int]
NONE: Final[Outcomes] = (0, 0)

# They begin what runs in place of all before them.
BRANCHES: Final = frozenset({"else", "elif", ";;", ";&", ";;&"})


def total(some: Outcomes, others: Outcomes) -> Outcomes:
    """What two commands make that both run."""
    return some[0] + others[0], some[1] + others[1]


def _most(some: Outcomes, others: Outcomes) -> Outcomes:
    return max(some[0], others[0]), max(some[1], others[1])


class Tally:
    """What a sequence of commands makes, by the operators between them."""

    __slots__ = ("branches", "is_alternative", "is_fresh", "list", "pipeline", "sequence")

    def __init__(self) -> None:
        self.branches = self.sequence = self.list = self.pipeline = NONE
        self.is_alternative, self.is_fresh = False, True

    def add(self, outcomes: Outcomes) -> None:
        """Take what a command makes."""
        self.pipeline = total(self.pipeline, outcomes)
        self.is_fresh = False

    def join(self, operator: str) -> None:
        """Take the operator, newline or reserved word behind the last command.

        ``&&`` and ``||`` bind alike and to the left, pipelines more tightly, the rest less.
        """
        if operator in ("|", "|&") or (operator == "\n" and self.is_fresh):
            return
        self.list = (_most if self.is_alternative else total)(self.list, self.pipeline)
        self.pipeline, self.is_fresh = NONE, True
        self.is_alternative = operator == "||"
        if operator not in ("&&", "||"):
            self.sequence, self.list = total(self.sequence, self.list), NONE
        if operator in BRANCHES:
            self.branches, self.sequence = _most(self.branches, self.sequence), NONE

    def outcomes(self) -> Outcomes:
        """What all of it makes; nothing may be added afterwards."""
        self.join(";;")
        return self.branches
