"""Which folders are taken for Claude homes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from config_machine import Machine


def test_the_defaults_are_both_places_of_claude_code(machine: Machine) -> None:
    """Without a word from anybody both places are meant, and either may be missing."""
    settings = machine.load()
    expected = (machine.home / ".claude", machine.home / ".config/claude")
    assert (expected, False) == (settings.claude_homes, settings.claude_homes_given)


@pytest.mark.parametrize(("value", "folder"), [("/xdg", "/xdg/claude"), ("xdg", None), ("", None)])
def test_the_configuration_folder_of_xdg(machine: Machine, value: str, folder: str | None) -> None:
    """XDG_CONFIG_HOME moves the second default; a relative one is ignored, as XDG wants it."""
    expected = Path(folder) if folder else machine.home / ".config/claude"
    assert expected == machine.load(None, {"XDG_CONFIG_HOME": value}).claude_homes[1]


def test_the_order_of_those_who_name_homes(machine: Machine) -> None:
    """A flag, then CLAUDE_HOME, then CLAUDE_CONFIG_DIR, then the file."""
    machine.write("claude_home: /file")
    several = {"CLAUDE_CONFIG_DIR": "/b,/c"}
    one = {"CLAUDE_HOME": "/a, with a comma", **several}
    assert (Path("/file"),) == machine.load().claude_homes
    assert (Path("/b"), Path("/c")) == machine.load(None, several).claude_homes
    assert (Path("/a, with a comma"),) == machine.load(None, one).claude_homes
    given = machine.load(None, one, claude_home=("/x", "/y"))
    assert ((Path("/x"), Path("/y")), True) == (given.claude_homes, given.claude_homes_given)


def test_a_file_whose_homes_do_not_count_is_told(machine: Machine) -> None:
    """A variable meant for Claude Code itself may be set in a shell and not in a service."""
    (note,) = machine.load("claude_home: /file", {"CLAUDE_CONFIG_DIR": "/b"}).notes
    assert "claude_home of the settings file is not used" in note


def test_the_list_of_configuration_folders(machine: Machine, tmp_path: Path) -> None:
    """An entry is a home or its projects folder; ~ is the user's home, empty entries are none."""
    (tmp_path / "one/projects").mkdir(parents=True)
    (tmp_path / "projects/projects").mkdir(parents=True)
    listed = f" ~/two , ,{tmp_path}/one/projects,{tmp_path}/projects,/gone/projects,"
    expected = (
        machine.home / "two",
        tmp_path / "one",
        # a home that happens to be called projects
        tmp_path / "projects",
        Path("/gone"),
    )
    assert expected == machine.load(None, {"CLAUDE_CONFIG_DIR": listed}).claude_homes


def test_a_list_of_nothing_is_none(machine: Machine) -> None:
    """A variable that holds only commas names no home."""
    assert not machine.load(None, {"CLAUDE_CONFIG_DIR": " , "}).claude_homes_given


def test_a_home_is_meant_once(machine: Machine, tmp_path: Path) -> None:
    """Two ways to one folder are one home, the first way; folders that are alike are two."""
    (tmp_path / "real").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    paths = ("link", "real", "real/../real", "real/projects", "other")
    settings = machine.load(claude_home=tuple(str(tmp_path / path) for path in paths))
    assert (tmp_path / "link", tmp_path / "other") == settings.claude_homes


def test_both_defaults_may_be_one_folder(machine: Machine) -> None:
    """A ~/.config/claude that links to ~/.claude is read once."""
    (machine.home / ".claude").mkdir()
    (machine.home / ".config").mkdir()
    (machine.home / ".config/claude").symlink_to(machine.home / ".claude")
    assert (machine.home / ".claude",) == machine.load().claude_homes
