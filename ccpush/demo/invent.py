"""Writes an invented Claude home, the same one for the same arguments, and says what it holds.

Only ever writes into a folder that is empty or not there yet, so nobody's own data is touched.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from ccpush.demo.chance import Chance
from ccpush.demo.plot import PROJECTS, plot
from ccpush.demo.rows import Row, ms_of
from ccpush.demo.session import play, project_folder
from ccpush.demo.stage import Stage
from ccpush.demo.stats_cache import StatsCache
from ccpush.demo.tally import Tally
from ccpush.demo.transcript import Transcript
from ccpush.demo.truth import Truth

DEFAULT_DAYS = 60
# how many days before the first transcript the stats cache remembers
_REMEMBERED_DAYS = 45


def invent_home(
    root: Path,
    *,
    end: datetime | float,
    days: int = DEFAULT_DAYS,
    seed: int = 1,
    zone: tzinfo = UTC,
) -> Truth:
    """Write a Claude home in which somebody worked for ``days`` days and is still at it at ``end``.

    ``end`` is an aware datetime or seconds since 1970; ``zone`` decides what working hours are. The
    same arguments give the same bytes. Raises FileExistsError when ``root`` holds anything.
    """
    if root.exists() and any(root.iterdir()):
        raise FileExistsError(f"{root} is not empty; an invented Claude home needs a new folder")
    if days < 1:
        raise ValueError(f"days must be 1 or more, not {days}")
    end_ms = _milliseconds(end)
    chance, tally = Chance(seed), Tally()
    cache = StatsCache(chance, zone)
    active_session_id, stamps = "", []
    for plan in plot(chance, end_ms=end_ms, days=days, zone=zone):
        stage = play(plan, chance, tally)
        stamps += _write_session(root, stage, cache)
        active_session_id = stage.transcripts[0].envelope.session_id
    first_ms, last_ms = min(first for first, _ in stamps), max(last for _, last in stamps)
    first_day = datetime.fromtimestamp(first_ms / 1000, zone).date()
    imported = cache.remember(first_day, _REMEMBERED_DAYS)
    # a session that was opened and left again leaves an empty file
    empty = f"{project_folder(PROJECTS[0])}/{chance.row_id()}.jsonl"
    _write(root, empty, "", last_ms)
    _write(root, "stats-cache.json", json.dumps(cache.as_json(end_ms), indent=2), last_ms)
    _write(root, "settings.json", json.dumps(_settings(days), indent=2), first_ms)
    return tally.truth(
        active_session_id=active_session_id, span_ms=(first_ms, last_ms), imported=imported
    )


def _milliseconds(end: datetime | float) -> int:
    if isinstance(end, datetime):
        if end.tzinfo is None:
            raise ValueError("end needs a time zone")
        end = end.timestamp()
    return int(end * 1000)


def _settings(days: int) -> Row:
    # transcripts of all the days told must still be there
    return {"cleanupPeriodDays": max(90, days + 30), "includeCoAuthoredBy": True, "model": "opus"}


def _write_session(root: Path, stage: Stage, cache: StatsCache) -> list[tuple[int, int]]:
    for transcript in stage.transcripts:
        if not transcript.envelope.sidechain:
            cache.observe(transcript.rows)
    for path, text in stage.other_files.items():
        _write(root, path, text, stage.clock.now_ms)
    return [_write_transcript(root, transcript) for transcript in stage.transcripts]


def _write_transcript(root: Path, transcript: Transcript) -> tuple[int, int]:
    """Write it and give the first and last time its rows bear, in milliseconds since 1970."""
    stamps = [ms_of(row["timestamp"]) for row in transcript.rows if "timestamp" in row]
    _write(root, transcript.path, _lines(transcript.rows), max(stamps))
    return min(stamps), max(stamps)


def _lines(rows: Iterable[Row]) -> str:
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    return "".join(encode(row) + "\n" for row in rows)


def _write(root: Path, path: str, text: str, modified_ms: int) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="")
    os.utime(file, ns=(modified_ms * 1_000_000, modified_ms * 1_000_000))
