"""What a block says about HTTP: where, how long to wait, whom to trust, through which proxy.

The keys are Prometheus's own (``http_config``, and the inlined keys of ``remote_write``), so that
a block can be pasted from any vendor's page.
"""

from __future__ import annotations

from ccpush.config.addresses import is_loopback, parse_proxy_url, url_host
from ccpush.config.auth_blocks import AUTH_RULES, authorization_of, note_secret_file
from ccpush.config.reader import ListOf, MapOf, PathValue, Value
from ccpush.config.report import Item, Report
from ccpush.config.scalars import FLAG, TEXT, duration, one_of
from ccpush.config.secrets import is_there
from ccpush.config.settings import HttpConfig, TlsConfig
from ccpush.config.table import Noted, Refused, Rule, Table, Values
from ccpush.config.texts import parse_header_name, parse_header_value

# a collector that needs longer would hold up every tick
TIMEOUT = duration(0.1, 600)
DEFAULT_TIMEOUT_S = 30.0
_FILE = PathValue("the path of a file")
_TLS_VERSION = one_of("TLS10", "TLS11", "TLS12", "TLS13")
_NOT_YET = "a setting that ccpush does not support yet"
# a header with such a word in its name holds a secret
_SECRET_WORDS = ("auth", "cookie", "key", "password", "secret", "token")


def _tls(values: Values, item: Item, report: Report) -> object:
    if ("cert_file" in values) != ("key_file" in values):
        missing = "key_file" if "cert_file" in values else "cert_file"
        return report.wrong(item.key(missing), "nothing", "cert_file and key_file together")
    for key in ("ca_file", "cert_file"):
        if key in values and not is_there(values[key]):
            report.note(item.key(key), f"ccpush sees no file {values[key]}")
    if "key_file" in values:
        note_secret_file(item.key("key_file"), values["key_file"], report)
    if values.get("insecure_skip_verify"):
        sentence = "whoever answers is trusted and is sent every secret; ca_file is safer"
        report.note(item.key("insecure_skip_verify"), sentence)
    return TlsConfig(**values)


def _one_header_value(values: Values, item: Item, report: Report) -> object:
    found: tuple[str, ...] = values.get("values", ()) + values.get("secrets", ())
    if len(found) != 1:
        return report.wrong(item, f"{len(found)} values", "one value")
    return found[0]


_HIDDEN_HEADER = Value("the value of a header", parse_header_value, secret=True)
_HEADER_VALUES = ListOf(_HIDDEN_HEADER, "a list of one value", secret=True)
_HEADERS = "headers with their values, such as X-Scope-OrgID: team-a"

HTTP_RULES: dict[str, Rule] = {
    **AUTH_RULES,
    "headers": MapOf(parse_header_name, _HIDDEN_HEADER, _HEADERS, secret=True),
    "http_headers": MapOf(
        parse_header_name,
        Table(
            {
                "values": _HEADER_VALUES,
                "secrets": _HEADER_VALUES,
                "files": Refused("values or secrets", _NOT_YET),
            },
            _one_header_value,
            secret=True,
        ),
        "headers, each with values or secrets",
        secret=True,
    ),
    "tls_config": Table(
        {
            "ca_file": _FILE,
            "cert_file": _FILE,
            "key_file": _FILE,
            "server_name": TEXT,
            "insecure_skip_verify": FLAG,
            "ca": Refused("ca_file", _NOT_YET),
            "cert": Refused("cert_file", _NOT_YET),
            "key": Refused("key_file", _NOT_YET),
            "min_version": Noted(_TLS_VERSION, "OpenSSL's own limits hold"),
            "max_version": Noted(_TLS_VERSION, "OpenSSL's own limits hold"),
        },
        _tls,
        secret=True,
    ),
    "proxy_url": Value(
        "the URL of a proxy, such as http://proxy.example.com:3128", parse_proxy_url
    ),
    "no_proxy": TEXT,
    "proxy_from_environment": FLAG,
    "proxy_connect_header": Refused("proxy_url with user and password in it", _NOT_YET),
    "follow_redirects": Noted(FLAG, "a redirect is always an error: it would lose the data"),
    "enable_http2": Noted(FLAG, "ccpush speaks HTTP/1.1"),
}


def read_http(values: Values, item: Item, report: Report) -> HttpConfig | None:
    """The HTTP part of a block read with HTTP_RULES; None when its keys contradict each other."""
    told = len(report.problems)
    if "no_proxy" in values and "proxy_url" not in values:
        report.wrong(item.key("no_proxy"), "no_proxy alone", "no_proxy together with proxy_url")
    if "proxy_url" in values and values.get("proxy_from_environment"):
        report.wrong(item, "proxy_url and proxy_from_environment", "only one of the two")
    headers = _all_headers(values, item, report)
    if len(report.problems) != told:
        return None
    if "@" in values.get("proxy_url", ""):
        report.inline_secrets.append(item.key("proxy_url"))
    timeouts = [values[key] for key in ("remote_timeout", "timeout") if key in values]
    http = HttpConfig(
        url=values["url"],
        timeout_s=timeouts[0] if timeouts else DEFAULT_TIMEOUT_S,
        headers=headers,
        basic_auth=values.get("basic_auth"),
        authorization=authorization_of(values, item, report),
        tls=values.get("tls_config", TlsConfig()),
        proxy_url=values.get("proxy_url"),
        no_proxy=values.get("no_proxy"),
        proxy_from_environment=values.get("proxy_from_environment", False),
    )
    _note_open_secrets(http, item, report)
    return http


def _all_headers(values: Values, item: Item, report: Report) -> dict[str, str]:
    headers: dict[str, str] = {}
    spelled: dict[str, str] = {}
    for block in ("headers", "http_headers"):
        for name, value in values.get(block, {}).items():
            at = item.key(block).key(name)
            if name.lower() in spelled:
                found = f"a header that {spelled[name.lower()]} has already"
                report.wrong(at, found, "each header once, in whatever case")
            spelled[name.lower()] = f"{block}.{name}"
            headers[name] = value
            if _names_a_secret(name):
                report.inline_secrets.append(at)
    return headers


def _names_a_secret(header: str) -> bool:
    return any(word in header.lower() for word in _SECRET_WORDS)


def _note_open_secrets(http: HttpConfig, item: Item, report: Report) -> None:
    has_secret = http.basic_auth or http.authorization or any(map(_names_a_secret, http.headers))
    if has_secret and http.url.startswith("http:") and not is_loopback(url_host(http.url)):
        sentence = "anyone on the way can read what authenticates you; use https://"
        report.note(item.key("url"), sentence)
