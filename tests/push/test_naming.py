"""Under which labels series are sent: complete, sorted, allowed, and none of them twice."""

from __future__ import annotations

import pytest
import snappy
from push_offers import family, sample
from strict_wire import decode

from ccpush.config.settings import RelabelRule
from ccpush.metrics.samples import Family, Sample
from ccpush.push.remote_write.batch import Batch, of_now
from ccpush.push.remote_write.encode import EncoderV1
from ccpush.push.remote_write.naming import Named, Naming

COMMON = {"job": "ccpush", "instance": "laptop"}


def _named(*families: Family, rules: tuple[RelabelRule, ...] = ()) -> Named:
    return Naming(COMMON, rules).name(of_now(families, 1).runs)


def _values(named: Named) -> list[float]:
    return [stretch.value for run in named.runs for stretch in run.stretches]


def test_labels_are_complete_sorted_and_without_empty_values() -> None:
    """A series bears name, job, instance and its own labels, by name; an empty one is left out."""
    only = family("claude_x", sample("claude_x", 7.0, user="jo", model="m", Team="", Zone="z"))
    (run,) = _named(only).runs

    assert run.labels == (
        ("Zone", "z"),
        ("__name__", "claude_x"),
        ("instance", "laptop"),
        ("job", "ccpush"),
        ("model", "m"),
        ("user", "jo"),
    )


def test_job_and_instance_are_the_paths_own() -> None:
    """A sample's own job or instance cannot replace ours, nor come twice."""
    (run,) = _named(family("x", sample("x", 1.0, job="other", instance="other"))).runs

    assert dict(run.labels) == {"__name__": "x", **COMMON}


def test_a_series_that_occurs_twice_is_not_sent_but_counted() -> None:
    """Which of two values is right is not known: neither goes out, the others do."""
    first = family("x", sample("x", 1.0, a="1"), sample("x", 2.0, a="2"))
    named = _named(first, family("x", sample("x", 3.0, a="1", b="")))

    assert _values(named) == [2.0]
    assert dict(named.refused) == {"duplicate_series": 2}
    assert named.example == "x"


@pytest.mark.parametrize(
    "wrong",
    [
        sample("9x", 1.0),
        sample("x-y", 1.0),
        sample("x\n", 1.0),
        sample("", 1.0),
        sample("ok", 1.0, **{"a-b": "1"}),
        sample("ok", 1.0, __reserved="1"),
        sample("ok", 1.0, **{"": "1"}),
        sample("ok", 1.0, **{"a\n": "1"}),
    ],
)
def test_names_that_the_specification_forbids_are_counted(wrong: Sample) -> None:
    """A metric or label name that no receiver must take is left out and told."""
    named = _named(family("x", wrong, sample("fine", 2.0)))

    assert _values(named) == [2.0]
    assert dict(named.refused) == {"invalid_name": 1}
    assert named.example == "x"


def test_a_lone_surrogate_does_not_cost_the_request() -> None:
    """What has no UTF-8 is replaced, so that the request can be encoded."""
    named = _named(family("x", sample("x", 1.0, user="a\udcffb")))
    (series,) = decode(snappy.decompress(EncoderV1().encode(Batch((1,), named.runs)))).series

    assert dict(series[0])["user"] == "a?b"


def test_what_relabelling_drops_is_not_there_and_not_counted() -> None:
    """To drop a series is what the user asked for, not a refusal."""
    rules = (RelabelRule("drop", ("__name__",), regex="y.*"),)
    named = _named(family("x", sample("x", 1.0), sample("yes", 2.0)), rules=rules)

    assert _values(named) == [1.0]
    assert dict(named.refused) == {}


def test_relabelling_sees_all_labels_and_has_the_last_word() -> None:
    """Name, job and instance may be changed too."""
    rules = (
        RelabelRule("replace", ("instance",), regex="(.*)", target_label="host"),
        RelabelRule("labeldrop", regex="instance"),
        RelabelRule("replace", ("__name__",), target_label="__name__", replacement="our_$1"),
    )
    (run,) = _named(family("x", sample("x", 1.0)), rules=rules).runs

    assert run.labels == (("__name__", "our_x"), ("host", "laptop"), ("job", "ccpush"))


def test_series_that_relabelling_makes_one_are_refused() -> None:
    """A receiver would take either value without a word."""
    rules = (RelabelRule("labeldrop", regex="model"),)
    many = family("x", sample("x", 1.0, model="a"), sample("x", 2.0, model="b"))
    named = _named(many, family("y", sample("y", 3.0)), rules=rules)

    assert _values(named) == [3.0]
    assert dict(named.refused) == {"duplicate_series": 2}


def test_names_that_relabelling_makes_impossible_are_refused() -> None:
    """A name that a rule has spoilt is no better than one that was wrong from the start."""
    rules = (RelabelRule("replace", ("a",), regex="(.+)", target_label="__name__"),)
    named = _named(family("x", sample("x", 1.0, a="1-2"), sample("x", 2.0)), rules=rules)

    assert _values(named) == [2.0]
    assert dict(named.refused) == {"invalid_name": 1}


def test_final_labels_are_found_for_series_that_are_not_there_yet() -> None:
    """What the receiver is asked for is called as it will be sent."""
    rules = (RelabelRule("drop", ("__name__",), regex="dropped"),)
    naming = Naming(COMMON, rules)

    assert naming.final((("__name__", "x"), ("user", "jo"))) == (
        ("__name__", "x"),
        ("instance", "laptop"),
        ("job", "ccpush"),
        ("user", "jo"),
    )
    assert naming.final((("__name__", "dropped"),)) is None
    assert naming.final((("__name__", "a-b"),)) is None
    assert naming.own("7") == (("id", "7"), ("instance", "laptop"), ("job", "ccpush"))
