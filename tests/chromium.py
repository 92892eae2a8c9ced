"""A headless Chromium for tests and screenshots, spoken to over a pipe: no port, no driver.

with chromium.browser(tmp_path) as browser:
    page = browser.open(url, width=360, dark=True)
    assert page.run("document.title") == "..."
    assert page.complaints == []
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

TIMEOUT_S = 30.0
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


def find() -> str | None:
    """The program's path, None when it is not installed."""
    return shutil.which("chromium") or shutil.which("google-chrome")


class Browser:
    """A running browser; every message that it sends is kept until somebody looks."""

    def __init__(self, write_fd: int, read_fd: int) -> None:
        self._write_fd, self._read_fd = write_fd, read_fd
        self._numbers = count(1)
        self._buffer = b""
        self.events: list[dict[str, Any]] = []

    def ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command of the DevTools protocol and return its result."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        left = json.dumps(message).encode() + b"\0"
        while left:
            left = left[os.write(self._write_fd, left) :]
        while True:
            reply = self._receive()
            if reply.get("id") == number:
                assert "error" not in reply, (method, reply["error"])
                return reply["result"]
            self.events.append(reply)

    def wait_for(self, method: str, session: str) -> None:
        """Wait until an event of this name has come."""
        while not any(_is(event, method, session) for event in self.events):
            self.events.append(self._receive())

    def _receive(self) -> dict[str, Any]:
        until_s = time.monotonic() + TIMEOUT_S
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read_fd], [], [], until_s - time.monotonic())
            assert ready, "the browser says nothing"
            got = os.read(self._read_fd, 1 << 20)
            assert got, "the browser has ended"
            self._buffer += got
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def open(self, url: str, *, width: int = 1280, dark: bool = False, first: str = "") -> Page:
        """Open a page in a tab of its own and wait until it has loaded; ``first`` runs before it."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable", session)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", session, features=[scheme])
        page = Page(self, session, width)
        page.size(900)
        self.ask("Page.addScriptToEvaluateOnNewDocument", session, source=first)
        self.ask("Page.navigate", session, url=url)
        self.wait_for("Page.loadEventFired", session)
        return page


class Page:
    """A tab."""

    def __init__(self, browser: Browser, session: str, width: int) -> None:
        self._browser, self._session, self._width = browser, session, width

    def size(self, height: int) -> None:
        """Make the window so high; below 600 px of width it is a phone's."""
        phone = self._width < 600
        self._browser.ask(
            "Emulation.setDeviceMetricsOverride",
            self._session,
            width=self._width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )

    def run(self, code: str) -> Any:
        """The value of an expression; a promise's is waited for."""
        reply = self._browser.ask(
            "Runtime.evaluate",
            self._session,
            expression=code,
            returnByValue=True,
            awaitPromise=True,
        )
        assert "exceptionDetails" not in reply, reply["exceptionDetails"]
        return reply["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """Press and release a key that writes nothing."""
        for kind in ("rawKeyDown", "keyUp"):
            self._browser.ask(
                "Input.dispatchKeyEvent",
                self._session,
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
            )

    @property
    def complaints(self) -> list[str]:
        """Everything on the console: errors, warnings, and what the policy refused."""
        self.run("0")
        names = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [
            json.dumps(event["params"])
            for event in self._browser.events
            if any(_is(event, name, self._session) for name in names)
        ]

    @property
    def requested(self) -> list[str]:
        """The addresses that were asked for."""
        self.run("0")
        return [
            event["params"]["request"]["url"]
            for event in self._browser.events
            if _is(event, "Network.requestWillBeSent", self._session)
        ]

    def shoot(self, path: Path) -> None:
        """Take a picture of the whole page."""
        self.size(int(self.run("document.documentElement.scrollHeight")))
        data = self._browser.ask("Page.captureScreenshot", self._session, format="png")["data"]
        path.write_bytes(base64.b64decode(data))


def _is(event: dict[str, Any], method: str, session: str) -> bool:
    return event.get("method") == method and event.get("sessionId") == session


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Run a browser with a profile of its own below ``folder``."""
    program = find()
    assert program is not None
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    # far from 3 and 4, which the browser expects them at
    theirs = [fcntl.fcntl(fd, fcntl.F_DUPFD, 50) for fd in (to_read, from_write)]
    os.close(to_read)
    os.close(from_write)
    command = [program, *_FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    process = subprocess.Popen(
        ["bash", "-c", f'exec "$@" 3<&{theirs[0]} 4>&{theirs[1]}', "bash", *command],
        pass_fds=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for fd in theirs:
        os.close(fd)
    found = Browser(to_write, from_read)
    try:
        yield found
        with contextlib.suppress(AssertionError, OSError):
            found.ask("Browser.close")
            process.wait(5)
    finally:
        process.kill()
        process.wait()
        os.close(to_write)
        os.close(from_read)
