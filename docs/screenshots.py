"""Takes pictures of the laptop's own page: the demo's, for desktop and phone, light and dark.

    python docs/screenshots.py FOLDER

Needs Chromium. The demo ends with the script, and what it invented goes with it.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import chromium

WIDTHS = {"desktop": 1280, "phone": 360}
SCHEMES = {"light": False, "dark": True}
_TIMEOUT_S = 60.0


@contextlib.contextmanager
def demo(folder: Path) -> Iterator[str]:
    """Run the demo with a sink that cannot be reached; give its address once it has read all."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    command = [sys.executable, "-m", "ccpush", "demo", "--dir", str(folder / "demo")]
    more = ["--listen-address", address, "--pushgateway-url", "http://127.0.0.1:9"]
    process = subprocess.Popen([*command, *more], stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        _wait_for(f"http://{address}/-/ready")
        yield f"http://{address}/"
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(url: str) -> None:
    until_s = time.monotonic() + _TIMEOUT_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310
        except OSError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.2)
        else:
            return


def take(folder: Path) -> list[Path]:
    """Write all pictures into ``folder`` and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with (
        tempfile.TemporaryDirectory(prefix="ccpush-pictures-") as below,
        demo(Path(below)) as url,
        chromium.browser(Path(below)) as browser,
    ):
        for device, width in WIDTHS.items():
            for scheme, dark in SCHEMES.items():
                path = folder / f"page-{device}-{scheme}.png"
                browser.open(url, width=width, dark=dark).shoot(path)
                paths.append(path)
    return paths


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("one argument is needed: the folder for the pictures")
    if chromium.find() is None:
        sys.exit("Chromium is needed: on Debian, apt-get install chromium")
    for taken in take(Path(sys.argv[1])):
        print(taken)
