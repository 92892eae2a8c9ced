"""ccpush forget: a machine's group leaves the Pushgateways, and nothing else does."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import homes
import pytest
import servers
from programs import Desk
from push_gateway import pushed
from receivers import always, serve


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A user who has nothing yet."""
    return Desk(tmp_path)


def configure(desk: Desk, text: str) -> None:
    """Write the user's settings."""
    file = desk.root / "config" / "ccpush" / "ccpush.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


@pytest.mark.integration
def test_only_this_machines_group_is_deleted(desk: Desk, tmp_path: Path) -> None:
    """On every gateway the group of this instance goes, those of others stay."""
    with servers.pushgateway(tmp_path) as one, servers.pushgateway(tmp_path) as two:
        configure(
            desk,
            "pushgateway:\n"
            f"  - {{name: one, url: '{one.url}', grouping_key: {{site: berlin}}}}\n"
            f"  - {{name: two, url: '{two.url}'}}\n",
        )
        home = homes.Home(tmp_path / "claude")
        home.main().write(homes.assistant())
        for instance in ("mine", "other"):
            pushed_as = desk.run("push", "--instance", instance, "--claude-home", str(home.path))
            assert 0 == pushed_as.returncode
        first = desk.run("forget", "--instance", "mine", "--sink", "two", "--yes")
        servers.wait_until(lambda: 'instance="mine"' not in two.get("/metrics"), 5, "deleted")
        left = one.get("/metrics")
        rest = desk.run("forget", "--instance", "mine", "--yes")
        servers.wait_until(lambda: 'instance="mine"' not in one.get("/metrics"), 5, "deleted")

        assert 'instance="mine"' in left
        assert all('instance="other"' in gateway.get("/metrics") for gateway in (one, two))
    group = 'job="ccpush_pushgateway", instance="mine"'
    assert (0, f"two: the group {{{group}}} is deleted\n") == (first.returncode, first.stdout)
    assert f'one: the group {{{group}, site="berlin"}} is deleted\n' in rest.stdout
    assert "two: the group" in rest.stdout
    assert 0 == rest.returncode


def test_a_gateway_that_is_away_means_try_again_later(desk: Desk) -> None:
    """One that cannot be reached exits 75 and says why; the others are seen to all the same."""
    with serve(always(202)) as alive:
        configure(
            desk,
            f"pushgateway: [{{name: away, url: 'http://127.0.0.1:{servers.free_port()}'}},"
            f" {{name: alive, url: '{alive.url}'}}]\n",
        )
        done = desk.run("forget", "--instance", "mine", "--yes")

    assert 75 == done.returncode
    assert "away: 127.0.0.1:" in done.stderr
    assert "refuses connections" in done.stderr
    assert "alive: the group" in done.stdout
    assert "DELETE" == pushed(alive.requests).method


def test_a_gateway_that_refuses_is_a_failure(desk: Desk) -> None:
    """An answer that will not change exits 1, with the gateway's words."""
    with serve(always(400, body=b"no such thing")) as gateway:
        words = ("--instance", "mine", "--pushgateway-url", gateway.url)
        done = desk.run("forget", *words, "--yes")

    assert 1 == done.returncode
    assert "answered 400 Bad Request: no such thing" in done.stderr


def test_the_name_is_the_ledgers(desk: Desk) -> None:
    """Without --instance the group is that of the name under which the ledger has pushed."""
    with serve(always(202)) as gateway:
        unknown = desk.run("forget", "--pushgateway-url", gateway.url, "--yes")
        asked_before = len(gateway.requests)
        desk.run("metrics")
        done = desk.run("forget", "--pushgateway-url", gateway.url, "--yes")

    assert (78, 0) == (unknown.returncode, asked_before)
    assert "ccpush forget --instance NAME" in unknown.stderr
    assert (0, "DELETE") == (done.returncode, pushed(gateway.requests).method)
    assert f"/instance/{os.uname().nodename}" in pushed(gateway.requests).target


def test_nothing_is_deleted_without_a_yes(desk: Desk) -> None:
    """A person is asked; where nobody can be asked, --yes has to be said."""
    with serve(always(202)) as gateway:
        words = ("forget", "--instance", "mine", "--pushgateway-url", gateway.url)
        unasked = desk.run(*words)
        answers = [_at_terminal(desk, words, answer) for answer in (b"n\n", b"y\n")]

    assert 2 == unasked.returncode
    assert "say --yes" in unasked.stderr
    assert [130, 0] == answers
    assert "DELETE" == pushed(gateway.requests).method


def _at_terminal(desk: Desk, words: tuple[str, ...], answer: bytes) -> int:
    """The exit code when a person at a terminal gives this answer."""
    screen, line = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-Im", "ccpush", *words],
        env=desk.environment(),
        stdin=line,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        os.write(screen, answer)
        return process.wait(timeout=20)
    finally:
        process.kill()
        process.wait()
        os.close(line)
        os.close(screen)


@pytest.mark.parametrize(
    ("settings", "words", "code", "says"),
    [
        ("", (), 0, "nothing to forget"),
        ("", ("--sink", "x"), 78, "found 'x'; accepted: none"),
        ("pushgateway: [{name: gw, url: 'http://h'}]", ("--sink", "x"), 78, "accepted: gw"),
        (
            "remote_write: [{name: rw, url: 'http://h/api/v1/write'}]",
            ("--sink", "rw"),
            78,
            "'rw' is remote-write; only a Pushgateway's group can be deleted",
        ),
    ],
)
def test_what_cannot_be_forgotten_is_told(
    desk: Desk, settings: str, words: tuple[str, ...], code: int, says: str
) -> None:
    """Each case says what is there to be forgotten."""
    configure(desk, settings)

    done = desk.run("forget", "--yes", *words)

    assert code == done.returncode
    assert says in done.stderr
