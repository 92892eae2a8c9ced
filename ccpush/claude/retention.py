"""How long Claude Code keeps transcripts: one number of settings.json, and nothing else of it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

DEFAULT_DAYS: Final = 30
_MAX_BYTES: Final = 4 << 20


class _Retention(msgspec.Struct):
    cleanupPeriodDays: int | None = None  # noqa: N815


def cleanup_period_days(home: Path) -> int:
    """Return cleanupPeriodDays as set for this home, Claude Code's default when it is not."""
    try:
        with open(home / "settings.json", "rb") as opened:
            found = msgspec.json.decode(opened.read(_MAX_BYTES), type=_Retention)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # no settings, or none that can be read: then Claude Code's default holds
        return DEFAULT_DAYS
    days = found.cleanupPeriodDays
    return days if days is not None and 0 < days < 36_500 else DEFAULT_DAYS
