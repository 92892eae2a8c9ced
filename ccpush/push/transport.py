"""How is one request sent, and its answer heard? Once, as configured, over a kept connection.

Nothing that requests would do unasked is done: no netrc, no proxies from the environment, no
redirects (a redirected POST would come back as a GET without body, and look like success), no
cookies, no retries. How long it may take is for the owner of the :class:`Wire` to say.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urlsplit, urlunsplit

import requests
import urllib3
from requests.structures import CaseInsensitiveDict

from ccpush.config.settings import HttpConfig
from ccpush.errors import CcpushError, ConfigError
from ccpush.push.adapter import Adapter, made_for
from ccpush.push.credentials import authorization, header_lines
from ccpush.push.failure import Failure, explain
from ccpush.push.proxy import proxy_for
from ccpush.push.reply import Reply, beginning, printable
from ccpush.push.sockets import CONNECT_TIMEOUT_S, Wire

# An older connection is not used again: after a sleep or in another network it is dead without
# knowing it, and the request would hang until its timeout.
MAX_IDLE_S = 30.0


class Transport:
    """Requests to one destination, one at a time, over sockets of ``wire``."""

    def __init__(
        self,
        config: HttpConfig,
        user_agent: str,
        wire: Wire,
        now: Callable[[], float],
        environ: Mapping[str, str],
    ) -> None:
        self._config = config
        self._user_agent = user_agent
        self._wire = wire
        self._now = now
        self._environ = environ
        self._adapter: Adapter | None = None
        self._used_at_s = 0.0

    def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, max_body_bytes: int
    ) -> Reply | Failure:
        """The answer, or why there is none; to be called within a deadline of the wire.

        Never raises for what network, receiver or files of credentials do.
        """
        started_s = time.monotonic()
        proxy: str | None = None
        try:
            target = _checked(url)
            proxy = proxy_for(self._config, url, self._environ)
            prepared = self._prepare(method, target, headers, body)
            with self._send(prepared, proxy) as response:
                if self._wire.expired or self._wire.aborted:
                    # Headers that we cut ourselves look complete to http.client.
                    return self._failure(ConnectionAbortedError(), url, proxy)
                return self._reply(response, max_body_bytes, started_s)
        except CcpushError as error:
            return Failure("setup", str(error), error.hint)
        except (urllib3.exceptions.HTTPError, OSError, UnicodeError) as error:
            # OSError: all of requests' own exceptions as well.
            return self._failure(error, url, proxy)

    def close(self) -> None:
        """Close the connections."""
        if self._adapter is not None:
            self._adapter.close()
            self._adapter = None
            self._wire.drop_closed()

    def _prepare(
        self, method: str, target: SplitResult, headers: Mapping[str, str], body: bytes
    ) -> requests.PreparedRequest:
        lines = header_lines(self._config)
        # Ours come last: a configured header cannot replace what the protocol prescribes.
        merged = CaseInsensitiveDict({name: ", ".join(lines[name]) for name in lines})
        own = {**headers, "User-Agent": self._user_agent}
        credentials = authorization(self._config, target)
        if credentials is not None:
            own["Authorization"] = credentials
        merged.update(own)
        # Without user and password, which requests would prefer to the header just set.
        bare = urlunsplit(target._replace(netloc=target.netloc.rpartition("@")[2], fragment=""))
        prepared = requests.Request(method, bare, headers=merged, data=body).prepare()
        replaced = {name.lower() for name in own}
        several = {
            name: values
            for name, values in lines.items()
            if len(values) > 1 and name.lower() not in replaced
        }
        if several:
            _part(prepared, several)
        return prepared

    def _send(self, prepared: requests.PreparedRequest, proxy: str | None) -> requests.Response:
        adapter = self._ready_adapter(str(prepared.url), proxy)
        self._used_at_s = self._now()
        return adapter.send(
            prepared,
            stream=True,
            # Longer than the wire's deadline, which is to come first and has the better words.
            timeout=(CONNECT_TIMEOUT_S, self._config.timeout_s + 1.0),
            proxies={"http": proxy, "https": proxy} if proxy else {},
        )

    def _ready_adapter(self, url: str, proxy: str | None) -> Adapter:
        wanted = made_for(self._config, url, proxy)
        idle_s = self._now() - self._used_at_s
        # A clock that was set back tells nothing about the connection's age.
        fresh = 0.0 <= idle_s < MAX_IDLE_S
        if self._adapter is None or self._adapter.made_for != wanted or not fresh:
            self.close()
            self._adapter = Adapter(self._config, self._wire, wanted)
        return self._adapter

    def _reply(self, response: requests.Response, max_bytes: int, started_s: float) -> Reply:
        found, complete = beginning(response, max_bytes)
        sent = str(response.request.headers.get("Authorization", ""))
        return Reply(
            status=response.status_code,
            headers=response.headers,
            body_text=printable(found, sent.partition(" ")[2]),
            elapsed_s=time.monotonic() - started_s,
            body=found,
            # A body without a length that we cut ourselves looks complete to http.client.
            complete=complete and not self._wire.expired and not self._wire.aborted,
        )

    def _failure(self, error: Exception, url: str, proxy: str | None) -> Failure:
        if self._wire.aborted:
            return Failure("aborted", "stopped before the answer came")
        if self._wire.expired:
            host = urlsplit(url).netloc.rpartition("@")[2]
            return Failure("timeout", f"no answer from {host} within {self._config.timeout_s:g} s")
        return explain(error, url, proxy)


def _part(prepared: requests.PreparedRequest, several: Mapping[str, tuple[str, ...]]) -> None:
    """Give each value of a header its own line, which requests' own mapping cannot hold."""
    parted = urllib3.HTTPHeaderDict(prepared.headers)
    for name, values in several.items():
        parted.discard(name)
        for value in values:
            parted.add(name, value)
    # urllib3 is what writes them, and takes either.
    prepared.headers = parted  # type: ignore[assignment]


def _checked(url: str) -> SplitResult:
    try:
        target = urlsplit(url)
        # Looked at because that is when it is parsed.
        _ = target.port
    except ValueError as error:
        raise ConfigError(f"the URL cannot be used: {error}", hint="check url") from error
    return target
