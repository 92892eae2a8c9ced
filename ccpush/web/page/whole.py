"""What does a person see who opens the endpoint in a browser? The parts, put together."""

from __future__ import annotations

from typing import Final

from ccpush.web.page.days import by_day
from ccpush.web.page.delivery import delivery
from ccpush.web.page.facts import DAYS, Facts
from ccpush.web.page.hours import by_hour
from ccpush.web.page.markup import Html, join, label, raw, tag
from ccpush.web.page.overview import active, overview
from ccpush.web.page.policy import made
from ccpush.web.page.reading import reading
from ccpush.web.page.script import EVERY_S, SCRIPT
from ccpush.web.page.style import STYLE
from ccpush.web.page.tools import tools
from ccpush.web.page.words import age, moment

CONTENT_TYPE: Final = "text/html; charset=utf-8"
# Older than so many intervals, and than this, means that something keeps us from reading.
_OLD_INTERVALS: Final = 3
_OLD_S: Final = 300.0
_LINKS: Final = (
    ("/metrics", "for Prometheus to scrape"),
    ("/-/healthy", "whether the process lives"),
    ("/-/ready", "whether the first pass is complete"),
)


def page(facts: Facts, now_s: float) -> bytes:
    """The page as HTML; ages are counted to ``now_s``."""
    document = tag(
        "html", _head(facts), tag("body", *_body(facts, now_s)), lang="en", data_made=made()
    )
    return f"<!DOCTYPE html>\n{document}\n".encode("utf-8", "replace")


def _head(facts: Facts) -> Html:
    reload = tag("meta", http_equiv="refresh", content=str(2 * EVERY_S))
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"ccpush on {facts.instance}"),
        raw("style", STYLE),
        tag("noscript", reload),
    )


def _body(facts: Facts, now_s: float) -> tuple[Html, ...]:
    main = (
        tag("div", overview(facts), id="overview", data_live=True),
        _part("active", "Active now", active(facts)),
        _part("days", f"The last {DAYS} days", by_day(facts)),
        _part("hours", "Hours of the week", by_hour(facts)),
        _part("tools", "Tools", tools(facts)),
        _part("sinks", "What is sent where", delivery(facts, now_s)),
        _part("reading", "What was read and skipped", reading(facts, now_s)),
    )
    return (
        tag("a", "To the figures", href="#main", class_="skip"),
        _header(facts, now_s),
        tag("main", *join_lines(main), id="main", tabindex="-1"),
        _footer(facts),
        raw("script", SCRIPT),
    )


def join_lines(parts: tuple[Html, ...]) -> tuple[Html, ...]:
    """The parts, each on lines of its own, for who reads the source."""
    return (Html("\n"), join(parts, "\n"), Html("\n"))


def _header(facts: Facts, now_s: float) -> Html:
    state = tag("div", *_state(facts, now_s), id="state", data_live=True)
    return tag(
        "header",
        tag("h1", "ccpush on ", label(facts.instance)),
        tag("p", "An exact account of Claude Code usage on this machine.", class_="soft"),
        state,
        tag("p", id="told", class_="note", role="status", hidden=True),
    )


def _state(facts: Facts, now_s: float) -> list[Html]:
    account = facts.account
    lines = [tag("p", "Counted through ", moment(account.collected_s, now_s))]
    if not account.passes:
        words = "The first pass over the files is not complete: the figures are still growing."
        lines.append(tag("p", words, class_="note"))
        return lines
    old_s = now_s - (account.collected_s or 0.0)
    if old_s > max(_OLD_S, _OLD_INTERVALS * facts.interval_s):
        words = (
            f"These figures are {age(old_s)} old: this is the last complete state. ccpush's log"
            " says what keeps it from reading."
        )
        lines.append(tag("p", words, class_="note"))
    return lines


def _part(name: str, title: str, content: Html) -> Html:
    heading = tag("h2", title, id=f"{name}-title")
    live = tag("div", content, id=f"{name}-live", data_live=True)
    return tag("section", heading, live, id=name, aria_labelledby=f"{name}-title")


def _footer(facts: Facts) -> Html:
    links = [
        tag("li", tag("a", path, href=path), " ", tag("span", what, class_="soft"))
        for path, what in _LINKS
    ]
    return tag(
        "footer",
        tag("nav", tag("ul", *links), aria_label="Other addresses"),
        tag("p", "ccpush ", facts.version, class_="soft"),
    )
