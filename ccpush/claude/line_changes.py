"""How many lines a change of text adds and removes.

The counts are those of a smallest unified patch between the two texts, as Claude Code writes one
beside a result. It never builds the patch, and its work is bounded whatever the texts are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

# More lines than a model writes in one response; so many take 20 ms and 9 MB. Time and memory grow
# with the square.
MAX_COMPARED_LINES: Final = 10_000
# Beyond this not even the lines that both begin and end with are looked for: texts of nothing but
# newlines would fill the memory.
MAX_LINES: Final = 1_000_000


def lines_in(text: str) -> int:
    """The lines of a file that holds ``text``; a newline at its end begins no further one."""
    return text.count("\n") + (not text.endswith("\n") and text != "")


def changed_lines(old: str, new: str) -> tuple[int, int]:
    """Lines (added, removed) by a smallest patch that makes ``new`` of ``old``.

    The texts are pieces of a file, so what follows their last newline is part of a line; an empty
    text has no line at all. Where more than MAX_COMPARED_LINES lie on a side between the first and
    the last difference, all of them count as removed and added; so do texts of more than MAX_LINES.
    """
    if not old or not new or max(old.count("\n"), new.count("\n")) > MAX_LINES:
        return lines_in(new), lines_in(old)
    before, after = _differing(old.split("\n"), new.split("\n"))
    kept = 0
    if max(len(before), len(after)) <= MAX_COMPARED_LINES:
        kept = _common_subsequence(*_shared(before, after))
    return len(after) - kept, len(before) - kept


def _differing(old: Sequence[str], new: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    shorter = min(len(old), len(new))
    head = 0
    while head < shorter and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < shorter - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    return old[head : len(old) - tail], new[head : len(new) - tail]


def _shared(old: Sequence[str], new: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    # A line that is on one side only is in no common subsequence.
    both = set(old).intersection(new)
    return [line for line in old if line in both], [line for line in new if line in both]


def _common_subsequence(old: Sequence[str], new: Sequence[str]) -> int:
    """The length of the longest common subsequence, a whole row of the usual table at a time.

    Bit i of ``row`` is 0 where the table steps up at line i of ``old`` (Crochemore
    et al. 2001, Hyyrö 2004). Every line of ``new`` must be in ``old``.
    """
    every = (1 << len(old)) - 1
    places = _places(old)
    row = every
    for line in new:
        met = row & places[line]
        row = ((row + met) | (row - met)) & every
    return len(old) - row.bit_count()


def _places(lines: Sequence[str]) -> Mapping[str, int]:
    places: dict[str, int] = {}
    for place, line in enumerate(lines):
        places[line] = places.get(line, 0) | 1 << place
    return places
