"""The Pushgateway sink: addresses, bodies, outcomes, against a server of our own."""

from __future__ import annotations

import gzip
import subprocess
import sys

import pytest
from push_gateway import gateway_sink, pushed, taking
from push_offers import family, histogram, numbered, offer, sample
from receivers import Answer, serve

from ccpush.config.settings import HttpConfig, PushgatewayConfig
from ccpush.push.outcome import Verdict
from ccpush.push.pushgateway import group_url
from ccpush.push.sink import PushResult


@pytest.mark.parametrize(
    ("url", "key", "instance", "expected"),
    [
        (
            "http://gw:9091",
            {},
            "laptop",
            "http://gw:9091/metrics/job/ccpush_pushgateway/instance/laptop",
        ),
        ("http://gw/x/", {}, "l", "http://gw/x/metrics/job/ccpush_pushgateway/instance/l"),
        ("http://gw?a=b", {}, "l", "http://gw/metrics/job/ccpush_pushgateway/instance/l?a=b"),
        (
            "http://gw",
            {"team": "core", "floor": "2"},
            "l",
            "http://gw/metrics/job/ccpush_pushgateway/instance/l/floor/2/team/core",
        ),
        (
            "http://gw",
            {"a": "x y+z%é?#"},
            "l",
            "http://gw/metrics/job/ccpush_pushgateway/instance/l/a/x%20y%2Bz%25%C3%A9%3F%23",
        ),
        (
            "http://gw",
            {"a": "", "b": "x/y", "c": ".."},
            "l",
            "http://gw/metrics/job/ccpush_pushgateway/instance/l/a@base64/=/b@base64/eC95/c@base64/Li4=",
        ),
    ],
)
def test_the_group_has_its_address(
    url: str, key: dict[str, str], instance: str, expected: str
) -> None:
    """Job, instance, then the labels by name; what a path cannot hold is in base64."""
    config = PushgatewayConfig("test", HttpConfig(url=url), grouping_key=key)

    assert group_url(config, instance) == expected


def test_the_whole_group_is_put_as_text() -> None:
    """One PUT with gzip, text 0.0.4, without timestamps and ``_created`` series."""
    tokens = family("tokens_total", sample("tokens_total", 5.0, model="m"), type="counter")
    with serve(taking(Answer(200))) as gateway, gateway_sink(gateway.url, team="core") as sink:
        result = sink.push(offer(tokens, histogram()))

    assert result == PushResult("delivered", sent=5, status=200)
    request = pushed(gateway.requests)
    assert (request.method, request.target) == (
        "PUT",
        "/metrics/job/ccpush_pushgateway/instance/laptop/team/core",
    )
    assert request.headers["content-encoding"] == "gzip"
    assert request.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert request.headers["user-agent"] == "ccpush/test"
    assert gzip.decompress(request.body).decode() == (
        "# HELP tokens_total Help of tokens_total.\n"
        "# TYPE tokens_total counter\n"
        'tokens_total{model="m"} 5.0\n'
        "# HELP turn_seconds Help of turn_seconds.\n"
        "# TYPE turn_seconds histogram\n"
        'turn_seconds_bucket{le="5.0"} 1.0\n'
        'turn_seconds_bucket{le="+Inf"} 3.0\n'
        "turn_seconds_sum 42.5\n"
        "turn_seconds_count 3.0\n"
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(202), PushResult("delivered", sent=7, status=202)),
        (
            Answer(400, {}, b"no\n"),
            PushResult(
                "rejected",
                rejected={"status_400": 7},
                status=400,
                error="the Pushgateway answered 400 Bad Request: no",
            ),
        ),
        (
            Answer(503, {"Retry-After": "9"}),
            PushResult(
                "retry",
                retried=7,
                status=503,
                error="the Pushgateway answered 503 Service Unavailable",
                retry_after_s=9.0,
            ),
        ),
    ],
)
def test_all_or_nothing_is_counted(answer: Answer, expected: PushResult) -> None:
    """A group is taken, kept back or refused as a whole."""
    with serve(taking(answer)) as gateway, gateway_sink(gateway.url) as sink:
        assert sink.push(offer(numbered(7))) == expected


def test_a_group_can_be_deleted() -> None:
    """``delete`` sends DELETE to the address that ``push`` puts to."""
    with serve(taking(Answer(202))) as gateway, gateway_sink(gateway.url) as sink:
        verdict = sink.delete("host/1")

    assert verdict == Verdict("delivered", status=202)
    assert (pushed(gateway.requests).method, pushed(gateway.requests).target) == (
        "DELETE",
        "/metrics/job/ccpush_pushgateway/instance@base64/aG9zdC8x",
    )


def test_an_aborted_sink_sends_nothing() -> None:
    """After ``abort`` a push ends at once, to be tried again."""
    with serve(taking(Answer(200))) as gateway, gateway_sink(gateway.url) as sink:
        sink.abort()
        result = sink.push(offer(numbered(2)))

    assert (result.outcome, result.retried, gateway.requests) == ("retry", 2, [])


IMPORTS = """
import sys
from ccpush.config.settings import HttpConfig, PushgatewayConfig, RemoteWriteConfig, Settings
from ccpush.push.build import build_sinks
from pathlib import Path
http = HttpConfig(url="http://127.0.0.1:1/")
settings = Settings((), False, Path("."), Path("."), Path("."), {config})
sinks = build_sinks(settings)
print([(sink.name, sink.kind) for sink in sinks])
heavy = {{"requests", "prometheus_client", "google.protobuf", "snappy"}}
print(sorted(heavy & set(sys.modules)))
for sink in sinks:
    sink.close()
"""


@pytest.mark.parametrize(
    ("config", "sinks", "modules"),
    [
        ("", [], []),
        (
            "remote_write=(RemoteWriteConfig('a', http),)",
            [("a", "remote_write")],
            ["requests", "snappy"],
        ),
        ("pushgateway=(PushgatewayConfig('b', http),)", [("b", "pushgateway")], ["requests"]),
    ],
)
def test_only_what_is_configured_is_imported(
    config: str, sinks: list[object], modules: list[str]
) -> None:
    """No sink pays for the libraries of another; without sinks there are none at all."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORTS.format(config=config)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout == f"{sinks}\n{modules}\n"
