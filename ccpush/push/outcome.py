"""What does an answer mean? What was sent is delivered, to be tried again, or refused for good.

The one table of statuses for every sink. The decision is made by status alone; the receiver's
words are shown to a person and looked at for a hint, never for the decision. Credentials or a path
that do not fit keep what was sent: a wrong setting must not cost data.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

import msgspec

from ccpush.push.failure import Failure, FailureKind
from ccpush.push.http import Reply
from ccpush.push.sink import Outcome, SinkKind

# 401, 403, 404, 405, 407: a setting of ours is wrong.  408, 425, 429: the receiver asks for time.
RETRIED_STATUSES = frozenset({401, 403, 404, 405, 407, 408, 425, 429})
# How a request fails before the receiver got any of it; None is no failure.
_NOTHING_SENT = frozenset({None, "setup", "dns", "unreachable", "tls", "proxy", "token"})
# A receiver cannot silence us for longer than this.
MAX_RETRY_AFTER_S = 24 * 3600.0

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE)
_CREDENTIALS = "check basic_auth, authorization or oauth2 of this sink"
_HINTS: Mapping[tuple[SinkKind | None, int], str] = {
    (None, 401): _CREDENTIALS,
    (None, 403): f"these credentials may not write there; {_CREDENTIALS}",
    (None, 407): "check user and password in proxy_url",
    (None, 511): "sign in to the network this machine is in",
    ("remote_write", 404): (
        "check the path in url; Prometheus takes remote-write at /api/v1/write, "
        "and only when started with --web.enable-remote-write-receiver"
    ),
    ("remote_write", 405): "check the path in url; Prometheus takes remote-write at /api/v1/write",
    ("remote_write", 413): "lower queue_config.max_samples_per_send",
    ("remote_write", 415): "the receiver does not take remote-write 1.0",
    ("pushgateway", 404): "check url: the root of the Pushgateway is wanted, without /metrics",
    ("pushgateway", 405): "check url: the root of the Pushgateway is wanted, without /metrics",
}


class Verdict(msgspec.Struct, frozen=True):
    """What became of one request. ``reason`` names a refusal for its counter, ``status_400``."""

    outcome: Outcome
    status: int | None = None
    reason: str = ""
    error: str | None = None
    hint: str | None = None
    retry_after_s: float | None = None
    skew_s: float | None = None
    # why there was no answer at all
    failure: FailureKind | None = None
    # samples of a delivered batch that the receiver says it did not write
    lost: int = 0

    @property
    def unclear(self) -> bool:
        """Whether the receiver may have taken what was sent all the same."""
        if self.status is None:
            return self.failure not in _NOTHING_SENT
        return self.status >= 500


def judge(answer: Reply | Failure, kind: SinkKind, url: str, now_s: float) -> Verdict:
    """The verdict on one answer of a receiver of this kind, which came at ``now_s``.

    A network failure is always to be tried again. ``skew_s`` is our clock minus the receiver's
    ``Date``, which has whole seconds.
    """
    if isinstance(answer, Failure):
        return Verdict("retry", error=answer.message, hint=answer.hint, failure=answer.kind)
    if 200 <= answer.status < 300 and _is_html(answer):
        return Verdict(
            "retry",
            status=answer.status,
            error=f"{_subject(kind)} answered with a web page{_quoted(answer)}",
            hint="sign in to the network this machine is in, or check url",
        )
    if 300 <= answer.status < 400:
        return _redirected(answer, kind, url)
    date_s = _date_s(answer.headers.get("Date"))
    skew_s = None if date_s is None else now_s - date_s
    if 200 <= answer.status < 300:
        return Verdict("delivered", status=answer.status, skew_s=skew_s)
    retried = answer.status in RETRIED_STATUSES or not 400 <= answer.status < 500
    return Verdict(
        "retry" if retried else "rejected",
        status=answer.status,
        reason="" if retried else f"status_{answer.status}",
        error=f"{_subject(kind)} answered {_phrase(answer.status)}{_quoted(answer)}",
        hint=_hint(answer, kind),
        retry_after_s=_retry_after_s(answer, now_s if date_s is None else date_s, retried),
        skew_s=skew_s,
    )


def _redirected(reply: Reply, kind: SinkKind, url: str) -> Verdict:
    # Not followed: a redirected POST becomes a GET without a body, whose 200 looks like success.
    location = reply.headers.get("Location")
    hint = "url points to a redirect; write the final address into it"
    if location:
        final = urlsplit(urljoin(url, location))
        shown = f"{final.scheme}://{final.netloc.rpartition('@')[2]}{final.path}"
        hint = f"{hint}: {''.join(char for char in shown if char.isprintable())}"
    error = f"{_subject(kind)} answered {_phrase(reply.status)}"
    return Verdict("retry", status=reply.status, error=error, hint=hint)


def _hint(reply: Reply, kind: SinkKind) -> str | None:
    words = reply.body_text
    if kind == "pushgateway" and reply.status == 400:
        if "collected metric" in words and ("is not a" in words or "should be a" in words):
            return (
                "another group pushes this metric with another type; "
                "delete that group, or stop the program that pushes it"
            )
        if "text format parsing error" in words:
            return "a Pushgateway before 1.5.0 does not understand gzip"
    return _HINTS.get((kind, reply.status)) or _HINTS.get((None, reply.status))


def _subject(kind: SinkKind) -> str:
    return "the Pushgateway" if kind == "pushgateway" else "the receiver"


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _quoted(reply: Reply) -> str:
    words = reply.body_text
    if _is_html(reply):
        title = _TITLE.search(words)
        words = title[1].strip() if title else ""
    return f": {words}" if words else ""


def _is_html(reply: Reply) -> bool:
    media_type = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type in {"text/html", "application/xhtml+xml"}:
        return True
    return reply.body_text[:14].lower().startswith(("<!doctype html", "<html"))


def _retry_after_s(reply: Reply, date_s: float, retried: bool) -> float | None:
    """Seconds from a ``Retry-After`` of either form; a date counts from the receiver's clock."""
    text = reply.headers.get("Retry-After", "").strip()
    if not retried or not text:
        return None
    if text.isascii() and text.isdigit():
        # Digits without end would overflow.
        seconds = float(text[:12]) if len(text) <= 12 else math.inf
    else:
        until_s = _date_s(text)
        if until_s is None:
            return None
        seconds = until_s - date_s
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def _date_s(text: str | None) -> float | None:
    if not text:
        return None
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    # HTTP dates are in GMT, whether they say so or not.
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
