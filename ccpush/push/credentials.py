"""Which headers does the configuration add to a request? Credentials, and headers of one's own.

Files are read anew for every request, so that a changed password takes effect at once. The value
is never logged and never part of an error.
"""

from __future__ import annotations

import base64
from urllib.parse import SplitResult, unquote

from ccpush.config.secrets import read_secret
from ccpush.config.settings import BasicAuth, HttpConfig, Secret
from ccpush.errors import ConfigError


def authorization(config: HttpConfig, url: SplitResult) -> str | None:
    """The header's value: ``basic_auth``, ``authorization``, or user and password in the URL.

    Raises :class:`ConfigError` when a file of credentials cannot be read.
    """
    if config.basic_auth is not None:
        return basic(_username(config.basic_auth), read_secret(config.basic_auth.password))
    if config.authorization is not None:
        credentials = read_secret(config.authorization.credentials)
        return f"{config.authorization.type} {credentials}"
    if url.username is not None:
        return basic(unquote(url.username), unquote(url.password or ""))
    return None


def header_lines(config: HttpConfig) -> dict[str, tuple[str, ...]]:
    """The configured headers, each with its values, of which every one is a line of its own.

    Raises :class:`ConfigError` when a file of a header cannot be read.
    """
    lines: dict[str, tuple[str, ...]] = {name: (value,) for name, value in config.headers.items()}
    for name, values in config.http_headers.items():
        lines[name] = tuple(_header_value(name, value) for value in values)
    return lines


def _header_value(name: str, value: Secret) -> str:
    text = read_secret(value)
    if value.file is None:
        return text
    text = text.strip()
    if not text.isascii() or not text.isprintable():
        raise ConfigError(
            f"{value.file}: found something else; accepted: a value for the header {name}, "
            "printable ASCII on one line",
            hint="write the header's value into that file, and nothing else",
        )
    return text


def _username(basic: BasicAuth) -> str:
    if basic.username_file is not None:
        return read_secret(Secret(file=basic.username_file))
    return basic.username or ""


def basic(username: str, password: str) -> str:
    """The value of a basic-auth header, in UTF-8 as RFC 7617 has it (requests sends Latin-1)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
