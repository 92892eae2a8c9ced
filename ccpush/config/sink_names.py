"""What each sink is called, and the sinks that a URL alone asks for.

A sink's name is what the ledger keeps its cursor under, so a name that was not given depends on
the URL alone and not on the other sinks, as far as that is possible.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ccpush.config.addresses import url_host, url_port
from ccpush.config.settings import HttpConfig, PushgatewayConfig, RemoteWriteConfig


def with_names(
    remote_write: Iterable[RemoteWriteConfig], pushgateway: Iterable[PushgatewayConfig]
) -> tuple[tuple[RemoteWriteConfig, ...], tuple[PushgatewayConfig, ...]]:
    """Give the nameless sinks a name: host and port, and a number where that is taken."""
    remotes, gateways = tuple(remote_write), tuple(pushgateway)
    taken = {sink.name for sink in remotes} | {sink.name for sink in gateways}

    def name(given: str, http: HttpConfig) -> str:
        if given:
            return given
        host, port = url_host(http.url), url_port(http.url)
        wanted = found = f"{host}:{port}" if port else host
        number = 2
        while found in taken:
            found = f"{wanted}-{number}"
            number += 1
        taken.add(found)
        return found

    return (
        tuple(replace(sink, name=name(sink.name, sink.http)) for sink in remotes),
        tuple(replace(sink, name=name(sink.name, sink.http)) for sink in gateways),
    )


def plain_remote_write(url: str) -> RemoteWriteConfig:
    """The sink that a URL alone asks for."""
    return RemoteWriteConfig(name="", http=HttpConfig(url))


def plain_pushgateway(url: str) -> PushgatewayConfig:
    """The sink that a URL alone asks for."""
    return PushgatewayConfig(name="", http=HttpConfig(url))
