"""The report for programs: JSON with totals, CSV without, both in full precision."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from ccpush.terminal.report import OutcomeRow, UsageRow, outcome_total, usage_total

_DIGITS: Final = 9
_NANO: Final = 10**_DIGITS


def usage_json(usage: Sequence[UsageRow], outcome: Sequence[OutcomeRow]) -> str:
    """Rows, their total, and what came of these days, as one JSON object."""
    return _json(
        rows=[_usage_facts(row, _number) for row in usage],
        total=_without(_usage_facts(usage_total(usage), _number), "date", "model"),
        outcome=_without(msgspec.structs.asdict(outcome_total(outcome)), "date"),
    )


def outcome_json(outcome: Sequence[OutcomeRow]) -> str:
    """What came of each day, and in all, as one JSON object."""
    return _json(
        rows=[msgspec.structs.asdict(row) for row in outcome],
        total=_without(msgspec.structs.asdict(outcome_total(outcome)), "date"),
    )


def usage_csv(rows: Sequence[UsageRow]) -> str:
    """Rows as CSV with a header; without a total, so that a spreadsheet's sum is right."""
    return _csv(_usage_facts(UsageRow("", ""), _digits), (_usage_facts(r, _digits) for r in rows))


def outcome_csv(rows: Sequence[OutcomeRow]) -> str:
    """What came of each day, as CSV with a header."""
    facts = ({**msgspec.structs.asdict(r), "complete": json.dumps(r.complete)} for r in rows)
    return _csv(OutcomeRow.__struct_fields__, facts)


def _usage_facts(row: UsageRow, usd: Callable[[int | None], float | str | None]) -> dict[str, Any]:
    facts = msgspec.structs.asdict(row)
    return {
        name.replace("_nano", "_usd"): usd(value) if name.endswith("_nano") else value
        for name, value in facts.items()
    }


def _number(nano: int | None) -> float | None:
    return None if nano is None else nano / _NANO


def _digits(nano: int | None) -> str | None:
    """US dollars with all their digits and no exponent."""
    if nano is None:
        return None
    whole, rest = divmod(nano, _NANO)
    return f"{whole}.{rest:0{_DIGITS}d}".rstrip("0").rstrip(".")


def _without(facts: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in names}


def _json(**parts: object) -> str:
    return json.dumps(parts, indent=2)


def _csv(names: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
