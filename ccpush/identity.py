"""Who this is: an id that survives a lost ledger, and the instance that people know.

The id is a hash of the machine's and the user's id: the same for every ledger of this user on this
machine, and useless to anybody else. The instance is the host's name at the first run, then fixed,
because some systems change their name with the network.
"""

from __future__ import annotations

import getpass
import hashlib
import hmac
import os
import platform
import sqlite3
import sys
from pathlib import Path
from typing import Final

import msgspec

from ccpush.config.settings import Settings
from ccpush.ledger.meta import get_meta, set_meta, set_meta_once
from ccpush.ledger.store import transaction
from ccpush.metrics.evaluate import Identity

# machine-id(5): the machine's id is to be hashed, keyed with something of the application's own
_KEY: Final = b"ccpush identity 1"
_MACHINE_ID_FILES: Final = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


class Known(msgspec.Struct, frozen=True):
    """An identity and whether the ledger was made under another one."""

    identity: Identity
    moved: bool


def lock_name() -> str:
    """Name the lock of this identity; the same for every ledger of it."""
    return f"ccpush-{_mark('')}"


def establish(connection: sqlite3.Connection, settings: Settings, persona: str = "") -> Known:
    """Return who this is, settled in the ledger at its first run; needs a writable ledger.

    ``persona`` tells apart what runs beside the user's own account, such as the demo.
    """
    mark = _mark(persona)
    instance = settings.instance or _text(get_meta(connection, "instance"))
    if instance is None or _text(get_meta(connection, "machine")) is None:
        with transaction(connection):
            instance = settings.instance or str(
                set_meta_once(connection, "instance", platform.node() or "unknown")
            )
            # a machine without an id of its own gets one that lives in the ledger
            salt = set_meta_once(connection, "salt", os.urandom(16).hex())
            set_meta(connection, "machine", mark or _hash(str(salt)))
    return _known(connection, settings, instance, mark)


def recall(connection: sqlite3.Connection, settings: Settings, persona: str = "") -> Known:
    """Return who this is without writing anything."""
    instance = settings.instance or _text(get_meta(connection, "instance"))
    return _known(connection, settings, instance or platform.node() or "unknown", _mark(persona))


def login_name() -> str:
    """Return the user's login name, never empty."""
    try:
        return getpass.getuser() or "unknown"
    except (OSError, KeyError):
        # no name for this uid, as in some containers
        return "unknown"


def _known(connection: sqlite3.Connection, settings: Settings, instance: str, mark: str) -> Known:
    kept = _text(get_meta(connection, "machine"))
    labels = {"user": settings.user or login_name(), **settings.external_labels}
    number = mark or kept or ""
    return Known(
        Identity(id=number, instance=instance, labels=labels),
        moved=bool(mark and kept and kept != mark),
    )


def _mark(persona: str) -> str:
    machine = _machine_id()
    if not machine:
        return ""
    user = str(os.getuid()) if hasattr(os, "getuid") else login_name()
    return _hash(f"{machine}\n{user}\n{persona}")


def _hash(text: str) -> str:
    return hmac.new(_KEY, text.encode(), hashlib.sha256).hexdigest()[:16]


def _machine_id() -> str:
    for path in _MACHINE_ID_FILES:
        try:
            found = path.read_text(encoding="ascii", errors="replace").strip()
        except OSError:
            # not on this system; the next place is asked
            continue
        if found:
            return found
    if sys.platform == "darwin":
        return _macs_id()
    return _windows_id() if sys.platform == "win32" else ""


def _macs_id() -> str:
    import subprocess

    command = ["/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice"]
    try:
        told = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=5, check=False
        ).stdout
    except (OSError, subprocess.SubprocessError):
        # then the ledger's own mark has to do
        return ""
    for line in told.splitlines():
        if "IOPlatformUUID" in line:
            return line.rpartition("=")[2].strip().strip('"')
    return ""


def _windows_id() -> str:
    if sys.platform != "win32":
        return ""
    import winreg

    try:
        with winreg.OpenKey(
            winreg.HKEY_LOCAL_MACHINE,
            r"SOFTWARE\Microsoft\Cryptography",
            0,
            winreg.KEY_READ | winreg.KEY_WOW64_64KEY,
        ) as key:
            return str(winreg.QueryValueEx(key, "MachineGuid")[0])
    except OSError:
        # then the ledger's own mark has to do
        return ""


def _text(value: object) -> str | None:
    return None if value is None else str(value)
