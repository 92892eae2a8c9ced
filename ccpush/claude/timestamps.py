"""When a row was written: ISO 8601 text to whole seconds since 1970.

Claude Code writes UTC with milliseconds and ``Z``; other writers leave the zone out, which is read
as UTC. Anything outside 2020 to 2099 is no time that a row can have. What claims to be later than
now is one: this machine's clock may be the one that is wrong, and a row is read once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

EARLIEST_S: Final = 1_577_836_800
# 2100-01-01
END_S: Final = 4_102_444_800

_FRACTIONS: Final = frozenset(f"{ms:03d}" for ms in range(1000))
_SECONDS: Final = {f":{second:02d}.": second for second in range(60)}


class Clock:
    """Parses timestamps; remembers minutes, because rows come many to the minute."""

    __slots__ = ("_minutes",)

    def __init__(self) -> None:
        self._minutes: dict[str, int] = {}

    def seconds(self, text: str) -> int:
        """Return the second, or -1 when the text is no time that a row can have."""
        start = self._minutes.get(text[:16])
        if start is not None and len(text) == 24 and text[23] == "Z":
            second = _SECONDS.get(text[16:20])
            # what is taken must not depend on whether the minute was met before
            if second is not None and text[20:23] in _FRACTIONS:
                return start + second
        return self._parse(text)

    def _parse(self, text: str) -> int:
        try:
            when = datetime.fromisoformat(text)
            if when.tzinfo is None:
                when = when.replace(tzinfo=UTC)
            second = int(when.timestamp())
        except (ValueError, OverflowError):
            return -1
        if not EARLIEST_S <= second < END_S:
            return -1
        if len(text) == 24 and text[23] == "Z" and text[16] == ":":
            self._minutes[text[:16]] = second - second % 60
        return second
