"""Where ccpush's own files lie when nobody says otherwise: settings, state, run-time files, cache.

The only module that asks the operating system about folders. Every process of one user must
arrive at the same run-time folder, or their lock is none.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ccpush.errors import ConfigError

APP = "ccpush"
PRIVATE = 0o700


class Places(msgspec.Struct, frozen=True):
    """The folders, named as the arguments of ``load_settings``; none of them need exist."""

    home: Path
    config_dir: Path
    state_dir: Path
    runtime_dir: Path
    cache_dir: Path


def default_places(
    environ: Mapping[str, str] | None = None, *, run: Path = Path("/run/user")
) -> Places:
    """The folders of this user, by the platform's conventions (XDG on Linux).

    Raises ConfigError when the user has no home.
    """
    # imported late: --help and --version do not need it
    import platformdirs

    try:
        home = Path.home()
    except RuntimeError as error:
        raise ConfigError(
            "no home folder is known for this user: found neither HOME nor an entry in the list"
            " of users; accepted: HOME set to a folder"
        ) from error
    state_dir = platformdirs.user_state_path(APP)
    return Places(
        home=home,
        config_dir=platformdirs.user_config_path(APP),
        state_dir=state_dir,
        runtime_dir=_runtime_dir(os.environ if environ is None else environ, run, state_dir),
        cache_dir=platformdirs.user_cache_path(APP),
    )


def _runtime_dir(environ: Mapping[str, str], run: Path, state_dir: Path) -> Path:
    """XDG_RUNTIME_DIR, else /run/user/UID, else a folder beside the state.

    Not the folder for temporary files: TMPDIR differs between a shell, a service and a private
    /tmp, and each of them would hold a lock of its own.
    """
    uid = os.getuid()
    named = environ.get("XDG_RUNTIME_DIR", "")
    candidates = [Path(named)] if named.startswith("/") else []
    for candidate in (*candidates, run / str(uid)):
        if _is_own_folder(candidate, uid):
            return candidate / APP
    return state_dir / f"{APP}-{uid}"


def _is_own_folder(path: Path, uid: int) -> bool:
    """Whether it is ours: after ``su`` the variable still names somebody else's."""
    try:
        found = path.stat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == uid and os.access(path, os.W_OK)


def make_private(folder: Path) -> Path:
    """Make the folder, and what is missing above it, for this user alone (0700).

    Raises ConfigError when it cannot be made, or belongs to somebody else.
    """
    try:
        _make_missing(folder)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise ConfigError(
                f"{folder}: found something of somebody else's; accepted: a folder of one's own"
            )
        if stat.S_IMODE(found.st_mode) & 0o077:
            folder.chmod(PRIVATE)
    except OSError as error:
        raise ConfigError(
            f"{folder}: found a place that cannot be used ({error.strerror}); accepted: a folder"
            " that this user can make and write"
        ) from error
    return folder


def _make_missing(folder: Path) -> None:
    for part in (*reversed(folder.parents), folder):
        if not part.exists():
            part.mkdir(mode=PRIVATE, exist_ok=True)
