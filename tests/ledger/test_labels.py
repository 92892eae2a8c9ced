"""Labels whose values come from outside: so many at most, the rest as ``other``, nothing lost."""

from __future__ import annotations

from collections.abc import Callable

import homes
import laws
import pytest
from homes import HAIKU, NOW_S, OPUS, Row, assistant, tool_use

from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.ledger import labels
from ccpush.ledger.intake import Intake
from ccpush.ledger.labels import OTHER
from ccpush.ledger.store import open_ledger
from ccpush.metrics.catalogue import GRID
from ccpush.metrics.evaluate import Identity, evaluate
from ccpush.metrics.history import Span, Walk

# one of a label's values is what holds the rest
NAMED = {"model": 49, "tool": 39, "reason": 49, "status": 14}
LABELS = tuple(NAMED)
OLD_DAY = "2026-06-01"


def called(*tools: str) -> list[Row]:
    """One call of each tool, each in a minute and a response of its own."""
    return [
        assistant(homes.new_uuid(), blocks=[tool_use(name=tool)], at_s=NOW_S - 7200 + 60 * at)
        for at, tool in enumerate(tools)
    ]


def failed(tool: str) -> list[Row]:
    """A call of a tool that went wrong."""
    call = homes.new_uuid()
    wrong = {"type": "tool_result", "tool_use_id": call, "is_error": True, "content": "no"}
    return [assistant(call, blocks=[tool_use(call, name=tool)]), homes.user([wrong])]


def answered(*models: str) -> list[Row]:
    """One response of each model."""
    return [assistant(f"msg of {model}", model=model) for model in models]


def stopped(*reasons: str) -> list[Row]:
    """One response that stopped for each reason."""
    return [assistant(homes.new_uuid(), stop=reason) for reason in reasons]


def refused(*statuses: str) -> list[Row]:
    """One error of the API with each status."""
    return [{**homes.api_error(0), "error": {"status": int(status)}} for status in statuses]


def names(kind: str, begin: int, end: int) -> list[str]:
    """Names of some kind, of which no two are the same."""
    return [str(400 + n) if kind == "status" else f"{kind}-{n:03}" for n in range(begin, end)]


ROWS: dict[str, Callable[..., list[Row]]] = {
    "model": answered, "tool": called, "reason": stopped, "status": refused,
}  # fmt: skip
# a family that counts each of these rows once, and by which of its labels
FAMILIES: dict[str, str] = {
    "model": f.RESPONSES, "tool": f.TOOL_CALLS, "reason": f.STOP_REASONS, "status": f.API_STATUSES,
}  # fmt: skip
every_kind = pytest.mark.parametrize("kind", LABELS)


def crowd() -> list[Row]:
    """More of all that can be a label's value than anybody would look at."""
    return [
        *called(*names("tool", 0, 120)),
        *answered(*names("model", 0, 60)),
        *stopped(*names("reason", 0, 60)),
        *refused(*names("status", 0, 70)),
    ]


def said(reader: homes.Reader) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """All families that would be exposed."""
    families = evaluate(reader.account(), Identity("id", "laptop"))
    return {family.name: {s.labels: s.value for s in family.samples} for family in families}


def test_a_label_has_so_many_values_and_the_totals_are_complete(
    home: homes.Home, reader: homes.Reader
) -> None:
    """In whatever metric a kind of name is a label, over all of them; nothing is left out."""
    home.main().write(*crowd())
    reader.run()
    laws.hold(reader)

    found: dict[str, set[str]] = {}
    for family in said(reader).values():
        for pairs in family:
            for name, value in pairs:
                found.setdefault(name, set()).add(value)
    assert {name: len(found[name]) for name in LABELS} == {
        name: named + 1 for name, named in NAMED.items()
    }
    assert all(OTHER in found[name] for name in LABELS)
    assert sum(reader.by_a(f.TOOL_CALLS).values()) == 120
    assert sum(reader.by_a(f.RESPONSES).values()) == 120 + 60 + 60
    assert sum(reader.by_a(f.STOP_REASONS).values()) == 60
    assert sum(reader.by_a(f.API_STATUSES).values()) == reader.total(f.API_ERRORS) == 70
    assert sum(tokens[1] for tokens in reader.tokens().values()) == 20 * (120 + 60 + 60)
    # what called the tools and stopped has a price, invented models have none
    assert sum(reader.by_a(f.UNPRICED).values()) == 30 * 60
    assert reader.by_a(f.COST).keys() == {OPUS}
    assert {model for (model,) in live_models(reader)} == set(reader.tokens())


def live_models(reader: homes.Reader) -> set[tuple[str, ...]]:
    """Models of the sessions that are active now."""
    live = said(reader)["claude_live_output_tokens"]
    assert sum(live.values()) == 20 * (120 + 60 + 60)
    return {tuple(value for _, value in pairs) for pairs in live}


def test_the_past_that_is_sent_has_the_same_few_series(
    home: homes.Home, reader: homes.Reader
) -> None:
    """At each grid step as it is now: what was folded never had a series of its own."""
    home.main().write(*crowd())
    reader.run()
    metrics = tuple(metric for metric in GRID if set(metric.labels) & set(LABELS))
    step = NOW_S // 60 + 1
    with open_ledger(reader.state_dir, write=False) as connection:
        span = Span(metrics, step - 180, step, None)
        runs = [
            run.labels
            for window in Walk(connection, span, Identity("id", "laptop")).windows(10**6)
            for run in window.runs
        ]

    now = {
        (("__name__", name), *pairs)
        for name, family in said(reader).items()
        for pairs in family
        if name in {metric.name for metric in metrics}
    }
    assert {tuple(sorted(run)) for run in runs} == {tuple(sorted(pairs)) for pairs in now}


@every_kind
def test_what_was_folded_is_counted(home: homes.Home, reader: homes.Reader, kind: str) -> None:
    """Each increment that went to ``other`` because there was no room, by the label's name."""
    rows = ROWS[kind](*names(kind, 0, NAMED[kind] + 7))
    home.main().write(*rows)
    reader.run()

    # of a response of a model: input, output, the response itself, tokens without a price
    expected = 7 * (4 if kind == "model" else 1)
    assert reader.tallies("folded") == {kind: expected}
    assert said(reader)["ccpush_label_values_folded_total"] == {(("label", kind),): expected}
    assert reader.by_a(FAMILIES[kind])[OTHER] == 7


@every_kind
@pytest.mark.parametrize("stays", [True, False], ids=["one process", "restarts"])
def test_who_came_first_keeps_the_name(
    home: homes.Home, reader: homes.Reader, kind: str, stays: bool
) -> None:
    """Over passes and processes; and what was ``other`` once is never named later."""
    early, late = names(kind, 0, NAMED[kind] - 4), names(kind, NAMED[kind] - 4, NAMED[kind] + 6)
    steps = [early, late, [*late, *early], late]
    with open_ledger(reader.state_dir, write=True) as connection:
        resident = Intake(connection, reader.homes, now=lambda: reader.now_s)
        found = []
        for at, step in enumerate(steps):
            rows = [put_anew(row) for row in ROWS[kind](*step)]
            home.main(f"s{at}").write(*rows)
            if stays:
                resident.run()
            else:
                Intake(connection, reader.homes, now=lambda: reader.now_s).run()
            found.append(reader.by_a(FAMILIES[kind]))

    assert found[0] == dict.fromkeys(early, 1)
    kept = set(found[1]) - {OTHER}
    assert len(kept) == NAMED[kind]
    assert set(early) < kept
    assert found[1] == {**dict.fromkeys(kept, 1), OTHER: 6}
    assert found[2] == {**dict.fromkeys(kept, 2), OTHER: 12}
    assert found[3] == {**{n: 2 + (n in late) for n in kept}, OTHER: 18}
    laws.hold(reader)


def put_anew(row: Row) -> Row:
    """The row as another one that says the same."""
    fresh = {**row, "uuid": homes.new_uuid()}
    if "message" not in row:
        return fresh
    blocks = [
        {**block, "id": homes.new_uuid()} if block["type"] == "tool_use" else block
        for block in row["message"]["content"]
    ]
    return {**fresh, "message": {**row["message"], "id": fresh["uuid"], "content": blocks}}


def test_a_name_is_the_same_in_all_families(home: homes.Home, reader: homes.Reader) -> None:
    """A tool that is known by its calls keeps its name when it fails; one that is not has none."""
    home.main().write(*called(*names("tool", 0, NAMED["tool"])))
    reader.run()
    home.main().append(*failed("tool-007"), *failed("tool-999"))
    reader.run()

    totals = reader.account().totals
    errors = {series: n for series, n in totals.items() if series.family == f.TOOL_ERRORS}
    assert errors == {
        Series(f.TOOL_ERRORS, "tool-007", "error"): 1,
        Series(f.TOOL_ERRORS, OTHER, "error"): 1,
    }
    assert reader.tallies("folded") == {"tool": 2}


def test_kinds_do_not_take_room_from_one_another(home: homes.Home, reader: homes.Reader) -> None:
    """As many tools as there may be leave the models theirs, also under the same names."""
    same = [f"name-{n}" for n in range(min(NAMED["tool"], NAMED["reason"]))]
    home.main().write(*called(*same), *stopped(*same))
    reader.run()
    home.main().append(*answered(HAIKU))
    reader.run()

    assert reader.tallies("folded") == {}
    assert reader.by_a(f.RESPONSES)[HAIKU] == 1


def test_who_is_really_called_other_is_not_folded(home: homes.Home, reader: homes.Reader) -> None:
    """It is counted under its name, takes no room, and nothing is said of too many values."""
    home.main().write(*called(*names("tool", 0, NAMED["tool"])))
    reader.run()
    home.main().append(*called(OTHER))
    reader.run()

    assert reader.tallies("folded") == {}
    assert reader.by_a(f.TOOL_CALLS) == {
        OTHER: 1,
        **dict.fromkeys(names("tool", 0, NAMED["tool"]), 1),
    }


def test_a_folded_response_goes_on_as_other(home: homes.Home, reader: homes.Reader) -> None:
    """What it grows by joins what is there of it, and a named one's growth its own."""
    models = names("model", 0, NAMED["model"] + 1)
    home.main().write(*(assistant(model, model=model, output=10) for model in models))
    reader.run()
    home.main().append(*(assistant(model, model=model, output=25) for model in models))
    reader.run()
    laws.hold(reader)

    assert reader.tokens() == dict.fromkeys((*models[:-1], OTHER), (10, 25, 0, 0))


@every_kind
def test_a_ledger_that_has_more_keeps_them(
    home: homes.Home, reader: homes.Reader, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """From before there was a limit: every name goes on, and only new ones are ``other``."""
    many = names(kind, 0, 70)
    with monkeypatch.context() as before:
        before.setattr(labels, "MAX_VALUES", dict.fromkeys(LABELS, 10**9))
        home.main("a").write(*ROWS[kind](*many))
        reader.run()
    assert len(reader.by_a(FAMILIES[kind])) == 70
    later = [put_anew(row) for row in ROWS[kind](*many, *names(kind, 90, 92))]
    home.main("b").write(*later)
    reader.run()
    laws.hold(reader)

    assert reader.by_a(FAMILIES[kind]) == {**dict.fromkeys(many, 2), OTHER: 2}


def remembered(*models: str) -> Row:
    """A stats cache of one day long ago on which these models were used, 10 tokens each."""
    used = {
        model: {"inputTokens": 10, "outputTokens": 10, "cacheReadInputTokens": 30,
                "cacheCreationInputTokens": 40}
        for model in models
    }  # fmt: skip
    by_model = dict.fromkeys(models, 10)
    activity = {"date": OLD_DAY, "messageCount": 5, "sessionCount": 1, "toolCallCount": 2}
    return {
        "version": 4,
        "lastComputedDate": OLD_DAY,
        "dailyActivity": [activity],
        "dailyModelTokens": [{"date": OLD_DAY, "tokensByModel": by_model}],
        "modelUsage": used,
        "totalSessions": 1,
        "totalMessages": 5,
        "hourCounts": {"9": 1},
    }


def of_all_time(reader: homes.Reader, metric: str) -> dict[str, float]:
    """A gauge by model, imported days included."""
    return {dict(pairs)["model"]: n for pairs, n in said(reader)[metric].items()}


def test_imported_models_take_room(home: homes.Home, reader: homes.Reader) -> None:
    """What the stats cache brought first is named, also when transcripts name it later."""
    home.write_stats_cache(remembered(*names("model", 0, 30)))
    reader.run()
    home.main().write(*answered(*names("model", 20, 60)))
    reader.run()

    known = names("model", 0, NAMED["model"])
    gauge = of_all_time(reader, "claude_model_cache_read_tokens")
    assert gauge == dict.fromkeys(names("model", 0, 30), 30)
    assert set(of_all_time(reader, "claude_model_output_tokens")) == {*known, OTHER}
    # 49 to 59 came too late
    assert reader.by_a(f.RESPONSES) == {**dict.fromkeys(known[20:], 1), OTHER: 11}


def test_a_stats_cache_of_many_models_is_folded_too(home: homes.Home, reader: homes.Reader) -> None:
    """Days are imported whole: what there is no room for is ``other``, and counted as folded."""
    home.main().write(*answered(*names("model", 0, 30)))
    home.write_stats_cache(remembered(*names("model", 20, 60)))
    reader.run()

    gauge = of_all_time(reader, "claude_model_cache_read_tokens")
    # 10 of 40 models were known, 19 found room, 11 did not
    assert gauge == {**dict.fromkeys(names("model", 20, NAMED["model"]), 30), OTHER: 30 * 11}
    assert set(of_all_time(reader, "claude_model_output_tokens")) == {
        *names("model", 0, NAMED["model"]), OTHER,
    }  # fmt: skip
    # of each: input, output, reads, writes
    assert reader.tallies("folded") == {"model": 11 * 4}
