"""How a secret is read when it is needed, and whether others on this machine can read it too.

Files are read at each use, so that a rotated token takes effect at once. No message ever holds
what a secret says.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ccpush.config.settings import Secret
from ccpush.errors import ConfigError

# far above any token or key; a larger file is not a secret
MAX_SECRET_BYTES = 64 * 1024


def read_secret(secret: Secret) -> str:
    """What the secret says now, without the line break at the end of its file.

    Raises ConfigError when its file is missing, unreadable, empty or not text: the caller cannot
    authenticate, and must not try without.
    """
    if secret.file is None:
        return secret.value or ""
    try:
        with secret.file.open("rb") as stream:
            raw = stream.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise _unusable(secret.file, error.strerror or "it cannot be read") from error
    if len(raw) > MAX_SECRET_BYTES:
        raise _unusable(secret.file, f"more than {MAX_SECRET_BYTES} bytes")
    try:
        text = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        # the cause is cut off: it holds the bytes
        raise _unusable(secret.file, f"not UTF-8 at byte {error.start}") from None
    if not text.strip():
        raise _unusable(secret.file, "nothing in it")
    return text


def _unusable(file: Path, found: str) -> ConfigError:
    return ConfigError(
        f"{file}: found {found}; accepted: a readable file with the secret on one line",
        hint="write the secret into that file, or correct the setting that names it",
    )


def is_there(file: Path) -> bool:
    """Whether this user sees the file; False for one behind a folder that is closed to us."""
    try:
        file.stat()
    except OSError:
        return False
    return True


def exposure(file: Path) -> str | None:
    """A sentence with the command that mends it when others can read the file; None when not.

    None too where modes mean nothing, and for a file that is not there.
    """
    if os.name != "posix":
        return None
    try:
        mode = file.stat().st_mode
    except OSError:
        return None
    # /dev/fd/63 of a shell's <(…) and the like have no mode that says anything
    if not stat.S_ISREG(mode) or not mode & (stat.S_IRGRP | stat.S_IROTH):
        return None
    # imported late: needed only when there is something to tell
    import shlex

    quoted = shlex.quote(str(file))
    return f"others can read {file} (mode {stat.S_IMODE(mode):04o}): run chmod 600 {quoted}"
