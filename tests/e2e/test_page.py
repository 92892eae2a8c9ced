"""The laptop's own page in a real browser, served by a resident process over a year of use."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import chromium
import homes
import pytest
import servers
from chromium import Browser
from programs import Desk, answers, fetch, stop
from shown import shown

from ccpush.demo.invent import invent_home
from ccpush.ledger.query import read_account
from ccpush.ledger.store import open_ledger

pytestmark = pytest.mark.integration
SOON_S = 10.0
# The page's clock runs a hundred times faster, and the test says when nobody looks.
FAST = """
const every = setInterval;
window.setInterval = (call, ms) => every(call, ms / 100);
Object.defineProperty(document, "hidden", { get: () => window.away === true });
"""
NASTY = "<img src=x onerror=alert(1)>"


@dataclass
class Served:
    """A resident process and where its page is."""

    url: str
    home: Path
    state: Path
    stop: object


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Claude home with a year of use until now."""
    home = tmp_path_factory.mktemp("year") / "claude"
    invent_home(home, end=time.time(), days=365, seed=3)
    return home


@pytest.fixture
def served(year: Path, tmp_path: Path) -> Iterator[Served]:
    """A resident process over the year that has read all of it."""
    desk, port, state = Desk(tmp_path), servers.free_port(), tmp_path / "ledger"
    where = f"127.0.0.1:{port}"
    words = ("--claude-home", str(year), "--state", str(state), "--listen-address", where)
    with desk.staying("run", *words) as process:
        servers.wait_until(lambda: answers(f"http://{where}/-/ready"), 30, "all is read")
        yield Served(f"http://{where}/", year, state, lambda: stop(process))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium."""
    if chromium.find() is None:
        pytest.skip("chromium is not installed (Debian: chromium)")
    with chromium.browser(tmp_path_factory.mktemp("browser")) as running:
        yield running


def messages_today(page: str) -> str:
    """The figure of today's messages."""
    return shown(page.encode()).one("section", id="today").figures()["Messages"][0]


def test_the_figures_are_the_ledgers_and_come_at_once(served: Served) -> None:
    """What the resident process shows is what its ledger says; over a year in under 200 ms."""
    times = []
    for _ in range(5):
        began_s = time.perf_counter()
        page = fetch(served.url)
        times.append(time.perf_counter() - began_s)
    with open_ledger(served.state, write=False) as connection:
        account = read_account(connection, time.time(), 900.0)
    assert messages_today(page) == str(account.days[account.today].messages)
    # the best of several: a busy machine is not the page's doing
    assert min(times) < 0.2
    assert (len(account.days) - account.imported_days) >= 25


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_a_browser_shows_the_page_without_complaint(
    served: Served, browser: Browser, width: int, dark: bool
) -> None:
    """Nothing on the console, nothing asked for elsewhere, no scrolling sideways."""
    page = browser.open(served.url, width=width, dark=dark)
    assert page.run("document.documentElement.scrollWidth") == width
    assert page.run("getComputedStyle(document.body).backgroundColor") == (
        "rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)"
    )
    assert page.run("document.querySelectorAll('#tokens-by-day svg g').length") == 30
    assert page.requested == [served.url]
    assert page.complaints == []


def test_a_browser_has_loaded_the_page_in_no_time(served: Served, browser: Browser) -> None:
    """In under 200 ms over a year, at the best of some tries."""
    loaded = "performance.getEntriesByType('navigation')[0].loadEventStart"
    times_ms = [browser.open(served.url, width=1280, dark=False).run(loaded) for _ in range(8)]
    assert min(times_ms) < 200


def test_the_keyboard_reaches_everything(served: Served, browser: Browser) -> None:
    """Tab goes through the skip link, what unfolds and the links, each of them visibly."""
    page = browser.open(served.url)
    reached = []
    while True:
        page.press("Tab", 9)
        if page.run("document.activeElement === document.body"):
            break
        reached.append(page.run("document.activeElement.id || document.activeElement.className"))
        assert page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        assert len(reached) < 20
        if reached[-1] == "numbers-open":
            page.run("document.activeElement.click()")
    assert reached[:3] == ["skip", "numbers-open", "numbers-table"]
    # the addresses at the end have neither
    assert reached[-3:] == ["", "", ""]


def test_the_page_updates_itself_and_disturbs_nobody(served: Served, browser: Browser) -> None:
    """New figures come in; scroll, focus and what is unfolded stay; while hidden nothing is asked."""
    page = browser.open(served.url, width=360, first=FAST)
    page.run("document.getElementById('numbers-open').click()")
    page.run("document.getElementById('numbers-table').focus()")
    page.run("document.getElementById('numbers-table').scrollLeft = 40")
    page.run("scrollTo(0, document.getElementById('days').offsetTop)")
    # where what is read stands in the window, though something may come in above it
    seen = "[Math.round(document.getElementById('days').getBoundingClientRect().top), "
    seen += "document.activeElement.id]"
    before = page.run(seen)
    assert page.run("scrollY") > 300

    now_s = time.time()
    session = homes.Transcript(served.home / "projects" / "-more" / f"{homes.SESSION}.jsonl")
    call = homes.tool_use("toolu_nasty", NASTY)
    session.write(
        homes.user(at_s=now_s - 2),
        homes.assistant(f"msg_{now_s}", at_s=now_s - 1, model=NASTY, blocks=[call]),
    )
    servers.wait_until(
        lambda: page.run(f"document.body.textContent.includes('{NASTY}')"), SOON_S, "it is shown"
    )
    assert page.run(seen) == before
    assert page.run("document.getElementById('numbers').open")
    assert page.run("document.getElementById('numbers-table').scrollLeft") == 40
    assert page.run("document.images.length") == 0

    page.run("window.away = true")
    asked = len(page.requested)
    page.run("new Promise((done) => setTimeout(done, 1000))")
    assert len(page.requested) <= asked + 1
    page.run("window.away = false")
    servers.wait_until(lambda: len(page.requested) > asked + 2, SOON_S, "it is asked again")
    assert set(page.requested) == {served.url}
    assert page.complaints == []


def test_when_nobody_answers_the_page_says_so(served: Served, browser: Browser) -> None:
    """Once ccpush has ended, what stands there says of when it is."""
    page = browser.open(served.url, first=FAST)
    told = "document.getElementById('told')"
    assert page.run(f"{told}.hidden")
    served.stop()
    servers.wait_until(lambda: not page.run(f"{told}.hidden"), SOON_S, "it is told")
    words = page.run(f"{told}.textContent")
    assert re.fullmatch(r"ccpush does not answer: what stands here is of .*\d\d:\d\d.*\.", words)
