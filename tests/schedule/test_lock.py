"""The lock between runs: one at a time, gone with its holder, and nobody else's files touched."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ccpush.errors import BusyError, CcpushError, ConfigError
from ccpush.schedule import lock as lock_module
from ccpush.schedule.lock import Holder, RunLock

HOLDER = """
import sys
from pathlib import Path
from ccpush.schedule.lock import RunLock
lock = RunLock(Path(sys.argv[1]), "run", command="ccpush run", now=lambda: 1782907203.25)
lock.acquire()
{more}
print("held", flush=True)
sys.stdin.readline()
lock.release()
print("released", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def start(tmp_path):
    """Starts processes that hold the lock and say so; they end when a line is written to them."""
    children: list[subprocess.Popen[str]] = []

    def start_holder(more: str = "") -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", HOLDER.format(more=more), str(tmp_path / "locks")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        assert child.stdout.readline() == "held\n"
        return child

    yield start_holder
    for child in children:
        child.kill()
        child.communicate()


def lock_in(tmp_path: Path, **options) -> RunLock:
    """The lock that all tests here are about."""
    return RunLock(tmp_path / "locks", "run", **options)


def test_the_lock_is_ours_until_released(tmp_path):
    """One run has it, the next gets it when it is let go, and it may be had again and again."""
    first, second = lock_in(tmp_path), lock_in(tmp_path)
    for _ in range(3):
        assert first.try_acquire()
        assert not second.try_acquire()
        first.release()
        assert second.try_acquire()
        assert not first.try_acquire()
        second.release()


def test_held_is_held_for_its_holder_too(tmp_path):
    """The lock is not reentrant, and letting go what is not held does nothing."""
    lock = lock_in(tmp_path)
    assert lock.try_acquire()
    assert not lock.try_acquire()
    lock.release()
    lock.release()
    assert lock.try_acquire()
    lock.release()


def test_busy_names_the_holder(tmp_path, start):
    """Who finds the lock taken learns the pid, the command, since when, and what to do."""
    child = start()
    with pytest.raises(BusyError) as caught:
        lock_in(tmp_path).acquire()
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(1782907203))
    assert str(caught.value) == (
        f"another run holds the lock: pid {child.pid} (ccpush run), since {since}"
    )
    assert caught.value.hint == f"try again when it is done, or stop it with: kill {child.pid}"
    assert caught.value.exit_code == 75
    assert lock_in(tmp_path).holder() == Holder(child.pid, 1782907203.25, "ccpush run")


def test_waiting_for_the_lock(tmp_path, start):
    """With a wait, the lock is had as soon as it is let go."""
    child = start()
    lock = lock_in(tmp_path)
    child.stdin.write("\n")
    child.stdin.flush()
    lock.acquire(wait_s=30)
    assert child.stdout.readline() == "released\n"
    lock.release()


def test_waiting_in_vain(tmp_path):
    """A wait that is over ends in BusyError, not earlier and not much later."""
    with lock_in(tmp_path):
        before = time.monotonic()
        with pytest.raises(BusyError):
            lock_in(tmp_path).acquire(wait_s=0.2)
        assert 0.2 <= time.monotonic() - before < 1.5


def test_the_lock_dies_with_its_holder(tmp_path, start):
    """After SIGKILL the lock is free at once, whatever the file still says."""
    child = start()
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert lock_in(tmp_path).holder() == Holder(child.pid, 1782907203.25, "ccpush run")
    with lock_in(tmp_path) as lock:
        assert lock.holder().pid == os.getpid()


def test_programs_started_meanwhile_do_not_hold_it(tmp_path, start):
    """A program that the holder started and that outlives it does not keep the lock."""
    child = start(
        "import subprocess\n"
        "started = subprocess.Popen(['sleep', '60'], close_fds=False)\n"
        "print(started.pid, flush=True, file=sys.stderr)\n"
        "Path(sys.argv[1], 'pid').write_text(str(started.pid))"
    )
    outlives = int((tmp_path / "locks" / "pid").read_text())
    try:
        child.kill()
        child.wait()
        os.kill(outlives, 0)
        assert lock_in(tmp_path).try_acquire()
    finally:
        os.kill(outlives, signal.SIGKILL)


def test_one_at_a_time(tmp_path):
    """Processes that add to a number in a file under the lock lose no addition."""
    program = """
import sys
from pathlib import Path
from ccpush.schedule import lock
lock.POLL_S = 0.001
number = Path(sys.argv[1], "number")
for _ in range(40):
    run = lock.RunLock(Path(sys.argv[1], "locks"), "run")
    run.acquire(wait_s=60)
    with run:
        before = int(number.read_text())
        number.write_text(str(before + 1))
"""
    (tmp_path / "number").write_text("0")
    children = [subprocess.Popen([sys.executable, "-c", program, tmp_path]) for _ in range(3)]
    assert [child.wait() for child in children] == [0, 0, 0]
    assert (tmp_path / "number").read_text() == "120"


def test_context_manager(tmp_path):
    """The context holds the lock and lets go of it, also after an error and after a wait."""

    def fail_within():
        with lock_in(tmp_path):
            assert not lock_in(tmp_path).try_acquire()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_within()
    lock = lock_in(tmp_path)
    lock.acquire(wait_s=1)
    with lock:
        assert not lock_in(tmp_path).try_acquire()
    with lock_in(tmp_path), pytest.raises(BusyError), lock:
        pytest.fail("held twice")


def test_names_are_separate_locks(tmp_path):
    """Two identities do not wait for each other."""
    with RunLock(tmp_path, "a"), RunLock(tmp_path, "b") as other:
        assert other.holder().pid == os.getpid()


def test_private_modes(tmp_path):
    """The directory is 0700 and the file 0600, whatever the umask lets through."""
    before = os.umask(0)
    try:
        with lock_in(tmp_path):
            assert stat.S_IMODE((tmp_path / "locks").stat().st_mode) == 0o700
            assert stat.S_IMODE((tmp_path / "locks" / "run.lock").stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_the_file_stays(tmp_path):
    """Releasing empties the file and never removes it, or two runs could lock two files."""
    lock = lock_in(tmp_path)
    path = tmp_path / "locks" / "run.lock"
    with lock:
        inode = path.stat().st_ino
    assert (path.stat().st_ino, path.stat().st_size) == (inode, 0)
    assert lock.holder() is None


def test_nobody_holds_what_is_not_there(tmp_path):
    """Asking who holds a lock that was never taken makes no file."""
    assert lock_in(tmp_path).holder() is None
    assert list(tmp_path.iterdir()) == []


def test_a_symlink_is_refused(tmp_path):
    """A link in the place of the file is not followed, and what it points to stays as it is."""
    precious = tmp_path / "precious"
    precious.write_text("keep")
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "run.lock").symlink_to(precious)
    with pytest.raises(ConfigError, match="is a link"):
        lock_in(tmp_path).try_acquire()
    assert precious.read_text() == "keep"
    assert lock_in(tmp_path).holder() is None


def test_a_second_name_is_refused(tmp_path):
    """A hard link to another file is not emptied."""
    precious = tmp_path / "precious"
    precious.write_text("keep")
    (tmp_path / "locks").mkdir()
    os.link(precious, tmp_path / "locks" / "run.lock")
    with pytest.raises(ConfigError, match="is a link"):
        lock_in(tmp_path).try_acquire()
    assert precious.read_text() == "keep"


def test_what_is_no_file_is_refused(tmp_path):
    """A pipe in the place of the file neither hangs the run nor serves as a lock."""
    (tmp_path / "locks").mkdir()
    os.mkfifo(tmp_path / "locks" / "run.lock")
    with pytest.raises(ConfigError, match="no plain file"):
        lock_in(tmp_path).try_acquire()
    assert lock_in(tmp_path).holder() is None


def foreign_directory(tmp_path: Path) -> Path:
    """A directory of another user: made so as root, the system's own otherwise."""
    if os.geteuid() != 0:
        return Path("/usr")
    directory = tmp_path / "foreign"
    directory.mkdir()
    os.chown(directory, 65534, 65534)
    return directory


def test_somebody_elses_directory_is_refused(tmp_path):
    """In a directory of another user nothing is made, directly or through a link of our own."""
    foreign = foreign_directory(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(foreign)
    for directory in (foreign, link):
        with pytest.raises(ConfigError, match="belongs to another user") as caught:
            RunLock(directory, "run").try_acquire()
        assert caught.value.hint
    assert not (foreign / "run.lock").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another user")
def test_somebody_elses_file_is_refused(tmp_path):
    """A file of another user is not used as our lock, even where we may write to it."""
    (tmp_path / "locks").mkdir()
    path = tmp_path / "locks" / "run.lock"
    path.touch()
    os.chown(path, 65534, 65534)
    with pytest.raises(ConfigError, match="another user"):
        lock_in(tmp_path).try_acquire()


def test_a_directory_that_cannot_be_made(tmp_path):
    """When the directory cannot be made the error names it, the system's reason, and a way out."""
    (tmp_path / "locks").write_text("in the way")
    with pytest.raises(CcpushError) as caught:
        lock_in(tmp_path).acquire()
    assert str(caught.value) == (
        f"cannot make the directory {tmp_path / 'locks'}: {os.strerror(errno.EEXIST)}"
    )
    assert caught.value.hint


def test_a_directory_in_the_place_of_the_file(tmp_path):
    """A directory named like the lock is an error that names it."""
    (tmp_path / "locks" / "run.lock").mkdir(parents=True)
    with pytest.raises(CcpushError, match="cannot open the lock file"):
        lock_in(tmp_path).acquire()


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    """Where the file system knows no locks, that is said; it does not count as busy."""

    def refuse(fd: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(lock_module, "_lock", refuse)
    with pytest.raises(CcpushError, match="cannot lock") as caught:
        lock_in(tmp_path).acquire()
    assert not isinstance(caught.value, BusyError)


def test_a_full_disk_does_not_free_the_lock(tmp_path, monkeypatch):
    """When what is told cannot be written the lock holds all the same, and is let go at the end."""

    def refuse(fd: int, size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "ftruncate", refuse)
    lock = lock_in(tmp_path)
    with lock, pytest.raises(BusyError, match="another run of ccpush holds"):
        lock_in(tmp_path).acquire()
    assert lock_in(tmp_path).try_acquire()


def test_a_file_removed_between_opening_and_locking(tmp_path, monkeypatch):
    """A lock on a file that a cleaner just removed is worth nothing, so the next file is locked."""
    path = tmp_path / "locks" / "run.lock"
    real, removed = lock_module._lock, []

    def remove_first(fd: int) -> None:
        if not removed:
            removed.append(path.unlink())
        real(fd)

    monkeypatch.setattr(lock_module, "_lock", remove_first)
    with lock_in(tmp_path):
        assert not lock_in(tmp_path).try_acquire()
        assert path.exists()


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"\xff\x00garbage",
        b"-1 1782907203 ccpush run",
        b"0 1782907203 ccpush run",
        b"1 1782907203 ccpush run",
        b"12 nan ccpush run",
        b"12 1e300 ccpush run",
        b"99999999999999999999 1 ccpush",
        "٣٤ 1782907203 ccpush".encode(),
    ],
)
def test_garbage_in_the_file(tmp_path, told):
    """A holder that told nonsense is still the holder, and no number is offered to kill."""
    with lock_in(tmp_path):
        (tmp_path / "locks" / "run.lock").write_bytes(told)
        with pytest.raises(BusyError) as caught:
            lock_in(tmp_path).acquire()
    assert str(caught.value) == f"another run of ccpush holds {tmp_path / 'locks' / 'run.lock'}"
    assert "kill" not in str(caught.value.hint)


def test_what_is_told_cannot_steer_a_terminal(tmp_path):
    """Control characters that stand in the file are not printed."""
    told = r"\(ccpush\?\[2J\?run\)"
    steering = lock_in(tmp_path, command="ccpush\x1b[2J\nrun")
    with steering, pytest.raises(BusyError, match=told):
        lock_in(tmp_path).acquire()
