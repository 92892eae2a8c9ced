"""Relabelling is Prometheus's own: a real one, given the same rules and series, stores the same.

Each case is a scrape job of one Prometheus, which applies the rules to what it scrapes by the code
that it applies to what it writes. A sample's value says which one it was.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import servers
import yaml
from config_machine import Machine

from ccpush.config.settings import RelabelRule
from ccpush.metrics.samples import Labels
from ccpush.push.relabel import Relabeling

Rule = dict[str, object]
Series = dict[str, str]

MODEL = "claude-Opus-4-5-20251101"
PLAIN: Series = {"model": MODEL, "type": "input", "user": "jo", "team": "core"}
HISTOGRAM: Series = {"le": "+Inf", "user": "jo"}
ODD: Series = {"a": "x;y", "b": "Größe ſKİß", "c": "$1 ${a}", "tool": "mcp__x__y"}


def replace(source: Sequence[str], regex: str, target: str, replacement: str = "$1") -> Rule:
    """A rule that replaces."""
    return {
        "source_labels": list(source),
        "regex": regex,
        "target_label": target,
        "replacement": replacement,
    }


# rules, then the series that they are applied to, beside PLAIN
CASES: list[tuple[list[Rule], *tuple[Series, ...]]] = [
    # keep and drop
    ([{"action": "keep", "source_labels": ["model"], "regex": "claude-.*"}], HISTOGRAM),
    ([{"action": "keep", "source_labels": ["model"], "regex": "claude"}],),
    ([{"action": "Drop", "source_labels": ["model"], "regex": "(?i)CLAUDE-OPUS.*"}], HISTOGRAM),
    ([{"action": "drop", "source_labels": ["model"], "regex": ""}], HISTOGRAM),
    ([{"action": "drop", "source_labels": ["model"], "regex": None}], HISTOGRAM),
    ([{"action": "keep"}],),
    ([{"action": "drop"}],),
    ([{"action": "keep", "source_labels": ["job", "instance"], "regex": "case.*;laptop"}],),
    ([{"action": "keep", "source_labels": ["__name__"], "regex": "c.*_tokens"}], HISTOGRAM),
    ([{"action": "drop", "source_labels": ["user", "none", "team"], "regex": "jo;;core"}],),
    ([{"action": "drop", "source_labels": ["a"], "regex": "x;y$"}], ODD),
    ([{"action": "drop", "source_labels": ["team", "type"], "separator": "", "regex": "coreinput"}],),
    # replace
    ([replace(["model"], "claude-([^-]+)-.*", "family")],),
    ([replace(["model"], "gpt-([^-]+)-.*", "family")],),
    ([replace(["model"], "(?P<a>[^-]*)-(?P<b>[^-]*)-.*", "family", "${b}_$a")],),
    ([replace(["model"], "(claude)-(opus)?.*", "family", "$1$2x")],),
    ([replace(["model"], "(claude)-.*", "family", "$1x")], HISTOGRAM),
    ([replace(["model"], "(claude)-.*", "family", "${1}x$$1$")], HISTOGRAM),
    ([replace(["model"], ".*", "family", "$0")], ODD),
    ([replace(["model"], "(.*)", "user", "")], HISTOGRAM),
    ([{"target_label": "user", "replacement": None}],),
    ([{"target_label": "user", "replacement": ""}],),
    ([{"target_label": "site", "replacement": "berlin"}], ODD),
    ([{"target_label": "site"}],),
    ([replace(["user", "team"], "(.*)", "both", "$1")],),
    ([{"source_labels": ["user", "team"], "separator": "/", "target_label": "both"}],),
    ([{"source_labels": ["user", "team"], "separator": None, "target_label": "both"}],),
    ([replace(["type"], "(.*)", "by_$1", "yes")],),
    ([replace(["model"], "(.*)", "by_$1", "yes")],),
    ([replace(["type", "team"], "(.*);(.*)", "${1}_$2", "yes")],),
    ([replace(["__name__"], "c(.*)_tokens", "__name__", "claude${1}_words")], HISTOGRAM),
    ([replace(["__name__"], "(c.*)_tokens", "name")],),
    ([replace(["le"], r"\+(Inf)", "le", "-$1")], HISTOGRAM),
    ([replace(["tool"], "mcp__(.+)__(.+)", "server")], ODD),
    ([replace(["c"], "(.*)", "d", "$1$c")], ODD),
    ([replace(["b"], r"(\w+)\W.*", "d"), replace(["b"], r".*\s(.*)", "e")], ODD),
    ([replace(["b"], "(?i)(gr).*(S)(K).*", "d", "$1$2$3")], ODD),
    ([replace(["type"], "(in|input)(put)?", "d", "$1,$2")],),
    ([replace(["type"], "(?U)(.+)(.*)", "d", "$1,$2")],),
    ([replace(["type"], "(i)|(x)", "d", "$2")],),
    ([replace(["missing"], "()", "user", "nobody")],),
    ([replace(["missing"], "", "missing", "now there")],),
    # equal
    ([{"action": "keepequal", "source_labels": ["user"], "target_label": "owner"}], {"user": "a", "owner": "a"}),
    ([{"action": "dropEqual", "source_labels": ["user"], "target_label": "owner"}], {"user": "a", "owner": "a"}),
    ([{"action": "dropequal", "source_labels": ["gone"], "target_label": "missing"}], ODD),
    ([{"action": "keepequal", "source_labels": ["x", "y"], "target_label": "z"}], {"x": "1", "y": "2", "z": "1;2"}),
    # names of labels
    ([{"action": "labeldrop", "regex": "user|team"}], HISTOGRAM),
    ([{"action": "labeldrop", "regex": "us"}],),
    ([{"action": "labelkeep", "regex": "__name__|job|model"}], HISTOGRAM),
    ([{"action": "labelmap", "regex": "te(.*)", "replacement": "label_$1"}], ODD),
    ([{"action": "labelmap", "regex": "(.*)", "replacement": "copy_$1"}], HISTOGRAM),
    ([{"action": "labelmap", "regex": "(user|team)", "replacement": "who"}],),
    ([{"action": "labelmap", "regex": "(a|b)", "replacement": "b"}], ODD),
    ([{"action": "labelmap", "regex": "(type|user)", "replacement": "team"}],),
    # hashmod and case
    ([{"action": "hashmod", "source_labels": ["model"], "modulus": 7, "target_label": "shard"}], ODD),
    ([{"action": "HASHMOD", "source_labels": ["b", "user"], "modulus": 2**64 - 1, "target_label": "shard"}], ODD),
    ([{"action": "hashmod", "source_labels": ["user"], "modulus": 8, "target_label": "__tmp"},
      {"action": "keep", "source_labels": ["__tmp"], "regex": "[0-3]"}], {"user": "a"}, {"user": "b"}, {"user": "c"}),
    ([{"action": "lowercase", "source_labels": ["model"], "target_label": "model"}], HISTOGRAM),
    ([{"action": "uppercase", "source_labels": ["model", "type"], "target_label": "loud"}], ODD),
    ([{"action": "uppercase", "source_labels": ["b"], "target_label": "B"}], ODD),
    ([{"action": "lowercase", "source_labels": ["b"], "target_label": "B"}], ODD),
    ([{"action": "lowercase", "source_labels": ["none"], "target_label": "user"}],),
    # one after the other
    ([replace(["model"], "claude-([^-]+).*", "family"),
      {"action": "lowercase", "source_labels": ["family"], "target_label": "family"},
      {"action": "drop", "source_labels": ["family"], "regex": "haiku"},
      {"action": "labeldrop", "regex": "model"}], HISTOGRAM),
]  # fmt: skip

NAMES = ("__name__", "model", "type", "user", "team", "instance", "job", "le", "none", "a_b")
EXPRESSIONS = (
    *("(.*)", ".*", "(.+)", "", "jo", "j(.)", "(?i)(JO|core)", "[^;]*;(.*)", "(.*);(.*)", r"\w+"),
    *(
        r"(\w)(\w*)",
        r"\w*(\d+).*",
        "(a|b|input)",
        "c[0-9]+_(.*)",
        r"(?P<x>.*)-(?P<y>.*)",
        "(.*?)-.*",
    ),
    *("[[:alpha:]]+", "(.{2,4}).*", r"[\w-]{3,}", "te?a?m?|user", "(.*)e(.*)", "la(.)top|.*case.*"),
)
TEXTS = ("$1", "$2", "${1}_$2", "x", "", "$x-$y", "$$1", "a${1}b", "$1b", "${2}${1}")
ACTIONS = (
    *("replace", "replace", "replace", "keep", "drop", "keepequal", "dropequal", "hashmod"),
    *("lowercase", "uppercase", "labelmap", "labeldrop", "labelkeep"),
)
TARGETS = (*NAMES[1:4], "new", "n_$1", "${1}", "l_${2}")


def invented(chance: random.Random) -> Rule:
    """Any rule that Prometheus takes."""
    action = chance.choice(ACTIONS)
    rule: Rule = {"action": action}
    sources = {"source_labels": chance.sample(NAMES, chance.randint(0, 3))}
    if action in ("replace", "keep", "drop"):
        rule |= sources | {"regex": chance.choice(EXPRESSIONS)}
        rule |= {"separator": chance.choice(("-", "", ";"))} if chance.random() < 0.3 else {}
    if action == "replace":
        target = chance.choice(TARGETS)
        # Prometheus 2.42 lets a label stand whose name is made and whose value is empty, as a fault
        texts = TEXTS if "$" not in target else [f"{text}z" for text in TEXTS]
        rule |= {"target_label": target, "replacement": chance.choice(texts)}
    if action in ("keepequal", "dropequal", "hashmod", "lowercase", "uppercase"):
        rule |= sources | {"target_label": chance.choice(("new", "user", "team"))}
    if action == "hashmod":
        rule["modulus"] = chance.randint(1, 1000)
    if action == "labelmap":
        rule |= {"regex": chance.choice(("(user|team)", "t(.*)", "(.*)e(.*)", ".*"))}
        rule |= {"replacement": chance.choice(("m_$1", "x${1}y", "user", "z$1$2"))}
    if action == "labeldrop":
        rule["regex"] = chance.choice(("user", "te.*", "[^_jt].*", ".*l", "x?", "nothing"))
    if action == "labelkeep":
        rule["regex"] = chance.choice(("__name__|job|instance|te.*", "_.*|j.*|.*n.*", "(?s).*"))
    return rule


def all_cases() -> list[tuple[list[Rule], list[Series]]]:
    """The written cases, then invented ones."""
    cases = [(rules, [PLAIN, *more]) for rules, *more in CASES]
    chance = random.Random(20)
    for _ in range(120):
        cases.append(([invented(chance) for _ in range(chance.randint(1, 4))], [PLAIN]))
    return cases


def labels_of(number: int, series: Series) -> Labels:
    """A series as Prometheus has it after the scrape, before the rules."""
    own = {"__name__": f"c{number}_tokens", "job": f"case{number}", "instance": "laptop"}
    return tuple(sorted((own | series).items()))


def quoted(series: Series) -> str:
    """Labels as an exposition has them."""
    return ",".join(
        f"{name}={json.dumps(text, ensure_ascii=False)}" for name, text in series.items()
    )


def value_of(number: int, at: int) -> int:
    """The value of one series of a case, which no other has."""
    return 1_000_000 + number * 10 + at


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """An invented user's folders, empty."""
    folders = [tmp_path / each.name for each in fields(Machine)]
    for folder in folders:
        folder.mkdir()
    return Machine(*folders)


@pytest.fixture
def exposition() -> Iterator[str]:
    """A server that has the series of case 7 at ``/7``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = int(self.path.removeprefix("/"))
            lines = [
                f"c{number}_tokens{{{quoted(series)}}} {value_of(number, at)}\n"
                for at, series in enumerate(all_cases()[number][1])
            ]
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write("".join(lines).encode())

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def ours(
    rules: tuple[RelabelRule, ...], number: int, all_series: list[Series]
) -> dict[int, Labels]:
    """What is left of a case's series, by their values."""
    relabeling = Relabeling(rules)
    left = {
        value_of(number, at): relabeling.apply(labels_of(number, series))
        for at, series in enumerate(all_series)
    }
    return {value: labels for value, labels in left.items() if labels is not None}


def loaded(
    machine: Machine, cases: list[tuple[list[Rule], list[Series]]]
) -> list[tuple[RelabelRule, ...]]:
    """The rules of every case as ccpush's settings have them."""
    blocks = [
        {"url": f"http://localhost/{at}", "write_relabel_configs": rules}
        for at, (rules, _) in enumerate(cases)
    ]
    settings = machine.load(yaml.safe_dump({"remote_write": blocks}))
    return [sink.write_relabel_configs for sink in settings.remote_write]


@pytest.mark.integration
def test_prometheus_stores_what_our_rules_make(
    machine: Machine, exposition: str, tmp_path: Path
) -> None:
    """For every case the same series are dropped, and the others have the same labels."""
    cases = all_cases()
    expected: dict[int, Labels] = {}
    jobs = []
    for number, (rules, (_, all_series)) in enumerate(
        zip(loaded(machine, cases), cases, strict=True)
    ):
        made = ours(rules, number, all_series)
        # a scrape is void if a name is missing, and two series that are one are no case for a scrape
        if any("__name__" not in dict(labels) for labels in made.values()):
            continue
        if set(made.values()) & set(expected.values()):
            continue
        expected |= made
        jobs.append(
            {
                "job_name": f"case{number}",
                "metrics_path": f"/{number}",
                "honor_labels": True,
                "static_configs": [{"targets": [exposition], "labels": {"instance": "laptop"}}],
                "metric_relabel_configs": cases[number][0],
            }
        )
    config = {"global": {"scrape_interval": "2s", "scrape_timeout": "2s"}, "scrape_configs": jobs}
    with servers.prometheus(yaml.safe_dump(config, allow_unicode=True), tmp_path) as prometheus:
        servers.wait_until(
            lambda: prometheus.value("count(up)") == len(jobs), 30.0, "every case is scraped"
        )
        assert prometheus.query("up == 0") == []
        found = prometheus.query('{__name__=~".+"} >= 1000000')

    stored = {int(each["value"][1]): tuple(sorted(each["metric"].items())) for each in found}
    assert len(jobs) > 150
    assert stored == expected
