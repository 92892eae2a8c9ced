"""Alerts fire when they should, tell who and how much, and leave closed laptops alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import documents
import pytest
import yaml
from rule_cases import DAY_S, RULES, WAYS, Case, Series, laptop

pytestmark = pytest.mark.integration

PAGE: Final = "docs/alerts.md"
ALERTS: Final[dict[str, dict[str, Any]]] = {
    rule["alert"]: rule
    for rule in yaml.safe_load((RULES / "alerts.yml").read_text(encoding="utf-8"))["groups"][0][
        "rules"
    ]
}
SILENT_S: Final = -5 * DAY_S
# what makes each alert fire at AT, of the laptop "desk" of ada by remote-write
CAUSES: Final[dict[str, dict[str, str]]] = {
    "CcpushLaptopSilent": {"job": WAYS[2], "collected": f"{SILENT_S}x180"},
    "CcpushPushRejected": {"rejected": "3x90 8x90"},
    "CcpushClockSkew": {"skew": "0x60 -180x120"},
    "ClaudeApiErrorRate": {"api_errors": "7x70 52x110", "responses": "100x70 145x110"},
    "CcpushUnpricedTokens": {"unpriced": "0x70 1500x110"},
    "ClaudeUserOverBudget": {"cost": "40x70 150.5x110"},
    "ClaudeTeamOverBudget": {"cost": "40x70 1240x110", "user": "everybody"},
    "CcpushLabelValuesFolded": {"folded": "_x90 12x90"},
    "CcpushParseErrors": {"damaged": "2x90 13x90"},
}
# labels beside severity, and the value as it is told
TOLD: Final[dict[str, tuple[dict[str, str], str]]] = {
    "CcpushLaptopSilent": ({"id": "m1", "job": WAYS[2]}, "5d 2h 0m 0s"),
    "CcpushPushRejected": ({"id": "m1", "sink": "central", "reason": "too_old"}, "5"),
    "CcpushClockSkew": ({"id": "m1", "job": WAYS[0], "sink": "central"}, "3m 0s"),
    "ClaudeApiErrorRate": ({"id": "m1", "job": WAYS[0]}, "50%"),
    "CcpushUnpricedTokens": ({"model": "opus"}, "1.5k"),
    "ClaudeUserOverBudget": ({}, "110.50"),
    "ClaudeTeamOverBudget": ({}, "1200.00"),
    "CcpushLabelValuesFolded": ({"id": "m1", "label": "tool"}, "12"),
    "CcpushParseErrors": ({"id": "m1", "reason": "not_json"}, "11"),
}
# by user; an alert of a model or of a team has none
USERS: Final = {"CcpushUnpricedTokens": "", "ClaudeTeamOverBudget": ""}
EVERYTHING: Final = {
    "tokens": "900x180", "cost": "900x180", "sessions": "9x180", "api_errors": "90x180",
    "responses": "90x180", "unpriced": "900x180", "rejected": "90x180", "skew": "0.5x180",
    "folded": "90x180", "damaged": "90x180", "harmless": "0+50x180",
}  # fmt: skip
alerts = pytest.mark.parametrize("alert", sorted(ALERTS))


def others() -> list[Series]:
    """Laptops to which nothing happens, with a past of which one might complain."""
    return [
        laptop("m8", instance="lap", user="bob", **EVERYTHING),
        laptop("m9", instance="top", user="cyd", here="1x20", collected="0+60x20", skew="900x20"),
    ]


def caused(alert: str, **changed: str) -> Series:
    """The laptop of which the alert tells."""
    return laptop(**{**CAUSES[alert], **changed})


def words(template: str, labels: dict[str, str], value: str) -> str:
    """An annotation with labels and value filled in; of a ``with`` the words without one."""
    text = re.sub(r"{{ with [^}]*}}.*?{{ else }}(.*?){{ end }}", r"\1", template)
    text = re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels[found[1]], text)
    return re.sub(r"{{ \$value[^}]*}}", value, text)


def test_every_alert_is_tried() -> None:
    """No alert is without a cause here, nor a cause without an alert."""
    assert set(ALERTS) == set(CAUSES) == set(TOLD)


@alerts
def test_every_alert_has_its_words(alert: str) -> None:
    """Severity, summary, a description with the value, and a runbook that exists."""
    rule = ALERTS[alert]
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")

    assert rule["labels"]["severity"] in ("info", "warning")
    assert {"summary", "description", "runbook_url"} == set(rule["annotations"])
    assert "$value" in rule["annotations"]["description"]
    assert (PAGE, True) == (page, anchor in documents.anchors(PAGE))
    assert f"`{alert}`" in documents.read(PAGE)


def test_the_page_leads_somewhere_and_names_what_there_is() -> None:
    """Links of the runbook lead to files and headings; alerts it names exist."""
    for link in documents.links(PAGE):
        path, _, anchor = link.partition("#")
        target = (documents.ROOT / PAGE).parent / path
        assert target.exists(), link
        assert not anchor or anchor in documents.anchors(str(target.relative_to(documents.ROOT)))
    named = set(re.findall(r"`((?:Ccpush|Claude)[A-Z]\w+)`", documents.read(PAGE)))
    assert set(ALERTS) == named


def test_only_silence_and_what_is_no_harm_is_information() -> None:
    """A closed laptop is no incident."""
    informed = {name for name, rule in ALERTS.items() if rule["labels"]["severity"] == "info"}

    assert {"CcpushLaptopSilent", "CcpushUnpricedTokens", "CcpushLabelValuesFolded"} == informed


@alerts
def test_it_fires_and_tells(alert: str, tmp_path: Path) -> None:
    """One laptop of three has a cause: exactly that is told, with its name and the value."""
    case = Case(tmp_path)
    case.add(caused(alert), *others())
    own, value = TOLD[alert]
    whose = {"instance": "desk", "user": "ada"}
    if not own:
        whose = {} if alert in USERS else {"user": "ada"}
    labels = own | (whose if "model" not in own else {})
    annotations = {
        name: words(text, labels, value) for name, text in ALERTS[alert]["annotations"].items()
    }

    case.tells(alert, labels | ALERTS[alert]["labels"] | {"alertname": alert}, annotations)


@alerts
def test_by_three_ways_it_fires_once(alert: str, tmp_path: Path) -> None:
    """A laptop that is pushed twice and scraped is told of once, with its own amount."""
    ways = WAYS[2:] if alert == "CcpushLaptopSilent" else WAYS
    case = Case(tmp_path)
    case.add(*(caused(alert, job=way) for way in ways))

    case.has({f'count (ALERTS{{alertname="{alert}",alertstate="firing"}})': {"{}": 1}})


@pytest.mark.parametrize("way", WAYS)
def test_nothing_fires_of_a_laptop_that_works(way: str, tmp_path: Path) -> None:
    """Whatever its counters have from before, by any way, from its first minute on."""
    case = Case(tmp_path)
    case.add(laptop(job=way, **EVERYTHING))
    late = {name: f"_x70 {values}" for name, values in EVERYTHING.items()}
    case.add(laptop("m2", job=way, instance="lap", user="bob", here="_x70 1x110",
                    collected="_x70 4200+60x110", **late))  # fmt: skip

    case.firing([], "15m", "90m", "175m")


@pytest.mark.parametrize("way", WAYS)
def test_nothing_fires_of_a_night_or_a_weekend(way: str, tmp_path: Path) -> None:
    """Off from Friday evening to Monday morning, with a wrong clock left in a Pushgateway."""
    case = Case(tmp_path, "5m")
    off = 770
    here, collected, skew = f"1x12 _x{off} 1x40", f"0+300x12 _x{off} 234900+300x40", "900x1 0x10"
    if way == WAYS[2]:
        here, collected = "1x830", f"0+300x12 3600x{off} 234900+300x40"
        skew = f"0x10 900x{off}"
    gap = "" if way == WAYS[2] else "_"
    told = {
        name: f"{values.split('x')[0]}x12 " + (f"{gap or values.split('x')[0]}x{off} ")
        + f"{values.split('x')[0]}x40"
        for name, values in EVERYTHING.items() if "+" not in values and name != "skew"
    }  # fmt: skip
    case.add(laptop(job=way, here=here, collected=collected, skew=skew, **told))

    case.firing([], "3h", "14h", "3900m", "3930m", "4050m")


def test_nothing_fires_of_a_week_that_is_made_up(tmp_path: Path) -> None:
    """A week offline lies in the past as it was, and ends now: nothing of it is of today."""
    case = Case(tmp_path, "10m")
    # what Prometheus has of a laptop that came back at the 1500th step
    past = "0x200 "
    case.add(
        laptop(
            here="1x1600", collected="_x1500 900000+600x100", cost=past + "9000x1400",
            unpriced=past + "9000x1400", api_errors=past + "9000x1400",
            responses=past + "9x1400", tokens=past + "9x1400", folded="_x1500 70x100",
            damaged="_x1500 70x100", rejected="_x1500 70x100",
        )
    )  # fmt: skip

    case.firing([], "15030m", "15080m", "15500m")


def test_a_laptop_is_silent_after_five_days_and_gone_after_fourteen(tmp_path: Path) -> None:
    """By remote-write too, where the series themselves have ended long ago."""
    case = Case(tmp_path, "15m")
    case.add(laptop(here="1x2", collected="0+900x2"))
    silent = [("CcpushLaptopSilent", "ada")]

    case.firing([], f"{5 * 1440 + 15}m")
    case.firing(silent, f"{5 * 1440 + 75}m", f"{14 * 1440 + 15}m")
    case.firing([], f"{14 * 1440 + 45}m")


def test_a_clock_that_is_behind_is_no_silence(tmp_path: Path) -> None:
    """A laptop that pushes or is scraped is here, whatever it takes for the time."""
    case = Case(tmp_path)
    for number, way in enumerate(WAYS[:2]):
        case.add(
            laptop(f"m{number}", job=way, instance=way, user=way,
                   collected=f"{2 * SILENT_S}+60x180", skew=f"{2 * SILENT_S}x180")
        )  # fmt: skip

    case.firing([("CcpushClockSkew", way) for way in WAYS[:2]])


@pytest.mark.parametrize(
    "told",
    [
        {"skew": "120x180"}, {"skew": "-120x180"}, {"damaged": "0x90 10x90"},
        {"cost": "0x70 99.9x110"}, {"harmless": "0x90 5000x90"}, {"rejected": "9x90 3x90"},
        {"api_errors": "0x70 9x110", "responses": "1x180"},
        {"api_errors": "0x70 20x110", "responses": "0x70 100x110"},
    ],
)  # fmt: skip
def test_what_is_within_the_limits_is_not_told(told: dict[str, str], tmp_path: Path) -> None:
    """Up to the limit nothing fires."""
    case = Case(tmp_path)
    case.add(laptop(**told))

    case.firing([])


def test_errors_alone_are_a_rate(tmp_path: Path) -> None:
    """A laptop that gets nothing but errors has no responses at all."""
    case = Case(tmp_path)
    case.add(laptop(api_errors="0x70 30x110"))

    case.firing([("ClaudeApiErrorRate", "ada")])


def test_alerts_end_when_their_cause_does(tmp_path: Path) -> None:
    """An hour after the last refusal or damaged row, and when the clock is right again."""
    case = Case(tmp_path)
    case.add(laptop(rejected="3x90 8x90", damaged="3x90 80x90", skew="900x120 0x60"))
    names = ("CcpushPushRejected", "CcpushClockSkew", "CcpushParseErrors")

    case.firing([(name, "ada") for name in names], "110m")
    case.firing([], "170m")
