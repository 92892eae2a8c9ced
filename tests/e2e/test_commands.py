"""The commands as a person or a script meets them: words, forms and exit codes."""

from __future__ import annotations

import csv
import io
import json
import signal
import sqlite3
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import servers
from programs import Desk, answers, fetch, stop

from ccpush.demo.invent import invent_home
from ccpush.demo.truth import Tokens, Truth


@pytest.fixture(scope="module")
def invented(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """A Claude home of ten days."""
    home = tmp_path_factory.mktemp("invented") / "claude"
    return home, invent_home(home, end=datetime.now(UTC), days=10)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A user who has nothing yet."""
    return Desk(tmp_path)


def test_without_any_claude_home_metrics_says_so_and_succeeds(desk: Desk) -> None:
    """No Claude home is nothing wrong: a clear word, ccpush's own health, exit 0."""
    done = desk.run("metrics")

    assert 0 == done.returncode
    assert "claude_home_missing" in done.stderr
    assert "ccpush_build_info" in done.stdout
    assert "claude_total_messages" not in done.stdout


def test_status_before_anything_was_collected_says_what_to_do(desk: Desk) -> None:
    """Asking too early is nothing wrong either."""
    done = desk.run("status")

    assert 0 == done.returncode
    assert "Try: ccpush metrics" in done.stderr


def test_report_in_all_forms_adds_up_to_the_truth(invented: tuple[Path, Truth], desk: Desk) -> None:
    """JSON, CSV and table of all days hold every token, by day and model."""
    home, truth = invented
    words = ("report", "--claude-home", str(home), "--days", "0")
    whole = sum(truth.tokens.values(), Tokens())

    found = json.loads(desk.run(*words, "--json").stdout)
    rows = list(csv.DictReader(io.StringIO(desk.run(*words, "--csv").stdout)))
    table = desk.run(*words).stdout

    kinds = ("input", "output", "cache_read", "cache_creation")
    assert {k: getattr(whole, k) for k in kinds} == {k: found["total"][k] for k in kinds}
    texts = ("date", "model", "cost_usd", "saved_usd")
    assert [{k: v for k, v in row.items() if k not in texts[2:]} for row in found["rows"]] == [
        {k: v if k in texts else int(v) for k, v in row.items() if k not in texts[2:]}
        for row in rows
    ]
    by_model = {
        model: sum(row["output"] for row in found["rows"] if row["model"] == model)
        for model in truth.tokens
    }
    assert {model: tokens.output for model, tokens in truth.tokens.items()} == by_model
    (total, _) = [line for line in table.splitlines() if line.startswith("total ")]
    assert f"{whole.cache_read:,}" in total
    imported = sum(sum(day.tokens.values()) for day in truth.imported)
    assert imported == found["total"]["unsplit"]


def test_report_adds_up_to_the_metrics(invented: tuple[Path, Truth], desk: Desk) -> None:
    """Cost, savings, tokens without a price and every outcome are what the counters say."""
    words = ("--claude-home", str(invented[0]))
    exposed = desk.run("metrics", *words).stdout
    usage = json.loads(desk.run("report", *words, "--days", "0", "--json").stdout)
    outcome = json.loads(desk.run("report", *words, "--days", "0", "--json", "--outcome").stdout)
    tables = {
        form: list(csv.DictReader(io.StringIO(desk.run("report", *words, *more).stdout)))
        for form, more in {
            "usage": ("--days", "0", "--csv"),
            "outcome": ("--days", "0", "--csv", "--outcome"),
        }.items()
    }

    # the counter that each column is the sum of, and the labels of the part that it is
    columns = {
        "cost_usd": "claude_code_cost_usage_USD_total{",
        "saved_usd": "claude_cache_savings_USD_total{",
        "unpriced": "ccpush_unpriced_tokens_total{",
        "prompts": "claude_prompts_total{",
        "active_user_s": 'claude_code_active_time_seconds_total{type="user"',
        "active_cli_s": 'claude_code_active_time_seconds_total{type="cli"',
        "lines_added": 'claude_code_lines_of_code_count_total{type="added"',
        "lines_removed": 'claude_code_lines_of_code_count_total{type="removed"',
        "commits": "claude_code_commit_count_total{",
        "pull_requests": "claude_code_pull_request_count_total{",
        "tool_errors": "claude_tool_errors_total{",
        "api_errors": "claude_api_errors_total{",
    }
    lines = [line.rpartition(" ") for line in exposed.splitlines()]
    for column, counter in columns.items():
        told = sum(Decimal(value) for name, _, value in lines if name.startswith(counter))
        found, form = (usage, "usage") if column in usage["total"] else (outcome, "outcome")
        assert told > 0 or column == "api_errors", column
        assert told == Decimal(str(found["total"][column])), column
        assert told == sum(Decimal(str(row[column] or 0)) for row in found["rows"]), column
        assert told == sum(Decimal(row[column] or 0) for row in tables[form]), column
    assert usage["outcome"] == outcome["total"]


def test_status_adds_up_in_words_and_as_json(invented: tuple[Path, Truth], desk: Desk) -> None:
    """Every line read is counted, a duplicate, or skipped for a reason that is named."""
    home, _ = invented
    desk.run("metrics", "--claude-home", str(home))

    found = json.loads(desk.run("status", "--claude-home", str(home), "--json").stdout)
    text = desk.run("status", "--claude-home", str(home)).stdout

    skipped = sum(found["rows_skipped"].values())
    assert found["lines_read"] == found["rows_counted"] + found["rows_duplicate"] + skipped
    assert f"{found['lines_read']:,}" in text
    for reason in found["rows_skipped"]:
        assert f"skipped, {reason}: " in text
    assert 1 == found["complete_passes"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("push", "--interval", "1m"), 2, "No such option"),
        (("nonsense",), 2, "No such command"),
        (("run", "--interval", "30"), 78, "30s"),
        (("metrics", "--config", "/does/not/exist.yml"), 78, "/does/not/exist.yml"),
        (("push", "--remote-write-url", "ftp://host/x"), 78, "http"),
    ],
)
def test_wrong_words_are_told_with_their_exit_code(
    desk: Desk, words: tuple[str, ...], code: int, says: str
) -> None:
    """Usage errors exit 2, wrong settings 78; each says what was wrong, none shows a traceback."""
    done = desk.run(*words)

    assert code == done.returncode
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_receiver_that_is_away_means_try_again_later(
    invented: tuple[Path, Truth], desk: Desk
) -> None:
    """An unreachable receiver exits 75 with the reason; what was collected is kept."""
    home, _ = invented
    url = f"http://127.0.0.1:{servers.free_port()}/api/v1/write"

    done = desk.run("push", "--claude-home", str(home), "--remote-write-url", url)

    assert 75 == done.returncode
    assert "refuses" in done.stderr
    assert "Traceback" not in done.stderr


def test_push_without_sinks_collects_and_says_where_to_add_one(
    invented: tuple[Path, Truth], desk: Desk
) -> None:
    """Nothing to push to is nothing to do: exit 0 and a word."""
    done = desk.run("push", "--claude-home", str(invented[0]))

    assert 0 == done.returncode
    assert "remote_write:" in done.stderr


def test_logs_can_be_json_lines(desk: Desk) -> None:
    """With --log-format json every line on standard error is one JSON object."""
    done = desk.run("metrics", "--log-format", "json")

    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert ["claude_home_missing"] == events


def test_a_ledger_of_a_later_ccpush_is_refused_untouched(
    invented: tuple[Path, Truth], desk: Desk, tmp_path: Path
) -> None:
    """A newer schema exits 78 with a hint, and the file stays as it was."""
    words = ("metrics", "--claude-home", str(invented[0]))
    desk.run(*words)
    ledger = tmp_path / "state" / "ccpush" / "ledger.db"
    with sqlite3.connect(ledger) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = ledger.read_bytes()

    done = desk.run(*words)

    assert 78 == done.returncode
    assert "upgrade ccpush" in done.stderr
    assert before == ledger.read_bytes()


def test_the_demo_runs_on_what_it_invents(desk: Desk, tmp_path: Path) -> None:
    """ccpush demo serves an invented home and touches nothing of the user's."""
    port = servers.free_port()
    url = f"http://127.0.0.1:{port}"
    words = ("demo", "--days", "5", "--dir", str(tmp_path / "demo"))

    with desk.staying(*words, "--listen-address", f"127.0.0.1:{port}") as process:
        servers.wait_until(lambda: answers(f"{url}/-/ready"), 20, "ready")
        text = fetch(f"{url}/metrics")
        code, _ = stop(process, signal.SIGINT)

    assert 0 == code
    assert 'user="demo"' in text
    assert not (tmp_path / "state").exists()
    again = desk.run("demo", "--dir", str(tmp_path / "demo"))
    assert 78 == again.returncode


def test_help_names_every_command_with_an_example(desk: Desk) -> None:
    """Every command has help of its own with an example."""
    for command in ("run", "push", "metrics", "report", "status", "export", "forget", "demo"):
        assert command in desk.run("--help").stdout
        assert f"ccpush {command}" in desk.run(command, "--help").stdout
