"""How long people and Claude were at work, as far as the times of rows tell.

The rules are those of docs/counting.md.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import homes
import pytest
from brought_metrics import by_label, value
from homes import NOW_S, Row, assistant, put, user
from tool_rows import attachment, forked, result

ACTIVE = "claude_code_active_time_seconds_total"
BEGIN_S = NOW_S - 6 * 3600
NOTICE = "<task-notification>\n<task-id>b1</task-id>"

_responses = count(1)


def asked(after_s: float, content: Any = "do it", **more: Any) -> Row:
    """A prompt, at a time after the beginning."""
    return user(content, at_s=BEGIN_S + after_s, **more)


def answered(after_s: float, **more: Any) -> Row:
    """A response."""
    return assistant(f"msg_{next(_responses)}", at_s=BEGIN_S + after_s, **more)


def gave(after_s: float) -> Row:
    """A tool's result."""
    return result("t1", at_s=BEGIN_S + after_s)


def active(reader: homes.Reader) -> tuple[float, float]:
    """Seconds of people and of the program."""
    found = by_label(reader, ACTIVE, "type")
    return found.get("user", 0), found.get("cli", 0)


def worked(home: homes.Home, reader: homes.Reader, *rows: Row) -> tuple[float, float]:
    """Seconds in one file."""
    home.main().write(*rows)
    reader.run()
    return active(reader)


def test_time_runs_from_row_to_row(home: homes.Home, reader: homes.Reader) -> None:
    """Before a prompt it is the person's, before all else the program's; the first has none."""
    rows = [asked(0), answered(10), gave(25), answered(31), asked(71), answered(80)]
    assert worked(home, reader, *rows) == (40, 40)


def test_pauses_are_cut(home: homes.Home, reader: homes.Reader) -> None:
    """Two minutes for a person, ten for the program."""
    rows = [asked(0), answered(601), asked(601 + 121), answered(2000), gave(2600), asked(2720)]
    assert worked(home, reader, *rows) == (240, 600 + 600 + 600)


def test_rows_out_of_order_add_nothing(home: homes.Home, reader: homes.Reader) -> None:
    """Time runs from the latest row so far; what is not later has had its time."""
    rows = [asked(0), answered(10), gave(4), answered(10), gave(12), asked(11), answered(20)]
    assert worked(home, reader, *rows) == (0, 10 + 2 + 8)


def test_seconds_are_whole(home: homes.Home, reader: homes.Reader) -> None:
    """Parts of a second are cut from the times, so that nothing adds up to more than the clock."""
    rows = [asked(0.9), answered(1.1), answered(1.9), answered(3.2), asked(4.999)]
    assert worked(home, reader, *rows) == (1, 3)


@pytest.mark.parametrize(
    "between",
    [
        asked(50, "Caveat", isMeta=True),
        asked(50, "This session is being continued", isCompactSummary=True),
        asked(50, "<local-command-stdout>ok</local-command-stdout>"),
        asked(50, "<bash-stdout>a</bash-stdout>"),
        asked(50, sidechain=True),
        answered(50, sidechain=True),
        homes.compact_boundary(160_000, at_s=BEGIN_S + 50),
        homes.turn_duration(50_000, at_s=BEGIN_S + 50),
        homes.progress("bash_progress", at_s=BEGIN_S + 50),
        homes.agent_progress(answered(50), at_s=BEGIN_S + 50),
        attachment("queued_command", prompt="and that", at_s=BEGIN_S + 50),
    ],
)
def test_other_rows_do_not_count(home: homes.Home, reader: homes.Reader, between: Row) -> None:
    """Summaries, outputs, subagents, news, prompts that wait: time runs past them."""
    assert worked(home, reader, asked(0), answered(10), between, answered(90)) == (0, 90)


@pytest.mark.parametrize(
    "content",
    [
        "<command-name>/model</command-name>",
        "<command-message>init is running</command-message>",
        "<bash-input>ls</bash-input>",
        "[Request interrupted by user]",
        [homes.text("[Request interrupted by user for tool use]")],
    ],
)
def test_commands_and_interruptions_are_acts_of_a_person(
    home: homes.Home, reader: homes.Reader, content: Any
) -> None:
    """Somebody was there, though it is no prompt."""
    rows = [asked(0), answered(10), asked(30, content), answered(35)]
    assert worked(home, reader, *rows) == (20, 15)
    assert value(reader, "claude_prompts_total") == 1


@pytest.mark.parametrize(
    "more",
    [
        {"content": NOTICE},
        {"promptSource": "sdk"},
        {"promptSource": "system"},
        {"promptSource": "something-new"},
        {"origin": {"kind": "auto-continuation"}},
        {"entrypoint": "sdk-py"},
    ],
)
def test_a_prompt_of_a_program_starts_anew(
    home: homes.Home, reader: homes.Reader, more: dict[str, Any]
) -> None:
    """Nobody sat there in the time before it; Claude works after it as ever."""
    rows = [asked(0), answered(10), asked(70, **more), answered(75), asked(95)]
    assert worked(home, reader, *rows) == (20, 15)


def test_a_session_of_a_program_has_no_time_of_people(
    home: homes.Home, reader: homes.Reader
) -> None:
    """All its prompts are the program's."""
    rows = [asked(0), answered(10), asked(70), answered(75)]
    rows = [{**row, "entrypoint": "sdk-cli"} for row in rows]
    assert worked(home, reader, *rows) == (0, 15)


def test_what_comes_before_the_first_prompt_adds_nothing(
    home: homes.Home, reader: homes.Reader
) -> None:
    """A file that begins in the midst of something does not say what it belongs to."""
    assert worked(home, reader, answered(0), gave(10), answered(20)) == (0, 0)
    home.main("two").write(asked(100, "Caveat", isMeta=True), answered(130), asked(140))
    reader.run()
    assert active(reader) == (0, 0)
    home.main("two").append(answered(147))
    reader.run()
    assert active(reader) == (0, 7)


def test_errors_and_rows_of_the_client_count(home: homes.Home, reader: homes.Reader) -> None:
    """They end a wait as a response does."""
    rows = [
        asked(0),
        homes.api_error_message(at_s=BEGIN_S + 20),
        asked(30),
        homes.synthetic(at_s=BEGIN_S + 34),
    ]
    assert worked(home, reader, *rows) == (10, 24)


def test_files_run_beside_one_another(home: homes.Home, reader: homes.Reader) -> None:
    """Each file on its own: two sessions at the same time take twice the time."""
    home.main("one").write(asked(0), answered(10), asked(20))
    home.main("two").write(asked(3), answered(8), asked(28))
    reader.run()
    assert active(reader) == (30, 15)


def test_a_session_goes_on_after_a_compaction(home: homes.Home, reader: homes.Reader) -> None:
    """The boundary and the summary are no rows that count; Claude goes on in the same stretch."""
    rows = [
        asked(0),
        answered(10),
        homes.compact_boundary(160_000, at_s=BEGIN_S + 60),
        asked(60, "continued", isCompactSummary=True, isVisibleInTranscriptOnly=True),
        answered(100),
    ]
    assert worked(home, reader, *rows) == (0, 100)


@pytest.mark.parametrize("cut", range(1, 7))
def test_passes_leave_no_trace(home: homes.Home, reader: homes.Reader, cut: int) -> None:
    """Wherever a file was cut, the next pass goes on from the row before."""
    rows = [asked(0), answered(10), gave(25), asked(65), gave(60), answered(70), asked(71)]
    home.main().write(*rows[:cut])
    reader.run()
    home.main().append(*rows[cut:])
    reader.run()
    assert active(reader) == (41, 30)


@pytest.mark.parametrize("again", ["file", "ledger"])
def test_reading_again_adds_nothing(home: homes.Home, reader: homes.Reader, again: str) -> None:
    """A file that was rewritten, or one whose rows were written a second time at its end."""
    rows = [asked(0), answered(10), asked(20), answered(25)]
    home.main().write(*rows)
    reader.run()
    if again == "file":
        home.main().append(*rows)
    else:
        home.main().write(*rows, at_s=NOW_S - 60)
    reader.run()
    assert active(reader) == (10, 15)


@pytest.mark.parametrize("fork_first", [False, True])
def test_a_fork_adds_only_what_is_new(
    home: homes.Home, reader: homes.Reader, fork_first: bool
) -> None:
    """What it copies was counted where it happened."""
    history = [asked(0), answered(10), asked(20), answered(25)]
    mine, new = [asked(40), answered(47)], [asked(60), answered(61)]
    files = {"fork": [*forked(*history), *new], "origin": [*history, *mine]}
    for name in sorted(files, reverse=not fork_first):
        home.main(name).write(*files[name])
        reader.run()

    # the fork says of its copies that a program began their session: nobody typed the second
    typed = 15 + 35 if fork_first else 10 + 15 + 35
    assert active(reader) == (typed, 15 + 7 + 1)


def test_a_fork_in_the_midst_of_a_stretch_adds_what_is_later(
    home: homes.Home, reader: homes.Reader
) -> None:
    """Of the same stretch only the time after the latest row that was counted."""
    history = [asked(0), answered(10)]
    home.main("one").write(*history, answered(30))
    reader.run()
    home.main("two").write(*history, answered(25), answered(40))
    reader.run()
    assert active(reader) == (0, 40)


def test_a_resumed_session_is_another_stretch(home: homes.Home, reader: homes.Reader) -> None:
    """The next day in the same file: what lay between is cut to what a person may need."""
    rows = [asked(-homes.DAY_S), answered(20 - homes.DAY_S), asked(0), answered(5)]
    assert worked(home, reader, *rows) == (120, 25)


def test_a_time_that_is_none_is_passed_over(home: homes.Home, reader: homes.Reader) -> None:
    """Time runs past rows that do not tell theirs."""
    rows = [asked(0), put(answered(10), "timestamp", "soon"), answered(15)]
    assert worked(home, reader, *rows) == (0, 15)
