"""Which sinks are configured? Makes them, importing only what they need.

Plain remote-write pays nothing for prometheus_client, a Pushgateway nothing for protobuf and
snappy, and a run without sinks nothing for either, nor for requests.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from ccpush import __version__
from ccpush.config.settings import Settings
from ccpush.push.sink import Sink


def build_sinks(
    settings: Settings,
    *,
    now: Callable[[], float] = time.time,
    environ: Mapping[str, str] = os.environ,
) -> tuple[Sink, ...]:
    """The configured sinks, remote-write first; the caller closes them. Sends nothing."""
    user_agent = f"ccpush/{__version__}"
    sinks: list[Sink] = []
    if settings.remote_write:
        from ccpush.push.remote_write.sink import RemoteWriteSink

        sinks += (
            RemoteWriteSink(config, settings, user_agent, now=now, environ=environ)
            for config in settings.remote_write
        )
    if settings.pushgateway:
        from ccpush.push.pushgateway import PushgatewaySink

        sinks += (
            PushgatewaySink(config, settings, user_agent, now=now, environ=environ)
            for config in settings.pushgateway
        )
    return tuple(sinks)
