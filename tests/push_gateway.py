"""A Pushgateway sink as a new process would have it, with a ledger of its own."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from receivers import Answer, Conversation, Request, Script

from ccpush.config.settings import HttpConfig, PushgatewayConfig, RelabelRule, Settings
from ccpush.push.pushgateway import PushgatewaySink

NO_GROUPS = Answer(200, {"Content-Type": "application/json"}, b'{"status":"success","data":[]}')


def taking(answer: Answer) -> Script:
    """A Pushgateway without groups that gives everything but questions this answer."""

    def script(conversation: Conversation) -> None:
        while (request := conversation.read()) is not None:
            conversation.answer(NO_GROUPS if request.method == "GET" else answer)

    return script


def pushed(requests: Sequence[Request]) -> Request:
    """The one request that was no question."""
    (found,) = (request for request in requests if request.method != "GET")
    return found


def settings_in(folder: Path) -> Settings:
    """Settings whose ledger and everything else lies below a folder."""
    return Settings(
        claude_homes=(),
        claude_homes_given=True,
        state_dir=folder / "state",
        runtime_dir=folder / "run",
        cache_dir=folder / "cache",
    )


@contextlib.contextmanager
def gateway_sink(
    url: str, rules: Sequence[RelabelRule] = (), **key: str
) -> Iterator[PushgatewaySink]:
    """The sink ``test`` of a ledger that has never pushed; its clock stands at 0."""
    http = HttpConfig(url=url, timeout_s=5.0)
    config = PushgatewayConfig("test", http, grouping_key=key, write_relabel_configs=tuple(rules))
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_in(Path(folder))
        sink = PushgatewaySink(config, settings, "ccpush/test", now=lambda: 0.0, environ={})
        with contextlib.closing(sink):
            yield sink
