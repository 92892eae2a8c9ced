"""What was read, and what was skipped or has no price, and why? So that gaps can be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ccpush.claude import facts as f
from ccpush.ledger.query import Account
from ccpush.metrics.reasons import SKIPPED_FILES, SKIPPED_ROWS
from ccpush.web.page.facts import Facts
from ccpush.web.page.markup import Child, Html, join, label, tag
from ccpush.web.page.words import amount, counted, moment, number

_FINE: Final = frozenset({None, "ok", "none"})
_REMEDY: Final = (
    "To price what comes: a newer ccpush, or rows under prices: in ccpush.yml. What was counted"
    " without a price stays without."
)


def reading(facts: Facts, now_s: float) -> Html:
    """How far the account reaches, and everything that is not in it."""
    account = facts.account
    entries = [
        tag("div", tag("dt", what), tag("dd", said)) for what, said in _lines(account, now_s)
    ]
    return join(
        (
            tag("dl", *entries, class_="facts"),
            _reasons("Rows that were skipped", _tallies(account, "rows_skipped"), SKIPPED_ROWS),
            _reasons("Files that were skipped", _tallies(account, "files_skipped"), SKIPPED_FILES),
            _names("Rows of unknown types", "Type", "Rows", _tallies(account, "unknown_types")),
            *_unpriced(account),
        )
    )


def _lines(account: Account, now_s: float) -> list[tuple[str, Child]]:
    lines: list[tuple[str, Child]] = [("Last collected", moment(account.collected_s, now_s))]
    if account.covered_from is not None:
        covers = f"from {account.covered_from.isoformat()}"
        if account.imported_days:
            covers += f"; {counted(account.imported_days, 'earlier day')} from the stats cache"
        lines.append(("Covers", covers))
    if account.stats_cache not in _FINE:
        lines.append(("Stats cache", join(("not used: ", label(str(account.stats_cache))))))
    lines += [
        ("Files", amount(account.files)),
        ("Lines read", amount(_tally(account, "lines_read"))),
        ("Counted", amount(_tally(account, "rows_counted"))),
        ("Copies of what was counted", amount(_tally(account, "rows_duplicate"))),
        ("Skipped", amount(sum(_tallies(account, "rows_skipped").values()))),
    ]
    for kind, n in _tallies(account, "folded").items():
        words = (f"{counted(n, 'time')} as “other”: too many values of ", label(kind))
        lines.append(("Put together", join(words)))
    return lines


def _reasons(caption: str, found: Mapping[str, int], meaning: Mapping[str, str]) -> Html | None:
    rows = [(label(reason), meaning.get(reason, ""), number(n)) for reason, n in _most_first(found)]
    return _table(caption, ("Reason", "What that is", "How many"), rows, "reasons")


def _names(caption: str, what: str, unit: str, found: Mapping[str, int]) -> Html | None:
    rows = [(label(name), number(n)) for name, n in _most_first(found)]
    return _table(caption, (what, unit), rows)


def _table(
    caption: str,
    heads: Sequence[str],
    rows: Sequence[tuple[str | Html, ...]],
    class_: str | None = None,
) -> Html | None:
    """A table of names, words and a number at the end; None without rows."""
    if not rows:
        return None
    head = [tag("th", name, scope="col") for name in heads[:-1]]
    body = [
        tag(
            "tr",
            tag("th", first, scope="row"),
            *(tag("td", words) for words in between),
            tag("td", last, class_="n"),
        )
        for first, *between, last in rows
    ]
    return tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", *head, tag("th", heads[-1], scope="col", class_="n"))),
        tag("tbody", *body),
        class_=class_,
    )


def _most_first(found: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(found.items(), key=lambda one: (-one[1], one[0]))


def _unpriced(account: Account) -> list[Html]:
    found = {s.a: n for s, n in account.totals.items() if s.family == f.UNPRICED and n}
    table = _names("Tokens without a price", "Model", "Tokens", found)
    return [] if table is None else [table, tag("p", _REMEDY, class_="soft")]


def _tally(account: Account, name: str) -> int:
    return int(account.tallies.get((name, ""), 0))


def _tallies(account: Account, name: str) -> dict[str, int]:
    return {
        reason: int(n)
        for (found, reason), n in sorted(account.tallies.items())
        if found == name and n
    }
