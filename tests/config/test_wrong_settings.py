"""Every wrong setting is told with file and line, key, what was found and what is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from config_machine import Machine

RW = "remote_write:\n- url: https://prom.example.com/api/v1/write\n"
PG = "pushgateway:\n  url: http://localhost:9091\n"
PEM = '"-----BEGIN CERTIFICATE-----\\nYQ==\\n-----END CERTIFICATE-----"'

# name: text of the file, line, key, words of what was found, words of what is accepted
TOP = {
    "unknown key": ("user: a\nintervall: 5s", 2, "intervall", "a key that does not exist", "did you mean interval?"),
    "unknown key, nothing near": ("zzz: 5s", 1, "zzz", "does not exist", "claude_home, state"),
    "number without unit": ("interval: 30", 1, "interval", "30", "write 30s"),
    "too short": ("interval: 500ms", 1, "interval", "'500ms'", "from 1s to 1d"),
    "too long": ("interval: 2d", 1, "interval", "'2d'", "not more than 1d"),
    "zero": ("interval: 0", 1, "interval", "0", "not less than 1s"),
    "list for a duration": ("interval: [5s]", 1, "interval", "a list", "a duration"),
    "block for a duration": ("interval: {a: b}", 1, "interval", "a block", "a duration"),
    "sexagesimal number": ("active_window: 1:30", 1, "active_window", "1:30", "a duration"),
    "list for a text": ("instance: [a]", 1, "instance", "a list", "a text"),
    "empty text": ("instance: ''", 1, "instance", "''", "not empty"),
    "control characters": ('instance: "a\\tb"', 1, "instance", "'a\\tb'", "without control"),
    "spaces at the ends": ("user: ' a'", 1, "user", "' a'", "without spaces at its ends"),
    "very long text": (f"user: {'a' * 300}", 1, "user", "aaa…", "at most 256"),
    "list for a path": ("state: [a]", 1, "state", "a list", "the path of a folder"),
    "somebody's home": ("state: ~bob/x", 1, "state", "'~bob/x'", "~/…"),
    "home without a value": ("claude_home: [a, ~]", 1, "claude_home[1]", "nothing", "the path of a folder"),
    "home that is a block": ("claude_home: {a: b}", 1, "claude_home", "a block", "the path of a folder"),
    "labels that are a list": ("external_labels: [a]", 1, "external_labels", "a list", "labels with their values"),
    "label of the path": ("external_labels:\n  job: x", 2, "external_labels.job", "'job'", "but this one"),
    "label of the identity": ("external_labels: {id: x}", 1, "external_labels.id", "'id'", "but this one"),
    "label of a metric": ("external_labels: {model: x}", 1, "external_labels.model", "'model'", "but this one"),
    "label with its own setting": ("external_labels: {user: x}", 1, "external_labels.user", "'user'", "setting of its own"),
    "label of Prometheus": ("external_labels: {__x: x}", 1, "external_labels.__x", "'__x'", "not beginning"),
    "label with a hyphen": ("external_labels: {a-b: x}", 1, "external_labels.a-b", "'a-b'", "letters, digits and _"),
    "empty label": ("external_labels: {a: ''}", 1, "external_labels.a", "''", "not empty"),
    "label without a value": ("external_labels: {a: }", 1, "external_labels.a", "nothing", "a text"),
    "log level": ("log: {level: warn}", 1, "log.level", "'warn'", "debug, info, warning, error"),
    "log level in capitals": ("log: {level: INFO}", 1, "log.level", "'INFO'", "did you mean info?"),
    "log format": ("log: {format: logfmt}", 1, "log.format", "'logfmt'", "text, json"),
    "unknown key in a block": ("log: {levle: info}", 1, "log.levle", "does not exist", "did you mean level?"),
    "text for a block": ("log: debug", 1, "log", "'debug'", "a block with the keys level, format"),
    "address without port": ("web: {listen_address: localhost}", 1, "web.listen_address", "'localhost'", "with a port"),
    "port alone": ("web: {listen_address: 9101}", 1, "web.listen_address", "9101", ":9101"),
    "port too large": ("web: {listen_address: ':65536'}", 1, "web.listen_address", "':65536'", "0 to 65535"),
    "IPv6 without brackets": ("web: {listen_address: '::1:9101'}", 1, "web.listen_address", "'::1:9101'", "brackets"),
    "name in brackets": ("web: {listen_address: '[a]:1'}", 1, "web.listen_address", "'[a]:1'", "brackets"),
    "not an IP address": ("web: {listen_address: '1.2.3:1'}", 1, "web.listen_address", "'1.2.3:1'", "valid IP"),
    "not an IPv6 address": ("web: {listen_address: '[::g]:1'}", 1, "web.listen_address", "'[::g]:1'", "valid IP"),
    "a URL to listen on": ("web: {listen_address: 'http://a:1'}", 1, "web.listen_address", "'http://a:1'", "host:port"),
    "a part of prometheus.yml": ("scrape_configs: []", 1, "scrape_configs", "Prometheus's own file", "remote_write blocks"),
    "global": ("global:\n  scrape_interval: 15s", 1, "global", "Prometheus's own file", "external_labels"),
    "a list": ("- a\n- b", None, None, "a list", "a block with the keys claude_home"),
    "a text": ("hello", None, None, "<hidden>", "a block with the keys claude_home"),
}  # fmt: skip

SINKS = {
    "no list": ("remote_write: {url: 'http://a/b'}", 1, "remote_write", "a block", "a list of blocks, each beginning with - url:"),
    "a URL in a list": ("remote_write: ['http://a/b']", 1, "remote_write[0]", "'http://a/b'", "a block with the keys url"),
    "no URL": ("remote_write:\n- name: a", 2, "remote_write[0].url", "nothing", "a URL such as"),
    "empty URL": ("remote_write:\n- url:", 2, "remote_write[0].url", "nothing", "a URL such as"),
    "no scheme": ("remote_write: [{url: a.example.com/w}]", 1, "remote_write[0].url", "'a.example.com/w'", "beginning with http:// or https://"),
    "other scheme": ("remote_write: [{url: 'ftp://a/w'}]", 1, "remote_write[0].url", "'ftp://a/w'", "beginning with http://"),
    "no host": ("remote_write: [{url: 'http:///w'}]", 1, "remote_write[0].url", "'http:///w'", "with a host"),
    "a placeholder": ("remote_write: [{url: 'https://<host>/w'}]", 1, "remote_write[0].url", "'https://<host>/w'", "with a host name"),
    "port no number": ("remote_write: [{url: 'http://a:b/w'}]", 1, "remote_write[0].url", "'http://a:b/w'", "valid host and port"),
    "port 0": ("remote_write: [{url: 'http://a:0/w'}]", 1, "remote_write[0].url", "'http://a:0/w'", "1 to 65535"),
    "bad IPv6": ("remote_write: [{url: 'http://[::1/w'}]", 1, "remote_write[0].url", "'http://[::1/w'", "valid host and port"),
    "spaces": ("remote_write: [{url: 'http://a/w x'}]", 1, "remote_write[0].url", "'http://a/w x'", "without spaces"),
    "fragment": ("remote_write: [{url: 'http://a/w#x'}]", 1, "remote_write[0].url", "'http://a/w#x'", "fragment"),
    "at sign in the path": ("remote_write: [{url: 'http://a/b@c'}]", 1, "remote_write[0].url", "'http://<hidden>@c'", "%40"),
    "user info": ("remote_write: [{url: 'http://u:p@a/w'}]", 1, "remote_write[0].url", "'http://<hidden>@a/w'", "basic_auth"),
    "misspelt key": (RW + "  remote_timout: 5s", 3, "remote_write[0].remote_timout", "does not exist", "did you mean remote_timeout?"),
    "timeout": (RW + "  remote_timeout: 30", 3, "remote_write[0].remote_timeout", "30", "write 30s"),
    "timeout too long": (RW + "  remote_timeout: 1h", 3, "remote_write[0].remote_timeout", "'1h'", "not more than 10m"),
    "sigv4": (RW + "  sigv4: {region: x}", 3, "remote_write[0].sigv4", "does not support", "basic_auth, authorization"),
    "azuread": (RW + "  azuread: {cloud: x}", 3, "remote_write[0].azuread", "does not support", "basic_auth, authorization"),
    "google_iam": (RW + "  google_iam: {}", 3, "remote_write[0].google_iam", "does not support", "basic_auth, authorization"),
    "OAuth2 without account": (RW + "  oauth2: {token_url: 'https://a/t'}", 3, "remote_write[0].oauth2.client_id", "nothing", "a text"),
    "OAuth2 without endpoint": (RW + "  oauth2: {client_id: a}", 3, "remote_write[0].oauth2.token_url", "nothing", "a URL such as"),
    "OAuth2 with two secrets": (RW + "  oauth2: {client_id: a, token_url: 'https://a/t', client_secret: b, client_secret_file: c}", 3, "remote_write[0].oauth2", "client_secret and client_secret_file", "only one of"),
    "OAuth2 and a token": (RW + "  bearer_token: a\n  oauth2: {client_id: a, token_url: 'https://a/t'}", 2, "remote_write[0]", "oauth2 and bearer_token", "only one of basic_auth, authorization, oauth2"),
    "OAuth2 with user info": (RW + "  oauth2: {client_id: a, token_url: 'https://u:p@a/t'}", 3, "remote_write[0].oauth2.token_url", "'https://<hidden>@a/t'", "without user name and password"),
    "OAuth2 scopes": (RW + "  oauth2: {client_id: a, token_url: 'https://a/t', scopes: a b}", 3, "remote_write[0].oauth2.scopes", "'a b'", "a list of scopes"),
    "OAuth2 scope as a parameter": (RW + "  oauth2: {client_id: a, token_url: 'https://a/t', endpoint_params: {scope: b}}", 3, "remote_write[0].oauth2.endpoint_params.scope", "'scope'", "scopes have a key of their own"),
    "OAuth2 with a certificate": (RW + "  oauth2: {client_id: a, token_url: 'https://a/t', client_certificate_key_file: b}", 3, "remote_write[0].oauth2.client_certificate_key_file", "a grant that ccpush does not support", "client_secret_file"),
    "OAuth2 with another grant": (RW + "  oauth2: {client_id: a, token_url: 'https://a/t', grant_type: password}", 3, "remote_write[0].oauth2.grant_type", "'password'", "client_credentials"),
    "OAuth2 proxy": (RW + "  oauth2: {client_id: a, token_url: 'https://a/t', no_proxy: b}", 3, "remote_write[0].oauth2.no_proxy", "no_proxy alone", "together with proxy_url"),
    "OAuth2 TLS": (RW + "  oauth2: {client_id: a, token_url: 'https://a/t', tls_config: {cert_file: b}}", 3, "remote_write[0].oauth2.tls_config.key_file", "nothing", "cert_file and key_file"),
    "relabelling": (RW + "  write_relabel_configs: [{action: dropp}]", 3, "remote_write[0].write_relabel_configs[0].action", "'dropp'", "drop"),
    "two kinds of auth": (RW + "  bearer_token: a\n  basic_auth: {username: a}", 2, "remote_write[0]", "basic_auth and bearer_token", "only one of"),
    "two passwords": (RW + "  basic_auth: {username: a, password: b, password_file: c}", 3, "remote_write[0].basic_auth", "password and password_file", "only one of"),
    "no user name": (RW + "  basic_auth: {password: b}", 3, "remote_write[0].basic_auth.username", "nothing", "username_file"),
    "colon in a user name": (RW + "  basic_auth: {username: 'a:b'}", 3, "remote_write[0].basic_auth.username", "'a:b'", "without a colon"),
    "password that is a list": (RW + "  basic_auth: {username: a, password: [b]}", 3, "remote_write[0].basic_auth.password", "a list", "a password"),
    "password of two lines": (RW + '  basic_auth: {username: a, password: "b\\nc"}', 3, "remote_write[0].basic_auth.password", "<hidden>", "on one line"),
    "password file that is a list": (RW + "  basic_auth:\n    username: a\n    password_file: [b]", 5, "remote_write[0].basic_auth.password_file", "a list", "the path of a file"),
    "password in place of the block": (RW + "  basic_auth: hunter2", 3, "remote_write[0].basic_auth", "<hidden>", "username, username_file, password"),
    "no credentials": (RW + "  authorization: {type: Bearer}", 3, "remote_write[0].authorization.credentials", "nothing", "credentials_file"),
    "empty credentials": (RW + "  authorization: {credentials: ''}", 3, "remote_write[0].authorization.credentials", "<hidden>", "not empty"),
    "type Basic": (RW + "  authorization: {type: basic, credentials: a}", 3, "remote_write[0].authorization.type", "'basic'", "basic_auth"),
    "type of two words": (RW + "  authorization: {type: a b, credentials: a}", 3, "remote_write[0].authorization.type", "'a b'", "letters, digits"),
    "headers in a list": (RW + "  headers: [a]", 3, "remote_write[0].headers", "a list", "headers with their values"),
    "header of the protocol": (RW + "  headers: {content-encoding: gzip}", 3, "remote_write[0].headers.content-encoding", "'content-encoding'", "which the protocol sets"),
    "version header": (RW + "  headers: {X-Prometheus-Remote-Write-Version: 1}", 3, "remote_write[0].headers.X-Prometheus-Remote-Write-Version", "'X-Prometheus", "which the protocol sets"),
    "User-Agent": (PG + "  headers: {User-Agent: x}", 3, "pushgateway.headers.User-Agent", "'User-Agent'", "which the protocol sets"),
    "Authorization header": (RW + "  headers: {Authorization: Bearer x}", 3, "remote_write[0].headers.Authorization", "'Authorization'", "use basic_auth or authorization"),
    "header name": (RW + "  headers: {'a b': x}", 3, "remote_write[0].headers.a b", "'a b'", "letters, digits and hyphens"),
    "header value": (RW + '  headers: {X-A: "a\\r\\nX-B: c"}', 3, "remote_write[0].headers.X-A", "<hidden>", "printable ASCII"),
    "header twice": (RW + "  headers: {X-A: a, x-a: b}", 3, "remote_write[0].headers.x-a", "headers.X-A", "each header once"),
    "header in both spellings": (RW + "  headers: {X-A: a}\n  http_headers: {X-A: {values: [b]}}", 4, "remote_write[0].http_headers.X-A", "headers.X-A", "each header once"),
    "no value of a header": (RW + "  http_headers: {X-A: {values: []}}", 3, "remote_write[0].http_headers.X-A", "no value", "at least one of values"),
    "one value in place of the list": (RW + "  http_headers: {X-A: {values: a}}", 3, "remote_write[0].http_headers.X-A.values", "<hidden>", "a list of values"),
    "header from a file of two lines": (RW + '  http_headers: {X-A: {files: ["a\\nb"]}}', 3, "remote_write[0].http_headers.X-A.files[0]", "'a\\nb'", "on one line"),
    "TLS without key": (RW + "  tls_config: {cert_file: a}", 3, "remote_write[0].tls_config.key_file", "nothing", "cert_file and key_file"),
    "TLS key without certificate": (RW + "  tls_config: {key_file: a}", 3, "remote_write[0].tls_config.cert_file", "nothing", "cert_file and key_file"),
    "TLS file in place of the text": (RW + "  tls_config: {ca: /etc/ssl/ca.pem}", 3, "remote_write[0].tls_config.ca", "<hidden>", "certificates in PEM (from -----BEGIN"),
    "TLS certificate for a key": (RW + f"  tls_config: {{cert: {PEM}, key: {PEM}}}", 3, "remote_write[0].tls_config.key", "<hidden>", "as PRIVATE KEY"),
    "TLS text beyond ASCII": (RW + "  tls_config: {ca: \u00fc}", 3, "remote_write[0].tls_config.ca", "<hidden>", "in ASCII"),
    "TLS text and file": (RW + f"  tls_config: {{ca: {PEM}, ca_file: a}}", 3, "remote_write[0].tls_config", "ca and ca_file", "only one of"),
    "TLS text without key": (RW + f"  tls_config: {{cert: {PEM}}}", 3, "remote_write[0].tls_config.key_file", "nothing", "cert_file and key_file"),
    "TLS versions the wrong way round": (RW + "  tls_config: {min_version: TLS13, max_version: TLS12}", 3, "remote_write[0].tls_config.max_version", "TLS12", "TLS13 or newer, as min_version says"),
    "TLS version below what is spoken": (RW + "  tls_config: {max_version: TLS11}", 3, "remote_write[0].tls_config.max_version", "TLS11", "TLS12 or newer, unless min_version is lower"),
    "TLS truth value": (RW + "  tls_config: {insecure_skip_verify: 1}", 3, "remote_write[0].tls_config.insecure_skip_verify", "1", "true or false"),
    "TLS truth value in quotes": (RW + "  tls_config: {insecure_skip_verify: 'true'}", 3, "remote_write[0].tls_config.insecure_skip_verify", "'true'", "true or false"),
    "TLS version": (RW + "  tls_config: {min_version: TLS9}", 3, "remote_write[0].tls_config.min_version", "'TLS9'", "TLS12"),
    "proxy": (RW + "  proxy_url: socks5://a:1", 3, "remote_write[0].proxy_url", "'socks5://a:1'", "http://"),
    "two proxies": (RW + "  proxy_url: http://a:1\n  proxy_from_environment: true", 2, "remote_write[0]", "proxy_url and proxy_from_environment", "only one"),
    "no_proxy alone": (RW + "  no_proxy: a", 3, "remote_write[0].no_proxy", "no_proxy alone", "together with proxy_url"),
    "header for no proxy": (RW + "  proxy_connect_header: {X-A: [b]}", 3, "remote_write[0].proxy_connect_header", "proxy_connect_header alone", "together with proxy_url or"),
    "header of the tunnel": (RW + "  proxy_url: http://a:1\n  proxy_connect_header: {host: [b]}", 4, "remote_write[0].proxy_connect_header.host", "'host'", "which the protocol sets"),
    "one value for a proxy": (RW + "  proxy_url: http://a:1\n  proxy_connect_header: {X-A: b}", 4, "remote_write[0].proxy_connect_header.X-A", "<hidden>", "a list of values"),
    "samples": (RW + "  queue_config: {max_samples_per_send: 0}", 3, "remote_write[0].queue_config.max_samples_per_send", "0", "not less than 1"),
    "samples as text": (RW + "  queue_config: {max_samples_per_send: '5'}", 3, "remote_write[0].queue_config.max_samples_per_send", "'5'", "a whole number"),
    "samples as a float": (RW + "  queue_config: {max_samples_per_send: 5.5}", 3, "remote_write[0].queue_config.max_samples_per_send", "5.5", "a whole number"),
    "samples in hexadecimal": (RW + "  queue_config: {max_samples_per_send: 0x10}", 3, "remote_write[0].queue_config.max_samples_per_send", "0x10", "decimal digits"),
    "a key without effect is checked too": (RW + "  queue_config: {capacity: lots}", 3, "remote_write[0].queue_config.capacity", "'lots'", "a whole number"),
    "metadata": (RW + "  metadata_config: {send: maybe}", 3, "remote_write[0].metadata_config.send", "'maybe'", "true or false"),
    "message": (RW + "  protobuf_message: v2", 3, "remote_write[0].protobuf_message", "'v2'", "prometheus.WriteRequest, io.prometheus.write.v2.Request"),
    "name twice": (RW + "  name: a\n" + PG + "  name: a", 6, "pushgateway.name", "'a'", "remote_write[0].name has this one"),
    "name twice in one list": ("pushgateway:\n- {url: 'http://a', name: x}\n- {url: 'http://b', name: x}", 3, "pushgateway[1].name", "'x'", "pushgateway[0].name has this one"),
    "Pushgateway path": ("pushgateway: {url: 'http://a/metrics/job/b'}", 1, "pushgateway.url", "/metrics/job/b'", "which ccpush adds"),
    "Pushgateway query": ("pushgateway: {url: 'http://a/?x=1'}", 1, "pushgateway.url", "'http://a/?<hidden>'", "without a query"),
    "Pushgateway as a text": ("pushgateway: http://a", 1, "pushgateway", "'http://a'", "a block with the keys url"),
    "job in the grouping key": (PG + "  grouping_key: {job: x}", 3, "pushgateway.grouping_key.job", "'job'", "a key of its own"),
    "instance in the grouping key": (PG + "  labels: {instance: x}", 3, "pushgateway.labels.instance", "'instance'", "always added"),
    "metric's label in the grouping key": (PG + "  labels: {model: x}", 3, "pushgateway.labels.model", "'model'", "but this one"),
    "both spellings of the grouping key": (PG + "  labels: {a: b}\n  grouping_key: {a: b}", 1, "pushgateway", "grouping_key and labels", "only one of"),
    "both spellings of the timeout": (PG + "  timeout: 1s\n  remote_timeout: 1s", 1, "pushgateway", "timeout and remote_timeout", "only one of"),
    "job of another path": (PG + "  job: ccpush", 3, "pushgateway.job", "'ccpush'", "another one"),
    "proxies of the other sink": (PG + "  no_proxy: a", 3, "pushgateway.no_proxy", "no_proxy alone", "together with proxy_url"),
    "a key of the other sink": (PG + "  queue_config: {}", 3, "pushgateway.queue_config", "does not exist", "grouping_key"),
}  # fmt: skip


@pytest.mark.parametrize("name", [*TOP, *SINKS])
def test_a_wrong_setting_is_told(machine: Machine, name: str) -> None:
    """One line says where, what was found and what is accepted; the exit code is 78."""
    text, line, key, found, accepted = (TOP | SINKS)[name]
    (told,) = machine.problems(text)
    where, _, rest = told.partition(": found ")
    said_found, _, said_accepted = rest.partition("; accepted: ")
    place = f"{machine.file}:{line}: {key}" if line else str(machine.file)
    assert place == where
    assert found in said_found
    assert accepted in said_accepted


ELSEWHERE: dict[str, tuple[dict[str, str], dict[str, object], str, str, str]] = {
    "variable": ({"CCPUSH_INTERVAL": "30"}, {}, "environment variable CCPUSH_INTERVAL", "'30'", "write 30s"),
    "flag": ({}, {"interval": "30"}, "--interval", "'30'", "write 30s"),
    "flag with hyphens": ({}, {"listen_address": "x"}, "--listen-address", "'x'", "127.0.0.1:9101"),
    "home flag": ({}, {"claude_home": ("a", "")}, "--claude-home[1]", "''", "the path of a folder"),
    "misspelt variable": ({"CCPUSH_INTERVALL": "30s"}, {}, "environment variable CCPUSH_INTERVALL", "a variable that ccpush does not know", "CCPUSH_INTERVAL"),
    "variable of another name": ({"CCPUSH_CLAUDE_HOME": "x"}, {}, "environment variable CCPUSH_CLAUDE_HOME", "does not know", "CLAUDE_HOME"),
    "variable like none": ({"CCPUSH_": "x"}, {}, "environment variable CCPUSH_", "does not know", "CCPUSH_STATE"),
    "labels": ({"CCPUSH_EXTERNAL_LABELS": "a"}, {}, "environment variable CCPUSH_EXTERNAL_LABELS", "'a'", "name=value"),
    "labels with a comma at the end": ({"CCPUSH_EXTERNAL_LABELS": "a=b,"}, {}, "environment variable CCPUSH_EXTERNAL_LABELS", "'a=b,'", "name=value"),
    "label twice": ({"CCPUSH_EXTERNAL_LABELS": "a=b,a=c"}, {}, "environment variable CCPUSH_EXTERNAL_LABELS", "'a=b,a=c'", "each name once"),
    "label of the identity": ({"CCPUSH_EXTERNAL_LABELS": "id=b"}, {}, "environment variable CCPUSH_EXTERNAL_LABELS", "'id=b'", "but this one"),
    "empty label": ({"CCPUSH_EXTERNAL_LABELS": "a="}, {}, "environment variable CCPUSH_EXTERNAL_LABELS", "'a='", "not empty"),
    "URL with a password": ({"CCPUSH_REMOTE_WRITE_URL": "https://u:p/w@a/b"}, {}, "environment variable CCPUSH_REMOTE_WRITE_URL", "'https://<hidden>@a/b'", "valid host and port"),
    "home of somebody": ({"CLAUDE_HOME": "~bob"}, {}, "environment variable CLAUDE_HOME", "'~bob'", "~/…"),
    "bytes that are no text": ({"CCPUSH_USER": "a\udcff"}, {}, "environment variable CCPUSH_USER", "'a\\udcff'", "a text"),
    "line break in a path": ({"CCPUSH_STATE": "a\nb"}, {}, "environment variable CCPUSH_STATE", "'a\\nb'", "on one line"),
}  # fmt: skip


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_wrong_variable_or_flag_is_told(machine: Machine, name: str) -> None:
    """Variables and flags are named as the user wrote them."""
    environ, flags, place, found, accepted = ELSEWHERE[name]
    (told,) = machine.problems(None, environ, **flags)
    where, _, rest = told.partition(": found ")
    said_found, _, said_accepted = rest.partition("; accepted: ")
    assert place == where
    assert found in said_found
    assert accepted in said_accepted


def test_all_mistakes_are_told_at_once(machine: Machine) -> None:
    """Mistakes of flags, variables and the file come in one error, each on a line of its own."""
    text = "interval: 5\nremote_write:\n- url: x\n  remote_timeout: y\n- nmae: z\n"
    lines = machine.problems(text, {"CCPUSH_LOG_LEVEL": "loud"}, user="")
    expected = [
        "environment variable CCPUSH_LOG_LEVEL",
        "--user",
        f"{machine.file}:1: interval",
        f"{machine.file}:3: remote_write[0].url",
        f"{machine.file}:4: remote_write[0].remote_timeout",
        f"{machine.file}:5: remote_write[1].nmae",
        f"{machine.file}:5: remote_write[1].url",
    ]
    assert expected == [line.partition(": found ")[0] for line in lines]


def test_a_wrong_file_is_told_although_it_is_overruled(machine: Machine) -> None:
    """A flag does not hide a mistake in the file that the next run would stumble over."""
    assert len(machine.problems("interval: 5", interval="5s")) == 1
