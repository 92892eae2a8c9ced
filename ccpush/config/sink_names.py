"""What each sink is called, and the sinks that a URL alone asks for.

A sink's name is what the ledger keeps its cursor under, so a name that was not given depends on
the URL alone and not on the other sinks, as far as that is possible.
"""

from __future__ import annotations

from msgspec.structs import replace

from ccpush.config.addresses import url_host, url_path, url_port
from ccpush.config.settings import HttpConfig, PushgatewayConfig, RemoteWriteConfig

NO_PATH = "this URL has no path; Prometheus takes remote-write at /api/v1/write"


def with_names(
    remote_write: tuple[RemoteWriteConfig, ...],
    pushgateway: tuple[PushgatewayConfig, ...],
    notes: list[str],
) -> tuple[tuple[RemoteWriteConfig, ...], tuple[PushgatewayConfig, ...]]:
    """Give the nameless sinks a name: host and port, and a number where that is taken."""
    taken = {sink.name for sink in remote_write} | {sink.name for sink in pushgateway}

    def name(given: str, http: HttpConfig) -> str:
        if given:
            return given
        wanted = found = _place(http.url)
        number = 2
        while found in taken:
            found = f"{wanted}-{number}"
            number += 1
        if found != wanted:
            notes.append(
                f"several sinks lead to {wanted}, and one of them is now called {found}: give each"
                " a name of its own, or their order decides which is which"
            )
        taken.add(found)
        return found

    return (
        tuple(replace(sink, name=name(sink.name, sink.http)) for sink in remote_write),
        tuple(replace(sink, name=name(sink.name, sink.http)) for sink in pushgateway),
    )


def _place(url: str) -> str:
    host, port = url_host(url), url_port(url)
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if port else host


def lacks_path(url: str) -> bool:
    """Whether a URL for remote-write names only a server, which is hardly meant."""
    return url_path(url) in ("", "/")


def plain_remote_write(url: str) -> RemoteWriteConfig:
    """The sink that a URL alone asks for."""
    return RemoteWriteConfig(name="", http=HttpConfig(url))


def plain_pushgateway(url: str) -> PushgatewayConfig:
    """The sink that a URL alone asks for."""
    return PushgatewayConfig(name="", http=HttpConfig(url))
