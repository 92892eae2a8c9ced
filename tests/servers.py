"""Real servers for tests: Prometheus, Pushgateway and VictoriaMetrics on free loopback ports.

Each context starts a subprocess with its data below ``tmp_path``, waits until it is ready, yields a
:class:`Server` and always kills it. A missing binary skips the test with the name of its package.

    with servers.prometheus("", tmp_path) as prometheus:
        push_to(prometheus.url + "/api/v1/write")
        assert prometheus.value("claude_total_sessions") == 3.0
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

READY_WITHIN_S = 30.0
POLL_S = 0.02
PORT_TRIES = 5

# Never through a proxy of the environment.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class StartError(Exception):
    """The server ended, or was not ready in time; the message ends with its log."""


@dataclass(frozen=True)
class Server:
    """A running server; ``url`` is its root without a slash at the end."""

    url: str
    pid: int
    log: Path
    before_query: str | None = None

    def get(self, path: str, timeout_s: float = 10.0) -> str:
        """The body of a GET; an HTTP error raises :class:`urllib.error.HTTPError`."""
        with _opener.open(self.url + path, timeout=timeout_s) as response:
            body: bytes = response.read()
            return body.decode()

    def query(self, promql: str, time_s: float | None = None) -> list[dict[str, Any]]:
        """The result of an instant query: ``[{"metric": {...}, "value": [time_s, "text"]}, ...]``."""
        if self.before_query:
            self.get(self.before_query)
        fields = {"query": promql} | ({"time": repr(time_s)} if time_s is not None else {})
        answer = json.loads(self.get("/api/v1/query?" + urllib.parse.urlencode(fields)))
        return list(answer["data"]["result"])

    def value(self, promql: str, time_s: float | None = None) -> float | None:
        """The value of a query with one result; None when it has none."""
        found = self.query(promql, time_s)
        assert len(found) <= 1, f"{promql} has {len(found)} results"
        return float(found[0]["value"][1]) if found else None

    def wait_for(self, promql: str, within_s: float = 20.0) -> list[dict[str, Any]]:
        """The result of a query as soon as it is not empty."""
        wait_until(lambda: bool(self.query(promql)), within_s, promql)
        return self.query(promql)


@contextlib.contextmanager
def prometheus(
    config: str, tmp_path: Path, flags: Sequence[str] = (), blocks: Path | None = None
) -> Iterator[Server]:
    """A Prometheus with the given YAML configuration, its remote-write receiver switched on.

    ``blocks`` are copied into its data directory first.
    """
    home = _new_folder(tmp_path, "prometheus")
    if blocks is not None:
        shutil.copytree(blocks, home / "data")
    config_file = home / "prometheus.yml"
    config_file.write_text(config or "{}\n", encoding="utf-8")

    def command(address: str) -> list[str]:
        return [
            _binary("prometheus", "prometheus"),
            f"--config.file={config_file}",
            f"--storage.tsdb.path={home / 'data'}",
            f"--web.listen-address={address}",
            "--web.enable-remote-write-receiver",
            *flags,
        ]

    with _running(command, "/-/ready", home) as server:
        yield server


@contextlib.contextmanager
def pushgateway(tmp_path: Path, flags: Sequence[str] = ()) -> Iterator[Server]:
    """A Pushgateway without persistence; read it by ``get("/metrics")`` or through a Prometheus."""
    home = _new_folder(tmp_path, "pushgateway")

    def command(address: str) -> list[str]:
        name = _binary("prometheus-pushgateway", "prometheus-pushgateway")
        return [name, f"--web.listen-address={address}", "--persistence.file=", *flags]

    with _running(command, "/-/ready", home) as server:
        yield server


@contextlib.contextmanager
def victoria_metrics(tmp_path: Path, flags: Sequence[str] = ()) -> Iterator[Server]:
    """A single-node VictoriaMetrics whose newest samples are visible to queries at once."""
    home = _new_folder(tmp_path, "victoria")

    def command(address: str) -> list[str]:
        return [
            _binary("victoria-metrics", "victoria-metrics"),
            f"-httpListenAddr={address}",
            f"-storageDataPath={home / 'data'}",
            "-retentionPeriod=100y",
            "-search.latencyOffset=0s",
            "-search.disableCache",
            *flags,
        ]

    with _running(command, "/health", home, before_query="/internal/force_flush") as server:
        yield server


def scrape_config(job: str, target_url: str, interval: str = "1s", extra: str = "") -> str:
    """A Prometheus configuration that scrapes one server; ``extra`` is added to the job as it is."""
    address = urllib.parse.urlsplit(target_url).netloc
    job_lines = [f"job_name: {job}", f"static_configs: [{{targets: ['{address}']}}]"]
    job_lines += [line for line in extra.splitlines() if line.strip()]
    job_text = "\n".join(f"    {line}" for line in job_lines)
    return (
        f"global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}\n"
        f"scrape_configs:\n  -\n{job_text}\n"
    )


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(true: Callable[[], bool], within_s: float, what: str) -> None:
    """Return as soon as ``true()`` is; fail the test after ``within_s``."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(POLL_S)


@contextlib.contextmanager
def _running(
    command: Callable[[str], list[str]],
    ready_path: str,
    home: Path,
    before_query: str | None = None,
) -> Iterator[Server]:
    """Start on a free port; another program may take the port first, so try a few."""
    for tries_left in reversed(range(PORT_TRIES)):
        address = f"127.0.0.1:{free_port()}"
        log = home / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command(address),
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=home,
            )
        server = Server(f"http://{address}", process.pid, log, before_query)
        try:
            try:
                _wait_ready(server, process, ready_path)
            except StartError as error:
                if "address already in use" in str(error) and tries_left:
                    continue
                raise
            yield server
            return
        finally:
            process.kill()
            process.wait()


def _wait_ready(server: Server, process: subprocess.Popen[bytes], ready_path: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            server.get(ready_path, timeout_s=1.0)
        except OSError:
            # Not listening yet, or still 503: both are answers of a server that is starting.
            time.sleep(POLL_S)
        else:
            return
    words = server.log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise StartError(f"{process.args!r} did not become ready:\n{words}")


def _binary(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed (Debian package {package})")
    return path


def _new_folder(tmp_path: Path, name: str) -> Path:
    """A folder of its own for each server, so that one test may start two of a kind."""
    for number in range(1, 100):
        folder = tmp_path / f"{name}-{number}"
        if not folder.exists():
            folder.mkdir(parents=True)
            return folder
    raise AssertionError("unreachable")
