"""Public dashboards for Claude Code's own telemetry light up where there is ccpush alone.

The panels are in tests/rules/public_panels.toml. A laptop of three days is pushed at once, and then
minute by minute; every panel is asked about those days, and about the hour that is now.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import urllib.parse
from collections.abc import Iterator
from typing import Any

import homes
import msgspec
import pytest
import servers
from central import DAY_S, HOUR_S, KEEP, NOON_S, WINDOW, settle
from documents import ROOT
from homes import HAIKU, OPUS, Row
from laptops import Clock, Laptop
from roads import road

from ccpush.config.settings import Settings

pytestmark = pytest.mark.integration

PANELS: dict[str, Any] = tomllib.loads(
    (ROOT / "tests/rules/public_panels.toml").read_text(encoding="utf-8")
)
ADA = "ada@example.com"
BEGINS_S = NOON_S - 3 * DAY_S
LIVE_MINUTES = 8
# of each working session: responses of either model, the rest by opus
RESPONSES = 12
CACHED: Row = {"cache_read": 4000, "flat": 300}

panels = pytest.mark.parametrize(
    "panel", PANELS["panel"], ids=[f"{one['dashboard']}: {one['title']}" for one in PANELS["panel"]]
)


class NamedLaptop(Laptop):
    """A laptop whose series bear the address of its user."""

    def settings(self) -> Settings:
        """The settings, with the label that the dashboards have."""
        return msgspec.structs.replace(super().settings(), external_labels={"user_email": ADA})


class Work:
    """Sessions in which everything happens that a panel may show."""

    def __init__(self, laptop: Laptop) -> None:
        self.laptop = laptop
        self.sessions = self.tokens = self.lines = 0

    def session(self, at_s: float) -> None:
        """Somebody asks, two models answer for an hour, files change, a pull request comes of it."""
        self.sessions += 1
        name = f"session-{self.sessions}"
        rows = [homes.user("please", at_s=at_s, session=name)]
        for number in range(RESPONSES):
            then_s = at_s + 60 + 240 * number
            rows += self._step(f"{name}-{number}", number, then_s, name)
        self._transcript(name, rows, at_s + HOUR_S)

    def minute(self, number: int, at_s: float) -> None:
        """A session that lasts for this minute."""
        self.sessions += 1
        name = f"live-{number}"
        rows = [homes.user("please", at_s=at_s - 40, session=name)]
        for place in (number % 2, 2, 3, 4, 5):
            rows += self._step(f"{name}-{place}", place, at_s - 30 + 3 * place, name)
        self._transcript(name, rows, at_s)

    def done(self) -> dict[str, int]:
        """What was used so far, by the names of the rules."""
        return {"tokens": self.tokens, "sessions": self.sessions, "lines_of_code": self.lines}

    def _transcript(self, name: str, rows: list[Row], at_s: float) -> None:
        file = homes.Transcript(self.laptop.home / "projects" / "-home-app" / f"{name}.jsonl")
        file.write(*rows, at_s=at_s)

    def _step(self, key: str, number: int, at_s: float, session: str) -> Iterator[Row]:
        """A response that calls a tool, how that went, and now and then the next prompt."""
        model = HAIKU if number % 2 else OPUS
        call, result, detail = self._tool(number, key)
        self.tokens += 10 + 20 + sum(CACHED.values())
        yield homes.assistant(
            key, at_s=at_s, session=session, model=model, stop="tool_use",
            blocks=[{**call, "id": f"toolu_{key}"}], **CACHED,
        )  # fmt: skip
        block = {"type": "tool_result", "tool_use_id": f"toolu_{key}", **result}
        more: Row = {"toolUseResult": detail} if detail else {}
        yield homes.user([block], at_s=at_s + 1, session=session, **more)
        yield homes.user("and then", at_s=at_s + 2, session=session)

    def _tool(self, number: int, key: str) -> tuple[Row, Row, Row]:
        """A call, its result and the details of that, another kind for each number."""
        kind = number % 6
        if kind == 0:
            return self._edit("Edit", "app/a.py", ["-old", "+new", "+line", " same"])
        if kind == 1:
            return self._edit("Edit", "app/b.go", ["-gone", "+come"])
        if kind == 2:
            self.lines += 2
            made = {"type": "create", "content": "a\nb\n", "structuredPatch": []}
            call = homes.tool_use(name="Write", file_path="app/c.ts", content="a\nb\n")
            return call, {"content": "File created successfully at: app/c.ts"}, made
        if kind == 3:
            no = {"content": "The user doesn't want to proceed with this.", "is_error": True}
            call = homes.tool_use(name="Edit", file_path="app/a.py", old_string="x", new_string="y")
            return call, no, {}
        if kind == 4:
            return self._bash("git commit -m change", f"[main {number:07x}] change")
        address = f"https://github.com/somebody/app/pull/{sum(key.encode()) * 1000 + self.tokens}"
        return self._bash("gh pr create --fill", address)

    def _edit(self, tool: str, path: str, lines: list[str]) -> tuple[Row, Row, Row]:
        self.lines += sum(line[0] in "+-" for line in lines)
        call = homes.tool_use(name=tool, file_path=path, old_string="old", new_string="new")
        return call, {"content": "done"}, {"structuredPatch": [{"lines": lines}]}

    def _bash(self, command: str, output: str) -> tuple[Row, Row, Row]:
        detail = {"stdout": output, "stderr": "", "interrupted": False}
        return homes.tool_use(name="Bash", command=command), {"content": output}, detail


class Central:
    """A server, what time it is there, and what was used in the three days and since."""

    def __init__(
        self, server: servers.Server, now_s: float, past: dict[str, int], total: dict[str, int]
    ) -> None:
        self.server = server
        self.now_s = now_s
        self.past = past
        self.total = total

    def over_days(self, promql: str, step_s: int) -> list[list[float]]:
        """The values of each series over the days, as a graph shows them."""
        fields = {"query": promql, "start": BEGINS_S, "end": NOON_S, "step": step_s}
        path = "/api/v1/query_range?" + urllib.parse.urlencode(fields)
        found = json.loads(self.server.get(path))["data"]["result"]
        return [[float(value) for _, value in one["values"]] for one in found]


# While Prometheus moves days that came late into blocks, once a minute, a query may miss some.
UNMOVED = ("--storage.tsdb.min-block-duration=90d", "--storage.tsdb.max-block-duration=90d")


@pytest.fixture(scope="module", params=["prometheus", "victoria"])
def central(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Central]:
    """Three days that came in one push, then some minutes that came as they were."""
    folder, clock = tmp_path_factory.mktemp("panels"), Clock()
    if request.param == "prometheus":
        starting = servers.prometheus(WINDOW, folder, (*KEEP, *UNMOVED))
    else:
        starting = servers.victoria_metrics(folder)
    with starting as server, road(server.url, clock) as way:
        laptop = NamedLaptop(folder / "ada", clock, way)
        work = Work(laptop)
        for day in range(3):
            for hour in (1, 4, 7, 22):
                work.session(BEGINS_S + day * DAY_S + hour * HOUR_S + 17.5)
        assert "delivered" == laptop.tick()["central"].outcome
        past = work.done()
        for number in range(LIVE_MINUTES):
            clock.forward(60)
            work.minute(number, clock())
            assert "delivered" == laptop.tick()["central"].outcome
        # the newest minute is over
        clock.forward(60)
        assert "delivered" == laptop.tick()["central"].outcome
        settle(server)
        yield Central(server, clock(), past, work.done())


def as_asked(expr: str) -> str:
    """The query that Grafana makes of a panel's expression; what stays of a variable is a fault."""
    asked = re.sub(r"\$(\w+)", lambda match: PANELS["variables"][match[1]], expr)
    assert "$" not in asked
    return asked


@panels
def test_panels_show_the_past(panel: dict[str, Any], central: Central) -> None:
    """Right after a backfill every panel has the days that were: each series, more than nothing."""
    step_s = 60 if panel.get("rate5m") else HOUR_S
    found = central.over_days(as_asked(panel["expr"]), step_s)

    assert panel["series"] <= len([values for values in found if max(values) > 0]), found


@panels
def test_panels_show_the_moment(panel: dict[str, Any], central: Central) -> None:
    """While a laptop pushes minute by minute every panel has what goes on now."""
    found = central.server.query(as_asked(panel["expr"]), central.now_s)

    assert panel["series"] <= len([one for one in found if float(one["value"][1]) > 0]), found


def test_users_have_an_address_because_the_settings_say_so(central: Central) -> None:
    """The dashboards' label for users is an external label of ccpush; its own is there too."""
    by = "group by (user, user_email) (claude_code_token_usage_tokens_total)"

    assert [{"user": "ada", "user_email": ADA}] == [
        one["metric"] for one in central.server.query(by, central.now_s)
    ]


@pytest.mark.parametrize("what", ["tokens", "sessions", "lines_of_code"])
def test_the_joined_query_has_the_past_to_the_last_digit(what: str, central: Central) -> None:
    """What arrived late counts on its day, and the days have all that was used, to the token."""
    command = [sys.executable, "-I", str(ROOT / "prometheus/native_rules.py"), "--query", what]
    command += ["--label", "user_email", "--window", "1d"]
    expr = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    ends_s = range(BEGINS_S + DAY_S, NOON_S + 2 * DAY_S, DAY_S)
    days = [central.server.query(f"sum by (user, counted_by) ({expr})", at_s) for at_s in ends_s]
    past, total = central.past[what], central.total[what]

    assert [{"user": ADA, "counted_by": "ccpush"}] * 4 == [one["metric"] for (one,) in days]
    assert [past / 3] * 3 + [total - past] == [float(one["value"][1]) for (one,) in days]
