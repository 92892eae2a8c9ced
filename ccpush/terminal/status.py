"""The status: what was read, what was skipped and why, what has no price, how sinks are doing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import msgspec

from ccpush import __version__
from ccpush.app import look
from ccpush.claude import facts as f
from ccpush.claude.facts import Series
from ccpush.config.settings import Settings
from ccpush.ledger import store
from ccpush.ledger.days import last_days
from ccpush.ledger.labels import OTHER
from ccpush.ledger.query import Account
from ccpush.ledger.store import FILE_NAME
from ccpush.metrics.evaluate import Identity
from ccpush.metrics.reasons import SKIPPED_FILES, SKIPPED_ROWS
from ccpush.push.remote_write.backlog import due_samples
from ccpush.schedule.lock import Holder
from ccpush.terminal.report_tables import REMEDY
from ccpush.terminal.sinks import moment, sink_facts, sink_lines


class Seen(msgspec.Struct, frozen=True):
    """What the status is told of.

    ``due`` are samples that each remote-write sink does not have; ``unpriced`` the days on which
    models last had tokens without a price.
    """

    account: Account
    identity: Identity
    settings: Settings
    holder: Holder | None
    due: Mapping[str, int]
    unpriced: Mapping[str, date]


def see(settings: Settings, holder: Holder | None, *, now: Callable[[], float] = time.time) -> Seen:
    """Look at the ledger, changing nothing; raises LedgerError."""
    account, known = look(settings, now=now)
    states = {sink.name: sink for sink in account.sinks}
    with store.open_ledger(settings.state_dir, write=False) as connection:
        due = {
            config.name: due_samples(
                connection, config, states[config.name], known.identity, account.as_of_s
            )
            for config in settings.remote_write
        }
        unpriced = last_days(connection, f.UNPRICED)
    return Seen(account, known.identity, settings, holder, due, unpriced)


def as_json(seen: Seen) -> str:
    """Everything that the status says, as one JSON object."""
    return json.dumps(_facts(seen), indent=2)


def as_text(seen: Seen) -> str:
    """Everything that the status says, for people."""
    return "\n".join(_lines(seen))


def _facts(seen: Seen) -> dict[str, Any]:
    account, identity, settings, holder = seen.account, seen.identity, seen.settings, seen.holder
    path = settings.state_dir / FILE_NAME
    return {
        "version": __version__,
        "identity": {
            "id": identity.id,
            "instance": identity.instance,
            "labels": dict(identity.labels),
        },
        "claude_homes": [
            {"path": str(home), "exists": home.is_dir()} for home in settings.claude_homes
        ],
        "config_file": str(settings.config_file) if settings.config_file else None,
        "ledger": {"path": str(path), "size_bytes": path.stat().st_size},
        "running": {"pid": holder.pid, "command": holder.command} if holder else None,
        "complete_passes": account.passes,
        "last_collect_s": account.collected_s,
        "last_collect_duration_s": account.collect_duration_s,
        "covered_from": account.covered_from.isoformat() if account.covered_from else None,
        "imported_days": account.imported_days,
        "stats_cache": account.stats_cache,
        "files": account.files,
        "files_skipped": _tallies(account, "files_skipped"),
        "files_restarted": _tallies(account, "files_restarted"),
        "lines_read": int(account.tallies.get(("lines_read", ""), 0)),
        "rows_counted": int(account.tallies.get(("rows_counted", ""), 0)),
        "rows_duplicate": int(account.tallies.get(("rows_duplicate", ""), 0)),
        "rows_skipped": _tallies(account, "rows_skipped"),
        "unknown_types": _tallies(account, "unknown_types"),
        "unpriced": _unpriced(seen),
        "label_values_folded": _tallies(account, "folded"),
        "sinks": sink_facts(account, settings, seen.due),
        "notes": list(settings.notes),
    }


def _unpriced(seen: Seen) -> list[dict[str, Any]]:
    """Tokens without a price by model, the most first."""
    found = [
        {
            "model": model,
            # none yet if it is newer than the account, which was read a moment before
            "tokens": seen.account.totals.get(Series(f.UNPRICED, model), 0),
            "last_date": day.isoformat(),
        }
        for model, day in seen.unpriced.items()
    ]
    return sorted(found, key=lambda each: (-each["tokens"], each["model"]))


def _tallies(account: Account, name: str) -> dict[str, int]:
    return {
        label: int(value)
        for (found, label), value in sorted(account.tallies.items())
        if found == name
    }


def _lines(seen: Seen) -> Iterator[str]:
    account, identity, holder = seen.account, seen.identity, seen.holder
    facts = _facts(seen)
    labels = ", ".join(f"{k}={v}" for k, v in identity.labels.items())
    yield f"ccpush {__version__} on {identity.instance} ({labels}), id {identity.id}"
    running = f"pid {holder.pid} ({holder.command})" if holder else "no"
    yield _line("running", running)
    for home in facts["claude_homes"]:
        yield _line("Claude home", home["path"] + ("" if home["exists"] else "  (not there)"))
    yield _line("settings", facts["config_file"] or "none, defaults")
    yield _line("ledger", f"{facts['ledger']['path']}, {_size(facts['ledger']['size_bytes'])}")
    yield ""
    yield from _reading(account, facts)
    yield from _pricing(facts)
    yield ""
    for name, words in sink_lines(account, facts["sinks"]):
        yield _line(name, words)
    for note in seen.settings.notes:
        yield _line("note", note)


def _reading(account: Account, facts: dict[str, Any]) -> Iterator[str]:
    if not account.passes:
        yield _line("collected", "not yet: no complete pass over the files so far")
    else:
        took = f", took {account.collect_duration_s or 0:.2f} s"
        yield _line("collected", moment(account.collected_s, account.as_of_s) + took)
    if account.covered_from:
        imported = account.imported_days
        days = f"; {imported} earlier days from stats-cache.json" if imported else ""
        yield _line("covers", f"from {facts['covered_from']}{days}")
    if account.stats_cache not in (None, "ok", "none"):
        yield _line("stats cache", f"not used: {account.stats_cache}")
    yield _line("files", f"{account.files:,}")
    for reason, n in facts["files_skipped"].items():
        yield _line("", f"{n:,} skipped, {reason}: {SKIPPED_FILES.get(reason, reason)}")
    for reason, n in facts["files_restarted"].items():
        yield _line("", f"{n:,} times one was read from its start again: {reason}")
    yield _line("lines", f"{facts['lines_read']:,}")
    yield _line("", f"{facts['rows_counted']:,} counted")
    yield _line("", f"{facts['rows_duplicate']:,} further rows of what was counted")
    for reason, n in facts["rows_skipped"].items():
        yield _line("", f"{n:,} skipped, {reason}: {SKIPPED_ROWS.get(reason, reason)}")
    if facts["unknown_types"]:
        names = ", ".join(f"{name} ({n:,})" for name, n in facts["unknown_types"].items())
        yield _line("", f"unknown types: {names}")


def _pricing(facts: dict[str, Any]) -> Iterator[str]:
    """What has no price, and what has lost its name; nothing when all is well."""
    unpriced = facts["unpriced"]
    for at, each in enumerate(unpriced):
        words = f"{each['tokens']:,} tokens of {each['model']}, the last on {each['last_date']}"
        yield _line("" if at else "no price", words)
    if unpriced:
        yield _line("", f"their cost is missing. {REMEDY}")
    for label, n in facts["label_values_folded"].items():
        yield _line(
            "folded", f"{n:,} times {OTHER} instead of one {label} more: there are too many"
        )


def _line(name: str, text: str) -> str:
    return f"{name:<12}{text}"


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1e6 else f"{size_bytes / 1e3:.0f} kB"
