"""What is the answer to a request? Decides and renders; reads no socket and writes none.

Every refusal is a sentence. What the client said is never repeated to it.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from typing import Protocol
from urllib.parse import SplitResult, parse_qs, urlsplit

from ccpush.errors import CcpushError
from ccpush.log import Log
from ccpush.metrics.collector import render
from ccpush.metrics.negotiation import preferences
from ccpush.metrics.samples import Family
from ccpush.web.guard import Rules
from ccpush.web.hosts import is_ours
from ccpush.web.page.facts import Facts
from ccpush.web.page.whole import CONTENT_TYPE as HTML
from ccpush.web.page.whole import page as whole_page
from ccpush.web.passwords import Passwords

_TEXT = "text/plain; charset=utf-8"
_METHODS = ("GET", "HEAD")
_MAX_PARAMETERS = 1000
# The exposition is mostly repetition: higher levels cost much more than they save.
_GZIP_LEVEL = 5


class Pages(Protocol):
    """What the endpoint shows; each is asked anew for each request, from any thread.

    All may raise CcpushError, which becomes a 503. ``families`` may take some seconds: whoever
    supplies it decides how fresh a scrape is.
    """

    def families(self) -> tuple[Family, ...]:
        """All families, for ``/metrics``."""
        ...

    def ready(self) -> bool:
        """Whether the first complete pass is done."""
        ...

    def facts(self) -> Facts:
        """What the page tells; must not take long, nor wait for a pass over the files."""
        ...


@dataclass(frozen=True, slots=True)
class Service:
    """What all requests share; ``names`` are the hosts we answer to, None for any."""

    pages: Pages
    passwords: Passwords
    names: frozenset[str] | None
    now: Callable[[], float]
    log: Log


@dataclass(frozen=True, slots=True)
class Request:
    """A request's head; bodies are not read."""

    method: str
    target: str
    version: str
    headers: Message


@dataclass(frozen=True, slots=True)
class Answer:
    """A response but for the headers that all have."""

    status: HTTPStatus
    body: bytes
    content_type: str = _TEXT
    headers: Mapping[str, str] = field(default_factory=dict)


def sentence(status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer that says one thing."""
    return Answer(status, f"{text}\n".encode(), headers=headers or {})


def answer(request: Request, service: Service, rules: Rules) -> Answer:
    """The answer to a request under the rules of this moment."""
    if rules.broken:
        return sentence(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "The web config file cannot be used; ccpush's log says why.",
        )
    try:
        target = urlsplit(request.target)
    except ValueError:
        return sentence(HTTPStatus.BAD_REQUEST, "The request's target is not a URL.")
    try:
        refusal = _foreign_host(request, target, service) or _unknown_user(request, service, rules)
        return refusal or _page(request, target, service)
    except CcpushError as error:
        # A scraper comes again by itself; the words may name paths and stay in the log.
        service.log.warning("web_unavailable", path=target.path, error=error, hint=error.hint)
        return sentence(
            HTTPStatus.SERVICE_UNAVAILABLE, "ccpush cannot tell just now; its log says why."
        )


def _foreign_host(request: Request, target: SplitResult, service: Service) -> Answer | None:
    hosts = [target.netloc] if target.netloc else request.headers.get_all("Host", [])
    # HTTP/1.0 may leave it out (some health checks do); browsers, which this is about, never do.
    if len(hosts) > 1 or (not hosts and request.version == "HTTP/1.1"):
        return sentence(HTTPStatus.BAD_REQUEST, "There must be one Host header.")
    if all(is_ours(host.strip(), service.names) for host in hosts):
        return None
    return sentence(
        HTTPStatus.FORBIDDEN,
        "This address serves only this machine, by the names localhost, 127.0.0.1 and its own. "
        "To serve others set web.listen_address.",
    )


def _unknown_user(request: Request, service: Service, rules: Rules) -> Answer | None:
    if not rules.users:
        return None
    if service.passwords.are_right(rules.users, request.headers.get("Authorization", "")):
        return None
    return sentence(
        HTTPStatus.UNAUTHORIZED,
        "A user name and the right password are needed.",
        {"WWW-Authenticate": 'Basic realm="ccpush", charset="UTF-8"'},
    )


def _page(request: Request, target: SplitResult, service: Service) -> Answer:
    pages = {
        "/": _landing,
        "/metrics": _metrics,
        "/-/healthy": _healthy,
        "/-/ready": _ready,
    }
    page = pages.get(target.path)
    if page is None:
        return sentence(HTTPStatus.NOT_FOUND, "There is nothing here; the metrics are at /metrics.")
    if request.method not in _METHODS:
        allow = ", ".join(_METHODS)
        return sentence(
            HTTPStatus.METHOD_NOT_ALLOWED, f"Only {allow} are answered here.", {"Allow": allow}
        )
    return page(request, target, service)


def _landing(_request: Request, _target: SplitResult, service: Service) -> Answer:
    return Answer(HTTPStatus.OK, whole_page(service.pages.facts(), service.now()), HTML)


def _healthy(_request: Request, _target: SplitResult, _service: Service) -> Answer:
    return sentence(HTTPStatus.OK, "ccpush is alive.")


def _ready(_request: Request, _target: SplitResult, service: Service) -> Answer:
    if service.pages.ready():
        return sentence(HTTPStatus.OK, "ccpush is ready.")
    return sentence(
        HTTPStatus.SERVICE_UNAVAILABLE, "The first pass over the files is not complete yet."
    )


def _metrics(request: Request, target: SplitResult, service: Service) -> Answer:
    try:
        query = parse_qs(target.query, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        return sentence(HTTPStatus.BAD_REQUEST, "There are too many parameters.")
    accept = ", ".join(request.headers.get_all("Accept", []))
    body, content_type = render(service.pages.families(), accept, query.get("name[]", ()))
    headers = {"Vary": "Accept, Accept-Encoding"}
    if _takes_gzip(request):
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
    return Answer(HTTPStatus.OK, body, content_type, headers)


def _takes_gzip(request: Request) -> bool:
    accepted = preferences(", ".join(request.headers.get_all("Accept-Encoding", [])))
    return any(encoding == "gzip" for encoding, _ in accepted)
