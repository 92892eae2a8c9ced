"""How Claude Code changed: its versions, and what each writes and leaves out.

A version is only a way of writing here; what happens in a session is no business of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from ccpush.demo.models import (
    CAST_2025_SUMMER,
    CAST_2025_WINTER,
    CAST_2026_SPRING,
    CAST_2026_SUMMER,
    CAST_TODAY,
    Cast,
)

# A scene is one thing worth showing that happens in a session besides ordinary turns.
Scene = Literal[
    "subagent",
    "lost_subagent",
    "compaction",
    "retries",
    "refused",
    "fork",
    "web",
    "aside",
    "workflow",
    "command",
    "scripted",
    "plain",
]


@dataclass(frozen=True, slots=True)
class Era:
    """A version of Claude Code and how it writes; ``until`` is a share of the days told.

    ``final_usage``: every row of a response bears its final usage, in main files.
    ``stop_reason_chance``: how often a response's rows bear its stop reason at all.
    ``sources_told``: rows say where a prompt is from and who refused a tool; hooks, how long they
    took. ``cache_split``: cache writes are split by life.
    """

    version: str
    until: float
    cast: Cast
    envelope_last: bool
    subagents: Literal["inline", "flat", "folder"]
    progress_rows: bool
    final_usage: bool
    stop_reason_chance: float
    scenes: tuple[Scene, ...]
    sources_told: bool = False
    cache_split: bool = True


ERAS: Final = (
    Era(
        version="1.0.108",
        until=0.08,
        cast=CAST_2025_SUMMER,
        envelope_last=False,
        subagents="inline",
        progress_rows=False,
        final_usage=False,
        stop_reason_chance=0.2,
        scenes=("subagent", "plain", "retries"),
        cache_split=False,
    ),
    Era(
        version="2.0.55",
        until=0.24,
        cast=CAST_2025_WINTER,
        envelope_last=False,
        subagents="flat",
        progress_rows=False,
        final_usage=False,
        stop_reason_chance=0.25,
        scenes=("subagent", "fork", "compaction", "web"),
    ),
    Era(
        version="2.1.39",
        until=0.58,
        cast=CAST_2026_SPRING,
        envelope_last=False,
        subagents="folder",
        progress_rows=True,
        final_usage=False,
        stop_reason_chance=0.04,
        scenes=(
            *("subagent", "compaction", "lost_subagent", "retries"),
            *("fork", "web", "plain", "refused"),
        ),
    ),
    Era(
        version="2.1.114",
        until=0.74,
        cast=CAST_2026_SUMMER,
        envelope_last=True,
        subagents="folder",
        progress_rows=False,
        final_usage=True,
        stop_reason_chance=1.0,
        scenes=("subagent", "compaction", "web", "command", "fork", "scripted"),
    ),
    Era(
        version="2.1.270",
        until=1.01,
        cast=CAST_TODAY,
        envelope_last=True,
        subagents="folder",
        progress_rows=False,
        final_usage=True,
        stop_reason_chance=1.0,
        scenes=(
            *("workflow", "subagent", "fork", "aside"),
            *("retries", "compaction", "scripted", "refused"),
        ),
        sources_told=True,
    ),
)


def era_at(share: float) -> Era:
    """The version in use after this share of the days told."""
    return next(era for era in ERAS if share < era.until)
