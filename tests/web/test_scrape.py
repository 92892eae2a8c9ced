"""A real Prometheus scrapes the endpoint."""

from __future__ import annotations

import json

import bcrypt
import pytest
import servers
import trustme

from ccpush.metrics.samples import Family, Sample

pytestmark = pytest.mark.integration

NASTY = 'quote " backslash \\ newline \n snow ☃'


@pytest.fixture
def rich_pages(pages):
    """Pages with a label value that needs every escape there is."""
    nasty = Family(
        "claude_x", "gauge", "X.", "", "now", (Sample("claude_x", (("label", NASTY),), 4.5),)
    )
    families = (*pages.families(), nasty)
    pages.families = lambda: families
    return pages


def assert_scraped(prometheus):
    """Everything that is served has arrived, with its type and every letter of its labels."""
    assert prometheus.wait_for('up{job="claude-exporter"} == 1')
    assert prometheus.value("claude_tool_use_total") == 3.0
    assert prometheus.value("claude_code_session_count_total") == 7.0
    assert prometheus.value('claude_turn_duration_seconds_bucket{le="5.0"}') == 1.0
    assert prometheus.value('claude_turn_duration_seconds_bucket{le="+Inf"}') == 2.0
    assert prometheus.value("claude_turn_duration_seconds_sum") == 30.0
    (result,) = prometheus.query("claude_x")
    assert result["metric"]["label"] == NASTY
    metadata = json.loads(prometheus.get("/api/v1/metadata"))["data"]
    # as OpenMetrics, which Prometheus prefers: a counter's family goes without its suffix
    assert {name: metadata[name][0]["type"] for name in metadata if name.startswith("claude")} == {
        "claude_tool_use_total": "gauge",
        "claude_code_session_count": "counter",
        "claude_turn_duration_seconds": "histogram",
        "claude_x": "gauge",
    }


def test_prometheus_scrapes_the_endpoint(serve, rich_pages, tmp_path):
    """With no more than the address in its configuration, Prometheus gets everything."""
    config = servers.scrape_config("claude-exporter", serve().url)
    with servers.prometheus(config, tmp_path) as prometheus:
        assert_scraped(prometheus)


def test_prometheus_scrapes_over_tls_with_a_password(serve, rich_pages, tmp_path):
    """With a CA, a user and a password Prometheus gets everything; with a wrong one nothing."""
    ca = trustme.CA()
    certificate = ca.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    web_file = tmp_path / "web.yml"
    stored = bcrypt.hashpw(b"pa ss", bcrypt.gensalt(10)).decode()
    web_file.write_text(
        "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n"
        f"basic_auth_users: {{prometheus: '{stored}'}}\n",
        encoding="utf-8",
    )
    url = serve(web_file).url

    def job(name, password):
        return servers.scrape_config(
            name,
            url,
            extra=(
                "scheme: https\n"
                f"tls_config: {{ca_file: '{tmp_path / 'ca.pem'}'}}\n"
                f"basic_auth: {{username: prometheus, password: '{password}'}}\n"
            ),
        )

    good, bad = job("claude-exporter", "pa ss"), job("intruder", "pa  ss")
    both = good + bad.partition("scrape_configs:\n")[2]
    with servers.prometheus(both, tmp_path) as prometheus:
        assert_scraped(prometheus)
        assert prometheus.wait_for('up{job="intruder"} == 0')
        assert prometheus.query('claude_tool_use_total{job="intruder"}') == []
