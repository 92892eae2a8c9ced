"""What an invented home really holds: the figures that any honest account of it must come to.

Counted by :mod:`ccpush.demo.tally` while the story is invented, never from the files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Origin = Literal["main", "subagent"]


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
class Spent:
    """One response as whoever prices it has to see it; ``at_ms`` is the time of its first row.

    Tokens, searches made by the server, and whether it was in fast mode. None is a batch's.
    """

    model: str
    origin: Origin
    at_ms: int
    input: int
    output: int
    cache_read: int
    cache_5m: int
    cache_1h: int
    searches: int = 0
    fast: bool = False

    @property
    def tokens(self) -> Tokens:
        """The same by the four types."""
        return Tokens(self.input, self.output, self.cache_read, self.cache_5m + self.cache_1h)


@dataclass(frozen=True, slots=True)
class ImportedDay:
    """One day that only ``stats-cache.json`` remembers; ``tokens`` (input + output) by model."""

    date: str
    messages: int
    sessions: int
    tool_calls: int
    tokens: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Work:
    """What people did and what came of it.

    ``active_s`` by ``user`` and ``cli``; ``lines`` by ``added`` and ``removed``; ``decisions`` on
    edits by tool, decision, source and the edited file's suffix (``.py``; empty when it has none).
    """

    prompts: int
    active_s: Mapping[str, int]
    lines: Mapping[str, int]
    commits: int
    pull_requests: int
    decisions: Mapping[tuple[str, str, str, str], int]


@dataclass(frozen=True, slots=True)
class Friction:
    """What went wrong, and what people waited for.

    ``tool_errors`` by tool and kind (error, denied, interrupted); ``statuses`` of failed requests
    (``unknown`` without one); ``compactions`` by trigger. Durations are milliseconds, as written.
    """

    tool_errors: Mapping[tuple[str, str], int]
    statuses: Mapping[str, int]
    retry_waits_ms: tuple[float, ...]
    compactions: Mapping[str, int]
    dropped_tokens: int
    hook_durations_ms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """The true totals of an invented home, every event once.

    Model names are normalised. ``messages`` are user rows and responses; ``sessions`` are session
    ids with a row of their own that is not a sidechain's; ``web_searches`` and ``web_fetches`` are
    tool calls plus the server's own. Days of ``imported`` are older than every transcript and are
    in none of the other figures. Times are milliseconds since 1970.
    """

    # thousands of them: too many to show
    spent: tuple[Spent, ...] = field(repr=False)
    messages: int
    sessions: int
    tool_calls: Mapping[str, int]
    stop_reasons: Mapping[str, int]
    api_errors: int
    api_retries: int
    compact_pre_tokens: tuple[int, ...]
    turn_durations_ms: tuple[int, ...]
    web_searches: int
    web_fetches: int
    work: Work
    friction: Friction
    active_session_id: str
    first_row_ms: int
    last_row_ms: int
    imported: tuple[ImportedDay, ...]

    @property
    def responses(self) -> int:
        """How many responses there were."""
        return len(self.spent)

    @property
    def compactions(self) -> int:
        """How many compactions there were."""
        return len(self.compact_pre_tokens)

    @property
    def tokens(self) -> dict[str, Tokens]:
        """Tokens by model."""
        total: dict[str, Tokens] = {}
        for one in self.spent:
            total[one.model] = total.get(one.model, Tokens()) + one.tokens
        return total

    @property
    def total(self) -> Tokens:
        """The tokens of all models together."""
        return sum(self.tokens.values(), Tokens())

    @property
    def responses_by_origin(self) -> dict[tuple[str, str], int]:
        """Responses by model and by who asked for them."""
        return dict(Counter((one.model, one.origin) for one in self.spent))

    @property
    def cache_writes(self) -> dict[tuple[str, str], int]:
        """Tokens written to the cache by how long they live and by model."""
        total: Counter[tuple[str, str]] = Counter()
        for one in self.spent:
            total["5m", one.model] += one.cache_5m
            total["1h", one.model] += one.cache_1h
        return {key: count for key, count in total.items() if count}
