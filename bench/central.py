"""Central stores for benchmarks: Prometheus and VictoriaMetrics, each with an empty store."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from measure import FailedRunError

BINARIES = {"Prometheus": "prometheus", "VictoriaMetrics": "victoria-metrics"}
_WINDOW = "storage: {tsdb: {out_of_order_time_window: 31d}}\n"
_READY_S = 30.0


def available() -> list[str]:
    """The stores whose programs are installed."""
    return [name for name, binary in BINARIES.items() if shutil.which(binary)]


@contextlib.contextmanager
def central(name: str, folder: Path) -> Iterator[str]:
    """The write URL of a fresh store; its data is removed at the end."""
    data = folder / "central"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with (data / "log").open("wb") as log:
        process = subprocess.Popen(_command(name, address, data), stdout=log, stderr=log)
    try:
        _wait_ready(name, f"http://{address}", process)
        yield f"http://{address}/api/v1/write"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(data, ignore_errors=True)


def _command(name: str, address: str, data: Path) -> list[str]:
    if name == "VictoriaMetrics":
        options = [f"-httpListenAddr={address}", f"-storageDataPath={data / 'data'}"]
        return [BINARIES[name], *options, "-retentionPeriod=100y"]
    config = data / "prometheus.yml"
    config.write_text(_WINDOW)
    return [
        BINARIES[name],
        f"--config.file={config}",
        f"--storage.tsdb.path={data / 'data'}",
        f"--web.listen-address={address}",
        "--web.enable-remote-write-receiver",
    ]


def _wait_ready(name: str, url: str, process: subprocess.Popen[bytes]) -> None:
    path = "/health" if name == "VictoriaMetrics" else "/-/ready"
    until_s = time.monotonic() + _READY_S
    while process.poll() is None and time.monotonic() < until_s:
        with contextlib.suppress(OSError), urllib.request.urlopen(url + path, timeout=1):
            return
        time.sleep(0.05)
    raise FailedRunError(f"{name} did not become ready")
