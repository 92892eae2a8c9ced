"""Each API response is counted once, with its final usage, whatever copies of it lie on disk."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import homes
import pytest
from homes import (
    HAIKU,
    NOW_S,
    OPUS,
    SESSION,
    agent_progress,
    assistant,
    extract,
    put,
    text,
    usage,
    user,
    without,
)

from ccpush.claude import facts as f

OTHER = "5e551011-0000-4000-8000-000000000002"


def counted(*rows: homes.Row) -> list[tuple[int, ...]]:
    """Input, output, cache read and cache creation of each response among the rows."""
    responses = extract(*rows).facts.responses.values()
    return [r.counts[:4] for r in responses]


def test_rows_of_one_response_count_once_with_the_last_output(
    home: homes.Home, reader: homes.Reader
) -> None:
    """One row per content block, output growing from row to row: the final number counts."""
    rows = (assistant("msg_1", output=n, input=3, cache_read=500, flat=70) for n in (1, 9, 240))
    home.main().write(*rows)
    reader.run()
    assert reader.tokens() == {OPUS: (3, 240, 500, 70)}
    assert reader.total(f.MESSAGES) == 1
    assert reader.tallies("rows_duplicate") == {"": 2}


@pytest.mark.parametrize("outputs", list(permutations((5, 80, 31))))
def test_the_order_of_rows_does_not_matter(outputs: tuple[int, ...]) -> None:
    """The field-wise maximum counts, wherever in the file the final row stands."""
    assert counted(*(assistant("msg_1", output=n) for n in outputs)) == [(10, 80, 0, 0)]


def test_the_maximum_is_taken_field_by_field() -> None:
    """No row need have all the largest numbers."""
    rows = (
        assistant("msg_1", input=9, output=1, cache_read=0, flat=40),
        assistant("msg_1", input=2, output=7, cache_read=30, flat=0),
    )
    assert counted(*rows) == [(9, 7, 30, 40)]


def test_a_response_grows_over_passes(home: homes.Home, reader: homes.Reader) -> None:
    """A later and larger row adds the difference; a smaller one adds nothing."""
    for output, expected in ((4, 4), (60, 60), (8, 60), (61, 61)):
        home.main().append(assistant("msg_1", output=output))
        reader.run()
        assert reader.tokens() == {OPUS: (10, expected, 0, 0)}
    assert reader.total(f.MESSAGES) == 1


def test_reading_twice_changes_nothing(home: homes.Home, reader: homes.Reader) -> None:
    """A file that was rewritten is read from its start; what is known is a duplicate."""
    rows = [user(), assistant("msg_1", output=5), assistant("msg_2", output=6)]
    home.main().write(*rows)
    reader.run()
    before = reader.account()
    home.main().write(*rows, at_s=NOW_S - 60)
    done = reader.run()
    assert dict(done.restarts) == {"rewritten": 1}
    assert reader.account().totals == before.totals
    assert reader.account().days == before.days
    assert reader.tallies("rows_duplicate") == {"": 3}


def test_model_and_day_of_a_response_are_those_first_counted(
    home: homes.Home, reader: homes.Reader
) -> None:
    """A later row of another model or day adds to what the first one said."""
    home.main().write(assistant("msg_1", output=5, at_s=NOW_S - homes.DAY_S))
    reader.run()
    home.main().append(assistant("msg_1", output=50, model=HAIKU, at_s=NOW_S - 60))
    reader.run()
    assert reader.tokens() == {OPUS: (10, 50, 0, 0)}
    assert {day.day: figures.output for day, figures in reader.account().days.items()} == {15: 50}


def test_message_id_is_the_key_whatever_the_request_is() -> None:
    """Rows of one message.id are one response: with, without or with another requestId."""
    rows = (
        assistant("msg_1", output=1),
        assistant("msg_1", output=2, request=None),
        assistant("msg_1", output=3, request="req_other"),
        put(assistant("msg_1", output=4), "requestId", None),
    )
    assert counted(*rows) == [(10, 4, 0, 0)]


def test_without_message_id_the_request_is_the_key() -> None:
    """Rows of one requestId are one response when no message.id tells them apart."""
    rows = (
        assistant(None, request="req_1", output=1),
        put(assistant("x", request="req_1", output=9), "message.id", None),
        assistant(None, request="req_2", output=5),
    )
    assert counted(*rows) == [(10, 9, 0, 0), (10, 5, 0, 0)]


def test_without_both_the_uuid_is_the_key() -> None:
    """Each row is a response of its own then, and copies of it are known by their uuid."""
    one, two = (assistant(None, request=None, output=n) for n in (7, 8))
    assert counted(one, two, one) == [(10, 7, 0, 0), (10, 8, 0, 0)]


def test_a_row_without_any_key_is_skipped() -> None:
    """What cannot be recognised again cannot be counted once."""
    facts = extract(without(assistant(None, request=None), "uuid"), without(user(), "uuid")).facts
    assert facts.responses == {}
    assert dict(facts.skipped) == {"no_key": 2}


def test_an_empty_key_is_none() -> None:
    """An empty message.id would make one response of all that lack it."""
    rows = (assistant("", request="req_1", output=1), assistant("", request="", output=2))
    assert counted(*rows) == [(10, 1, 0, 0), (10, 2, 0, 0)]


def test_a_fork_repeats_history_and_counts_only_what_is_new(
    home: homes.Home, reader: homes.Reader
) -> None:
    """A fork keeps uuid and message.id and rewrites sessionId; the session itself is a new one."""
    history = [user(), assistant("msg_1", output=5), user(), assistant("msg_2", output=6)]
    home.main(SESSION).write(*history)
    reader.run()
    copied = [put(put(row, "sessionId", OTHER), "entrypoint", "sdk-cli") for row in history]
    home.main(OTHER).write(
        *copied, user(session=OTHER), assistant("msg_3", output=7, session=OTHER)
    )
    reader.run()
    assert reader.tokens() == {OPUS: (30, 18, 0, 0)}
    assert (reader.total(f.MESSAGES), reader.total(f.SESSIONS)) == (6, 2)
    assert reader.tallies("rows_duplicate") == {"": 4}


def test_a_history_written_again_into_the_same_file_counts_once(
    home: homes.Home, reader: homes.Reader
) -> None:
    """Some versions rewrote the history at the end of the file that holds it."""
    history = [user(), assistant("msg_1", output=5)]
    home.main().write(*history, *history, assistant("msg_2", output=1))
    reader.run()
    assert reader.tokens() == {OPUS: (20, 6, 0, 0)}
    assert reader.total(f.MESSAGES) == 3


def test_copies_in_two_homes_count_once(tmp_path: Path, home: homes.Home) -> None:
    """A home that was copied elsewhere and is read too adds nothing."""
    second = homes.Home(tmp_path / "second")
    rows = [user(), assistant("msg_1", output=5)]
    home.main().write(*rows)
    second.main().write(*rows, assistant("msg_2", output=9))
    reader = homes.Reader(tmp_path / "state", home, second)
    assert reader.run().files == 2
    assert reader.tokens() == {OPUS: (20, 14, 0, 0)}
    assert reader.total(f.SESSIONS) == 1


def test_a_home_linked_twice_is_read_once(tmp_path: Path, home: homes.Home) -> None:
    """The same folder by another path is passed over."""
    home.main().write(user(), assistant("msg_1", output=5))
    (tmp_path / "linked").symlink_to(home.path)
    reader = homes.Reader(tmp_path / "state", home, tmp_path / "linked")
    done = reader.run()
    assert (done.files, done.lines) == (1, 2)
    assert reader.tokens() == {OPUS: (10, 5, 0, 0)}


def test_agent_progress_repeats_what_a_subagent_file_holds(
    home: homes.Home, reader: homes.Reader
) -> None:
    """The parent's news of a subagent's response are the same response."""
    row = assistant("msg_a", output=30, sidechain=True, agent="a1b2c3d", model=HAIKU)
    early = put(row, "message.usage.output_tokens", 2)
    home.main().write(user(), agent_progress(early))
    home.agent().write(row)
    reader.run()
    assert reader.tokens() == {HAIKU: (10, 30, 0, 0)}
    assert reader.total(f.MESSAGES) == 2


@pytest.mark.parametrize("shape", homes.SHAPES)
def test_a_response_found_only_in_agent_progress_counts(
    home: homes.Home, reader: homes.Reader, shape: homes.Shape
) -> None:
    """Some responses of subagents are nowhere else; their tool calls count too."""
    row = assistant("msg_a", output=30, stop="tool_use", blocks=[homes.tool_use(name="Grep")])
    home.main().write(user(), agent_progress(row), shape=shape)
    reader.run()
    assert reader.tokens() == {OPUS: (10, 30, 0, 0)}
    assert reader.by_a(f.TOOL_CALLS) == {"Grep": 1}
    assert reader.by_a(f.STOP_REASONS) == {"tool_use": 1}


def test_a_response_in_agent_progress_has_the_same_keys() -> None:
    """message.id, else requestId, else uuid: so that its own row is known as the same."""
    for row in (
        assistant("msg_1"),
        assistant(None, request="req_1"),
        assistant(None, request=None),
    ):
        news = agent_progress(row)
        assert counted(news) == counted(news, row, news) == [(10, 20, 0, 0)]


def test_other_progress_of_agents_is_nothing(home: homes.Home, reader: homes.Reader) -> None:
    """A subagent's prompts and results are in the parent's news too; they are no messages."""
    told = [
        agent_progress(user()),
        homes.progress("agent_progress"),
        homes.progress("bash_progress", output="x"),
    ]
    home.main().write(*told)
    reader.run()
    assert reader.total(f.MESSAGES) == 0
    assert reader.tallies("rows_skipped") == {"no_metric": 3}


def replay(**numbers: Any) -> homes.Row:
    """A parent's message as a side question repeats it: new requestId, other cache numbers."""
    return assistant("msg_1", request="req_btw", sidechain=True, agent="b7b7b7b", **numbers)


def test_a_main_row_outranks_sidechain_copies(home: homes.Home, reader: homes.Reader) -> None:
    """A side question replays parent messages with larger cache numbers: the parent's own count."""
    home.agent("b7b7b7b").write(replay(input=99, output=500, cache_read=9_000, flat=7))
    home.main().write(assistant("msg_1", input=3, output=40, cache_read=800, flat=60))
    reader.run()
    assert reader.tokens() == {OPUS: (3, 40, 800, 60)}
    assert reader.total(f.MESSAGES) == 1


def test_what_was_counted_never_goes_down(home: homes.Home, reader: homes.Reader) -> None:
    """A scrape may have shown a copy's larger numbers: a main row raises what is larger in it."""
    home.agent("b7b7b7b").write(replay(input=99, output=500, cache_read=9_000, flat=7))
    reader.run()
    assert reader.tokens() == {OPUS: (99, 500, 9_000, 7)}
    home.main().write(assistant("msg_1", input=3, output=40, cache_read=800, flat=60))
    reader.run()
    assert reader.tokens() == {OPUS: (99, 500, 9_000, 60)}
    assert reader.total(f.MESSAGES) == 1


def test_a_sidechain_copy_read_later_adds_nothing(home: homes.Home, reader: homes.Reader) -> None:
    """Once the parent's own row is known, copies are only copies."""
    home.main().write(assistant("msg_1", input=3, output=40))
    reader.run()
    home.agent().write(replay(input=99, output=500))
    reader.run()
    assert reader.tokens() == {OPUS: (3, 40, 0, 0)}


MAIN_40, MAIN_41 = assistant("msg_1", output=40), assistant("msg_1", output=41)
SMALL, LARGE = replay(output=30), replay(output=500)


@pytest.mark.parametrize("cut", [None, 1, 2, 3])
@pytest.mark.parametrize(
    ("rows", "output"),
    [
        ((MAIN_40, LARGE, MAIN_41, LARGE), 41),
        ((SMALL, MAIN_40, LARGE, MAIN_41), 41),
        ((LARGE, MAIN_40, SMALL, MAIN_41), 500),
        ((SMALL, LARGE, MAIN_41, MAIN_40), 500),
        ((SMALL, SMALL, LARGE, SMALL), 500),
    ],
)
def test_copies_in_sidechains_count_until_there_is_a_main_row(
    home: homes.Home, reader: homes.Reader, rows: tuple[homes.Row, ...], output: int, cut: int
) -> None:
    """Rows in one file, as of 1.0: what came first is the same in one read and in two."""
    if cut is not None:
        home.main().write(*rows[:cut])
        reader.run()
    home.main().write(*rows, at_s=NOW_S + 1)
    reader.run()
    assert reader.tokens() == {OPUS: (10, output, 0, 0)}


def test_copies_of_what_is_known_add_nothing_beside_a_main_row(
    home: homes.Home, reader: homes.Reader
) -> None:
    """A copy that is read in one go with a further main row, and before it, is one too many still."""
    home.main().write(MAIN_40)
    reader.run()
    home.main().append(LARGE, MAIN_41)
    reader.run()
    assert reader.tokens() == {OPUS: (10, 41, 0, 0)}


def test_sidechain_rows_alone_count_by_the_maximum() -> None:
    """Without a row outside sidechains, all copies count alike."""
    assert counted(replay(output=5), replay(output=50), replay(output=7)) == [(10, 50, 0, 0)]


def test_after_a_main_row_a_response_only_follows_main_rows(
    home: homes.Home, reader: homes.Reader
) -> None:
    """A sidechain copy larger than what was counted adds nothing once a main row is known."""
    home.agent().write(replay(output=500))
    reader.run()
    home.main().write(assistant("msg_1", output=600))
    reader.run()
    home.agent().append(replay(output=700))
    reader.run()
    assert reader.tokens() == {OPUS: (10, 600, 0, 0)}
    home.main().append(assistant("msg_1", output=601))
    reader.run()
    assert reader.tokens() == {OPUS: (10, 601, 0, 0)}


def test_days_and_sessions_follow_what_is_counted(home: homes.Home, reader: homes.Reader) -> None:
    """Figures by day and by session stay with a replay that came before its smaller main row."""
    home.agent().write(replay(input=99, output=500, at_s=NOW_S - 60))
    reader.run()
    home.main().write(assistant("msg_1", input=300, output=40, at_s=NOW_S - 60))
    reader.run()
    account = reader.account()
    day = account.days[account.today]
    assert (day.input, day.output) == (300, 500)
    assert account.live.tokens == {OPUS: (300, 500)}


def test_iterations_are_never_added() -> None:
    """They repeat the tokens of the whole."""
    spent = {
        **usage(input=3, output=4, cache_read=5, flat=6),
        "iterations": [usage(input=3, output=4)] * 3,
    }
    assert counted(assistant("msg_1", spent=spent)) == [(3, 4, 5, 6)]


@pytest.mark.parametrize(
    ("flat", "five_minutes", "hour", "expected"),
    [
        (0, 30, 12, 42),
        (20, 30, 12, 42),
        (42, 30, 12, 42),
        (50, 30, 12, 50),
        (42, 0, 0, 42),
        (0, 0, 0, 0),
    ],
)
def test_cache_writes_are_the_larger_of_flat_and_nested(
    flat: int, five_minutes: int, hour: int, expected: int
) -> None:
    """Before 2.1.152 the flat field could be 0 while the nested ones were set."""
    row = assistant("msg_1", flat=flat, five_minutes=five_minutes, hour=hour)
    assert counted(row) == [(10, 20, 0, expected)]


@pytest.mark.parametrize("nested", [None, {}, {"ephemeral_1h_input_tokens": None}])
def test_nested_cache_writes_may_be_missing(nested: object) -> None:
    """The flat number holds then."""
    assert counted(put(assistant("msg_1", flat=8), "message.usage.cache_creation", nested)) == [
        (10, 20, 0, 8)
    ]
    assert counted(without(assistant("msg_1", flat=8), "message.usage.cache_creation")) == [
        (10, 20, 0, 8)
    ]


NUMBERS = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)


@pytest.mark.parametrize("position", range(4))
def test_a_number_of_usage_may_be_null_or_missing(position: int) -> None:
    """A partial flush leaves numbers out: they count as 0, and a later row fills them in."""
    full = assistant("msg_1", input=1, output=2, cache_read=3, flat=4, five_minutes=0)
    path = f"message.usage.{NUMBERS[position]}"
    expected = [(1, 2, 3, 4)]
    partial = [tuple(0 if i == position else n for i, n in enumerate(expected[0]))]
    assert counted(put(full, path, None)) == partial
    assert counted(without(full, path)) == partial
    assert counted(put(full, path, None), full) == expected
    assert counted(full, put(full, path, None)) == expected


def test_usage_may_be_null_or_missing_altogether() -> None:
    """The response is a message all the same, and its usage may come later."""
    full = assistant("msg_1", output=6)
    for bare in (put(full, "message.usage", None), without(full, "message.usage")):
        assert counted(bare) == [(0, 0, 0, 0)]
        assert counted(bare, full, bare) == [(10, 6, 0, 0)]


def test_the_compaction_call_counts(home: homes.Home, reader: homes.Reader) -> None:
    """The response in agent-acompact files is in no other file."""
    home.main().write(user(), assistant("msg_1", output=5))
    home.agent("acompact-0f9e8d7c").write(assistant("msg_c", output=900, sidechain=True))
    reader.run()
    assert reader.tokens() == {OPUS: (20, 905, 0, 0)}


def test_subagents_of_all_ages_count(home: homes.Home, reader: homes.Reader) -> None:
    """Flat agent files, agents below their session, and agents of a workflow's run."""
    for number, file in enumerate(
        (home.flat_agent(), home.agent(), home.workflow("agent-a0a0a0a0a0a0a0a0a.jsonl"))
    ):
        file.write(assistant(f"msg_{number}", output=10**number, sidechain=True))
    home.workflow("journal.jsonl").write(assistant("msg_j", output=5_000), '{"type":"started"}')
    done = reader.run()
    assert (done.files, dict(done.skipped)) == (3, {})
    assert reader.tokens() == {OPUS: (30, 111, 0, 0)}


def test_one_agent_id_in_two_sessions_is_two_files(home: homes.Home, reader: homes.Reader) -> None:
    """Agent ids are not unique across sessions."""
    home.agent("a1b2c3d", session=SESSION).write(assistant("msg_1", output=1, sidechain=True))
    home.agent("a1b2c3d", session=OTHER).write(assistant("msg_2", output=2, sidechain=True))
    assert reader.run().files == 2
    assert reader.tokens() == {OPUS: (20, 3, 0, 0)}


def test_server_side_searches_are_counted_by_the_maximum(
    home: homes.Home, reader: homes.Reader
) -> None:
    """``server_tool_use`` grows like other usage; calls of the tools of that name add to it."""
    calls = [
        homes.tool_use(name="WebSearch"),
        homes.tool_use(name="WebFetch"),
        homes.tool_use(name="WebFetch"),
    ]
    home.main().write(
        assistant("msg_1", searches=1, fetches=0),
        assistant("msg_1", searches=3, fetches=2),
        assistant("msg_2", blocks=calls),
    )
    reader.run()
    assert (reader.total(f.WEB_SEARCHES), reader.total(f.WEB_FETCHES)) == (4, 4)


def test_a_stop_reason_counts_once_for_each_response(
    home: homes.Home, reader: homes.Reader
) -> None:
    """Rows before the last have none; it may come in a later pass, and copies do not repeat it."""
    home.main().write(assistant("msg_1"), assistant("msg_2", stop="end_turn"))
    reader.run()
    assert reader.by_a(f.STOP_REASONS) == {"end_turn": 1}
    home.main().append(assistant("msg_1", stop="tool_use"), assistant("msg_2", stop="end_turn"))
    reader.run()
    home.main().append(assistant("msg_1", stop="tool_use"))
    reader.run()
    assert reader.by_a(f.STOP_REASONS) == {"end_turn": 1, "tool_use": 1}


def test_the_first_stop_reason_that_is_said_holds() -> None:
    """Copies may say another; what was counted stays, in one read as over several."""
    first, second = put(replay(), "message.stop_reason", "end_turn"), assistant(stop="tool_use")
    for order in permutations((assistant(), first, second)):
        (found,) = extract(*order).facts.responses.values()
        said = [row["message"]["stop_reason"] for row in order]
        assert found.stop_reason == next(filter(None, said))


def test_blocks_of_one_row_and_of_several_are_the_same(
    home: homes.Home, reader: homes.Reader
) -> None:
    """Usually a row holds one block, rarely several: messages and calls are counted alike."""
    calls = [homes.tool_use(f"toolu_x{n}", name) for n, name in enumerate(("Bash", "Read", "Bash"))]
    home.main().write(
        assistant("msg_1", blocks=[text(), *calls]),
        *(assistant("msg_2", blocks=[{**call, "id": f"{call['id']}b"}]) for call in calls),
    )
    reader.run()
    assert reader.total(f.MESSAGES) == 2
    assert reader.by_a(f.TOOL_CALLS) == {"Bash": 4, "Read": 2}


def test_a_tool_call_counts_once_by_its_id(home: homes.Home, reader: homes.Reader) -> None:
    """Copies of a row, in the same file, a fork, a subagent or a later pass, add no call."""
    row = assistant("msg_1", blocks=[homes.tool_use("toolu_same", "Edit")])
    home.main().write(row, row)
    home.main(OTHER).write(put(row, "sessionId", OTHER))
    home.agent().write({**row, "isSidechain": True})
    reader.run()
    home.main().append(put(row, "uuid", homes.new_uuid()))
    reader.run()
    assert reader.by_a(f.TOOL_CALLS) == {"Edit": 1}


def test_a_tool_call_without_id_is_known_by_its_response() -> None:
    """Reading it again adds nothing; two of them in one row are two."""
    nameless = {"type": "tool_use", "name": "Read"}
    row = assistant("msg_1", blocks=[nameless, nameless, {"type": "tool_use", "id": "toolu_z"}])
    calls = extract(row, row).facts.tool_calls
    assert sorted(name for name, _ in calls.values()) == ["Read", "Read", "unknown"]


def test_chunks_of_any_size_give_the_same_account(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: homes.Home
) -> None:
    """Where a transaction ends does not show in the account."""
    rows = [
        row
        for n in range(40)
        for row in (
            user(),
            assistant(f"msg_{n}", output=n),
            assistant(f"msg_{n % 7}", output=3 * n),
        )
    ]
    home.main().write(*rows)
    home.agent().write(
        *(assistant(f"msg_{n}", output=9_999, sidechain=True) for n in range(0, 80, 2))
    )
    accounts = []
    for chunk_keys in (1, 3, 50, 20_000):
        homes.read_in_pieces(monkeypatch, 40 * chunk_keys)
        reader = homes.Reader(tmp_path / f"state-{chunk_keys}", home)
        done = reader.run(chunk_keys=chunk_keys)
        assert (done.lines, done.complete) == (160, True)
        account = reader.account()
        accounts.append(
            (account.totals, account.days, account.hours, account.live, account.tallies)
        )
    assert all(account == accounts[0] for account in accounts)
