"""A family that an upgrade sees first: its past is read from what is left, and only it is counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import homes
import laws
import msgspec
import next_version
import old_ledger
import pytest
from homes import NOW_S, api_error, assistant, user
from laptops import Clock, Laptop, to
from next_version import METRIC, NOVELTIES
from push_ledger import STEP, in_turn, steps
from receivers import Answer
from strict import LOST_ANSWER, LOST_REQUEST, StrictReceiver, strict_receiver
from tool_rows import attachment, bash, call, edit, hook, patch, pr_link, result

from ccpush.claude import extract
from ccpush.claude import facts as f
from ccpush.metrics.catalogue import GRID

NAME = METRIC.name


def without_novelties(tables: laws.Tables) -> laws.Tables:
    """What a ledger holds beside the new family."""
    kept = {name: [r for r in rows if NOVELTIES not in r] for name, rows in tables.items()}
    return {**kept, "counted": []}


def test_every_family_has_a_generation() -> None:
    """All families that there are have one, and none is later than the extractor."""
    families = {
        value for name, value in vars(f).items() if name.isupper() and isinstance(value, str)
    }

    assert set(f.GENERATIONS) == families - {f.INFINITY}
    assert set(f.GENERATIONS.values()) <= set(range(1, extract.VERSION + 1))


def test_an_upgrade_counts_only_what_is_new(
    home: homes.Home, reader: homes.Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows read again are duplicates, each as before; the new family has all of them, at their time."""
    rows = [user(at_s=NOW_S - 7200), api_error(1, at_s=NOW_S - 3000), user(at_s=NOW_S - 60)]
    rows += [assistant(stop="end_turn", at_s=NOW_S - 600, blocks=[homes.tool_use("t1")])]
    home.main().write(*rows)
    reader.run()
    before = laws.tables(reader)
    tallies = {name: reader.tally(name) for name in ("lines_read", "rows_counted")}
    next_version.install(monkeypatch)
    done = reader.run()
    again = laws.tables(reader)
    laws.hold(reader)

    assert without_novelties(again) == without_novelties(before)
    assert reader.by_a(NOVELTIES) == next_version.novelties(rows)
    assert {row[3]: row[0] - STEP for row in again["increment"] if row[2] == NOVELTIES} == {
        "prompt": 0, "error": -49, "stopped": -9, "call": -9,
    }  # fmt: skip
    assert (done.lines, dict(done.restarts)) == (4, {"new_rules": 1})
    assert tallies == {"lines_read": 4, "rows_counted": 4}
    assert [reader.tally(n) for n in ("lines_read", "rows_counted", "rows_duplicate")] == [8, 4, 4]
    assert (reader.run().files_read, laws.tables(reader)) == (0, again)


def test_copies_that_the_upgrade_reads_first(
    home: homes.Home, reader: homes.Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fork that came with the upgrade holds rows counted before: of them it is the new family's."""
    rows = [user(at_s=NOW_S - 7200), api_error(0), assistant(stop="end_turn")]
    home.main("b").write(*rows)
    reader.run()
    before = laws.tables(reader)
    next_version.install(monkeypatch)
    # the first file in order, read without the other
    home.main("a").write(*({**row, "sessionId": "s2"} for row in rows))
    answers = iter([False, False])
    done = reader.run(chunk_keys=1, stop=lambda: next(answers, True))
    assert (done.complete, done.lines) == (False, 3)
    assert reader.by_a(NOVELTIES) == next_version.novelties(rows)
    reader.run()
    laws.hold(reader)

    assert reader.by_a(NOVELTIES) == next_version.novelties(rows)
    assert laws.tables(reader)["response"] == before["response"]
    assert reader.total(f.MESSAGES) == 2


def test_a_row_of_a_later_generation_costs_a_key_of_its_own_and_no_other_does(
    home: homes.Home, tmp_path: Path
) -> None:
    """One key for each generation that a row adds to; what the upgrade does not see has its own."""
    kinds = {
        # one generation
        "turn": (homes.turn_duration(5),),
        "result without a call": (user([{"type": "tool_result", "tool_use_id": "t1"}]),),
        # two: the prompt, or the trigger, came with the second
        "compaction": (homes.compact_boundary(9),),
        "error": (api_error(0),),
        "prompt": (user(),),
    }
    keys = {}
    for kind, rows in kinds.items():
        for upgraded in (False, True):
            reader = homes.Reader(tmp_path / f"{kind} {upgraded}", home)
            home.main().write(*rows)
            with pytest.MonkeyPatch.context() as patch:
                if upgraded:
                    next_version.install(patch)
                reader.run()
            keys[kind, upgraded] = len(laws.tables(reader)["counted"])

    assert keys == {
        ("turn", False): 1, ("turn", True): 1,
        ("result without a call", False): 1, ("result without a call", True): 2,
        ("compaction", False): 2, ("compaction", True): 2,
        ("error", False): 2, ("error", True): 3,
        ("prompt", False): 2, ("prompt", True): 3,
    }  # fmt: skip


def everything() -> list[homes.Row]:
    """Rows that add to every family there is."""
    limits = {"trigger": "manual", "preTokens": 160_000, "postTokens": 9_000}
    return [
        user(at_s=NOW_S - 7200),
        assistant("msg_1", at_s=NOW_S - 7100, stop="end_turn", cache_read=50, flat=9, searches=1, fetches=1),
        assistant("msg_2", at_s=NOW_S - 7050, model="nobodys-model"),
        edit("t1", at_s=NOW_S - 7000), result("t1", detail=patch("+a", "-b"), at_s=NOW_S - 6990),
        *bash("git commit -m words", call_id="t2"), *bash("gh pr create", call_id="t3"),
        call("t4", "Read", at_s=NOW_S - 60), result("t4", "gone", error=True, at_s=NOW_S - 50),
        homes.api_error(1), homes.api_error_message(), homes.turn_duration(9000),
        {**homes.compact_boundary(0), "compactMetadata": limits},
        hook(), pr_link(), attachment("queued_command", prompt="words"),
    ]  # fmt: skip


@pytest.mark.parametrize("offered", [False, True])
def test_a_ledger_of_the_first_release_gets_all_that_came_later(
    home: homes.Home, reader: homes.Reader, offered: bool
) -> None:
    """Of what is left of the transcripts, at its own times, whatever of the rest was offered."""
    rows = everything()
    home.main().write(*rows)
    reader.run()
    assert {series.family for series in reader.account().totals} == set(f.GENERATIONS)
    if offered:
        reader.freeze({family for family, generation in f.GENERATIONS.items() if generation == 1})
    whole = laws.tables(reader)
    old_ledger.set_back(reader, rows)
    done = reader.run()
    laws.hold(reader)

    assert dict(done.restarts) == {"new_rules": 1}
    assert laws.tables(reader) == whole
    assert (reader.run().files_read, laws.tables(reader)) == (0, whole)


@pytest.fixture
def clock() -> Clock:
    """A clock half a minute after the newest step."""
    return Clock(NOW_S + 30.5)


@pytest.fixture
def receiver(clock: Clock) -> Iterator[StrictReceiver]:
    """A receiver with that clock."""
    with strict_receiver(now=clock) as running:
        yield running


@pytest.fixture
def laptop(tmp_path: Path, clock: Clock, receiver: StrictReceiver) -> Laptop:
    """A laptop that has pushed its past, and a minute later what was new."""
    laptop = Laptop(tmp_path / "ada", clock)
    laptop.remote_write = [to(receiver.url)]
    laptop.use(ago_s=90 * 60, output=7)
    rows = [api_error(0, at_s=NOW_S - 45 * 60), api_error(0, at_s=NOW_S - 10 * 60)]
    transcript(laptop).write(*rows, user(at_s=NOW_S - 30 * 60))
    assert laptop.tick()["central"].outcome == "delivered"
    clock.forward(60)
    transcript(laptop).append(api_error(1, at_s=NOW_S + 10), at_s=NOW_S + 60)
    assert laptop.tick()["central"].outcome == "delivered"
    return laptop


def transcript(laptop: Laptop) -> homes.Transcript:
    """A session of it."""
    return homes.Transcript(laptop.home / "projects" / "-home-app" / "s.jsonl")


def rises(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Where a series begins, where it changes, and where it ends."""
    found = [point for at, point in enumerate(points) if not at or point[1] != points[at - 1][1]]
    return steps([*found, points[-1]])


def grid(receiver: StrictReceiver) -> dict[object, list[tuple[int, float]]]:
    """What was kept of all that has a past, but for the new metric, as it came."""
    names = {suffixed for metric in GRID for suffixed in histogram_names(metric.name)}
    return {
        labels: list(points)
        for labels, points in receiver.samples.items()
        if dict(labels)["__name__"] in names
    }


def histogram_names(name: str) -> set[str]:
    """The names that a metric's series may have."""
    return {name + suffix for suffix in ("", "_bucket", "_sum", "_count")}


def account(laptop: Laptop) -> laws.Tables:
    """What its ledger holds of the account, whatever sinks have of it."""
    tables = laws.tables(homes.Reader(laptop.root / "state", laptop.home))
    of_sinks = ("sink", "cursor", "shift", "delivered", "sink_samples", "frozen")
    return {name: rows for name, rows in tables.items() if name not in of_sinks}


def test_a_metric_that_an_upgrade_brings_is_made_up_for(
    laptop: Laptop, clock: Clock, receiver: StrictReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its samples lie where they happened, from a zero of its own on; nothing else is sent again."""
    before = grid(receiver)
    next_version.install(monkeypatch)
    assert laptop.tick()["central"].outcome == "delivered"

    assert grid(receiver) == before
    errors, prompts = (receiver.history(NAME, of=kind) for kind in ("error", "prompt"))
    assert errors[0][0] == min(points[0][0] for points in before.values())
    assert rises(errors) == [(-90, 0), (-44, 1), (-9, 2), (1, 3), (1, 3)]
    assert rises(prompts) == [(-30, 0), (-29, 1), (1, 1)]
    known = account(laptop)
    clock.forward(60)
    result = laptop.tick()["central"]

    assert result.outcome == "delivered"
    assert account(laptop) == known
    assert rises(receiver.history(NAME, of="error"))[-2:] == [(1, 3), (2, 3)]
    assert {labels: points[:-1] for labels, points in grid(receiver).items()} == before


def test_it_freezes_like_all_others_once_offered(
    laptop: Laptop, clock: Clock, receiver: StrictReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What turns up of the time before it was offered is booked after that."""
    next_version.install(monkeypatch)
    laptop.tick()
    late = homes.Transcript(laptop.home / "projects" / "-home-app" / "late.jsonl")
    late.write(api_error(0, at_s=NOW_S - 3000), at_s=clock())
    clock.forward(60)
    laptop.tick()

    expected = [(-90, 0), (-44, 1), (-9, 2), (1, 3), (2, 4), (2, 4)]
    assert rises(receiver.history(NAME, of="error")) == expected


@pytest.mark.parametrize("answer", [Answer(503), LOST_ANSWER, LOST_REQUEST], ids=str)
def test_making_up_for_it_goes_on_after_a_failure(
    laptop: Laptop,
    clock: Clock,
    receiver: StrictReceiver,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
) -> None:
    """The receiver has it all in the end, and nothing of the rest twice."""
    next_version.install(monkeypatch)
    laptop.remote_write = [msgspec.structs.replace(laptop.remote_write[0], max_samples_per_send=40)]
    in_turn(receiver, None, *[answer] * 400)
    with laptop.running(deadline_s=1.0) as pipeline:
        ((_, result),) = pipeline.tick().results
    assert result.outcome == "retry"
    in_turn(receiver)
    for _ in range(3):
        clock.forward(600)
        laptop.tick()

    expected = [(-90, 0), (-44, 1), (-9, 2), (1, 3), (31, 3)]
    assert rises(receiver.history(NAME, of="error")) == expected
