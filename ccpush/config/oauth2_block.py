"""What a block says about OAuth2: the account, and the endpoint that gives tokens for it.

Of the grants, the client credentials (RFC 6749, 4.4); what belongs to another is refused by name.
"""

from __future__ import annotations

from ccpush.config.addresses import is_loopback, parse_url, url_host
from ccpush.config.auth_blocks import parse_password, secret_of
from ccpush.config.header_block import names_a_secret
from ccpush.config.proxy_block import PROXY_RULES, proxy_of
from ccpush.config.reader import ListOf, MapOf, PathValue, Value
from ccpush.config.report import Item, Report
from ccpush.config.scalars import TEXT, one_of
from ccpush.config.settings import HttpConfig, OAuth2, TlsConfig
from ccpush.config.table import Refused, Table, Values
from ccpush.config.texts import RefusedError, parse_text
from ccpush.config.tls_block import TLS_CONFIG

_OTHER_GRANT = Refused(
    "client_secret or client_secret_file", "a part of a grant that ccpush does not support"
)


def _parameter_name(text: str) -> str:
    if parse_text(text) == "scope":
        raise RefusedError("scopes have a key of their own, beside this block")
    return text


def _oauth2(values: Values, item: Item, report: Report) -> object:
    told = len(report.problems)
    proxy = proxy_of(values, item, report)
    client_secret = secret_of(values, "client_secret", item, report)
    parameters = values.get("endpoint_params", {})
    for name in filter(names_a_secret, parameters):
        report.inline_secrets.append(item.key("endpoint_params").key(name))
    url = values["token_url"]
    if url.startswith("http:") and not is_loopback(url_host(url)):
        sentence = "anyone on the way can read what authenticates you; use https://"
        report.note(item.key("token_url"), sentence)
    if len(report.problems) != told:
        return None
    return OAuth2(
        client_id=values["client_id"],
        client_secret=client_secret,
        endpoint=HttpConfig(url=url, tls=values.get("tls_config", TlsConfig()), **proxy),
        scopes=values.get("scopes", ()),
        endpoint_params=parameters,
    )


OAUTH2 = Table(
    {
        "client_id": TEXT,
        "client_secret": Value("a secret on one line", parse_password, secret=True),
        "client_secret_file": PathValue("the path of a file"),
        "token_url": Value("a URL such as https://login.example.com/oauth2/token", parse_url),
        "scopes": ListOf(TEXT, "a list of scopes"),
        "endpoint_params": MapOf(
            _parameter_name,
            Value("the value of a parameter", secret=True),
            "parameters with their values, such as audience: metrics",
            secret=True,
        ),
        "tls_config": TLS_CONFIG,
        **PROXY_RULES,
        "grant_type": one_of("client_credentials"),
        "client_certificate_key_id": _OTHER_GRANT,
        "client_certificate_key": _OTHER_GRANT,
        "client_certificate_key_file": _OTHER_GRANT,
        "signature_algorithm": _OTHER_GRANT,
        "iss": _OTHER_GRANT,
        "audience": Refused("endpoint_params with the audience in it", _OTHER_GRANT.found),
        "claims": _OTHER_GRANT,
    },
    _oauth2,
    at_most_one=(("client_secret", "client_secret_file"),),
    exactly_one=(("client_id",), ("token_url",)),
    secret=True,
)
