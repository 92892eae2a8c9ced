"""Relabelling of one series: what Prometheus promises, and what a scrape cannot show."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccpush.config.settings import RelabelAction, RelabelRule
from ccpush.metrics.samples import Labels
from ccpush.push.relabel import Relabeling

NAME = "__name__"
TOKENS: Labels = ((NAME, "tokens"), ("model", "claude-opus-4"), ("user", "Jo"))


def relabelled(labels: Labels, *rules: RelabelRule) -> Labels | None:
    """The labels after the rules."""
    return Relabeling(rules).apply(labels)


def replaced(replacement: str, regex: str = "(?P<kind>claude)-([a-z]+)-(x)?.*") -> str:
    """The label that a replacement makes of the model, empty for none."""
    rule = RelabelRule(
        "replace", ("model",), regex=regex, target_label="new", replacement=replacement
    )
    left = relabelled(TOKENS, rule)
    assert left is not None
    return dict(left).get("new", "")


def test_without_rules_nothing_changes() -> None:
    """The very same labels come back, whatever they are."""
    odd: Labels = (("b", ""), ("a", "x"))

    assert relabelled(odd) is odd


@pytest.mark.parametrize(
    ("replacement", "expected"),
    [
        ("$0!", "claude-opus-4!"),
        ("$1 ${2}", "claude opus"),
        ("$kind/${kind}", "claude/claude"),
        ("[$3$4$none$1x${1}]", "[claude]"),
        ("$$1 $ ${ ${} $- ${1 $01 a$", "$1 $ ${ ${} $- ${1  a$"),
        ("$kindé$kind.$2-", "claude.opus-"),
        ("$3", ""),
        ("plain", "plain"),
    ],
)
def test_a_replacement_is_expanded_as_go_does_it(replacement: str, expected: str) -> None:
    """Groups by number and name; names are as long as they can be; what names nothing is nothing."""
    assert replaced(replacement) == expected


def test_of_groups_of_one_name_the_first_that_matched_is_meant() -> None:
    """A name may stand for several groups."""
    assert replaced("$a", "(?:(?P<a>gpt)|(?P<a>claude))-.*") == "claude"


def test_rules_see_what_the_ones_before_left() -> None:
    """The order of rules counts, also for the metric's name."""
    rename = RelabelRule(
        "replace", (NAME,), regex="(.*)", target_label=NAME, replacement="all_${1}"
    )
    keep = RelabelRule("keep", (NAME,), regex="all_tokens")

    assert relabelled(TOKENS, rename, keep) == ((NAME, "all_tokens"), *TOKENS[1:])
    assert relabelled(TOKENS, keep, rename) is None


def test_an_empty_value_takes_the_label_away() -> None:
    """As in Prometheus, where a label without a value is no label; made names included."""
    for rule in (
        RelabelRule(target_label="user", replacement=""),
        RelabelRule("lowercase", ("none",), target_label="user"),
        RelabelRule("replace", regex="()", target_label="us${1}er", replacement="$1"),
    ):
        assert relabelled(TOKENS, rule) == TOKENS[:2]


def test_a_target_that_is_no_name_is_left_alone() -> None:
    """A made name that no label can have makes no label."""
    rule = RelabelRule("replace", ("model",), target_label="$1", replacement="x")

    assert relabelled(TOKENS, rule) == TOKENS


def test_a_series_without_labels_is_dropped() -> None:
    """Prometheus sends no series that has nothing left; one without a name it does send."""
    assert relabelled(TOKENS, RelabelRule("labeldrop")) is None
    assert relabelled(TOKENS, RelabelRule("labeldrop", regex=NAME)) == TOKENS[1:]


def test_reserved_labels_stay() -> None:
    """Prometheus takes nothing off at the end of writing."""
    rule = RelabelRule("hashmod", ("user",), modulus=3, target_label="__shard")
    left = relabelled(TOKENS, rule)

    remainder = int(hashlib.md5(b"Jo").hexdigest()[16:], 16) % 3
    assert left == ((NAME, "tokens"), ("__shard", str(remainder)), *TOKENS[1:])


def test_letters_map_one_to_one() -> None:
    """Case is Go's: each letter by itself, to one letter."""
    labels: Labels = ((NAME, "x"), ("a", "Größe ﬁŉᾀΣΑΣİǆ中"))
    up, down = (
        relabelled(labels, RelabelRule(action, ("a",), target_label="a"))
        for action in ("uppercase", "lowercase")
    )

    assert up == ((NAME, "x"), ("a", "GRÖßE ﬁŉᾈΣΑΣİǄ中"))
    assert down == ((NAME, "x"), ("a", "größe ﬁŉᾀσασiǆ中"))


def test_rules_cost_nothing_where_there_are_none() -> None:
    """Neither the settings nor a sink without rules load what relabelling needs."""
    code = (
        "import sys\n"
        "from ccpush.config import ccpush_file\n"
        "from ccpush.config.settings import HttpConfig, PushgatewayConfig\n"
        "from ccpush.push.pushgateway import PushgatewaySink\n"
        "PushgatewaySink(PushgatewayConfig('a', HttpConfig('http://h')), None, 'x').close()\n"
        "names = ('ccpush.config.re2', 'ccpush.push.relabel')\n"
        "print([name for name in sys.modules if name.startswith(names)])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("[]\n", "")


LABELS = st.dictionaries(
    st.sampled_from((NAME, "a", "b", "c", "user", "__x")), st.text("aB;$é\n", max_size=4)
).map(lambda labels: tuple(sorted(labels.items())))
ACTIONS: tuple[RelabelAction, ...] = (
    *("replace", "keep", "drop", "keepequal", "dropequal", "labeldrop", "labelkeep"),
    *("labelmap", "hashmod", "lowercase", "uppercase"),
)
RULES = st.builds(
    RelabelRule,
    st.sampled_from(ACTIONS),
    st.lists(st.sampled_from((NAME, "a", "b", "none")), max_size=3).map(tuple),
    st.text(";-", max_size=1),
    st.sampled_from(("(.*)", "a|b", "(a)?(.*)", "[^a].*", "", "user|__.*", "(?s).*")),
    st.integers(1, 9),
    st.sampled_from(("a", "new", NAME)),
    st.sampled_from(("$1", "x_${1}", "", "y")),
)


@given(LABELS, st.lists(RULES, min_size=1, max_size=4))
def test_any_rules_leave_sorted_labels_with_values(
    labels: Labels, rules: list[RelabelRule]
) -> None:
    """Sorted, each name once, no empty value; and the same when asked again."""
    relabeling = Relabeling(rules)
    left = relabeling.apply(labels)

    assert left == relabeling.apply(labels)
    if left is not None:
        names = [name for name, _ in left]
        assert names == sorted(set(names))
        assert all(value for _, value in left)


@given(LABELS, RULES)
def test_opposite_actions_part_all_series(labels: Labels, rule: RelabelRule) -> None:
    """Of keep and drop exactly one leaves a series, and so do keepequal and dropequal."""
    full = ((NAME, "x"), *(pair for pair in labels if pair[0] != NAME and pair[1]))
    for pair in (("keep", "drop"), ("keepequal", "dropequal")):
        left = [
            relabelled(
                full,
                RelabelRule(
                    action, rule.source_labels, rule.separator, rule.regex, 0, rule.target_label
                ),
            )
            for action in pair
        ]
        assert sorted(left, key=bool) == [None, tuple(sorted(full))]


@given(LABELS, st.sampled_from(("a|b", "__.*", "[^_].*", "")))
def test_dropped_and_kept_labels_are_all_labels(labels: Labels, regex: str) -> None:
    """Every label is either dropped by labeldrop or by labelkeep."""
    left = [
        relabelled(labels, RelabelRule(action, regex=regex)) or ()
        for action in ("labeldrop", "labelkeep")
    ]

    assert sorted(left[0] + left[1]) == [pair for pair in labels if pair[1]]
