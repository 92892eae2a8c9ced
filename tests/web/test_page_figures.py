"""The figures of the laptop's own page are the ledger's, with nothing, a day or years in it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import homes
import msgspec
import pytest
from homes import DAY_S, HAIKU, NOW_S, OPUS, assistant, tool_use, user

from ccpush.claude import facts as f
from ccpush.ledger.days import read_days
from ccpush.ledger.sinks import SinkState
from ccpush.ledger.store import open_ledger
from ccpush.web.page.words import day_name, dollars, short

# a Wednesday
TODAY = date(2026, 9, 16)


def use(home, days_ago: int, number: int = 0, *, model: str = OPUS, tool: str = "Bash") -> None:
    """Let a session of its own have a prompt and a response with one tool call."""
    at_s = NOW_S - days_ago * DAY_S - 3600 - 60 * number
    name = f"{days_ago}-{number}"
    home.main(f"session-{name}").write(
        user(at_s=at_s, session=f"session-{name}"),
        assistant(
            f"msg_{name}",
            at_s=at_s + 1,
            session=f"session-{name}",
            model=model,
            blocks=[tool_use(f"t{name}", tool)],
            input=1000,
            output=100 + days_ago,
            cache_read=5000,
            flat=300,
        ),
    )


def ledger_days(reader):
    """What the ledger itself says of each day."""
    with open_ledger(reader.state_dir, write=False) as connection:
        return read_days(connection, reader.now_s)


def total(counted, family: str, *labels: str) -> int:
    """The sum of a family over some days; ``labels`` are the first ones that count."""
    return sum(
        n
        for amounts in counted
        for series, n in amounts.items()
        if series.family == family and (not labels or series.a in labels)
    )


def test_today_and_this_week_are_the_ledgers(home, reader, look):
    """Each figure is the sum of what the ledger has on today, and on the days since Monday."""
    for days_ago in (0, 1, 2, 3, 9):
        use(home, days_ago)
        use(home, days_ago, 1, model=HAIKU)
    reader.run()
    page, days = look(), ledger_days(reader).counted
    monday = TODAY - timedelta(days=2)

    for name, since in (("today", TODAY), ("week", monday)):
        counted = [amounts for day, amounts in days.items() if day >= since]
        said = page.one("section", id=name).figures()
        tokens = total(counted, f.TOKENS, "input", "output")
        cost = total(counted, f.COST)
        assert cost > 0
        assert said["Tokens, input and output"][0] == short_or_full(tokens)
        assert said["Cost, API-equivalent"] == [dollars(cost)]
        assert said["Sessions"] == [str(total(counted, f.SESSIONS))]
        assert said["Messages"] == [str(total(counted, f.MESSAGES))]
        assert said["Tool calls"] == [str(total(counted, f.TOOL_CALLS))]
        assert said["Commits"] == ["0"]
    assert page.one("section", id="week").figures()["Sessions"] == ["6"]


def short_or_full(n: int) -> str:
    """As the page writes a number."""
    return f"{n:,}" if n < 10_000 else short(n)


def test_every_day_and_model_is_in_the_table(home, reader, look):
    """The table by day and model has exactly what the ledger has of the last thirty days."""
    for days_ago in (0, 5, 29, 30, 31):
        use(home, days_ago)
    use(home, 5, 1, model=HAIKU)
    reader.run()
    table = look().table("The last 30 days by day and model")
    (opus_cost,) = {
        total([amounts], f.COST)
        for day, amounts in ledger_days(reader).counted.items()
        if day == TODAY
    }

    rows = table.rows()
    assert [row[:6] for row in rows] == [
        [day_name(TODAY - timedelta(days=ago)), model, "1,000", str(100 + ago), "5,000", "300"]
        for ago, model in ((0, OPUS), (5, OPUS), (5, HAIKU), (29, OPUS))
    ]
    assert rows[0][6] == dollars(opus_cost)


def test_bars_stand_for_their_amounts(home, reader, look):
    """A day's bar is as high as its share of the axis, and its parts are stacked without gaps."""
    use(home, 0)
    use(home, 0, 1, model=HAIKU)
    use(home, 3)
    reader.run()
    figure = look().one("figure", id="tokens-by-day")
    assert [mark.words for mark in figure.one("div", class_="axis").all("span")] == [
        "4 k", "2 k", "0",
    ]  # fmt: skip
    columns = list(figure.one("svg").all("g"))
    assert len(columns) == 30
    parts = {
        at: [(float(r.attributes["y"]), float(r.attributes["height"])) for r in bar.all("rect")][1:]
        for at, bar in enumerate(columns)
    }
    assert {at: found for at, found in parts.items() if found} == {
        26: [(pytest.approx(100 - 1103 / 40, abs=0.01), pytest.approx(1103 / 40, abs=0.01))],
        29: [(72.5, 27.5), (45.0, 27.5)],
    }
    assert columns[29].one("title").words == "Wed 16 Sep: 2.2 k"


def test_a_part_without_a_price_is_marked(home, reader, look):
    """What has no price is not passed over: the cost is "at least", or unknown."""
    use(home, 0, model="some-model-of-ours")
    reader.run()
    today = look().one("section", id="today").figures()
    assert today["Cost, API-equivalent"] == ["unknown", "6.4 k tokens have no price"]
    use(home, 0, 1)
    reader.run()
    today = look().one("section", id="today").figures()["Cost, API-equivalent"]
    cost = total([ledger_days(reader).counted[TODAY]], f.COST)
    assert today == [f"≥ {dollars(cost)}", "6.4 k tokens have no price"]
    table = look().table("Tokens without a price")
    assert table.rows() == [["some-model-of-ours", "6,400"]]


def test_the_hours_of_the_week_are_local(home, reader, look):
    """A message counts at the weekday and hour that the laptop's clock showed; four weeks of them."""
    for days_ago in (0, 7, 27, 28):
        use(home, days_ago)
    reader.run()
    shown = {}
    for zone in ("UTC", "Asia/Tokyo"):
        with homes.zone(zone):
            rows = look().table("Messages by weekday").rows()
            shown[zone] = {
                (row[0], hour): int(n) for row in rows for hour, n in enumerate(row[1:]) if n != "0"
            }
    # the prompt and the response: Wednesday at 11 in UTC, at 20 in Tokyo
    assert shown == {
        "UTC": {("We", 11): 4, ("Th", 11): 2},
        "Asia/Tokyo": {("We", 20): 4, ("Th", 20): 2},
    }


def test_tools_are_ranked(home, reader, look):
    """Tools come by how often they were called, twelve at once and the others to unfold."""
    for number in range(15):
        use(home, 0, number, tool=f"tool-{number:02d}")
    use(home, 1, 99, tool="tool-07")
    use(home, 40, 99, tool="long-ago")
    reader.run()
    page = look()
    tables = [t for t in page.all("table") if t.one("caption").words.startswith("Tool calls")]
    first, more = (table.rows() for table in tables)
    assert first[0][:2] == ["tool-07", "2"]
    assert [row[0] for row in first[1:] + more] == [
        f"tool-{number:02d}" for number in range(15) if number != 7
    ]
    assert (len(first), len(more)) == (12, 3)


def test_active_sessions_are_shown(home, reader, look):
    """Sessions that have written within the active window, with their messages and tokens."""
    home.main().write(user(at_s=NOW_S - 30), assistant("m", at_s=NOW_S - 20, input=7, output=8))
    use(home, 2)
    reader.run()
    section = look().one("section", id="active")
    assert "1 session, 2 messages." in section.words
    assert section.table("Tokens of the active sessions").rows() == [[OPUS, "7", "8"]]


def test_an_imported_day_is_the_caches_alone(home, reader, look):
    """A day that is only in the stats cache stands without model, its tokens in one sum."""
    (home.path / "settings.json").write_text('{"cleanupPeriodDays": 1}')
    tuesday = TODAY - timedelta(days=10)
    cache = {
        "version": 4,
        "lastComputedDate": str(tuesday),
        "dailyActivity": [
            {"date": str(tuesday), "messageCount": 50, "sessionCount": 5, "toolCallCount": 25}
        ],
        "dailyModelTokens": [{"date": str(tuesday), "tokensByModel": {OPUS: 100}}],
        "modelUsage": {OPUS: {"inputTokens": 25, "outputTokens": 75}},
        "totalSessions": 5,
        "totalMessages": 50,
        "hourCounts": {"9": 5},
    }
    home.write_stats_cache(json.dumps(cache).encode())
    use(home, 0)
    reader.run()
    assert reader.account().days[tuesday].unsplit == 100
    rows = look().table("The last 30 days by day and model").rows()
    assert rows[-1] == [
        "Sun 6 Sep", "from the stats cache, without model", "100 in all", "unknown",
    ]  # fmt: skip


def test_with_nothing_there_is_a_page_all_the_same(reader, look):
    """Before anything was read every part says so, and that the figures are still growing."""
    page = look()
    assert page.one("section", id="today").figures()["Messages"] == ["0"]
    assert page.one("section", id="today").figures()["Cost, API-equivalent"] == ["$0.00"]
    words = page.words
    for said in (
        "The first pass over the files is not complete",
        "Counted through never",
        "No session is active",
        "Nothing on any of these days.",
        "No tool was called",
        "Nothing is pushed anywhere",
    ):
        assert said in words


def test_three_years_are_shown(home, reader, look):
    """With three years in the ledger, old days by the day, the page shows the last thirty alone."""
    for days_ago in range(1100):
        use(home, days_ago)
    reader.run()
    page = look()
    assert len(page.table("The last 30 days by day and model").rows()) == 30
    assert page.one("section", id="week").figures()["Messages"] == ["6"]
    assert page.table("Tool calls").rows()[0][:2] == ["Bash", "30"]


@pytest.mark.parametrize(
    ("later_s", "interval_s", "is_told"),
    [(299, 60.0, False), (301, 60.0, True), (1700, 600.0, False), (1801, 600.0, True)],
)
def test_old_figures_say_how_old_they_are(home, reader, look, later_s, interval_s, is_told):
    """When nothing was read for three intervals, the last complete state is shown as such."""
    use(home, 0)
    reader.run()
    page = look(later_s=later_s, interval_s=interval_s)
    state = page.one("div", id="state").words
    at = datetime.fromtimestamp(NOW_S, UTC).strftime("%Y-%m-%d %H:%M:%S")
    assert f"Counted through {at}" in state
    assert ("this is the last complete state" in state) is is_told


def test_a_sink_is_told_with_its_success_backlog_and_refusals(home, reader, look):
    """Each sink says when it last succeeded, what is still to come, and what was refused and why."""
    use(home, 0)
    reader.run()
    account = reader.account()
    sinks = (
        SinkState("new", "remote_write"),
        SinkState(
            "office",
            "pushgateway",
            offered_s=NOW_S - 7200.0,
            success_s=NOW_S - 7200.0,
            error="the host is not known",
            hint="is the name right?",
            failures=3,
            retry_at_s=NOW_S + 60.0,
            skew_s=-300.0,
            samples={("sent", ""): 1234, ("rejected", "too_old"): 5, ("rejected", "status_413"): 6},
        ),
    )
    section = look(account=msgspec.structs.replace(account, sinks=sinks)).one("section", id="sinks")
    new, office = (one.figures() for one in section.all("section"))
    assert new["State"] == ["nothing was pushed yet"]
    assert new["Last success"] == ["never"]
    assert {name: office[name] for name in office if name not in {"Last success", "Refused"}} == {
        "State": ["the last push failed, 3 times in a row"],
        "Error": ["the host is not known"],
        "Try": ["is the name right?"],
        "Tries again": ["in 60 s"],
        "Has everything through": ["2026-09-16 10:00:00 (2 h ago)"],
        "Backlog": ["2 h"],
        "Sent": ["1,234 samples, 0 tried again"],
        "Clock": ["this one is 5 min behind the receiver's"],
    }
    words = section.words
    assert "5 samples: older than the receiver takes" in words
    assert "6 samples: the receiver answered 413" in words


def test_what_was_skipped_is_told_with_its_reason(home, reader, look):
    """Every reason for skipping rows stands with what it means and how many there were."""
    home.main().write(user(), b"{not json", b'{"type": "never-heard-of"}')
    reader.run()
    page = look()
    assert sorted(page.table("Rows that were skipped").rows()) == [
        ["not_json", "damaged lines: not JSON", "1"],
        ["unknown_type", "rows of a type this ccpush has never heard of", "1"],
    ]
    assert page.table("Rows of unknown types").rows() == [["never-heard-of", "1"]]
    assert page.one("section", id="reading").figures()["Lines read"] == ["3"]
