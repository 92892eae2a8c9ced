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
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from ccpush.config.settings import PushgatewayConfig, Settings
from ccpush.ledger import store
from ccpush.metrics.collector import render
from ccpush.metrics.samples import Family, Labels, Sample
from ccpush.push.http import HttpClient
from ccpush.push.outcome import Verdict, judge
from ccpush.push.pushgateway_continuity import GroupContinuity
from ccpush.push.pushgateway_group import read_group
from ccpush.push.remote_write.naming import NAME_LABEL
from ccpush.push.sink import Offer, PushResult, SinkKind

if TYPE_CHECKING:
    from ccpush.push.relabel import Relabeling


class PushgatewaySink:
    """Sends offers to one block of ``pushgateway:``; see :class:`ccpush.push.sink.Sink`."""

    kind: SinkKind = "pushgateway"

    def __init__(
        self,
        config: PushgatewayConfig,
        settings: Settings,
        user_agent: str,
        *,
        now: Callable[[], float] = time.time,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.name = config.name
        self._config = config
        self._settings = settings
        self._now = now
        self._client = HttpClient(config.http, user_agent, now=now, environ=environ)
        self._rules = _rules(config) if config.write_relabel_configs else None

    def push(self, offer: Offer) -> PushResult:
        """Put all families in the place of what the group held, once; all or nothing.

        Counters go on where the group has them. What relabelling makes unfit to be sent is left out
        and counted as rejected. Raises LedgerError.
        """
        key = grouping_key(self._config, offer.instance)
        address = group_url(self._config, offer.instance)
        with store.open_ledger(self._settings.state_dir, write=True) as connection:
            continuity = GroupContinuity(connection, self._settings, self.name, address)
            held = continuity.settle(
                offer,
                lambda sample: sent_labels(sample, key, self._rules),
                lambda: read_group(self._client, self._config.http.url, key, self._now()),
            )
            if held is not None:
                return _result(held, sum(len(family.samples) for family in offer.current))
            continuity.begin(offer)
            result = self._put(continuity.shifted(offer), key, address)
            if result.sent:
                continuity.delivered()
        return result

    def _put(self, families: tuple[Family, ...], key: Mapping[str, str], url: str) -> PushResult:
        settled = PushResult("delivered")
        if self._rules is not None:
            # imported late: most sinks have no rules
            from ccpush.push.relabelled_families import relabelled

            families, settled = relabelled(families, self._rules, key)
        body, content_type = render(families)
        headers = {"Content-Type": content_type, "Content-Encoding": "gzip"}
        verdict = self._request("PUT", url, headers, gzip.compress(body, mtime=0))
        count = sum(len(family.samples) for family in families)
        delivered = verdict.outcome == "delivered"
        result = _result(verdict, count)
        return msgspec.structs.replace(
            result,
            outcome=settled.outcome if delivered else result.outcome,
            rejected={**settled.rejected, **result.rejected},
            error=settled.error if delivered else result.error,
            hint=settled.hint if delivered else result.hint,
        )

    def delete(self, instance: str) -> Verdict:
        """Delete the group of ``instance``; delivered also when there was none."""
        return self._request("DELETE", group_url(self._config, instance), {}, b"")

    def abort(self) -> None:
        """End a push under way in another thread, and every later one, at once."""
        self._client.abort()

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Verdict:
        answer = self._client.request(method, url, headers, body)
        return judge(answer, self.kind, url, self._now())


def group_url(config: PushgatewayConfig, instance: str) -> str:
    """The address of the group ``job``, ``instance`` and the configured labels, sorted by name."""
    key = grouping_key(config, instance)
    segments = "/".join(_segment(name, value) for name, value in key.items())
    parts = urlsplit(config.http.url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/metrics/{segments}"))


def grouping_key(config: PushgatewayConfig, instance: str) -> dict[str, str]:
    """Return the labels of the group of ``instance``."""
    return {"job": config.job, "instance": instance} | dict(sorted(config.grouping_key.items()))


def sent_labels(sample: Sample, key: Mapping[str, str], rules: Relabeling | None) -> Labels | None:
    """Return the labels that a sample has in the group ``key``; None when it is not sent."""
    labels: Labels | None = tuple(
        sorted({**dict(sample.labels), **key, NAME_LABEL: sample.name}.items())
    )
    if rules is not None:
        labels = rules.apply(labels or ())
    if labels is None:
        return None
    own = {name: text for name, text in labels if name == NAME_LABEL or not name.startswith("__")}
    return tuple(sorted((name, text) for name, text in {**own, **key}.items() if text))


def _rules(config: PushgatewayConfig) -> Relabeling:
    # imported late: most sinks have no rules
    from ccpush.push.relabel import Relabeling

    return Relabeling(config.write_relabel_configs)


def _result(verdict: Verdict, count: int = 0) -> PushResult:
    """What became of a request with so many samples."""
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


def _segment(name: str, value: str) -> str:
    # Pushgateway's own form for values that a path cannot hold; "=" is its empty value.
    if "/" in value or value in {"", ".", ".."}:
        coded = base64.urlsafe_b64encode(value.encode()).decode("ascii") or "="
        return f"{name}@base64/{coded}"
    return f"{name}/{quote(value, safe='')}"
