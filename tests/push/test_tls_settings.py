"""TLS as configured: PEM in the settings themselves, limits of versions, files that change."""

from __future__ import annotations

import os
import ssl
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme
from cryptography import x509
from push_client import client, post
from receivers import Answer, Conversation, LoopbackServer, serve

from ccpush.config.settings import Secret, TlsConfig, TlsVersion
from ccpush.push import tls
from ccpush.push.failure import Failure
from ccpush.push.http import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    """An authority of our own."""
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_pem(ca: trustme.CA) -> Secret:
    """Its certificate."""
    return Secret(ca.cert_pem.bytes().decode())


def _who(conversation: Conversation) -> None:
    """Answer with the version that was agreed on and the serial number of the client's key."""
    assert isinstance(conversation.sock, ssl.SSLSocket)
    shown = conversation.sock.getpeercert() or {}
    words = f"{conversation.sock.version()} {shown.get('serialNumber', '')}"
    while conversation.read():
        conversation.answer(Answer(200, {}, words.encode()))


def _context(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    ca.configure_trust(context)
    return context


@pytest.fixture
def server(ca: trustme.CA) -> Iterator[LoopbackServer]:
    """A receiver that wants a certificate of that authority."""
    context = _context(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    with serve(_who, context) as running:
        yield running


def _serial(certificate: trustme.LeafCert) -> int:
    return x509.load_pem_x509_certificate(certificate.cert_chain_pems[0].bytes()).serial_number


def _write(folder: Path, certificate: trustme.LeafCert) -> tuple[Path, Path]:
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(certificate.cert_chain_pems[0].bytes())
    key_file.write_bytes(certificate.private_key_pem.bytes())
    return cert_file, key_file


@pytest.mark.parametrize("inline", ["both", "cert", "key"])
def test_certificate_and_key_may_stand_in_the_settings(
    server: LoopbackServer, ca: trustme.CA, ca_pem: Secret, tmp_path: Path, inline: str
) -> None:
    """PEM texts serve like files, and beside them; the CA's certificate too."""
    mine = ca.issue_cert("laptop.example")
    cert_file, key_file = _write(tmp_path, mine)
    cert = Secret(mine.cert_chain_pems[0].bytes().decode()) if inline != "key" else None
    key = Secret(mine.private_key_pem.bytes().decode()) if inline != "cert" else None
    config = TlsConfig(
        ca=ca_pem,
        cert=cert,
        key=key,
        cert_file=None if cert else cert_file,
        key_file=None if key else key_file,
    )
    with client(server.url, tls=config) as sender:
        replies = [post(sender, server.url) for _ in range(2)]

    shown = [int(reply.body_text.split()[1], 16) for reply in replies if isinstance(reply, Reply)]
    assert shown == [_serial(mine)] * 2
    assert server.connections == 1


def test_a_key_of_the_settings_leaves_no_file_behind(
    ca: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What OpenSSL reads the key from is readable by its owner alone, and without a name."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    mine = ca.issue_cert("laptop.example")
    seen: list[tuple[int, int, list[Path]]] = []
    load = ssl.SSLContext.load_cert_chain

    def watched(
        self: ssl.SSLContext, certfile: str, keyfile: str | None = None, password: str = ""
    ) -> None:
        assert keyfile is not None
        for name in (certfile, keyfile):
            found = Path(name).stat()
            seen.append((found.st_mode & 0o777, found.st_nlink, list(tmp_path.iterdir())))
        load(self, certfile, keyfile, password)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", watched)
    pem, key = mine.cert_chain_pems[0].bytes().decode(), mine.private_key_pem.bytes().decode()
    tls.context(TlsConfig(cert=Secret(pem), key=Secret(key)))

    assert seen == [(0o600, 0, [])] * 2


def test_a_text_that_does_not_serve_is_named_and_not_shown(ca: trustme.CA) -> None:
    """A key of another certificate, or a text that is none: the key is told, not what it says."""
    mine, other = ca.issue_cert("a.example"), ca.issue_cert("b.example")
    pem, key = mine.cert_chain_pems[0].bytes().decode(), other.private_key_pem.bytes().decode()
    broken = "-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n"
    for config, named in [
        (TlsConfig(cert=Secret(pem), key=Secret(key)), "tls_config.cert cannot be used: "),
        (TlsConfig(ca=Secret(broken)), "tls_config.ca cannot be used: "),
    ]:
        with client("https://127.0.0.1:1/", tls=config) as sender:
            failure = post(sender, "https://127.0.0.1:1/")
        assert isinstance(failure, Failure)
        assert failure.kind == "setup"
        assert failure.message.startswith(named)
        assert "hunter2" not in repr(failure) + repr(config)
        assert key.splitlines()[1] not in repr(failure) + repr(config)


def test_a_key_file_that_is_missing_is_named(ca: trustme.CA, tmp_path: Path) -> None:
    """Of certificate and key, the one that cannot be read is told."""
    cert_file, key_file = _write(tmp_path, ca.issue_cert("laptop.example"))
    key_file.unlink()
    with client("https://127.0.0.1:1/", tls=TlsConfig(None, cert_file, key_file)) as sender:
        failure = post(sender, "https://127.0.0.1:1/")

    assert isinstance(failure, Failure)
    assert failure.message.startswith(f"tls_config.key_file: {key_file} cannot be read: No such")


def test_a_renewed_certificate_is_shown(
    server: LoopbackServer, ca: trustme.CA, ca_pem: Secret, tmp_path: Path
) -> None:
    """Certificate and key are read again when their files change, over a new connection."""
    old, new = ca.issue_cert("laptop.example"), ca.issue_cert("laptop.example")
    cert_file, key_file = _write(tmp_path, old)
    config = TlsConfig(ca=ca_pem, cert_file=cert_file, key_file=key_file)
    with client(server.url, tls=config) as sender:
        replies = [post(sender, server.url), post(sender, server.url)]
        _write(tmp_path, new)
        replies += [post(sender, server.url), post(sender, server.url)]

    shown = [int(reply.body_text.split()[1], 16) for reply in replies if isinstance(reply, Reply)]
    assert shown == [_serial(old)] * 2 + [_serial(new)] * 2
    assert server.connections == 2


def test_a_file_put_in_place_of_another_counts_as_changed(tmp_path: Path) -> None:
    """Size and time may be the same, as when files come out of an archive."""
    ca_file, other = tmp_path / "ca.pem", tmp_path / "other.pem"
    for file in (ca_file, other):
        file.write_text("x")
        os.utime(file, ns=(1, 1))
    before = tls.stamp(TlsConfig(ca_file=ca_file))
    other.rename(ca_file)

    assert tls.stamp(TlsConfig(ca_file=ca_file)) != before


ANY = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")


@pytest.mark.parametrize(
    ("lowest", "highest", "spoken", "agreed"),
    [
        (None, None, ANY, "TLSv1.3"),
        (None, "TLS12", ANY, "TLSv1.2"),
        ("TLS13", None, ANY, "TLSv1.3"),
        ("TLS13", None, ("TLSv1.2",), None),
        ("TLS12", "TLS12", ("TLSv1.3",), None),
        (None, None, ("TLSv1", "TLSv1.1"), None),
        ("TLS11", None, ("TLSv1", "TLSv1.1"), "TLSv1.1"),
        ("TLS11", None, ("TLSv1",), None),
        ("TLS10", None, ("TLSv1",), "TLSv1"),
        ("TLS10", "TLS11", ANY, "TLSv1.1"),
        ("TLS10", None, ANY, "TLSv1.3"),
    ],
)
def test_versions_outside_the_limits_are_not_spoken(
    ca: trustme.CA,
    ca_pem: Secret,
    lowest: TlsVersion | None,
    highest: TlsVersion | None,
    spoken: tuple[str, ...],
    agreed: str | None,
) -> None:
    """The newest version within both sides' limits is agreed on; without limits TLS 1.2 or newer."""
    context = _context(ca)
    numbers = dict(zip(ANY, list(ssl.TLSVersion)[2:6], strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = numbers[spoken[0]]
        context.maximum_version = numbers[spoken[-1]]
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    config = TlsConfig(ca=ca_pem, min_version=lowest, max_version=highest)
    with serve(_who, context) as server, client(server.url, tls=config) as sender:
        answer = post(sender, server.url)

    if agreed is None:
        assert isinstance(answer, Failure)
        assert answer.kind == "tls"
    else:
        assert isinstance(answer, Reply)
        assert answer.body_text == agreed
