"""TLS, client certificates and users of the web config file, and what a change of it does."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import ssl
import time

import bcrypt
import pytest
import requests
import trustme
from cryptography.hazmat.primitives import serialization

from ccpush.config.settings import WebConfig
from ccpush.errors import ConfigError
from ccpush.log import configure
from ccpush.web.connections import Limits
from ccpush.web.passwords import MAX_REMEMBERED, Passwords
from ccpush.web.server import WebServer

PATHS = ("/metrics", "/", "/-/healthy", "/-/ready", "/nothing")
UNUSABLE = b"The web config file cannot be used; ccpush's log says why.\n"


def hashed(password: str) -> str:
    """A bcrypt hash at the lowest cost."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


ANN, BOB = hashed("ann's"), hashed("bob's")


def basic(name: str, password: str) -> dict[str, str]:
    """The header of a user who gives this password."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


class Folder:
    """A web config file with its certificates; ``write`` puts a new one in its place."""

    def __init__(self, path):
        self.path = path
        self.file = path / "web.yml"
        self.ca = trustme.CA()
        self.clients_ca = trustme.CA()
        self.clients_ca.cert_pem.write_to_path(path / "clients.pem")
        self.new_certificate()

    def new_certificate(self):
        """Another certificate of the same CA, as a renewal brings."""
        certificate = self.ca.issue_cert("localhost", "127.0.0.1")
        self.replace("key.pem", certificate.private_key_pem.bytes())
        self.replace("cert.pem", b"".join(blob.bytes() for blob in certificate.cert_chain_pems))

    def replace(self, name, content):
        """Put a file in place as careful programs do, at once."""
        new = self.path / f"{name}.new"
        new.write_bytes(content)
        new.chmod(0o600)
        new.replace(self.path / name)

    def write(self, users=None, tls=None, **sections):
        """Write the web config file; ``tls`` is True or what to add to the certificate and key."""
        content = dict(sections)
        if users is not None:
            content["basic_auth_users"] = users
        if tls:
            content["tls_server_config"] = {"cert_file": "cert.pem", "key_file": "key.pem"}
            content["tls_server_config"] |= tls if isinstance(tls, dict) else {}
        self.replace("web.yml", json.dumps(content).encode())
        return self.file

    def client(self, ca=None, **versions):
        """A client's TLS that trusts the server, with a certificate of ``ca``."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        if ca is not None:
            ca.issue_cert("ann@laptop.example").configure_cert(context)
        for name, version in versions.items():
            setattr(context, name, version)
        return context


@pytest.fixture
def folder(tmp_path) -> Folder:
    """A folder with certificates, where a web config file can be written."""
    return Folder(tmp_path)


def events(logged, name):
    """The lines of the log about one kind of event."""
    return [
        line for line in map(json.loads, logged.getvalue().splitlines()) if line["event"] == name
    ]


# --- TLS


def test_tls_serves_who_trusts_the_certificate(serve, ask, folder):
    """With a certificate every page is served over TLS, on kept connections too."""
    server = serve(folder.write(tls=True))
    assert server.url.startswith("https://127.0.0.1:")
    tls = folder.client()
    assert [ask(server, path, tls=tls).status for path in PATHS] == [200, 200, 200, 200, 404]
    client = http.client.HTTPSConnection(*server.address, timeout=10, context=tls)
    for _ in range(3):
        client.request("GET", "/-/healthy")
        assert client.getresponse().read() == b"ccpush is alive.\n"
    client.close()
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(server, tls=ssl.create_default_context())


def test_plain_http_to_a_tls_port_gets_a_sentence(serve, ask, folder):
    """Who forgets the s of https is told, and gets nothing else."""
    reply = ask(serve(folder.write(tls=True)), "/metrics")
    assert (reply.status, reply.body) == (400, b"This port speaks TLS: use https.\n")


def test_tls_to_a_plain_port_is_refused_at_once(serve, ask, folder):
    """Who adds an s too many does not wait for a timeout."""
    began = time.monotonic()
    with pytest.raises(ssl.SSLError):
        ask(serve(), tls=folder.client())
    assert time.monotonic() - began < 5


def test_tls_versions_are_obeyed(serve, ask, folder):
    """A client whose newest version is older than ``min_version`` gets no connection."""
    server = serve(folder.write(tls={"min_version": "TLS13"}))
    with pytest.raises(OSError, match=r"(?i)alert|version|reset"):
        ask(server, tls=folder.client(maximum_version=ssl.TLSVersion.TLSv1_2))
    assert ask(server, tls=folder.client()).status == 200


def test_a_client_that_never_shakes_hands_stops_nobody(serve, ask, folder):
    """A silent client costs others nothing and is cut off after its time."""
    server = serve(folder.write(tls=True), limits=Limits(handshake_s=0.6))
    with socket.create_connection(server.address, timeout=10) as silent:
        began = time.monotonic()
        assert ask(server, tls=folder.client()).status == 200
        assert time.monotonic() - began < 0.6
        assert silent.recv(100) == b""


def test_stop_is_quick_with_tls_connections(serve, folder):
    """Kept TLS connections, and those amid the handshake, end when the server stops."""
    server = serve(folder.write(tls=True))
    kept = http.client.HTTPSConnection(*server.address, timeout=10, context=folder.client())
    kept.request("GET", "/-/healthy")
    kept.getresponse().read()
    with socket.create_connection(server.address, timeout=10) as silent:
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 1.0
        assert silent.recv(100) == b""
    kept.close()


def test_client_certificates(serve, ask, folder):
    """Only who shows a certificate of the clients' CA is served."""
    required = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "clients.pem"}
    server = serve(folder.write(tls=required))
    assert ask(server, tls=folder.client(folder.clients_ca)).status == 200
    for wrong in (None, folder.ca):
        with pytest.raises(OSError, match=r"(?i)alert|certificate|eof|reset|closed"):
            ask(server, tls=folder.client(wrong))


def test_client_certificates_that_need_not_come(serve, ask, folder):
    """``VerifyClientCertIfGiven`` serves who shows none, and refuses who shows a wrong one."""
    tls = {"client_auth_type": "VerifyClientCertIfGiven", "client_ca_file": "clients.pem"}
    server = serve(folder.write(tls=tls))
    assert ask(server, tls=folder.client()).status == 200
    assert ask(server, tls=folder.client(folder.clients_ca)).status == 200
    with pytest.raises(OSError, match=r"(?i)alert|certificate|eof|reset|closed"):
        ask(server, tls=folder.client(folder.ca))


# --- users


def test_every_path_asks_for_a_user(serve, ask, folder):
    """Without credentials no path, known or not, says more than that a password is needed."""
    server = serve(folder.write({"ann": ANN}))
    for path in PATHS:
        for method in ("GET", "HEAD", "POST"):
            reply = ask(server, path, method)
            assert reply.status == 401
            assert reply.headers["WWW-Authenticate"] == 'Basic realm="ccpush", charset="UTF-8"'
    good = basic("ann", "ann's")
    assert [ask(server, path, headers=good).status for path in PATHS] == [200, 200, 200, 200, 404]


def encoded(text: bytes) -> str:
    """Bytes as base64."""
    return base64.b64encode(text).decode()


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (basic("ann", "ann's")["Authorization"], 200),
        (basic("ann", "ann's")["Authorization"].replace("Basic", "BASIC"), 200),
        (basic("bob", "bob's")["Authorization"], 200),
        (basic("ann", "bob's")["Authorization"], 401),
        (basic("ann", "")["Authorization"], 401),
        (basic("ann", "ann's ")["Authorization"], 401),
        (basic("Ann", "ann's")["Authorization"], 401),
        (basic("", "ann's")["Authorization"], 401),
        (basic("eve", "ann's")["Authorization"], 401),
        ("Bearer " + encoded(b"ann:ann's"), 401),
        ("Basic " + encoded(b"ann"), 401),
        ("Basic " + encoded(b"ann:x\x00y"), 401),
        ("Basic " + encoded(b"ann:" + b"x" * 10_000), 401),
        ("Basic " + encoded(b"\xff\xfe:\xff"), 401),
        ("Basic !!!", 401),
        ("Basic", 401),
        ("Basic \xe4\xf6", 401),
        ("", 401),
    ],
)
def test_only_the_right_password_of_a_user_opens(serve, ask, folder, authorization, status):
    """Anything but a known name with its own password is refused alike."""
    server = serve(folder.write({"ann": ANN, "bob": BOB}))
    assert ask(server, headers={"Authorization": authorization}).status == status


def test_passwords_in_any_script_and_of_any_length(serve, ask, folder):
    """UTF-8 passwords work; of a long one bcrypt looks at the first 72 bytes, as everywhere."""
    long = "é" * 36
    server = serve(folder.write({"ann": hashed("pässwörd ☃"), "bob": hashed(long)}))
    assert ask(server, headers=basic("ann", "pässwörd ☃")).status == 200
    assert ask(server, headers=basic("bob", long + "whatever")).status == 200
    assert ask(server, headers=basic("bob", long[:-1])).status == 401


class Counted:
    """bcrypt's own check, counted."""

    def __init__(self):
        self.count = 0

    def __call__(self, password, stored):
        self.count += 1
        return bcrypt.checkpw(password, stored)


def test_a_scrape_pays_for_bcrypt_once(serve, ask, folder):
    """What was right is remembered, per password and hash; what was wrong is checked each time."""
    check = Counted()
    server = serve(folder.write({"ann": ANN}), passwords=Passwords(check))
    for _ in range(5):
        assert ask(server, headers=basic("ann", "ann's")).status == 200
    assert check.count == 1
    for expected in (2, 3, 4):
        assert ask(server, headers=basic("ann", "wrong")).status == 401
        assert check.count == expected
    folder.write({"ann": hashed("ann's")})
    assert ask(server, headers=basic("ann", "ann's")).status == 200
    assert check.count == 5


def test_a_stranger_costs_as_much_as_a_wrong_password():
    """Time does not tell whether a name is known, and a stranger never gets in by another's word."""
    check = Counted()
    passwords = Passwords(check)
    users = {"ann": ANN}
    for name, password in (("eve", "ann's"), ("eve", "x"), ("ann", "x")):
        before = check.count
        assert not passwords.are_right(users, basic(name, password)["Authorization"])
        assert check.count == before + 1
    assert passwords.are_right(users, basic("ann", "ann's")["Authorization"])
    assert not passwords.are_right(users, basic("eve", "ann's")["Authorization"])
    assert not passwords.are_right({}, basic("ann", "ann's")["Authorization"])


def test_what_is_remembered_is_bounded():
    """The oldest of many right passwords is forgotten, one in use is not."""
    check = Counted()
    passwords = Passwords(check)
    users = {f"user{i}": ANN for i in range(MAX_REMEMBERED + 1)}
    names = list(users)
    for name in names[:-1]:
        assert passwords.are_right(users, basic(name, "ann's")["Authorization"])
    # the first is used again, so that the second is the oldest when one more comes
    assert passwords.are_right(users, basic(names[0], "ann's")["Authorization"])
    assert passwords.are_right(users, basic(names[-1], "ann's")["Authorization"])
    assert check.count == len(names)
    assert passwords.are_right(users, basic(names[0], "ann's")["Authorization"])
    assert check.count == len(names)
    assert passwords.are_right(users, basic(names[1], "ann's")["Authorization"])
    assert check.count == len(names) + 1


def test_a_hash_that_bcrypt_cannot_use_is_refused_at_the_start(serve, folder):
    """A hash of the right length that is none would open nothing: said before anybody asks."""
    with pytest.raises(ConfigError, match=r"basic_auth_users\.ann: .*bcrypt hash"):
        serve(folder.write({"ann": "$2b$04$" + "a" * 53}))


def test_tls_with_users_for_an_ordinary_client(serve, folder):
    """A client of another make gets the metrics over TLS with its password, and not without."""
    server = serve(folder.write({"ann": ANN}, tls=True))
    ca_file = folder.path / "ca.pem"
    folder.ca.cert_pem.write_to_path(ca_file)
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(ca_file)
        assert session.get(server.url, timeout=10).status_code == 401
        reply = session.get(server.url, auth=("ann", "ann's"), timeout=10)
        assert (reply.status_code, reply.headers["Content-Encoding"]) == (200, "gzip")
        assert 'claude_tool_use_total{tool="Bash"} 3.0\n' in reply.text


def test_headers_of_the_file_take_the_place_of_ours(serve, ask, folder):
    """``http_server_config.headers`` are sent once each, with every answer."""
    own = {"X-Frame-Options": "SAMEORIGIN", "Strict-Transport-Security": "max-age=60"}
    server = serve(folder.write(http_server_config={"headers": own}))
    for path in PATHS:
        headers = ask(server, path).headers
        assert headers.get_all("X-Frame-Options") == ["SAMEORIGIN"]
        assert headers.get_all("Strict-Transport-Security") == ["max-age=60"]
        assert headers.get_all("X-Content-Type-Options") == ["nosniff"]


# --- a file that cannot be used at the start


def refusal(pages, logged, file) -> ConfigError:
    """Why a server does not start with this file."""
    config = WebConfig(host="127.0.0.1", port=0, config_file=file)
    with pytest.raises(ConfigError) as failure:
        WebServer(config, pages, configure("debug", "json", logged)).start()
    return failure.value


def test_a_bad_file_stops_the_start(pages, logged, folder):
    """A file that is missing or wrong is an error before anything is served."""
    assert "web.yml" in str(refusal(pages, logged, folder.file))
    folder.write(basic_auth_user={"ann": ANN})
    assert "basic_auth_user" in str(refusal(pages, logged, folder.file))


def test_certificates_that_cannot_be_used_stop_the_start(pages, logged, folder):
    """A missing, foreign or locked key and a CA that is none are named with their files."""
    file = folder.write(tls=True)
    other = folder.ca.issue_cert("other.example")
    good = (folder.path / "key.pem").read_bytes()
    locked = serialization.load_pem_private_key(good, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"passphrase"),
    )
    for key in (other.private_key_pem.bytes(), locked, b"no key", b""):
        folder.replace("key.pem", key)
        error = refusal(pages, logged, file)
        assert f"with the key {folder.path / 'key.pem'}" in str(error)
        assert "passphrase" in error.hint
    (folder.path / "key.pem").unlink()
    assert "No such file" in str(refusal(pages, logged, file))
    folder.replace("key.pem", good)
    folder.replace("clients.pem", b"no certificate")
    tls = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "clients.pem"}
    folder.write(tls=tls)
    assert "client_ca_file: cannot use" in str(refusal(pages, logged, file))


# --- a file that changes while it is served


def test_changed_users_hold_at_once(serve, ask, folder):
    """A new password, a new user and one that is gone take effect with the next request."""
    server = serve(folder.write({"ann": ANN, "bob": BOB}))
    assert ask(server, headers=basic("bob", "bob's")).status == 200
    folder.write({"ann": hashed("new"), "eve": hashed("eve's")})
    assert ask(server, headers=basic("ann", "ann's")).status == 401
    assert ask(server, headers=basic("ann", "new")).status == 200
    assert ask(server, headers=basic("bob", "bob's")).status == 401
    assert ask(server, headers=basic("eve", "eve's")).status == 200


def test_a_change_holds_on_kept_connections(serve, folder):
    """A password that was taken away does not live on in a connection."""
    server = serve(folder.write({"ann": ANN}))
    client = http.client.HTTPConnection(*server.address, timeout=10)
    statuses = []
    for stored in (ANN, BOB):
        folder.write({"ann": stored})
        client.request("GET", "/metrics", headers=basic("ann", "ann's"))
        response = client.getresponse()
        response.read()
        statuses.append(response.status)
    client.close()
    assert statuses == [200, 401]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: folder.file.write_text("basic_auth_users: [", encoding="utf-8"),
        lambda folder: folder.file.write_text("", encoding="utf-8"),
        lambda folder: folder.file.write_text("{}", encoding="utf-8"),
        lambda folder: folder.write({}),
        lambda folder: folder.write({"ann": ANN}, tls={"cert_file": "missing.pem"}),
        lambda folder: folder.file.unlink(),
    ],
    ids=["broken", "empty", "no keys", "no users", "no certificate", "gone"],
)
def test_a_file_that_becomes_useless_closes_the_door(serve, ask, folder, logged, spoil):
    """Whatever happens to the file, nobody gets in who could not before; mended, all is well."""
    server = serve(folder.write({"ann": ANN}))
    spoil(folder)
    for headers in ({}, basic("ann", "ann's"), basic("ann", "wrong")):
        reply = ask(server, headers=headers)
        assert (reply.status, reply.body) == (500, UNUSABLE)
    (line,) = events(logged, "web_config_unusable")
    assert line["level"] == "error"
    assert "web.yml" in line["error"]
    assert ANN not in logged.getvalue()
    folder.write({"ann": ANN})
    assert ask(server).status == 401
    assert ask(server, headers=basic("ann", "ann's")).status == 200
    assert len(events(logged, "web_config_reloaded")) == 1


def test_tls_goes_only_with_a_restart(serve, ask, folder, logged):
    """A file that no longer asks for TLS or client certificates gets nobody in without them."""
    required = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": "clients.pem"}
    server = serve(folder.write(tls=required))
    tls = folder.client(folder.clients_ca)
    for spoiled, lost in ((True, "client certificates"), (None, "TLS and client certificates")):
        folder.write(tls=spoiled)
        assert ask(server).status == 400
        with pytest.raises(OSError, match=r"(?i)alert|certificate|eof|reset|closed"):
            ask(server, tls=folder.client())
        assert ask(server, tls=tls).body == UNUSABLE
        line = events(logged, "web_config_unusable")[-1]
        # sorted as letters are: TLS before client
        assert line["error"] == f"{folder.file}: no longer asks for {lost}"
        assert line["hint"] == "restart ccpush if that is meant"


def test_tls_that_is_added_holds_at_once(serve, ask, folder):
    """New connections speak TLS; an old plain one gets nothing but the advice to connect again."""
    server = serve(folder.write())
    old = http.client.HTTPConnection(*server.address, timeout=10)
    old.request("GET", "/metrics")
    assert old.getresponse().read().startswith(b"# HELP")
    folder.write(tls=True)
    old.request("GET", "/metrics")
    response = old.getresponse()
    assert (response.status, response.read()) == (
        503,
        b"The TLS settings have changed; please connect again.\n",
    )
    assert response.headers["Connection"] == "close"
    old.close()
    assert ask(server).status == 400
    assert ask(server, tls=folder.client()).status == 200


def peer_certificate(client) -> bytes:
    """The server's certificate, as this connection saw it."""
    return client.sock.getpeercert(binary_form=True)


def test_a_renewed_certificate_costs_no_scrape(serve, folder, logged):
    """A kept connection gets one more answer and is closed; the next one sees the new certificate."""
    server = serve(folder.write(tls=True))
    client = http.client.HTTPSConnection(*server.address, timeout=10, context=folder.client())
    client.request("GET", "/metrics")
    assert client.getresponse().read().startswith(b"# HELP")
    before = peer_certificate(client)
    folder.new_certificate()
    client.request("GET", "/metrics")
    response = client.getresponse()
    assert (response.status, response.headers["Connection"]) == (200, "close")
    assert response.read().startswith(b"# HELP")
    client.connect()
    assert peer_certificate(client) != before
    client.close()
    assert events(logged, "web_config_unusable") == []


def test_half_a_renewal_is_refused_until_it_is_whole(serve, ask, folder, logged):
    """A certificate whose key has not come yet is answered with 500 over the old one."""
    server = serve(folder.write(tls=True))
    tls = folder.client()
    good = (folder.path / "key.pem").read_bytes()
    folder.replace("key.pem", folder.ca.issue_cert("x.example").private_key_pem.bytes())
    assert ask(server, tls=tls).body == UNUSABLE
    assert ask(server, tls=tls).status == 500
    assert len(events(logged, "web_config_unusable")) == 1
    folder.replace("key.pem", good)
    assert ask(server, tls=tls).status == 200


def test_an_untouched_file_is_read_once(serve, ask, folder, logged):
    """Looking at the file's times is all that a request costs; a touched file is read again."""
    server = serve(folder.write({"ann": ANN}, tls=True))
    tls = folder.client()
    for _ in range(3):
        assert ask(server, headers=basic("ann", "ann's"), tls=tls).status == 200
    assert events(logged, "web_config_reloaded") == []
    os.utime(folder.file)
    assert ask(server, headers=basic("ann", "ann's"), tls=tls).status == 200
    assert len(events(logged, "web_config_reloaded")) == 1


def test_a_port_taken_by_a_ccpush_with_tls_is_told_so(serve, pages, logged, folder):
    """Another ccpush is recognised although it speaks TLS and asks for a password."""
    port = serve(folder.write({"ann": ANN}, tls=True)).address[1]
    again = WebServer(WebConfig(port=port), pages, configure("debug", "json", logged))
    with pytest.raises(Exception, match="the port is taken") as failure:
        again.start()
    assert failure.value.hint.startswith("another ccpush answers there")
