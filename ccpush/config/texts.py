"""Which plain texts a setting takes: names, label names and values, HTTP headers.

Every function takes the text as written and returns it, or raises :class:`RefusedError` with what
to write instead. The words of the error never repeat the text: it may be a secret.
"""

from __future__ import annotations

import re

# Prometheus's data model; names that begin with __ are its own
_LABEL_NAME = r"[a-zA-Z_][a-zA-Z0-9_]*"
# A label of ours under one of these names would hide one that the series already have: those of
# the paths (job, instance), of the identity, of the exposition formats, of ccpush's own metrics.
RESERVED_LABELS = frozenset(
    (
        *("job", "instance"),
        *("id", "user"),
        *("le", "quantile"),
        *("model", "type", "date", "hour", "tool", "tool_name", "reason", "sink", "version"),
        *("decision", "source", "language"),
        *("origin", "ttl", "kind", "status", "trigger", "label"),
    )
)
# VictoriaMetrics cuts at 16384; a value longer than this is a mistake anyway
MAX_LABEL_VALUE_CHARS = 256
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# what the protocols and the other settings decide (remote-write 1.0: MUST NOT be overwritten)
RESERVED_HEADERS = frozenset(
    (
        *("accept-encoding", "content-encoding", "content-length", "content-type"),
        *("connection", "host", "keep-alive", "transfer-encoding", "user-agent"),
        *("authorization", "proxy-authenticate", "proxy-authorization", "www-authenticate"),
        "x-prometheus-remote-write-version",
    )
)


class RefusedError(ValueError):
    """A text is not what the setting takes; the words say what to write instead."""


def parse_text(text: str) -> str:
    """Any text a person can see: not empty, nothing unprintable in it, no space at its ends."""
    if not text:
        raise RefusedError("not empty")
    if text != text.strip():
        raise RefusedError("without spaces at its ends")
    if not text.isprintable():
        raise RefusedError("without control characters and odd spaces")
    return text


def parse_label_value(text: str) -> str:
    """The value of a label: a text of at most MAX_LABEL_VALUE_CHARS characters."""
    if len(parse_text(text)) > MAX_LABEL_VALUE_CHARS:
        raise RefusedError(f"at most {MAX_LABEL_VALUE_CHARS} characters")
    return text


def parse_label_name(text: str) -> str:
    """The name of a label that ccpush does not itself put on series."""
    if not re.fullmatch(_LABEL_NAME, text) or text.startswith("__"):
        raise RefusedError("letters, digits and _, not beginning with a digit or with __")
    if text == "user":
        raise RefusedError("this label has a setting of its own, user")
    if text in RESERVED_LABELS:
        raise RefusedError("any name but this one, which ccpush's own series use")
    return text


def parse_labels(text: str) -> dict[str, str]:
    """Labels on one line: ``team=core,site=berlin``."""
    labels: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals:
            raise RefusedError("each part has the form name=value")
        name = parse_label_name(name.strip())
        if name in labels:
            raise RefusedError("each name once")
        labels[name] = parse_label_value(value.strip())
    return labels


def parse_token(text: str) -> str:
    """A word as HTTP's headers have them (RFC 9110, 5.6.2)."""
    if not re.fullmatch(_WORD, text):
        raise RefusedError("letters, digits and hyphens")
    return text


def parse_header_name(text: str) -> str:
    """The name of an HTTP header that is free to be set."""
    parse_token(text)
    if text.lower() == "authorization":
        raise RefusedError("any header but this one: use basic_auth or authorization")
    if text.lower() in RESERVED_HEADERS:
        raise RefusedError("any header but this one, which the protocol sets")
    return text


def parse_header_value(text: str) -> str:
    """The value of an HTTP header; ASCII, as nothing else arrives everywhere as it was sent."""
    if text != text.strip() or not text.isascii() or not text.isprintable():
        raise RefusedError("printable ASCII on one line, without spaces at its ends")
    return text


def parse_secret(text: str) -> str:
    """A password or token given in place; may be empty only where the reader allows it."""
    if not text:
        raise RefusedError("not empty")
    if "\n" in text or "\r" in text or "\0" in text:
        raise RefusedError("on one line")
    return text
