"""What the environment and the flags say, under the same names as the file's settings.

An empty variable counts as not given, as compose files write it. An unknown CCPUSH_ variable is
an error: a misspelt one would otherwise do nothing, silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ccpush.config.general import (
    ACTIVE_WINDOW,
    FILE,
    FOLDER,
    INSTANCE,
    INTERVAL,
    LISTEN,
    LOG_FORMAT,
    LOG_LEVEL,
    USER,
)
from ccpush.config.nodes import Listing, Node, Scalar
from ccpush.config.reader import ListOf, Reader, Value
from ccpush.config.report import WRONG, Item, Report, Source, closest
from ccpush.config.scalars import PUSHGATEWAY_URL, REMOTE_WRITE_URL
from ccpush.config.texts import parse_labels

_PREFIX = "CCPUSH_"
_HOMES = ListOf(FOLDER, "paths of folders", or_one=True)

# name of the setting: its reader
FLAGS: Mapping[str, Reader] = {
    "config": FILE,
    "state": FOLDER,
    "claude_home": _HOMES,
    "listen_address": LISTEN,
    "web_config_file": FILE,
    "interval": INTERVAL,
    "instance": INSTANCE,
    "user": USER,
    "log_level": LOG_LEVEL,
    "log_format": LOG_FORMAT,
    "remote_write_url": REMOTE_WRITE_URL,
    "pushgateway_url": PUSHGATEWAY_URL,
}
VARIABLES: Mapping[str, Reader] = {
    **{_PREFIX + name.upper(): reader for name, reader in FLAGS.items() if name != "claude_home"},
    "CCPUSH_ACTIVE_WINDOW": ACTIVE_WINDOW,
    "CCPUSH_EXTERNAL_LABELS": Value("labels as team=core,site=berlin", parse_labels),
}
# read too, under the names that others gave them
_ALL_NAMES = (*VARIABLES, "CLAUDE_HOME", "CLAUDE_CONFIG_DIR")


def read_flags(flags: Mapping[str, object], home: Path, report: Report) -> dict[str, Any]:
    """The settings given as flags; None and an empty tuple mean not given."""
    unknown = set(flags) - set(FLAGS)
    if unknown:
        raise TypeError(f"no such flags: {sorted(unknown)}")
    values: dict[str, Any] = {}
    for name, given in flags.items():
        if given is not None and given != ():
            source = Source("--" + name.replace("_", "-"), home=home)
            _read(name, FLAGS[name], Item(source, "", _node(given)), values, report)
    return values


def read_environment(environ: Mapping[str, str], home: Path, report: Report) -> dict[str, Any]:
    """The settings given as environment variables."""
    values: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.startswith(_PREFIX):
            continue
        item = _variable(variable, Scalar(text), home)
        if variable not in VARIABLES:
            near = closest(variable, _ALL_NAMES, at_most=3) or sorted(VARIABLES)
            report.wrong(item, "a variable that ccpush does not know", ", ".join(near))
        elif text:
            name = variable.removeprefix(_PREFIX).lower()
            _read(name, VARIABLES[variable], item, values, report)
    homes = _claude_homes(environ, home)
    if homes is not None:
        _read("claude_home", _HOMES, homes, values, report)
    return values


def _claude_homes(environ: Mapping[str, str], home: Path) -> Item | None:
    """CLAUDE_HOME, one folder; else CLAUDE_CONFIG_DIR, a list with commas."""
    if one := environ.get("CLAUDE_HOME", "").strip():
        return _variable("CLAUDE_HOME", Scalar(one), home)
    listed = environ.get("CLAUDE_CONFIG_DIR", "").split(",")
    parts = tuple(Scalar(part.strip()) for part in listed if part.strip())
    return _variable("CLAUDE_CONFIG_DIR", Listing(parts), home) if parts else None


def _variable(name: str, node: Node, home: Path) -> Item:
    return Item(Source(f"environment variable {name}", home=home), "", node)


def _node(given: object) -> Node:
    if isinstance(given, (tuple, list)):
        return Listing(tuple(Scalar(str(each)) for each in given))
    return Scalar(str(given))


def _read(name: str, reader: Reader, item: Item, values: dict[str, Any], report: Report) -> None:
    value = reader.read(item, report)
    if value is not WRONG:
        values[name] = value
