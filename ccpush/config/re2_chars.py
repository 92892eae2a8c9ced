r"""Which characters does an escape or a class (``[]``) of RE2 stand for? Read from the text.

As ranges of code points; what they are repeated or grouped by is not looked at here. Spec:
https://github.com/google/re2/wiki/Syntax, as Go has it.
"""

from __future__ import annotations

import re

from ccpush.config import re2_classes as classes
from ccpush.config.re2_classes import Range
from ccpush.config.texts import RefusedError

_HEX = re.compile(r"x(?:\{([0-9A-Fa-f]{1,8})\}|([0-9A-Fa-f]{2}))")
_OCTAL = re.compile(r"0[0-7]{0,2}|[1-7][0-7]{1,2}")
_POSIX = re.compile(r"\[:(\^?)(.*?):\]", re.DOTALL)
_CONTROLS = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class Scanner:
    """An expression, and how far it was read; ``fold`` is the flag ``i``."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    @property
    def next(self) -> str:
        """The character that comes next, empty at the end."""
        return self.text[self.at : self.at + 1]

    def took(self, word: str) -> bool:
        """Whether this comes next; it is then behind us."""
        found = self.text.startswith(word, self.at)
        self.at += len(word) if found else 0
        return found

    def took_next(self) -> str:
        """The character that comes next, of which there must be one; it is then behind us."""
        self.at += 1
        return self.text[self.at - 1]

    def took_match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The match of what comes next, if it is one; it is then behind us."""
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return match

    def took_until(self, word: str) -> str | None:
        """All up to the next such word, None if there is none; both are then behind us."""
        end = self.text.find(word, self.at)
        if end < 0:
            return None
        start, self.at = self.at, end + len(word)
        return self.text[start:end]

    def perl_class(self, fold: bool) -> tuple[Range, ...] | None:
        r"""``\d`` and the like, after the backslash."""
        char = self.next
        if char in ("p", "P"):
            raise RefusedError(r"no classes of Unicode (\p), which Python's expressions have not")
        ranges = classes.PERL.get(char.lower())
        if ranges is None:
            return None
        self.at += 1
        if fold:
            ranges = classes.folded(ranges)
        return ranges if char.islower() else classes.inverted(ranges)

    def escaped_char(self) -> str:
        """The one character that an escape stands for, after the backslash."""
        if match := self.took_match(_HEX):
            code = int(match[1] or match[2], 16)
            if code > 0x10FFFF:
                raise RefusedError(r"\x{} up to 10FFFF")
            return chr(code)
        if match := self.took_match(_OCTAL):
            return chr(int(match[0], 8))
        if not self.next:
            raise RefusedError(r"\\ for a backslash")
        char = self.took_next()
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char in "123456789":
            raise RefusedError(r"no references back (\1), which RE2 has not")
        if char.isalnum() or not char.isascii():
            raise RefusedError(f"no \\{char}, which RE2 has not")
        return char

    def bracketed(self, fold: bool) -> tuple[Range, ...]:
        """``[…]`` after the opening bracket, as ranges."""
        negated = self.took("^")
        ranges: list[Range] = []
        first = True
        while first or not self.text.startswith("]", self.at):
            first = False
            ranges += self._class_item(fold)
        self.at += 1
        return classes.inverted(ranges) if negated else tuple(ranges)

    def _class_item(self, fold: bool) -> tuple[Range, ...]:
        posix = self._posix_class(fold)
        if posix is not None:
            return posix
        if self.took("\\"):
            group = self.perl_class(fold)
            if group is not None:
                return group
            self.at -= 1
        low = high = self._class_char()
        if self.text.startswith("-", self.at) and not self.text.startswith("-]", self.at):
            self.at += 1
            high = self._class_char()
        if high < low:
            raise RefusedError("in [] the smaller character of a range first")
        single = ((ord(low), ord(high)),)
        return classes.folded(single) if fold else single

    def _posix_class(self, fold: bool) -> tuple[Range, ...] | None:
        match = self.took_match(_POSIX)
        if match is None:
            return None
        ranges = classes.POSIX.get(match[2])
        if ranges is None:
            raise RefusedError("one of RE2's classes, such as [[:alpha:]]")
        if fold:
            ranges = classes.folded(ranges)
        return classes.inverted(ranges) if match[1] else ranges

    def _class_char(self) -> str:
        if not self.next:
            raise RefusedError("a ] for every [")
        return self.escaped_char() if self.took("\\") else self.took_next()
