"""The Pushgateway sink: the whole group, replaced by one PUT, as of now.

No timestamps (a Pushgateway refuses them), so nothing can be made up for: it always has the newest
values and nothing else. Groups live there until someone deletes them.
"""

from __future__ import annotations

import base64
import gzip
import os
import time
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlsplit, urlunsplit

from ccpush.config.settings import PushgatewayConfig
from ccpush.metrics.collector import render
from ccpush.push.http import HttpClient
from ccpush.push.outcome import Verdict, judge
from ccpush.push.sink import Offer, PushResult, SinkKind


class PushgatewaySink:
    """Sends offers to one block of ``pushgateway:``; see :class:`ccpush.push.sink.Sink`."""

    kind: SinkKind = "pushgateway"

    def __init__(
        self,
        config: PushgatewayConfig,
        user_agent: str,
        *,
        now: Callable[[], float] = time.time,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.name = config.name
        self._config = config
        self._now = now
        self._client = HttpClient(config.http, user_agent, now=now, environ=environ)

    def push(self, offer: Offer) -> PushResult:
        """Put all families in the place of what the group held, once; all or nothing."""
        body, content_type = render(offer.current)
        headers = {"Content-Type": content_type, "Content-Encoding": "gzip"}
        verdict = self._request("PUT", offer.instance, headers, gzip.compress(body, mtime=0))
        count = sum(len(family.samples) for family in offer.current)
        return PushResult(
            verdict.outcome,
            sent=count if verdict.outcome == "delivered" else 0,
            retried=count if verdict.outcome == "retry" else 0,
            rejected={verdict.reason: count} if verdict.reason else {},
            status=verdict.status,
            error=verdict.error,
            hint=verdict.hint,
            retry_after_s=verdict.retry_after_s,
            skew_s=verdict.skew_s,
        )

    def delete(self, instance: str) -> Verdict:
        """Delete the group of ``instance``; delivered also when there was none."""
        return self._request("DELETE", instance, {}, b"")

    def abort(self) -> None:
        """End a push under way in another thread, and every later one, at once."""
        self._client.abort()

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _request(
        self, method: str, instance: str, headers: Mapping[str, str], body: bytes
    ) -> Verdict:
        url = group_url(self._config, instance)
        answer = self._client.request(method, url, headers, body)
        return judge(answer, self.kind, url, self._now())


def group_url(config: PushgatewayConfig, instance: str) -> str:
    """The address of the group ``job``, ``instance`` and the configured labels, sorted by name."""
    key = {"job": config.job, "instance": instance} | dict(sorted(config.grouping_key.items()))
    segments = "/".join(_segment(name, value) for name, value in key.items())
    parts = urlsplit(config.http.url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/metrics/{segments}"))


def _segment(name: str, value: str) -> str:
    # Pushgateway's own form for values that a path cannot hold; "=" is its empty value.
    if "/" in value or value in {"", ".", ".."}:
        coded = base64.urlsafe_b64encode(value.encode()).decode("ascii") or "="
        return f"{name}@base64/{coded}"
    return f"{name}/{quote(value, safe='')}"
