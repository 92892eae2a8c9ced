"""The report for people: a table of tokens and cost, what came of it, and what the marks mean.

A terminal too narrow for whole numbers gets short ones; what is no terminal gets all digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Final

from ccpush.terminal.report import OutcomeRow, UsageRow, outcome_total, usage_total

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

NO_PRICE: Final = "*"
UNKNOWN: Final = "?"
_CENT: Final = 10**7
_WIDE: Final = 100_000
COST: Final = (
    "Cost is API-equivalent: these tokens at the API's list prices of their days, whatever you pay."
)
_LOST: Final = (
    f"{UNKNOWN} not known, or not all of it: from stats-cache.json or an older ccpush, which had"
    " sums alone, and the transcripts are gone."
)
REMEDY: Final = (
    "To price what comes: a newer ccpush, or rows under prices: in ccpush.yml (docs/cost.md)."
)
_USAGE: Final = ("input", "output", "cache read", "cache writes")
_OUTCOME: Final = (
    "prompts", "active you", "active Claude", "lines added", "lines removed", "commits",
    "pull requests", "tool errors", "API errors",
)  # fmt: skip

Number = Callable[[int], str]


def print_usage(usage: Sequence[UsageRow], outcome: Sequence[OutcomeRow], stream: IO[str]) -> None:
    """Print tokens and cost by day and model, and what came of these days in all."""
    console = _console(stream)
    total, came = usage_total(usage), outcome_total(outcome)
    _print(console, lambda number, gap: _usage_table(usage, total, number, gap))
    console.print()
    _print(console, lambda number, gap: _outcome_table((), came, number, gap))
    console.print()
    for line in _usage_notes(usage, total):
        console.print(line)
    if not came.complete:
        console.print(_LOST)


def print_outcome(rows: Sequence[OutcomeRow], stream: IO[str]) -> None:
    """Print what came of each day."""
    console = _console(stream)
    total = outcome_total(rows)
    told = [row for row in rows if row.known]
    _print(console, lambda number, gap: _outcome_table(told, total, number, gap))
    if not total.complete:
        console.print()
        left_out = len(rows) - len(told)
        console.print(_LOST + f" {left_out} such days are left out." * bool(left_out))


def dollars(nano: int) -> str:
    """Say a sum of 10^-9 US dollars to the cent."""
    if 0 < nano < _CENT // 2:
        return "<$0.01"
    cents = (nano + _CENT // 2) // _CENT
    return f"${cents // 100:,}.{cents % 100:02d}"


def _console(stream: IO[str]) -> Console:
    from rich.console import Console

    # a file is as wide as its lines; only a terminal has an edge
    width = None if stream.isatty() else _WIDE
    # names of models are no markup
    return Console(file=stream, highlight=False, markup=False, emoji=False, width=width)


def _print(console: Console, table: Callable[[Number, int], Table]) -> None:
    """Print with whole numbers if the console is wide enough, else with short ones."""
    whole = table(_whole, 2)
    unbound = console.options.update(max_width=_WIDE)
    fits = console.measure(whole, options=unbound).maximum <= console.width
    console.print(whole if fits else table(_short, 1))


def _table(columns: Sequence[str], texts: int, gap: int) -> Table:
    """An empty table: so many columns of text, then numbers; ``gap`` spaces are between them."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, gap, 0, 0))
    for at, name in enumerate(columns):
        if at < texts:
            table.add_column(name, overflow="fold", no_wrap=at == 0)
        else:
            table.add_column(name.replace(" ", "\n"), justify="right", no_wrap=True)
    return table


def _usage_table(rows: Sequence[UsageRow], total: UsageRow, number: Number, gap: int) -> Table:
    imported = any(row.unsplit for row in rows)
    columns = ("date", "model", *_USAGE, *("unsplit",) * imported, "cost")
    table = _table(columns, 2, gap)
    before = ""
    for row in (*rows, total):
        tokens = [row.input, row.output, row.cache_read, row.cache_creation]
        cells = [number(n) if n else "-" for n in tokens + [row.unsplit] * imported]
        table.add_row(
            row.date if row.date != before else "",
            row.model,
            *cells,
            _cost(row),
            style="bold" if row is total else "",
        )
        before = row.date
    return table


def _outcome_table(
    rows: Sequence[OutcomeRow], total: OutcomeRow, number: Number, gap: int
) -> Table:
    table = _table(("date" if rows else "outcome", *_OUTCOME), 1, gap)
    for row in (*rows, total):
        counts = (
            row.lines_added, row.lines_removed, row.commits, row.pull_requests, row.tool_errors,
            row.api_errors,
        )  # fmt: skip
        cells = [
            _cell(row, row.prompts, number),
            _cell(row, row.active_user_s, _duration),
            _cell(row, row.active_cli_s, _duration),
            *(_cell(row, count, number) for count in counts),
        ]
        table.add_row(row.date, *cells, style="bold" if row is total else "")
    return table


def _cost(row: UsageRow) -> str:
    marks = NO_PRICE * bool(row.unpriced) + UNKNOWN * bool(row.before_prices or row.unsplit)
    return marks if row.cost_nano is None else dollars(row.cost_nano) + marks


def _cell(row: OutcomeRow, value: int | None, number: Number) -> str:
    if value is None:
        return UNKNOWN
    mark = "" if row.complete else UNKNOWN
    return (number(value) if value else "-") + mark


def _whole(value: int) -> str:
    return f"{value:,}"


def _short(value: int) -> str:
    """At most six characters up to 10^15, with three digits that count."""
    if value < 10_000:
        return f"{value:,}"
    for unit, size in (("k", 10**3), ("M", 10**6), ("G", 10**9), ("T", 10**12)):
        if value < 999.5 * size:
            number = value / size
            return f"{number:.{2 if number < 9.995 else 1 if number < 99.95 else 0}f}{unit}"
    return f"{value / 10**12:.0f}T"


def _duration(seconds: int) -> str:
    minutes = (seconds + 30) // 60
    if not minutes:
        return "<1m"
    return f"{minutes // 60}h{minutes % 60:02d}m" if minutes >= 60 else f"{minutes}m"


def _usage_notes(rows: Sequence[UsageRow], total: UsageRow) -> Iterator[str]:
    saved = (
        f" Reading from the cache saved {dollars(total.saved_nano)}." if total.saved_nano else ""
    )
    yield COST + saved
    if total.unpriced:
        models = ", ".join(sorted({row.model for row in rows if row.unpriced}))
        yield (
            f"{NO_PRICE} {total.unpriced:,} tokens have no price and are in no cost: {models}."
            f" {REMEDY}"
        )
