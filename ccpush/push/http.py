"""One HTTP client for every sink: what comes of a request, within its time, whatever happens.

It holds what the requests of one sink share: the deadline, the way to stop, and the OAuth2 token,
whose code is loaded only where the configuration asks for one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from ccpush.config.settings import HttpConfig
from ccpush.push.failure import Failure
from ccpush.push.reply import MAX_BODY_BYTES, Reply
from ccpush.push.sockets import Wire
from ccpush.push.transport import Transport

if TYPE_CHECKING:
    from ccpush.push.oauth2 import TokenSource

__all__ = ["MAX_BODY_BYTES", "HttpClient", "Reply"]


class HttpClient:
    """Requests to one destination, one at a time; connections are kept for the next request.

    ``request`` never raises for what network, receiver or files of credentials do. ``abort`` may
    be called from any thread and is final; a name lookup under way is the only thing that may
    outlast it, for as long as the system's resolver takes. ``environ`` is read for
    ``proxy_from_environment`` only; ``now`` is the clock on the wall, which does not stand still
    while the machine sleeps.
    """

    def __init__(
        self,
        config: HttpConfig,
        user_agent: str,
        *,
        now: Callable[[], float] = time.time,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._timeout_s = config.timeout_s
        self._wire = Wire()
        self._transport = Transport(config, user_agent, self._wire, now, environ)
        self._tokens: TokenSource | None = None
        if config.oauth2 is not None:
            # imported late: hardly any sink needs it
            from ccpush.push.oauth2 import TokenSource

            endpoint = msgspec.structs.replace(config.oauth2.endpoint, timeout_s=config.timeout_s)
            transport = Transport(endpoint, user_agent, self._wire, now, environ)
            self._tokens = TokenSource(config.oauth2, transport, now)

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> Reply | Failure:
        """The answer, or why there is none, within ``timeout_s`` of the configuration.

        ``max_body_bytes`` is how much of the answer's body is read; the rest is left. Whoever
        needs all of it looks at ``complete``.
        """

        def send(more: Mapping[str, str]) -> Reply | Failure:
            sent = {**headers, **more}
            return self._transport.exchange(method, url, sent, body, max_body_bytes)

        with self._wire.deadline(self._timeout_s):
            return send({}) if self._tokens is None else self._tokens.send(send)

    def abort(self) -> None:
        """End the request under way in another thread at once, and every later one."""
        self._wire.abort()

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()
        if self._tokens is not None:
            self._tokens.close()
        self._wire.close()
