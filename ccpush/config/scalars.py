"""The kinds of values that settings are made of, each with the words that say what it takes."""

from __future__ import annotations

from ccpush.config.addresses import parse_base_url, parse_listen_address, parse_url
from ccpush.config.durations import format_duration, parse_duration
from ccpush.config.reader import Value
from ccpush.config.texts import RefusedError, parse_label_value, parse_text

_MAX_DIGITS = 18


def duration(low_s: float, high_s: float) -> Value:
    """A duration within bounds, both included, in seconds."""
    low, high = format_duration(low_s), format_duration(high_s)

    def convert(text: str) -> float:
        seconds = parse_duration(text)
        if not low_s <= seconds <= high_s:
            raise RefusedError(f"not less than {low} and not more than {high}")
        return seconds

    return Value(f"a duration from {low} to {high}, such as 30s, 1m30s or 500ms", convert)


def count(low: int, high: int) -> Value:
    """A whole number within bounds, both included."""

    def convert(text: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > _MAX_DIGITS:
            raise RefusedError("in decimal digits")
        if not low <= int(text) <= high:
            raise RefusedError(f"not less than {low} and not more than {high}")
        return int(text)

    return Value(f"a whole number from {low} to {high}", convert, frozenset(("int",)))


def one_of(*words: str) -> Value:
    """One of a few words, written exactly so."""

    def convert(text: str) -> str:
        if text not in words:
            near = [word for word in words if word.lower() == text.lower()]
            raise RefusedError(f"did you mean {near[0]}?" if near else "written exactly so")
        return text

    return Value(f"one of {', '.join(words)}", convert)


def _is_true(text: str) -> bool:
    # YAML 1.1 has already settled that it is a truth value
    return text.lower() in ("true", "yes", "on")


FLAG = Value("true or false", _is_true, frozenset(("bool",)))
TEXT = Value("a text", parse_text)
LABEL_VALUE = Value("a text", parse_label_value)
LISTEN_ADDRESS = Value(
    "host:port, such as 127.0.0.1:9101, localhost:0, [::1]:9101 or :9101 for all interfaces",
    parse_listen_address,
)
REMOTE_WRITE_URL = Value("a URL such as https://metrics.example.com/api/v1/write", parse_url)
PUSHGATEWAY_URL = Value("a Pushgateway's URL, such as http://localhost:9091", parse_base_url)
