"""How ccpush tells what happened: one line per event, a name with keys and values.

For people as text, for machines as JSON lines; one line always, whatever the values. Written by
hand because importing the standard library's ``logging`` would cost a one-shot push 10-20 ms.
A log that cannot be written never stops anything. Values are never text of a conversation and
never secrets: whoever logs sees to that.
"""

from __future__ import annotations

import errno
import math
import os
import threading
import time
from collections.abc import Callable
from typing import Literal, NamedTuple, TextIO

from ccpush.events import EventName

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]
Scalar = str | int | float | bool

_RANK: dict[LogLevel, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}
# a receiver's error page must not fill the journal
MAX_VALUE_CHARS = 2000
# distinct failures remembered by the throttle; bounds its memory
MAX_THROTTLED = 256
_RESERVED = frozenset({"ts", "level", "event", "suppressed"})


class Record(NamedTuple):
    """One event without its time; two records that are equal say the same."""

    level: LogLevel
    event: str
    values: tuple[tuple[str, Scalar], ...]


def configure(
    level: LogLevel,
    fmt: LogFormat,
    stream: TextIO,
    *,
    throttle_s: float = 0.0,
    now: Callable[[], float] = time.time,
) -> Log:
    """A log that writes events of ``level`` and above to ``stream``.

    With ``throttle_s`` a warning or error that repeats itself word for word is written once in
    that many seconds, with the number of those left out as ``suppressed``.
    """
    render = _render_json if fmt == "json" else _render_text
    return Log(stream, level=level, render=render, throttle_s=throttle_s, now=now)


class Log:
    """Takes events from any thread; values that are None are left out."""

    def __init__(
        self,
        stream: TextIO,
        *,
        level: LogLevel,
        render: Callable[[Record, float], str],
        throttle_s: float,
        now: Callable[[], float],
    ) -> None:
        self._stream = stream
        self._least = _RANK[level]
        self._render = render
        self._throttle = _Throttle(throttle_s)
        self._now = now
        self._lock = threading.Lock()

    def debug(self, event: EventName, /, **values: object) -> None:
        """Something only a developer asks for."""
        self._emit("debug", event, values)

    def info(self, event: EventName, /, **values: object) -> None:
        """Something went as it should."""
        self._emit("info", event, values)

    def warning(self, event: EventName, /, **values: object) -> None:
        """Something did not go as it should, and ccpush can cope."""
        self._emit("warning", event, values)

    def error(self, event: EventName, /, **values: object) -> None:
        """Something a person has to mend."""
        self._emit("error", event, values)

    def flush(self) -> None:
        """Write what the throttle still holds back; for the end of a run."""
        with self._lock:
            for record, ts in self._throttle.release_all():
                self._write(self._render(record, ts))

    def _emit(self, level: LogLevel, event: str, values: dict[str, object]) -> None:
        if _RANK[level] < self._least:
            return
        record = Record(
            level,
            event,
            tuple((_key(key), _plain(value)) for key, value in values.items() if value is not None),
        )
        with self._lock:
            for due, ts in self._throttle.admit(record, self._now()):
                self._write(self._render(due, ts))

    def _write(self, line: str) -> None:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        text = line.encode(encoding, "backslashreplace").decode(encoding)
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except OSError as error:
            # There is nobody left to tell, and the account goes on.
            if error.errno in (errno.EPIPE, errno.EIO):
                _to_nowhere(self._stream)
        except ValueError:
            # the stream was closed in this process, at its end
            return


class _Throttle:
    """Holds back warnings and errors that repeat; says when and with what count they are due."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        # record: (when written, when last seen, how many held back), oldest first
        self._held: dict[Record, tuple[float, float, int]] = {}

    def admit(self, record: Record, ts: float) -> list[tuple[Record, float]]:
        """What to write now that ``record`` came, with the times to write on it."""
        if self._window_s <= 0 or _RANK[record.level] < _RANK["warning"]:
            return [*self._release(ts), (record, ts)]
        known = self._held.get(record)
        if known and self._inside(known[0], ts):
            self._held[record] = (known[0], ts, known[2] + 1)
            return self._release(ts)
        self._held.pop(record, None)
        released = self._release(ts)
        self._held[record] = (ts, ts, 0)
        return [*released, (_counted(record, known[2] if known else 0), ts)]

    def release_all(self) -> list[tuple[Record, float]]:
        """The last occurrence of each record that was held back; empties the throttle."""
        due = [_last(record, held) for record, held in self._held.items() if held[2]]
        self._held.clear()
        return due

    def _inside(self, written: float, ts: float) -> bool:
        # a clock that was set back must not silence a failure for hours
        return 0 <= ts - written < self._window_s

    def _release(self, ts: float) -> list[tuple[Record, float]]:
        due = []
        while self._held:
            record, held = next(iter(self._held.items()))
            if self._inside(held[0], ts) and len(self._held) < MAX_THROTTLED:
                break
            del self._held[record]
            if held[2]:
                due.append(_last(record, held))
        return due


def _to_nowhere(stream: TextIO) -> None:
    # What could not be written stays in the stream's buffer; were it still there at exit, Python
    # would end with 120 however well everything else went.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)


def _last(record: Record, held: tuple[float, float, int]) -> tuple[Record, float]:
    # the line stands for one of those held back, and bears its time
    return _counted(record, held[2] - 1), held[1]


def _counted(record: Record, suppressed: int) -> Record:
    if not suppressed:
        return record
    return record._replace(values=(*record.values, ("suppressed", suppressed)))


def _key(key: str) -> str:
    return key + "_" if key in _RESERVED else key


def _plain(value: object) -> Scalar:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value.bit_length() <= 64:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    # What is left is text; also NaN and infinity, which JSON has not, and integers so long that
    # Python refuses to write them in decimal.
    text = hex(value) if isinstance(value, int) else str(value)
    # file names may hold bytes that are no UTF-8, which Python keeps as lone surrogates
    text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) <= MAX_VALUE_CHARS:
        return text
    return f"{text[:MAX_VALUE_CHARS]}… ({len(text) - MAX_VALUE_CHARS} more characters)"


def _render_text(record: Record, ts: float) -> str:
    when = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(ts))
    pairs = (f"{_quoted(key)}={_quoted(_shown(value))}" for key, value in record.values)
    return " ".join((when, record.level, record.event, *pairs))


def _shown(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _quoted(text: str) -> str:
    if text and text.isprintable() and not any(char in ' "=\\' for char in text):
        return text
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")


def _render_json(record: Record, ts: float) -> str:
    # 5 ms that text does not need
    import json

    whole_s = math.floor(ts)
    when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole_s))
    head = {"ts": f"{when}.{int((ts - whole_s) * 1000):03d}Z", "level": record.level}
    return json.dumps({**head, "event": record.event, **dict(record.values)}, allow_nan=False)
