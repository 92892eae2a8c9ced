"""The progress bar: on a terminal only, and never in the way of what it watches."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading

import pytest

from ccpush.progress import MIN_SHOWN_BYTES, MIN_SHOWN_SAMPLES, bar, deliveries

TOTAL_BYTES = 4 * MIN_SHOWN_BYTES


@pytest.fixture
def terminal(monkeypatch):
    """A pseudo-terminal: the stream to write to, and a function that reads what was written."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    screen, line = os.openpty()
    os.set_blocking(screen, False)

    def written() -> str:
        parts = []
        while True:
            try:
                parts.append(os.read(screen, 65536))
            except BlockingIOError:
                return b"".join(parts).decode()

    with os.fdopen(line, "w") as stream:
        yield stream, written
    os.close(screen)


def test_a_terminal_shows_how_far_it_is(terminal):
    """On a terminal the bar shows the share read, and is wiped away at the end."""
    stream, written = terminal
    with bar(TOTAL_BYTES, stream=stream) as progress:
        progress.advance(TOTAL_BYTES // 4)
        progress.advance(TOTAL_BYTES // 4)
    shown = written()
    assert "Reading transcripts" in shown
    assert "134.2/268.4 MB" in shown
    # the last word is "erase this line"
    assert shown.endswith("\x1b[2K")


@pytest.mark.parametrize(
    ("total_bytes", "quiet"), [(TOTAL_BYTES, True), (MIN_SHOWN_BYTES - 1, False)]
)
def test_a_terminal_stays_empty(terminal, total_bytes, quiet):
    """Nothing is shown where it was not wanted, or for what is read in a blink."""
    stream, written = terminal
    with bar(total_bytes, stream=stream, quiet=quiet) as progress:
        progress.advance(total_bytes)
    assert written() == ""


def test_no_terminal_no_bar():
    """Nothing is ever written to a pipe or a file."""
    out = io.StringIO()
    with bar(TOTAL_BYTES, stream=out) as progress:
        progress.advance(TOTAL_BYTES)
    assert out.getvalue() == ""


def test_without_a_bar_rich_is_not_imported():
    """Who has no terminal does not pay for the library that draws on it."""
    program = f"""
import sys
from ccpush.progress import bar
with bar({TOTAL_BYTES}) as progress:
    progress.advance(1)
print("rich" in sys.modules)
"""
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert (told.stdout, told.stderr) == ("False\n", "")


def test_an_error_passes_through(terminal):
    """What goes wrong while the bar is shown reaches the caller, and the line is wiped."""
    stream, written = terminal
    with pytest.raises(ZeroDivisionError), bar(TOTAL_BYTES, stream=stream):
        raise ZeroDivisionError
    assert written().endswith("\x1b[2K")


def tell_from_another_thread(progress, done, due):
    """Tell of a delivery as a sink does, which has a thread of its own."""
    thread = threading.Thread(target=progress.told, args=(done, due))
    thread.start()
    thread.join()


def test_deliveries_of_several_sinks_are_one_bar(terminal):
    """The bar shows the sum of what all sinks have delivered, and is wiped away at the end."""
    stream, written = terminal
    with deliveries("Pushing samples", stream=stream) as progress:
        progress.told(0, MIN_SHOWN_SAMPLES)
        tell_from_another_thread(progress, 30, 60)
        progress.told(20, MIN_SHOWN_SAMPLES)
    shown = written()
    assert "Pushing samples" in shown
    assert f"50/{MIN_SHOWN_SAMPLES + 60}" in shown
    assert shown.endswith("\x1b[2K")


@pytest.mark.parametrize(
    ("due", "quiet"), [(MIN_SHOWN_SAMPLES, True), (MIN_SHOWN_SAMPLES - 1, False)]
)
def test_a_short_delivery_shows_nothing(terminal, due, quiet):
    """Nothing is shown where it was not wanted, or for what takes no time."""
    stream, written = terminal
    with deliveries("Pushing samples", stream=stream, quiet=quiet) as progress:
        progress.told(0, due)
    assert written() == ""
