"""The settings as the rest of ccpush sees them: complete, checked, frozen.

Everything has its final type and unit here; where a value came from (flag, environment, file,
default) is settled in :mod:`ccpush.config.load`. Secrets are kept as file names until they are
needed, or as :class:`Secret`, which never prints itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from ccpush.log import LogFormat, LogLevel

TlsVersion = Literal["TLS10", "TLS11", "TLS12", "TLS13"]
# fmt: off
RelabelAction = Literal[
    "replace", "keep", "drop", "keepequal", "dropequal",
    "labeldrop", "labelkeep", "labelmap", "hashmod", "lowercase", "uppercase",
]
# fmt: on


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
    """How to check a server and to show who we are.

    ``ca``, ``cert`` and ``key`` are PEM texts, each given in place of its file. A version that is
    not given is OpenSSL's own limit, TLS12 at least.
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False
    # whoever pastes one of these may have pasted the key along with it
    ca: Secret | None = None
    cert: Secret | None = None
    key: Secret | None = None
    min_version: TlsVersion | None = None
    max_version: TlsVersion | None = None


class HttpConfig(msgspec.Struct, frozen=True):
    """One HTTP destination: where, how long to wait, who we are.

    Each value of ``http_headers`` and ``proxy_connect_header`` is a header line of its own; the
    latter go to a proxy that is asked for a tunnel, and nowhere else.
    """

    url: str
    timeout_s: float = 30.0
    # a header may be an API key, and a proxy's URL may hold a password
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    http_headers: Mapping[str, tuple[Secret, ...]] = msgspec.field(default_factory=dict)
    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    oauth2: OAuth2 | None = None
    tls: TlsConfig = msgspec.field(default_factory=TlsConfig)
    proxy_url: str | None = None
    no_proxy: str | None = None
    proxy_from_environment: bool = False
    proxy_connect_header: Mapping[str, tuple[Secret, ...]] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        # headers, a proxy's URL and a query may hold secrets
        return f"HttpConfig(url={self.url.partition('?')[0]!r})"


class OAuth2(msgspec.Struct, frozen=True):
    """A token by the client credentials grant (RFC 6749, 4.4), fetched from ``endpoint``.

    ``endpoint_params`` are sent to it beside the parameters of the grant.
    """

    client_id: str
    client_secret: Secret
    endpoint: HttpConfig
    scopes: tuple[str, ...] = ()
    endpoint_params: Mapping[str, str] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        # a parameter may be a password
        return f"OAuth2(client_id={self.client_id!r}, endpoint={self.endpoint!r})"


class RelabelRule(msgspec.Struct, frozen=True):
    """One rule of ``write_relabel_configs:``, with Prometheus's defaults; ``regex`` is of RE2."""

    action: RelabelAction = "replace"
    source_labels: tuple[str, ...] = ()
    separator: str = ";"
    regex: str = "(.*)"
    modulus: int = 0
    target_label: str = ""
    replacement: str = "$1"


class RemoteWriteConfig(msgspec.Struct, frozen=True):
    """One block of ``remote_write:``."""

    name: str
    http: HttpConfig
    max_samples_per_send: int = 10_000
    send_metadata: bool = True
    protobuf_message: Literal["1.0", "2.0"] = "1.0"
    # where a receiver's queries are answered; None: beside url, empty: nowhere
    query_url: str | None = None
    sample_age_limit_s: float | None = None
    write_relabel_configs: tuple[RelabelRule, ...] = ()


class PushgatewayConfig(msgspec.Struct, frozen=True):
    """One block of ``pushgateway:``."""

    name: str
    http: HttpConfig
    job: str = "ccpush_pushgateway"
    grouping_key: Mapping[str, str] = msgspec.field(default_factory=dict)
    write_relabel_configs: tuple[RelabelRule, ...] = ()


class WebConfig(msgspec.Struct, frozen=True):
    """The pull endpoint; ``host`` and ``port`` come from ``web.listen_address``."""

    host: str = "127.0.0.1"
    port: int = 9101
    config_file: Path | None = None


class PricesAbove(msgspec.Struct, frozen=True):
    """USD per million tokens of a whole request whose prompt has more than ``tokens`` tokens."""

    tokens: int
    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write_5m: Decimal | None = None
    cache_write_1h: Decimal | None = None


class PriceOverride(msgspec.Struct, frozen=True, rename={"since": "from"}):
    """One row of ``prices:``, and of the table that ccpush brings, which says it in the same words.

    USD per million tokens, ``web_search`` per thousand searches; ``fast`` and ``batch`` multiply
    all prices of tokens. None is no price, never 0. ``input`` and ``output`` come together: such a
    row stands for itself from the UTC day ``since`` on, one without them adds to what holds then.
    """

    # as the rows of transcripts have them once they are plain: claude-opus-4-8
    models: tuple[str, ...]
    since: date | None = None
    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write_5m: Decimal | None = None
    cache_write_1h: Decimal | None = None
    web_search: Decimal | None = None
    fast: Decimal | None = None
    batch: Decimal | None = None
    above: PricesAbove | None = None


class Settings(msgspec.Struct, frozen=True):
    """All settings of one run."""

    claude_homes: tuple[Path, ...]
    # False when the homes are the defaults, of which any may be missing
    claude_homes_given: bool
    state_dir: Path
    runtime_dir: Path
    cache_dir: Path
    active_window_s: float = 900.0
    interval_s: float = 60.0
    instance: str | None = None
    user: str | None = None
    external_labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    web: WebConfig = msgspec.field(default_factory=WebConfig)
    remote_write: tuple[RemoteWriteConfig, ...] = ()
    pushgateway: tuple[PushgatewayConfig, ...] = ()
    prices: tuple[PriceOverride, ...] = ()
    log_level: LogLevel | None = None
    log_format: LogFormat = "text"
    config_file: Path | None = None
    # sentences about settings that were accepted but mean nothing here, or are unsafe
    notes: tuple[str, ...] = ()
