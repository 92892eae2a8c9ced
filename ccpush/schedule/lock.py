"""Who may run now: one run at a time, by a lock that dies with its holder.

The lock is the operating system's on an open file; what stands in the file only tells people who
holds it. The file is never removed (two runs could then each lock a file of that name) and never
reached through a symlink; a directory or file of somebody else's is refused.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from ccpush.errors import BusyError, CcpushError, ConfigError

POLL_S = 0.05
MAX_TOLD_BYTES = 4096
# Windows locks a range and forbids others to read it: one byte far behind what is told
_WINDOWS_LOCKED_BYTE = 0x4000_0000
# not every system has each of these
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_BINARY = getattr(os, "O_BINARY", 0)

if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> None:
        os.lseek(fd, _WINDOWS_LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

    _BUSY = frozenset({errno.EACCES, errno.EDEADLK})
else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    _BUSY = frozenset({errno.EAGAIN, errno.EACCES})


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lock, as the holder told it; ``since`` in seconds since 1970."""

    pid: int
    since: float
    command: str


class RunLock:
    """The lock ``name`` in ``directory``; ``command`` is what others are told about this run.

    Not reentrant: held is held, also for the thread that holds it. Goes with the process however
    it ends, and to no program that the process starts.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        *,
        command: str = "ccpush",
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path = directory / f"{name}.lock"
        self._command = command
        self._now = now
        self._fd: int | None = None

    def acquire(self, wait_s: float = 0) -> None:
        """Hold the lock, or raise BusyError naming the holder after ``wait_s`` seconds."""
        deadline = time.monotonic() + wait_s
        while not self.try_acquire():
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise self._busy()
            time.sleep(min(POLL_S, left_s))

    def try_acquire(self) -> bool:
        """Hold the lock and answer True, or answer False at once.

        Raises ConfigError where the directory or the file is not ours, CcpushError where they
        cannot be made or the file system knows no locks.
        """
        if self._fd is not None:
            return False
        _make_directory(self._path.parent)
        fd = _open_locked(self._path)
        if fd is None:
            return False
        self._fd = fd
        _tell(fd, Holder(os.getpid(), self._now(), self._command))
        return True

    def release(self) -> None:
        """Let the lock go; does nothing when it is not held."""
        fd, self._fd = self._fd, None
        if fd is None:
            return
        try:
            os.ftruncate(fd, 0)
        except OSError:
            # a stale word in the file does no harm
            pass
        finally:
            # Closing is what unlocks. An explicit unlock would also take it from a process that
            # shares the open file.
            os.close(fd)

    def holder(self) -> Holder | None:
        """Who told last that they hold it; None when nobody does or it cannot be read."""
        try:
            fd = os.open(self._path, os.O_RDONLY | _NO_FOLLOW | _NO_WAIT | _BINARY)
        except OSError:
            # only for telling people: not knowing is an answer
            return None
        try:
            return _parse(os.read(fd, MAX_TOLD_BYTES))
        except OSError:
            return None
        finally:
            os.close(fd)

    def __enter__(self) -> Self:
        if self._fd is None:
            self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def _busy(self) -> BusyError:
        holder = self.holder()
        if holder is None:
            return BusyError(
                f"another run of ccpush holds {self._path}",
                hint="try again in a moment, or look for the other run with: ps -ef | grep ccpush",
            )
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(holder.since))
        return BusyError(
            f"another run holds the lock: pid {holder.pid} ({holder.command}), since {since}",
            hint=f"try again when it is done, or stop it with: kill {holder.pid}",
        )


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        told = directory.lstat()
        # a link of our own is the user's wish; one of somebody else's is not
        owners = {told.st_uid, directory.stat().st_uid}
    except OSError as error:
        raise _cannot(f"make the directory {directory}", error) from error
    if sys.platform != "win32" and owners != {os.geteuid()}:
        raise ConfigError(
            f"the directory {directory} for locks belongs to another user",
            hint="run ccpush as the user who owns it, or choose another runtime directory",
        )


def _open(path: Path) -> int:
    # Python opens files so that no program started later inherits them (O_CLOEXEC).
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | _NO_FOLLOW | _BINARY, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _not_ours(path) from error
        raise _cannot(f"open the lock file {path}", error) from error
    told = os.fstat(fd)
    # A second name for the file would let somebody have a file of ours emptied.
    plain = stat.S_ISREG(told.st_mode) and told.st_nlink <= 1
    if not plain or (sys.platform != "win32" and told.st_uid != os.geteuid()):
        os.close(fd)
        raise _not_ours(path)
    return fd


def _not_ours(path: Path) -> ConfigError:
    return ConfigError(
        f"the lock file {path} is a link, no plain file, or belongs to another user",
        hint="remove it, or choose another runtime directory",
    )


def _open_locked(path: Path) -> int | None:
    while True:
        fd = _open(path)
        try:
            _lock(fd)
            if _is_still_there(fd, path):
                return fd
        except OSError as error:
            os.close(fd)
            if error.errno in _BUSY:
                return None
            raise _cannot(f"lock {path}", error) from error
        os.close(fd)


def _is_still_there(fd: int, path: Path) -> bool:
    # A cleaner of temporary files may have removed it between opening and locking.
    try:
        named = path.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(fd))


def _cannot(what: str, error: OSError) -> CcpushError:
    return CcpushError(
        f"cannot {what}: {error.strerror or error}",
        hint="choose a runtime directory on a local disk that this user may write",
    )


def _tell(fd: int, holder: Holder) -> None:
    told = f"{holder.pid} {holder.since:.3f} {holder.command}\n"
    try:
        os.ftruncate(fd, 0)
        os.lseek(fd, 0, os.SEEK_SET)
        os.write(fd, told.encode("utf-8", "backslashreplace")[:MAX_TOLD_BYTES])
    except OSError:
        # a full disk: the lock holds all the same, others only learn less about it
        return


def _parse(told: bytes) -> Holder | None:
    pid, _, rest = told.decode("utf-8", "replace").strip().partition(" ")
    since, _, command = rest.partition(" ")
    # A person may paste the number behind "kill", where 0 and -1 mean every process.
    if not (pid.isascii() and pid.isdigit() and 0 < len(pid) < 10 and int(pid) > 1):
        return None
    try:
        time.localtime(float(since))
    except (ValueError, OverflowError, OSError):
        return None
    # Whatever stands there is shown on a terminal.
    shown = "".join(char if char.isprintable() else "?" for char in command)
    return Holder(int(pid), float(since), shown or "ccpush")
