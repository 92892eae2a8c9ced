"""What a run of rows says, folded: the only thing that passes from reading to keeping.

A *series* is a counter of the account: a family with up to two labels. The families, what their
labels mean and since when they are recorded is listed here; what they are called in Prometheus is
the catalogue's business. What passes between processes is a Struct, because a large backlog is read
by processes of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from ccpush.claude.activity import Worked
from ccpush.claude.called_with import Call
from ccpush.claude.keys import Kind, by_key
from ccpush.claude.results import Result


class Series(NamedTuple):
    """One counter of the account."""

    family: str
    a: str = ""
    b: str = ""


# family                     a                b
TOKENS: Final = "tokens"  # input, output, cacheRead, cacheCreation; the model
MESSAGES: Final = "messages"
SESSIONS: Final = "sessions"
TOOL_CALLS: Final = "tool_calls"  # the tool
STOP_REASONS: Final = "stop_reasons"  # the reason
API_ERRORS: Final = "api_errors"
API_RETRIES: Final = "api_retries"
COMPACTIONS: Final = "compactions"
WEB_SEARCHES: Final = "web_searches"
WEB_FETCHES: Final = "web_fetches"
# a histogram's observations: how many fell into the bucket (a = its upper bound), and their sum
TURN_DURATION_BUCKETS: Final = "turn_duration_buckets"
TURN_DURATION_MS: Final = "turn_duration_ms"
COMPACT_TOKENS_BUCKETS: Final = "compact_tokens_buckets"
COMPACT_TOKENS: Final = "compact_tokens"
RESPONSES: Final = "responses"  # the model; main, subagent
CACHE_WRITES: Final = "cache_writes"  # 5m, 1h; the model
# in 10^-9 US dollars
COST: Final = "cost"  # the model
SAVINGS: Final = "savings"  # the model
UNPRICED: Final = "unpriced"  # the model
PROMPTS: Final = "prompts"
ACTIVE_S: Final = "active_s"  # user, cli
TOOL_ERRORS: Final = "tool_errors"  # the tool; error, denied, interrupted
LINES: Final = "lines"  # added, removed
COMMITS: Final = "commits"
PULL_REQUESTS: Final = "pull_requests"
EDIT_DECISIONS: Final = "edit_decisions"  # the tool; decision, source and language
API_STATUSES: Final = "api_statuses"  # the status
RETRY_WAIT_MS: Final = "retry_wait_ms"
TRIGGERS: Final = "triggers"  # what triggered a compaction
DROPPED_TOKENS: Final = "dropped_tokens"
HOOK_MS: Final = "hook_ms"

# A family's *generation*: the first version of the extractor that records it. The versions before
# have counted rows without it, so a later generation is counted by keys of its own.
GENERATIONS: Final = dict.fromkeys(
    (
        TOKENS, MESSAGES, SESSIONS, TOOL_CALLS, STOP_REASONS, API_ERRORS, API_RETRIES, COMPACTIONS,
        WEB_SEARCHES, WEB_FETCHES, TURN_DURATION_BUCKETS, TURN_DURATION_MS, COMPACT_TOKENS_BUCKETS,
        COMPACT_TOKENS,
    ),
    1,
) | dict.fromkeys(
    (
        RESPONSES, CACHE_WRITES, COST, SAVINGS, UNPRICED, PROMPTS, ACTIVE_S, TOOL_ERRORS, LINES,
        COMMITS, PULL_REQUESTS, EDIT_DECISIONS, API_STATUSES, RETRY_WAIT_MS, TRIGGERS,
        DROPPED_TOKENS, HOOK_MS,
    ),
    2,
)  # fmt: skip

TURN_DURATION_BOUNDS_S: Final = (5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
COMPACT_TOKENS_BOUNDS: Final = (50_000, 100_000, 150_000, 200_000, 300_000, 500_000)
INFINITY: Final = "+Inf"

# Nothing that one row can truly say exceeds this; what does is damage, and would drown the rest.
MAX_TOKENS: Final = 10**8
MAX_DURATION_MS: Final = 10 * 366 * 86_400_000


def bucket(value: float, bounds: tuple[int, ...]) -> str:
    """Name the bucket that ``value`` falls into by its upper bound, inclusive as in Prometheus."""
    for bound in bounds:
        if value <= bound:
            return str(bound)
    return INFINITY


# A response's mode is the largest of its rows', so it only grows: a row that is not of a batch has
# the first bit, one in fast mode the second.
FULL_PRICE: Final = 1
FAST: Final = 2
# input, output, cache read, cache creation, web searches, web fetches; cache writes that live five
# minutes, an hour; mode
Counts = tuple[int, int, int, int, int, int, int, int, int]


def largest(one: Counts, other: Counts) -> Counts:
    """Return the field-wise maximum."""
    return tuple(map(max, one, other))  # type: ignore[return-value]


class Observed(msgspec.Struct, gc=False, array_like=True):
    """One API response as far as the rows read so far tell; numbers are the largest seen.

    ``counts`` are those of rows outside sidechains if there is one (``main``); ``aside`` are then
    those of copies in sidechains that were read before the first of them.
    """

    main: bool
    ts_s: int
    model: str
    session: str
    counts: Counts
    stop_reason: str | None
    rows: int
    aside: Counts | None = None


Increments = tuple[tuple[Series, int], ...]


class Event(msgspec.Struct, gc=False, array_like=True, frozen=True):
    """A row that is counted once by its own key: an error, a compaction, a turn's end."""

    ts_s: int
    increments: Increments


class Seen(msgspec.Struct, gc=False, array_like=True):
    """When a session's rows were written; ``main_s`` is its first row outside any sidechain."""

    last_s: int
    main_s: int | None


class Facts(msgspec.Struct):
    """Everything that was read and not yet kept. ``lines`` = counted + duplicate + skipped.

    ``responses`` are keyed by response key, ``prompts`` (user rows: time, session) and ``events``
    by uuid, ``tool_calls`` (tool, time) by their id; a row is *counted* when its key is new to the
    ledger and a duplicate otherwise, which only the ledger can tell. ``later`` is what these rows
    add to families of later generations, which is no row of its own.
    """

    responses: dict[str, Observed] = msgspec.field(default_factory=dict)
    prompts: dict[str, tuple[int, str]] = msgspec.field(default_factory=dict)
    events: dict[str, Event] = msgspec.field(default_factory=dict)
    tool_calls: dict[str, tuple[str, int]] = msgspec.field(default_factory=dict)
    later: dict[str, Event] = msgspec.field(default_factory=dict)
    sessions: dict[str, Seen] = msgspec.field(default_factory=dict)
    lines: int = 0
    duplicates: int = 0
    skipped: Counter[str] = msgspec.field(default_factory=Counter)
    unknown_types: Counter[str] = msgspec.field(default_factory=Counter)

    @property
    def keys(self) -> int:
        """How many keys the ledger will have to look up; what a chunk's size is measured by."""
        rows = len(self.responses) + len(self.prompts) + len(self.events)
        return rows + len(self.tool_calls) + len(self.later)

    def set_apart(self, kind: Kind, text: str, ts_s: int, increments: Increments) -> Increments:
        """Keep what belongs to later generations in ``later``, once for each; return the rest.

        ``kind`` and ``text`` name what is counted once: a row by its uuid, a response or a tool
        call by its key. One of its rows has to say all that it adds to a generation, because the
        first one settles it: what grows from row to row, as a response's tokens do, cannot be
        recorded this way. That would need amounts of its own beside the response's.
        """
        rest = tuple(one for one in increments if GENERATIONS[one[0].family] == 1)
        if len(rest) < len(increments):
            for generation in {GENERATIONS[series.family] for series, _ in increments} - {1}:
                own = tuple(one for one in increments if GENERATIONS[one[0].family] == generation)
                self.later.setdefault(f"{generation} {kind} {text}", Event(ts_s, own))
        return rest

    def keyed(self) -> KeyedFacts:
        """Return the same with hashes for keys, as the ledger takes it."""
        return KeyedFacts(
            responses=by_key("response", self.responses),
            prompts=by_key("row", self.prompts),
            events=by_key("row", self.events),
            tool_calls=by_key("call", self.tool_calls),
            later=by_key("later", self.later),
            sessions=by_key("session", self.sessions),
            lines=self.lines,
            duplicates=self.duplicates,
            skipped=dict(self.skipped),
            unknown_types=dict(self.unknown_types),
        )


class Packed(msgspec.Struct, gc=False, array_like=True):
    """Many events in few objects: each is its time, then numbers of series with their amounts."""

    series: list[Series] = msgspec.field(default_factory=list)
    events: dict[int, list[int]] = msgspec.field(default_factory=dict)

    def increments(self, key: int) -> Iterator[tuple[Series, int]]:
        """Yield the increments of an event."""
        event = self.events[key]
        for at in range(1, len(event), 2):
            yield self.series[event[at]], event[at + 1]


def packed(events: Mapping[int, Event]) -> Packed:
    """Pack events, for the way between processes."""
    numbers: dict[Series, int] = {}
    flat: dict[int, list[int]] = {}
    for key, event in events.items():
        flat[key] = one = [event.ts_s]
        for series, amount in event.increments:
            one += (numbers.setdefault(series, len(numbers)), amount)
    return Packed(list(numbers), flat)


class KeyedFacts(msgspec.Struct, array_like=True):
    """Facts on their way into the ledger: every identifier has become a 64-bit key.

    ``calls`` and ``results`` are tool calls whose other half was read before or is still to come
    (before, if anything, for ``repeated`` results);
    ``settled`` are whole ones, ``pulls`` pull requests by their address. ``stretches`` are the
    times worked in what began with one prompt.
    """

    responses: dict[int, Observed] = msgspec.field(default_factory=dict)
    prompts: dict[int, tuple[int, str]] = msgspec.field(default_factory=dict)
    events: dict[int, Event] = msgspec.field(default_factory=dict)
    tool_calls: dict[int, tuple[str, int]] = msgspec.field(default_factory=dict)
    later: dict[int, Event] = msgspec.field(default_factory=dict)
    calls: dict[int, Call] = msgspec.field(default_factory=dict)
    results: dict[int, Result] = msgspec.field(default_factory=dict)
    repeated: dict[int, Result] = msgspec.field(default_factory=dict)
    settled: Packed = msgspec.field(default_factory=Packed)
    pulls: dict[int, Event] = msgspec.field(default_factory=dict)
    stretches: dict[int, list[Worked]] = msgspec.field(default_factory=dict)
    sessions: dict[int, Seen] = msgspec.field(default_factory=dict)
    lines: int = 0
    duplicates: int = 0
    skipped: dict[str, int] = msgspec.field(default_factory=dict)
    unknown_types: dict[str, int] = msgspec.field(default_factory=dict)
