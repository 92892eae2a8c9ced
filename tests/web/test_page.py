"""The laptop's own page as a document: what comes in stays text, and everybody can read it."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re

import msgspec
import pytest
from homes import NOW_S, assistant, line, tool_use, user
from shown import Element, shown, skeleton

from ccpush.ledger.sinks import SinkState

NASTY = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</td></table></style><b>",
    "</title><svg onload=alert(1)>",
    "javascript:alert(1)",
    "&lt;already&gt; &amp;",
    "\u202eevil\u2066",
)


def sink(words: str) -> SinkState:
    """A sink that says the same everywhere."""
    return SinkState(
        name=words,
        kind=words,
        success_s=NOW_S - 60.0,
        offered_s=NOW_S - 60.0,
        error=words,
        hint=words,
        samples={("sent", ""): 5, ("rejected", words): 1},
    )


def used(home, reader, words: str) -> None:
    """Let a session use a model, a tool and a stop reason of this name, and a row of this type."""
    home.main().write(
        user(at_s=NOW_S - 60),
        assistant(
            "msg_1", at_s=NOW_S - 50, model=words, stop=words, blocks=[tool_use("t1", words)]
        ),
        line({**user(), "type": words}),
    )
    reader.run()


def full(look, reader, words: str) -> Element:
    """The page with a sink of this name, too."""
    account = msgspec.structs.replace(
        reader.account(),
        sinks=(sink(words),),
        stats_cache=words,
        tallies={**reader.account().tallies, ("folded", words): 2.0, ("rows_skipped", words): 1.0},
    )
    return look(account=account, instance=words, version=words)


@pytest.mark.parametrize("nasty", NASTY)
def test_nothing_that_comes_in_becomes_markup(tmp_path, home, reader, look, nasty):
    """A page has the same elements and attributes whatever the names in it say."""
    used(home, reader, nasty)
    page = full(look, reader, nasty)
    # spaces at the ends and the like may have gone when it was read
    (tool,) = reader.by_a("tool_calls")

    plain_home = type(home)(tmp_path / "plain-home")
    reader.homes, reader.state_dir = [plain_home.path], tmp_path / "plain-state"
    used(plain_home, reader, "plain")
    assert skeleton(page) == skeleton(full(look, reader, "plain"))

    labels = [each.words for each in page.all("bdi")]
    # instance, sink, error, hint, reason of refusal, stats cache, folded, reason of skipping
    assert labels.count(nasty) >= 8
    assert page.one("head").one("title").words == f"ccpush on {nasty}"
    assert page.table("Tool calls").rows()[0][:2] == [tool, "1"]


def test_letters_that_are_none_do_not_break_the_page(home, reader, look):
    """Half a surrogate pair, which no encoding has, is shown as a question mark."""
    page = look(instance="a\udcff☃")
    assert page.one("h1").words == "ccpush on a?☃"


def test_the_policy_knows_the_style_and_the_script_of_the_page(serve, ask):
    """The policy lets in the page's own style and script, by their hashes, and its own address."""
    reply = ask(serve(), "/")
    hashes = []
    for name in ("style", "script"):
        (code,) = re.findall(f"<{name}>(.*?)</{name}>", reply.body.decode(), flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        hashes.append(f"{name}-src 'sha256-{digest}'")
    (policy,) = reply.headers.get_all("Content-Security-Policy")
    assert policy.split("; ") == [
        "default-src 'none'",
        *hashes,
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_needs_nothing_from_elsewhere(home, reader, look):
    """No image, font, frame, form, outside link or inline handler: only the page itself."""
    used(home, reader, "plain")
    page = full(look, reader, "plain")
    elements = list(page.all())
    names = {each.name for each in elements}
    assert names.isdisjoint({"img", "link", "iframe", "form", "object", "base", "image", "use"})
    links = [each.attributes.get(name) for each in elements for name in ("href", "src")]
    assert [link for link in links if link] == ["#main", "/metrics", "/-/healthy", "/-/ready"]
    attributes = {name for each in elements for name in each.attributes}
    assert "style" not in attributes
    assert not [name for name in attributes if name.startswith("on")]


def test_everybody_can_read_the_page(home, reader, look):
    """Ids are unique and what refers to them exists; tables have captions, pictures have words."""
    used(home, reader, "plain")
    page = full(look, reader, "plain")
    elements = list(page.all())
    ids = [each.attributes["id"] for each in elements if "id" in each.attributes]
    assert len(ids) == len(set(ids))
    for each in elements:
        named = each.attributes.get("aria-labelledby")
        assert named is None or named in ids
    assert page.one("html").attributes["lang"] == "en"
    assert [len(list(page.all(name))) for name in ("h1", "main", "header", "footer")] == [1] * 4
    for table in page.all("table"):
        assert table.one("caption").words
        assert all(cell.attributes.get("scope") for cell in table.all("th"))
    for picture in page.all("svg"):
        is_hidden = any(picture in cell.all("svg") for cell in page.all("td", class_="bar"))
        assert is_hidden or picture.attributes["aria-label"]
    for scrolled in page.all("div", class_="scroll"):
        assert (scrolled.attributes["tabindex"], scrolled.attributes["role"]) == ("0", "region")
    levels = [int(each.name[1]) for each in elements if re.fullmatch("h[1-6]", each.name)]
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(levels))


def test_without_a_script_the_page_reloads_itself(look):
    """Who has no script gets a new page all the same."""
    (meta,) = look().one("noscript").all("meta")
    assert meta.attributes == {"http-equiv": "refresh", "content": "60"}


def luminance(colour: str) -> float:
    """How bright a colour is, as WCAG defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_told_from_their_background(serve, ask, theme):
    """Text has a contrast of 4.5 on what it stands on, bars one of 3, in both themes."""
    style = shown(ask(serve(), "/").body).one("style").words
    colours = dict(
        re.findall(r"--(\w+): (#[0-9a-f]{6})", style.split("prefers-color-scheme")[theme])
    )

    def contrast(one, other):
        high, low = sorted((luminance(colours[one]), luminance(colours[other])), reverse=True)
        return (high + 0.05) / (low + 0.05)

    text = {
        (name, on) for name in ("ink", "soft", "bad", "good", "link") for on in ("paper", "raised")
    }
    bars = {(name, "paper") for name in ("m0", "m1", "m2", "m3", "m4", "m5", "mo", "mi")}
    assert [pair for pair in sorted(text) if contrast(*pair) < 4.5] == []
    assert [pair for pair in sorted(bars) if contrast(*pair) < 3] == []
