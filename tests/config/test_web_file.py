"""The web config file, in exporter-toolkit's format."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccpush.config.web_file import WebFile, load_web_file
from ccpush.errors import ConfigError

# made by bcrypt for the password "sesame", cost 4
HASH = "$2b$04$abcdefghijklmnopqrstuuO9kIqLh7vLqvJm6sLhVvR1Cq3jH3Uke"
TLS = "tls_server_config:\n  cert_file: web.crt\n  key_file: web.key\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The place of the web config file, beside the key that it names."""
    for name in ("web.crt", "web.key", "ca.crt"):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o600)
    return tmp_path / "web.yml"


def load(file: Path, text: str, mode: int = 0o600) -> WebFile:
    """Load the web config file after writing it."""
    file.write_text(text)
    file.chmod(mode)
    return load_web_file(file)


def problems(file: Path, text: str) -> list[str]:
    """The lines of the ConfigError that loading ends with."""
    with pytest.raises(ConfigError) as caught:
        load(file, text)
    return str(caught.value).splitlines()


def test_an_empty_file_asks_for_nothing(file: Path) -> None:
    """No key at all: plain HTTP without users."""
    for text in ("", "{}", "tls_server_config:\n"):
        assert WebFile() == load(file, text)
    assert (
        WebFile().min_version,
        WebFile().max_version,
        WebFile().client_auth,
    ) == ("TLS12", "TLS13", "none")


def test_a_file_with_every_key(file: Path) -> None:
    """Each key arrives; relative paths belong to the file's folder."""
    expected = WebFile(
        cert_file=file.parent / "web.crt",
        key_file=file.parent / "web.key",
        client_ca_file=Path("/etc/ca.crt"),
        client_auth="require_and_verify",
        min_version="TLS13",
        max_version="TLS13",
        headers={"X-Frame-Options": "deny", "Content-Security-Policy": "default-src 'self'"},
        users={"ada": HASH, "grace": HASH.replace("$2b", "$2y")},
        notes=(
            (
                f"{file}:1: tls_server_config: prefer_server_cipher_suites: accepted, but without"
                " effect (OpenSSL decides)"
            ),
            (
                f"{file}:9: http_server_config: http2: accepted, but without effect (ccpush serves"
                " HTTP/1.1)"
            ),
        ),
    )
    text = (
        TLS + "  client_ca_file: /etc/ca.crt\n"
        "  client_auth_type: RequireAndVerifyClientCert\n"
        "  min_version: TLS13\n"
        "  max_version: TLS13\n"
        "  prefer_server_cipher_suites: true\n"
        "http_server_config:\n"
        "  http2: true\n"
        "  headers:\n"
        "    X-Frame-Options: deny\n"
        "    Strict-Transport-Security: ''\n"
        "    Content-Security-Policy: default-src 'self'\n"
        "basic_auth_users:\n"
        f"  ada: {HASH}\n"
        f"  grace: {HASH.replace('$2b', '$2y')}\n"
    )
    assert expected == load(file, text)


@pytest.mark.parametrize(
    ("word", "meaning", "with_ca"),
    [
        ("NoClientCert", "none", False),
        ("RequestClientCert", "request", False),
        ("VerifyClientCertIfGiven", "verify_if_given", True),
        ("RequireAndVerifyClientCert", "require_and_verify", True),
    ],
)
def test_checks_of_clients(file: Path, word: str, meaning: str, with_ca: bool) -> None:
    """Go's names for the checks, of which those that verify need a CA."""
    text = f"{TLS}  client_auth_type: {word}\n" + "  client_ca_file: ca.crt\n" * with_ca
    assert meaning == load(file, text).client_auth


WRONG = {
    "unknown key": ("tls_config: {}", "1: tls_config", "does not exist", "did you mean tls_server_config?"),
    "no certificate": ("tls_server_config: {key_file: a}", "1: tls_server_config.cert_file", "nothing", "the path of a file"),
    "no key": ("tls_server_config: {cert_file: a}", "1: tls_server_config.key_file", "nothing", "the path of a file"),
    "inline certificate": (TLS + "  cert: x", "4: tls_server_config.cert", "not support", "cert_file"),
    "inline key": (TLS + "  key: x", "4: tls_server_config.key", "not support", "key_file"),
    "inline CA": (TLS + "  client_ca: x", "4: tls_server_config.client_ca", "not support", "client_ca_file"),
    "allowed names": (TLS + "  client_allowed_sans: [a]", "4: tls_server_config.client_allowed_sans", "not support", "client_ca_file"),
    "ciphers": (TLS + "  cipher_suites: [a]", "4: tls_server_config.cipher_suites", "not support", "leave the key out"),
    "curves": (TLS + "  curve_preferences: [a]", "4: tls_server_config.curve_preferences", "not support", "leave the key out"),
    "unverified clients": (TLS + "  client_auth_type: RequireAnyClientCert", "4: tls_server_config.client_auth_type", "'RequireAnyClientCert'", "proves nothing"),
    "unknown check": (TLS + "  client_auth_type: Require", "4: tls_server_config.client_auth_type", "'Require'", "RequireAndVerifyClientCert"),
    "check without CA": (TLS + "  client_auth_type: RequireAndVerifyClientCert", "1: tls_server_config.client_ca_file", "nothing", "for client_auth_type"),
    "CA without check": (TLS + "  client_ca_file: ca.crt", "1: tls_server_config.client_auth_type", "no check of clients", "RequireAndVerifyClientCert"),
    "version": (TLS + "  min_version: 1.2", "4: tls_server_config.min_version", "1.2", "TLS12"),
    "versions the wrong way round": (TLS + "  max_version: TLS11", "4: tls_server_config.max_version", "TLS11", "TLS12 or newer"),
    "header": ("http_server_config: {headers: {X-A: b}}", "1: http_server_config.headers.X-A", "'X-A'", "Content-Security-Policy"),
    "value of a header": ("http_server_config: {headers: {X-Frame-Options: allow}}", "1: http_server_config.headers.X-Frame-Options", "'allow'", "deny or sameorigin"),
    "line break in a header": ('http_server_config: {headers: {X-XSS-Protection: "a\\nb"}}', "1: http_server_config.headers.X-XSS-Protection", "'a\\nb'", "printable ASCII"),
    "user in clear": ("basic_auth_users: {ada: sesame}", "1: basic_auth_users.ada", "<hidden>", "a bcrypt hash"),
    "other hash": (f"basic_auth_users: {{ada: {HASH[:-1]}}}", "1: basic_auth_users.ada", "<hidden>", "60 characters"),
    "impossible cost": (f"basic_auth_users: {{ada: {HASH.replace('$04', '$99')}}}", "1: basic_auth_users.ada", "<hidden>", "a bcrypt hash"),
    "user with a colon": (f"basic_auth_users: {{'a:b': {HASH}}}", "1: basic_auth_users.a:b", "'a:b'", "without a colon"),
    "users in a list": ("basic_auth_users: [sesame]", "1: basic_auth_users", "a list", "user names with bcrypt hashes"),
    "rate limit": ("rate_limit: {interval: 1s}", "1: rate_limit", "not support", "leave the key out"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_web_config_file_is_told(file: Path, name: str) -> None:
    """One line says where, what was found and what is accepted; no password is in it."""
    text, place, found, accepted = WRONG[name]
    (told,) = problems(file, text)
    where, _, rest = told.partition(": found ")
    said_found, _, said_accepted = rest.partition("; accepted: ")
    assert f"{file}:{place}" == where
    assert found in said_found
    assert accepted in said_accepted
    assert "sesame" not in told


def test_a_missing_web_config_file(file: Path) -> None:
    """The file was named by somebody, so it must be there."""
    with pytest.raises(ConfigError, match="No such file"):
        load_web_file(file)


def test_what_is_unsafe_is_told(file: Path) -> None:
    """Old TLS, a certificate nobody looks at, and files that others can read get a note."""
    (file.parent / "web.key").chmod(0o644)
    text = (
        f"{TLS}  min_version: TLS11\n  client_auth_type: RequestClientCert\n"
        f"basic_auth_users: {{ada: {HASH}}}\n"
    )
    web = load(file, text, mode=0o644)
    words = ("others can read", "not looked at", "TLS11 is broken", "holds password hashes")
    assert len(web.notes) == 4
    for note, word in zip(web.notes, words, strict=True):
        assert word in note
    assert HASH not in repr(web)
