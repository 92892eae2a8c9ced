"""What ccpush.yml may say at its top level, and the warnings about the file as a whole.

Relative paths in it are relative to its own folder, as Prometheus has it.
"""

from __future__ import annotations

import re
from pathlib import Path

from ccpush.config.document import read_document
from ccpush.config.general import (
    ACTIVE_WINDOW,
    EXTERNAL_LABELS,
    FILE,
    FOLDER,
    INSTANCE,
    INTERVAL,
    LISTEN,
    LOG_FORMAT,
    LOG_LEVEL,
    USER,
)
from ccpush.config.nodes import Block, Listing, is_null
from ccpush.config.prices_block import PRICES
from ccpush.config.reader import ListOf
from ccpush.config.report import WRONG, Item, Report
from ccpush.config.secrets import exposure
from ccpush.config.sinks import PUSHGATEWAY, REMOTE_WRITE, check_names
from ccpush.config.table import Refused, Rule, Table, Values

_VARIABLE = re.compile(r"\$\{\w+\}")
_PROMETHEUS = Refused(
    "its remote_write blocks alone; external_labels stand at the top level here",
    "a part of Prometheus's own file",
)


def _flat(values: Values, item: Item, report: Report) -> object:
    """The settings under the names that the flags and variables have."""
    told = len(report.problems)
    check_names(item, report)
    web, log = values.pop("web", {}), values.pop("log", {})
    flat = {
        "listen_address": web.get("listen_address"),
        "web_config_file": web.get("config_file"),
        "log_level": log.get("level"),
        "log_format": log.get("format"),
    }
    values |= {name: value for name, value in flat.items() if value is not None}
    return values if len(report.problems) == told else WRONG


_RULES: dict[str, Rule] = {
    "claude_home": ListOf(FOLDER, "the path of a folder, or a list of paths", or_one=True),
    "state": FOLDER,
    "active_window": ACTIVE_WINDOW,
    "interval": INTERVAL,
    "instance": INSTANCE,
    "user": USER,
    "external_labels": EXTERNAL_LABELS,
    "web": Table({"listen_address": LISTEN, "config_file": FILE}),
    "log": Table({"level": LOG_LEVEL, "format": LOG_FORMAT}),
    "remote_write": REMOTE_WRITE,
    "pushgateway": PUSHGATEWAY,
    "prices": PRICES,
    "global": _PROMETHEUS,
    "scrape_configs": _PROMETHEUS,
    "rule_files": _PROMETHEUS,
    "alerting": _PROMETHEUS,
    "remote_read": _PROMETHEUS,
}
# secret: a token file, named by mistake, is no block
_TOP = Table(_RULES, _flat, secret=True)


def read_ccpush_file(path: Path, report: Report, *, home: Path, named_by: str | None) -> Values:
    """The settings that the file gives; what is wrong goes to the report.

    Raises FileNotFoundError when the file is missing and nobody named it (``named_by`` is None).
    """
    root = read_document(path, report, home=home, named_by=named_by)
    if is_null(root.node):
        # an empty file is a file without settings
        return {}
    values = _TOP.read(root, report)
    if report.inline_secrets and (warning := exposure(path)):
        held = ", ".join(item.path for item in report.inline_secrets)
        report.notes.append(f"{path} holds secrets ({held}), and {warning}")
    _note_variables(root, report)
    return values if isinstance(values, dict) else {}


def _note_variables(item: Item, report: Report) -> None:
    """Tell of ``${NAME}``, which another program might have replaced, but ccpush does not."""
    node = item.node
    if isinstance(node, Block):
        # in the rules of relabelling it is a group of the expression
        for key in node.entries:
            if key != "write_relabel_configs":
                _note_variables(item.key(key), report)
    elif isinstance(node, Listing):
        for element in item.elements():
            _note_variables(element, report)
    elif _VARIABLE.search(node.text):
        report.note(item, "${…} is taken literally: variables are not replaced in this file")
