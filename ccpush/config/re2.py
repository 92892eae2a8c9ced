r"""How is an expression of RE2, which Prometheus's settings have, said to Python? In its own words.

RE2 and Python give the same words different meanings (``$``, ``\d``, ``(?i)``, ``{,3}``), and each
has some that the other has not. What can be said exactly is translated, everything else is refused.
Nothing here matches anything. Spec: https://github.com/google/re2/wiki/Syntax, as Go has it.
"""

from __future__ import annotations

import re

import msgspec
from msgspec.structs import replace

from ccpush.config import re2_classes as classes
from ccpush.config.re2_chars import Scanner
from ccpush.config.texts import RefusedError

MAX_CHARS = 10_000
# Python's compiler recurses
MAX_DEPTH = 50
# as Go has it, for a repetition of repetitions their product
MAX_REPEAT = 1000
_COUNTED = re.compile(r"\{(0|[1-9][0-9]*)(?:(,)(0|[1-9][0-9]*)?)?\}")
_FLAGS = re.compile(r"\(\?([imsU]*)(-[imsU]+)?\)")
_SPECIAL_GROUP = re.compile(r"\?(?:P?<([0-9A-Za-z_]+)>|([imsU]*)(-[imsU]+)?:)")
# RE2 knows the words of ASCII only, and that there is no word's edge in nothing at all
_EDGES = {"A": r"\A", "z": r"\Z", "b": r"(?a:\b)", "B": r"(?a:(?!\b))"}


class Translated(msgspec.Struct, frozen=True):
    """A pattern for Python's re. ``names`` has the name of each group, empty for one without.

    The groups of the pattern are numbered as the original's and have no names.
    """

    pattern: str
    names: tuple[str, ...]


class _Flags(msgspec.Struct, frozen=True):
    i: bool = False
    m: bool = False
    s: bool = False
    U: bool = False

    def changed(self, on: str, off: str) -> _Flags:
        changes = dict.fromkeys(on, True) | dict.fromkeys(off.removeprefix("-"), False)
        return replace(self, **changes)


class _Piece(msgspec.Struct, frozen=True):
    """A piece of the pattern; ``times`` is how often its innermost part is repeated by count.

    ``empty`` when it may match nothing, ``groups`` when it holds groups that are numbered.
    """

    text: str
    times: int = 1
    empty: bool = False
    groups: bool = False


def translate(regex: str) -> Translated:
    """The same expression for Python's re; RefusedError, with what to write instead, if none is."""
    if len(regex) > MAX_CHARS:
        raise RefusedError(f"at most {MAX_CHARS} characters")
    return _Translation(regex).whole()


class _Translation:
    """Reads one expression from left to right."""

    def __init__(self, text: str) -> None:
        self._chars = Scanner(text)
        self._depth = 0
        self._names: list[str] = []

    def whole(self) -> Translated:
        body = self._alternatives(_Flags())
        if self._chars.next:
            raise RefusedError("a ( for every )")
        return Translated(body.text, tuple(self._names))

    def _alternatives(self, flags: _Flags) -> _Piece:
        """Up to the end of the text, or to the ``)`` of the group that this is the inside of."""
        groups_before = len(self._names)
        branches: list[list[_Piece]] = [[]]
        while self._chars.next not in ("", ")"):
            if self._chars.took("|"):
                branches.append([])
            elif match := self._flag_group():
                flags = flags.changed(match[1], match[2] or "")
            elif self._chars.took(r"\Q"):
                branches[-1] += self._quoted(flags)
            else:
                branches[-1].append(self._repeated(self._atom(flags), flags))
        return _Piece(
            "|".join("".join(piece.text for piece in branch) for branch in branches),
            max((piece.times for branch in branches for piece in branch), default=1),
            empty=any(all(piece.empty for piece in branch) for branch in branches),
            groups=len(self._names) > groups_before,
        )

    def _flag_group(self) -> re.Match[str] | None:
        """``(?i)``, which holds from here to the end of the group around it."""
        match = self._chars.took_match(_FLAGS)
        if match is not None and not match[1] and not match[2]:
            raise RefusedError("a flag after (?")
        return match

    def _quoted(self, flags: _Flags) -> list[_Piece]:
        chars = self._chars.took_until(r"\E")
        if chars is None:
            raise RefusedError(r"\E after \Q")
        literals = [_Piece(self._literal(char, flags)) for char in chars]
        if literals:
            literals[-1] = self._repeated(literals[-1], flags)
        return literals

    def _atom(self, flags: _Flags) -> _Piece:
        if self._repetition() is not None:
            raise RefusedError("something before each of * + ? {} that it repeats")
        char = self._chars.took_next()
        if char == "(":
            return self._group(flags)
        if char == "[":
            return _Piece(classes.written(self._chars.bracketed(flags.i)))
        if char == "\\":
            return self._escaped(flags)
        if char == ".":
            return _Piece("(?s:.)" if flags.s else r"[^\n]")
        if char in "^$":
            line, text = f"(?m:{char})", r"\A" if char == "^" else r"\Z"
            return _Piece(line if flags.m else text, empty=True)
        return _Piece(self._literal(char, flags))

    def _group(self, flags: _Flags) -> _Piece:
        numbered, special = True, self._chars.took_match(_SPECIAL_GROUP)
        if special is None:
            if self._chars.next == "?":
                raise RefusedError("no (?= (?! (?<= (?> and the like, which RE2 has not")
            self._names.append("")
        elif special[1]:
            self._names.append(special[1])
        else:
            numbered, flags = False, flags.changed(special[2], special[3] or "")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise RefusedError(f"groups at most {MAX_DEPTH} deep")
        body = self._alternatives(flags)
        self._depth -= 1
        if not self._chars.took(")"):
            raise RefusedError("a ) for every (")
        opening = "(" if numbered else "(?:"
        return replace(body, text=f"{opening}{body.text})", groups=numbered or body.groups)

    def _repeated(self, atom: _Piece, flags: _Flags) -> _Piece:
        """The atom with the repetition that follows it, if one does."""
        found = self._repetition()
        if found is None:
            return atom
        operator, low, high = found
        times = max(low, high or 0, 1) * atom.times
        if times > MAX_REPEAT:
            raise RefusedError(f"no more than {MAX_REPEAT} repetitions, those inside included")
        if high != 1 and atom.empty and atom.groups:
            # which of the rounds a group keeps is then not the same in RE2 and Python
            raise RefusedError("no repetition of what may be empty and has groups; use (?: for (")
        lazy = self._chars.took("?") != flags.U
        if self._repetition() is not None:
            raise RefusedError("one of * + ? {} at a time; RE2 has no possessive repetition")
        # Python repeats no bare \A
        text = f"(?:{atom.text}){operator}{'?' if lazy else ''}"
        return replace(atom, text=text, times=times, empty=atom.empty or low == 0)

    def _repetition(self) -> tuple[str, int, int | None] | None:
        """The operator that comes next, with its smallest and largest number of rounds."""
        for char in "*+?":
            if self._chars.took(char):
                return char, int(char == "+"), 1 if char == "?" else None
        match = self._chars.took_match(_COUNTED)
        if match is None:
            return None
        # more digits are too many in any case
        low = int(match[1][:9])
        high = int(match[3][:9]) if match[3] else None if match[2] else low
        if high is not None and high < low:
            raise RefusedError("in {} the smaller number first")
        return match[0], low, high

    def _escaped(self, flags: _Flags) -> _Piece:
        if self._chars.next in _EDGES:
            return _Piece(_EDGES[self._chars.took_next()], empty=True)
        group = self._chars.perl_class(flags.i)
        if group is not None:
            return _Piece(classes.written(group))
        return _Piece(self._literal(self._chars.escaped_char(), flags))

    def _literal(self, char: str, flags: _Flags) -> str:
        point = ((ord(char), ord(char)),)
        return classes.written(classes.folded(point) if flags.i else point)
