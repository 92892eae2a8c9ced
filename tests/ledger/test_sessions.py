"""Sessions: counted at their first row outside a sidechain, alive while rows are new."""

from __future__ import annotations

import homes
import laws
import pytest
from homes import HAIKU, NOW_S, OPUS, SESSION, assistant, user

from ccpush.claude import facts as f
from ccpush.ledger.query import Live

OTHER = "5e551011-0000-4000-8000-000000000002"


def test_a_session_is_a_name_with_a_row_outside_sidechains(
    home: homes.Home, reader: homes.Reader
) -> None:
    """A subagent's rows bear its parent's name and make no session of their own."""
    home.agent().write(user(sidechain=True), assistant(sidechain=True))
    reader.run()
    assert reader.total(f.SESSIONS) == 0

    home.main().write(user())
    home.main(OTHER).write(user(session=OTHER))
    reader.run()

    laws.hold(reader)
    assert reader.total(f.SESSIONS) == 2


def test_a_session_in_many_files_is_one(home: homes.Home, reader: homes.Reader) -> None:
    """A name that goes on in another file, or in another pass, is not counted again."""
    home.main().write(user())
    reader.run()
    home.main("elsewhere").write(user())
    home.main().append(user())
    reader.run()

    laws.hold(reader)
    assert reader.total(f.SESSIONS) == 1


def test_a_fork_is_a_session_without_usage_of_its_own(
    home: homes.Home, reader: homes.Reader
) -> None:
    """Copied history counts for the session that made it; the fork begins with nothing."""
    history = [user(at_s=NOW_S - 700), assistant(at_s=NOW_S - 690, output=50)]
    home.main().write(*history)
    reader.run()
    copies = [{**row, "sessionId": OTHER} for row in history]
    home.main(OTHER).write(*copies, assistant("new", session=OTHER, at_s=NOW_S - 5, output=7))
    reader.run()

    laws.hold(reader)
    assert reader.total(f.SESSIONS) == 2
    # only the fork has a row of the last five minutes
    assert reader.account(300).live == Live(1, 1, {OPUS: (10, 7)})


@pytest.mark.parametrize(("age_s", "sessions"), [(0, 1), (899, 1), (900, 1), (902, 0)])
def test_a_session_is_active_for_a_while_after_its_last_row(
    home: homes.Home, reader: homes.Reader, age_s: int, sessions: int
) -> None:
    """Active is who had a row within the window; all that it ever used is then its own."""
    home.main().write(assistant(at_s=NOW_S - 7200, output=30), user(at_s=NOW_S - age_s))
    reader.run()

    expected = Live(1, 2, {OPUS: (10, 30)}) if sessions else Live(0, 0, {})
    assert reader.account(900).live == expected


def test_active_sessions_add_up_by_model(home: homes.Home, reader: homes.Reader) -> None:
    """Tokens of subagents belong to their session; models are kept apart."""
    home.main().write(user(at_s=NOW_S - 9), assistant("m1", at_s=NOW_S - 9, output=1))
    home.agent().write(
        assistant("m2", at_s=NOW_S - 8, model=HAIKU, output=2, sidechain=True),
    )
    home.main(OTHER).write(
        user(at_s=NOW_S - 7, session=OTHER),
        assistant("m3", at_s=NOW_S - 7, session=OTHER, output=4),
    )
    reader.run()

    assert reader.account().live == Live(2, 5, {OPUS: (20, 5), HAIKU: (10, 2)})


def test_a_row_of_tomorrow_does_not_keep_a_session_alive(
    home: homes.Home, reader: homes.Reader
) -> None:
    """A row that claims to be later than now counts as of now, here too."""
    home.main().write(user(at_s=NOW_S + 20 * 3600))
    reader.run()
    alive = reader.account().live.sessions
    reader.now_s += 3600
    reader.run()

    assert (alive, reader.account().live.sessions) == (1, 0)


def test_active_tokens_never_fall(home: homes.Home, reader: homes.Reader) -> None:
    """A smaller main row takes nothing back of what a copy in another session said."""
    home.main(OTHER).write(user(session=OTHER, at_s=NOW_S - 7200))
    home.agent(session=OTHER).write(
        assistant("m1", session=OTHER, output=500, sidechain=True, at_s=NOW_S - 7200)
    )
    reader.run()
    home.main().write(assistant("m1", session=SESSION, output=20, at_s=NOW_S - 5))
    reader.run()

    laws.hold(reader)
    assert reader.account(3 * 3600).live.tokens == {OPUS: (10, 500)}


def test_rows_without_a_session_are_counted_without_one(
    home: homes.Home, reader: homes.Reader
) -> None:
    """What names no session still counts, and makes none."""
    home.main().write(homes.without(user(), "sessionId"), homes.without(assistant(), "sessionId"))
    reader.run()

    laws.hold(reader)
    assert (reader.total(f.MESSAGES), reader.total(f.SESSIONS)) == (2, 0)
    assert reader.account().live == Live(0, 0, {})
