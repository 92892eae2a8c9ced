"""Regular expressions mean here what they mean to Prometheus, or are refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccpush.config.re2 import MAX_CHARS, MAX_DEPTH, translate
from ccpush.config.texts import RefusedError

# expression, what it matches as a whole, what it does not
MATCHES = [
    ("", [""], ["a"]),
    ("a.c", ["abc", "aéc"], ["a\nc", "xabc"]),
    ("(?s)a.c", ["a\nc"], []),
    ("a$", ["a"], ["a\n"]),
    ("^a|b$", ["a", "b"], ["ab"]),
    (r"\Aa\z", ["a"], ["a\n"]),
    (r"(?m)a$\n^b", ["a\nb"], []),
    (r"\d\w\s", ["1_ ", "1a\t"], ["٣a ", "1é ", "1a\u00a0", "1a\v"]),
    (r"\D\W\S", ["٣é\u00a0"], ["1é ", "aa "]),
    (r"[\d_-]+", ["1_-"], ["a"]),
    (r"[^\D]", ["1"], ["a", "٣"]),
    ("[]a]+", ["]a"], ["b"]),
    ("[^]a]", ["b", "\n"], ["]", "a"]),
    ("[a&&b~~||-]+", ["a&b~|-"], ["c"]),
    ("[[:alpha:][:^word:]]+", ["aZ-"], ["1", "_"]),
    (r"[\x00-\x{10FFFF}]", ["a"], ["ab"]),
    (r"[^\x00-\x{10FFFF}]", [], ["a", ""]),
    (r"\x41\x{e9}\101\07\a\v\.\_", ["Aé" + "A" + "\a\a\v._"], []),
    (r"\Qa.*\E+", ["a.*", "a.**"], ["aa"]),
    ("(?i)opus[k-l]", ["OPUSK", "opu\u017f\u212a"], ["opusı"]),
    ("(?i)i", ["i", "I"], ["ı", "İ"]),
    ("(?i)[^k]", ["a"], ["K", "\u212a"]),
    (r"(?i)\W", ["-"], ["\u017f", "k"]),
    ("(?i:A)b|(?-i)C", ["ab", "Ab", "C"], ["aB", "c"]),
    ("a(?i)b|c", ["aB", "C"], ["AB"]),
    ("a{2}b{1,}c{0,1}", ["aab", "aabbc"], ["ab", "aa"]),
    ("a{,2}b{x}c{01}", ["a{,2}b{x}c{01}"], ["aab"]),
    (r"\bé\b", [], ["é"]),
    (r"\B", [""], ["a"]),
    (r"\b*a^*$*", ["a"], []),
    ("é{2}中", ["éé中"], ["é中"]),
    ("(?i)中", ["中"], []),
]


@pytest.mark.parametrize(("regex", "matching", "others"), MATCHES)
def test_an_expression_matches_what_it_matches_in_prometheus(
    regex: str, matching: list[str], others: list[str]
) -> None:
    """ASCII classes, whole texts, Go's escapes and flags; braces that count nothing are braces."""
    pattern = re.compile(translate(regex).pattern)

    assert [text for text in matching if not pattern.fullmatch(text)] == []
    assert [text for text in others if pattern.fullmatch(text)] == []


def test_flags_of_greed() -> None:
    """``(?U)`` swaps who takes as little as possible."""
    for regex, first in [("(a*)(a*)", "aa"), ("(?U)(a*)(a*)", ""), ("(?U)(a*?)(a*)", "aa")]:
        match = re.fullmatch(translate(regex).pattern, "aa")
        assert match is not None
        assert match[1] == first


def test_groups_keep_their_numbers_and_names() -> None:
    """Groups are numbered from the left; names may begin with a digit and occur twice."""
    made = translate("(?P<1a>a)(?:b)(c)(?<n>d)(?P<1a>e)")

    assert made.names == ("1a", "", "n", "1a")
    match = re.fullmatch(made.pattern, "abcde")
    assert match is not None
    assert match.groups() == ("a", "c", "d", "e")


REFUSED = [
    (r"(a)\1", "references back"),
    ("a(?=b)", "RE2 has not"),
    ("(?<!a)b", "RE2 has not"),
    ("(?>a)", "RE2 has not"),
    ("(?P=n)", "RE2 has not"),
    ("(?x)a", "RE2 has not"),
    ("(?#note)a", "RE2 has not"),
    ("(?)", "a flag"),
    ("a*+", "possessive"),
    ("a**", "at a time"),
    ("a{2}{3}", "at a time"),
    ("*a", "that it repeats"),
    ("a|*", "that it repeats"),
    ("a{3,2}", "smaller number first"),
    ("a{1001}", "1000"),
    ("(a{40}){26}", "1000"),
    ("(a", "a ) for every ("),
    ("a)", "a ( for every )"),
    ("a)(?:b", "a ( for every )"),
    ("[a", "a ] for every ["),
    ("[]", "a ] for every ["),
    ("[b-a]", "smaller character"),
    (r"[a-\d]", r"no \d"),
    ("[[:letter:]]", "[[:alpha:]]"),
    (r"\pL", "classes of Unicode"),
    (r"[\p{Greek}]", "classes of Unicode"),
    (r"\Z", r"no \Z"),
    (r"[\b]", r"no \b"),
    (r"\é", r"no \é"),
    (r"\8", "references back"),
    (r"\x{110000}", "10FFFF"),
    (r"\x4", r"no \x"),
    (r"\Qa", r"\E after \Q"),
    ("a\\", "for a backslash"),
    ("(?i)é", "a to z"),
    ("(?i)[é-ü]", "a to z"),
    ("(|a)*", "use (?: for ("),
    ("(" * (MAX_DEPTH + 1) + ")" * (MAX_DEPTH + 1), "deep"),
    ("a" * (MAX_CHARS + 1), "at most"),
]


@pytest.mark.parametrize(("regex", "advice"), REFUSED)
def test_what_cannot_be_said_exactly_is_refused(regex: str, advice: str) -> None:
    """What RE2 refuses, and what Python cannot do as RE2 does it, with what to write instead."""
    with pytest.raises(RefusedError, match=re.escape(advice)):
        translate(regex)


def test_the_deepest_groups_can_be_compiled() -> None:
    """What is accepted never fails later."""
    made = translate("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH)

    assert re.compile(made.pattern).fullmatch("a")


SYNTAX = st.text(alphabet="ab1é()[]{}|*+?.^$\\-:,<>=!PQEQiUswdpx&~#", max_size=14)


@given(SYNTAX)
def test_any_text_is_translated_or_refused(text: str) -> None:
    """No text ends in another error, and what is translated is an expression of Python."""
    try:
        made = translate(text)
    except RefusedError:
        return
    assert re.compile(made.pattern).groups == len(made.names)


@given(st.text(max_size=10))
def test_a_quoted_text_matches_itself_alone(text: str) -> None:
    """Literal characters stay what they are, whatever they mean to Python."""
    quoted = "".join(f"\\x{{{ord(char):x}}}" for char in text)
    pattern = re.compile(translate(quoted).pattern)

    assert pattern.fullmatch(text)
    assert not pattern.fullmatch(text + "x")
