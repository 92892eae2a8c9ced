"""What a block says about TLS: whom to trust, how to show who we are, which versions to speak.

Certificates and key stand in files, or in PEM in the settings file itself. Nothing here reads them.
"""

from __future__ import annotations

import re

from ccpush.config.auth_blocks import note_secret_file
from ccpush.config.reader import PathValue, Value
from ccpush.config.report import Item, Report
from ccpush.config.scalars import FLAG, TEXT, one_of
from ccpush.config.secrets import is_there
from ccpush.config.settings import Secret, TlsConfig
from ccpush.config.table import Table, Values
from ccpush.config.texts import RefusedError

_FILE = PathValue("the path of a file")
_VERSIONS = ("TLS10", "TLS11", "TLS12", "TLS13")
_VERSION = one_of(*_VERSIONS)
# what a client does without min_version
_LOWEST = "TLS12"
_PEM = r"-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----"


def _certificates(text: str) -> Secret:
    return _pem(text, "CERTIFICATE")


def _private_key(text: str) -> Secret:
    return _pem(text, "PRIVATE KEY")


def _pem(text: str, kind: str) -> Secret:
    if not text.isascii():
        raise RefusedError("in ASCII")
    if not any(found.endswith(kind) for found in re.findall(_PEM, text)):
        raise RefusedError(f"from -----BEGIN to -----END, with the line breaks, as {kind}")
    return Secret(value=text)


def _tls(values: Values, item: Item, report: Report) -> object:
    given = {part for part in ("cert", "key") if part in values or f"{part}_file" in values}
    if len(given) == 1:
        missing = "cert_file" if "key" in given else "key_file"
        return report.wrong(item.key(missing), "nothing", "cert_file and key_file together")
    low, high = values.get("min_version", _LOWEST), values.get("max_version", _VERSIONS[-1])
    if _VERSIONS.index(high) < _VERSIONS.index(low):
        why = "as min_version says" if "min_version" in values else "unless min_version is lower"
        return report.wrong(item.key("max_version"), high, f"{low} or newer, {why}")
    _note(values, item, report)
    return TlsConfig(**values)


def _note(values: Values, item: Item, report: Report) -> None:
    for key in ("ca_file", "cert_file"):
        if key in values and not is_there(values[key]):
            report.note(item.key(key), f"ccpush sees no file {values[key]}")
    if "key_file" in values:
        note_secret_file(item.key("key_file"), values["key_file"], report)
    if "key" in values:
        report.inline_secrets.append(item.key("key"))
    if (low := values.get("min_version", _LOWEST)) in ("TLS10", "TLS11"):
        report.note(item.key("min_version"), f"{low} is broken; TLS12 is safe")
    if values.get("insecure_skip_verify"):
        sentence = "whoever answers is trusted and is sent every secret; ca_file is safer"
        report.note(item.key("insecure_skip_verify"), sentence)


_CERTIFICATES = Value("certificates in PEM", _certificates, secret=True)

TLS_CONFIG = Table(
    {
        "ca_file": _FILE,
        "ca": _CERTIFICATES,
        "cert_file": _FILE,
        "cert": _CERTIFICATES,
        "key_file": _FILE,
        "key": Value("a private key in PEM, without a password", _private_key, secret=True),
        "server_name": TEXT,
        "insecure_skip_verify": FLAG,
        "min_version": _VERSION,
        "max_version": _VERSION,
    },
    _tls,
    at_most_one=(("ca", "ca_file"), ("cert", "cert_file"), ("key", "key_file")),
    secret=True,
)
