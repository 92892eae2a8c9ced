"""start.sh starts, stops and says what it did; run twice it does no harm."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from servers import free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ("start.sh", ".ci/run", ".ci/servers")
WITHIN_S = 60.0

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash"),
]


class Starter:
    """start.sh as a user of his own runs it: own home, own folders, own port."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.log = home / "state/ccpush/exporter.log"
        self.pid_file = home / "state/ccpush/exporter.pid"
        (home / "run").mkdir(mode=0o700, parents=True)
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_RUNTIME_DIR": str(home / "run"),
        }

    def __call__(
        self, *arguments: str, env: Mapping[str, str] = {}
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end; what it leaves in the background holds none of its streams."""
        return subprocess.run(
            [str(ROOT / "start.sh"), *arguments],
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )

    def start(self, *options: str, env: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
        """Start the ccpush of these tests on a port of our own, installing nothing."""
        listen = ("--listen-address", f"127.0.0.1:{self.port}")
        return self("--exporter", "--venv", sys.prefix, "--", *listen, *options, env=env)

    def status_of(self, path: str) -> int:
        """The status of a page; 0 when nobody answers."""
        try:
            with _opener.open(f"http://127.0.0.1:{self.port}{path}", timeout=10) as reply:
                return int(reply.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    def pid(self) -> int:
        """The number of the process that it says it started."""
        return int(self.pid_file.read_text(encoding="ascii"))

    def end(self) -> None:
        """Leave nothing behind, whatever became of the test."""
        self("--stop")
        if self.pid_file.exists() and is_alive(self.pid()):
            os.kill(self.pid(), signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be buried does not."""
    state = subprocess.run(
        ["ps", "-p", str(pid), "-o", "stat="], capture_output=True, text=True, check=False
    )
    return state.stdout.strip()[:1] not in ("", "Z")


def invent(home: Path) -> None:
    """A Claude home with one response in it."""
    row = {
        "type": "assistant",
        "uuid": "u1",
        "timestamp": "2026-09-15T10:00:00.000Z",
        "sessionId": "s1",
        "isSidechain": False,
        "message": {
            "id": "m1",
            "model": "claude-opus-4-6",
            "usage": {"input_tokens": 3, "output_tokens": 4},
        },
    }
    (home / "projects/p").mkdir(parents=True)
    (home / "projects/p/s1.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")


def visible(folder: Path) -> list[str]:
    """What lies in a folder, caches and the like left out."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[Starter]:
    """start.sh in an empty home; what it started is ended."""
    made = Starter(tmp_path / "home")
    yield made
    made.end()


def test_twice_does_no_harm_and_stop_stops(starter: Starter) -> None:
    """The second start leaves the first one running; stop ends it, and finds nothing to do then."""
    invent(starter.home / ".claude")
    first = starter.start()
    assert (0, "") == (first.returncode, first.stderr)
    pid = starter.pid()
    assert f"process {pid}\n" in first.stdout
    assert f"http://localhost:{starter.port}/metrics" in first.stdout
    assert (200, 200) == (starter.status_of("/metrics"), starter.status_of("/-/ready"))

    second = starter.start()
    assert (0, pid) == (second.returncode, starter.pid())
    assert f"already runs, process {pid}" in second.stdout
    assert starter("--status").returncode == 0

    stopped = starter("--stop")
    assert (0, f"stopped ccpush, process {pid}\n") == (stopped.returncode, stopped.stdout)
    assert (False, 0) == (is_alive(pid), starter.status_of("/metrics"))
    again = starter("--stop")
    assert (0, "nothing runs here\n") == (again.returncode, again.stdout)
    assert starter("--status").returncode == 1


def test_restart_takes_new_options(starter: Starter) -> None:
    """A restart ends the old process and starts another, with the options of the new call."""
    starter.start()
    before = starter.pid()
    starter.port = free_port()
    restarted = starter(
        "--restart",
        "--venv",
        sys.prefix,
        env={"CCPUSH_LISTEN_ADDRESS": f"127.0.0.1:{starter.port}"},
    )

    assert (0, "") == (restarted.returncode, restarted.stderr)
    assert f"stopped ccpush, process {before}" in restarted.stdout
    assert (False, 200) == (is_alive(before), starter.status_of("/-/healthy"))


def test_a_given_home_that_is_missing_is_refused(starter: Starter) -> None:
    """A CLAUDE_HOME that is no folder is a mistake to be told, not a home to wait for."""
    refused = starter.start(env={"CLAUDE_HOME": str(starter.home / "nowhere")})

    assert 78 == refused.returncode
    assert re.search(r"^Error: CLAUDE_HOME: found .*/nowhere, which is no folder", refused.stderr)
    assert not starter.pid_file.exists()


def test_a_given_home_is_read(starter: Starter) -> None:
    """CLAUDE_HOME is what is read, and the default homes are not."""
    invent(starter.home / "elsewhere")
    started = starter.start(env={"CLAUDE_HOME": "~/elsewhere"})

    assert (0, 200) == (started.returncode, starter.status_of("/-/ready"))
    assert "no Claude home" not in started.stdout


def test_it_waits_for_the_default_home(starter: Starter) -> None:
    """Without any Claude home it runs, says what it waits for, and finds it when it appears."""
    started = starter.start("--interval", "1s")
    assert (0, 503) == (started.returncode, starter.status_of("/-/ready"))
    assert f"waits for {starter.home}/.claude and {starter.home}/config/claude" in started.stdout

    invent(starter.home / ".claude")
    wait_until(lambda: starter.status_of("/-/ready") == 200, 20, "the home is found")


def test_wrong_settings_are_told_in_the_foreground(starter: Starter) -> None:
    """A mistake in what goes to ccpush run is told at once, and nothing is started."""
    refused = starter.start("--interval", "5x")

    assert 78 == refused.returncode
    assert "--interval: found '5x'" in refused.stderr
    assert not starter.pid_file.exists()


def test_a_taken_port_is_told(starter: Starter) -> None:
    """Where something answers already, such as another exporter, nothing is started."""
    starter.start()
    other = Starter(starter.home / "other")
    other.port = starter.port
    refused = other.start()

    assert 1 == refused.returncode
    assert f"something already answers at http://localhost:{starter.port}" in refused.stderr
    assert not other.pid_file.exists()


def test_another_program_is_never_touched(starter: Starter) -> None:
    """A process number that is somebody else's by now stops nothing."""
    starter.pid_file.parent.mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as other:
        starter.pid_file.write_text(f"{other.pid}\n", encoding="ascii")
        stopped = starter("--stop")
        lives = other.poll() is None
        other.kill()

    assert (0, "nothing runs here\n", True) == (stopped.returncode, stopped.stdout, lives)


def test_in_the_foreground_it_ends_with_its_signal(starter: Starter) -> None:
    """With --foreground it is ccpush itself, which ends cleanly on SIGTERM."""
    command = [str(ROOT / "start.sh"), "--exporter", "--foreground", "--venv", sys.prefix]
    listen = {"CCPUSH_LISTEN_ADDRESS": f"127.0.0.1:{starter.port}"}
    with subprocess.Popen(
        command, env={**starter.env, **listen}, stderr=subprocess.PIPE
    ) as process:
        wait_until(lambda: starter.status_of("/-/healthy") == 200, WITHIN_S, "it answers")
        process.terminate()
        process.communicate(timeout=10)

    assert 0 == process.returncode


def test_the_central_stack_is_not_promised(starter: Starter) -> None:
    """Without --exporter it says that there is no stack yet, and what there is instead."""
    asked = starter()

    assert 2 == asked.returncode
    assert "is not part of this version yet" in asked.stderr
    assert "--exporter" in asked.stderr


@pytest.mark.parametrize("arguments", [("--exportr",), ("--exporter", "--stop"), ("--venv",)])
def test_wrong_usage_is_told(starter: Starter, arguments: tuple[str, ...]) -> None:
    """Wrong usage ends with 2 and does nothing."""
    refused = starter(*arguments)

    assert (2, "") == (refused.returncode, refused.stdout)
    assert refused.stderr.startswith("Error: ")


def test_which_python(starter: Starter) -> None:
    """The Python that is chosen is new enough; one that is named and is none is refused."""
    chosen = starter("--which-python").stdout.strip()
    if not chosen:
        pytest.skip("no Python on PATH can make virtual environments")
    version = subprocess.run(
        [chosen, "-Ic", "import sys; print(sys.version_info >= (3, 11))"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "True\n" == version.stdout
    assert 78 == starter("--which-python", env={"PYTHON": "false"}).returncode


@pytest.mark.slow
def test_it_installs_into_an_environment_of_its_own(starter: Starter) -> None:
    """The first start installs, the next one does not, and neither leaves anything in the checkout."""
    before = visible(ROOT)
    listen = {"CCPUSH_LISTEN_ADDRESS": f"127.0.0.1:{starter.port}"}
    pip = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "SSL_", "REQUESTS_"))
    }
    first = starter("--exporter", env={**listen, **pip})
    if first.returncode and "pip could not install" in first.stderr:
        pytest.skip("no package index can be reached")
    assert (0, "") == (first.returncode, first.stderr)
    starter("--stop")
    second = starter("--exporter", env=listen)

    assert ("installing" in first.stdout, "installing" in second.stdout) == (True, False)
    assert (starter.home / "data/ccpush/venv/bin/ccpush").exists()
    assert 200 == starter.status_of("/-/healthy")
    assert before == visible(ROOT)


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_clean(script: str) -> None:
    """shellcheck finds nothing, and each script can be run as it is."""
    assert os.access(ROOT / script, os.X_OK)
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    ran = subprocess.run(
        ["shellcheck", script], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (0, "") == (ran.returncode, ran.stdout)
