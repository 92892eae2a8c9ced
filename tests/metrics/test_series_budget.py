"""How many series a heavy year of one laptop makes, and that limits on labels lose nothing."""

from __future__ import annotations

from collections import Counter, defaultdict

import heavy_year
import homes
import pytest
from homes import NOW_S
from slow_rows import Key

from ccpush.ledger.sinks import SinkState, record_attempt
from ccpush.ledger.store import open_ledger
from ccpush.metrics.evaluate import Identity, evaluate

MOST_SERIES = 700
MOST_VALUES = 50

Year = tuple[heavy_year.Made, dict[Key, float]]


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Year:
    """A heavy year, and all samples of a laptop that pushes it to one receiver."""
    root = tmp_path_factory.mktemp("year")
    home = homes.Home(root / "home")
    made = heavy_year.write_year(home)
    reader = homes.Reader(root / "state", home)
    reader.run()
    sink = SinkState("central", "remote_write", NOW_S, NOW_S + 1.5, NOW_S + 1.5, skew_s=0.5)
    told = {("sent", ""): 120, ("retried", ""): 1, ("rejected", "too_old"): 3}
    with open_ledger(reader.state_dir, write=True) as connection:
        record_attempt(connection, sink, told)
    families = evaluate(reader.account(), Identity("0123456789abcdef", "laptop"))
    samples = [sample for family in families for sample in family.samples]
    return made, {(sample.name, sample.labels): sample.value for sample in samples}


def whole(samples: dict[Key, float], name: str, **labels: str) -> float:
    """The sum of a metric's series that have these labels."""
    return sum(
        value for (metric, given), value in samples.items()
        if metric == name and labels.items() <= dict(given).items()
    )  # fmt: skip


def test_a_heavy_year_is_few_series(year: Year) -> None:
    """No more than a small server is glad to take, dated and hourly ones included."""
    counts = Counter(name for name, _ in year[1])
    lines = [f"{count:5} {name}" for name, count in counts.most_common()]
    print("\n".join([f"{counts.total():5} in all", *lines]))

    assert counts.total() <= MOST_SERIES


def test_no_label_has_many_values(year: Year) -> None:
    """Of every metric's every label: at most fifty, whatever is in the transcripts."""
    values: dict[tuple[str, str], set[str]] = defaultdict(set)
    for name, labels in year[1]:
        for label, value in labels:
            values[name, label].add(value)

    assert {at: len(found) for at, found in values.items() if len(found) > MOST_VALUES} == {}


def test_what_is_one_too_many_is_counted_as_other(year: Year) -> None:
    """Nothing is lost by a limit: sums are whole, and how much was folded is told."""
    made, samples = year
    tools = {dict(labels)["tool"] for name, labels in samples if name == "claude_tool_use_total"}
    unnamed = sum(count for tool, count in made.calls.items() if tool not in tools)

    assert whole(samples, "claude_tool_use_total") == made.calls.total()
    assert whole(samples, "claude_tool_use_total", tool="other") == unnamed > 0
    assert whole(samples, "claude_tool_errors_total") == made.tool_errors
    assert whole(samples, "claude_code_code_edit_tool_decision_total") == made.decisions
    assert whole(samples, "claude_responses_total") == made.responses
    assert whole(samples, "claude_api_error_responses_total") == made.api_errors
    assert whole(samples, "claude_stop_reason_total") == made.responses


def test_how_much_was_folded_is_told_by_label(year: Year) -> None:
    """Each increment of unnamed tools' calls and errors; calls of one minute are one increment."""
    samples = year[1]
    folded = whole(samples, "ccpush_label_values_folded_total", label="tool")
    calls = whole(samples, "claude_tool_use_total", tool="other")
    errors = whole(samples, "claude_tool_errors_total", tool="other")

    assert 0.95 * (calls + errors) < folded <= calls + errors
    assert whole(samples, "ccpush_label_values_folded_total", label="model") == 0


def test_providers_spellings_are_one_model(year: Year) -> None:
    """However a model is spelt, it is one value of its label."""
    models = {dict(labels).get("model") for _, labels in year[1]} - {None}

    assert models == set(heavy_year.MODELS)
