"""What a receiver already has: asked, answered with nothing, or not to be asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import pytest
from push_client import client
from receivers import Conversation, LoopbackServer, always, serve
from strict import strict_receiver
from strict_wire import Entry, Point, bits_of

from ccpush.metrics.samples import Labels
from ccpush.push.failure import Failure
from ccpush.push.remote_write import history_query
from ccpush.push.remote_write.history_query import Unanswered, ask, query_url, selector
from ccpush.push.reply import Reply

AT_S = 1_790_000_000.0


def _asked(server: LoopbackServer, promql: str = "x") -> dict[Labels, float]:
    """The answer of a real server."""
    with client(server.url) as sender:

        def get(url: str, max_bytes: int) -> Reply | Failure:
            return sender.request("GET", url, {}, b"", max_body_bytes=max_bytes)

        return ask(get, server.url + "/api/v1/query", promql, AT_S)


def _unanswered(
    status: int, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Unanswered:
    with serve(always(status, headers, body)) as server, pytest.raises(Unanswered) as raised:
        _asked(server)
    return raised.value


def _json(result: list[object], kind: str = "vector") -> bytes:
    data = {"resultType": kind, "result": result}
    return json.dumps({"status": "success", "data": data}).encode()


@pytest.mark.parametrize(
    ("write", "query"),
    [
        ("http://p:9090/api/v1/write", "http://p:9090/api/v1/query"),
        ("https://h/prom/api/v1/write?token=x#y", "https://h/prom/api/v1/query"),
        ("https://h/api/v1/push", "https://h/prometheus/api/v1/query"),
        ("https://h/api/prom/push", "https://h/api/prom/api/v1/query"),
        ("http://h/insert/0/api/v1/receive", "http://h/insert/0/api/v1/query"),
        ("http://h/somewhere", None),
        ("http://h", None),
    ],
)
def test_queries_go_beside_the_place_for_samples(write: str, query: str | None) -> None:
    """As Prometheus, Mimir, Grafana Cloud and Thanos have it; other addresses tell nothing."""
    assert query_url(write, None) == query


@pytest.mark.parametrize("given", ["http://elsewhere/api/v1/query", ""])
def test_a_configured_address_is_taken_as_it_is(given: str) -> None:
    """Nothing is derived then; empty says that nobody is to be asked."""
    assert query_url("http://p/api/v1/write", given) == given


def test_an_answer_is_values_by_sorted_labels() -> None:
    """A vector as Prometheus writes it, special values included."""
    labels = {"job": "ccpush", "__name__": "x", "instance": "l"}
    found: list[object] = [
        {"metric": labels, "value": [AT_S, "17.5"]},
        {"metric": {}, "value": [AT_S, "+Inf"]},
    ]
    with serve(always(200, None, _json(found))) as server:
        answer = _asked(server, 'x{a="b c"}')
        (request,) = server.requests

    assert answer == {tuple(sorted(labels.items())): 17.5, (): float("inf")}
    fields = parse_qs(urlsplit(request.target).query)
    assert (request.method, fields["query"]) == ("GET", ['x{a="b c"}'])
    # with milliseconds, never in a form that some servers do not know
    assert fields["time"] == ["1790000000.000"]


def test_nothing_is_an_answer_too() -> None:
    """An empty vector says that the receiver has nothing."""
    with serve(always(200, None, _json([]))) as server:
        assert _asked(server) == {}


def test_a_long_answer_is_read_to_its_end() -> None:
    """Hundreds of series are more than the beginning of an error page."""
    many: list[object] = [{"metric": {"n": str(n)}, "value": [AT_S, "1"]} for n in range(2000)]
    with serve(always(200, None, _json(many))) as server:
        assert len(_asked(server)) == 2000


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 511])
def test_a_server_that_is_busy_or_ill_may_answer_later(status: int) -> None:
    """It is asked again by the next push; nothing is decided by its silence."""
    assert _unanswered(status).later


@pytest.mark.parametrize("status", [301, 302, 308, 400, 401, 403, 404, 405, 422])
def test_a_server_without_queries_will_never_answer(status: int) -> None:
    """No query API, none for these credentials, or one elsewhere: nobody can be asked."""
    error = _unanswered(status, b"no", {"Location": "/elsewhere"})

    assert not error.later
    assert str(error) == f"the query API answered {status}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!doctype html><html>Welcome</html>",
        b"{}",
        b"[]",
        b'{"status":"error","errorType":"bad_data","error":"x"}',
        b'{"status":"success","data":{"resultType":"matrix","result":[]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1]}]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"a"]}]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"\xff"},"value":[1,"1"]}]}}',
    ],
)
def test_what_is_not_prometheus_answer_is_none(body: bytes) -> None:
    """A page, another API or damaged text: nobody can be asked."""
    error = _unanswered(200, body)

    assert not error.later
    assert str(error) == "the query API did not answer as Prometheus does"


def test_an_answer_that_was_cut_may_be_whole_later() -> None:
    """A network that fails in the middle says nothing of what the receiver has."""

    def script(conversation: Conversation) -> None:
        conversation.read()
        conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + _json([])[:30])
        conversation.close()

    with serve(script) as server, pytest.raises(Unanswered) as raised:
        _asked(server)

    assert raised.value.later


def test_an_answer_without_end_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever answers with more than all our series are is not the API that we know."""
    monkeypatch.setattr(history_query, "MAX_ANSWER_BYTES", 1000)
    error = _unanswered(200, b" " * 2000 + _json([]))

    assert not error.later


def test_a_network_that_fails_may_be_there_later() -> None:
    """Nobody listens now."""
    with serve(always()) as gone:
        pass
    with pytest.raises(Unanswered) as raised:
        _asked(gone)

    assert raised.value.later
    assert "refuses connections" in str(raised.value)


def test_a_wrong_setting_will_not_be_right_later() -> None:
    """An address that is none."""

    def get(url: str, max_bytes: int) -> Reply | Failure:
        with client("http://a..b") as sender:
            return sender.request("GET", url, {}, b"", max_body_bytes=max_bytes)

    with pytest.raises(Unanswered) as raised:
        ask(get, "http://a..b/api/v1/query", "x", AT_S)

    assert not raised.value.later


@pytest.mark.parametrize("value", ["plain", 'a"b', "a\\b", "a\nb", "団子", "a\\", "}{", "'"])
def test_a_selector_means_exactly_these_labels(value: str) -> None:
    """Whatever is in a value, it finds the series with it and no other."""
    with strict_receiver() as receiver:
        for number, text in enumerate((value, "other")):
            labels = (("__name__", "x"), ("user", text))
            receiver.storage.keep(
                [Entry(labels, [Point(int(AT_S * 1000), bits_of(float(number)))])]
            )

        found = _asked(receiver.server, selector({"__name__": "x", "user": value}))

    assert found == {(("__name__", "x"), ("user", value)): 0.0}


def test_a_selector_without_a_name_is_one_too() -> None:
    """All series of an identity are asked for at once."""
    assert selector({"job": "a", "instance": "b"}) == '{job="a",instance="b"}'
    assert selector({"__name__": "x"}) == "x{}"
