"""What does a receiver already have of this identity? Asked through its query API.

Prometheus's instant queries, which the other receivers have too. Three answers: what there is, that
there is nothing, and that nobody can be asked. A network that fails is none of them: that is tried
again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec

from ccpush.metrics.samples import Labels
from ccpush.push.failure import Failure
from ccpush.push.http import Reply
from ccpush.push.remote_write.naming import NAME_LABEL

MAX_ANSWER_BYTES: Final = 16_000_000
# where a receiver's queries are answered, by the end of the path where it takes samples
_QUERY_PATHS: Final = {
    "/api/v1/write": "/api/v1/query",
    "/api/v1/push": "/prometheus/api/v1/query",
    "/api/prom/push": "/api/prom/api/v1/query",
    "/api/v1/receive": "/api/v1/query",
}

_ASKS_FOR_TIME: Final = frozenset({408, 425, 429})

Get = Callable[[str, int], Reply | Failure]


class Unanswered(Exception):  # noqa: N818
    """A query has no answer. ``later`` when it may have one at the next try.

    ``elsewhere``: it may have been somebody else who answered, such as a network's sign-in page.
    """

    def __init__(
        self, words: str, *, later: bool, elsewhere: bool = False, hint: str | None = None
    ) -> None:
        super().__init__(words)
        self.later = later
        self.elsewhere = elsewhere
        self.hint = hint


class _Result(msgspec.Struct):
    metric: dict[str, str]
    value: tuple[float, str]


class _Data(msgspec.Struct):
    resultType: Literal["vector"]  # noqa: N815
    result: list[_Result]


class _Answer(msgspec.Struct):
    status: Literal["success"]
    data: _Data


def query_url(write_url: str, given: str | None) -> str | None:
    """Return where queries go: as configured, else beside the path of the write URL."""
    if given is not None:
        return given
    parts = urlsplit(write_url)
    for end, query in _QUERY_PATHS.items():
        if parts.path.endswith(end):
            path = parts.path.removesuffix(end) + query
            return urlunsplit(parts._replace(path=path, query="", fragment=""))
    return None


def ask(get: Get, url: str, promql: str, at_s: float) -> dict[Labels, float]:
    """Return the vector that an instant query has at a moment; raises Unanswered."""
    # The newest samples are hidden by VictoriaMetrics unless it is told otherwise.
    fields = {"query": promql, "time": f"{at_s:.3f}", "latency_offset": "1ms", "nocache": "1"}
    answer = get(f"{url}?{urlencode(fields)}", MAX_ANSWER_BYTES)
    if isinstance(answer, Failure):
        raise Unanswered(answer.message, later=answer.kind != "setup", hint=answer.hint)
    if answer.status in _ASKS_FOR_TIME or answer.status >= 500:
        raise Unanswered(f"the query API answered {answer.status}", later=True)
    if answer.status != 200:
        words, moved = f"the query API answered {answer.status}", 300 <= answer.status < 400
        raise Unanswered(words, later=False, elsewhere=moved)
    if not answer.complete:
        cut = len(answer.body) < MAX_ANSWER_BYTES
        words = "the query API's answer was cut" if cut else "the query API's answer has no end"
        raise Unanswered(words, later=cut)
    try:
        result = msgspec.json.decode(answer.body, type=_Answer).data.result
        return {tuple(sorted(one.metric.items())): float(one.value[1]) for one in result}
    except (msgspec.DecodeError, ValueError) as error:
        words = "the query API did not answer as Prometheus does"
        raise Unanswered(words, later=False, elsewhere=True) from error


def selector(labels: Mapping[str, str]) -> str:
    """Return a PromQL selector of exactly these labels; ``__name__`` may be among them."""
    name = labels.get(NAME_LABEL, "")
    matchers = ",".join(
        f'{label}="{_escaped(value)}"' for label, value in labels.items() if label != NAME_LABEL
    )
    return f"{name}{{{matchers}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
