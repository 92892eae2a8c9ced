"""Everything random in an invented home: identifiers and the passing of time.

One seeded generator feeds all of it, so the same seed tells the same story to the byte.
"""

from __future__ import annotations

import random
import uuid

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class Chance(random.Random):
    """A seeded generator that also deals identifiers in the shapes Claude Code uses."""

    def row_id(self) -> str:
        """A version 4 UUID."""
        return str(uuid.UUID(int=self.getrandbits(128), version=4))

    def message_id(self) -> str:
        """An API message id."""
        return "msg_01" + "".join(self.choices(_BASE58, k=22))

    def request_id(self) -> str:
        """An API request id."""
        return "req_011C" + "".join(self.choices(_BASE58, k=20))

    def tool_use_id(self) -> str:
        """A tool call's id."""
        return "toolu_01" + "".join(self.choices(_BASE58, k=22))

    def hex_id(self, digits: int) -> str:
        """``digits`` lower-case hexadecimal digits."""
        return f"{self.getrandbits(4 * digits):0{digits}x}"

    def signature(self) -> str:
        """What stands where a thinking block is signed."""
        return "".join(self.choices(_BASE64, k=120)) + "=="

    def often(self, chance: float) -> bool:
        """True with this probability."""
        return self.random() < chance


class Clock:
    """The time in one session, milliseconds since 1970; it nears its limit and never passes it."""

    def __init__(self, chance: Chance, start_ms: int, limit_ms: int) -> None:
        self._chance = chance
        self.now_ms = start_ms
        self._limit_ms = limit_ms

    @property
    def left_ms(self) -> int:
        """How long until the limit."""
        return self._limit_ms - self.now_ms

    def after(self, low_s: float, high_s: float) -> int:
        """Let some time pass and say what time it is then."""
        wanted_ms = int(self._chance.uniform(low_s, high_s) * 1000)
        # a fifth of what is left at most: a long tool call late in a session must leave room
        self.now_ms += min(wanted_ms, self.left_ms // 5)
        return self.now_ms
