"""Which settings hold: flags before environment before ccpush.yml before the defaults.

One rule for everything: a setting given at a higher place replaces the lower one whole (a URL
from a flag replaces the whole list of blocks, labels from a variable replace all of the file's).
With no flag, no variable and no file the defaults work.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ccpush.config.addresses import is_loopback
from ccpush.config.environment import read_environment, read_flags
from ccpush.config.homes import default_homes, given_homes
from ccpush.config.report import Report
from ccpush.config.settings import Settings, WebConfig
from ccpush.config.sink_names import (
    NO_PATH,
    lacks_path,
    plain_pushgateway,
    plain_remote_write,
    with_names,
)

FILE_NAME = "ccpush.yml"
_OTHER_FILE_NAME = "ccpush.yaml"
# the name of a setting as flags, variables and file have it, and its name in Settings
_FIELDS = {
    "claude_homes": "claude_homes",
    "claude_homes_given": "claude_homes_given",
    "state": "state_dir",
    "runtime_dir": "runtime_dir",
    "cache_dir": "cache_dir",
    "config_file": "config_file",
    "active_window": "active_window_s",
    "interval": "interval_s",
    "instance": "instance",
    "user": "user",
    "external_labels": "external_labels",
    "log_level": "log_level",
    "log_format": "log_format",
    "prices": "prices",
}


def load_settings(  # noqa: PLR0913 - one for each folder
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    *,
    home: Path,
    config_dir: Path,
    state_dir: Path,
    runtime_dir: Path,
    cache_dir: Path,
) -> Settings:
    """All settings of one run, checked; raises ConfigError with every mistake, one a line.

    ``flags`` are named as in :data:`ccpush.config.environment.FLAGS`, None meaning not given.
    ``config_dir`` is ccpush's own folder, in which ccpush.yml may lie.
    """
    report = Report()
    given = read_environment(environ, home, report) | read_flags(flags, home, report)
    named_by = None
    if "config" in given:
        named_by = "--config" if flags.get("config") else "environment variable CCPUSH_CONFIG"
    named = given.get("config", config_dir / FILE_NAME)
    file, from_file = _read_file(named, named_by, home, report)
    report.raise_problems()
    _replace_by_urls(given, from_file, report)
    values = from_file | given
    values.setdefault("state", state_dir)
    values["runtime_dir"] = runtime_dir
    values["cache_dir"] = cache_dir
    values["config_file"] = file
    values["claude_homes_given"] = "claude_home" in values
    values["claude_homes"] = (
        given_homes(values["claude_home"])
        if values["claude_homes_given"]
        else default_homes(home, environ)
    )
    return _settings(values, report)


def _settings(values: dict[str, Any], report: Report) -> Settings:
    web = _web(values, report)
    remote_write, pushgateway = with_names(
        values.get("remote_write", ()), values.get("pushgateway", ()), report.notes
    )
    return Settings(
        web=web,
        remote_write=remote_write,
        pushgateway=pushgateway,
        notes=tuple(dict.fromkeys(report.notes)),
        **{field: values[name] for name, field in _FIELDS.items() if name in values},
    )


def _read_file(
    file: Path, named_by: str | None, home: Path, report: Report
) -> tuple[Path | None, dict[str, Any]]:
    """The file that was read, and what it gives; a default file need not exist."""
    if named_by is None and not _may_exist(file):
        other = file.with_name(_OTHER_FILE_NAME)
        if _may_exist(other):
            report.notes.append(f"{other} is not read: the file's name is {FILE_NAME}")
        return None, {}
    # what reads a file costs more than all the rest, and most runs have none
    from ccpush.config.ccpush_file import read_ccpush_file

    return file, read_ccpush_file(file, report, home=home, named_by=named_by)


def _may_exist(file: Path) -> bool:
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        # opening it will say what is wrong
        return True
    return True


def _replace_by_urls(given: dict[str, Any], from_file: dict[str, Any], report: Report) -> None:
    """Let what was given replace the file's lists, and tell what is not obvious."""
    if "remote_write_url" in given:
        if lacks_path(given["remote_write_url"]):
            report.notes.append(f"remote_write_url: {NO_PATH}")
        given["remote_write"] = (plain_remote_write(given["remote_write_url"]),)
    if "pushgateway_url" in given:
        given["pushgateway"] = (plain_pushgateway(given["pushgateway_url"]),)
    for name in ("remote_write", "pushgateway"):
        if name in given and name in from_file:
            report.notes.append(f"{name} of the settings file is not used: a URL was given")
    # set for Claude Code itself, CLAUDE_CONFIG_DIR may be there in a shell and not for a service
    if "claude_home" in given and "claude_home" in from_file:
        report.notes.append(
            "claude_home of the settings file is not used: a flag, CLAUDE_HOME or"
            " CLAUDE_CONFIG_DIR names other folders"
        )


def _web(values: dict[str, Any], report: Report) -> WebConfig:
    config_file = values.get("web_config_file")
    if "listen_address" not in values:
        return WebConfig(config_file=config_file)
    host, port = values["listen_address"]
    if config_file is None and not is_loopback(host):
        report.notes.append(
            f"whoever reaches this machine can read the figures at {host}:{port}:"
            " web.config_file can ask for a password"
        )
    return WebConfig(host, port, config_file)
