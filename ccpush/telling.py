"""What a tick tells the log: what was read, and what became of each push."""

from __future__ import annotations

from typing import Final

from ccpush.ledger.intake import Pass
from ccpush.log import Log
from ccpush.push.sink import PushResult, Sink

# Clocks of laptops are a few seconds off; a minute is a step of the grid.
SKEW_TOLD_S: Final = 60.0


def tell_pass(log: Log, done: Pass, *, homes_changed: bool) -> None:
    """Tell of a pass: its homes when they came or went, imports, and the figures for debugging."""
    if homes_changed and done.homes:
        log.info("claude_home_found", homes=", ".join(map(str, done.homes)))
    elif homes_changed:
        log.warning("claude_home_missing", homes=", ".join(map(str, done.wanted_homes)))
    if done.imported_days:
        log.info("stats_cache_imported", days=done.imported_days)
    log.debug(
        "collect_done",
        files=done.files,
        files_read=done.files_read,
        lines=done.lines,
        read_bytes=done.read_bytes,
        seconds=round(done.duration_s, 3),
        complete=done.complete,
    )


def tell_result(log: Log, sink: Sink, result: PushResult) -> None:
    """Tell what became of a push, and of a clock that is off."""
    if result.outcome == "delivered":
        log.info("push_delivered", sink=sink.name, samples=result.sent)
    elif result.outcome == "retry":
        log.warning("push_retry", sink=sink.name, error=result.error, hint=result.hint)
    elif result.outcome == "stopped":
        log.error("push_stopped", sink=sink.name, error=result.error, hint=result.hint)
    else:
        log.error("push_rejected", sink=sink.name, error=result.error, hint=result.hint)
    if result.remark is not None:
        log.warning("sink_note", sink=sink.name, words=result.remark, hint=result.remark_hint)
    if result.skew_s is not None and abs(result.skew_s) > SKEW_TOLD_S:
        log.warning("clock_skew", sink=sink.name, seconds=round(result.skew_s))
