"""Sessions: what makes one, when it began, which are active, and what those have used."""

from __future__ import annotations

from pathlib import Path

import homes
import pytest
from homes import HAIKU, NOW_S, OPUS, SESSION, agent_progress, assistant, progress, system, user

from ccpush.claude import facts as f

OTHER = "5e551011-0000-4000-8000-000000000002"


def test_a_session_is_an_id_with_a_row_outside_sidechains(
    home: homes.Home, reader: homes.Reader
) -> None:
    """Subagents bear their parent's id and make no session; nor do metadata rows."""
    home.main().write(user(), assistant("msg_1"))
    home.agent().write(user(sidechain=True), assistant("msg_2", sidechain=True))
    home.agent("b", session=OTHER).write(user(session=OTHER, sidechain=True))
    home.main("c").write(
        {"type": "last-prompt", "sessionId": "c"}, progress("hook_progress", session="c")
    )
    home.main("d").write(agent_progress(assistant("msg_3"), session="d"))
    reader.run()
    assert reader.total(f.SESSIONS) == 1


@pytest.mark.parametrize(
    "row",
    [
        user(),
        assistant("msg_1"),
        system("local_command"),
        homes.turn_duration(9),
        homes.synthetic(),
    ],
)
def test_any_conversation_row_makes_a_session(
    home: homes.Home, reader: homes.Reader, row: homes.Row
) -> None:
    """Also one that adds nothing else."""
    home.main().write(row)
    reader.run()
    assert reader.total(f.SESSIONS) == 1


def test_a_session_counts_once_over_files_homes_and_passes(
    tmp_path: Path, home: homes.Home
) -> None:
    """Resuming appends to the file; a project's folder may be renamed; a home copied."""
    second = homes.Home(tmp_path / "second")
    reader = homes.Reader(tmp_path / "state", home, second)
    for home_of in (home, second):
        home_of.main(project="-one").append(user())
        reader.run()
        home_of.main(project="-two").append(user())
        reader.run()
    assert reader.total(f.SESSIONS) == 1


def test_a_subagent_read_before_its_parent_does_not_hide_the_session(
    home: homes.Home, reader: homes.Reader
) -> None:
    """The session begins to count with its first row outside sidechains."""
    home.agent().write(assistant("msg_1", sidechain=True))
    reader.run()
    assert reader.total(f.SESSIONS) == 0
    home.main().write(user())
    reader.run()
    assert reader.total(f.SESSIONS) == 1


def test_a_session_belongs_to_day_and_hour_of_its_first_row(
    home: homes.Home, reader: homes.Reader
) -> None:
    """Of the first outside sidechains that is read, like the day of a response."""
    began_s = NOW_S - homes.DAY_S - 5 * 3600
    sidechain = user(at_s=began_s - 9000, sidechain=True)
    home.main().write(sidechain, user(at_s=began_s), user(at_s=began_s - 7200), user(at_s=NOW_S))
    reader.run()
    account = reader.account()
    assert {day.day: figures.sessions for day, figures in account.days.items()} == {15: 1, 16: 0}
    assert {hour: n for (hour, kind), n in account.hours.items() if kind == "sessions"} == {7: 1}


def test_a_copied_row_alone_makes_a_session(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: homes.Home
) -> None:
    """A fork whose only rows are copies is a session, however the bytes were split into reads."""
    row = assistant("msg_1")
    home.main(SESSION).write(row)
    home.main(OTHER).write({**row, "sessionId": OTHER})
    for chunk_keys in (1, 20_000):
        reader = homes.Reader(tmp_path / f"state-{chunk_keys}", home)
        reader.run(chunk_keys=chunk_keys)
        assert (reader.total(f.SESSIONS), reader.total(f.MESSAGES)) == (2, 1)


def test_the_active_window_is_of_rows_not_of_files(home: homes.Home, reader: homes.Reader) -> None:
    """A session is active by its newest row; a touched file with old rows is not."""
    home.main(SESSION).write(
        user(at_s=NOW_S - 2000), assistant("msg_1", output=7, at_s=NOW_S - 899)
    )
    home.main(OTHER).write(user(session=OTHER, at_s=NOW_S - 901))
    reader.run()
    live = reader.account().live
    assert (live.sessions, live.messages, live.tokens) == (1, 2, {OPUS: (10, 7)})
    assert reader.account(active_window_s=60).live.sessions == 0
    assert reader.account(active_window_s=3600).live.sessions == 2


def test_a_session_ceases_to_be_active_by_time_alone(
    home: homes.Home, reader: homes.Reader
) -> None:
    """No row says that it ended."""
    home.main().write(user(at_s=NOW_S))
    reader.run()
    assert reader.account().live.sessions == 1
    reader.now_s += 901
    assert reader.account().live.sessions == 0


@pytest.mark.parametrize(
    "row",
    [
        progress("bash_progress", at_s=NOW_S - 10, output="x"),
        progress("waiting_for_task", at_s=NOW_S - 10),
        system("local_command", at_s=NOW_S - 10),
        {**homes.envelope(), "type": "attachment", "attachment": {"type": "x"}, "timestamp": homes.iso(NOW_S - 10)},
        {"type": "queue-operation", "operation": "enqueue", "timestamp": homes.iso(NOW_S - 10), "sessionId": SESSION},
    ],
)  # fmt: skip
@pytest.mark.parametrize("metadata_after", [False, True])
def test_a_row_that_carries_nothing_keeps_its_session_active(
    home: homes.Home, reader: homes.Reader, row: homes.Row, *, metadata_after: bool
) -> None:
    """A long command says that it goes on; rows without time that follow it do not hide that."""
    after = (
        [{"type": "last-prompt", "sessionId": SESSION, "lastPrompt": "x"}] if metadata_after else []
    )
    home.main().write(user(at_s=NOW_S - 5000), row, *after)
    reader.run()
    assert reader.account().live.sessions == 1


def test_a_subagents_row_keeps_its_parents_session_active(
    home: homes.Home, reader: homes.Reader
) -> None:
    """Its tokens are the session's too."""
    home.main().write(user(at_s=NOW_S - 5000), assistant("msg_1", output=3, at_s=NOW_S - 5000))
    home.agent().write(assistant("msg_2", output=4, model=HAIKU, sidechain=True, at_s=NOW_S - 5))
    reader.run()
    live = reader.account().live
    assert (live.sessions, live.messages) == (1, 3)
    assert live.tokens == {OPUS: (10, 3), HAIKU: (10, 4)}


def test_the_last_row_of_a_response_keeps_its_session_active(
    home: homes.Home, reader: homes.Reader
) -> None:
    """A response that takes long is seen to go on by its further rows."""
    home.main().write(
        user(at_s=NOW_S - 2000),
        assistant("msg_1", output=3, at_s=NOW_S - 1900),
        assistant("msg_1", output=9, at_s=NOW_S - 20),
    )
    reader.run()
    assert reader.account().live.tokens == {OPUS: (10, 9)}


def test_rows_without_session_count_all_the_same(home: homes.Home, reader: homes.Reader) -> None:
    """Only sessions do not know of them."""
    home.main().write(
        homes.without(user(), "sessionId"), homes.put(assistant("msg_1"), "sessionId", None)
    )
    reader.run()
    assert (reader.total(f.MESSAGES), reader.total(f.SESSIONS)) == (2, 0)
    assert reader.tokens() == {OPUS: (10, 20, 0, 0)}


def test_sessions_are_the_same_however_files_are_split_into_reads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: homes.Home
) -> None:
    """Blocks and chunks of any size give the same sessions, starts and activity."""
    for number in range(4):
        session = f"s{number}"
        rows = [
            row
            for n in range(30)
            for at_s in (NOW_S - 4000 + 120 * n,)
            for row in (
                user(session=session, at_s=at_s),
                assistant(f"msg_{number}_{n % 9}", session=session, at_s=at_s),
                progress("hook_progress", session=session, at_s=at_s),
            )
        ]
        home.main(session).write(*rows)
        home.main(f"{session}-fork").write(
            *({**row, "sessionId": f"{session}f"} for row in rows[:50])
        )
    accounts = []
    for size_bytes, chunk_keys in ((512 << 10, 20_000), (700, 1), (4_000, 7)):
        homes.read_in_pieces(monkeypatch, size_bytes)
        reader = homes.Reader(tmp_path / f"state-{size_bytes}", home)
        reader.run(chunk_keys=chunk_keys)
        account = reader.account()
        accounts.append((account.totals, account.hours, account.days, account.live))
    assert accounts[0] == accounts[1] == accounts[2]
