"""What a person sees who opens the endpoint in a browser.

One page in one file: no script, no image, nothing from elsewhere. Every text that comes in is
shown as text; the policy that goes with the page forbids the browser anything else.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

CONTENT_TYPE = "text/html; charset=utf-8"
_NEVER = "never"
_STYLE = """
:root { color-scheme: light dark; --line: #d0d4da; --soft: #5b6470; --bad: #b3261e; --link: #0b57d0;
  --ink: #1b1f24; --paper: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --line: #3a414b; --soft: #9aa4b1; --bad: #ff8a80;
  --link: #8ab4f8; --ink: #e6e9ed; --paper: #16191d; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 46rem; margin: 2.5rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
a { color: var(--link); } .soft { color: var(--soft); } .bad { color: var(--bad); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0;
  border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
"""


@dataclass(frozen=True, slots=True)
class SinkFacts:
    """How one sink is doing; times in seconds since 1970, ``error`` a sentence or None."""

    name: str
    kind: str
    last_success_s: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the landing page tells; times in seconds since 1970, None for "not yet"."""

    version: str
    instance: str
    last_collect_s: float | None = None
    sinks: tuple[SinkFacts, ...] = ()


def landing_page(facts: Facts, now_s: float) -> bytes:
    """The page as HTML; ages are counted to ``now_s``."""
    rows = [
        ("Version", _text(facts.version)),
        ("Instance", _text(facts.instance)),
        ("Last collected", _moment(facts.last_collect_s, now_s)),
    ]
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ccpush on {_text(facts.instance)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>ccpush</h1>
<p>An exact account of Claude Code usage on this machine.</p>
<ul>
<li><a href="/metrics">/metrics</a> <span class="soft">for Prometheus to scrape</span></li>
<li><a href="/-/healthy">/-/healthy</a> <span class="soft">the process lives</span></li>
<li><a href="/-/ready">/-/ready</a> <span class="soft">the first pass is complete</span></li>
</ul>
<table>
{_lines(f'<tr><th scope="row">{name}</th><td>{value}</td></tr>' for name, value in rows)}
</table>
{_sinks(facts.sinks, now_s)}
</body>
</html>
"""
    return page.encode("utf-8", "replace")


def content_security_policy() -> str:
    """The policy for every answer: nothing may be loaded or run; our own style alone is known."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _sinks(sinks: tuple[SinkFacts, ...], now_s: float) -> str:
    if not sinks:
        return '<h2>Sinks</h2>\n<p class="soft">None: ccpush is only pulled from.</p>'
    return (
        "<h2>Sinks</h2>\n<table>\n"
        '<tr><th scope="col">Name</th><th scope="col">Kind</th>'
        '<th scope="col">Last success</th><th scope="col">Error</th></tr>\n'
        f"{_lines(_sink(sink, now_s) for sink in sinks)}\n</table>"
    )


def _sink(sink: SinkFacts, now_s: float) -> str:
    error = f'<td class="bad">{_text(sink.error)}</td>' if sink.error else "<td>none</td>"
    return (
        f"<tr><td>{_text(sink.name)}</td><td>{_text(sink.kind)}</td>"
        f"<td>{_moment(sink.last_success_s, now_s)}</td>{error}</tr>"
    )


def _moment(when_s: float | None, now_s: float) -> str:
    if when_s is None:
        return _NEVER
    moment = datetime.fromtimestamp(when_s, tz=UTC)
    return (
        f'<time datetime="{moment:%Y-%m-%dT%H:%M:%SZ}">{moment:%Y-%m-%d %H:%M:%S} UTC</time>'
        f' <span class="soft">({_age(now_s - when_s)})</span>'
    )


def _age(seconds: float) -> str:
    if seconds < 0:
        return "in the future: check the clock"
    for size_s, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size_s:
            return f"{seconds / size_s:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def _lines(parts: Iterable[str]) -> str:
    return "\n".join(parts)


def _text(value: str) -> str:
    return html.escape(value, quote=True)
