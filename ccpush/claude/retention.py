"""How long Claude Code keeps transcripts: one number of settings.json, and nothing else of it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from ccpush.claude.stats_cache import open_without_waiting

DEFAULT_DAYS: Final = 30
# Longer than Claude Code exists; people write 99999 for ever.
_MAX_DAYS: Final = 3650
_MAX_BYTES: Final = 4 << 20


class _Retention(msgspec.Struct):
    cleanupPeriodDays: int | None = None  # noqa: N815


def cleanup_period_days(home: Path) -> int:
    """Return cleanupPeriodDays as set for this home, Claude Code's default when it is not."""
    try:
        with open(home / "settings.json", "rb", opener=open_without_waiting) as opened:
            found = msgspec.json.decode(opened.read(_MAX_BYTES), type=_Retention)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # no settings, or none that can be read: then Claude Code's default holds
        return DEFAULT_DAYS
    days = found.cleanupPeriodDays
    return min(days, _MAX_DAYS) if days is not None and days > 0 else DEFAULT_DAYS
