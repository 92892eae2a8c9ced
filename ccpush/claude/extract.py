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
from ccpush.claude.amounts import API_ERROR, counts_of, increments_of
from ccpush.claude.decode import (
    MAX_SURPRISING_BYTES,
    Skip,
    decode,
    time_and_session,
)
from ccpush.claude.facts import (
    Counts,
    Event,
    Facts,
    Increments,
    Observed,
    Seen,
    Series,
    largest,
)
from ccpush.claude.model_names import UNKNOWN, normalise
from ccpush.claude.records import Assistant, Block, Message, Progress, System, User
from ccpush.claude.timestamps import Clock

VERSION: Final = 1

SYNTHETIC: Final = "<synthetic>"
MAX_LABEL_CHARACTERS: Final = 100
# Rows without a time (titles, modes) are written again behind the last that has one.
_LAST_LINES: Final = 16
_SEARCH_TOOLS: Final = {"WebSearch": f.WEB_SEARCHES, "WebFetch": f.WEB_FETCHES}


class Extractor:
    """Folds lines into :class:`Facts`; one per chunk."""

    __slots__ = ("_clock", "_last_lines", "_session", "_session_name", "facts")

    def __init__(self) -> None:
        self.facts = Facts()
        self._clock = Clock()
        self._last_lines: list[bytes] = []
        # rows of one session follow one another
        self._session_name: str | None = None
        self._session = Seen(0, None)

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
            else:
                self._system(row)
        self.facts.lines += len(lines)
        self._last_lines = [
            line for line in lines[-_LAST_LINES:] if len(line) <= MAX_SURPRISING_BYTES
        ]

    def too_long(self) -> None:
        """Count a line that was longer than anything a row can be, and was not read."""
        self.facts.lines += 1
        self.facts.skipped["too_long"] += 1

    def half_line(self) -> None:
        """Count a line that was left unfinished; should it be finished yet, it is read then."""
        self.facts.lines += 1
        self.facts.skipped["half_line"] += 1

    def end_of_file(self) -> None:
        """Note how far a session reaches: its last row may carry nothing else."""
        lines, self._last_lines = self._last_lines, []
        for line in reversed(lines):
            timestamp, session = time_and_session(line)
            if timestamp is not None and session is not None:
                ts_s = self._clock.seconds(timestamp)
                if ts_s >= 0:
                    self._see(session, ts_s, main=False)
                    return

    def _skip(self, skip: Skip) -> None:
        self.facts.skipped[skip.reason] += 1
        if skip.unknown_type is not None:
            self.facts.unknown_types[skip.unknown_type] += 1

    def _time(self, timestamp: str | None) -> int:
        """Return the second, or -1 after counting why there is none."""
        if timestamp is None:
            self.facts.skipped["no_timestamp"] += 1
            return -1
        ts_s = self._clock.seconds(timestamp)
        if ts_s < 0:
            self.facts.skipped["bad_timestamp"] += 1
        return ts_s

    def _see(self, session: str | None, ts_s: int, *, main: bool) -> None:
        if session != self._session_name:
            if session is None:
                return
            self._session = self.facts.sessions.setdefault(session, Seen(ts_s, None))
            self._session_name = session
        seen = self._session
        # not max(): this is asked for every row
        if ts_s > seen.last_s:  # noqa: PLR1730
            seen.last_s = ts_s
        if main and seen.main_s is None:
            seen.main_s = ts_s

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

    def _event(self, uuid: str | None, ts_s: int, increments: Increments) -> None:
        if uuid is None:
            self.facts.skipped["no_key"] += 1
            return
        increments = self.facts.set_apart("row", uuid, ts_s, increments)
        if uuid in self.facts.events:
            self.facts.duplicates += 1
        else:
            self.facts.events[uuid] = Event(ts_s, increments)

    def _assistant(self, row: Assistant) -> None:
        ts_s = self._time(row.timestamp)
        if ts_s < 0:
            return
        main = not row.isSidechain
        self._see(row.sessionId, ts_s, main=main)
        message = row.message
        if row.isApiErrorMessage:
            self._event(row.uuid, ts_s, API_ERROR)
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
            return
        ts_s = self._time(inner.timestamp or row.timestamp)
        if ts_s < 0:
            return
        self._see(row.sessionId, ts_s, main=False)
        if inner.isApiErrorMessage:
            self._event(inner.uuid, ts_s, API_ERROR)
        elif inner.message.model == SYNTHETIC:
            self.facts.skipped["synthetic"] += 1
        else:
            key = inner.message.id or inner.requestId or inner.uuid
            self._response(key, inner.message, ts_s, row.sessionId, main=False)

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
                call = block.id or f"{key}#{position}"
                if call not in self.facts.tool_calls:
                    self.facts.tool_calls[call] = (label(block.name or UNKNOWN), ts_s)

    def _system(self, row: System) -> None:
        increments = increments_of(row)
        if increments is None:
            self.facts.skipped["bad_number"] += 1
            return
        if not increments:
            self.facts.skipped["no_metric"] += 1
            if row.timestamp is not None and (ts_s := self._clock.seconds(row.timestamp)) >= 0:
                self._see(row.sessionId, ts_s, main=not row.isSidechain)
            return
        ts_s = self._time(row.timestamp)
        if ts_s < 0:
            return
        self._see(row.sessionId, ts_s, main=not row.isSidechain)
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
