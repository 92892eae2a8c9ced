"""The settings as the rest of ccpush sees them: complete, checked, frozen.

Everything has its final type and unit here; where a value came from (flag, environment, file,
default) is settled in :mod:`ccpush.config.load`. Secrets are kept as file names until they are
needed, or as :class:`Secret`, which never prints itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from ccpush.log import LogFormat, LogLevel


class Secret(msgspec.Struct, frozen=True):
    """A secret given in place or by file; read when used, so that a changed file takes effect."""

    value: str | None = None
    file: Path | None = None

    def __repr__(self) -> str:
        return f"Secret(file={str(self.file)!r})" if self.file else "Secret(<hidden>)"


class BasicAuth(msgspec.Struct, frozen=True):
    """HTTP basic auth; one of the two user name fields is set."""

    username: str | None
    username_file: Path | None
    password: Secret


class Authorization(msgspec.Struct, frozen=True):
    """An ``Authorization: <type> <credentials>`` header."""

    type: str
    credentials: Secret


class TlsConfig(msgspec.Struct, frozen=True):
    """How to check a server and to show who we are."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False


class HttpConfig(msgspec.Struct, frozen=True):
    """One HTTP destination: where, how long to wait, who we are."""

    url: str
    timeout_s: float = 30.0
    # a header may be an API key, and a proxy's URL may hold a password
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    tls: TlsConfig = msgspec.field(default_factory=TlsConfig)
    proxy_url: str | None = None
    no_proxy: str | None = None
    proxy_from_environment: bool = False

    def __repr__(self) -> str:
        # headers and a proxy's URL may hold secrets
        return f"HttpConfig(url={self.url!r})"


class RemoteWriteConfig(msgspec.Struct, frozen=True):
    """One block of ``remote_write:``."""

    name: str
    http: HttpConfig
    max_samples_per_send: int = 2000
    send_metadata: bool = True


class PushgatewayConfig(msgspec.Struct, frozen=True):
    """One block of ``pushgateway:``."""

    name: str
    http: HttpConfig
    job: str = "ccpush_pushgateway"
    grouping_key: Mapping[str, str] = msgspec.field(default_factory=dict)


class WebConfig(msgspec.Struct, frozen=True):
    """The pull endpoint; ``host`` and ``port`` come from ``web.listen_address``."""

    host: str = "127.0.0.1"
    port: int = 9101
    config_file: Path | None = None


class Settings(msgspec.Struct, frozen=True):
    """All settings of one run."""

    claude_homes: tuple[Path, ...]
    # False when the homes are the defaults, of which any may be missing
    claude_homes_given: bool
    state_dir: Path
    runtime_dir: Path
    active_window_s: float = 900.0
    interval_s: float = 60.0
    instance: str | None = None
    user: str | None = None
    external_labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    web: WebConfig = msgspec.field(default_factory=WebConfig)
    remote_write: tuple[RemoteWriteConfig, ...] = ()
    pushgateway: tuple[PushgatewayConfig, ...] = ()
    log_level: LogLevel | None = None
    log_format: LogFormat = "text"
    config_file: Path | None = None
    # sentences about settings that were accepted but mean nothing here, or are unsafe
    notes: tuple[str, ...] = ()
