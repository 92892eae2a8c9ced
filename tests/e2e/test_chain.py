"""From Claude's files to PromQL, by every path, with real servers and the real command."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import demo_metrics
import pytest
import servers
from central import WINDOW
from programs import STOP_WITHIN_S, Desk, answers, fetch, stop

from ccpush.demo.invent import invent_home
from ccpush.demo.truth import Truth

pytestmark = pytest.mark.integration

Ask = Callable[[str], float | None]


@pytest.fixture(scope="module")
def invented(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """A Claude home of sixty days that is active now, and what it truly holds."""
    home = tmp_path_factory.mktemp("invented") / "claude"
    return home, invent_home(home, end=datetime.now(UTC))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A user who has nothing yet."""
    return Desk(tmp_path)


def picture(home: Path) -> dict[str, tuple[int, int, str]]:
    """Names, sizes, mtimes and hashes of everything below a folder."""
    return {
        str(path.relative_to(home)): (
            path.stat().st_size,
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in sorted(home.rglob("*"))
    }


def assert_true_totals(ask: Ask, truth: Truth, job: str) -> None:
    """What PromQL answers for one job equals what was invented."""
    kinds = {
        "input": "input",
        "output": "output",
        "cacheRead": "cache_read",
        "cacheCreation": "cache_creation",
    }
    for model, tokens in truth.tokens.items():
        for kind, field in kinds.items():
            expected = getattr(tokens, field)
            counter = (
                f'claude_code_token_usage_tokens_total{{job="{job}",model="{model}",type="{kind}"}}'
            )
            assert ask(counter) == (expected or None), counter
    imported = truth.imported
    messages = truth.messages + sum(day.messages for day in imported)
    sessions = truth.sessions + sum(day.sessions for day in imported)
    assert ask(f'claude_total_messages{{job="{job}"}}') == messages
    assert ask(f'claude_total_sessions{{job="{job}"}}') == sessions
    assert ask(f'claude_code_session_count_total{{job="{job}"}}') == truth.sessions
    assert ask(f'sum(claude_tool_use_total{{job="{job}"}})') == sum(truth.tool_calls.values())
    assert ask(f'claude_api_errors_total{{job="{job}"}}') == truth.api_errors
    assert ask(f'claude_compact_events_total{{job="{job}"}}') == truth.compactions
    turns = len(truth.turn_durations_ms)
    assert ask(f'claude_turn_duration_seconds_count{{job="{job}"}}') == turns
    brought = {**demo_metrics.expected(truth), **demo_metrics.money(truth)}
    for (name, labels), amount in brought.items():
        matchers = ",".join(f'{label}="{value}"' for label, value in (("job", job), *labels))
        assert ask(f"{name}{{{matchers}}}") == pytest.approx(amount, rel=1e-12), (name, labels)


def test_a_real_prometheus_scrapes_the_truth(
    invented: tuple[Path, Truth], desk: Desk, tmp_path: Path
) -> None:
    """What a Prometheus has after scraping :9101 is what happened."""
    home, truth = invented
    port = servers.free_port()
    url = f"http://127.0.0.1:{port}"
    words = ("run", "--claude-home", str(home), "--listen-address", f"127.0.0.1:{port}")
    config = servers.scrape_config("claude-exporter", url)

    with desk.staying(*words) as process, servers.prometheus(config, tmp_path) as prometheus:
        prometheus.wait_for("claude_total_messages")
        assert_true_totals(prometheus.value, truth, "claude-exporter")
        assert prometheus.value("claude_live_sessions") == 1
        code, took_s = stop(process)

    assert 0 == code
    assert took_s < STOP_WITHIN_S


def test_remote_write_delivers_the_truth(
    invented: tuple[Path, Truth], desk: Desk, tmp_path: Path
) -> None:
    """What a Prometheus has after one push by remote-write is what happened, and again after two."""
    home, truth = invented

    with servers.prometheus(WINDOW, tmp_path) as prometheus:
        url = f"{prometheus.url}/api/v1/write"
        words = ("push", "--claude-home", str(home), "--remote-write-url", url)
        for _ in range(2):
            done = desk.run(*words, "--instance", "laptop", "--user", "ada")
            assert (0, "") == (done.returncode, done.stderr)
            assert_true_totals(prometheus.value, truth, "ccpush")

        labels = prometheus.query("ccpush_identity_info")[0]["metric"]

    assert {"job": "ccpush", "instance": "laptop", "user": "ada"}.items() <= labels.items()
    assert 16 == len(labels["id"])


def test_a_pushgateway_passes_on_the_truth(
    invented: tuple[Path, Truth], desk: Desk, tmp_path: Path
) -> None:
    """What a Prometheus has after scraping a Pushgateway that was pushed to is what happened."""
    home, truth = invented

    with servers.pushgateway(tmp_path) as gateway:
        done = desk.run("push", "--claude-home", str(home), "--pushgateway-url", gateway.url)
        assert (0, "") == (done.returncode, done.stderr)
        config = servers.scrape_config("gateway", gateway.url, extra="honor_labels: true")
        with servers.prometheus(config, tmp_path) as prometheus:
            prometheus.wait_for("claude_total_messages")
            assert_true_totals(prometheus.value, truth, "ccpush_pushgateway")


def test_a_resident_process_pushes_to_several_sinks_and_is_scraped(
    invented: tuple[Path, Truth], desk: Desk, tmp_path: Path
) -> None:
    """Both sinks get the truth from one resident process, though a third one is dead."""
    home, truth = invented
    port, dead = servers.free_port(), servers.free_port()

    with (
        servers.prometheus(WINDOW, tmp_path) as prometheus,
        servers.pushgateway(tmp_path) as gateway,
    ):
        config = tmp_path / "ccpush.yml"
        config.write_text(
            f"claude_home: {home}\n"
            f"web: {{listen_address: '127.0.0.1:{port}'}}\n"
            "external_labels: {team: core}\n"
            "remote_write:\n"
            f"  - {{name: central, url: '{prometheus.url}/api/v1/write'}}\n"
            f"  - {{name: dead, url: 'http://127.0.0.1:{dead}/api/v1/write'}}\n"
            f"pushgateway: {{name: gateway, url: '{gateway.url}'}}\n",
            encoding="utf-8",
        )
        with desk.staying("run", "--config", str(config)) as process:
            prometheus.wait_for('claude_total_messages{team="core"}')
            assert_true_totals(prometheus.value, truth, "ccpush")
            servers.wait_until(
                lambda: 'team="core"' in gateway.get("/metrics"), 20, "the gateway has the group"
            )
            sinks = json.loads(desk.run("status", "--json", "--config", str(config)).stdout)[
                "sinks"
            ]
            code, took_s = stop(process)

    assert 0 == code
    assert took_s < STOP_WITHIN_S
    states = {sink["name"]: sink for sink in sinks}
    assert ["central", "dead", "gateway"] == list(states)
    assert states["dead"]["last_success_s"] is None
    assert "refuses" in states["dead"]["error"]
    assert states["central"]["samples"]["sent"] > 300
    assert states["central"]["error"] is None


def test_nothing_under_the_claude_home_is_changed(
    invented: tuple[Path, Truth], desk: Desk, tmp_path: Path
) -> None:
    """Names, sizes, mtimes and hashes are the same after a full cycle, the home being read-only."""
    home, _ = invented
    before = picture(home)
    folders = [home, *(path for path in home.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        with servers.prometheus(WINDOW, tmp_path) as prometheus:
            url = f"{prometheus.url}/api/v1/write"
            pushed = desk.run("push", "--claude-home", str(home), "--remote-write-url", url)
        printed = desk.run("metrics", "--claude-home", str(home))
    finally:
        for folder in folders:
            folder.chmod(0o755)

    assert (0, 0) == (pushed.returncode, printed.returncode)
    assert before == picture(home)


def test_metrics_push_and_scrapes_at_once_do_not_disturb_each_other(
    invented: tuple[Path, Truth], desk: Desk, tmp_path: Path
) -> None:
    """While one process stays, others print what it has collected, are turned away, and agree."""
    home, truth = invented
    port = servers.free_port()
    words = ("--claude-home", str(home))
    expected = truth.messages + sum(day.messages for day in truth.imported)
    line = f"claude_total_messages{{{'user='}"

    with desk.staying("run", *words, "--listen-address", f"127.0.0.1:{port}") as process:
        servers.wait_until(lambda: answers(f"http://127.0.0.1:{port}/-/ready"), 20, "ready")
        for _ in range(3):
            printed = desk.run("metrics", *words)
            pushed = desk.run("push", *words)
            scraped = fetch(f"http://127.0.0.1:{port}/metrics")
            for text in (printed.stdout, scraped):
                found = [row for row in text.splitlines() if row.startswith(line)]
                assert [float(expected)] == [float(row.split()[-1]) for row in found]
            assert 75 == pushed.returncode
            assert f"pid {process.pid} (ccpush run)" in pushed.stderr


def test_run_waits_for_a_claude_home_to_appear(desk: Desk, tmp_path: Path) -> None:
    """Without a Claude home the process is alive and not ready, and reads it once it is there."""
    home, port = tmp_path / "later", servers.free_port()
    url = f"http://127.0.0.1:{port}"
    words = ("--claude-home", str(home), "--listen-address", f"127.0.0.1:{port}")

    with desk.staying("run", *words, "--interval", "1s"):
        servers.wait_until(lambda: answers(f"{url}/-/healthy"), 20, "healthy")
        assert not answers(f"{url}/-/ready")
        assert "claude_total_messages" not in fetch(f"{url}/metrics")
        truth = invent_home(tmp_path / "made", end=datetime.now(UTC), days=2)
        (tmp_path / "made").rename(home)
        servers.wait_until(lambda: answers(f"{url}/-/ready"), 20, "ready")
        text = fetch(f"{url}/metrics")

    found = [row for row in text.splitlines() if row.startswith("claude_code_session_count_total")]
    assert [float(truth.sessions)] == [float(row.split()[-1]) for row in found]
    assert "claude_home_missing" in desk.log()
    assert "claude_home_found" in desk.log()


def test_no_text_of_a_transcript_reaches_a_receiver(desk: Desk, tmp_path: Path) -> None:
    """Words, titles, paths and ids of a conversation stay out of pushes, ledger and log."""
    secret = "Zq7SentinelXk"
    folder = tmp_path / "claude" / "projects" / f"-home-{secret}-project"
    folder.mkdir(parents=True)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    envelope = {
        "sessionId": f"{secret}-session",
        "cwd": f"/home/{secret}",
        "gitBranch": secret,
        "slug": secret,
        "timestamp": now,
    }
    rows = [
        {**envelope, "type": "user", "uuid": secret, "message": {"content": secret}},
        {
            **envelope,
            "type": "assistant",
            "uuid": f"{secret}2",
            "requestId": secret,
            "message": {
                "id": secret,
                "model": "claude-opus-4-6",
                "content": [
                    {"type": "text", "text": secret},
                    {"type": "tool_use", "id": secret, "name": "Bash", "input": {"c": secret}},
                ],
                "usage": {"input_tokens": 3, "output_tokens": 5},
            },
        },
        {**envelope, "type": "summary", "summary": secret},
        {"type": f"odd {secret}", "text": secret},
    ]
    (folder / f"{secret}.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows) + secret + "\n", encoding="utf-8"
    )
    with servers.pushgateway(tmp_path) as gateway:
        done = desk.run(
            *("push", "--claude-home", str(tmp_path / "claude"), "--log-level", "debug"),
            *("--pushgateway-url", gateway.url),
        )
        received = gateway.get("/metrics")
    state = b"".join(
        path.read_bytes() for path in sorted((tmp_path / "state").rglob("*")) if path.is_file()
    )

    assert 0 == done.returncode
    assert "claude_model_input_tokens" in received
    assert secret not in received
    assert secret not in done.stderr + done.stdout
    assert secret.encode() not in state
    assert os.listdir(tmp_path / "state" / "ccpush")
