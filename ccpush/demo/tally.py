"""Takes down what an invented home holds while it is being invented.

The inventor tells the tally of each thing once, when it happens in the story; copies of it that it
then writes to disk are never told. So the truth owes nothing to any reader of the files.
"""

from __future__ import annotations

from collections import Counter

from ccpush.demo.calls import Call
from ccpush.demo.truth import Friction, ImportedDay, Spent, Truth, Work

# tools whose calls somebody decides on as edits
_EDITS = frozenset({"Edit", "MultiEdit", "Write", "NotebookEdit"})
_DECIDED = {"ok": "accept", "denied": "reject", "interrupted": "reject"}


class Tally:
    """Takes down what happens in the story; each thing is told once."""

    def __init__(self) -> None:
        self.spent: list[Spent] = []
        self.user_rows = 0
        self.sessions: set[str] = set()
        self.tool_calls: Counter[str] = Counter()
        self.stop_reasons: Counter[str] = Counter()
        self.server_fetches = 0
        self.prompts = 0
        self.active_s: Counter[str] = Counter()
        self.turn_durations_ms: list[int] = []
        self.hook_durations_ms: list[int] = []
        self.compact_pre_tokens: list[int] = []
        self.addresses: set[str] = set()
        self._lines: Counter[str] = Counter()
        self._commits = 0
        self._requests_without_address = 0
        self._decisions: Counter[tuple[str, str, str, str]] = Counter()
        self._tool_errors: Counter[tuple[str, str]] = Counter()
        self._statuses: Counter[str] = Counter()
        self._retry_waits_ms: list[float] = []
        self._compactions: Counter[str] = Counter()
        self._dropped_tokens = 0

    def api_error(self, status: int | None, retry_in_ms: float | None = None) -> None:
        """One failed request; one with a wait before the next attempt is retried."""
        self._statuses["unknown" if status is None else str(status)] += 1
        if retry_in_ms is not None:
            self._retry_waits_ms.append(retry_in_ms)

    def compaction(self, trigger: str, pre_tokens: int, post_tokens: int | None) -> None:
        """One compaction; ``post_tokens`` None when its row does not say what was left."""
        self._compactions[trigger] += 1
        self.compact_pre_tokens.append(pre_tokens)
        if post_tokens is not None:
            self._dropped_tokens += pre_tokens - post_tokens

    def result(self, call: Call, *, structured: bool) -> None:
        """What a tool call came to; ``structured`` when its row tells more than a text."""
        if call.ending != "ok":
            self._tool_errors[call.name, call.ending] += 1
        if call.name in _EDITS and call.ending in _DECIDED:
            decided = (call.name, _DECIDED[call.ending], call.source)
            self._decisions[*decided, call.suffix] += 1
        if call.ending != "ok":
            return
        lines = call.lines if structured else call.lines_asked_for
        self._lines["added"] += lines.added
        self._lines["removed"] += lines.removed
        self._commits += call.commits
        if call.proposes == "":
            self._requests_without_address += 1
        elif call.proposes is not None:
            self.addresses.add(call.proposes)

    def truth(
        self, *, active_session_id: str, span_ms: tuple[int, int], imported: tuple[ImportedDay, ...]
    ) -> Truth:
        """Everything told so far."""
        server_searches = sum(one.searches for one in self.spent)
        return Truth(
            spent=tuple(self.spent),
            messages=self.user_rows + len(self.spent),
            sessions=len(self.sessions),
            tool_calls=dict(self.tool_calls),
            stop_reasons=dict(self.stop_reasons),
            api_errors=self._statuses.total(),
            api_retries=len(self._retry_waits_ms),
            compact_pre_tokens=tuple(self.compact_pre_tokens),
            turn_durations_ms=tuple(self.turn_durations_ms),
            web_searches=self.tool_calls["WebSearch"] + server_searches,
            web_fetches=self.tool_calls["WebFetch"] + self.server_fetches,
            work=self._work(),
            friction=self._friction(),
            active_session_id=active_session_id,
            first_row_ms=span_ms[0],
            last_row_ms=span_ms[1],
            imported=imported,
        )

    def _work(self) -> Work:
        return Work(
            prompts=self.prompts,
            active_s=dict(self.active_s),
            lines=dict(self._lines),
            commits=self._commits,
            pull_requests=len(self.addresses) + self._requests_without_address,
            decisions=dict(self._decisions),
        )

    def _friction(self) -> Friction:
        return Friction(
            tool_errors=dict(self._tool_errors),
            statuses=dict(self._statuses),
            retry_waits_ms=tuple(self._retry_waits_ms),
            compactions=dict(self._compactions),
            dropped_tokens=self._dropped_tokens,
            hook_durations_ms=tuple(self.hook_durations_ms),
        )
