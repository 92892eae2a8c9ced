"""Secrets: read when needed, never printed, and told of when others can read them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ccpush.config.secrets import exposure, read_secret
from ccpush.config.settings import Secret
from ccpush.errors import ConfigError

if TYPE_CHECKING:
    from config_machine import Machine

SENTINEL = "hunter2-sentinel"
PEM = '"-----BEGIN CERTIFICATE-----\\nYQ==\\n-----END CERTIFICATE-----"'
URL = "remote_write:\n- url: https://prom.example.com/api/v1/write\n"


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_secret_of_a_file_is_read_without_its_line_break(tmp_path: Path, ending: str) -> None:
    """Editors end a file with a line break that is no part of the secret; spaces are."""
    file = tmp_path / "token"
    file.write_bytes(f" tök en {ending}".encode())
    assert read_secret(Secret(file=file)) == " tök en "


def test_a_changed_file_takes_effect_at_once(tmp_path: Path) -> None:
    """A rotated token is read at the next use."""
    file = tmp_path / "token"
    secret = Secret(file=file)
    file.write_text("one\n")
    assert read_secret(secret) == "one"
    file.write_text("two\n")
    assert read_secret(secret) == "two"


def test_a_secret_in_place_is_itself() -> None:
    """What stands in the settings is used as it is."""
    assert read_secret(Secret(value="a\n")) == "a\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "nothing in it"),
        (b" \n", "nothing in it"),
        (b"\xff\xfe" + SENTINEL.encode(), "not UTF-8 at byte 0"),
        (SENTINEL.encode() * 10_000, "more than 65536 bytes"),
    ],
)
def test_an_unusable_secret_stops(tmp_path: Path, content: bytes | None, words: str) -> None:
    """Without its secret a request must not go out; the error names the file, not the secret."""
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_secret(Secret(file=file))
    assert f"{file}: found {words}" in str(caught.value)
    assert caught.value.hint
    assert SENTINEL not in repr(caught.value) + repr(caught.value.__cause__)


def test_a_folder_is_no_secret(tmp_path: Path) -> None:
    """A path that cannot be read as a file is told like a missing one."""
    with pytest.raises(ConfigError, match="Is a directory"):
        read_secret(Secret(file=tmp_path))


# wrong in every way in which a block with a secret can be wrong
WRONG_BLOCKS = [
    "basic_auth: {secret}",
    "basic_auth: [{secret}]",
    "basic_auth: {{username: a, password: [{secret}]}}",
    "basic_auth: {{username: a, password: {{x: {secret}}}}}",
    'basic_auth: {{username: a, password: "{secret}\\n"}}',
    "basic_auth: {{username: a, pasword: {secret}}}",
    "basic_auth: {{password: {secret}}}",
    "basic_auth: {{username: a, password: {secret}, password_file: x}}",
    "authorization: {secret}",
    'authorization: {{credentials: "{secret}\\r"}}',
    "authorization: {{type: Basic, credentials: {secret}}}",
    "authorization: {{credentials: {secret}, credentials_file: x}}",
    "bearer_token: [{secret}]",
    'bearer_token: "{secret}\\nx"',
    "bearer_token: {secret}\n  basic_auth: {{username: a}}",
    "oauth2: {{client_secret: {secret}}}",
    "oauth2: {secret}",
    "oauth2: {{client_id: a, token_url: 'https://a/t', client_secret: [{secret}]}}",
    'oauth2: {{client_id: a, token_url: "https://a/t", client_secret: "{secret}\\n"}}',
    "oauth2: {{client_id: a, token_url: 'https://u:{secret}@a/t'}}",
    "oauth2: {{client_id: a, token_url: 'https://a/t', endpoint_params: {{a: [{secret}]}}}}",
    "oauth2: {{client_id: a, token_url: 'https://a/t', endpoint_params: {secret}}}",
    "oauth2: {{client_id: a, token_url: 'https://a/t', client_certificate_key: {secret}}}",
    "tls_config: {{cert: {secret}, key: {secret}}}",
    "proxy_connect_header: {{Proxy-Authorization: [{secret}]}}",
    "proxy_connect_header: {secret}",
    "sigv4: {{secret_key: {secret}}}",
    "tls_config: {{key: {secret}}}",
    "tls_config: {secret}",
    "headers: {secret}",
    'headers: {{X-Api-Key: "{secret}\\n"}}',
    "headers: {{X-Api-Key: {{a: {secret}}}}}",
    "headers: {{Authorization: {secret}}}",
    "http_headers: {{X-Api-Key: {secret}}}",
    "http_headers: {{X-Api-Key: {{secrets: {secret}}}}}",
    'http_headers: {{X-Api-Key: {{secrets: [a, "{secret}\\n"]}}}}',
    "proxy_url: http://user:{secret}@proxy:99999",
    "proxy_url: ftp://user:{secret}@proxy",
    "proxy_url: http://user:/{secret}@proxy/",
    "basic_auth: {{username: a, password: '{secret}}}",
    "basic_auth: {{username: a, password: !x {secret}}}",
    "basic_auth: {{username: a, password: *{secret}}}",
    'basic_auth: {{username: a, password: "\\x{secret}"}}',
]


@pytest.mark.parametrize("block", WRONG_BLOCKS)
def test_no_error_shows_a_secret(machine: Machine, block: str) -> None:
    """Whatever is wrong around a secret, the message does not hold it."""
    lines = machine.problems(f"{URL}  {block.format(secret=SENTINEL)}\n")
    assert lines
    assert SENTINEL not in "\n".join(lines)


@pytest.mark.parametrize("scheme", ["https", "ftp"])
@pytest.mark.parametrize("host", ["a.example.com", "", "a:99999", "<host>"])
def test_no_error_shows_a_password_in_a_url(machine: Machine, scheme: str, host: str) -> None:
    """A URL with user and password, or with a token in its query, is told without them."""
    url = f"{scheme}://{SENTINEL}:{SENTINEL}@{host}/w?token={SENTINEL}"
    lines = machine.problems(
        f"remote_write: [{{url: '{url}'}}]\npushgateway: ['{url}']\nlog: '{url}'",
        {"CCPUSH_REMOTE_WRITE_URL": url},
        pushgateway_url=url,
    )
    assert len(lines) == 5
    assert SENTINEL not in "\n".join(lines)


def test_settings_do_not_show_their_secrets(machine: Machine) -> None:
    """Neither the settings nor their notes print a secret that was accepted."""
    key = PEM.replace("CERTIFICATE", "PRIVATE KEY").replace("YQ==", "hunter3")
    settings = machine.load(
        f"{URL}  basic_auth: {{username: a, password: {SENTINEL}}}\n"
        f"  headers: {{X-Api-Key: {SENTINEL}}}\n  proxy_url: http://a:{SENTINEL}@proxy:3128\n"
        f"- url: http://prom.example.com/w\n  bearer_token: {SENTINEL}\n"
        f"- url: http://other.example.com/w\n  authorization: {{credentials: '${{X}}{SENTINEL}'}}\n"
        f"- url: https://oauth.example.com/w\n  oauth2: {{client_id: a, client_secret: {SENTINEL},"
        f" token_url: 'https://a/t?{SENTINEL}', endpoint_params: {{a: {SENTINEL}}}}}\n"
        f"  http_headers: {{X-A: {{secrets: [{SENTINEL}]}}}}\n"
        f"  tls_config: {{cert: {PEM}, key: {key}}}"
    )
    assert len(settings.notes) == 4
    assert SENTINEL not in repr(settings)
    assert "hunter3" not in repr(settings)
    assert "hunter3" not in repr(settings.remote_write[3].http.tls)
    assert SENTINEL not in repr(settings.remote_write[3].http.oauth2)


INLINE = [
    ("basic_auth: {username: a, password: b}", "basic_auth.password"),
    ("authorization: {credentials: b}", "authorization.credentials"),
    ("bearer_token: b", "bearer_token"),
    ("headers: {X-Api-Key: b}", "headers.X-Api-Key"),
    ("http_headers: {X-Auth: {values: [b]}}", "http_headers.X-Auth"),
    ("http_headers: {X-Other: {secrets: [b]}}", "http_headers.X-Other"),
    (
        "oauth2: {client_id: a, token_url: 'https://a/t', client_secret: b}",
        "oauth2.client_secret",
    ),
    (
        "oauth2: {client_id: a, token_url: 'https://a/t', endpoint_params: {password: b}}",
        "oauth2.endpoint_params.password",
    ),
    (
        f"tls_config: {{cert: {PEM}, key: {PEM.replace('CERTIFICATE', 'PRIVATE KEY')}}}",
        "tls_config.key",
    ),
    (
        "proxy_url: http://a:1\n  proxy_connect_header: {Proxy-Authorization: [b]}",
        "proxy_connect_header.Proxy-Authorization",
    ),
    ("proxy_url: http://a:b@proxy:3128", "proxy_url"),
]


@pytest.mark.parametrize(("block", "key"), INLINE)
def test_a_file_with_secrets_that_others_can_read(machine: Machine, block: str, key: str) -> None:
    """A secret in a file of mode 0644 is told, with the command that mends it."""
    machine.write(f"{URL}  {block}\n").chmod(0o644)
    (note,) = machine.load().notes
    expected = (
        f"{machine.file} holds secrets (remote_write[0].{key}), and others can read"
        f" {machine.file} (mode 0644): run chmod 600 {machine.file}"
    )
    assert expected == note
    machine.file.chmod(0o600)
    assert machine.load().notes == ()


def test_a_file_without_secrets_may_be_read_by_anyone(machine: Machine) -> None:
    """Nothing is said about the mode of a file that holds no secret."""
    machine.write(f"{URL}  headers: {{X-Scope-OrgID: a}}\n").chmod(0o644)
    assert machine.load().notes == ()


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_secret_file_that_others_can_read(machine: Machine, mode: int) -> None:
    """The files that hold a secret are looked at too, wherever they are named."""
    file = machine.config_dir / "it's a token"
    file.write_text("x")
    file.chmod(mode)
    blocks = [
        'bearer_token_file: "it\'s a token"',
        'basic_auth: {username: a, password_file: "it\'s a token"}',
        'basic_auth: {password: "", username_file: "it\'s a token"}',
        'authorization: {credentials_file: "it\'s a token"}',
        'http_headers: {X-A: {files: ["it\'s a token"]}}',
        "oauth2: {client_id: a, token_url: 'https://a/t', client_secret_file: \"it's a token\"}",
    ]
    for block in blocks:
        (note,) = machine.load(f"{URL}  {block}\n").notes
        assert f"(mode 0{mode:o}): run chmod 600 '" in note
        assert note.startswith(f"{machine.file}:3: remote_write[0].")


def test_what_has_no_mode_is_not_exposed(tmp_path: Path) -> None:
    """A pipe of the shell and a missing file are no exposure."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o644)
    assert (exposure(pipe), exposure(tmp_path / "absent")) == (None, None)
