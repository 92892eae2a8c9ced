"""What an invented home really holds, counted while it is being invented.

The inventor tells the tally of each thing once, when it happens in the story; copies of it that it
then writes to disk are never told. So a truth owes nothing to any reader of the files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one kind of response, or of many."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_creation: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_creation + other.cache_creation,
        )


@dataclass(frozen=True, slots=True)
class ImportedDay:
    """One day that only ``stats-cache.json`` remembers; ``tokens`` (input + output) by model."""

    date: str
    messages: int
    sessions: int
    tool_calls: int
    tokens: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Truth:
    """The true totals of an invented home, every event once.

    Model names are normalised. ``messages`` are user rows and responses; ``sessions`` are session
    ids with a row of their own that is not a sidechain's; ``web_searches`` and ``web_fetches`` are
    tool calls plus the server's own. Days of ``imported`` are older than every transcript and are
    in none of the other figures. Times are milliseconds since 1970.
    """

    responses: int
    tokens: Mapping[str, Tokens]
    messages: int
    sessions: int
    tool_calls: Mapping[str, int]
    stop_reasons: Mapping[str, int]
    api_errors: int
    api_retries: int
    compactions: int
    compact_pre_tokens: tuple[int, ...]
    turn_durations_ms: tuple[int, ...]
    web_searches: int
    web_fetches: int
    active_session_id: str
    first_row_ms: int
    last_row_ms: int
    imported: tuple[ImportedDay, ...]

    @property
    def total(self) -> Tokens:
        """The tokens of all models together."""
        return sum(self.tokens.values(), Tokens())


class Tally:
    """Takes down what happens in the story; each thing is told once."""

    def __init__(self) -> None:
        self.responses = 0
        self.tokens: dict[str, Tokens] = {}
        self.user_rows = 0
        self.sessions: set[str] = set()
        self.tool_calls: Counter[str] = Counter()
        self.stop_reasons: Counter[str] = Counter()
        self.api_errors = 0
        self.api_retries = 0
        self.compact_pre_tokens: list[int] = []
        self.turn_durations_ms: list[int] = []
        self.server_searches = 0
        self.server_fetches = 0

    def response(self, model: str, tokens: Tokens, stop_reason: str | None) -> None:
        """One API response with its final usage; ``stop_reason`` None when no row bears one."""
        self.responses += 1
        self.tokens[model] = self.tokens.get(model, Tokens()) + tokens
        if stop_reason is not None:
            self.stop_reasons[stop_reason] += 1

    def api_error(self, *, retried: bool) -> None:
        """One failed request; ``retried`` when the row says which attempt it was."""
        self.api_errors += 1
        self.api_retries += retried

    def truth(
        self, *, active_session_id: str, span_ms: tuple[int, int], imported: tuple[ImportedDay, ...]
    ) -> Truth:
        """Everything told so far."""
        return Truth(
            responses=self.responses,
            tokens=dict(self.tokens),
            messages=self.user_rows + self.responses,
            sessions=len(self.sessions),
            tool_calls=dict(self.tool_calls),
            stop_reasons=dict(self.stop_reasons),
            api_errors=self.api_errors,
            api_retries=self.api_retries,
            compactions=len(self.compact_pre_tokens),
            compact_pre_tokens=tuple(self.compact_pre_tokens),
            turn_durations_ms=tuple(self.turn_durations_ms),
            web_searches=self.tool_calls["WebSearch"] + self.server_searches,
            web_fetches=self.tool_calls["WebFetch"] + self.server_fetches,
            active_session_id=active_session_id,
            first_row_ms=span_ms[0],
            last_row_ms=span_ms[1],
            imported=imported,
        )
