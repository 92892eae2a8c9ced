"""How many commits and pull requests a Bash command line makes.

It reads a command line as a shell does, as far as that takes to tell commands from the text inside
quotes, comments and here-documents. It expands nothing, runs nothing, never fails, and its time is
linear in the text. What a single command makes is said by ``shell_programs``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from ccpush.claude.shell_outcomes import BRANCHES, NONE, Outcomes, Tally, total
from ccpush.claude.shell_programs import outcomes_of_words, script_of, unwrapped

# Programs and people nest three or four deep; what lies deeper than this is not looked at.
MAX_DEPTH: Final = 24
# No system hands a longer one to a shell, and to read it would take seconds.
MAX_CHARACTERS: Final = 1 << 20

# Arithmetic is skipped, because << and # mean something else in it.
_ARITHMETIC: Final = r"\(\([^()]*+(?:\([^()]*+\)[^()]*+)*+\)\)"
_TICKED: Final = r"`(?P<ticked>(?:[^`\\]++|\\.)*+)`"
_TOKEN: Final = (
    r"(?P<blank>[ \t\r]++|\\\r?\n|(?<![^\s;&|()])\#[^\n]*+)"
    r"|(?P<newline>\n)"
    rf"|(?P<opaque>\$?{_ARITHMETIC})"
    r"|(?P<inner>[$<>]\()"
    rf"|{_TICKED}"
    r"|(?P<redirect>&>>?|\d*+(?:<<<|<<-?|<[&>]?|>[>&|]?))"
    r"|(?P<joint>&&|\|[|&]?|;;?&?|&)"
    r"|(?P<open>\()"
    r"|(?P<close>\))"
    r"|\\(?P<escaped>.)"
    r"|\$'(?P<ansi>(?:[^'\\]++|\\.)*+)'"
    r"|'(?P<quoted>[^']*+)'"
    r'|(?P<double>")'
    r"|(?P<plain>[^\s'\"`\\$&|;()<>]++|.)"
)
_IN_DOUBLE: Final = (
    r'(?P<double>")'
    rf"|(?P<opaque>\${_ARITHMETIC})"
    r"|(?P<inner>\$\()"
    rf"|{_TICKED}"
    r"|\\(?P<escaped>[$`\"\\])"
    r"|(?P<plain>[^\"\\$`]++|.)"
)
_TICK_ESCAPE: Final = re.compile(r"\\([$`\\])")
_BETWEEN_WORDS: Final = frozenset({"blank", "newline", "redirect", "joint", "open", "close"})

_CLOSING: Final[Mapping[str, str]] = {
    "{": "}",
    "if": "fi",
    "case": "esac",
    "for": "done",
    "select": "done",
    "until": "done",
    "while": "done",
}
_RESERVED: Final = frozenset(
    {*_CLOSING, *_CLOSING.values(), "then", "do", "else", "elif", "!", "coproc"}
)


def outcomes_of(command: str) -> Outcomes:
    """The ``git commit``s and the ``gh pr create``s or ``glab mr create``s if all of it succeeds.

    Of alternatives (``a || b``, ``if``/``else``, the branches of a ``case``) the one with the most
    counts; a loop's body and a function's definition count once. What is handed to a shell
    (``bash -c``) or to ``eval`` is a command line; what is in a here-document is none, nor is
    a text of more than MAX_CHARACTERS.
    """
    return _read(command, depth=0) if len(command) <= MAX_CHARACTERS else NONE


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # Most runs meet no commit, and compiling takes a millisecond.
    return re.compile(pattern, re.DOTALL)


def _read(command: str, depth: int) -> Outcomes:
    if "commit" in command and "git" in command:
        return _Reader(command, depth).sequence("")
    if ("create" in command or " new" in command) and ("gh" in command or "glab" in command):
        return _Reader(command, depth).sequence("")
    return NONE


class _Command:
    """The words of a simple command, as they are read; its redirections are dropped."""

    __slots__ = ("bodies", "is_bare", "pieces", "redirect", "words")

    def __init__(self, bodies: list[tuple[str, bool]]) -> None:
        self.bodies = bodies
        self.words: list[str] = []
        self.pieces: list[str] | None = None
        self.is_bare, self.redirect = True, ""

    def add(self, piece: str, *, is_bare: bool = False) -> None:
        self.pieces = self.pieces or []
        self.pieces.append(piece)
        self.is_bare = self.is_bare and is_bare

    def end_word(self) -> str:
        """Keep the word that ended; but return it if it is a reserved one."""
        if self.pieces is None:
            return ""
        word, is_bare = "".join(self.pieces), self.is_bare
        self.pieces, self.is_bare = None, True
        if self.redirect:
            if self.redirect in ("<<", "<<-"):
                self.bodies.append((word, self.redirect == "<<-"))
            self.redirect = ""
        elif is_bare and not self.words and word in _RESERVED:
            return word
        else:
            self.words.append(word)
        return ""

    def take(self) -> list[str]:
        words, self.words, self.redirect = self.words, [], ""
        return words


class _Reader:
    """A place in a command line, and the here-documents that begin with its next line."""

    __slots__ = ("at", "bodies", "depth", "text")

    def __init__(self, text: str, depth: int) -> None:
        self.text, self.depth, self.at = text, depth, 0
        self.bodies: list[tuple[str, bool]] = []

    def sequence(self, closing: str) -> Outcomes:
        """Read commands up to a closing bracket or word, or to the end."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.at = len(self.text)
        tally, command = Tally(), _Command(self.bodies)
        while (token := self.token(_TOKEN)) is not None:
            kind = token.lastgroup or ""
            if kind not in _BETWEEN_WORDS:
                tally.add(self.piece(kind, token, command))
            elif word := command.end_word():
                # What follows is read again: inside what the word begins, or behind what it ends.
                self.at = token.start()
                if word == closing:
                    break
                self.reserved(word, tally)
            elif kind == "close" and closing == ")":
                break
            else:
                self.between(kind, token[0], command, tally)
        command.end_word()
        tally.add(self.worth(command))
        self.depth -= 1
        return tally.outcomes()

    def token(self, pattern: str) -> re.Match[str] | None:
        """Take the next token; every character is within some."""
        token = _compiled(pattern).match(self.text, self.at) if self.at < len(self.text) else None
        self.at = token.end() if token else len(self.text)
        return token

    def piece(self, kind: str, token: re.Match[str], command: _Command) -> Outcomes:
        """Take a part of a word; returns what commands inside it make."""
        if kind == "double":
            return self.in_double(command)
        value = "" if kind in ("opaque", "inner", "ticked") else token[kind]
        command.add(value, is_bare=kind == "plain")
        if kind == "inner":
            return self.sequence(")")
        if kind == "ticked":
            return _read(_TICK_ESCAPE.sub(r"\1", token["ticked"]), self.depth)
        return NONE

    def in_double(self, command: _Command) -> Outcomes:
        outcomes = NONE
        command.add("")
        while (token := self.token(_IN_DOUBLE)) is not None and token.lastgroup != "double":
            outcomes = total(outcomes, self.piece(token.lastgroup or "", token, command))
        return outcomes

    def reserved(self, word: str, tally: Tally) -> None:
        if word in _CLOSING:
            tally.add(self.sequence(_CLOSING[word]))
        elif word in BRANCHES:
            tally.join(word)

    def between(self, kind: str, text: str, command: _Command, tally: Tally) -> None:
        if kind == "redirect":
            command.redirect = text.lstrip("0123456789")
        elif kind != "blank":
            if command.words:
                tally.add(self.worth(command))
            if kind == "open":
                tally.add(self.sequence(")"))
            elif kind == "joint":
                tally.join(text)
            elif kind == "newline":
                tally.join(text)
                self.skip_bodies()

    def worth(self, command: _Command) -> Outcomes:
        words = unwrapped(command.take())
        if not words:
            return NONE
        script = script_of(words)
        return _read(script, self.depth) if script else outcomes_of_words(words)

    def skip_bodies(self) -> None:
        for end, is_indented in self.bodies:
            line = None
            while self.at < len(self.text) and line != end:
                stop = self.text.find("\n", self.at)
                stop = len(self.text) if stop < 0 else stop
                line = self.text[self.at : stop].rstrip("\r")
                line = line.lstrip("\t") if is_indented else line
                self.at = min(stop + 1, len(self.text))
        self.bodies.clear()
