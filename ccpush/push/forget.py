"""Takes what this machine has pushed away again, where that can be done: on Pushgateways.

A Pushgateway keeps a group until somebody deletes it. What remote-write has delivered is history
and is the receiver's own.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Mapping

import msgspec

from ccpush import __version__
from ccpush.config.settings import Settings
from ccpush.push.outcome import Verdict


class Forgotten(msgspec.Struct, frozen=True):
    """What became of one group: the sink's name, the group's labels, the gateway's answer."""

    sink: str
    group: Mapping[str, str]
    verdict: Verdict


def forget_groups(
    settings: Settings,
    instance: str,
    sinks: Collection[str] | None = None,
    *,
    now: Callable[[], float] = time.time,
    environ: Mapping[str, str] = os.environ,
) -> tuple[Forgotten, ...]:
    """Delete the group of ``instance`` on every configured Pushgateway, or on those named.

    A group that is not there counts as deleted. Never raises for what a gateway does.
    """
    if not settings.pushgateway:
        return ()
    from ccpush.push.pushgateway import PushgatewaySink, grouping_key

    done = []
    for config in settings.pushgateway:
        if sinks is not None and config.name not in sinks:
            continue
        user_agent = f"ccpush/{__version__}"
        sink = PushgatewaySink(config, settings, user_agent, now=now, environ=environ)
        with contextlib.closing(sink):
            verdict = sink.delete(instance)
        done.append(Forgotten(config.name, grouping_key(config, instance), verdict))
    return tuple(done)
