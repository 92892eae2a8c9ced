"""The landing page: every text stays text."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from ccpush.web.page import Facts, SinkFacts, content_security_policy, landing_page

NASTY = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</td></table></style><b>",
    "&lt;already&gt; &amp;",
    "a\udcff☃",
)


class Reader(HTMLParser):
    """All tags with their attributes, and all text, as a browser would see them."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags = []
        self.text = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def read(page: bytes) -> Reader:
    """The page as a browser would take it apart."""
    reader = Reader()
    reader.feed(page.decode())
    reader.close()
    return reader


def facts_of(text: str) -> Facts:
    """Facts that say the same everywhere."""
    sink = SinkFacts(name=text, kind=text, last_success_s=5.0, error=text)
    return Facts(version=text, instance=text, last_collect_s=1.0, sinks=(sink,))


@pytest.mark.parametrize("nasty", NASTY)
def test_nothing_that_comes_in_becomes_markup(nasty):
    """The page has the same tags whatever the facts say, and shows the facts letter by letter."""
    page, plain = read(landing_page(facts_of(nasty), 60.0)), read(landing_page(facts_of("x"), 60.0))
    assert page.tags == plain.tags
    shown = nasty.encode("utf-8", "replace").decode()
    # title, version, instance; the sink's name, kind and error
    assert [text for text in page.text if shown in text] == [f"ccpush on {shown}", *[shown] * 5]


def test_the_page_needs_nothing_from_elsewhere():
    """No script, image, font, form or outside link; links lead to our own paths only."""
    page = read(landing_page(facts_of("x"), 60.0))
    tags = {tag for tag, _ in page.tags}
    assert tags.isdisjoint({"script", "img", "link", "iframe", "form", "object", "base"})
    links = [value for _, attrs in page.tags for name, value in attrs if name in {"href", "src"}]
    assert links == ["/metrics", "/-/healthy", "/-/ready"]
    assert not [name for _, attrs in page.tags for name, _ in attrs if name in {"style", "onclick"}]


def test_the_policy_knows_the_style_of_the_page():
    """The only thing the policy lets in is the page's own style, by its hash."""
    page = landing_page(facts_of("x"), 60.0).decode()
    styles = re.findall("<style>(.*?)</style>", page, flags=re.DOTALL)
    assert len(styles) == 1
    digest = base64.b64encode(hashlib.sha256(styles[0].encode()).digest()).decode()
    assert content_security_policy().split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    assert "prefers-color-scheme: dark" in styles[0]


@pytest.mark.parametrize(
    ("when_s", "expected"),
    [
        (None, "never"),
        (1000.0, "1970-01-01 00:16:40 UTC(0 s ago)"),
        (881.0, "1970-01-01 00:14:41 UTC(119 s ago)"),
        (880.0, "1970-01-01 00:14:40 UTC(2 min ago)"),
        (1060.0, "1970-01-01 00:17:40 UTC(in the future: check the clock)"),
    ],
)
def test_moments_are_told_with_their_age(when_s, expected):
    """A time is in UTC with its age; one that never was is "never", one to come is told as such."""
    page = landing_page(Facts("1", "i", when_s), 1000.0).decode()
    cell = re.search("Last collected</th><td>(.*?)</td>", page)
    assert cell is not None
    assert re.sub(" ?<[^>]*>", "", cell[1]) == expected


def test_without_sinks_the_page_says_so():
    """Who only pulls is told that nothing is pushed."""
    assert "None: ccpush is only pulled from." in landing_page(Facts("1", "i"), 0.0).decode()
