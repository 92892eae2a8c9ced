"""How long somebody was at work in one transcript, reckoned as the story goes on.

The rule and its caps are those of ``docs/counting.md``. Only main transcripts have a presence:
what subagents do passes while their parent waits for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

_LONGEST_THOUGHT_S: Final = 120
_LONGEST_COMMAND_S: Final = 600


class Presence:
    """Adds seconds to ``active_s``, by ``user`` and ``cli``, as rows are written one by one."""

    def __init__(self, active_s: Counter[str], after: Mapping[str, int] | None = None) -> None:
        self._active_s = active_s
        # row id → the latest time of the rows that count up to it
        self._after = dict(after or {})
        self._latest_s = max(self._after.values(), default=None)
        self._begun = bool(self._after)

    def act(self, row_id: str, at_ms: int) -> None:
        """A person did something: the time before it was theirs, once they had begun."""
        self._spend("user", at_ms, _LONGEST_THOUGHT_S)
        self._begun = True
        self._reach(row_id, at_ms)

    def program(self, row_id: str, at_ms: int) -> None:
        """A program asked for something: the time before it was nobody's."""
        self._begun = True
        self._reach(row_id, at_ms)

    def work(self, row_id: str, at_ms: int) -> None:
        """The model or a tool said something."""
        self._spend("cli", at_ms, _LONGEST_COMMAND_S)
        self._reach(row_id, at_ms)

    def copied(self, row_ids: Iterable[str]) -> Presence:
        """The presence in a file that begins with copies of these rows, which add nothing again."""
        after = {row: self._after[row] for row in row_ids if row in self._after}
        return Presence(self._active_s, after)

    def _spend(self, whose: str, at_ms: int, at_most_s: int) -> None:
        if self._begun and self._latest_s is not None:
            passed_s = at_ms // 1000 - self._latest_s
            self._active_s[whose] += min(max(0, passed_s), at_most_s)

    def _reach(self, row_id: str, at_ms: int) -> None:
        self._latest_s = max(at_ms // 1000, self._latest_s or 0)
        self._after[row_id] = self._latest_s
