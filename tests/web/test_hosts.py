"""By which names the endpoint may be called."""

from __future__ import annotations

import pytest

from ccpush.web.hosts import is_ours, names_of


@pytest.mark.parametrize(
    ("own_name", "expected"),
    [
        ("Anns-MacBook.local", {"anns-macbook.local", "anns-macbook"}),
        ("laptop", {"laptop", "laptop.local"}),
        ("laptop.office.example.", {"laptop.office.example", "laptop", "laptop.local"}),
        ("", set()),
    ],
)
def test_the_machine_answers_to_its_own_names(own_name, expected):
    """The host name with and without its domain, and as Bonjour knows it, beside localhost."""
    names = names_of("127.0.0.1", "Ccpush.Test", own_name)
    always = {"localhost", "ccpush.test", "host.docker.internal", "host.containers.internal"}
    assert names == always | expected
    assert all(is_ours(f"{name.upper()}:9101", names) for name in names)
    assert not is_ours("", names)
    assert not is_ours(".local", names)


@pytest.mark.parametrize(
    ("bound_ip", "is_limited"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.7", False),
        ("fe80::1%eth0", False),
    ],
)
def test_only_a_loopback_listener_limits_names(bound_ip, is_limited):
    """Whoever listens beyond loopback is reached by names that it cannot know."""
    names = names_of(bound_ip, "x", "laptop")
    assert (names is not None) is is_limited
    assert is_ours("anything at all", names) is not is_limited
