"""Tool calls whose result was not read with them, and results whose call was not: they wait here.

A call and its result may lie in rows that are read minutes apart. What is kept of either is what it
would add (see ``claude.calls``), no text. What finds no partner is forgotten after 400 days.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from ccpush.claude.called_with import Call
from ccpush.claude.calls import PULL_REQUEST, settle
from ccpush.claude.facts import Event, KeyedFacts
from ccpush.claude.results import Result
from ccpush.ledger.keys import select_in

KEPT_DAYS: Final = 400
_S_PER_DAY: Final = 86_400
_encode = msgspec.msgpack.Encoder().encode
_decode_call: Final = msgspec.msgpack.Decoder(Call).decode
_decode_result: Final = msgspec.msgpack.Decoder(Result).decode


def bring_together(
    connection: sqlite3.Connection, facts: KeyedFacts, now_s: int
) -> tuple[dict[int, Event], dict[int, Event]]:
    """Settle the facts' calls and results with what waits for them; keep what still has to wait.

    Returns what was so settled, and the pull requests, those of the facts included.
    """
    settled: dict[int, Event] = {}
    pulls = dict(facts.pulls)
    _drop_counted(connection, facts.calls)
    _drop_counted(connection, facts.results)
    done: list[int] = []
    for key, result in _waiting(connection, "result", facts.calls).items():
        _join(key, facts.calls.pop(key), _decode_result(result), settled, pulls)
        done.append(key)
    for results in (facts.results, facts.repeated):
        for key, call in _waiting(connection, "call", results).items():
            _join(key, _decode_call(call), results.pop(key), settled, pulls)
            done.append(key)
    connection.executemany("DELETE FROM unsettled WHERE key = ?", [(key,) for key in sorted(done)])
    _keep(connection, "call", facts.calls, now_s)
    _keep(connection, "result", facts.results, now_s)
    return settled, pulls


def forget_old(connection: sqlite3.Connection, now_s: float) -> None:
    """Drop what has waited too long, in the caller's transaction."""
    connection.execute(
        "DELETE FROM unsettled WHERE day < ?", (int(now_s) // _S_PER_DAY - KEPT_DAYS,)
    )


def _join(
    key: int, call: Call, result: Result, settled: dict[int, Event], pulls: dict[int, Event]
) -> None:
    found = settle(call, result)
    if found is None:
        return
    if found.increments:
        settled.setdefault(key, Event(result.ts_s, found.increments))
    if found.pull is not None:
        known = pulls.get(found.pull)
        if known is None or result.ts_s < known.ts_s:
            pulls[found.pull] = Event(result.ts_s, PULL_REQUEST)


def _drop_counted(connection: sqlite3.Connection, halves: dict[int, Any]) -> None:
    """Leave out copies of calls that were settled before."""
    for (key,) in select_in(connection, "SELECT key FROM counted WHERE key IN ({})", halves):
        del halves[key]


def _waiting(
    connection: sqlite3.Connection, half: str, others: Mapping[int, object]
) -> dict[int, bytes]:
    query = "SELECT key, half, said FROM unsettled WHERE key IN ({})"
    rows: Iterable[tuple[Any, ...]] = select_in(connection, query, others)
    return {key: said for key, found, said in rows if found == half}


def _keep(
    connection: sqlite3.Connection, half: str, said: Mapping[int, Call | Result], now_s: int
) -> None:
    # the first that was read of a half stays
    connection.executemany(
        "INSERT OR IGNORE INTO unsettled VALUES (?, ?, ?, ?)",
        [(key, now_s // _S_PER_DAY, half, _encode(one)) for key, one in sorted(said.items())],
    )
