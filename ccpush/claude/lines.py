"""What holds of every line, whatever it adds: its time and session, or why it is skipped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ccpush.claude.decode import MAX_SURPRISING_BYTES, Skip, time_and_session
from ccpush.claude.facts import Facts, Seen
from ccpush.claude.timestamps import Clock

# Rows without a time (titles, modes) are written again behind the last that has one.
_LAST_LINES: Final = 16


class Lines:
    """Counts lines, and follows the sessions that they are of."""

    __slots__ = ("_clock", "_last_lines", "_seconds", "_session", "_session_name", "facts")

    def __init__(self) -> None:
        self.facts = Facts()
        self._clock = Clock()
        self._seconds = self._clock.seconds
        self._last_lines: list[bytes] = []
        # rows of one session follow one another
        self._session_name: str | None = None
        self._session = Seen(0, None)

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
        ts_s = -1 if timestamp is None else self._seconds(timestamp)
        if ts_s < 0:
            reason = "no_timestamp" if timestamp is None else "bad_timestamp"
            self.facts.skipped[reason] += 1
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

    def _taken(self, lines: Sequence[bytes]) -> None:
        self.facts.lines += len(lines)
        self._last_lines = [
            line for line in lines[-_LAST_LINES:] if len(line) <= MAX_SURPRISING_BYTES
        ]
