"""From rows to facts: what each line adds to the account, each response and event once.

The counting rule is the design's: a response's key is ``message.id``, else ``requestId``, else
``uuid``; of its rows the field-wise maximum counts, but copies in sidechains that come after a row
outside them count for nothing. What copies said before is noted apart: only the ledger knows
whether they came first. Raise VERSION whenever the same rows would yield other facts: files are
then read again. That finds only duplicates, but for families whose generation is the new version
(``facts.GENERATIONS``): they are recorded of every row that is left, also of those counted before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ccpush.claude import facts as f
from ccpush.claude.activity import Activity, Standing
from ccpush.claude.amounts import (
    PROMPT,
    counts_of,
    failed,
    hook_of,
    hooks_of,
    increments_of,
    status_of,
)
from ccpush.claude.calls import Calls
from ccpush.claude.decode import Skip, decode
from ccpush.claude.facts import (
    Counts,
    Event,
    Increments,
    KeyedFacts,
    Observed,
    Series,
    largest,
    packed,
)
from ccpush.claude.keys import by_key
from ccpush.claude.lines import Lines
from ccpush.claude.model_names import UNKNOWN, normalise
from ccpush.claude.prompts import put_by, waited
from ccpush.claude.records import (
    Assistant,
    Attachment,
    Block,
    Embedded,
    Message,
    PrLink,
    Progress,
    System,
    User,
)

VERSION: Final = 2

SYNTHETIC: Final = "<synthetic>"
MAX_LABEL_CHARACTERS: Final = 100
_SEARCH_TOOLS: Final = {"WebSearch": f.WEB_SEARCHES, "WebFetch": f.WEB_FETCHES}


class Extractor(Lines):
    """Folds lines into facts; one per chunk."""

    __slots__ = ("_activity", "_calls", "_resumed", "_tools")

    def __init__(self) -> None:
        super().__init__()
        self._calls = Calls()
        self._activity = Activity()
        self._resumed = False
        # tools by the names that rows have for them
        self._tools: dict[str, str] = {}

    def take_all(self, lines: Sequence[bytes]) -> None:
        """Add what complete lines say; never raises."""
        if not lines:
            return
        for line in lines:
            row = decode(line)
            if isinstance(row, Assistant):
                self._assistant(row)
            elif isinstance(row, User):
                self._user(row)
            elif isinstance(row, Skip):
                self._skip(row)
            elif isinstance(row, Progress):
                self._progress(row)
            elif isinstance(row, Attachment):
                self._attachment(row)
            elif isinstance(row, System):
                self._system(row)
            else:
                self._pr_link(row)
        self._taken(lines)

    @property
    def keys(self) -> int:
        """How many keys the ledger will have to look up; what a chunk's size is measured by."""
        keys = self.facts.keys + len(self._calls) + len(self.facts.sessions)
        return keys + self._activity.size

    def keyed(self) -> KeyedFacts:
        """Return all that was read, as the ledger takes it."""
        keyed = self.facts.keyed()
        keyed.calls = by_key("result", self._calls.open_calls())
        keyed.results = by_key("result", self._calls.open_results())
        keyed.repeated = by_key("result", self._calls.repeated_results())
        keyed.settled = packed(by_key("result", self._calls.settled))
        keyed.pulls = self._calls.pulls
        keyed.stretches = {key: times for key, times in self._activity.stretches.items() if times}
        return keyed

    def begin_file(self, standing: Standing, *, resumed: bool) -> None:
        """Go on in another file, where it was left; ``resumed`` when it was not at its start."""
        self._activity.resume(standing)
        self._resumed = resumed

    def standing(self) -> Standing:
        """Say where the file is left, for going on in it."""
        return self._activity.standing()

    def _user(self, row: User) -> None:
        ts_s = self._time(row.timestamp)
        if ts_s < 0:
            return
        facts = self.facts
        self._see(row.sessionId, ts_s, main=not row.isSidechain)
        if row.uuid is None:
            facts.skipped["no_key"] += 1
        elif row.uuid in facts.prompts:
            facts.duplicates += 1
        else:
            facts.prompts[row.uuid] = (ts_s, row.sessionId or "")
        self._put(row, ts_s)

    def _put(self, row: User, ts_s: int) -> None:
        """Take what a row of the user holds: a prompt, or what tools gave back."""
        if row.message is None:
            return
        content = row.message.content
        if isinstance(content, list) and self._results(content, row, ts_s):
            if not row.isSidechain and ts_s > self._activity.latest_s:
                self._activity.go_on(ts_s)
            return
        if row.isSidechain:
            return
        put = put_by(row)
        if put != "other":
            self._activity.begin(row.uuid, ts_s, by_person=put != "program")
        if put == "prompt" and row.uuid is not None:
            self.facts.set_apart("row", row.uuid, ts_s, PROMPT)

    def _results(self, content: list[Block], row: User | Embedded, ts_s: int) -> bool:
        """Take the results of tools; return whether there were any."""
        found = False
        for block in content:
            if block.type == "tool_result":
                found = True
                if block.tool_use_id is None:
                    continue
                call = block.tool_use_id
                if isinstance(row, User):
                    self._calls.answer(call, ts_s, block, row)
                else:
                    self._calls.repeat(call, ts_s, block, row, resumed=self._resumed)
        return found

    def _event(self, uuid: str | None, ts_s: int, increments: Increments) -> None:
        if uuid is not None:
            increments = self.facts.set_apart("row", uuid, ts_s, increments)
        self._first_seen(uuid, ts_s, increments)

    def _first_seen(self, uuid: str | None, ts_s: int, increments: Increments) -> None:
        """Take a row of a kind that no version before has kept: nothing of it is set apart."""
        if uuid is None:
            self.facts.skipped["no_key"] += 1
        elif uuid in self.facts.events:
            self.facts.duplicates += 1
        else:
            self.facts.events[uuid] = Event(ts_s, increments)

    def _assistant(self, row: Assistant) -> None:
        ts_s = self._time(row.timestamp)
        if ts_s < 0:
            return
        main = not row.isSidechain
        self._see(row.sessionId, ts_s, main=main)
        if main and ts_s > self._activity.latest_s:
            self._activity.go_on(ts_s)
        message = row.message
        if row.isApiErrorMessage:
            self._event(row.uuid, ts_s, failed(status_of(row.apiErrorStatus)))
        elif message is None:
            self.facts.skipped["no_message"] += 1
        elif message.model == SYNTHETIC:
            self.facts.skipped["synthetic"] += 1
        else:
            key = message.id or row.requestId or row.uuid
            self._response(key, message, ts_s, row.sessionId, main=main)

    def _progress(self, row: Progress) -> None:
        inner = row.data.message if row.data else None
        if inner is None or inner.type != "assistant" or inner.message is None:
            self.facts.skipped["no_metric"] += 1
            if inner is not None and inner.type == "user":
                self._embedded_results(inner, row.timestamp)
            return
        ts_s = self._time(inner.timestamp or row.timestamp)
        if ts_s < 0:
            return
        self._see(row.sessionId, ts_s, main=False)
        if inner.isApiErrorMessage:
            self._event(inner.uuid, ts_s, failed(status_of(inner.apiErrorStatus)))
        elif inner.message.model == SYNTHETIC:
            self.facts.skipped["synthetic"] += 1
        else:
            key = inner.message.id or inner.requestId or inner.uuid
            self._response(key, inner.message, ts_s, row.sessionId, main=False)

    def _embedded_results(self, inner: Embedded, timestamp: str | None) -> None:
        """Take what a subagent's tools gave back, if their calls were read before.

        The results lie in the subagent's own file too; they are not awaited here.
        """
        if inner.message is None or not isinstance(inner.message.content, list):
            return
        ts_s = self._clock.seconds(inner.timestamp or timestamp or "")
        if ts_s >= 0:
            self._results(inner.message.content, inner, ts_s)

    def _response(
        self, key: str | None, message: Message, ts_s: int, session: str | None, *, main: bool
    ) -> None:
        if key is None:
            self.facts.skipped["no_key"] += 1
            return
        counts = counts_of(message.usage)
        if counts is None:
            self.facts.skipped["bad_number"] += 1
            return
        known = self.facts.responses.get(key)
        if known is None:
            self.facts.responses[key] = Observed(
                main, ts_s, _model(message.model), session or "", counts, message.stop_reason, 1
            )
        else:
            _merge(known, counts, message.stop_reason, main=main)
        if isinstance(message.content, list):
            self._tool_calls(key, message.content, ts_s)

    def _tool_calls(self, key: str, content: list[Block], ts_s: int) -> None:
        for position, block in enumerate(content):
            if block.type == "tool_use":
                call, name = block.id or f"{key}#{position}", block.name or UNKNOWN
                tool = self._tools.get(name)
                if tool is None:
                    tool = self._tools[name] = label(name)
                if call not in self.facts.tool_calls:
                    self.facts.tool_calls[call] = (tool, ts_s)
                self._calls.open(call, tool, block)

    def _attachment(self, row: Attachment) -> None:
        increments = PROMPT if waited(row) else hook_of(row)
        if not increments:
            self.facts.skipped["no_metric"] += 1
            return
        ts_s = self._time(row.timestamp)
        if ts_s >= 0:
            self._see(row.sessionId, ts_s, main=False)
            self._first_seen(row.uuid, ts_s, increments)

    def _pr_link(self, row: PrLink) -> None:
        if row.prUrl is None:
            self.facts.skipped["no_metric"] += 1
            return
        ts_s = self._time(row.timestamp)
        if ts_s >= 0:
            self._first_seen(f"pull {row.prUrl}", ts_s, ())
            self._calls.link(row.prUrl, ts_s)

    def _system(self, row: System) -> None:
        increments = increments_of(row)
        if increments is None:
            self.facts.skipped["bad_number"] += 1
            return
        hooks = () if increments else hooks_of(row)
        if not increments and not hooks:
            self.facts.skipped["no_metric"] += 1
            if row.timestamp is not None and (ts_s := self._clock.seconds(row.timestamp)) >= 0:
                self._see(row.sessionId, ts_s, main=not row.isSidechain)
            return
        ts_s = self._time(row.timestamp)
        if ts_s < 0:
            return
        self._see(row.sessionId, ts_s, main=not row.isSidechain)
        if hooks:
            self._first_seen(row.uuid, ts_s, hooks)
        else:
            self._event(row.uuid, ts_s, increments)


def label(text: str) -> str:
    """Make a name from a transcript fit to be a label value: printable and of bounded length."""
    if text.isprintable() and len(text) <= MAX_LABEL_CHARACTERS:
        return text
    return "".join(c if c.isprintable() else "_" for c in text[:MAX_LABEL_CHARACTERS])


def search_series(tool: str) -> Series | None:
    """Say which web counter a call of this tool adds to, if any."""
    family = _SEARCH_TOOLS.get(tool)
    return Series(family) if family else None


def _model(name: str | None) -> str:
    return normalise(name) if name else UNKNOWN


def _merge(known: Observed, counts: Counts, stop_reason: str | None, *, main: bool) -> None:
    known.rows += 1
    # the first that is said holds, as it does over chunks
    if known.stop_reason is None:
        known.stop_reason = stop_reason
    if main and not known.main:
        known.main = True
        known.aside, known.counts = known.counts, counts
    elif main == known.main and counts != known.counts:
        known.counts = largest(known.counts, counts)
