"""TLS: whom we trust, how we show who we are, and what a person is told when it fails."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
import trustme
from push_client import client, post
from receivers import Conversation, always, serve

from ccpush.config.settings import TlsConfig
from ccpush.push import tls
from ccpush.push.failure import Failure
from ccpush.push.http import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from receivers import LoopbackServer


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    """An authority of our own."""
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its certificate."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(path)
    return path


def _server_context(ca: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names).configure_cert(context)
    return context


@pytest.fixture
def server(ca: trustme.CA) -> Iterator[LoopbackServer]:
    """A receiver with a certificate of that authority."""
    with serve(always(200, {}, b"safe"), _server_context(ca, "127.0.0.1")) as running:
        yield running


def test_a_receiver_of_the_configured_ca_is_trusted(server: LoopbackServer, ca_file: Path) -> None:
    """With ``ca_file`` its certificates count, over a connection that is used again."""
    with client(server.url, tls=TlsConfig(ca_file=ca_file)) as sender:
        replies = [post(sender, server.url) for _ in range(2)]

    assert [reply.body_text for reply in replies if isinstance(reply, Reply)] == ["safe", "safe"]
    assert server.connections == 1


def test_an_unknown_ca_is_refused_with_a_hint(server: LoopbackServer) -> None:
    """A certificate that the system does not trust: nothing is sent, ``ca_file`` is the hint."""
    with client(server.url) as sender:
        failure = post(sender, server.url)

    assert isinstance(failure, Failure)
    assert failure.kind == "tls"
    assert failure.message.startswith(f"the certificate of {server.url[8:]} is not trusted: ")
    assert failure.hint == "set tls_config.ca_file to the certificate of its CA"
    assert server.requests == []


def test_with_a_ca_file_no_other_ca_counts(server: LoopbackServer, tmp_path: Path) -> None:
    """A receiver of another CA than the configured one is refused."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    with client(server.url, tls=TlsConfig(ca_file=other)) as sender:
        failure = post(sender, server.url)

    assert isinstance(failure, Failure)
    assert failure.kind == "tls"


def test_the_systems_certificates_count_without_a_ca_file(
    server: LoopbackServer, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the system trusts is trusted: a company's CA needs no setting."""
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    with client(server.url) as sender:
        reply = post(sender, server.url)

    assert isinstance(reply, Reply)


def test_without_certificates_of_the_system_there_are_certifis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Python that finds no certificates (as python.org's on macOS) still knows the public CAs."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "absent"))

    assert tls.context(TlsConfig()).cert_store_stats()["x509_ca"] > 50


def test_a_certificate_for_another_name_needs_server_name(ca: trustme.CA, ca_file: Path) -> None:
    """A name that does not fit is refused; ``server_name`` says which one to expect."""
    with serve(always(), _server_context(ca, "metrics.example")) as server:
        with client(server.url, tls=TlsConfig(ca_file=ca_file)) as sender:
            failure = post(sender, server.url)
        named = TlsConfig(ca_file=ca_file, server_name="metrics.example")
        with client(server.url, tls=named) as sender:
            reply = post(sender, server.url)

    assert isinstance(failure, Failure)
    assert failure.hint == "set tls_config.server_name to a name it was issued for"
    assert isinstance(reply, Reply)


def test_an_expired_certificate_points_to_the_clock(ca: trustme.CA, ca_file: Path) -> None:
    """A certificate of the past is refused; a laptop's clock may be what is wrong."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    last_year = datetime.now(UTC) - timedelta(days=365)
    ca.issue_cert("127.0.0.1", not_after=last_year).configure_cert(context)
    with (
        serve(always(), context) as server,
        client(server.url, tls=TlsConfig(ca_file=ca_file)) as sender,
    ):
        failure = post(sender, server.url)

    assert isinstance(failure, Failure)
    assert failure.message.endswith("is not trusted: certificate has expired")
    assert failure.hint == "is this machine's clock right?"


def test_checking_can_be_switched_off(server: LoopbackServer) -> None:
    """``insecure_skip_verify`` takes any certificate, without a warning at every request."""
    with client(server.url, tls=TlsConfig(insecure_skip_verify=True)) as sender:
        reply = post(sender, server.url)

    assert isinstance(reply, Reply)


def test_a_client_certificate_is_shown(ca: trustme.CA, ca_file: Path, tmp_path: Path) -> None:
    """A receiver that wants a certificate gets ours; without one it is told which key is missing."""
    context = _server_context(ca, "127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    # With TLS 1.3 a refusal may come only with the answer; 1.2 refuses within the handshake.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    ca.configure_trust(context)
    mine = ca.issue_cert("laptop.example")
    cert_file, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    mine.cert_chain_pems[0].write_to_path(cert_file)
    mine.private_key_pem.write_to_path(key_file)
    with serve(always(), context) as server:
        shown = TlsConfig(ca_file=ca_file, cert_file=cert_file, key_file=key_file)
        with client(server.url, tls=shown) as sender:
            reply = post(sender, server.url)
        with client(server.url, tls=TlsConfig(ca_file=ca_file)) as sender:
            failure = post(sender, server.url)

    assert isinstance(reply, Reply)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.hint) == (
        "tls",
        "the server may want tls_config.cert_file and key_file",
    )


def test_a_renewed_file_takes_effect(server: LoopbackServer, ca_file: Path, tmp_path: Path) -> None:
    """A ``ca_file`` that changes is read again, as Prometheus does."""
    changing = tmp_path / "changing.pem"
    trustme.CA().cert_pem.write_to_path(changing)
    with client(server.url, tls=TlsConfig(ca_file=changing)) as sender:
        before = post(sender, server.url)
        changing.write_bytes(ca_file.read_bytes() + b"\n")
        after = post(sender, server.url)

    assert isinstance(before, Failure)
    assert isinstance(after, Reply)


@pytest.mark.parametrize(
    ("key", "content"), [("ca_file", None), ("ca_file", b"no pem"), ("cert_file", b"no pem")]
)
def test_an_unusable_file_is_named(
    key: Literal["ca_file", "cert_file"], content: bytes | None, tmp_path: Path
) -> None:
    """A file of ``tls_config`` that is missing or no certificate is told with its key and path."""
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_bytes(content)
    files = TlsConfig(ca_file=path) if key == "ca_file" else TlsConfig(cert_file=path)
    with client("https://127.0.0.1:1/", tls=files) as sender:
        failure = post(sender, "https://127.0.0.1:1/")

    assert isinstance(failure, Failure)
    assert failure.kind == "setup"
    assert failure.message.startswith(f"tls_config.{key}: {path} cannot be ")


def test_https_to_a_plain_server_has_a_hint() -> None:
    """``https`` where the server speaks plain HTTP is told as such."""

    def script(conversation: Conversation) -> None:
        conversation.sock.recv(1000)
        conversation.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    with serve(script) as server:
        url = server.url.replace("http:", "https:")
        with client(url) as sender:
            failure = post(sender, url)

    assert isinstance(failure, Failure)
    assert failure.message.startswith(f"TLS with {url[8:]} failed: ")
    assert failure.hint == "does url say https where the server speaks plain http?"


def test_a_handshake_that_never_ends_is_given_up() -> None:
    """A server that accepts and says nothing costs no more than the timeout."""

    def script(conversation: Conversation) -> None:
        conversation.hang()

    with serve(script) as server:
        url = server.url.replace("http:", "https:")
        with client(url, timeout_s=0.3) as sender:
            failure = post(sender, url)

    assert isinstance(failure, Failure)
    assert failure.kind == "timeout"
