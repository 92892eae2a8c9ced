"""What a block says about HTTP: where, how long to wait, whom to trust, through which proxy.

The keys are Prometheus's own (``http_config``, and the inlined keys of ``remote_write``), so that
a block can be pasted from any vendor's page.
"""

from __future__ import annotations

from ccpush.config.addresses import is_loopback, url_host
from ccpush.config.auth_blocks import AUTH_RULES, authorization_of
from ccpush.config.header_block import HEADER_RULES, check_headers
from ccpush.config.proxy_block import PROXY_RULES, proxy_of
from ccpush.config.report import Item, Report
from ccpush.config.scalars import FLAG, duration
from ccpush.config.settings import HttpConfig, TlsConfig
from ccpush.config.table import Noted, Rule, Values
from ccpush.config.tls_block import TLS_CONFIG

# a collector that needs longer would hold up every tick
TIMEOUT = duration(0.1, 600)
DEFAULT_TIMEOUT_S = 30.0


class _OAuth2:
    """The reader of an ``oauth2`` block, which is loaded for those few that have one."""

    accepted = "a block with the keys client_id, client_secret_file, token_url"

    def read(self, item: Item, report: Report) -> object:
        """See :class:`ccpush.config.reader.Reader`."""
        # imported late: see above
        from ccpush.config.oauth2_block import OAUTH2

        return OAUTH2.read(item, report)


HTTP_RULES: dict[str, Rule] = {
    **AUTH_RULES,
    "oauth2": _OAuth2(),
    **HEADER_RULES,
    "tls_config": TLS_CONFIG,
    **PROXY_RULES,
    "follow_redirects": Noted(FLAG, "a redirect is always an error: it would lose the data"),
    "enable_http2": Noted(FLAG, "ccpush speaks HTTP/1.1"),
}


def read_http(values: Values, item: Item, report: Report) -> HttpConfig | None:
    """The HTTP part of a block read with HTTP_RULES; None when its keys contradict each other."""
    told = len(report.problems)
    proxy = proxy_of(values, item, report)
    secret_headers = check_headers(values, item, report)
    if len(report.problems) != told:
        return None
    timeouts = [values[key] for key in ("remote_timeout", "timeout") if key in values]
    http = HttpConfig(
        url=values["url"],
        timeout_s=timeouts[0] if timeouts else DEFAULT_TIMEOUT_S,
        headers=values.get("headers", {}),
        http_headers=values.get("http_headers", {}),
        basic_auth=values.get("basic_auth"),
        authorization=authorization_of(values, item, report),
        oauth2=values.get("oauth2"),
        tls=values.get("tls_config", TlsConfig()),
        **proxy,
    )
    if secret_headers or http.basic_auth or http.authorization or http.oauth2:
        _note_open_secrets(http.url, item, report)
    return http


def _note_open_secrets(url: str, item: Item, report: Report) -> None:
    if url.startswith("http:") and not is_loopback(url_host(url)):
        sentence = "anyone on the way can read what authenticates you; use https://"
        report.note(item.key("url"), sentence)
