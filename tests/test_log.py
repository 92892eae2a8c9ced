"""The log: one line per event whatever the values, levels, throttling, and never in the way."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ccpush.events
from ccpush.events import EventName
from ccpush.log import MAX_THROTTLED, MAX_VALUE_CHARS, LogFormat, LogLevel, configure

# 2026-07-01 12:00:03.25 UTC
AT = 1782907203.25


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: float = AT) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


def lines_of(stream: io.StringIO) -> list[str]:
    """The lines written so far."""
    return stream.getvalue().splitlines()


def fields_of(stream: io.StringIO) -> list[dict]:
    """The objects of a log of JSON lines."""
    return [json.loads(line) for line in lines_of(stream)]


@pytest.fixture
def utc(monkeypatch):
    """A place whose clocks show UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_text_line(utc):
    """A text line is time, level, event, then the pairs in the order given; None is left out."""
    out = io.StringIO()
    configure("info", "text", out, now=Clock()).info(
        "push_delivered", sink="main", samples=12, took_s=0.5, first=True, status=None
    )
    assert out.getvalue() == (
        "2026-07-01T12:00:03+0000 info push_delivered sink=main samples=12 took_s=0.5 first=true\n"
    )


def test_text_time_is_the_time_of_the_place(monkeypatch):
    """People read their own clock: local time with its offset."""
    out = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XXX-05:30")
        time.tzset()
        configure("info", "text", out, now=Clock()).info("stopped")
    time.tzset()
    assert out.getvalue() == "2026-07-01T17:30:03+0530 info stopped\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain-1.2/x:y", "plain-1.2/x:y"),
        ("", '""'),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ('say "hi"', r'"say \"hi\""'),
        ("back\\slash", r'"back\\slash"'),
        ("new\nline\ttab", r'"new\nline\ttab"'),
        ("\x1b[31mred", r'"\x1b[31mred"'),
        ("line\u2028separator", r'"line\u2028separator"'),
        ("größe", "größe"),
        (Path("/tmp/a b"), '"/tmp/a b"'),
        ("bad\udcff", r'"bad\\udcff"'),
        (float("nan"), "nan"),
        (ValueError("why"), "why"),
        (2**80, "0x100000000000000000000"),
    ],
)
def test_text_values_are_quoted_when_needed(value, shown, utc):
    """A value stands bare when nothing in it could be misread, else quoted with escapes."""
    out = io.StringIO()
    configure("info", "text", out, now=Clock()).info("sink_note", x=value)
    assert out.getvalue() == f"2026-07-01T12:00:03+0000 info sink_note x={shown}\n"


def test_json_line():
    """A JSON line has ts (UTC, milliseconds), level, event, then the values with their types."""
    out = io.StringIO()
    configure("info", "json", out, now=Clock()).error(
        "push_rejected", sink="main", samples=3, ratio=0.5, final=True, hint=None
    )
    assert json.loads(out.getvalue()) == {
        "ts": "2026-07-01T12:00:03.250Z",
        "level": "error",
        "event": "push_rejected",
        "sink": "main",
        "samples": 3,
        "ratio": 0.5,
        "final": True,
    }


ANYTHING = st.one_of(
    st.text(st.characters(exclude_categories=())),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.binary(),
    st.lists(st.integers(), max_size=3),
)


@given(st.dictionaries(st.text(), ANYTHING, max_size=4), st.sampled_from(get_args(LogFormat)))
def test_one_line_whatever_the_values(values, fmt):
    """Whatever the values, an event is one line, and in JSON one valid object."""
    out = io.StringIO()
    configure("debug", fmt, out, now=Clock()).debug("sink_note", **values)
    (line,) = lines_of(out)
    line.encode()
    if fmt == "json":
        told = json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
        assert told["event"] == "sink_note"
        assert len(told) == 3 + sum(value is not None for value in values.values())


def test_a_value_cannot_pose_as_the_head():
    """Keys of the line itself are not overwritten by values of that name."""
    out = io.StringIO()
    configure("info", "json", out, now=Clock()).info("stopped", level="x", event="y")
    assert json.loads(out.getvalue()) == {
        "ts": "2026-07-01T12:00:03.250Z",
        "level": "info",
        "event": "stopped",
        "level_": "x",
        "event_": "y",
    }


def test_long_values_are_cut():
    """A page of text or a number of pages does not fill the log; what was cut is counted."""
    out = io.StringIO()
    configure("info", "json", out).info(
        "sink_note", body="x" * (MAX_VALUE_CHARS + 7), number=16**20_000
    )
    told = json.loads(out.getvalue())
    assert told["body"] == "x" * MAX_VALUE_CHARS + "… (7 more characters)"
    assert told["number"] == "0x1" + "0" * (MAX_VALUE_CHARS - 3) + "… (18003 more characters)"


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_levels(level: LogLevel, told):
    """Only events of the level asked for and above are written."""
    out = io.StringIO()
    log = configure(level, "json", out)
    for tell in (log.debug, log.info, log.warning, log.error):
        tell("sink_note")
    assert [fields["level"] for fields in fields_of(out)] == told


def test_repeated_failures_are_throttled():
    """The same failure is written once per window, then again with the count of those left out."""
    out, clock = io.StringIO(), Clock()
    log = configure("info", "json", out, throttle_s=300, now=clock)
    for _ in range(10):
        log.warning("push_retry", sink="main", error="no route")
        clock.at += 60
    told = [(fields["ts"][11:16], fields.get("suppressed")) for fields in fields_of(out)]
    assert told == [("12:00", None), ("12:05", 4)]


def test_only_identical_failures_are_throttled():
    """Another value, another level or good news is written at once."""
    out = io.StringIO()
    log = configure("info", "json", out, throttle_s=300, now=Clock())
    for sink in ("a", "b"):
        log.warning("push_retry", sink=sink)
        log.error("push_retry", sink=sink)
        log.info("push_delivered", sink=sink)
        log.info("push_delivered", sink=sink)
    assert len(lines_of(out)) == 8


def test_a_failure_that_ended_is_still_counted():
    """What was held back of a failure that does not come again is told with its own last time."""
    out, clock = io.StringIO(), Clock()
    log = configure("info", "json", out, throttle_s=300, now=clock)
    for _ in range(3):
        log.warning("push_retry", sink="main")
        clock.at += 60
    clock.at += 300
    log.info("push_delivered", sink="main")
    told = [
        (fields["ts"][11:16], fields["event"], fields.get("suppressed"))
        for fields in fields_of(out)
    ]
    assert told == [
        ("12:00", "push_retry", None),
        # two were held back: this line is one of them and counts the other
        ("12:02", "push_retry", 1),
        ("12:08", "push_delivered", None),
    ]


def test_flush_tells_what_was_held_back():
    """At the end of a run nothing stays untold."""
    out = io.StringIO()
    log = configure("info", "json", out, throttle_s=300, now=Clock())
    for _ in range(4):
        log.error("tick_failed", error="x")
    log.flush()
    log.flush()
    assert [fields.get("suppressed") for fields in fields_of(out)] == [None, 2]


def test_a_clock_set_back_does_not_silence():
    """After the clock was set back an hour a failure is written again, not an hour later."""
    out, clock = io.StringIO(), Clock()
    log = configure("info", "json", out, throttle_s=300, now=clock)
    log.error("tick_failed")
    clock.at -= 3600
    log.error("tick_failed")
    assert len(lines_of(out)) == 2


def test_the_throttle_forgets_none_untold():
    """With more kinds of failures than it remembers, every single one is still accounted for."""
    out = io.StringIO()
    log = configure("info", "json", out, throttle_s=300, now=Clock())
    kinds = 2 * MAX_THROTTLED
    for _ in range(3):
        for kind in range(kinds):
            log.error("file_unreadable", file=kind)
            log.error("file_unreadable", file=kind)
    log.flush()
    accounted = sum(1 + fields.get("suppressed", 0) for fields in fields_of(out))
    assert accounted == 3 * 2 * kinds


def test_threads_do_not_mix_lines():
    """Lines of several threads come out whole."""
    reader, writer = os.pipe()
    with os.fdopen(reader) as out, os.fdopen(writer, "w", buffering=64) as stream:
        log = configure("info", "json", stream)
        threads = [
            threading.Thread(
                target=lambda n=n: [log.info("sink_note", n=n, i=i) for i in range(50)]
            )
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stream.close()
        told = {(fields["n"], fields["i"]) for fields in map(json.loads, out)}
    assert told == {(n, i) for n in range(4) for i in range(50)}


def test_a_reader_that_went_away_harms_nothing():
    """When the log's reader is gone the program goes on and its exit code is its own."""
    program = """
import sys
from ccpush.log import configure
log = configure("info", "text", sys.stderr)
sys.stdin.readline()
for _ in range(3):
    log.info("sink_note", text="nobody reads this")
print("went on")
"""
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    child.stderr.close()
    child.stdin.write("\n")
    child.stdin.close()
    with child:
        assert child.stdout.read() == "went on\n"
    assert child.returncode == 0


def test_a_full_disk_is_not_for_ever():
    """A write that fails for now loses its line only; the next one is written."""

    class Full(io.StringIO):
        full = True

        def write(self, text: str) -> int:
            if self.full:
                raise OSError(28, "No space left on device")
            return super().write(text)

    out = Full()
    log = configure("info", "json", out)
    log.info("stopping")
    out.full = False
    log.info("stopped")
    assert [fields["event"] for fields in fields_of(out)] == ["stopped"]


def test_a_closed_stream_harms_nothing():
    """A line told after the stream was closed is dropped."""
    out = io.StringIO()
    log = configure("info", "text", out)
    out.close()
    log.info("stopped")
    assert out.closed


def test_a_stream_with_few_characters():
    """What the stream's encoding cannot write is escaped, and the line is written."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    configure("info", "text", out).info("sink_note", name="größe")
    assert raw.getvalue().endswith(rb"sink_note name=gr\xf6\xdfe" + b"\n")


def test_a_text_log_is_cheap_to_import():
    """A one-shot push pays neither for the standard library's logging nor for json."""
    program = """
import io, sys
from ccpush.log import configure
configure("info", "text", io.StringIO()).info("stopped", x=1)
print(sorted({"logging", "json", "traceback"} & set(sys.modules)))
"""
    told = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "[]\n"


def test_every_event_says_what_it_means():
    """Each name of the list stands once, below a line that says what it means."""
    lines = [
        line.strip()
        for line in Path(ccpush.events.__file__).read_text(encoding="utf-8").split("\n")
    ]
    names = [line.strip('",') for line in lines if line.startswith('"') and line.endswith('",')]
    explained = [after.strip('",') for before, after in pairwise(lines) if before.startswith("# ")]
    assert names == list(get_args(EventName)) == explained
    assert len(names) == len(set(names))
