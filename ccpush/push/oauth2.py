"""With which token does a request go? One by OAuth2's client credentials grant (RFC 6749, 4.4).

As Prometheus does it: id and secret in the Authorization header, then in the body when the
endpoint wants them there; a token is kept until shortly before it expires, in memory only. Neither
secret nor token is ever part of an error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

import msgspec

from ccpush.config.secrets import read_secret
from ccpush.config.settings import OAuth2
from ccpush.errors import CcpushError
from ccpush.push.credentials import basic
from ccpush.push.failure import Failure
from ccpush.push.reply import Reply, printable
from ccpush.push.transport import Transport

# A token that is about to expire would expire on the way.
EXPIRY_MARGIN_S = 10.0
# Some tokens have many kilobytes.
MAX_ANSWER_BYTES = 1 << 20
# What an endpoint answers that wants id and secret in the other place.
_OTHER_PLACE_STATUSES = (400, 401)
_BEFORE_SENDING = ("setup", "dns", "unreachable", "tls", "proxy")
_FORMS = ("application/x-www-form-urlencoded", "text/plain")
# Go's spelling of the types that receivers are picky about.
_TYPES = {"": "Bearer", "bearer": "Bearer", "mac": "MAC", "basic": "Basic"}
_SETTINGS = re.compile(r"\b(url|headers|tls_config|proxy_url)\b")

Send = Callable[[Mapping[str, str]], Reply | Failure]


class _Token(msgspec.Struct, frozen=True):
    header: str
    # what it was fetched with: another secret may mean another account
    client_secret: str
    since_s: float
    until_s: float

    def __repr__(self) -> str:
        return "_Token(<hidden>)"


class TokenSource:
    """The token of one sink; ``transport`` leads to the endpoint that gives it."""

    def __init__(self, config: OAuth2, transport: Transport, now: Callable[[], float]) -> None:
        self._config = config
        self._transport = transport
        self._now = now
        self._token: _Token | None = None
        # Not known until the endpoint has given a token.
        self._in_body: bool | None = None

    def send(self, send: Send) -> Reply | Failure:
        """What ``send`` returns when given the header; a failure when there is no token.

        A token from an earlier request that the receiver answers with 401 is replaced, and the
        request sent once more.
        """
        try:
            secret = read_secret(self._config.client_secret)
        except CcpushError as error:
            return Failure("setup", f"no OAuth2 token: {error}", error.hint)
        if (kept := self._kept(secret)) is not None:
            answer = send({"Authorization": kept.header})
            if not _is_refused(answer):
                return answer
        token = self._fetch(secret)
        if isinstance(token, Failure):
            return _told(token)
        answer = send({"Authorization": token.header})
        self._token = None if _is_refused(answer) else token
        return answer

    def close(self) -> None:
        """Close the connections to the endpoint; the token is kept."""
        self._transport.close()

    def _kept(self, secret: str) -> _Token | None:
        token = self._token
        if token is None or token.client_secret != secret:
            return None
        # A clock that was set back tells nothing about the token's age.
        return token if token.since_s <= self._now() < token.until_s else None

    def _fetch(self, secret: str) -> _Token | Failure:
        in_body = bool(self._in_body)
        answer = self._ask(secret, in_body)
        if (
            self._in_body is None
            and isinstance(answer, Reply)
            and answer.status in _OTHER_PLACE_STATUSES
        ):
            in_body = True
            answer = self._ask(secret, in_body)
        if isinstance(answer, Failure):
            return answer
        token = self._read(answer, secret)
        if isinstance(token, _Token):
            self._in_body = in_body
        return token

    def _ask(self, secret: str, in_body: bool) -> Reply | Failure:
        config = self._config
        form = {"grant_type": "client_credentials"}
        if config.scopes:
            form["scope"] = " ".join(config.scopes)
        form |= config.endpoint_params
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if in_body:
            form["client_id"] = config.client_id
            if secret:
                form["client_secret"] = secret
        else:
            headers["Authorization"] = self._basic(secret)
        body = urlencode(form).encode("ascii")
        return self._transport.exchange(
            "POST", config.endpoint.url, headers, body, MAX_ANSWER_BYTES
        )

    def _read(self, reply: Reply, secret: str) -> _Token | Failure:
        host = urlsplit(self._config.endpoint.url).netloc.rpartition("@")[2]
        where = f"the token endpoint {host}"
        found = _fields(reply)
        if not 200 <= reply.status < 300 or _text(found, "error"):
            words = self._words(reply, found, secret)
            message = f"{where} answered {_phrase(reply.status)}{words}"
            return Failure("token", message, _hint(reply.status))
        token = _text(found, "access_token")
        if not token:
            # Not quoted: what is in there under another name may be a token as well.
            hint = "sign in to the network this machine is in, or check oauth2.token_url"
            cut = "" if reply.complete else "; the answer was cut off"
            return Failure("token", f"{where} answered without an access_token{cut}", hint)
        kind = _text(found, "token_type")
        header = f"{_TYPES.get(kind.lower(), kind)} {token}"
        if not header.isascii() or not header.isprintable():
            return Failure("token", f"{where} gave a token that no header can hold")
        now_s = self._now()
        return _Token(header, secret, now_s, now_s + _lifetime_s(found) - EXPIRY_MARGIN_S)

    def _words(self, reply: Reply, found: Mapping[str, object], secret: str) -> str:
        told = " ".join(filter(None, (_text(found, "error"), _text(found, "error_description"))))
        if not told and reply.headers.get("Content-Type", "").lower().startswith("text/html"):
            return ""
        # An endpoint may quote what it was sent, in whatever form.
        hidden = {secret, quote_plus(secret), *self._config.endpoint_params.values()}
        hidden.add(self._basic(secret).partition(" ")[2])
        text = printable(told.encode("utf-8", "replace") or reply.body, *hidden)
        return f": {text}" if text else ""

    def _basic(self, secret: str) -> str:
        # Encoded first (RFC 6749, 2.3.1): either may hold a colon.
        return basic(quote_plus(self._config.client_id), quote_plus(secret))


def _fields(reply: Reply) -> Mapping[str, object]:
    """What the answer says, in JSON or as a form; nothing when it is neither."""
    media_type = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    try:
        if media_type in _FORMS:
            form = parse_qs(reply.body.decode(), max_num_fields=100)
            return {name: values[0] for name, values in form.items()}
        found = msgspec.json.decode(reply.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(found: Mapping[str, object], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""


def _lifetime_s(found: Mapping[str, object]) -> float:
    """Seconds of ``expires_in``, which some endpoints write as a text; without it, for ever."""
    value = found.get("expires_in")
    try:
        seconds = float(value) if isinstance(value, int | float | str) else 0.0
    except (ValueError, OverflowError):
        return math.inf
    return seconds or math.inf


def _is_refused(answer: Reply | Failure) -> bool:
    return isinstance(answer, Reply) and answer.status == HTTPStatus.UNAUTHORIZED


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _hint(status: int) -> str | None:
    if status in (401, 403):
        return "check client_id and client_secret of oauth2"
    if 300 <= status < 400 or status in (404, 405):
        return "check oauth2.token_url; redirects are not followed"
    if status < 500 and status != HTTPStatus.TOO_MANY_REQUESTS:
        return "check client_id, client_secret, scopes and endpoint_params of oauth2"
    return None


def _told(failure: Failure) -> Failure:
    """The same failure, said of the token: the settings to look at are those within oauth2."""
    if failure.kind == "aborted":
        return failure
    # The others could mean that the receiver got something.
    kind = failure.kind if failure.kind in _BEFORE_SENDING else "token"
    hint = failure.hint and _SETTINGS.sub(_within_oauth2, failure.hint)
    return Failure(kind, f"no OAuth2 token: {failure.message}", hint)


def _within_oauth2(setting: re.Match[str]) -> str:
    return "oauth2.token_url" if setting[1] == "url" else f"oauth2.{setting[1]}"
