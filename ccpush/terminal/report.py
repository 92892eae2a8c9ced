"""The report: tokens by day and model, as a table, JSON or CSV.

Imported days have no split by type that could be trusted, so they stand as one row without model.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import IO

from ccpush.ledger.query import Day

IMPORTED = "(imported)"


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One day and model; ``unsplit`` are tokens of an imported day, of which no type is known."""

    date: str
    model: str
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_creation: int = 0
    unsplit: int = 0


def report_rows(
    by_model: Mapping[tuple[date, str], Mapping[str, int]],
    days: Mapping[date, Day],
    since: date | None,
) -> list[ReportRow]:
    """Build the rows from ``since`` on, oldest first; a day is imported or the ledger's own."""
    rows = [
        ReportRow(
            date=day.isoformat(),
            model=model,
            input=tokens.get("input", 0),
            output=tokens.get("output", 0),
            cache_read=tokens.get("cacheRead", 0),
            cache_creation=tokens.get("cacheCreation", 0),
        )
        for (day, model), tokens in by_model.items()
        if day not in days or days[day].unsplit is None
    ]
    rows += [
        ReportRow(date=day.isoformat(), model=IMPORTED, unsplit=figures.unsplit)
        for day, figures in days.items()
        if figures.unsplit
    ]
    first = since.isoformat() if since else ""
    return sorted((row for row in rows if row.date >= first), key=lambda r: (r.date, r.model))


def total_row(rows: Sequence[ReportRow]) -> ReportRow:
    """Add up all rows."""
    return ReportRow(
        date="total",
        model="",
        input=sum(row.input for row in rows),
        output=sum(row.output for row in rows),
        cache_read=sum(row.cache_read for row in rows),
        cache_creation=sum(row.cache_creation for row in rows),
        unsplit=sum(row.unsplit for row in rows),
    )


def as_json(rows: Sequence[ReportRow]) -> str:
    """Rows and their total as one JSON object."""
    total = {k: v for k, v in asdict(total_row(rows)).items() if k not in ("date", "model")}
    return json.dumps({"rows": [asdict(row) for row in rows], "total": total}, indent=2)


def as_csv(rows: Sequence[ReportRow]) -> str:
    """Rows as CSV with a header; without a total, so that a spreadsheet's sum is right."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(ReportRow.__slots__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return out.getvalue()


def print_table(rows: Sequence[ReportRow], stream: IO[str]) -> None:
    """Print the rows and their total for a person."""
    from rich.console import Console
    from rich.table import Table

    imported = any(row.unsplit for row in rows)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("date", no_wrap=True)
    table.add_column("model", overflow="fold")
    columns = ["input", "output", "cache read", "cache creation"]
    for name in columns + ["unsplit"] * imported:
        table.add_column(name, justify="right", no_wrap=True)
    before = ""
    for row in [*rows, total_row(rows)]:
        numbers = [row.input, row.output, row.cache_read, row.cache_creation]
        cells = [f"{n:,}" if n else "-" for n in numbers + [row.unsplit] * imported]
        last = row.date == "total"
        table.add_row(
            row.date if row.date != before else "", row.model, *cells, style="bold" if last else ""
        )
        before = row.date
    width = None if stream.isatty() else 120
    Console(file=stream, highlight=False, width=width).print(table)
