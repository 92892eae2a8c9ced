"""The strict receiver keeps, refuses and answers as real receivers do, and is compared with one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import servers
from hand_made import Points, X, noticing, offer, request_v1, request_v2, write
from plain_http import send
from receivers import Answer
from strict import StrictReceiver, strict_receiver
from strict_wire import STALE_BITS, Point

STALE = Point(0, STALE_BITS).value
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW_MS = 100 * DAY_MS

Case = tuple[Points, int]
IN_ORDER: list[Case] = [
    ([(NOW_MS, 1.0)], 204),
    ([(NOW_MS, 1.0)], 204),
    ([(NOW_MS, 2.0)], 400),
    ([(NOW_MS - 1, 1.0)], 400),
    ([(NOW_MS + 1, 1.0), (NOW_MS - DAY_MS, 1.0)], 400),
    ([(NOW_MS + 1, 1.0)], 204),
]
WINDOW: list[Case] = [
    ([(NOW_MS, 1.0)], 204),
    ([(NOW_MS, 2.0)], 400),
    ([(NOW_MS - DAY_MS, 1.0), (NOW_MS - 1, 1.0)], 204),
    ([(NOW_MS - DAY_MS - 1, 1.0), (NOW_MS + 2, 1.0)], 500),
    ([(NOW_MS + 3, 1.0)], 204),
]


@pytest.mark.parametrize(("window_s", "cases"), [(0, IN_ORDER), (86_400, WINDOW)])
def test_a_window_refuses_as_prometheus_does(window_s: float, cases: list[Case]) -> None:
    """Old samples, disorder and second values, by what was there before the request."""
    with noticing(window_s=window_s, strict_order=False) as (receiver, _):
        statuses = [offer(receiver, *points) for points, _ in cases]

    assert statuses == [status for _, status in cases]
    # Nothing of a refused request is kept, and each sample once, in order.
    kept = {point for points, status in cases if status == 204 for point in points}
    assert receiver.samples[tuple(X)] == sorted(kept)
    assert receiver.refused == sum(status != 204 for status in statuses)


def test_without_a_window_a_new_series_may_be_an_hour_old() -> None:
    """Seen from the newest sample of all, whatever the clock says."""
    y = [("__name__", "y")]
    with strict_receiver(window_s=0) as receiver:
        offer(receiver, (NOW_MS, 1.0))
        older = write(receiver.url, request_v1((y, [(NOW_MS - HOUR_MS - 1, 1.0)])))
        exact = write(receiver.url, request_v1((y, [(NOW_MS - HOUR_MS, 1.0)])))

    assert (older.status, older.body, exact.status) == (400, b"out of bounds", 204)


def test_one_refused_sample_costs_the_request() -> None:
    """A receiver that will not have one series keeps nothing of what comes with it."""
    y = [("__name__", "y")]
    with strict_receiver(
        refuse=lambda labels, _: "no" if dict(labels)["__name__"] == "y" else None
    ) as receiver:
        both = write(receiver.url, request_v1((X, [(1, 1.0)]), (y, [(1, 1.0)])))
        assert receiver.samples == {}
        alone = write(receiver.url, request_v1((X, [(1, 1.0)])))

    assert (both.status, both.body, alone.status, receiver.refused) == (400, b"no", 204, 1)


def test_of_a_2_0_message_the_good_part_may_be_kept() -> None:
    """The sender is told how much; what it tries again to find the bad one is no disorder."""
    with strict_receiver(
        refuse=lambda _, ts_ms: "no" if ts_ms == 1 else None, partial=True
    ) as receiver:
        body = request_v2((X, [(1, 1.0), (2, 2.0)]), start_ms=1)
        reply = write(receiver.url, body, 2)
        assert offer(receiver, (1, 1.0), version=2) == 400

    assert reply.headers["X-Prometheus-Remote-Write-Samples-Written"] == "1"
    assert receiver.samples == {tuple(X): [(2, 2.0)]}
    assert receiver.starts == {tuple(X): {2: 1}}


def test_a_hook_may_answer_by_what_it_sees() -> None:
    """Passwords, for one; what it lets through is judged as ever."""
    with strict_receiver() as receiver:
        receiver.on_write = lambda request: (
            None if "authorization" in request.headers else Answer(401)
        )
        body = request_v1((X, [(1, 1.0)]))
        assert write(receiver.url, body).status == 401
        assert write(receiver.url, body, Authorization="Bearer t").status == 204

    assert receiver.samples == {tuple(X): [(1, 1.0)]}


def _query(receiver: StrictReceiver, query: str, time_s: float) -> Any:
    encoded = urlencode({"query": query, "time": time_s})
    reply = send(f"{receiver.query_url}?{encoded}", method="GET")
    return json.loads(reply.body) if reply.status == 200 else reply.status


def _values(receiver: StrictReceiver, query: str, time_s: float) -> list[str]:
    return [one["value"][1] for one in _query(receiver, query, time_s)["data"]["result"]]


def test_the_newest_values_can_be_asked_for() -> None:
    """As Prometheus answers: five minutes of lookback, ended series gone, ranges as long as asked."""
    with strict_receiver() as receiver:
        offer(receiver, (1_000_000, 1.5), (1_060_000, 1e21), (1_120_000, STALE))
        assert _query(receiver, "x", 1060) == {
            "status": "success",
            "data": {
                "resultType": "vector",
                "result": [{"metric": dict(X), "value": [1060.0, "1e+21"]}],
            },
        }
        assert _values(receiver, "x", 1059.999) == ["1.5"]
        assert _values(receiver, "x", 1120) == []
        assert _values(receiver, "last_over_time(x[1m])", 1120) == ["1e+21"]
        assert _values(receiver, "last_over_time(x[59s])", 1120) == []
        assert _values(receiver, "last_over_time(x[29d])", 2_000_000) == ["1e+21"]
        offer(receiver, (1_180_000, 2.0))
        assert _values(receiver, "x", 1480) == ["2"]
        assert _values(receiver, "x", 1480.001) == []


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("x", True),
        ("y", False),
        ('x{job="j"}', True),
        ('x{job="k"}', False),
        ('{__name__="x", job=~"i|j",}', True),
        ('x{job!="j"}', False),
        ('x{other=""}', True),
        ('{job!~"k.*"}', True),
        ("x{job='\\u006a'}", True),
    ],
)
def test_series_are_selected_by_their_labels(selector: str, found: bool) -> None:
    """All four kinds of matchers, in plain queries and in ranges."""
    with strict_receiver() as receiver:
        offer(receiver, (1000, 1.0))
        for query in (selector, f"last_over_time({selector}[1m])"):
            assert _values(receiver, query, 1.0) == ["1"] * found


def test_other_queries_are_refused_and_the_api_can_be_closed() -> None:
    """What is not understood is a 400; a closed door has the status that it was given."""
    with strict_receiver() as receiver:
        assert [_query(receiver, query, 1.0) for query in ("sum(x)", "x[5m]", "x{a}", "")] == [
            400
        ] * 4
        for status in (404, 401, 503):
            receiver.query_status = status
            assert _query(receiver, "x", 1.0) == status

    assert len(receiver.queries) == 7
    assert receiver.requests == 0


@pytest.mark.integration
@pytest.mark.parametrize(("window", "cases"), [("", IN_ORDER), ("1d", WINDOW)])
def test_a_real_prometheus_answers_alike(window: str, cases: list[Case], tmp_path: Path) -> None:
    """The same requests, the same statuses, and the same samples at the end."""
    config = f"storage: {{tsdb: {{out_of_order_time_window: {window}}}}}\n" if window else ""
    with servers.prometheus(config, tmp_path) as prometheus:
        url = prometheus.url + "/api/v1/write"
        statuses = [write(url, request_v1((X, points))).status for points, _ in cases]
        found = prometheus.query("x[2d]", (NOW_MS + HOUR_MS) / 1000)

    assert statuses == [status for _, status in cases]
    kept = {point for points, status in cases if status == 204 for point in points}
    assert [(round(at_s * 1000), float(text)) for at_s, text in found[0]["values"]] == sorted(kept)


@pytest.mark.integration
def test_a_real_prometheus_tells_the_same_values(tmp_path: Path) -> None:
    """Values as text, the lookback, stale ends and ranges, to the millisecond."""
    points = [(NOW_MS, 1.5), (NOW_MS + 60_000, 1e21), (NOW_MS + 120_000, STALE)]
    points += [(NOW_MS + 180_000, float("inf")), (NOW_MS + 181_000, 1e-7)]
    times_s = [(NOW_MS + ms) / 1000 for ms in (-1, 0, 59_999, 120_000, 180_500, 481_000, 481_001)]
    queries = [
        "x",
        'x{job!="k",other=""}',
        "last_over_time(x[1m])",
        "last_over_time({job=~'j|k'}[2m1s])",
    ]
    with servers.prometheus("", tmp_path) as prometheus, strict_receiver() as receiver:
        for url in (prometheus.url + "/api/v1/write", receiver.url):
            assert write(url, request_v1((X, points))).status == 204
        for query in queries:
            for at_s in times_s:
                ours = _query(receiver, query, at_s)["data"]["result"]
                assert ours == prometheus.query(query, at_s), (query, at_s)
