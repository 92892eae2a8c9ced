"""Which settings hold, and from where."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ccpush.config.environment import FLAGS, VARIABLES
from ccpush.config.settings import (
    HttpConfig,
    PushgatewayConfig,
    RemoteWriteConfig,
    Settings,
    WebConfig,
)

if TYPE_CHECKING:
    from config_machine import Machine


def test_without_any_settings_the_defaults_work(machine: Machine) -> None:
    """No flag, no variable and no file: serve on the loopback address, push nowhere."""
    expected = Settings(
        claude_homes=(machine.home / ".claude", machine.home / ".config/claude"),
        claude_homes_given=False,
        state_dir=machine.state_dir,
        runtime_dir=machine.runtime_dir,
        cache_dir=machine.cache_dir,
        active_window_s=900.0,
        interval_s=60.0,
        web=WebConfig("127.0.0.1", 9101, None),
    )
    assert expected == machine.load()


@pytest.mark.parametrize(
    "text", ["", "\n", "# nothing yet\n", "---\n", "remote_write:\n", "\ufeff{}"]
)
def test_a_file_without_settings_changes_nothing(machine: Machine, text: str) -> None:
    """An empty file, and keys without values, leave every default."""
    settings = machine.load(text)
    assert (machine.file, (), 60.0) == (
        settings.config_file,
        settings.remote_write,
        settings.interval_s,
    )


# file text, variable, its text, flag, its value, how to look, the three values
PRECEDENCE = [
    ("interval: 10s", "INTERVAL", "20s", "interval", "30s", "interval_s", 10.0, 20.0, 30.0),
    ("instance: a", "INSTANCE", "b", "instance", "c", "instance", "a", "b", "c"),
    ("user: a", "USER", "b", "user", "c", "user", "a", "b", "c"),
    ("log: {level: debug}", "LOG_LEVEL", "info", "log_level", "error", "log_level", "debug", "info", "error"),
    ("log: {format: text}", "LOG_FORMAT", "json", "log_format", "text", "log_format", "text", "json", "text"),
    ("state: /a", "STATE", "/b", "state", "/c", "state_dir", Path("/a"), Path("/b"), Path("/c")),
    (
        "web: {listen_address: '127.0.0.1:1'}", "LISTEN_ADDRESS", "127.0.0.1:2",
        "listen_address", "[::1]:3",
        "web", WebConfig("127.0.0.1", 1), WebConfig("127.0.0.1", 2), WebConfig("::1", 3),
    ),
    (
        "web: {config_file: /a}", "WEB_CONFIG_FILE", "/b", "web_config_file", Path("/c"),
        "web", WebConfig(config_file=Path("/a")), WebConfig(config_file=Path("/b")),
        WebConfig(config_file=Path("/c")),
    ),
    (
        "remote_write: [{url: 'http://localhost:1/w'}]",
        "REMOTE_WRITE_URL", "http://localhost:2/w", "remote_write_url", "http://localhost:3/w",
        "remote_write",
        (RemoteWriteConfig("localhost:1", HttpConfig("http://localhost:1/w")),),
        (RemoteWriteConfig("localhost:2", HttpConfig("http://localhost:2/w")),),
        (RemoteWriteConfig("localhost:3", HttpConfig("http://localhost:3/w")),),
    ),
    (
        "pushgateway: {url: 'http://localhost:1/'}",
        "PUSHGATEWAY_URL", "http://localhost:2", "pushgateway_url", "http://localhost:3",
        "pushgateway",
        (PushgatewayConfig("localhost:1", HttpConfig("http://localhost:1")),),
        (PushgatewayConfig("localhost:2", HttpConfig("http://localhost:2")),),
        (PushgatewayConfig("localhost:3", HttpConfig("http://localhost:3")),),
    ),
]  # fmt: skip


@pytest.mark.parametrize("row", PRECEDENCE, ids=lambda row: row[1])
def test_flags_then_environment_then_file(machine: Machine, row: Any) -> None:
    """A flag beats a variable, a variable beats the file; each alone takes effect."""
    text, variable, words, flag, given, field, in_file, in_environment, in_flag = row
    environ = {f"CCPUSH_{variable}": words}
    assert in_file == getattr(machine.load(text), field)
    assert in_environment == getattr(machine.load(text, environ), field)
    assert in_flag == getattr(machine.load(text, environ, **{flag: given}), field)
    machine.file.unlink()
    assert in_environment == getattr(machine.load(None, environ), field)
    assert in_flag == getattr(machine.load(None, None, **{flag: given}), field)


def test_flags_that_were_not_given_change_nothing(machine: Machine) -> None:
    """None, and an empty tuple of homes, mean that a flag was not given."""
    flags: dict[str, object] = dict.fromkeys(FLAGS)
    assert machine.load() == machine.load(None, None, **{**flags, "claude_home": ()})


def test_empty_variables_count_as_not_given(machine: Machine) -> None:
    """Compose files pass variables on empty; that is no setting."""
    names = (*VARIABLES, "CLAUDE_HOME", "CLAUDE_CONFIG_DIR")
    assert machine.load() == machine.load(None, dict.fromkeys(names, ""))


def test_settings_that_only_file_and_environment_have(machine: Machine) -> None:
    """The active window and the external labels come from file or environment, whole."""
    text = "active_window: 5m\nexternal_labels: {team: core, site: berlin}"
    in_file = machine.load(text)
    assert (
        in_file.active_window_s,
        in_file.external_labels,
    ) == (300.0, {"team": "core", "site": "berlin"})
    environ = {"CCPUSH_ACTIVE_WINDOW": "1h", "CCPUSH_EXTERNAL_LABELS": "team=infra, floor=2"}
    in_environment = machine.load(text, environ)
    assert (
        in_environment.active_window_s,
        in_environment.external_labels,
    ) == (3600.0, {"team": "infra", "floor": "2"})


def test_a_file_named_by_flag_or_variable(machine: Machine, tmp_path: Path) -> None:
    """--config beats CCPUSH_CONFIG, which beats the default file."""
    machine.write("user: default")
    one, two = tmp_path / "one.yml", tmp_path / "two.yml"
    one.write_text("user: one")
    two.write_text("user: two")
    environ = {"CCPUSH_CONFIG": str(one)}
    assert ("one", one) == (
        machine.load(None, environ).user,
        machine.load(None, environ).config_file,
    )
    assert machine.load(None, environ, config=two).user == "two"


def test_a_file_that_was_named_must_exist(machine: Machine, tmp_path: Path) -> None:
    """The default file may be missing, one that somebody named may not."""
    absent = tmp_path / "absent.yml"
    (line,) = machine.problems(config=absent)
    assert line.startswith(f"--config: found '{absent}' (No such file")
    (line,) = machine.problems(None, {"CCPUSH_CONFIG": str(absent)})
    assert line.startswith(f"environment variable CCPUSH_CONFIG: found '{absent}'")


def test_a_folder_in_place_of_the_file(machine: Machine) -> None:
    """A default file that is there but cannot be read is an error, not no settings."""
    machine.file.mkdir()
    (line,) = machine.problems()
    assert line.startswith(f"{machine.file}: found '{machine.file}' (Is a directory); accepted: ")


def test_a_link_that_leads_nowhere(machine: Machine) -> None:
    """A dangling default file is none; one that leads in circles is told."""
    machine.file.symlink_to(machine.home / "absent")
    assert machine.load().config_file is None
    machine.file.unlink()
    machine.file.symlink_to(machine.file)
    (line,) = machine.problems()
    assert "Too many levels of symbolic links" in line


def test_a_relative_path_without_a_current_folder(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the current folder was deleted a relative path means nothing, an absolute one does."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    (line,) = machine.problems(state="data")
    assert line.endswith("found 'data'; accepted: the path of a folder that begins with /")
    assert Path("/data") == machine.load(state="/data").state_dir


def test_the_other_spelling_of_the_file_name_is_told(machine: Machine) -> None:
    """ccpush.yaml is not read, but that is said."""
    machine.file.with_suffix(".yaml").write_text("user: ada")
    settings = machine.load()
    assert settings.user is None
    assert "ccpush.yaml is not read" in settings.notes[0]


def test_relative_paths(machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the file they belong to its folder, elsewhere to the current one; ~ is the home."""
    monkeypatch.chdir(tmp_path)
    settings = machine.load("state: data\nclaude_home: [~/c, ../d]\nweb: {config_file: web.yml}")
    assert machine.config_dir / "data" == settings.state_dir
    assert (machine.home / "c", machine.config_dir / "../d") == settings.claude_homes
    assert machine.config_dir / "web.yml" == settings.web.config_file
    settings = machine.load(None, {"CCPUSH_STATE": "data"}, claude_home=("e", "~"))
    assert tmp_path / "data" == settings.state_dir
    assert (tmp_path / "e", machine.home) == settings.claude_homes


def test_a_flag_that_does_not_exist_is_a_mistake_of_the_program(machine: Machine) -> None:
    """A misspelt flag in a command would otherwise do nothing, silently."""
    with pytest.raises(TypeError, match="intervall"):
        machine.load(None, None, intervall="3s")


def test_a_url_that_names_only_a_server_is_told(machine: Machine) -> None:
    """Remote-write has a path; a URL without one is hardly meant, wherever it was given."""
    (note,) = machine.load(remote_write_url="http://localhost:9090").notes
    assert note.startswith("remote_write_url: this URL has no path")
    (note,) = machine.load(None, {"CCPUSH_REMOTE_WRITE_URL": "http://localhost:9090/"}).notes
    assert "/api/v1/write" in note


def test_a_url_in_place_of_blocks_is_told(machine: Machine) -> None:
    """The blocks of the file, with their passwords, do not count beside a URL that was given."""
    text = "pushgateway: {url: 'http://localhost:1'}"
    (note,) = machine.load(text, pushgateway_url="http://localhost:2").notes
    assert note == "pushgateway of the settings file is not used: a URL was given"


def test_listening_for_everybody_is_told(machine: Machine) -> None:
    """Without a web config file, an address that others reach gets a note."""
    (note,) = machine.load(None, None, listen_address=":9101").notes
    assert "0.0.0.0:9101" in note
    assert machine.load(None, None, listen_address=":9101", web_config_file="w").notes == ()
    assert machine.load(None, None, listen_address="localhost:0").notes == ()


def test_without_a_file_nothing_slow_is_loaded() -> None:
    """A run without a settings file pays neither for YAML nor for the readers of blocks."""
    program = (
        "import sys; from pathlib import Path; from ccpush.config.load import load_settings;"
        "no = Path('/nowhere');"
        "load_settings({}, {}, home=no, config_dir=no, state_dir=no, runtime_dir=no, cache_dir=no);"
        "slow = {'yaml', 'difflib', 'json', 'shlex', 'platformdirs', 'socket',"
        "'ccpush.config.sinks', 'ccpush.config.yaml_nodes'};"
        "print(sorted(slow & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"
