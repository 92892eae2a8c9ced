"""How long somebody, and Claude, was at work: the times between the rows of a main transcript.

An estimate: rows tell when they were written, and long gaps are capped. A *stretch* is what begins
with something that a person or a program put in and ends before the next; its key is that row's, so
that the copy of a conversation repeats nothing. The rule is in docs/counting.md.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ccpush.claude.keys import key_of

# what a person is granted for reading and typing before a prompt
USER_CAP_S: Final = 120
# the longest that a command may run
CLI_CAP_S: Final = 600
NOBODY: Final = 0


class Worked(NamedTuple):
    """Seconds that ended at ``ts_s``: a person's, or the program's."""

    ts_s: int
    user_s: int
    cli_s: int


class Standing(NamedTuple):
    """Where a file was left: in which stretch (NOBODY: in none), and its latest time."""

    stretch: int = NOBODY
    latest_s: int = 0


class Activity:
    """Follows the rows of one file after another; ``stretches`` is what was worked, by key."""

    __slots__ = ("_through_s", "_times", "_worked", "latest_s", "stretch", "stretches")

    def __init__(self) -> None:
        self.stretches: dict[int, list[Worked]] = {}
        self.stretch = NOBODY
        self.latest_s = 0
        # of the stretch: its times, None for nobody's, and through when a copy of it told them
        self._times: list[Worked] | None = None
        self._through_s = 0
        self._worked = 0

    @property
    def size(self) -> int:
        """How much was followed: stretches, and by the dozen what was worked in them."""
        return len(self.stretches) + self._worked // 12

    def resume(self, standing: Standing) -> None:
        """Go on in a file where it was left."""
        self.latest_s = standing.latest_s
        self._enter(standing.stretch)

    def standing(self) -> Standing:
        """Say where the file is left."""
        return Standing(self.stretch, self.latest_s)

    def begin(self, uuid: str | None, ts_s: int, *, by_person: bool) -> None:
        """Begin a stretch with a row that a person (or a program) put in."""
        # what comes before the first one of a file is nobody's
        begun = self.stretch != NOBODY
        self._enter(NOBODY if uuid is None else key_of("stretch", uuid))
        latest_s = self.latest_s
        if ts_s > latest_s:
            self.latest_s = ts_s
            if by_person and begun and self._times is not None and ts_s > self._through_s:
                gap_s = ts_s - max(latest_s, self._through_s)
                self._times.append(Worked(ts_s, min(gap_s, USER_CAP_S), 0))

    def go_on(self, ts_s: int) -> None:
        """Take a row that the program wrote: the time since the last one was its work."""
        latest_s = self.latest_s
        if ts_s > latest_s:
            self.latest_s = ts_s
            if latest_s and self._times is not None and ts_s > self._through_s:
                gap_s = ts_s - max(latest_s, self._through_s)
                self._times.append(Worked(ts_s, 0, min(gap_s, CLI_CAP_S)))

    def _enter(self, stretch: int) -> None:
        self._worked += len(self._times or ())
        self.stretch = stretch
        self._times = None if stretch == NOBODY else self.stretches.setdefault(stretch, [])
        self._through_s = self._times[-1].ts_s if self._times else 0
