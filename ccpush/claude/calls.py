"""What came of tool calls: each call, in a row of the assistant, is joined with its result.

The two rows may be read minutes apart: what finds no partner in a chunk goes to the ledger as it
is, and waits there. So neither holds any text: a call says what it would change, a result how it
went. The rules are in docs/counting.md.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from ccpush.claude import facts as f
from ccpush.claude.called_with import Call, Opened, call_of, may_bring
from ccpush.claude.facts import Event, Increments, Series
from ccpush.claude.records import NULL, Block, Embedded, User
from ccpush.claude.results import (
    COMMAND,
    EDITS,
    OK,
    Answered,
    Result,
    broken_off,
    pull_key,
    result_of,
    result_of_call,
)

if TYPE_CHECKING:
    import msgspec

_CHANGING: Final = EDITS - {"NotebookEdit"}
ACCEPT: Final = "accept"
REJECT: Final = "reject"
# rows do not tell who let an edit happen
UNKNOWN_SOURCE: Final = "unknown"
_ADDED: Final = Series(f.LINES, "added")
_REMOVED: Final = Series(f.LINES, "removed")
PULL_REQUEST: Final[Increments] = ((Series(f.PULL_REQUESTS), 1),)
# What waits keeps its row in memory. Larger parts, and all that comes after so many bytes, are
# understood at once.
_MAX_PART_BYTES: Final = 64 << 10
_MAX_KEPT_BYTES: Final = 16 << 20


class Settled(NamedTuple):
    """What a call and its result add together; ``pull`` is the key of a pull request's address."""

    increments: Increments
    pull: int | None


class Calls:
    """The calls and results of one chunk; use :meth:`open` and :meth:`answer` in reading order.

    ``settled`` is what whole calls add, by their id, and ``pulls`` the pull requests that rows
    named, by the key of their address.
    """

    __slots__ = (
        "_answered", "_done", "_kept_bytes", "_opened", "_quiet", "_repeated", "pulls", "settled",
    )  # fmt: skip

    def __init__(self) -> None:
        self._opened: dict[str, Opened | Call] = {}
        # the tools of those that add something only when they fail
        self._quiet: dict[str, str] = {}
        self._answered: dict[str, Answered | Result] = {}
        self._repeated: dict[str, Result] = {}
        self._kept_bytes = 0
        # copies of a call that is settled say nothing more
        self._done: set[str] = set()
        self.settled: dict[str, Event] = {}
        self.pulls: dict[int, Event] = {}

    def open(self, call: str, tool: str, block: Block) -> None:
        """Take a call."""
        if call in self._opened or call in self._quiet or call in self._done:
            return
        answered = self._answered.pop(call, None) if self._answered else None
        brings = tool in EDITS or (tool == COMMAND and may_bring(block.input))
        if answered is None and not brings:
            self._quiet[call] = tool
            return
        given = Opened(tool, block.input)
        opened = call_of(given) if self._too_large(block.input) else given
        if answered is None:
            self._opened[call] = opened
        else:
            self._settle(call, opened, answered)

    def answer(self, call: str, ts_s: int, block: Block, row: User | Embedded) -> None:
        """Take the result of a call."""
        if not self._answers(call, ts_s, block, row) and call not in self._answered:
            answered = Answered(ts_s, block, row.toolUseResult, row.toolDenialKind)
            large = self._too_large(block.content) or self._too_large(answered.told)
            self._answered[call] = result_of(answered) if large else answered

    def repeat(
        self, call: str, ts_s: int, block: Block, row: User | Embedded, *, resumed: bool
    ) -> None:
        """Take a result that is only a copy; it is of use only if its call was read before.

        That may have been in an earlier chunk when the file is ``resumed``.
        """
        answers = self._answers(call, ts_s, block, row)
        if not answers and resumed and call not in self._repeated:
            answered = Answered(ts_s, block, row.toolUseResult, row.toolDenialKind)
            self._repeated[call] = result_of(answered)

    def _answers(self, call: str, ts_s: int, block: Block, row: User | Embedded) -> bool:
        """Settle the call if it is open; return whether nothing is left to do."""
        tool = self._quiet.pop(call, None)
        went_well = not block.is_error and row.toolDenialKind is None
        # most calls change nothing that is counted, and go well
        if tool and went_well and not (tool == COMMAND and broken_off(row.toolUseResult)):
            self._done.add(call)
            return True
        opened = self._opened.pop(call, None) if tool is None else Opened(tool, NULL)
        if opened is None:
            return call in self._done
        self._settle(call, opened, Answered(ts_s, block, row.toolUseResult, row.toolDenialKind))
        return True

    def link(self, address: str, ts_s: int) -> None:
        """Take a pull request that a row names."""
        self._pull(pull_key(address.encode("utf-8", "replace")), ts_s)

    def open_calls(self) -> dict[str, Call]:
        """Return the calls that have no result in this chunk."""
        quiet = {call: Call(tool) for call, tool in self._quiet.items()}
        return quiet | {
            call: opened if isinstance(opened, Call) else call_of(opened)
            for call, opened in self._opened.items()
        }

    def open_results(self) -> dict[str, Result]:
        """Return the results that have no call in this chunk."""
        return {call: _understood(answered) for call, answered in self._answered.items()}

    def repeated_results(self) -> dict[str, Result]:
        """Return such results that do not wait for a call, but may belong to one read before."""
        return self._repeated

    def __len__(self) -> int:
        waiting = len(self._opened) + len(self._quiet) + len(self._answered) + len(self._repeated)
        return waiting + len(self.settled) + len(self.pulls)

    def _too_large(self, raw: msgspec.Raw) -> bool:
        """Whether keeping a part of a row, and with it the row, would take too much memory."""
        size_bytes = len(memoryview(raw))
        self._kept_bytes += size_bytes
        return size_bytes > _MAX_PART_BYTES or self._kept_bytes > _MAX_KEPT_BYTES

    def _pull(self, key: int, ts_s: int) -> None:
        self.pulls.setdefault(key, Event(ts_s, PULL_REQUEST))

    def _settle(self, call: str, opened: Opened | Call, answered: Answered | Result) -> None:
        self._done.add(call)
        outcomes, result = _may_bring(opened), answered
        if not isinstance(result, Result):
            result = result_of_call(result, opened.tool, outcomes=outcomes)
        if result.kind == OK and not outcomes and opened.tool not in EDITS:
            return
        if isinstance(opened, Opened):
            # what a command would have made is of no interest when it failed
            looked_at = outcomes or opened.tool in EDITS
            opened = call_of(opened, result) if looked_at else Call(opened.tool)
        settled = settle(opened, result)
        if settled is None:
            return
        if settled.increments:
            self.settled[call] = Event(result.ts_s, settled.increments)
        if settled.pull is not None:
            self._pull(settled.pull, result.ts_s)


def _understood(answered: Answered | Result) -> Result:
    return answered if isinstance(answered, Result) else result_of(answered)


def _may_bring(opened: Opened | Call) -> bool:
    if isinstance(opened, Call):
        return bool(opened.commits or opened.pull_requests)
    return opened.tool == COMMAND and may_bring(opened.input)


def settle(call: Call, result: Result) -> Settled | None:
    """Say what a call and its result add, None when nothing."""
    result = result.of(call.tool)
    increments: Increments = ()
    pull = None
    if result.kind != OK:
        increments += ((Series(f.TOOL_ERRORS, call.tool, result.kind), 1),)
    if call.tool in EDITS:
        increments += _decision(call.tool, result.kind, result.source, call.language)
    if result.kind == OK and call.tool in _CHANGING:
        increments += _lines(call, result)
    if result.kind == OK and call.commits and not result.nothing_to_commit:
        increments += ((Series(f.COMMITS), call.commits),)
    if result.kind == OK and call.pull_requests:
        pull = result.pull
        if pull is None:
            increments += PULL_REQUEST
    return Settled(increments, pull) if increments or pull is not None else None


@lru_cache(maxsize=1024)
def _decision(tool: str, kind: str, source: str | None, language: str) -> Increments:
    if kind == OK:
        told = f"{ACCEPT} {UNKNOWN_SOURCE}"
    elif source is not None:
        told = f"{REJECT} {source}"
    else:
        return ()
    return ((Series(f.EDIT_DECISIONS, tool, f"{told} {language}"), 1),)


def _lines(call: Call, result: Result) -> Increments:
    if result.changed is not None:
        added, removed = result.changed
    elif call.tool == "Write":
        added, removed = (call.added if result.created else 0), 0
    else:
        added, removed = call.added, call.removed
    found: Increments = ((_ADDED, added),) if added else ()
    return (*found, (_REMOVED, removed)) if removed else found
