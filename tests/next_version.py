"""A version of the extractor to come, that sees one family more than this one.

    with pytest.MonkeyPatch.context() as patch:
        next_version.install(patch)
        reader.run()

It counts novelties: rows of the user, API errors, tool calls and responses, by what they are. Rows
of all these were counted before, without it. ``install`` adds a metric of them too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ccpush.claude import amounts, extract, reading
from ccpush.claude import facts as f
from ccpush.claude.extract import Extractor
from ccpush.claude.facts import Increments, Series
from ccpush.claude.records import Block, Message, System, User
from ccpush.metrics import catalogue, evaluate
from ccpush.metrics import cumulative as c
from ccpush.metrics.catalogue import CATALOGUE, GRID, Metric
from ccpush.push.remote_write import continuity, delivery, groups, present, shifts

if TYPE_CHECKING:
    import pytest
    from homes import Row

NOVELTIES: Final = "novelties"
# errors are told of from the start, other kinds once there is one
SOURCE: Final = msgspec.structs.replace(c.by_a(NOVELTIES), declared=(c.Cell("", ("error",)),))
METRIC: Final = Metric(
    "claude_novelties_total", "counter", ("of",), "What an upgrade sees.", SOURCE, timing="grid"
)


class NextExtractor(Extractor):
    """Sees what this version does, and more."""

    __slots__ = ()

    def _user(self, row: User) -> None:
        super()._user(row)
        if row.uuid is not None and row.timestamp is not None:
            ts_s = self._clock.seconds(row.timestamp)
            assert self.facts.set_apart("row", row.uuid, ts_s, _one("prompt")) == ()

    def _response(
        self, key: str | None, message: Message, ts_s: int, session: str | None, *, main: bool
    ) -> None:
        super()._response(key, message, ts_s, session, main=main)
        if key is not None and message.stop_reason is not None:
            self.facts.set_apart("response", key, ts_s, _one("stopped"))

    def _tool_calls(self, key: str, content: list[Block], ts_s: int) -> None:
        super()._tool_calls(key, content, ts_s)
        for block in content:
            if block.type == "tool_use" and block.id is not None:
                self.facts.set_apart("call", block.id, ts_s, _one("call"))


def install(patch: pytest.MonkeyPatch) -> None:
    """Let this process be the next version of ccpush."""
    patch.setattr(extract, "VERSION", extract.VERSION + 1)
    patch.setitem(f.GENERATIONS, NOVELTIES, extract.VERSION)
    patch.setattr(extract, "increments_of", _increments_of)
    patch.setattr(reading, "Extractor", NextExtractor)
    for module in (catalogue, continuity, delivery, groups, present, shifts):
        patch.setattr(module, "GRID", (*GRID, METRIC))
    for module in (catalogue, evaluate, present):
        patch.setattr(module, "CATALOGUE", (*CATALOGUE, METRIC))


def novelties(rows: list[Row]) -> dict[str, int]:
    """What rows hold of them, slowly; a row counts once, whatever copies there are."""
    seen: set[tuple[str, str]] = set()
    for row in rows:
        if row["type"] == "user":
            seen.add(("prompt", row["uuid"]))
        if row.get("subtype") == "api_error":
            seen.add(("error", row["uuid"]))
        if row["type"] == "assistant":
            if row["message"]["stop_reason"]:
                seen.add(("stopped", row["message"]["id"]))
            blocks = row["message"]["content"]
            seen |= {("call", block["id"]) for block in blocks if block["type"] == "tool_use"}
    kinds = [kind for kind, _ in seen]
    return {kind: kinds.count(kind) for kind in set(kinds)}


def _increments_of(row: System) -> Increments | None:
    found = amounts.increments_of(row)
    return (*found, *_one("error")) if found and row.subtype == "api_error" else found


def _one(of: str) -> Increments:
    return ((Series(NOVELTIES, of), 1),)
