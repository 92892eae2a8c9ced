"""What the blocks of ``remote_write:`` and ``pushgateway:`` say, as Prometheus writes them.

What has no effect here is noted.
"""

from __future__ import annotations

from ccpush.config.addresses import parse_url
from ccpush.config.auth_blocks import AUTH_KEYS
from ccpush.config.http_block import HTTP_RULES, TIMEOUT, read_http
from ccpush.config.reader import ListOf, MapOf, Value
from ccpush.config.relabel_block import RELABEL_RULES
from ccpush.config.report import WRONG, Item, Report
from ccpush.config.scalars import (
    FLAG,
    LABEL_VALUE,
    PUSHGATEWAY_URL,
    REMOTE_WRITE_URL,
    count,
    duration,
    one_of,
)
from ccpush.config.settings import PushgatewayConfig, RemoteWriteConfig
from ccpush.config.sink_names import NO_PATH, lacks_path
from ccpush.config.table import Noted, Rule, Table, Values
from ccpush.config.texts import RefusedError, parse_label_name, parse_label_value

# a larger request gains nothing and meets the limits of receivers
MAX_SAMPLES_PER_SEND = 10_000
# the job labels of the other two paths; the three never share a label set
_OTHER_JOBS = ("ccpush", "claude-exporter")
_V1, _V2 = "prometheus.WriteRequest", "io.prometheus.write.v2.Request"


def _job(text: str) -> str:
    if parse_label_value(text) in _OTHER_JOBS:
        raise RefusedError("another one: what is scraped or sent by remote-write has this job")
    return text


def _query(text: str) -> str:
    """Where queries are answered; empty when nowhere."""
    return "" if text == "none" else parse_url(text)


def _grouping_label(text: str) -> str:
    if text in ("job", "instance"):
        raise RefusedError("job has a key of its own beside this one, and instance is always added")
    return parse_label_name(text)


def _remote_write(values: Values, item: Item, report: Report) -> object:
    http = read_http(values, item, report)
    if http is None:
        return WRONG
    given: Values = {"name": values.get("name", "")}
    if "send" in values.get("metadata_config", {}):
        given["send_metadata"] = values["metadata_config"]["send"]
    if samples := values.get("queue_config", {}).get("max_samples_per_send"):
        given["max_samples_per_send"] = min(samples, MAX_SAMPLES_PER_SEND)
        if samples > MAX_SAMPLES_PER_SEND:
            at = item.key("queue_config").key("max_samples_per_send")
            report.note(at, f"taken as {MAX_SAMPLES_PER_SEND}, the most that ccpush sends at once")
    if "write_relabel_configs" in values:
        given["write_relabel_configs"] = values["write_relabel_configs"]
    if values.get("protobuf_message") == _V2:
        given["protobuf_message"] = "2.0"
    # as Prometheus has it, 0 means that there is no limit
    if age_s := values.get("queue_config", {}).get("sample_age_limit"):
        given["sample_age_limit_s"] = age_s
    if "query_url" in values:
        given["query_url"] = values["query_url"]
    if lacks_path(http.url):
        report.note(item.key("url"), NO_PATH)
    return RemoteWriteConfig(http=http, **given)


def _pushgateway(values: Values, item: Item, report: Report) -> object:
    http = read_http(values, item, report)
    if http is None:
        return WRONG
    given: Values = {"name": values.get("name", "")}
    for key in ("job", "write_relabel_configs"):
        if key in values:
            given[key] = values[key]
    for key in ("grouping_key", "labels"):
        if key in values:
            given["grouping_key"] = values[key]
    return PushgatewayConfig(http=http, **given)


_NUMBER = count(0, 1_000_000_000)
_DURATION = duration(0, 366 * 86_400)
_ONE_CONNECTION = "ccpush sends over one connection, straight from its ledger"
_OWN_PACE = "ccpush keeps its own pace of retries"
_NONE_OF_THEM = "ccpush has none to send"
_GROUPING = MapOf(_grouping_label, LABEL_VALUE, "labels with their values, such as team: core")

_REMOTE_WRITE_RULES: dict[str, Rule] = {
    "url": REMOTE_WRITE_URL,
    "name": LABEL_VALUE,
    "query_url": Value("the URL of a query API, such as http://host/api/v1/query, or none", _query),
    "remote_timeout": TIMEOUT,
    **HTTP_RULES,
    "queue_config": Table(
        {
            "max_samples_per_send": count(1, 1_000_000_000),
            "capacity": Noted(_NUMBER, _ONE_CONNECTION),
            "max_shards": Noted(_NUMBER, _ONE_CONNECTION),
            "min_shards": Noted(_NUMBER, _ONE_CONNECTION),
            "batch_send_deadline": Noted(_DURATION, _ONE_CONNECTION),
            "min_backoff": Noted(_DURATION, _OWN_PACE),
            "max_backoff": Noted(_DURATION, _OWN_PACE),
            "retry_on_http_429": Noted(FLAG, "ccpush always tries again after a 429"),
            "sample_age_limit": _DURATION,
        }
    ),
    "metadata_config": Table(
        {
            "send": FLAG,
            "send_interval": Noted(_DURATION, "metadata goes with the samples"),
            "max_samples_per_send": Noted(_NUMBER, "metadata goes with the samples"),
        }
    ),
    "protobuf_message": one_of(_V1, _V2),
    "send_exemplars": Noted(FLAG, _NONE_OF_THEM),
    "send_native_histograms": Noted(FLAG, _NONE_OF_THEM),
    "round_robin_dns": Noted(FLAG, _ONE_CONNECTION),
    "write_relabel_configs": RELABEL_RULES,
}
_PUSHGATEWAY_RULES: dict[str, Rule] = {
    "url": PUSHGATEWAY_URL,
    "name": LABEL_VALUE,
    "job": Value("a text", _job),
    "grouping_key": _GROUPING,
    "labels": _GROUPING,
    "timeout": TIMEOUT,
    "remote_timeout": TIMEOUT,
    **HTTP_RULES,
    "write_relabel_configs": RELABEL_RULES,
}
_URL = (("url",),)

REMOTE_WRITE = ListOf(
    Table(_REMOTE_WRITE_RULES, _remote_write, (AUTH_KEYS,), _URL),
    "a list of blocks, each beginning with - url:",
)
PUSHGATEWAY = ListOf(
    Table(
        _PUSHGATEWAY_RULES,
        _pushgateway,
        (AUTH_KEYS, ("grouping_key", "labels"), ("timeout", "remote_timeout")),
        _URL,
    ),
    "a block with a url, or a list of such blocks",
    or_one=True,
)


def check_names(blocks: Item, report: Report) -> None:
    """Tell of names that two blocks of the file share, whichever list they stand in."""
    owners: dict[str, str] = {}
    for key in ("remote_write", "pushgateway"):
        item = blocks.key(key)
        for block in tuple(item.elements()) or (item,):
            name = block.key("name")
            written = getattr(name.node, "text", "")
            if written and written in owners:
                accepted = f"a name of its own ({owners[written]} has this one)"
                report.wrong(name, repr(written), accepted)
            elif written:
                owners[written] = name.path
