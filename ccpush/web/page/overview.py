"""What was used today and this week, and what is going on now? The figures at the top."""

from __future__ import annotations

from datetime import date, timedelta

from ccpush.web.page.facts import Facts
from ccpush.web.page.markup import Child, Html, join, label, tag
from ccpush.web.page.spans import Came, Used, came, days_of, used
from ccpush.web.page.words import amount, counted, day_name, dollars, short

_COST_NOTE = (
    "Cost is API-equivalent: what these tokens cost at the API's list prices. A subscription is"
    " billed otherwise."
)
_UNSPLIT = "of days that are only in the stats cache"


def overview(facts: Facts) -> Html:
    """Today and this week, which begins on Monday."""
    today = facts.recent.today
    monday = today - timedelta(days=today.weekday())
    return join(
        (
            _span(facts, today, "today", "Today", day_name(today)),
            _span(facts, monday, "week", "This week", f"since {day_name(monday)}"),
            tag("p", _COST_NOTE, class_="soft"),
        )
    )


def active(facts: Facts) -> Html:
    """The sessions that are active now, and what they have used in all."""
    live = facts.account.live
    if not live.sessions:
        return tag("p", "No session is active: none has written anything lately.", class_="soft")
    words = f"{counted(live.sessions, 'session')}, {counted(live.messages, 'message')}."
    if not live.tokens:
        return tag("p", words)
    rows = [
        tag(
            "tr",
            tag("th", label(model), scope="row"),
            tag("td", amount(new_input), class_="n"),
            tag("td", amount(new_output), class_="n"),
        )
        for model, (new_input, new_output) in sorted(live.tokens.items())
    ]
    head = (
        tag("th", "Model", scope="col"),
        tag("th", "Input", scope="col", class_="n"),
        tag("th", "Output", scope="col", class_="n"),
    )
    table = tag(
        "table",
        tag("caption", "Tokens of the active sessions, since they began"),
        tag("thead", tag("tr", *head)),
        tag("tbody", *rows),
    )
    return join((tag("p", words), table))


def _span(facts: Facts, first: date, name: str, title: str, when: str) -> Html:
    days = days_of(facts, first)
    heading = tag("h2", title, " ", tag("span", when, class_="soft"), id=f"{name}-title")
    tiles = _tiles(used(facts, days), came(facts, days))
    return tag(
        "section",
        heading,
        tag("dl", *tiles, class_="tiles"),
        id=name,
        aria_labelledby=f"{name}-title",
    )


def _tiles(use: Used, out: Came) -> list[Html]:
    return [
        _tile("tokens", "Tokens, input and output", amount(use.tokens), _token_notes(use)),
        _tile("cost", "Cost, API-equivalent", cost(use), _cost_notes(use)),
        _tile("sessions", "Sessions", amount(out.sessions)),
        _tile("messages", "Messages", amount(out.messages)),
        _tile("tool_calls", "Tool calls", amount(out.tool_calls)),
        _tile("lines", "Lines added", amount(out.lines_added), [_removed(out)]),
        _tile("commits", "Commits", amount(out.commits)),
    ]


def cost(use: Used) -> str:
    """What something cost, marked where a part has no price."""
    if not use.cost_is_known:
        return "unknown"
    return dollars(use.cost_nano) if use.cost_is_whole else f"≥ {dollars(use.cost_nano)}"


def _token_notes(use: Used) -> list[str]:
    notes = [f"{short(use.input)} in, {short(use.output)} out"]
    if use.unsplit:
        notes.append(f"{short(use.unsplit)} {_UNSPLIT}")
    notes.append(f"cache: {short(use.cache_read)} read, {short(use.cache_creation)} written")
    return notes


def _cost_notes(use: Used) -> list[str]:
    notes = []
    if use.unpriced:
        notes.append(f"{short(use.unpriced)} tokens have no price")
    if use.unsplit:
        notes.append(f"without {short(use.unsplit)} tokens {_UNSPLIT}")
    return notes


def _removed(out: Came) -> str:
    return f"{short(out.lines_removed)} removed"


def _tile(name: str, title: str, value: Child, notes: list[str] | None = None) -> Html:
    shown = [tag("dd", note, class_="soft") for note in notes or ()]
    return tag("div", tag("dt", title), tag("dd", value), *shown, class_=f"tile {name}")
