"""Complete lines from a position on: nothing lost, nothing taken too early, every change noticed."""

from __future__ import annotations

import os
from pathlib import Path

import homes
import msgspec
import pytest
from homes import NOW_S, OPUS, assistant, line, lines, user

from ccpush.claude import extract, tail
from ccpush.claude.discover import FoundFile, find_transcripts
from ccpush.claude.extract import Extractor
from ccpush.claude.tail import Position, SourceError, Stretch, read_on

ROWS = [user(), assistant("msg_1", output=5), assistant("msg_2", output=6)]
WHOLE = lines(*ROWS)
STILL_S = NOW_S - tail.STILL_S


def found(transcript: homes.Transcript) -> FoundFile:
    """The file as discovery shows it."""
    (file,) = (
        file
        for file in find_transcripts([transcript.path.parents[2]]).in_order()
        if file.path == str(transcript.path)
    )
    return file


def read(
    file: FoundFile, position: Position | None = None, now_s: float = NOW_S
) -> tuple[Stretch, Extractor]:
    """Read on to the end, and return what was found there."""
    into = Extractor()
    return read_on(file, position, into, now_s, 10**9), into


def test_a_position_is_the_end_of_the_last_complete_line(home: homes.Home) -> None:
    """The next read goes on there, and finds nothing when nothing was added."""
    transcript = home.main()
    transcript.write_bytes(WHOLE + b'{"type":"as')
    stretch, into = read(found(transcript))
    position = stretch.position
    assert (position.offset, position.size, position.tail) == (
        len(WHOLE),
        len(WHOLE) + 11,
        "waiting",
    )
    assert (stretch.at_end, stretch.restart, stretch.read_bytes) == (True, None, len(WHOLE))
    assert into.facts.lines == 3
    again, into = read(found(transcript), position)
    assert (again.position, again.read_bytes, into.facts.lines) == (position, 0, 0)


def test_a_line_written_in_two_halves_counts_once_whole(
    home: homes.Home, reader: homes.Reader
) -> None:
    """The first half is left for next time, however often one looks."""
    transcript, second = home.main(), line(assistant("msg_2", output=6))
    transcript.write(assistant("msg_1", output=5))
    for cut in (1, len(second) // 2, len(second) - 1):
        transcript.append_bytes(second[:cut])
        reader.run()
        assert reader.run().lines == 0
        assert reader.tokens() == {OPUS: (10, 5, 0, 0)}
        transcript.append_bytes(second[cut:])
        reader.run()
        assert reader.tokens() == {OPUS: (20, 11, 0, 0)}
        transcript.write(assistant("msg_1", output=5), at_s=NOW_S - cut)
        reader = homes.Reader(reader.state_dir.with_name(f"state-{cut}"), home)
        reader.run()


def test_a_whole_line_without_newline_waits_ten_minutes(
    home: homes.Home, reader: homes.Reader
) -> None:
    """Then it is taken: some writers never end the last line."""
    home.main().write_bytes(WHOLE[:-1])
    reader.run()
    assert reader.tokens() == {OPUS: (10, 5, 0, 0)}
    reader.now_s += tail.STILL_S - 1
    assert reader.run().lines == 0
    reader.now_s += 1
    assert reader.run().lines == 1
    assert reader.tokens() == {OPUS: (20, 11, 0, 0)}
    assert reader.run().files_read == 0


@pytest.fixture
def taken(home: homes.Home, reader: homes.Reader) -> homes.Transcript:
    """A transcript whose last line was taken without its newline."""
    home.main().write_bytes(WHOLE[:-1], at_s=STILL_S)
    reader.run()
    assert reader.tokens() == {OPUS: (20, 11, 0, 0)}
    return home.main()


def test_the_newline_of_a_taken_line_may_come_later(
    taken: homes.Transcript, reader: homes.Reader
) -> None:
    """It is stepped over, alone or with further lines behind it."""
    taken.append_bytes(b"\n")
    done = reader.run()
    assert (done.lines, dict(done.restarts)) == (0, {})
    taken.append(assistant("msg_3", output=7))
    done = reader.run()
    assert (done.lines, dict(done.restarts)) == (1, {})
    assert reader.tokens() == {OPUS: (30, 18, 0, 0)}
    assert reader.tallies("rows_duplicate") == {}


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_newline_and_further_lines_may_come_at_once(
    taken: homes.Transcript, reader: homes.Reader, end: bytes
) -> None:
    """Nothing between them is lost."""
    taken.append_bytes(end + line(assistant("msg_3", output=7)) + line(user())[:-1])
    reader.run()
    assert reader.tokens() == {OPUS: (30, 18, 0, 0)}


def test_a_taken_line_that_goes_on_instead_is_read_again(
    taken: homes.Transcript, reader: homes.Reader
) -> None:
    """What was taken stays; the line that it became is no row; the next ones count."""
    taken.append_bytes(b' {"goes":"on"}\n' + line(assistant("msg_3", output=7)))
    done = reader.run()
    assert dict(done.restarts) == {"rewritten": 1}
    assert reader.tokens() == {OPUS: (30, 18, 0, 0)}
    assert reader.tallies("rows_skipped") == {"not_json": 1}
    assert reader.tallies("files_restarted") == {"rewritten": 1}


def test_half_a_line_that_stays_is_counted_as_such(home: homes.Home, reader: homes.Reader) -> None:
    """After ten minutes it is told, once; when the line is finished after all, it counts."""
    half = line(assistant("msg_3", output=7))
    home.main().write_bytes(WHOLE + half[:40])
    reader.run()
    assert reader.tallies("rows_skipped") == {}
    reader.now_s += tail.STILL_S
    for _ in range(3):
        reader.run()
        assert reader.tallies("rows_skipped") == {"half_line": 1}
    home.main().append_bytes(half[40:], at_s=reader.now_s)
    reader.run()
    assert reader.tokens() == {OPUS: (30, 18, 0, 0)}
    assert reader.tallies("rows_skipped") == {"half_line": 1}


@pytest.mark.parametrize(
    "rest",
    [
        b"   ",
        b"7",
        b"null",
        b'"words"',
        b"[1]",
        b"tru",
        b"\x00" * 50,
        b'{"type":"user"',
        b"\xff\xfe",
    ],
)
def test_a_rest_that_is_no_whole_row_is_not_taken(
    home: homes.Home, reader: homes.Reader, rest: bytes
) -> None:
    """It may be the beginning of something else."""
    home.main().write_bytes(WHOLE + rest, at_s=STILL_S)
    reader.run()
    home.main().append_bytes(b"0\n" + line(assistant("msg_3", output=7)))
    assert dict(reader.run().restarts) == {}
    assert reader.tokens() == {OPUS: (30, 18, 0, 0)}


@pytest.mark.parametrize("shape", homes.SHAPES)
def test_half_a_row_that_carries_nothing_is_not_taken_either(
    home: homes.Home, reader: homes.Reader, shape: homes.Shape
) -> None:
    """Its head may prove it irrelevant, but not that it is whole."""
    rows = [
        homes.progress("bash_progress", output="x"),
        {"type": "queue-operation", "content": "x"},
    ]
    for row in rows:
        half = line(row, shape)[:-5]
        home.main().write_bytes(WHOLE + half, at_s=STILL_S)
        reader.run()
        home.main().append_bytes(line(row, shape)[-5:] + line(assistant("msg_3", output=7)))
        assert dict(reader.run().restarts) == {}
        assert reader.tokens() == {OPUS: (30, 18, 0, 0)}
        home.main().path.unlink()
        reader.run()


def test_only_what_was_added_is_read(home: homes.Home, reader: homes.Reader) -> None:
    """An unchanged file is not even opened."""
    home.main().write(*ROWS)
    first = reader.run()
    assert (first.files_read, first.lines, first.read_bytes) == (1, 3, len(WHOLE))
    again = reader.run()
    assert (again.files_read, again.lines, again.read_bytes) == (0, 0, 0)
    home.main().append(user())
    grown = reader.run()
    assert (grown.files_read, grown.lines) == (1, 1)


def test_a_truncated_file_is_read_again(home: homes.Home, reader: homes.Reader) -> None:
    """Removing a message rewrites the end; what was counted stays, what is new counts."""
    home.main().write(*ROWS)
    reader.run()
    home.main().write(*ROWS[:2])
    assert dict(reader.run().restarts) == {"truncated": 1}
    home.main().append(assistant("msg_3", output=7))
    assert dict(reader.run().restarts) == {}
    assert reader.tokens() == {OPUS: (30, 18, 0, 0)}


def test_a_truncated_and_grown_file_is_read_again(home: homes.Home, reader: homes.Reader) -> None:
    """Longer than it was, but no longer what it was."""
    home.main().write(*ROWS)
    reader.run()
    home.main().write(user(), *(assistant(f"msg_{n}", output=1) for n in range(3, 9)))
    assert dict(reader.run().restarts) == {"rewritten": 1}
    assert reader.tokens() == {OPUS: (80, 17, 0, 0)}


def test_a_file_replaced_by_another_is_read_again(home: homes.Home, reader: homes.Reader) -> None:
    """Written beside and renamed over, as editors and sync tools do; nothing counts twice."""
    path = home.main().write(*ROWS)
    reader.run()
    beside = homes.Transcript(path.with_suffix(".new"))
    beside.write(*ROWS, assistant("msg_3", output=7))
    beside.path.rename(path)
    assert dict(reader.run().restarts) == {"replaced": 1}
    assert reader.tokens() == {OPUS: (30, 18, 0, 0)}
    assert reader.tallies("rows_duplicate") == {"": 3}


def test_a_rewrite_in_place_of_the_same_size_is_noticed_by_its_time(
    home: homes.Home, reader: homes.Reader
) -> None:
    """A response's output finalised in place: the larger number counts."""
    rows = [user(), assistant("msg_1", output=51, uuid="u1")]
    home.main().write(*rows)
    reader.run()
    home.main().write(
        rows[0], homes.put(rows[1], "message.usage.output_tokens", 87), at_s=NOW_S + 1
    )
    assert dict(reader.run().restarts) == {"rewritten": 1}
    assert reader.tokens() == {OPUS: (10, 87, 0, 0)}


@pytest.mark.parametrize("place", [0, 1_000, -1_000, -1])
def test_a_change_near_either_end_is_noticed_when_the_file_grows(
    home: homes.Home, reader: homes.Reader, place: int
) -> None:
    """The first and the last kilobyte before the position are fingerprinted."""
    rows = [homes.synthetic("x" * 900) for _ in range(8)]
    content = bytearray(lines(*rows))
    home.main().write_bytes(bytes(content))
    reader.run()
    content[place] ^= 1
    home.main().write_bytes(bytes(content) + line(user()))
    assert dict(reader.run().restarts) == {"rewritten": 1}


def test_a_renamed_file_counts_once(home: homes.Home, reader: homes.Reader) -> None:
    """A project's folder was renamed: all of it is read again and nothing is new."""
    home.main(project="-one").write(*ROWS)
    reader.run()
    (home.projects / "-one").rename(home.projects / "-two")
    assert reader.run().lines == 3
    assert reader.tokens() == {OPUS: (20, 11, 0, 0)}
    assert reader.run().lines == 0


def test_a_deleted_file_stays_counted_and_a_new_one_of_its_name_is_read(
    home: homes.Home, reader: homes.Reader
) -> None:
    """Transcripts are deleted after a month."""
    path = home.main().write(*ROWS)
    reader.run()
    path.unlink()
    done = reader.run()
    assert (done.files, reader.account().files) == (0, 0)
    assert reader.tokens() == {OPUS: (20, 11, 0, 0)}
    home.main().write(assistant("msg_3", output=7))
    done = reader.run()
    assert (done.lines, dict(done.restarts)) == (1, {})
    assert reader.tokens() == {OPUS: (30, 18, 0, 0)}


def test_a_later_extractor_reads_everything_again(
    home: homes.Home, reader: homes.Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules that would yield other facts are applied to the files that are left."""
    home.main().write(*ROWS)
    reader.run()
    monkeypatch.setattr(extract, "VERSION", extract.VERSION + 1)
    assert dict(reader.run().restarts) == {"new_rules": 1}
    assert dict(reader.run().restarts) == {}
    assert reader.tokens() == {OPUS: (20, 11, 0, 0)}


def test_positions_survive_the_process(home: homes.Home, reader: homes.Reader) -> None:
    """Inode numbers and devices beyond 63 bits too, as some file systems have them."""
    home.main().write(*ROWS)
    reader.run()
    fresh = homes.Reader(reader.state_dir, home)
    assert fresh.run().files_read == 0


def test_what_unchanged_means(home: homes.Home) -> None:
    """Size, time, inode and device as before, and no tail that has become old enough."""
    transcript = home.main()
    transcript.write_bytes(WHOLE[:-1])
    file = found(transcript)
    position = read(file)[0].position
    assert position.unchanged(file, NOW_S)
    assert not position.unchanged(file, NOW_S + tail.STILL_S)
    torn = msgspec.structs.replace(position, tail="torn")
    assert torn.unchanged(file, NOW_S + tail.STILL_S)
    for changed in (
        file._replace(size=file.size + 1),
        file._replace(mtime_ns=file.mtime_ns + 1),
        file._replace(inode=file.inode + 1),
        file._replace(device=file.device + 1),
    ):
        assert not position.unchanged(changed, NOW_S)
    later = msgspec.structs.replace(position, extractor=extract.VERSION + 1)
    assert not later.unchanged(file, NOW_S)


def test_a_call_reads_a_bounded_amount(home: homes.Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a stop is noticed; the next call goes on where it ended."""
    homes.read_in_pieces(monkeypatch, 2_000)
    monkeypatch.setattr(tail, "MAX_CALL_BYTES", 5_000)
    transcript = home.main()
    transcript.write(*(assistant(f"msg_{n}") for n in range(60)))
    file, position, lengths = found(transcript), None, []
    into = Extractor()
    while True:
        stretch = read_on(file, position, into, NOW_S, 10**9)
        position = stretch.position
        lengths.append(stretch.read_bytes)
        if stretch.at_end:
            break
        assert not position.unchanged(file, NOW_S)
    assert (sum(lengths), len(into.facts.responses)) == (file.size, 60)
    assert len(lengths) > 5
    assert max(lengths) < 10_000


def test_a_call_takes_a_bounded_number_of_keys(
    home: homes.Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that memory is flat however much there is to read."""
    homes.read_in_pieces(monkeypatch, 1_000)
    home.main().write(*(assistant(f"msg_{n}") for n in range(60)))
    into = Extractor()
    stretch = read_on(found(home.main()), None, into, NOW_S, 10)
    assert not stretch.at_end
    assert 10 <= into.facts.keys < 20


@pytest.mark.parametrize("size_bytes", [2, 7, 64, 1_000, 1 << 20])
def test_pieces_of_any_size_give_the_same_lines(
    home: homes.Home, monkeypatch: pytest.MonkeyPatch, size_bytes: int
) -> None:
    """Where a read ends, in a line, in a character or at a newline, does not show."""
    homes.read_in_pieces(monkeypatch, size_bytes)
    rows = [assistant(f"msg_{n}", blocks=[homes.text("ü☃😀" * n)], output=n) for n in range(9)]
    content = lines(*rows, b"", b"\r", user(), b"{half", user())
    home.main().write_bytes(content)
    into = Extractor()
    stretch = read_on(found(home.main()), None, into, NOW_S, 10**9)
    assert (stretch.at_end, stretch.position.offset) == (True, len(content))
    assert [response.counts[1] for response in into.facts.responses.values()] == list(range(9))
    assert (into.facts.lines, len(into.facts.prompts)) == (14, 2)
    assert dict(into.facts.skipped) == {"blank": 2, "not_json": 1}


@pytest.mark.parametrize("size_bytes", [10, 100, 1 << 20])
def test_a_line_that_is_too_long_is_passed_over(
    home: homes.Home, reader: homes.Reader, monkeypatch: pytest.MonkeyPatch, size_bytes: int
) -> None:
    """It is counted, and the rows around it count; one of just the limit is taken."""
    homes.read_in_pieces(monkeypatch, size_bytes)
    just = line(assistant("msg_2", output=6))
    monkeypatch.setattr(tail, "MAX_LINE_BYTES", len(just))
    first, last = line(assistant("msg_1", output=5))[:-1], line(assistant("msg_4", output=8))[:-1]
    too_long = line(assistant("msg_33", output=7))[:-1]
    assert len(too_long) + 1 > len(just) == len(first) + 1
    home.main().write(first, too_long, just[:-1], b"x" * 5_000, last)
    reader.run()
    assert reader.tokens() == {OPUS: (30, 19, 0, 0)}
    assert reader.tallies("rows_skipped") == {"too_long": 2}
    assert reader.run().lines == 0


def test_a_line_that_is_too_long_may_end_later(
    home: homes.Home, reader: homes.Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is unfinished it may still grow; it is counted when it ends or has been still."""
    monkeypatch.setattr(tail, "MAX_LINE_BYTES", 2_000)
    home.main().write_bytes(WHOLE + b"x" * 3_000)
    reader.run()
    assert reader.tallies("rows_skipped") == {}
    home.main().append_bytes(
        b"x" * 3_000 + b"\n" + line(assistant("msg_3", output=7)) + b"y" * 3_000
    )
    reader.run()
    assert reader.tallies("rows_skipped") == {"too_long": 1}
    assert reader.tokens() == {OPUS: (30, 18, 0, 0)}
    reader.now_s += tail.STILL_S
    for _ in range(2):
        reader.run()
        assert reader.tallies("rows_skipped") == {"too_long": 2}


def test_empty_files_and_files_of_newlines(home: homes.Home, reader: homes.Reader) -> None:
    """Nothing to count, nothing to complain of."""
    home.main("a").write_bytes(b"")
    home.main("b").write_bytes(b"\n\n\r\n")
    done = reader.run()
    assert (done.complete, done.files, done.lines) == (True, 2, 3)
    assert reader.tallies("rows_skipped") == {"blank": 3}
    assert reader.run().files_read == 0
    home.main("a").append(user())
    assert reader.run().lines == 1


def test_a_file_that_is_gone_is_told_by_reason(home: homes.Home) -> None:
    """Between looking and opening, anything may happen to it."""
    path = home.main().write(*ROWS)
    file = found(home.main())
    path.unlink()
    with pytest.raises(SourceError, match="vanished"):
        read(file)
    path.mkdir()
    with pytest.raises(SourceError) as told:
        read(file)
    assert told.value.reason in ("unreadable", "no_regular_file")
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(SourceError, match="no_regular_file"):
        read(file)


@pytest.mark.parametrize("change", ["vanish", "shrink", "empty", "replace", "folder", "pipe"])
def test_a_file_may_change_in_mid_pass(
    home: homes.Home,
    reader: homes.Reader,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    tmp_path: Path,
) -> None:
    """Whatever happens to it between two reads, the pass ends, and all others are read."""
    homes.read_in_pieces(monkeypatch, 500)
    rows = [assistant(f"msg_{n}", output=1) for n in range(40)]
    path = home.main().write(*rows)
    home.agent("zz").write(assistant("msg_other", output=1_000, sidechain=True))
    calls = 0

    def meddle() -> bool:
        nonlocal calls
        calls += 1
        if calls == 6:
            _change(path, change, rows)
        return False

    done = reader.run(chunk_keys=1, stop=meddle)
    assert calls > 6
    assert done.complete
    ((_, output, _, _),) = reader.tokens().values()
    assert 1_001 <= output <= 1_040
    if change in ("vanish", "folder", "pipe"):
        assert sum(done.skipped.values()) == 1
    elif change != "empty":
        assert sum(done.restarts.values()) == 1
    reader.run()
    if change == "replace":
        assert reader.tokens() == {OPUS: (410, 1_040, 0, 0)}


def _change(path: Path, change: str, rows: list[homes.Row]) -> None:
    if change == "shrink":
        homes.Transcript(path).write(*rows[:2])
    elif change == "empty":
        homes.Transcript(path).write()
    elif change == "replace":
        homes.Transcript(path.with_suffix(".new")).write(*rows).rename(path)
    else:
        path.unlink()
        if change == "folder":
            path.mkdir()
        elif change == "pipe":
            os.mkfifo(path)


def test_a_stop_is_obeyed_and_loses_nothing(
    home: homes.Home, reader: homes.Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read is kept; the next pass goes on there."""
    homes.read_in_pieces(monkeypatch, 500)
    home.main().write(*(assistant(f"msg_{n}", output=1) for n in range(40)))
    asked = iter(range(100))
    done = reader.run(chunk_keys=3, stop=lambda: next(asked) > 8)
    assert not done.complete
    assert 0 < done.lines < 40
    assert reader.account().passes == 0
    rest = reader.run()
    assert rest.complete
    assert done.lines + rest.lines == 40
    assert reader.tokens() == {OPUS: (400, 40, 0, 0)}
    assert reader.tallies("rows_duplicate") == {}
