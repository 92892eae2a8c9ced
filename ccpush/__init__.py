"""ccpush: an exact account of Claude Code usage, pushed to Prometheus from every laptop."""

from __future__ import annotations

__version__ = "0.1.0"
