"""Files that are right: every key at once, and blocks as vendors' pages have them."""

from __future__ import annotations

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ccpush.config.settings import (
    Authorization,
    BasicAuth,
    HttpConfig,
    OAuth2,
    PriceOverride,
    PricesAbove,
    PushgatewayConfig,
    RelabelRule,
    RemoteWriteConfig,
    Secret,
    Settings,
    TlsConfig,
    WebConfig,
)

if TYPE_CHECKING:
    from config_machine import Machine

FULL = Path(__file__).with_name("full.yml")
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n"
KEY = CERTIFICATE.replace("CERTIFICATE", "EC PRIVATE KEY")


@pytest.fixture
def full(machine: Machine) -> Machine:
    """A machine with the full file, and the files with secrets that it names."""
    shutil.copyfile(FULL, machine.file)
    machine.file.chmod(0o600)
    folder = machine.config_dir / "secrets"
    folder.mkdir()
    for name in ("password", "client.pem", "client.key", "token", "name", "client", "header"):
        (folder / name).write_text("x\n")
        (folder / name).chmod(0o600)
    return machine


def test_a_file_with_every_key(full: Machine) -> None:
    """Each key arrives in its place, with its type and unit."""
    secrets = full.config_dir / "secrets"
    expected = Settings(
        claude_homes=(full.home / ".claude", Path("/srv/claude")),
        claude_homes_given=True,
        state_dir=full.config_dir / "state",
        runtime_dir=full.runtime_dir,
        cache_dir=full.cache_dir,
        active_window_s=1800.0,
        interval_s=120.0,
        instance="ada-laptop",
        user="ada",
        external_labels={"team": "compilers", "site": "london"},
        web=WebConfig("::1", 9200, full.config_dir / "web.yml"),
        remote_write=(
            RemoteWriteConfig(
                name="central",
                http=HttpConfig(
                    url="https://metrics.example.com/api/v1/write?tenant=a",
                    timeout_s=10.0,
                    headers={"X-Scope-OrgID": "42"},
                    http_headers={
                        "X-Api-Token": (Secret("t0ken"),),
                        "X-Kind": (
                            Secret("laptop"),
                            Secret("arm"),
                            Secret(file=secrets / "header"),
                        ),
                    },
                    basic_auth=BasicAuth("0123", None, Secret(file=secrets / "password")),
                    tls=TlsConfig(
                        ca_file=Path("/etc/ssl/ca.pem"),
                        cert_file=secrets / "client.pem",
                        key_file=secrets / "client.key",
                        server_name="metrics.internal",
                        insecure_skip_verify=False,
                        min_version="TLS12",
                        max_version="TLS13",
                    ),
                    proxy_url="http://proxy.example.com:3128",
                    no_proxy="localhost,10.0.0.0/8",
                    proxy_connect_header={"Proxy-Authorization": (Secret("Bearer of-the-proxy"),)},
                ),
                max_samples_per_send=5000,
                send_metadata=False,
                write_relabel_configs=(
                    RelabelRule(
                        "drop",
                        source_labels=("__name__", "model"),
                        separator="@",
                        regex="claude_(daily|hour)_.*@.*",
                    ),
                    RelabelRule(
                        "hashmod", source_labels=("user",), modulus=16, target_label="shard"
                    ),
                    RelabelRule(
                        "replace",
                        source_labels=("model",),
                        regex="claude-([a-z]+)-.*",
                        target_label="family",
                        replacement="${1}",
                    ),
                ),
            ),
            RemoteWriteConfig(
                name="localhost:9090",
                http=HttpConfig(
                    url="http://localhost:9090/api/v1/write",
                    authorization=Authorization("Bearer", Secret(file=secrets / "token")),
                ),
            ),
            RemoteWriteConfig(
                name="localhost:9090-2",
                http=HttpConfig(
                    url="http://localhost:9090/other/write",
                    authorization=Authorization("Bearer", Secret(value="in-place")),
                    proxy_from_environment=True,
                ),
            ),
            RemoteWriteConfig(
                name="other.example.com",
                http=HttpConfig(
                    url="https://other.example.com/api/v1/write",
                    authorization=Authorization("Token", Secret(value="in-place-too")),
                ),
            ),
            RemoteWriteConfig(
                name="oauth.example.com",
                http=HttpConfig(
                    url="https://oauth.example.com/api/v1/write",
                    oauth2=OAuth2(
                        client_id="ada",
                        client_secret=Secret(file=secrets / "client"),
                        endpoint=HttpConfig(
                            url="https://login.example.com/token?tenant=a",
                            tls=TlsConfig(ca=Secret(CERTIFICATE)),
                            proxy_from_environment=True,
                            proxy_connect_header={"X-Hop": (Secret("a"), Secret("b"))},
                        ),
                        scopes=("write", "read"),
                        endpoint_params={"audience": "metrics"},
                    ),
                    tls=TlsConfig(cert=Secret(CERTIFICATE), key=Secret(KEY)),
                ),
            ),
        ),
        pushgateway=(
            PushgatewayConfig(
                name="localhost:9091",
                http=HttpConfig(
                    url="http://localhost:9091/prefix",
                    timeout_s=0.5,
                    basic_auth=BasicAuth(None, secrets / "name", Secret(value="in-place-as-well")),
                ),
                job="laptops",
                grouping_key={"floor": "2"},
            ),
            PushgatewayConfig(
                name="gateway.example.com",
                http=HttpConfig(url="https://Gateway.example.com:443", timeout_s=60.0),
                job="ccpush_pushgateway",
                grouping_key={"floor": "3"},
                write_relabel_configs=(RelabelRule("labeldrop", regex="user"),),
            ),
        ),
        prices=(
            PriceOverride(
                models=("glm-4.6",),
                since=date(2026, 9, 1),
                input=Decimal("0.6"),
                output=Decimal("2.2"),
                cache_read=Decimal("0.11"),
                cache_write_5m=Decimal("0.6"),
                cache_write_1h=Decimal("0.6"),
                web_search=Decimal(10),
                fast=Decimal(6),
                batch=Decimal("0.5"),
                above=PricesAbove(
                    tokens=200_000,
                    input=Decimal("1.2"),
                    output=Decimal("4.4"),
                    cache_read=Decimal("0.22"),
                    cache_write_5m=Decimal("1.2"),
                    cache_write_1h=Decimal("1.2"),
                ),
            ),
            PriceOverride(models=("claude-opus-4-6", "claude-opus-4-7"), fast=Decimal(6)),
        ),
        log_level="debug",
        log_format="json",
        config_file=full.file,
        notes=(
            (
                f"{full.file}:35: remote_write[0].tls_config.ca_file: ccpush sees no file"
                " /etc/ssl/ca.pem"
            ),
            (
                "several sinks lead to localhost:9090, and one of them is now called localhost:9090-2:"
                " give each a name of its own, or their order decides which is which"
            ),
        ),
    )
    assert expected == full.load()


def test_a_block_as_a_vendor_shows_it(machine: Machine) -> None:
    """A block pasted from a hosted Prometheus's page works as it is, its number as a user name."""
    settings = machine.load(
        "remote_write:\n"
        "- url: https://prometheus-prod-01-eu-west-0.example.net/api/prom/push\n"
        "  basic_auth:\n"
        "    username: 1234567\n"
        "    password: glc_eyJvIjoiMTIzNDU2Nzg5MCJ9==\n"
    )
    (sink,) = settings.remote_write
    expected = BasicAuth("1234567", None, Secret(value="glc_eyJvIjoiMTIzNDU2Nzg5MCJ9=="))
    assert expected == sink.http.basic_auth
    assert sink.name == "prometheus-prod-01-eu-west-0.example.net"
    assert settings.notes == ()


def test_a_block_from_a_server_that_tunes_its_queue(machine: Machine) -> None:
    """Keys without effect here are accepted, each told once with the reason."""
    settings = machine.load(
        "remote_write:\n"
        "- url: https://mimir.example.com/api/v1/push\n"
        "  protobuf_message: io.prometheus.write.v2.Request\n"
        "  send_exemplars: true\n"
        "  send_native_histograms: false\n"
        "  round_robin_dns: false\n"
        "  enable_http2: true\n"
        "  follow_redirects: true\n"
        "  tls_config: {min_version: TLS12}\n"
        "  queue_config:\n"
        "    capacity: 10000\n"
        "    max_shards: 50\n"
        "    min_shards: 1\n"
        "    max_samples_per_send: 20000\n"
        "    batch_send_deadline: 5s\n"
        "    min_backoff: 30ms\n"
        "    max_backoff: 5s\n"
        "    retry_on_http_429: true\n"
        "    sample_age_limit: 0s\n"
        "  metadata_config: {send: true, send_interval: 1m, max_samples_per_send: 2000}\n"
    )
    (sink,) = settings.remote_write
    assert (sink.max_samples_per_send, sink.send_metadata) == (10_000, True)
    told = [
        note.removeprefix(f"{machine.file}:").partition(": accepted")[0] for note in settings.notes
    ]
    expected = [
        "10: remote_write[0].queue_config: capacity, max_shards, min_shards, batch_send_deadline",
        "10: remote_write[0].queue_config: min_backoff, max_backoff",
        "10: remote_write[0].queue_config: retry_on_http_429",
        "20: remote_write[0].metadata_config: send_interval, max_samples_per_send",
        "2: remote_write[0]: follow_redirects",
        "2: remote_write[0]: enable_http2",
        "2: remote_write[0]: send_exemplars, send_native_histograms",
        "2: remote_write[0]: round_robin_dns",
        (
            "14: remote_write[0].queue_config.max_samples_per_send: taken as 10000, the most that"
            " ccpush sends at once"
        ),
    ]
    assert expected == told


def test_a_user_name_without_a_password(machine: Machine) -> None:
    """Some services take the token as the user name; no password is an empty one."""
    text = "remote_write: [{{url: 'https://a/w', basic_auth: {{username: t{}}}}}]"
    for password in ("", ", password: ''"):
        (sink,) = machine.load(text.format(password)).remote_write
        assert BasicAuth("t", None, Secret(value="")) == sink.http.basic_auth


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("url: http://prom.example.com:9090", "/api/v1/write"),
        ("{url: 'http://prom.example.com/w', bearer_token: a}", "use https://"),
        ("{url: 'http://prom.example.com/w', headers: {X-Api-Key: a}}", "use https://"),
        ("{url: 'https://a/w', tls_config: {insecure_skip_verify: true}}", "ca_file is safer"),
        ("{url: 'https://a/w', tls_config: {min_version: TLS11}}", "TLS12 is safe"),
        ("{url: 'https://a/w', bearer_token_file: absent}", "ccpush sees no file"),
        ("{url: 'https://a/w', http_headers: {X-A: {files: [absent]}}}", "ccpush sees no file"),
        ("{url: 'http://prom.example.com/w', http_headers: {X-A: {secrets: [a]}}}", "use https://"),
        (
            "{url: 'http://prom.example.com/w', oauth2: {client_id: a, token_url: 'https://a/t'}}",
            "use https://",
        ),
        (
            "{url: 'https://a/w', oauth2: {client_id: a, token_url: 'http://prom.example.com/t'}}",
            "use https://",
        ),
        ("{url: 'https://a/w', name: '${NAME}'}", "taken literally"),
    ],
)
def test_what_is_unsafe_or_unlikely_is_told(machine: Machine, block: str, words: str) -> None:
    """What is accepted but hardly meant gets one note, with file, line and key."""
    (note,) = machine.load(f"remote_write:\n- {block}").notes
    assert words in note
    assert note.startswith(f"{machine.file}:2: remote_write[0]")


@pytest.mark.parametrize(
    "block",
    [
        "{url: 'http://127.0.0.1:9090/api/v1/write', bearer_token: a}",
        "{url: 'http://[::1]:9090/w', basic_auth: {username: a, password: b}}",
        "{url: 'http://prom.example.com/w', headers: {X-Scope-OrgID: a}}",
        "{url: 'http://prom.example.com/w', http_headers: {X-Scope-OrgID: {values: [a]}}}",
        "{url: 'http://localhost/w', oauth2: {client_id: a, token_url: 'http://localhost/t'}}",
    ],
)
def test_what_is_safe_is_not_told(machine: Machine, block: str) -> None:
    """Secrets over the loopback, and headers without secrets, need no warning."""
    assert machine.load(f"remote_write: [{block}]").notes == ()


def test_names_that_were_not_given(machine: Machine) -> None:
    """A sink is called by host and port, and by a number where that name is taken."""
    settings = machine.load(
        "remote_write:\n"
        "- url: http://A.example.com/w\n"
        "- url: http://a.example.com:80/w\n"
        "- {url: 'http://b.example.com/w', name: a.example.com-2}\n"
        "- url: http://[::1]:9090/w\n"
        "pushgateway:\n"
        "- url: https://a.example.com:8443\n"
        "- url: https://a.example.com:443\n"
    )
    names = [sink.name for sink in settings.remote_write]
    names += [sink.name for sink in settings.pushgateway]
    expected = [
        "a.example.com",
        "a.example.com-3",
        "a.example.com-2",
        "[::1]:9090",
        "a.example.com:8443",
        "a.example.com-4",
    ]
    assert expected == names
