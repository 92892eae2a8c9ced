"""Laptops as Prometheus has them, for tests of the rules: series, cases, and promtool's verdict.

    case = Case(tmp_path)
    case.add(laptop(cost="0x60 150x60"))
    case.firing({'{alertname="ClaudeUserOverBudget", user="ada"}'})

Series have a sample each minute from the beginning of time, as promtool has it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import documents
import pytest
import yaml

RULES: Final = documents.ROOT / "prometheus/rules"
FILES: Final = tuple(RULES / f"{name}.yml" for name in ("limits", "ccpush", "alerts"))
AT: Final = "120m"
# in the order in which they are believed
WAYS: Final = ("ccpush", "claude-exporter", "ccpush_pushgateway")
DAY_S: Final = 86_400
IDENTITY: Final = "ccpush_identity_info"
COLLECTED: Final = "ccpush_last_collect_timestamp_seconds"
# short names for what laptops tell, and the labels it has here
TOLD: Final = {
    "tokens": 'claude_code_token_usage_tokens_total{type="output",model="opus"}',
    "cost": 'claude_code_cost_usage_USD_total{model="opus"}',
    "sessions": "claude_code_session_count_total{}",
    "tool_errors": 'claude_tool_errors_total{tool="Bash",kind="error"}',
    "api_errors": 'claude_api_error_responses_total{status="529"}',
    "responses": 'claude_responses_total{model="opus",origin="main"}',
    "unpriced": 'ccpush_unpriced_tokens_total{model="opus"}',
    "rejected": 'ccpush_samples_rejected_total{sink="central",reason="too_old"}',
    "skew": 'ccpush_clock_skew_seconds{sink="central"}',
    "folded": 'ccpush_label_values_folded_total{label="tool"}',
    "damaged": 'ccpush_rows_skipped_total{reason="not_json"}',
    "harmless": 'ccpush_rows_skipped_total{reason="no_metric"}',
}

Series = Mapping[str, str]


def laptop(
    machine: str = "m1",
    *,
    job: str = "ccpush",
    instance: str = "desk",
    user: str = "ada",
    more: str = "",
    here: str = "1x180",
    collected: str = "0+60x180",
    **told: str,
) -> dict[str, str]:
    """What Prometheus has of one laptop by one way; values as promtool writes them.

    ``here`` is the identity's, ``collected`` when the last pass ended; ``more`` are further labels.
    """
    who = f'job="{job}",instance="{instance}",user="{user}"' + (more and f",{more}")
    series = {f'{IDENTITY}{{id="{machine}",{who}}}': here, f"{COLLECTED}{{{who}}}": collected}
    for short, values in told.items():
        name, _, labels = TOLD[short].rstrip("}").partition("{")
        series[f"{name}{{{labels}{labels and ','}{who}}}"] = values
    return series


def promtool(*arguments: str) -> str:
    """Let promtool agree; what it says."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    ran = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert 0 == ran.returncode, ran.stdout + ran.stderr
    return ran.stdout


class Case:
    """Some laptops, and what the rules make of them; ``step`` is how often all is reckoned."""

    def __init__(self, folder: Path, step: str = "1m") -> None:
        self.folder = folder
        self.step = step
        self.series: dict[str, str] = {}
        self.rules: tuple[Path, ...] = FILES

    def add(self, *laptops: Series) -> None:
        """Let there be these too."""
        for one in laptops:
            assert not self.series.keys() & one.keys()
            self.series |= one

    def has(self, asked: Mapping[str, Mapping[str, float]], *ats: str) -> None:
        """Queries have exactly these answers at each of these times: labels → value."""
        self._check(
            promql_expr_test=[
                {
                    "expr": expr,
                    "eval_time": at,
                    "exp_samples": [
                        {"labels": labels, "value": value} for labels, value in found.items()
                    ],
                }
                for at in ats or (AT,)
                for expr, found in asked.items()
            ]
        )

    def firing(self, expected: Iterable[tuple[str, str]], *ats: str) -> None:
        """Exactly these alerts fire at each of these times, by alert and user."""
        labels = {_labels(alertname=name, user=user): 1.0 for name, user in expected}
        self.has({'group by (alertname, user) (ALERTS{alertstate="firing"})': labels}, *ats)

    def tells(
        self, alert: str, labels: Mapping[str, str], annotations: Mapping[str, str], at: str = AT
    ) -> None:
        """The alert fires once, with exactly these labels and words."""
        told = {"exp_labels": dict(labels), "exp_annotations": dict(annotations)}
        self._check(alert_rule_test=[{"eval_time": at, "alertname": alert, "exp_alerts": [told]}])

    def _check(self, **tests: Any) -> None:
        told = [{"series": name, "values": values} for name, values in self.series.items()]
        document = {
            "rule_files": [str(file) for file in self.rules],
            "evaluation_interval": self.step,
            # else at random, where a step is longer than what an instant query looks back
            "group_eval_order": ["ccpush_limits", "ccpush_last", "ccpush_day", "ccpush_alerts"],
            "tests": [{"interval": self.step, "input_series": told, **tests}],
        }
        file = self.folder / "case.yml"
        file.write_text(yaml.safe_dump(document, width=1000), encoding="utf-8")
        promtool("test", "rules", str(file))


def _labels(**named: str) -> str:
    """Labels as promtool writes them, without empty ones."""
    told = ",".join(f'{name}="{value}"' for name, value in named.items() if value)
    return f"{{{told}}}"
