"""Where values come from: small readers of the account, for the catalogue's rows.

Each takes the account and yields (label values, value); label names are the catalogue's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Final, Literal

from ccpush.ledger.query import Account, Day
from ccpush.ledger.sinks import SinkState

Values = Iterable[tuple[tuple[str, ...], float]]
Source = Callable[[Account], Values]
DAYS_SHOWN: Final = 30
DayKind = Literal["messages", "sessions", "tool_calls"]
_NO_DAY: Final = Day()


def live(kind: Literal["sessions", "messages"]) -> Source:
    """A number of the sessions that are active now."""
    return lambda account: [((), getattr(account.live, kind))]


def live_tokens(column: Literal[0, 1]) -> Source:
    """Input (0) or output (1) tokens of the active sessions, by model."""
    return lambda account: [((m,), tokens[column]) for m, tokens in account.live.tokens.items()]


def today(kind: DayKind) -> Source:
    """A figure of the present local day."""
    return lambda account: [((), getattr(_day(account, account.today), kind))]


def today_tokens(account: Account) -> Values:
    """Input and output tokens of the present local day."""
    day = _day(account, account.today)
    return [(("input",), day.input), (("output",), day.output)]


def daily(kind: DayKind) -> Source:
    """A figure of each of the last days, zeros included."""
    return lambda account: [
        ((day.isoformat(),), getattr(_day(account, day), kind)) for day in _shown(account)
    ]


def daily_tokens(account: Account) -> Values:
    """Tokens of each of the last days: input and output, or unsplit where a day was imported."""
    for day in _shown(account):
        figures, text = _day(account, day), day.isoformat()
        if figures.unsplit is None:
            yield (text, "input"), figures.input
            yield (text, "output"), figures.output
        else:
            yield (text, "unsplit"), figures.unsplit


def hour_activity(account: Account) -> Values:
    """Sessions, messages and tool calls by hour of the day, all 24 hours."""
    for hour in range(24):
        for kind in ("sessions", "messages", "tool_calls"):
            yield (f"{hour:02d}", kind), account.hours.get((hour, kind), 0)


def files(account: Account) -> Values:
    """How many transcripts there are."""
    return [((), account.files)]


def imported_days(account: Account) -> Values:
    """How many days were imported."""
    return [((), account.imported_days)]


def tally(name: str) -> Source:
    """A tally without labels."""
    return lambda account: [((), account.tallies.get((name, ""), 0))]


def tally_by(name: str) -> Source:
    """A tally by its label."""
    return lambda account: [
        ((label,), value) for (found, label), value in account.tallies.items() if found == name
    ]


def tally_sum(name: str) -> Source:
    """A tally summed over its labels."""
    return lambda account: [
        ((), sum(value for (found, _), value in account.tallies.items() if found == name))
    ]


def moment(field: Literal["collected_s", "collect_duration_s", "offered_s"]) -> Source:
    """A moment or duration that the account knows, nothing when it does not."""

    def values(account: Account) -> Values:
        value = getattr(account, field)
        return [] if value is None else [((), value)]

    return values


def sink_moment(field: Literal["success_s", "skew_s"]) -> Source:
    """A number that each sink's state holds, where it does."""
    return lambda account: [
        ((sink.name,), value)
        for sink in account.sinks
        if (value := getattr(sink, field)) is not None
    ]


def backlog_s(account: Account, sink: SinkState) -> float | None:
    """Seconds between now and the newest values that a sink has; None before the first run."""
    since_s = sink.offered_s if sink.offered_s is not None else account.first_run_s
    return None if since_s is None else max(0.0, account.as_of_s - since_s)


def sink_backlog(account: Account) -> Values:
    """The backlog of each sink."""
    for sink in account.sinks:
        behind_s = backlog_s(account, sink)
        if behind_s is not None:
            yield (sink.name,), behind_s


def sink_samples(outcome: Literal["sent", "retried"]) -> Source:
    """Samples by sink that went one way, zeros included."""
    return lambda account: [
        ((sink.name,), sum(n for (way, _), n in sink.samples.items() if way == outcome))
        for sink in account.sinks
    ]


def sink_rejected(account: Account) -> Values:
    """Samples that sinks refused, by sink and reason."""
    for sink in account.sinks:
        for (outcome, reason), n in sink.samples.items():
            if outcome == "rejected":
                yield (sink.name, reason), n


def nothing(account: Account) -> Values:
    """No values: they are not the account's."""
    del account
    return []


def _shown(account: Account) -> list[date]:
    return [account.today - timedelta(days=back) for back in range(DAYS_SHOWN - 1, -1, -1)]


def _day(account: Account, day: date) -> Day:
    return account.days.get(day, _NO_DAY)
