"""Which ``Authorization`` header does a request bear? The one place that unwraps credentials.

Files are read anew for every request, so that a changed password takes effect at once. The value
is never logged and never part of an error.
"""

from __future__ import annotations

import base64
from urllib.parse import SplitResult, unquote

from ccpush.config.secrets import read_secret
from ccpush.config.settings import BasicAuth, HttpConfig, Secret


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


def _username(basic: BasicAuth) -> str:
    if basic.username_file is not None:
        return read_secret(Secret(file=basic.username_file))
    return basic.username or ""


def basic(username: str, password: str) -> str:
    """The value of a basic-auth header, in UTF-8 as RFC 7617 has it (requests sends Latin-1)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
