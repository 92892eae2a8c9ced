"""What a block says about the proxy on the way: which one, what goes around it, what it is told."""

from __future__ import annotations

from typing import Any

from ccpush.config.addresses import parse_proxy_url
from ccpush.config.header_block import CONNECT_HEADERS
from ccpush.config.reader import Value
from ccpush.config.report import Item, Report
from ccpush.config.scalars import FLAG, TEXT
from ccpush.config.table import Rule, Values

PROXY_RULES: dict[str, Rule] = {
    "proxy_url": Value(
        "the URL of a proxy, such as http://proxy.example.com:3128", parse_proxy_url
    ),
    "no_proxy": TEXT,
    "proxy_from_environment": FLAG,
    "proxy_connect_header": CONNECT_HEADERS,
}


def proxy_of(values: Values, item: Item, report: Report) -> dict[str, Any]:
    """The fields of HttpConfig that say which proxy; tells of keys that contradict each other."""
    from_environment = values.get("proxy_from_environment", False)
    if "no_proxy" in values and "proxy_url" not in values:
        report.wrong(item.key("no_proxy"), "no_proxy alone", "no_proxy together with proxy_url")
    if "proxy_url" in values and from_environment:
        report.wrong(item, "proxy_url and proxy_from_environment", "only one of the two")
    if "proxy_connect_header" in values and not ("proxy_url" in values or from_environment):
        accepted = "it together with proxy_url or proxy_from_environment"
        report.wrong(item.key("proxy_connect_header"), "proxy_connect_header alone", accepted)
    if "@" in values.get("proxy_url", ""):
        report.inline_secrets.append(item.key("proxy_url"))
    for name in values.get("proxy_connect_header", {}):
        report.inline_secrets.append(item.key("proxy_connect_header").key(name))
    return {key: values[key] for key in PROXY_RULES if key in values}
