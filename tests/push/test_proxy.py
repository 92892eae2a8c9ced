"""Proxies: chosen from the configuration alone, by Prometheus's rules."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme
from push_client import client, post
from receivers import Answer, Conversation, always, serve

from ccpush.config.settings import HttpConfig, Secret, TlsConfig
from ccpush.errors import ConfigError
from ccpush.push.failure import Failure
from ccpush.push.http import HttpClient, Reply
from ccpush.push.proxy import proxy_for

if TYPE_CHECKING:
    from collections.abc import Mapping

PROXY = "http://proxy:3128"


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        (None, "http://localhost:9090/", False),
        (None, "http://10.1.2.3/", False),
        ("x", "http://localhost:9090/", True),
        ("x", "http://127.0.0.9/", True),
        ("x", "http://[::1]:9090/", True),
        ("*", "https://metrics.example.org/", True),
        ("example.org", "https://metrics.example.org/", True),
        ("example.org", "https://example.org/", True),
        ("example.org", "https://example.org./", True),
        ("example.org", "https://badexample.org/", False),
        (".example.org", "https://example.org/", False),
        (".example.org", "https://a.example.org/", True),
        ("*.example.org", "https://a.example.org/", True),
        ("EXAMPLE.org , other", "https://Metrics.Example.ORG/", True),
        ("example.org:8443", "https://example.org:8443/", True),
        ("example.org:8443", "https://example.org/", False),
        ("example.org:443", "https://example.org/", True),
        ("10.0.0.0/8", "http://10.1.2.3/", True),
        ("10.0.0.0/8", "http://11.1.2.3/", False),
        ("10.1.2.3", "http://10.1.2.3:9090/", True),
        ("10.1.2.3:80", "http://10.1.2.3:9090/", False),
        ("fd00::/8", "http://[fd00::1]/", True),
        ("[fd00::1]:80", "http://[fd00::1]/", True),
        ("10.0.0.0/nonsense,,", "http://10.1.2.3/", False),
    ],
)
def test_no_proxy_names_what_is_reached_directly(
    no_proxy: str | None, url: str, direct: bool
) -> None:
    """Hosts, domains, addresses, networks and ports; without it even this machine is proxied."""
    config = HttpConfig(url=url, proxy_url=PROXY, no_proxy=no_proxy)

    assert proxy_for(config, url, {}) == (None if direct else PROXY)


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("http://a/", {"HTTP_PROXY": PROXY}, PROXY),
        ("http://a/", {"http_proxy": "proxy:3128"}, PROXY),
        ("https://a/", {"HTTP_PROXY": PROXY}, None),
        ("https://a/", {"HTTPS_PROXY": PROXY}, PROXY),
        ("https://a/", {"HTTPS_PROXY": PROXY, "NO_PROXY": "a"}, None),
        ("https://localhost/", {"HTTPS_PROXY": PROXY}, None),
        ("https://a/", {}, None),
    ],
)
def test_the_environment_counts_only_when_asked_for(
    url: str, environ: Mapping[str, str], proxy: str | None
) -> None:
    """``proxy_from_environment`` reads the usual variables; without it they mean nothing."""
    asked = HttpConfig(url=url, proxy_from_environment=True)

    assert proxy_for(asked, url, environ) == proxy
    assert proxy_for(HttpConfig(url=url), url, environ) is None


def test_a_kind_of_proxy_that_is_not_supported_is_refused() -> None:
    """A SOCKS proxy is named as unsupported, and nothing is sent around it."""
    config = HttpConfig(url="http://a/", proxy_url="socks5://proxy:1080")

    with pytest.raises(ConfigError, match="'socks5' is not supported"):
        proxy_for(config, "http://a/", {})


def test_a_plain_request_goes_through_the_proxy() -> None:
    """The proxy gets the whole URL and its own credentials, which the receiver never sees."""
    url = "http://receiver.invalid:9090/write?x=1"
    with serve(always(204)) as proxy:
        with_password = proxy.url.replace("http://", "http://me:p%40ss@")
        with client(url, proxy_url=with_password) as sender:
            reply = post(sender, url)

    assert isinstance(reply, Reply)
    assert proxy.requests[0].target == url
    assert proxy.requests[0].headers["proxy-authorization"] == "Basic bWU6cEBzcw=="
    assert "authorization" not in proxy.requests[0].headers


def test_the_environments_proxy_is_used_for_a_request() -> None:
    """A client asks its environment at each request."""
    url = "http://receiver.invalid/"
    config = HttpConfig(url=url, timeout_s=5.0, proxy_from_environment=True)
    with serve(always(204)) as proxy:
        sender = HttpClient(config, "ccpush/test", environ={"HTTP_PROXY": proxy.url})
        with contextlib.closing(sender):
            reply = post(sender, url)

    assert isinstance(reply, Reply)
    assert proxy.requests[0].target == url


def _tunnel(conversation: Conversation) -> None:
    """A CONNECT proxy: carries bytes both ways."""
    request = conversation.read()
    assert request is not None
    host, _, port = request.target.partition(":")
    with socket.create_connection((host, int(port))) as far:
        conversation.send(b"HTTP/1.1 200 Connected\r\n\r\n")

        def back() -> None:
            with contextlib.suppress(OSError):
                while data := far.recv(65536):
                    conversation.send(data)

        thread = threading.Thread(target=back, daemon=True)
        thread.start()
        while data := conversation.sock.recv(65536):
            far.sendall(data)
        far.shutdown(socket.SHUT_RDWR)
        thread.join(5.0)


def test_a_tls_request_goes_through_a_tunnel(tmp_path: Path) -> None:
    """For https the proxy carries bytes only; the receiver's certificate is checked as ever."""
    ca = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    with serve(always(200, {}, b"far"), context) as receiver, serve(_tunnel) as proxy:
        with client(receiver.url, proxy_url=proxy.url, tls=TlsConfig(ca_file=ca_file)) as sender:
            reply = post(sender, receiver.url)
        with client(receiver.url, proxy_url=proxy.url) as sender:
            failure = post(sender, receiver.url)

    assert isinstance(reply, Reply)
    assert reply.body_text == "far"
    assert isinstance(failure, Failure)
    assert failure.hint == "set tls_config.ca_file to the certificate of its CA"
    assert [request.method for request in proxy.requests] == ["CONNECT", "CONNECT"]


def test_a_tunnel_has_headers_of_its_own(tmp_path: Path) -> None:
    """``proxy_connect_header`` goes to the proxy with each CONNECT, and never any further."""
    ca = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    headers = {
        "Proxy-Authorization": (Secret("Bearer t0ken"),),
        "X-Hop": (Secret("a"), Secret("b")),
    }
    with (
        serve(always(), context) as receiver,
        serve(_tunnel) as proxy,
        client(
            receiver.url,
            proxy_url=proxy.url,
            proxy_connect_header=headers,
            tls=TlsConfig(ca_file=ca_file),
        ) as sender,
    ):
        replies = [post(sender, receiver.url) for _ in range(2)]

    assert all(isinstance(reply, Reply) for reply in replies)
    (tunnel,) = proxy.requests
    assert tunnel.headers["proxy-authorization"] == "Bearer t0ken"
    assert (tunnel.headers["x-hop"], tunnel.repeated) == ("b", frozenset(("x-hop",)))
    for request in receiver.requests:
        assert not {"proxy-authorization", "x-hop"} & set(request.headers)


def test_a_plain_request_has_no_headers_of_a_tunnel() -> None:
    """Through a proxy without a tunnel they would reach the receiver: they are not sent."""
    url = "http://receiver.invalid/"
    headers = {"X-Hop": (Secret("a"),)}
    with (
        serve(always()) as proxy,
        client(url, proxy_url=proxy.url, proxy_connect_header=headers) as sender,
    ):
        reply = post(sender, url)

    assert isinstance(reply, Reply)
    assert "x-hop" not in proxy.requests[0].headers


def test_a_proxy_that_speaks_tls_is_checked_like_a_receiver(tmp_path: Path) -> None:
    """``tls_config`` counts for an https proxy too, with a tunnel through it and without."""
    ca = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    trusted = TlsConfig(ca_file=ca_file)
    with (
        serve(always(200, {}, b"far"), context) as receiver,
        serve(_tunnel, context) as tunnel,
        serve(always(200, {}, b"near"), context) as proxy,
    ):
        with client(receiver.url, proxy_url=tunnel.url, tls=trusted) as sender:
            far = post(sender, receiver.url)
        with client("http://a.invalid/", proxy_url=proxy.url, tls=trusted) as sender:
            near = post(sender, "http://a.invalid/")
        with client("http://a.invalid/", proxy_url=proxy.url) as sender:
            failure = post(sender, "http://a.invalid/")
        where = proxy.url[8:]

    assert [reply.body_text for reply in (far, near) if isinstance(reply, Reply)] == ["far", "near"]
    assert proxy.requests[0].target == "http://a.invalid/"
    assert isinstance(failure, Failure)
    assert failure.message.startswith(f"the certificate of the proxy {where} is not trusted: ")


def test_a_proxy_that_refuses_the_tunnel_is_told() -> None:
    """A 407 names the proxy and the setting that holds its password."""

    def script(conversation: Conversation) -> None:
        conversation.read()
        conversation.answer(Answer(407, {"Connection": "close"}))

    url = "https://receiver.invalid/"
    with serve(script) as proxy, client(url, proxy_url=proxy.url) as sender:
        failure = post(sender, url)

    assert isinstance(failure, Failure)
    assert failure.kind == "proxy"
    assert failure.message.startswith(f"the proxy {proxy.url[7:]} refused to connect us: 407")
    assert failure.hint == "check user and password in proxy_url"


def test_a_dead_proxy_is_told_as_the_proxy() -> None:
    """When the proxy does not answer, it is the proxy's address that is named."""
    with serve(always()) as proxy:
        dead = proxy.url
    with client("http://receiver.invalid/", proxy_url=dead) as sender:
        failure = post(sender, "http://receiver.invalid/")

    assert isinstance(failure, Failure)
    assert failure.message == f"the proxy {dead[7:]} refuses connections"
