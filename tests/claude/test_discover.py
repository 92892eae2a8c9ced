"""Which files are transcripts, in which order, and what merely looks like one."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import homes
import pytest
from homes import SESSION, assistant, user

from ccpush.claude.discover import MAX_DEPTH, Found, find_transcripts


def names(found: Found) -> list[str]:
    """File names, in the order in which they are read."""
    return [Path(file.path).name for file in found.in_order()]


def test_transcripts_are_found_at_every_depth(home: homes.Home) -> None:
    """Sessions, flat agents, subagents, and workflows below those; nothing else."""
    wanted = [
        home.main("a"), home.main("b", project="-other"), home.flat_agent("c0ffee00"),
        home.agent("d", session="a"), home.workflow("agent-e.jsonl", session="b"),
    ]  # fmt: skip
    other = [
        home.workflow("journal.jsonl"), homes.Transcript(home.path / "history.jsonl"),
        homes.Transcript(home.projects / "-x" / "memory" / "notes.md"),
        homes.Transcript(home.projects / "-x" / "sessions-index.json"),
        homes.Transcript(home.projects / "-x" / "s.jsonl.bak"),
        homes.Transcript(home.path / "todos" / "t.jsonl"),
    ]  # fmt: skip
    for file in (*wanted, *other):
        file.write(user())
    found = find_transcripts([home.path])
    assert sorted(file.path for file in found.in_order()) == sorted(str(t.path) for t in wanted)
    assert dict(found.skipped) == {}
    assert found.homes == [home.path]
    assert found.complete


def test_main_transcripts_come_first(home: homes.Home) -> None:
    """So that their rows outrank the copies in subagents' files, of whatever age."""
    for number in range(5):
        home.flat_agent(f"{number}").write(user())
        home.agent(f"x{number}", session=f"s{number}").write(user())
        home.workflow(f"agent-w{number}.jsonl", session=f"s{number}").write(user())
        home.main(f"s{number}", project=f"-p{number}").write(user())
    order = names(find_transcripts([home.path]))
    assert len(order) == 20
    assert all(name.startswith("agent-") for name in order[5:])
    assert sorted(order[:5]) == [f"s{number}.jsonl" for number in range(5)]


def test_a_file_below_subagents_is_a_subagents_whatever_its_name(home: homes.Home) -> None:
    """Folders say it too."""
    homes.Transcript(home.projects / "-p" / SESSION / "subagents" / "other.jsonl").write(user())
    homes.Transcript(home.projects / "-p" / SESSION / "main-like.jsonl").write(user())
    found = find_transcripts([home.path])
    assert [Path(file.path).name for file in found.main] == ["main-like.jsonl"]
    assert [Path(file.path).name for file in found.sub] == ["other.jsonl"]


def test_size_and_time_are_those_of_the_file(home: homes.Home) -> None:
    """What a pass compares with what it knew."""
    path = home.main().write(user(), at_s=1_700_000_000)
    (file,) = find_transcripts([home.path]).in_order()
    info = path.stat()
    assert (file.size, file.mtime_ns, file.device) == (
        info.st_size,
        1_700_000_000 * 10**9,
        info.st_dev,
    )
    assert file.inode == info.st_ino


@pytest.mark.parametrize(
    "name", ["a.orphaned.jsonl", "a.jsonl.orphaned.1.jsonl", "b.superseded-2026.jsonl"]
)
def test_files_set_aside_are_no_transcripts(
    home: homes.Home, reader: homes.Reader, name: str
) -> None:
    """Other tools keep replaced copies beside the original."""
    homes.Transcript(home.projects / "-p" / name).write(assistant("msg_1"))
    home.main().write(assistant("msg_2"))
    done = reader.run()
    assert (done.files, dict(done.skipped)) == (1, {"set_aside": 1})
    assert reader.tallies("files_skipped") == {"set_aside": 1}


@pytest.fixture
def odd_home(home: homes.Home) -> homes.Home:
    """A home with one valid transcript among what only looks like one."""
    home.main().write(user(), assistant("msg_1", output=5))
    folder = home.projects / "-home-somebody-app"
    (folder / "folder.jsonl").mkdir()
    homes.Transcript(folder / "folder.jsonl" / "inside.jsonl").write(assistant("msg_2"))
    (folder / "dangling.jsonl").symlink_to(folder / "nowhere")
    (folder / "loop.jsonl").symlink_to(folder / "loop.jsonl")
    (folder / "to-folder.jsonl").symlink_to(folder / "folder.jsonl")
    (folder / "itself").symlink_to(folder)
    (folder / "around").symlink_to(folder / "around")
    (folder / "empty.jsonl").touch()
    os.mkfifo(folder / "pipe.jsonl")
    os.mkfifo(folder / "pipe")
    return home


def test_what_only_looks_like_a_transcript_is_counted_by_reason(
    odd_home: homes.Home, reader: homes.Reader
) -> None:
    """Folders, pipes, dangling and looping links: nothing blocks, nothing raises, the rest counts."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(odd_home.projects / "sock.jsonl"))
        done = reader.run()
    assert done.complete
    assert done.files == 2
    assert dict(done.skipped) == {"folder": 2, "dangling_link": 2, "no_regular_file": 2}
    assert reader.tallies("files_skipped") == dict(done.skipped)
    assert reader.tokens() == {homes.OPUS: (10, 5, 0, 0)}
    again = reader.run()
    assert (again.lines, again.skipped) == (0, done.skipped)


def test_a_linked_project_is_followed_once(tmp_path: Path, home: homes.Home) -> None:
    """Projects kept elsewhere are read; two links to one are one."""
    elsewhere = homes.Transcript(tmp_path / "elsewhere" / "s.jsonl")
    elsewhere.write(user())
    for name in ("-one", "-two"):
        (home.projects / name).symlink_to(tmp_path / "elsewhere")
    found = find_transcripts([home.path])
    assert names(found) == ["s.jsonl"]


def test_hard_links_and_links_to_files_are_one_file(home: homes.Home) -> None:
    """The same inode is read once, by whatever name it is met first."""
    path = home.main().write(user())
    (path.parent / "hard.jsonl").hardlink_to(path)
    (path.parent / "soft.jsonl").symlink_to(path)
    found = find_transcripts([home.path])
    assert len(names(found)) == 1
    assert dict(found.skipped) == {"same_file": 2}


def test_the_walk_ends_at_a_depth(home: homes.Home) -> None:
    """Deeper than anything Claude Code makes; a tree without end cannot hold up a pass."""
    folder = home.projects
    for depth in range(MAX_DEPTH + 5):
        homes.Transcript(folder / f"d{depth}.jsonl").write(user())
        folder = folder / "x"
    assert sorted(names(find_transcripts([home.path]))) == sorted(
        f"d{d}.jsonl" for d in range(MAX_DEPTH + 1)
    )


def test_homes_that_are_missing_or_no_folders_are_passed_over(
    tmp_path: Path, home: homes.Home
) -> None:
    """One of several may not exist, be a file, a loop, or have no projects yet."""
    home.main().write(user())
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "bare").mkdir()
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "projects").write_text("x")
    others = [tmp_path / name for name in ("missing", "file", "loop", "bare", "odd")]
    found = find_transcripts([*others, home.path])
    assert len(names(found)) == 1
    assert home.path in found.homes
    assert tmp_path / "missing" not in found.homes
    assert dict(found.skipped) == {}


def test_no_home_at_all(tmp_path: Path) -> None:
    """A clear state, not an error: nothing was read, and the account is not yet whole."""
    reader = homes.Reader(tmp_path / "state", tmp_path / "nowhere")
    done = reader.run()
    assert (done.files, done.lines, list(done.homes)) == (0, 0, [])
    account = reader.account()
    assert (account.files, account.days, account.totals) == (0, {}, {})


def test_a_home_may_appear_later(tmp_path: Path) -> None:
    """``run`` waits for one; what it then holds counts as if it had always been there."""
    reader = homes.Reader(tmp_path / "state", tmp_path / "home")
    reader.run()
    homes.Home(tmp_path / "home").main().write(assistant("msg_1", output=5))
    done = reader.run()
    assert (done.complete, done.files) == (True, 1)
    assert reader.tokens() == {homes.OPUS: (10, 5, 0, 0)}


def test_a_home_that_goes_away_takes_nothing_from_the_account(
    home: homes.Home, reader: homes.Reader, tmp_path: Path
) -> None:
    """Transcripts are deleted after a month; a disk may be unplugged."""
    home.main().write(assistant("msg_1", output=5))
    reader.run()
    home.path.rename(tmp_path / "away")
    reader.run()
    assert reader.tokens() == {homes.OPUS: (10, 5, 0, 0)}
    (tmp_path / "away").rename(home.path)
    reader.run()
    assert reader.tokens() == {homes.OPUS: (10, 5, 0, 0)}


ODD_NAMES = [
    b"\xff\xfe.jsonl",
    "ünï ☃.jsonl".encode(),
    b"new\nline.jsonl",
    b" .jsonl",
    b".jsonl",
    b"-.jsonl",
    b"x" * 249 + b".jsonl",
]


@pytest.mark.parametrize("workers", [1, 2])
def test_odd_file_names_are_names(
    home: homes.Home, reader: homes.Reader, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """Whatever bytes a name is made of, also when processes of their own read a large backlog."""
    monkeypatch.setattr("ccpush.ledger.intake.MIN_BYTES", 0)
    monkeypatch.setattr("ccpush.ledger.intake.MAX_WORKERS", workers)
    for number, name in enumerate(ODD_NAMES):
        with open(os.fsencode(home.projects) + b"/" + name, "wb") as opened:
            opened.write(homes.line(assistant(f"msg_{number}", output=1)))
    assert reader.run().files == len(ODD_NAMES)
    assert reader.tokens() == {homes.OPUS: (10 * len(ODD_NAMES), len(ODD_NAMES), 0, 0)}
    assert reader.run().lines == 0


def test_an_unreadable_folder_hides_only_itself(as_nobody: Path) -> None:
    """The account is shown all the same, and what the folder held before stays counted."""
    home = homes.Home(as_nobody / "home")
    home.main().write(assistant("msg_1", output=5))
    home.main("hidden", project="-hidden").write(assistant("msg_2", output=6))
    reader = homes.Reader(as_nobody / "state", home)
    (home.projects / "-hidden").chmod(0)
    done = reader.run()
    assert (done.files, dict(done.skipped)) == (1, {"folder_unreadable": 1})
    assert reader.tokens() == {homes.OPUS: (10, 5, 0, 0)}
    assert reader.account().passes == 1
    (home.projects / "-hidden").chmod(0o700)
    assert reader.run().lines == 1
    (home.projects / "-hidden").chmod(0)
    reader.run()
    (home.projects / "-hidden").chmod(0o700)
    # its position was not forgotten meanwhile
    assert reader.run().lines == 0
    assert reader.tokens() == {homes.OPUS: (20, 11, 0, 0)}


@pytest.mark.parametrize("closed", ["home", "home/projects"])
def test_an_unreadable_home_is_told_and_survived(as_nobody: Path, closed: str) -> None:
    """Another user's home, say; other homes are read."""
    unreadable, home = homes.Home(as_nobody / "home"), homes.Home(as_nobody / "other")
    unreadable.main().write(assistant("msg_1"))
    home.main().write(assistant("msg_2", output=5))
    (as_nobody / closed).chmod(0)
    reader = homes.Reader(as_nobody / "state", unreadable, home)
    done = reader.run()
    assert (done.files, dict(done.skipped)) == (1, {"folder_unreadable": 1})
    assert reader.tokens() == {homes.OPUS: (10, 5, 0, 0)}
    (as_nobody / closed).chmod(0o700)
    assert reader.run().lines == 1


def test_an_unreadable_file_is_counted_and_read_once_it_can_be(as_nobody: Path) -> None:
    """Everything around it counts."""
    home = homes.Home(as_nobody / "home")
    secret = home.main("secret").write(assistant("msg_1", output=6))
    home.main().write(assistant("msg_2", output=5))
    secret.chmod(0)
    reader = homes.Reader(as_nobody / "state", home)
    done = reader.run()
    assert (done.complete, done.files, dict(done.skipped)) == (True, 2, {"unreadable": 1})
    assert reader.tallies("files_skipped") == {"unreadable": 1}
    secret.chmod(0o600)
    reader.run()
    assert reader.tallies("files_skipped") == {}
    assert reader.tokens() == {homes.OPUS: (20, 11, 0, 0)}
