"""What a web config file says: exporter-toolkit's format, as the pull endpoint needs it.

Keys that would weaken the endpoint if they were passed over are refused by name. Never reads the
certificates, never prints a password hash. Spec: exporter-toolkit's docs/web-configuration.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ccpush.config.auth_blocks import note_secret_file
from ccpush.config.document import read_document
from ccpush.config.nodes import is_null
from ccpush.config.reader import MapOf, PathValue, Value
from ccpush.config.report import Item, Report
from ccpush.config.scalars import FLAG, one_of
from ccpush.config.secrets import exposure
from ccpush.config.table import Noted, Refused, Table, Values
from ccpush.config.texts import RefusedError, parse_header_value, parse_text

ClientAuth = Literal["none", "request", "require_any", "verify_if_given", "require_and_verify"]
_CLIENT_AUTH: Mapping[str, ClientAuth] = {
    "NoClientCert": "none",
    "RequestClientCert": "request",
    "VerifyClientCertIfGiven": "verify_if_given",
    "RequireAndVerifyClientCert": "require_and_verify",
}
_VERIFYING = ("verify_if_given", "require_and_verify")
# the five that exporter-toolkit lets one set, with the values it takes where it is particular
_HEADERS: Mapping[str, tuple[str, ...]] = {
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
    "Content-Security-Policy": (),
}
# the salt's last character holds but two bits
_BCRYPT = re.compile(
    r"\$2[abxy]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}"
)


@dataclass(frozen=True, slots=True)
class WebFile:
    """TLS, headers and users of the pull endpoint; plain HTTP when ``cert_file`` is None.

    ``min_version`` and ``max_version`` are TLS10 … TLS13; ``users`` maps a name to a bcrypt hash.
    ``notes`` are sentences about keys that have no effect, or are unsafe.
    """

    cert_file: Path | None = None
    key_file: Path | None = None
    client_ca_file: Path | None = None
    client_auth: ClientAuth = "none"
    min_version: str = "TLS12"
    max_version: str = "TLS13"
    headers: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()


def load_web_file(path: Path) -> WebFile:
    """The web config file, checked; an empty one asks for nothing.

    Relative paths in it are relative to its own folder. Raises ConfigError with every mistake,
    one a line.
    """
    report = Report()
    root = read_document(path, report, home=None, named_by=f"web config file {path}")
    # an empty file asks for nothing
    found = {} if is_null(root.node) else _FILE.read(root, report)
    report.raise_problems()
    values: Values = found if isinstance(found, dict) else {}
    if values.get("basic_auth_users") and (warning := exposure(path)):
        report.notes.append(f"{path} holds password hashes, and {warning}")
    return WebFile(
        **values.get("tls_server_config", {}),
        headers=values.get("http_server_config", {}).get("headers", {}),
        users=values.get("basic_auth_users", {}),
        notes=tuple(report.notes),
    )


def _client_auth(text: str) -> ClientAuth:
    if text == "RequireAnyClientCert":
        # Go believes whatever certificate comes; Python's ssl cannot, and it proves nothing
        raise RefusedError("a certificate that nobody verifies proves nothing")
    if text not in _CLIENT_AUTH:
        raise RefusedError("written exactly so")
    return _CLIENT_AUTH[text]


def _header_name(text: str) -> str:
    if text not in _HEADERS:
        raise RefusedError(f"one of {', '.join(_HEADERS)}")
    return text


def _user(text: str) -> str:
    if ":" in parse_text(text):
        raise RefusedError("without a colon, which basic auth cannot carry")
    return text


def _bcrypt_hash(text: str) -> str:
    if not _BCRYPT.fullmatch(text):
        raise RefusedError("it begins with $2, and is 60 characters long")
    return text


def _tls(values: Values, item: Item, report: Report) -> object:
    note_secret_file(item.key("key_file"), values["key_file"], report)
    client_auth = values.get("client_auth_type", "none")
    if client_auth in _VERIFYING and "client_ca_file" not in values:
        report.wrong(
            item.key("client_ca_file"), "nothing", "the path of a file, for client_auth_type"
        )
    if client_auth == "request":
        report.note(item.key("client_auth_type"), "a certificate that comes is not looked at")
    if client_auth == "none" and "client_ca_file" in values:
        accepted = "VerifyClientCertIfGiven or RequireAndVerifyClientCert, for client_ca_file"
        report.wrong(item.key("client_auth_type"), "no check of clients", accepted)
    low, high = values.get("min_version", "TLS12"), values.get("max_version", "TLS13")
    if low > high:
        report.wrong(item.key("max_version"), high, f"{low} or newer, as min_version says")
    if low in ("TLS10", "TLS11"):
        report.note(item.key("min_version"), f"{low} is broken; TLS12 is safe")
    given = {key: value for key, value in values.items() if key != "client_auth_type"}
    return given | {"client_auth": client_auth}


def _http(values: Values, item: Item, report: Report) -> Values:
    headers = values.get("headers", {})
    for name, value in headers.items():
        if value and _HEADERS[name] and value.lower() not in _HEADERS[name]:
            accepted = " or ".join(_HEADERS[name])
            report.wrong(item.key("headers").key(name), repr(value), accepted)
    return {"headers": {name: value for name, value in headers.items() if value}}


_PATH = PathValue("the path of a file")
_TLS_VERSION = one_of("TLS10", "TLS11", "TLS12", "TLS13")
_OPENSSL = "the list that OpenSSL has (leave the key out)"
_FILE = Table(
    {
        "tls_server_config": Table(
            {
                "cert_file": _PATH,
                "key_file": _PATH,
                "client_ca_file": _PATH,
                "client_auth_type": Value(f"one of {', '.join(_CLIENT_AUTH)}", _client_auth),
                "min_version": _TLS_VERSION,
                "max_version": _TLS_VERSION,
                "cert": Refused("cert_file"),
                "key": Refused("key_file"),
                "client_ca": Refused("client_ca_file"),
                "client_allowed_sans": Refused("client_ca_file with a CA of its own"),
                "cipher_suites": Refused(_OPENSSL),
                "curve_preferences": Refused(_OPENSSL),
                "prefer_server_cipher_suites": Noted(FLAG, "OpenSSL decides"),
            },
            _tls,
            exactly_one=(("cert_file",), ("key_file",)),
            secret=True,
        ),
        "http_server_config": Table(
            {
                "http2": Noted(FLAG, "ccpush serves HTTP/1.1"),
                "headers": MapOf(
                    _header_name,
                    Value("the value of a header", parse_header_value),
                    "headers with their values",
                ),
            },
            _http,
        ),
        "basic_auth_users": MapOf(
            _user,
            Value("a bcrypt hash, as made by htpasswd -nBC 10 NAME", _bcrypt_hash, secret=True),
            "user names with bcrypt hashes",
            secret=True,
        ),
        "rate_limit": Refused("nothing (leave the key out; a proxy can limit the rate)"),
    },
    secret=True,
)
