"""Nothing under a Claude home is ever changed, and no right to change it is needed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import homes
import pytest
from homes import OPUS, assistant, compact_boundary, progress, user

State = dict[str, tuple[object, ...]]
PASS = """
import sys
from pathlib import Path
from ccpush.ledger.intake import Intake
from ccpush.ledger.store import open_ledger

now_s, state, home = float(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
try:
    (home / "written").touch()
except OSError:
    pass
else:
    sys.exit("the home is not read-only")
for _ in range(2):
    with open_ledger(state, write=True) as connection:
        done = Intake(connection, [home], now=lambda: now_s).run()
        assert done.complete
"""


def furnish(home: homes.Home) -> None:
    """One of everything that is read, and some of what is not."""
    home.main().write(user(), assistant("msg_1", output=5), compact_boundary(9))
    home.main("half").write_bytes(homes.line(user()) + b'{"type":"us', at_s=homes.NOW_S - 700)
    home.agent().write(assistant("msg_2", output=6, sidechain=True), progress("bash_progress"))
    home.flat_agent().write(b"\xff\x00garbage")
    home.workflow("journal.jsonl").write('{"type":"started"}')
    home.main("empty").write_bytes(b"")
    (home.projects / "-linked").symlink_to(home.projects / "-home-somebody-app")
    (home.projects / "dangling.jsonl").symlink_to("nowhere")
    (home.path / "settings.json").write_text('{"cleanupPeriodDays": 30}')
    (home.path / ".credentials.json").write_text('{"token": "x"}')
    (home.path / "history.jsonl").write_text('{"display": "x"}\n')
    home.write_stats_cache(
        {
            "version": 4,
            "lastComputedDate": "2026-07-01",
            "dailyActivity": [{"date": "2026-07-01", "messageCount": 3, "sessionCount": 1, "toolCallCount": 2}],
            "dailyModelTokens": [{"date": "2026-07-01", "tokensByModel": {OPUS: 9}}],
            "modelUsage": {OPUS: {"inputTokens": 4, "outputTokens": 5}},
            "hourCounts": {"9": 1},
        }
    )  # fmt: skip


def state_of(root: Path) -> State:
    """Names, kinds, modes, sizes, times and contents of all that lies below, folders included."""
    found: State = {}
    for path in sorted([root, *root.rglob("*")]):
        info = path.lstat()
        content = ""
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        about = (info.st_mode, info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino)
        found[str(path.relative_to(root))] = (*about, content)
    return found


def test_passes_change_nothing(home: homes.Home, reader: homes.Reader) -> None:
    """First scan, a pass that finds nothing, one after the rules changed, one much later."""
    furnish(home)
    before = state_of(home.path)
    reader.run()
    reader.run()
    reader.now_s += 90 * homes.DAY_S
    reader.run(chunk_keys=1)
    homes.Reader(reader.state_dir.with_name("other"), home).run()
    assert state_of(home.path) == before


def test_a_home_without_write_permission_is_enough(as_nobody: Path) -> None:
    """Every folder and file may be read-only, for a user for whom modes hold."""
    home = homes.Home(as_nobody / "home")
    furnish(home)
    paths = [home.path, *(path for path in home.path.rglob("*") if not path.is_symlink())]
    for path in paths:
        path.chmod(0o500 if path.is_dir() else 0o400)
    with pytest.raises(PermissionError):
        (home.path / "written").touch()
    before = state_of(home.path)
    reader = homes.Reader(as_nobody / "state", home)
    assert reader.run().complete
    reader.run()
    assert reader.tokens() == {OPUS: (20, 11, 0, 0)}
    assert state_of(home.path) == before
    for path in paths:
        path.chmod(0o700)


def test_a_home_mounted_read_only_is_enough(tmp_path: Path, home: homes.Home) -> None:
    """As in a container with the home as a read-only volume."""
    if shutil.which("unshare") is None or os.geteuid() != 0:
        pytest.skip("needs unshare and root to mount")
    furnish(home)
    before = state_of(home.path)
    mount = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 77; shift; exec "$@"'
    command = [
        sys.executable,
        "-c",
        PASS,
        str(homes.NOW_S),
        str(tmp_path / "state"),
        str(home.path),
    ]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount, "sh", str(home.path), *command],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    assert (done.returncode, done.stderr) == (0, "")
    reader = homes.Reader(tmp_path / "state", home)
    assert reader.tokens() == {OPUS: (20, 11, 0, 0)}
    assert state_of(home.path) == before


def test_only_transcripts_cache_and_settings_are_opened(
    home: homes.Home, reader: homes.Reader
) -> None:
    """Credentials, the history of prompts and everything else are not even looked into."""
    furnish(home)
    opened: list[str] = []

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if recording and event == "open" and str(arguments[0]).startswith(str(home.path)):
            opened.append(str(arguments[0]))
            assert not int(str(arguments[2])) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)

    recording = True
    # an audit hook cannot be taken away again, only told to keep quiet
    sys.addaudithook(watch)
    reader.run()
    recording = False
    names = {Path(path).name for path in opened}
    allowed = {path.name for path in home.projects.rglob("*.jsonl")} - {"journal.jsonl"}
    assert names <= {*allowed, "stats-cache.json", "settings.json"}
    assert {"stats-cache.json", "settings.json", f"{homes.SESSION}.jsonl"} <= names
