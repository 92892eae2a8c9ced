"""What an answer means: the table of statuses, Retry-After, clock skew, redirects, portals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
from push_client import client, post
from receivers import always, serve

from ccpush.push.failure import Failure, explain
from ccpush.push.outcome import Verdict, judge

if TYPE_CHECKING:
    from ccpush.push.failure import FailureKind
    from ccpush.push.sink import Outcome, SinkKind

# 2026-11-01 12:00:00 UTC
NOON_S = 1793534400.0
NOON = "Sun, 01 Nov 2026 12:00:00 GMT"


def _judged(
    status: int,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    kind: SinkKind = "remote_write",
    now_s: float = NOON_S,
) -> Verdict:
    """The verdict on a real answer."""
    with serve(always(status, headers, body)) as server, client(server.url) as sender:
        return judge(post(sender, server.url), kind, server.url, now_s)


@pytest.mark.parametrize("kind", ["remote_write", "pushgateway"])
@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (200, "delivered", ""),
        (202, "delivered", ""),
        (204, "delivered", ""),
        (299, "delivered", ""),
        (300, "retry", ""),
        (301, "retry", ""),
        (302, "retry", ""),
        (303, "retry", ""),
        (307, "retry", ""),
        (308, "retry", ""),
        (400, "rejected", "status_400"),
        (401, "retry", ""),
        (402, "rejected", "status_402"),
        (403, "retry", ""),
        (404, "retry", ""),
        (405, "retry", ""),
        (407, "retry", ""),
        (408, "retry", ""),
        (409, "rejected", "status_409"),
        (410, "rejected", "status_410"),
        (413, "rejected", "status_413"),
        (415, "rejected", "status_415"),
        (422, "rejected", "status_422"),
        (425, "retry", ""),
        (429, "retry", ""),
        (499, "rejected", "status_499"),
        (500, "retry", ""),
        (501, "retry", ""),
        (502, "retry", ""),
        (503, "retry", ""),
        (504, "retry", ""),
        (511, "retry", ""),
        (599, "retry", ""),
        (999, "retry", ""),
    ],
)
def test_each_status_has_one_outcome(
    status: int, outcome: Outcome, reason: str, kind: SinkKind
) -> None:
    """The status alone decides; whatever is not delivered comes with a sentence."""
    verdict = _judged(status, kind=kind)

    assert (verdict.outcome, verdict.reason, verdict.status) == (outcome, reason, status)
    assert (verdict.error is None) == (outcome == "delivered")


def test_the_receivers_own_words_are_shown() -> None:
    """A refusal quotes the body and the status by name."""
    verdict = _judged(400, body=b"out of order sample\n")

    assert verdict.error == "the receiver answered 400 Bad Request: out of order sample"
    assert verdict.hint is None


@pytest.mark.parametrize(
    ("status", "kind", "word"),
    [
        (401, "remote_write", "basic_auth"),
        (403, "pushgateway", "authorization"),
        (404, "remote_write", "--web.enable-remote-write-receiver"),
        (404, "pushgateway", "without /metrics"),
        (405, "pushgateway", "without /metrics"),
        (407, "remote_write", "proxy_url"),
        (413, "remote_write", "queue_config.max_samples_per_send"),
        (511, "remote_write", "sign in"),
    ],
)
def test_a_wrong_setting_is_named(status: int, kind: SinkKind, word: str) -> None:
    """Where a setting is the likely cause, the hint says which."""
    verdict = _judged(status, kind=kind)

    assert verdict.hint is not None
    assert word in verdict.hint


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Sun, 01 Nov 2026 12:01:30 GMT", 90.0),
        ("Sun, 01 Nov 2026 11:00:00 GMT", 0.0),
        ("9" * 400, 86400.0),
        ("-5", None),
        ("soon", None),
        ("Sun, 99 Nov 2026 12:00:00 GMT", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_understood_in_both_forms(
    text: str, seconds: float | None, status: int
) -> None:
    """Seconds or a date, at most a day; nonsense counts as not given."""
    assert _judged(status, {"Retry-After": text, "Date": NOON}).retry_after_s == seconds


def test_a_date_to_retry_after_counts_from_the_receivers_clock() -> None:
    """Our own clock may be wrong: the distance to the receiver's ``Date`` is what counts."""
    headers = {"Retry-After": "Sun, 01 Nov 2026 12:01:30 GMT", "Date": NOON}

    assert _judged(503, headers, now_s=NOON_S - 5000).retry_after_s == 90.0


def test_retry_after_means_nothing_for_a_refusal() -> None:
    """What is refused for good is not tried again, whenever."""
    assert _judged(400, {"Retry-After": "5"}).retry_after_s is None


@pytest.mark.parametrize(
    ("date", "skew"),
    [
        (NOON, 7.5),
        ("Sunday, 01-Nov-26 12:00:00 GMT", 7.5),
        ("Sun Nov  1 12:00:00 2026", 7.5),
        ("yesterday", None),
        (None, None),
    ],
)
@pytest.mark.parametrize("status", [204, 400, 503])
def test_the_clock_is_compared_with_the_receivers_date(
    date: str | None, skew: float | None, status: int
) -> None:
    """Skew is our clock minus ``Date``, in every form that HTTP allows; unknown without one."""
    headers = {"Date": date} if date is not None else {}

    assert _judged(status, headers, now_s=NOON_S + 7.5).skew_s == skew


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "text/html; charset=utf-8"}, b""),
        ({"Content-Type": "application/xhtml+xml"}, b""),
        ({}, b"\n  <!DOCTYPE html><html>"),
        ({"Content-Type": "text/plain"}, b"<HTML><title>Hotel</title>"),
    ],
)
def test_a_web_page_is_not_a_delivery(headers: dict[str, str], body: bytes) -> None:
    """A 200 with HTML comes from a captive portal, whose clock tells nothing either."""
    verdict = _judged(200, headers | {"Date": NOON}, body)

    assert verdict.outcome == "retry"
    assert verdict.skew_s is None
    assert verdict.hint is not None
    assert "sign in" in verdict.hint


def test_of_an_html_error_only_the_title_is_shown() -> None:
    """A gateway's error page is one sentence, not markup."""
    page = b"<html><head><title>502 Bad\nGateway</title></head><body><h1>x</h1></body></html>"
    verdict = _judged(502, {"Content-Type": "text/html"}, page)

    assert verdict.error == "the receiver answered 502 Bad Gateway: 502 Bad Gateway"


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://metrics.example/api/v1/write", "https://metrics.example/api/v1/write"),
        ("https://u:secret@metrics.example/w?token=secret", "https://metrics.example/w"),
        ("/new/", "{url}/new/"),
    ],
)
def test_a_redirect_tells_the_final_address(location: str, shown: str) -> None:
    """The hint is the address to write into ``url``, without anything secret in it."""
    with serve(always(308, {"Location": location})) as server, client(server.url) as sender:
        verdict = judge(post(sender, server.url), "remote_write", server.url + "/old", NOON_S)
        shown = shown.format(url=server.url)

    assert verdict.hint == f"url points to a redirect; write the final address into it: {shown}"
    assert verdict.error == "the receiver answered 308 Permanent Redirect"


def test_a_redirect_without_address_still_has_a_hint() -> None:
    """Without ``Location`` the hint says what is wrong."""
    assert _judged(302).hint == "url points to a redirect; write the final address into it"


def test_a_failure_of_no_known_kind_is_still_a_sentence() -> None:
    """What is wrapped in nothing that we know is told by its type, never by its text."""
    failure = explain(requests.ConnectionError("http://u:secret@h/"), "http://u:secret@h/", None)

    assert failure == Failure("unreachable", "the request to h failed: ConnectionError")


def test_a_failure_is_always_tried_again() -> None:
    """No answer: nothing is known about the delivery, so the cursor stays."""
    failure = Failure("dns", "a.invalid cannot be looked up: no", "a hint")

    assert judge(failure, "remote_write", "http://a.invalid", NOON_S) == Verdict(
        "retry", error=failure.message, hint=failure.hint, failure="dns"
    )


@pytest.mark.parametrize(
    ("kind", "unclear"),
    [
        ("setup", False),
        ("dns", False),
        ("unreachable", False),
        ("tls", False),
        ("proxy", False),
        ("token", False),
        ("timeout", True),
        ("cut", True),
        ("not_http", True),
        ("aborted", True),
    ],
)
def test_a_request_without_an_answer_may_have_arrived(kind: FailureKind, unclear: bool) -> None:
    """Unless it failed before anything was sent: only then nothing is open."""
    verdict = judge(Failure(kind, "no"), "remote_write", "http://a.invalid", NOON_S)

    assert (verdict.failure, verdict.unclear) == (kind, unclear)


@pytest.mark.parametrize(
    ("status", "unclear"),
    [
        (204, False),
        (302, False),
        (400, False),
        (401, False),
        (429, False),
        (500, True),
        (503, True),
    ],
)
def test_an_answer_is_clear_but_for_a_servers_error(status: int, unclear: bool) -> None:
    """A 5xx may come from something that stands before a receiver which has taken it all."""
    assert _judged(status).unclear == unclear


def test_nothing_said_is_nothing_open() -> None:
    """A verdict that no request has led to leaves nothing in doubt."""
    assert not Verdict("retry", error="the backlog is long").unclear
    assert Verdict("delivered", status=204).lost == 0


def test_a_type_conflict_in_a_pushgateway_is_explained() -> None:
    """The Pushgateway's words about another group's type get a hint that names the cause."""
    words = (
        b'pushed metrics are invalid: collected metric "z" { gauge:<value:1 > } is not a COUNTER'
    )
    verdict = _judged(400, body=words, kind="pushgateway")

    assert verdict.hint is not None
    assert verdict.hint.startswith("another group pushes this metric with another type")


def test_an_old_pushgateway_that_cannot_read_gzip_is_told() -> None:
    """A Pushgateway that takes compressed bytes for text is older than we need."""
    words = b"text format parsing error in line 1: invalid metric name"
    verdict = _judged(400, body=words, kind="pushgateway")

    assert verdict.hint == "a Pushgateway before 1.5.0 does not understand gzip"


def test_the_headers_of_an_answer_are_found_in_any_spelling() -> None:
    """HTTP/2 front ends write header names in lower case."""
    assert _judged(503, {"retry-after": "5"}).retry_after_s == 5.0
