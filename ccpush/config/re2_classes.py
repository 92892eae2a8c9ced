"""Which characters does a class of RE2 hold? As ranges of code points, ready for Python's re.

Perl's and POSIX's classes are ASCII in RE2, and Unicode or missing in Python; they are therefore
always written out. Spec: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ccpush.config.texts import RefusedError

# first and last code point, both included
Range = tuple[int, int]

_LAST = 0x10FFFF


def _of(*pieces: str) -> tuple[Range, ...]:
    return tuple((ord(piece[0]), ord(piece[-1])) for piece in pieces)


_DIGITS, _UPPER, _LOWER = _of("0-9"), _of("A-Z"), _of("a-z")
PERL = {
    "d": _DIGITS,
    "s": _of("\t-\n", "\f-\r", " "),
    "w": (*_DIGITS, *_UPPER, *_LOWER, *_of("_")),
}
POSIX = {
    "alnum": (*_DIGITS, *_UPPER, *_LOWER),
    "alpha": (*_UPPER, *_LOWER),
    "ascii": _of("\0-\x7f"),
    "blank": _of("\t", " "),
    "cntrl": _of("\0-\x1f", "\x7f"),
    "digit": _DIGITS,
    "graph": _of("!-~"),
    "lower": _LOWER,
    "print": _of(" -~"),
    "punct": _of("!-/", ":-@", "[-`", "{-~"),
    "space": _of("\t-\r", " "),
    "upper": _UPPER,
    "word": PERL["w"],
    "xdigit": (*_DIGITS, *_of("A-F", "a-f")),
}
# what RE2 takes for the same letter beyond ASCII: the long s and the sign of the kelvin
_ODD_FOLDS = ((_of("S", "s"), ord("\u017f")), (_of("K", "k"), ord("\u212a")))


def inverted(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """All characters that are in none of the ranges."""
    found = []
    start = 0
    for low, high in _merged(ranges):
        if low > start:
            found.append((start, low - 1))
        start = high + 1
    return (*found, (start, _LAST)) if start <= _LAST else tuple(found)


def folded(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """The ranges with the other case of each ASCII letter; RefusedError for other letters.

    Which letters beyond ASCII are the same but for case is not the same in RE2 and Python.
    """
    given = tuple(ranges)
    found = list(given)
    for low, high in given:
        if high > 0x7F and (low != high or chr(low).lower() != chr(low).upper()):
            raise RefusedError("with (?i) no letters beyond a to z")
        found += _shifted((low, high), _UPPER[0], 32)
        found += _shifted((low, high), _LOWER[0], -32)
    for letters, odd in _ODD_FOLDS:
        if any(low <= point <= high for point, _ in letters for low, high in given):
            found.append((odd, odd))
    return tuple(found)


def written(ranges: Iterable[Range]) -> str:
    """The class as Python's re has it; one that holds nothing never matches."""
    merged = tuple(_merged(ranges))
    if not merged:
        return "(?!)"
    if len(merged) == 1 and merged[0][0] == merged[0][1]:
        return _point(merged[0][0])
    return f"[{''.join(_piece(low, high) for low, high in merged)}]"


def _piece(low: int, high: int) -> str:
    return _point(low) if low == high else f"{_point(low)}-{_point(high)}"


def _point(code: int) -> str:
    char = chr(code)
    return char if char.isascii() and char.isalnum() else f"\\U{code:08x}"


def _merged(ranges: Iterable[Range]) -> Iterator[Range]:
    start = end = -2
    for low, high in sorted(ranges):
        if low > end + 1:
            if start >= 0:
                yield start, end
            start, end = low, high
        else:
            end = max(end, high)
    if start >= 0:
        yield start, end


def _shifted(given: Range, among: Range, distance: int) -> Iterator[Range]:
    low, high = max(given[0], among[0]), min(given[1], among[1])
    if low <= high:
        yield low + distance, high + distance
