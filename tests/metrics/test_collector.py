"""The exposition: right types, right escapes, the format that was asked for."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys

import prometheus_client.exposition
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from ccpush.metrics.collector import FamiliesCollector, render
from ccpush.metrics.samples import Family, Sample

NASTY = 'quote " backslash \\ newline \n brace } comma , snow ☃ last'

GAUGE = Family(
    name="claude_tool_use_total",
    type="gauge",
    help="Tool calls.",
    unit="",
    timing="grid",
    samples=(
        Sample("claude_tool_use_total", (("tool", "Bash"),), 3.0),
        Sample("claude_tool_use_total", (("tool", NASTY),), 2.5),
    ),
)
COUNTER = Family(
    name="claude_code_token_usage_tokens_total",
    type="counter",
    help='Tokens, with a \\ backslash, a "quote" and a\nsecond line.',
    unit="tokens",
    timing="grid",
    samples=(
        Sample(
            "claude_code_token_usage_tokens_total",
            (("model", "claude-opus-4"), ("type", "input")),
            1234.0,
        ),
    ),
)
HISTOGRAM = Family(
    name="claude_turn_duration_seconds",
    type="histogram",
    help="How long turns took.",
    unit="seconds",
    timing="grid",
    samples=(
        Sample("claude_turn_duration_seconds_bucket", (("le", "5.0"),), 1.0),
        Sample("claude_turn_duration_seconds_bucket", (("le", "10.0"),), 2.0),
        Sample("claude_turn_duration_seconds_bucket", (("le", "+Inf"),), 3.0),
        Sample("claude_turn_duration_seconds_sum", (), 77.5),
        Sample("claude_turn_duration_seconds_count", (), 3.0),
    ),
)
FAMILIES = (GAUGE, COUNTER, HISTOGRAM)

TEXT_0_0_4 = "text/plain; version=0.0.4; charset=utf-8"
# prometheus_client knows this format since 0.23
TEXT_1_0_0 = (
    "text/plain; version=1.0.0; charset=utf-8"
    if hasattr(prometheus_client.exposition, "CONTENT_TYPE_PLAIN_1_0_0")
    else TEXT_0_0_4
)
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
    "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


def samples_of(families):
    """All samples as a comparable set: name, labels, value."""
    return {
        (sample.name, tuple(sorted(sample.labels.items())), sample.value)
        for family in families
        for sample in family.samples
    }


EXPECTED = {(s.name, s.labels, s.value) for family in FAMILIES for s in family.samples}


def test_text_is_exactly_what_the_format_says():
    """Counters, gauges named _total and histograms each appear once, typed, escaped, nothing else."""
    body, content_type = render(FAMILIES)
    assert content_type == TEXT_0_0_4
    assert body.decode() == (
        "# HELP claude_tool_use_total Tool calls.\n"
        "# TYPE claude_tool_use_total gauge\n"
        'claude_tool_use_total{tool="Bash"} 3.0\n'
        'claude_tool_use_total{tool="quote \\" backslash \\\\ newline \\n brace } comma ,'
        ' snow ☃ last"} 2.5\n'
        "# HELP claude_code_token_usage_tokens_total Tokens, with a \\\\ backslash,"
        ' a "quote" and a\\nsecond line.\n'
        "# TYPE claude_code_token_usage_tokens_total counter\n"
        'claude_code_token_usage_tokens_total{model="claude-opus-4",type="input"} 1234.0\n'
        "# HELP claude_turn_duration_seconds How long turns took.\n"
        "# TYPE claude_turn_duration_seconds histogram\n"
        'claude_turn_duration_seconds_bucket{le="5.0"} 1.0\n'
        'claude_turn_duration_seconds_bucket{le="10.0"} 2.0\n'
        'claude_turn_duration_seconds_bucket{le="+Inf"} 3.0\n'
        "claude_turn_duration_seconds_sum 77.5\n"
        "claude_turn_duration_seconds_count 3.0\n"
    )


@pytest.mark.parametrize("accept", ["", "text/plain;version=1.0.0"])
def test_text_reads_back_as_what_went_in(accept):
    """A parser of the text formats gets every sample with its value, and the true types."""
    body, _ = render(FAMILIES, accept)
    families = list(parse_text(body.decode()))
    assert samples_of(families) == EXPECTED
    # this parser names a counter's family without its suffix
    assert {family.name: family.type for family in families} == {
        "claude_tool_use_total": "gauge",
        "claude_code_token_usage_tokens": "counter",
        "claude_turn_duration_seconds": "histogram",
    }


def test_openmetrics_reads_back_as_what_went_in():
    """A strict OpenMetrics parser gets every sample, the true types, and units that fit the name."""
    body, content_type = render(FAMILIES, "application/openmetrics-text;version=1.0.0")
    assert content_type.startswith(OPENMETRICS)
    families = list(parse_openmetrics(body.decode()))
    assert samples_of(families) == EXPECTED
    assert {family.name: (family.type, family.unit) for family in families} == {
        "claude_tool_use_total": ("gauge", ""),
        "claude_code_token_usage_tokens": ("counter", "tokens"),
        "claude_turn_duration_seconds": ("histogram", "seconds"),
    }
    assert b"_created" not in body


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", TEXT_0_0_4),
        ("*/*", TEXT_0_0_4),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT_0_0_4),
        ("text/plain", TEXT_0_0_4),
        ("text/plain; version=1.0.0", TEXT_1_0_0),
        ("text/plain; version=9.0.0", TEXT_0_0_4),
        ("application/openmetrics-text", OPENMETRICS),
        ("Application/OpenMetrics-Text; Version=1.0.0", OPENMETRICS),
        ("application/openmetrics-text; version=0.0.1", TEXT_0_0_4),
        ("application/openmetrics-text; version=2.0.0", TEXT_0_0_4),
        ("application/openmetrics-text; version=x y z", TEXT_0_0_4),
        ("application/openmetrics-text;q=0.1,text/plain;q=0.9", TEXT_0_0_4),
        ("text/plain;q=0.1,application/openmetrics-text;q=0.9", OPENMETRICS),
        ("application/openmetrics-text;q=0", TEXT_0_0_4),
        ("application/openmetrics-text;q=often", TEXT_0_0_4),
        ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily", TEXT_0_0_4),
        (";;;,,,=;q", TEXT_0_0_4),
        (PROMETHEUS_2_42, OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS),
    ],
)
def test_the_best_format_both_know_is_chosen(accept, expected):
    """The client's weights decide among the three formats; anything odd gets text 0.0.4."""
    _, content_type = render(FAMILIES, accept)
    assert content_type.partition("; escaping=")[0] == expected


def test_names_are_untouched_under_every_escaping():
    """Names are plain ASCII, so no escaping scheme a client asks for may change one."""
    for escaping in ("allow-utf-8", "underscores", "dots", "values", "\r\n x"):
        accept = f"application/openmetrics-text;version=1.0.0;escaping={escaping}"
        body, content_type = render(FAMILIES, accept)
        assert samples_of(parse_openmetrics(body.decode())) == EXPECTED
        assert "\n" not in content_type


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["claude_tool_use_total"], {"claude_tool_use_total"}),
        (["claude_turn_duration_seconds_sum"], {"claude_turn_duration_seconds_sum"}),
        (
            ["claude_turn_duration_seconds"],
            {f"claude_turn_duration_seconds_{part}" for part in ("bucket", "sum", "count")},
        ),
        (["nothing"], set()),
        (
            ["nothing", "claude_tool_use_total", "claude_turn_duration_seconds_count"],
            {"claude_tool_use_total", "claude_turn_duration_seconds_count"},
        ),
    ],
)
def test_names_keep_only_what_was_asked_for(names, expected):
    """``name[]`` keeps samples and families of these names, whole, and drops the rest."""
    body, _ = render(FAMILIES, names=names)
    assert {name for name, _, _ in samples_of(parse_text(body.decode()))} == expected


def test_special_values_and_empty_families():
    """NaN and the infinities are written as the formats spell them; a family may have no sample."""
    odd = (
        Family(
            "claude_odd",
            "gauge",
            "Odd.",
            "",
            "now",
            (
                Sample("claude_odd", (("v", "a"),), math.nan),
                Sample("claude_odd", (("v", "b"),), math.inf),
                Sample("claude_odd", (("v", "c"),), -math.inf),
            ),
        ),
        Family("claude_none", "gauge", "None.", "", "now", ()),
    )
    body, _ = render(odd)
    assert body.decode().splitlines()[2:] == [
        'claude_odd{v="a"} NaN',
        'claude_odd{v="b"} +Inf',
        'claude_odd{v="c"} -Inf',
        "# HELP claude_none None.",
        "# TYPE claude_none gauge",
    ]
    openmetrics, _ = render((), "application/openmetrics-text")
    assert openmetrics == b"# EOF\n"


def test_a_unit_never_changes_a_name():
    """A unit that is not the name's suffix is left out, because OpenMetrics would not allow it."""
    family = Family("claude_x", "gauge", "X.", "tokens", "now", (Sample("claude_x", (), 1.0),))
    assert render([family], "application/openmetrics-text")[0] == (
        b"# HELP claude_x X.\n# TYPE claude_x gauge\nclaude_x 1.0\n# EOF\n"
    )


def test_big_totals_keep_every_digit():
    """A total up to 2^53 comes out as the same number in every format."""
    total = float(2**53 - 1)
    family = Family("claude_x", "gauge", "X.", "", "now", (Sample("claude_x", (), total),))
    text, _ = render([family])
    openmetrics, _ = render([family], "application/openmetrics-text")
    assert samples_of(parse_text(text.decode())) == {("claude_x", (), total)}
    assert samples_of(parse_openmetrics(openmetrics.decode())) == {("claude_x", (), total)}


def test_a_lone_surrogate_does_not_cost_the_scrape():
    """A label value that UTF-8 cannot hold is made harmless, everything else still comes."""
    family = Family(
        "claude_x", "gauge", "X.", "", "now", (Sample("claude_x", (("user", "a\udcffé"),), 1.0),)
    )
    body, _ = render([family, GAUGE])
    assert 'claude_x{user="a?é"} 1.0\n' in body.decode()
    assert b'claude_tool_use_total{tool="Bash"} 3.0\n' in body


def test_the_collector_serves_a_registry_of_ones_own():
    """Who embeds us registers the collector; each collection asks for the families anew."""
    calls = []

    def families():
        calls.append(1)
        return FAMILIES

    registry = CollectorRegistry()
    registry.register(FamiliesCollector(families))
    assert calls == []
    assert generate_latest(registry) == render(FAMILIES)[0]
    assert generate_latest(registry) == render(FAMILIES)[0]
    assert len(calls) == 2


def test_importing_the_collector_does_not_import_the_client():
    """A process that never renders does not pay for prometheus_client."""
    code = "import sys, ccpush.metrics.collector; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.integration
def test_promtool_complains_of_nothing_but_the_gauges_named_total():
    """The official linter accepts the exposition, the compatible gauge names apart."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    body, _ = render(FAMILIES)
    result = subprocess.run(
        [promtool, "check", "metrics"], input=body, capture_output=True, check=False
    )
    assert result.stderr.decode().splitlines() == [
        'claude_tool_use_total non-counter metrics should not have "_total" suffix'
    ]
