"""Where ccpush's files lie by default."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ccpush.config.places import default_places, make_private
from ccpush.errors import ConfigError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user of whom nothing else is known."""
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_folders_by_the_conventions_of_xdg(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each XDG variable moves its folder, to a folder of ccpush's own."""
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    monkeypatch.setenv("XDG_CONFIG_HOME", "/xdg/config")
    monkeypatch.setenv("XDG_STATE_HOME", "/xdg/state")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    places = default_places()
    assert (home, Path("/xdg/config/ccpush"), Path("/xdg/state/ccpush"), runtime / "ccpush") == (
        places.home,
        places.config_dir,
        places.state_dir,
        places.runtime_dir,
    )


def test_folders_without_variables(home: Path, tmp_path: Path) -> None:
    """Without variables they lie in the home, and the run-time folder beside the state."""
    places = default_places({}, run=tmp_path / "no")
    assert (home, home / ".config/ccpush", home / ".local/state/ccpush") == (
        places.home,
        places.config_dir,
        places.state_dir,
    )
    assert places.state_dir / f"ccpush-{os.getuid()}" == places.runtime_dir


@pytest.mark.parametrize("variable", [None, "relative", "/absent-folder"])
def test_the_run_time_folder_of_the_system(
    home: Path, tmp_path: Path, variable: str | None
) -> None:
    """Where the variable is missing or useless, /run/user/UID is the same folder."""
    own = tmp_path / "run" / str(os.getuid())
    own.mkdir(parents=True)
    environ = {} if variable is None else {"XDG_RUNTIME_DIR": variable}
    assert own / "ccpush" == default_places(environ, run=tmp_path / "run").runtime_dir


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to somebody else")
def test_the_run_time_folder_of_somebody_else(home: Path, tmp_path: Path) -> None:
    """After su the variable names the folder of another user, which is passed over."""
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    os.chown(foreign, 4711, 4711)
    places = default_places({"XDG_RUNTIME_DIR": str(foreign)}, run=tmp_path / "no")
    assert places.state_dir / f"ccpush-{os.getuid()}" == places.runtime_dir


def test_a_user_without_a_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No home at all is told; nothing is guessed."""

    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(ConfigError, match="HOME"):
        default_places({})


def test_a_private_folder_is_made_with_what_is_missing_above(tmp_path: Path) -> None:
    """Every folder that is made is for this user alone, and a second time does no harm."""
    folder = tmp_path / "a/b"
    assert folder == make_private(folder) == make_private(folder)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)]
    assert modes == [0o700, 0o700]


def test_a_folder_that_others_can_enter_is_closed(tmp_path: Path) -> None:
    """A folder of our own that is open becomes private."""
    folder = tmp_path / "a"
    folder.mkdir()
    folder.chmod(0o755)
    make_private(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_what_is_no_folder_of_ours_is_refused(tmp_path: Path) -> None:
    """A file, a link and a path below a file are told, with what is accepted."""
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("")
    link.symlink_to(tmp_path)
    for path in (file, link, file / "below"):
        with pytest.raises(ConfigError, match="accepted: ") as caught:
            make_private(path)
        assert str(path) in str(caught.value)
