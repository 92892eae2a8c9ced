"""The demo: an invented Claude home, and ccpush running on it with a ledger of its own."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final

import click
from msgspec.structs import replace

from ccpush import resident
from ccpush.app import Pipeline
from ccpush.config.load import load_settings
from ccpush.demo.invent import invent_home
from ccpush.errors import EXIT_OK, ConfigError
from ccpush.log import configure
from ccpush.push.build import build_sinks

PERSONA: Final = "demo"


def show(
    folder: Path | None, days: int, seed: int, flags: Mapping[str, object], *, home_only: bool
) -> int:
    """Invent a home below ``folder`` and stay on it as ``ccpush run`` does; return the code."""
    if days < 1:
        raise ConfigError(f"--days: found {days}; accepted: 1 or more")
    folder = folder or Path(tempfile.mkdtemp(prefix="ccpush-demo-"))
    home = folder / "claude"
    now_s = time.time()
    try:
        invent_home(home, end=now_s, days=days, seed=seed, zone=_zone())
    except FileExistsError as error:
        raise ConfigError(
            f"--dir: found {home}, which is not empty; accepted: a new folder"
        ) from error
    click.echo(f"invented {days} days in {home}")
    if home_only:
        return EXIT_OK
    settings = load_settings(
        {**flags, "claude_home": (str(home),), "state": str(folder / "state")},
        {},
        home=folder,
        config_dir=folder / "config",
        state_dir=folder / "state",
        runtime_dir=folder / "state",
        cache_dir=folder / "cache",
    )
    settings = replace(settings, instance="demo", user="demo")
    log = configure("info", "text", sys.stderr)
    with Pipeline(
        settings, log, sinks=build_sinks(settings, environ={}), persona=PERSONA
    ) as pipeline:
        return resident.run(pipeline, log)


def _zone() -> tzinfo:
    zone = datetime.now(UTC).astimezone().tzinfo
    assert zone is not None
    return zone
