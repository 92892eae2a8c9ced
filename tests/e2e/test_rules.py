"""A real Prometheus with the shipped configuration and rules, fed by ccpush in three ways at once."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import servers
import yaml
from documents import ROOT
from programs import Desk

from ccpush.demo.invent import invent_home

pytestmark = pytest.mark.integration

CONFIG = ROOT / "prometheus/prometheus.yml"
WAYS = {"ccpush", "claude-exporter", "ccpush_pushgateway"}
TOKENS = "id_type_model:claude_code_token_usage_tokens:last"
SEEN = "id:ccpush_seen_timestamp_seconds:last"


def shipped(folder: Path, ports: dict[str, int]) -> str:
    """The configuration as it is shipped, with other ports, rules at their place, all in a hurry."""
    rules = folder / "rules"
    rules.mkdir()
    for file in sorted((ROOT / "prometheus/rules").glob("*.yml")):
        text = file.read_text(encoding="utf-8")
        for slow in ("interval: 1m", "interval: 2m"):
            text = text.replace(slow, "interval: 1s")
        (rules / file.name).write_text(text, encoding="utf-8")
    changes = {"30s": "1s", "evaluation_interval: 1m": "evaluation_interval: 1s"}
    changes |= {f"localhost:{old}": f"127.0.0.1:{port}" for old, port in ports.items()}
    changes["- rules/"] = f"- {rules}/"
    config = CONFIG.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in config
        config = config.replace(old, new)
    return config


def rules_of(prometheus: servers.Server) -> list[dict[str, object]]:
    """Every rule that the server has, with its health."""
    groups = json.loads(prometheus.get("/api/v1/rules"))["data"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_prometheus_accepts_the_configuration_where_it_lies() -> None:
    """promtool finds the rules from the file's own place, and nothing wrong."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    command = ["promtool", "check", "config", str(CONFIG)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))

    assert (0, "") == (ran.returncode, ran.stderr)
    assert "31d" == config["storage"]["tsdb"]["out_of_order_time_window"]
    assert ["rules/limits.yml", "rules/ccpush.yml", "rules/alerts.yml"] == config["rule_files"]


def test_every_rule_is_healthy_and_counts_the_laptop_once(tmp_path: Path) -> None:
    """One laptop pushed by remote-write and to a gateway, and scraped: its own sum, from one way."""
    home, port, desk = tmp_path / "claude", servers.free_port(), Desk(tmp_path)
    truth = invent_home(home, end=datetime.now(UTC))
    used = sum(
        each.input + each.output + each.cache_read + each.cache_creation
        for each in truth.tokens.values()
    )
    with servers.pushgateway(tmp_path) as gateway:
        gateway_port = urlsplit(gateway.url).port
        assert gateway_port is not None
        config = shipped(tmp_path, {"9101": port, "9091": gateway_port})
        with servers.prometheus(config, tmp_path) as prometheus:
            file = tmp_path / "ccpush.yml"
            file.write_text(
                f"claude_home: {home}\n"
                f"web: {{listen_address: '127.0.0.1:{port}'}}\n"
                f"remote_write: [{{url: '{prometheus.url}/api/v1/write'}}]\n"
                f"pushgateway: {{url: '{gateway.url}'}}\n",
                encoding="utf-8",
            )
            with desk.staying("run", "--config", str(file)):
                prometheus.wait_for("count (group by (job) (ccpush_identity_info)) == 3", 60)
                prometheus.wait_for(f'{SEEN}{{job="ccpush"}}', 60)
                prometheus.wait_for(f'{TOKENS}{{job="ccpush"}}', 60)
                servers.wait_until(
                    lambda: {"ok"} == {rule["health"] for rule in rules_of(prometheus)},
                    20,
                    "every rule was reckoned",
                )
                ways = prometheus.query("group by (job) (ccpush_identity_info)")
                rules = rules_of(prometheus)
                seen, total = (
                    prometheus.value(f"count ({SEEN})"),
                    prometheus.value(f"sum ({TOKENS})"),
                )

    assert WAYS == {one["metric"]["job"] for one in ways}
    assert [] == [(rule["name"], rule["lastError"]) for rule in rules if rule.get("lastError")]
    assert [] == [rule["name"] for rule in rules if rule.get("state") == "firing"]
    assert (1, used) == (seen, total)
