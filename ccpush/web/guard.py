"""Who may connect and ask? TLS and the other rules of the web config file, as it is now.

The file, its certificate, key and CA are looked at on every connection and request and read again
when one has changed. What cannot be used makes every request fail until it is mended; nothing ever
falls back to a more open state, and a protection once in force goes only with a restart.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ccpush.config.web_file import WebFile, load_web_file
from ccpush.errors import CcpushError, ConfigError
from ccpush.log import Log

_TLS = "TLS"
_CLIENT_CERTIFICATES = "client certificates"
_USERS = "users"
_TLS_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}

# Size and times of each watched file, None for one that is missing.
_Signature = tuple[tuple[int, int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for a connection or request; ``broken`` when the file cannot be used now."""

    tls: ssl.SSLContext | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    protections: frozenset[str] = frozenset()
    broken: bool = False

    def hold_for(self, made_under: Rules) -> bool:
        """Whether a connection made under other rules had to pass all that these ask of one."""
        asked = self.protections - {_USERS}
        return asked <= made_under.protections


class Guard:
    """The rules in force; without a file there are none."""

    def __init__(self, config_file: Path | None, log: Log) -> None:
        self._file = config_file
        self._log = log
        self._lock = threading.Lock()
        self._watched: tuple[Path, ...] = ()
        self._seen: _Signature = ()
        self._rules = Rules()

    def load(self) -> None:
        """Read the file for the first time; raises ConfigError when it cannot be used."""
        if self._file is not None:
            with self._lock:
                self._rules = self._read(self._file)

    def rules(self) -> Rules:
        """The rules of this moment; the last good ones with ``broken`` set when there are none."""
        if self._file is None:
            return self._rules
        with self._lock:
            if _signature(self._watched) != self._seen:
                self._refresh(self._file)
            return self._rules

    def _refresh(self, file: Path) -> None:
        try:
            rules = self._read(file)
            lost = self._rules.protections - rules.protections
            if lost:
                raise ConfigError(
                    f"{file}: no longer asks for {' and '.join(sorted(lost))}",
                    hint="restart ccpush if that is meant",
                )
        except CcpushError as error:
            self._log.error("web_config_unusable", error=error, hint=error.hint)
            self._rules = replace(self._rules, broken=True)
            return
        self._log.info("web_config_reloaded", file=file)
        self._rules = rules

    def _read(self, file: Path) -> Rules:
        # Signatures are taken before the reading: what changes meanwhile is read once more.
        self._seen = _signature(self._watched)
        own = _signature((file,))
        web_file = load_web_file(file)
        for note in web_file.notes:
            self._log.warning("config_note", note=note)
        named = (web_file.cert_file, web_file.key_file, web_file.client_ca_file)
        others = tuple(path for path in named if path is not None)
        self._watched = (file, *others)
        self._seen = own + _signature(others)
        return Rules(
            tls=_tls_context(file, web_file),
            headers=web_file.headers,
            users=web_file.users,
            protections=_protections(web_file),
        )


def _signature(files: tuple[Path, ...]) -> _Signature:
    return tuple(_stamp(file) for file in files)


def _stamp(file: Path) -> tuple[int, int, int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        # Missing or out of reach: the reading will say so in words.
        return None
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino


def _protections(web_file: WebFile) -> frozenset[str]:
    held = {
        _TLS: web_file.cert_file is not None,
        _CLIENT_CERTIFICATES: web_file.client_auth == "require_and_verify",
        _USERS: bool(web_file.users),
    }
    return frozenset(name for name, is_held in held.items() if is_held)


def _tls_context(file: Path, web_file: WebFile) -> ssl.SSLContext | None:
    if web_file.cert_file is None or web_file.key_file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _TLS_VERSIONS[web_file.min_version]
    context.maximum_version = _TLS_VERSIONS[web_file.max_version]
    context.set_alpn_protocols(["http/1.1"])
    try:
        # Without a callback OpenSSL would ask the terminal for the passphrase of a locked key.
        context.load_cert_chain(web_file.cert_file, web_file.key_file, password=_no_passphrase)
    except OSError as error:
        raise ConfigError(
            f"{file}: tls_server_config: cannot use the certificate {web_file.cert_file} "
            f"with the key {web_file.key_file}: {error}",
            hint="both must be readable PEM files that belong together; the key has no passphrase",
        ) from error
    _ask_for_client_certificates(context, file, web_file)
    return context


def _no_passphrase() -> str:
    return ""


def _ask_for_client_certificates(context: ssl.SSLContext, file: Path, web_file: WebFile) -> None:
    # "request" asks for a certificate and believes anything: no protection, so nothing to do.
    if web_file.client_auth in {"none", "request"}:
        return
    if web_file.client_auth == "require_any" or web_file.client_ca_file is None:
        raise ConfigError(
            f"{file}: tls_server_config: client certificates can only be checked against a CA",
            hint="set client_auth_type: RequireAndVerifyClientCert and client_ca_file",
        )
    required = web_file.client_auth == "require_and_verify"
    context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    try:
        context.load_verify_locations(cafile=web_file.client_ca_file)
    except OSError as error:
        raise ConfigError(
            f"{file}: tls_server_config.client_ca_file: cannot use {web_file.client_ca_file}: "
            f"{error}",
            hint="it must be a readable PEM file of the CA that signed the clients' certificates",
        ) from error
