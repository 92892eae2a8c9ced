"""Relabelling before a Pushgateway: families stay true, the group stays what it is."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import servers
from hypothesis import given
from hypothesis import strategies as st
from push_gateway import gateway_sink, pushed, taking
from push_offers import family, histogram, offer, sample
from receivers import Answer, serve

from ccpush.config.settings import RelabelRule
from ccpush.metrics.samples import Family
from ccpush.push.relabel import Relabeling
from ccpush.push.relabelled_families import relabelled
from ccpush.push.sink import PushResult

GROUP = {"job": "ccpush_pushgateway", "instance": "laptop", "site": "berlin"}
LIVE = family(
    "live",
    sample("live", 1.0, model="opus", user="jo"),
    sample("live", 2.0, model="haiku", user="jo"),
)
TOKENS = family("tokens_total", sample("tokens_total", 5.0, type="input"), type="counter")


def _left(families: tuple[Family, ...], *rules: RelabelRule) -> tuple[Family, ...]:
    """The families after rules that leave nothing out but what they drop."""
    left, settled = relabelled(families, Relabeling(rules), GROUP)
    assert settled == PushResult("delivered")
    return left


def _shape(families: tuple[Family, ...]) -> list[tuple[str, str, list[str]]]:
    return [
        (each.name, each.type, [one.name + str(dict(one.labels)) for one in each.samples])
        for each in families
    ]


def _renamed(regex: str, replacement: str) -> RelabelRule:
    return RelabelRule(
        "replace", ("__name__",), regex=regex, target_label="__name__", replacement=replacement
    )


def test_rules_that_touch_nothing_change_nothing() -> None:
    """Families come back as they are, histograms too."""
    families = (LIVE, TOKENS, histogram())

    assert _left(families, RelabelRule("labeldrop", regex="none")) == families


def test_a_renamed_family_keeps_what_it_is() -> None:
    """Type, help and the parts of a histogram go with the new name."""
    live, tokens, turns = _left((LIVE, TOKENS, histogram()), _renamed("(.*)", "my_$1"))

    assert (live.name, live.type, live.help) == ("my_live", "gauge", "Help of live.")
    assert (tokens.name, tokens.type) == ("my_tokens_total", "counter")
    assert (turns.name, turns.type, turns.unit) == ("my_turn_seconds", "histogram", "seconds")
    assert [one.name for one in turns.samples] == [
        *("my_turn_seconds_bucket", "my_turn_seconds_bucket"),
        *("my_turn_seconds_sum", "my_turn_seconds_count"),
    ]


def test_rules_see_the_group_and_cannot_change_it() -> None:
    """Job, instance and the labels of the group can be matched; setting them has no effect."""
    rules = (
        RelabelRule("keep", ("job", "instance", "site"), regex="ccpush_.*;laptop;berlin"),
        RelabelRule("drop", ("instance", "model"), regex="laptop;haiku"),
        RelabelRule(target_label="instance", replacement="other"),
        RelabelRule("labeldrop", regex="job|user"),
        RelabelRule("replace", ("site",), target_label="place"),
    )

    assert _shape(_left((LIVE,), *rules)) == [
        ("live", "gauge", ["live{'model': 'opus', 'place': 'berlin'}"])
    ]


def test_reserved_labels_are_taken_off_at_the_end() -> None:
    """A label that begins with __ helps the rules, and no Pushgateway takes it."""
    rules = (
        RelabelRule("hashmod", ("model",), modulus=1, target_label="__tmp"),
        RelabelRule("keep", ("__tmp",), regex="0"),
    )

    assert _left((LIVE,), *rules) == (LIVE,)


def test_a_family_may_be_parted_and_joined() -> None:
    """Each name has one family; of several types nothing is said."""
    by_model = RelabelRule(
        "replace", ("__name__", "model"), regex="live;(.*)", target_label="__name__"
    )
    joined = _renamed("opus|tokens_total", "both_total")

    assert _shape(_left((LIVE, TOKENS), by_model, joined)) == [
        (
            "both_total",
            "untyped",
            ["both_total{'model': 'opus', 'user': 'jo'}", "both_total{'type': 'input'}"],
        ),
        ("haiku", "gauge", ["haiku{'model': 'haiku', 'user': 'jo'}"]),
    ]


def test_a_counter_without_its_suffix_has_no_type() -> None:
    """The formats would give the name of a counter the suffix back."""
    assert _shape(_left((TOKENS,), _renamed("(.*)_total", "$1"))) == [
        ("tokens", "untyped", ["tokens{'type': 'input'}"])
    ]


HALVED = {
    "no last bucket": RelabelRule("drop", ("le",), regex=r"\+Inf"),
    "no sum": RelabelRule("drop", ("__name__",), regex=".*_sum"),
    "a bound that was changed": RelabelRule("replace", ("le",), regex="5.0", target_label="le", replacement="6"),
    "a part with another name": _renamed("(.*)_count", "${1}_events"),
    "a sum with a bound": RelabelRule("replace", ("__name__",), regex=".*_sum", target_label="le", replacement="1"),
    "a count with other labels": RelabelRule("replace", ("__name__",), regex=".*_count", target_label="a", replacement="b"),
}  # fmt: skip


@pytest.mark.parametrize("how", HALVED)
def test_half_a_histogram_is_no_histogram(how: str) -> None:
    """What is left of it are plain series, each as it is, without a type."""
    left = _left((histogram(),), HALVED[how])

    assert {each.type for each in left} == {"untyped"}
    assert all(one.name == each.name for each in left for one in each.samples)


def test_a_histogram_with_fewer_buckets_is_one() -> None:
    """Buckets may be dropped, but for the last."""
    (left,) = _left((histogram(),), RelabelRule("drop", ("le",), regex="5.0"))

    assert (left.type, len(left.samples)) == ("histogram", 3)


def test_a_name_inside_a_histogram_takes_its_type_away() -> None:
    """A parser would take the other family's series for a part of the histogram."""
    rules = (RelabelRule("drop", ("model",), regex="haiku"), _renamed("live", "turn_seconds_count"))
    left = _left((LIVE, histogram()), *rules)

    assert [(each.name, each.type, len(each.samples)) for each in left] == [
        ("turn_seconds_count", "untyped", 2),
        ("turn_seconds_bucket", "untyped", 2),
        ("turn_seconds_sum", "untyped", 1),
    ]


def test_histograms_may_become_one() -> None:
    """Two histograms under one name stay histograms while a label tells them apart."""
    other = family(
        "waits",
        *(sample(f"waits_{part}", 1.0) for part in ("sum", "count")),
        sample("waits_bucket", 1.0, le="+Inf"),
        type="histogram",
    )
    rules = (
        RelabelRule("replace", ("__name__",), regex="(.*)_[a-z]+", target_label="kind"),
        _renamed("[a-z_]+_(bucket|sum|count)", "all_$1"),
    )
    (left,) = _left((histogram(), other), *rules)

    assert (left.name, left.type, len(left.samples)) == ("all", "histogram", 7)


def test_series_that_become_one_are_not_sent() -> None:
    """All of them stay away, are counted and named; the rest is sent."""
    with (
        serve(taking(Answer(200))) as gateway,
        gateway_sink(gateway.url, [RelabelRule("labeldrop", regex="model")]) as sink,
    ):
        result = sink.push(offer(LIVE, TOKENS))

    assert result == PushResult(
        "rejected",
        sent=1,
        rejected={"duplicate_series": 2},
        status=200,
        error=(
            'relabelling makes live{model="opus", user="jo"} and live{model="haiku", user="jo"}'
            " the same series; samples not sent: 2"
        ),
        hint="in write_relabel_configs: keep a label that tells them apart, or drop one of them",
    )
    assert gzip.decompress(pushed(gateway.requests).body).decode() == (
        "# HELP tokens_total Help of tokens_total.\n"
        "# TYPE tokens_total counter\n"
        'tokens_total{type="input"} 5.0\n'
    )


@pytest.mark.parametrize(
    "rule",
    [
        RelabelRule("labeldrop", regex="__name__"),
        RelabelRule(target_label="__name__", replacement="a-b"),
        RelabelRule("labelmap", regex="type", replacement="$9"),
    ],
)
def test_what_has_no_possible_name_is_not_sent(rule: RelabelRule) -> None:
    """Names of metrics and labels that no exposition can have are counted and told."""
    left, settled = relabelled((TOKENS,), Relabeling((rule,)), GROUP)

    assert (left, settled.outcome, settled.rejected) == ((), "rejected", {"invalid_name": 1})
    assert settled.error == (
        'relabelling leaves tokens_total{type="input"} without a possible name; samples not sent: 1'
    )


def test_a_receiver_that_fails_is_what_is_told() -> None:
    """While nothing is delivered, its answer is what matters; what is left out is counted still."""
    with (
        serve(taking(Answer(503))) as gateway,
        gateway_sink(gateway.url, [RelabelRule("labeldrop", regex="model")]) as sink,
    ):
        result = sink.push(offer(LIVE, TOKENS))

    assert (result.outcome, result.retried, result.rejected) == (
        "retry",
        1,
        {"duplicate_series": 2},
    )
    assert result.error == "the Pushgateway answered 503 Service Unavailable"


NAMES = st.sampled_from(
    ("live", "tokens_total", "turn_seconds", "turn_seconds_sum", "x", "1", "x_bucket")
)
RULES = st.one_of(
    st.builds(_renamed, st.sampled_from((".*", ".*_sum", "l.*", ".*_(b.*|c.*)")), NAMES),
    st.builds(RelabelRule, st.just("labeldrop"), regex=st.sampled_from(("le", "m.*", "[a-z]+"))),
    st.builds(
        RelabelRule,
        st.just("replace"),
        st.just(("__name__",)),
        regex=st.sampled_from((".*_bucket", ".*_(sum|count)", ".*")),
        target_label=st.sampled_from(("le", "a", "__a", "job")),
        replacement=st.sampled_from(("1", "+Inf", "$1")),
    ),
)


@given(st.lists(RULES, min_size=1, max_size=4))
def test_every_sample_is_sent_or_counted(rules: list[RelabelRule]) -> None:
    """Without drops the samples sent and left out are all; no series occurs twice, none is renamed."""
    families = (LIVE, TOKENS, histogram())
    left, settled = relabelled(families, Relabeling(rules), GROUP)
    series = [(one.name, one.labels) for each in left for one in each.samples]

    assert len(series) + sum(settled.rejected.values()) == 7
    assert len(set(series)) == len(series)
    assert len({each.name for each in left}) == len(left)
    for each in left:
        parts = ("_bucket", "_sum", "_count") if each.type == "histogram" else ("",)
        assert {one.name for one in each.samples} == {each.name + part for part in parts}


@pytest.mark.integration
def test_a_pushgateway_takes_whatever_relabelling_makes(tmp_path: Path) -> None:
    """A real one takes the group after every one of these rules, with exactly the series sent."""
    all_rules: list[tuple[RelabelRule, ...]] = [
        *((rule,) for rule in HALVED.values()),
        (RelabelRule("drop"),),
        (RelabelRule("labeldrop", regex="le"),),
        (RelabelRule("labeldrop", regex="model"),),
        (_renamed("(.*)_total", "$1"),),
        (_renamed("live", "turn_seconds_count"),),
        (_renamed("live", "turn_seconds"),),
        (_renamed("live", "turn_seconds_bucket"),),
        (_renamed("live", "tokens_total"),),
        (_renamed("turn_seconds_(.*)", "live_$1"),),
        (_renamed("turn_seconds_(.*)", "tokens_total_$1"),),
        (_renamed("turn_seconds_.*", "turn_seconds_sum"),),
        (RelabelRule("hashmod", ("model",), modulus=3, target_label="__tmp"),),
        (RelabelRule(target_label="instance", replacement="other"),),
    ]
    for rules in all_rules:
        families = (LIVE, TOKENS, histogram())
        left, settled = relabelled(families, Relabeling(rules), GROUP)
        # a group of its own each, with types that no other group contradicts
        with (
            servers.pushgateway(tmp_path) as gateway,
            gateway_sink(gateway.url, rules, site="berlin") as sink,
        ):
            result = sink.push(offer(*families))
            lines = gateway.get("/metrics").splitlines()
        assert (result.outcome, result.status, result.error) == (
            settled.outcome,
            200,
            settled.error,
        )
        stored = [line for line in lines if "ccpush_pushgateway" in line and "push_" != line[:5]]
        assert len(stored) == sum(len(each.samples) for each in left), rules
        assert all('instance="laptop"' in line and 'site="berlin"' in line for line in stored)


@pytest.mark.integration
def test_a_prometheus_sees_the_new_names(tmp_path: Path) -> None:
    """Through Pushgateway and scrape the series have their new names and labels."""
    rules = (_renamed("(.*)", "my_$1"), RelabelRule("labeldrop", regex="user"))
    with servers.pushgateway(tmp_path) as gateway, gateway_sink(gateway.url, rules) as sink:
        assert sink.push(offer(LIVE, histogram())).sent == 6
        config = servers.scrape_config("gateway", gateway.url, extra="honor_labels: true")
        with servers.prometheus(config, tmp_path) as prometheus:
            (live,) = prometheus.wait_for('my_live{model="opus"}')
            assert prometheus.value('my_turn_seconds_bucket{le="+Inf"}') == 3.0

    assert live["metric"] == {
        "__name__": "my_live",
        "instance": "laptop",
        "job": "ccpush_pushgateway",
        "model": "opus",
    }
