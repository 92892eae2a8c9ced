"""One push as a timer or a person makes it: the past, the words and the exit codes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import servers
from homes import Home, assistant
from programs import Desk
from push_ledger import Books
from receivers import always, serve
from strict import StrictReceiver, strict_receiver

from ccpush.demo.invent import invent_home
from ccpush.demo.truth import Truth

DAY_S = 86_400
COUNTER = "claude_code_session_count_total"
CLIPPED = "--backfill: 30d is more than receivers take; 29d it is\n"


@pytest.fixture(scope="module")
def invented(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """A Claude home of forty days."""
    home = tmp_path_factory.mktemp("invented") / "claude"
    return home, invent_home(home, end=datetime.now(UTC), days=40)


@pytest.fixture
def receiver() -> Iterator[StrictReceiver]:
    """A receiver that takes every age and has a query API."""
    with strict_receiver(now=time.time) as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A user who has nothing yet."""
    return Desk(tmp_path)


def test_the_users_word_brings_the_past(
    invented: tuple[Path, Truth], desk: Desk, receiver: StrictReceiver
) -> None:
    """With --backfill a receiver that cannot be asked gets the past, at most 29 days of it."""
    receiver.query_status = 404
    words = ("--claude-home", str(invented[0]), "--remote-write-url", receiver.url)

    done = desk.run("push", *words, "--backfill", "30d")

    assert (0, "") == (done.returncode, done.stderr.replace(CLIPPED, ""))
    assert CLIPPED in done.stderr
    history = receiver.history(COUNTER)
    assert 28.9 * DAY_S < (history[-1][0] - history[0][0]) / 1000 <= 29 * DAY_S
    assert 0 == history[0][1]
    assert " samples sent, from " in done.stdout
    assert receiver.server.url.removeprefix("http://") in done.stdout


def test_without_a_word_a_receiver_that_cannot_be_asked_gets_no_past(
    invented: tuple[Path, Truth], desk: Desk, receiver: StrictReceiver
) -> None:
    """Nothing older than the push is sent; that is no failure, and it is said what can be done."""
    receiver.query_status = 404
    words = ("--claude-home", str(invented[0]), "--remote-write-url", receiver.url)
    begun_s = time.time()

    done = desk.run("push", *words)

    assert (0, "") == (done.returncode, done.stdout)
    assert "ccpush push --backfill 29d" in done.stderr
    oldest_ms = min(points[0][0] for points in receiver.samples.values())
    assert oldest_ms / 1000 > begun_s - 61


def test_a_shorter_past_begins_where_it_is_told(
    invented: tuple[Path, Truth], desk: Desk, receiver: StrictReceiver
) -> None:
    """The duration is written as Prometheus writes it."""
    words = ("--claude-home", str(invented[0]), "--remote-write-url", receiver.url)

    done = desk.run("push", *words, "--backfill", "1d12h")

    assert (0, "") == (done.returncode, done.stderr)
    oldest_s = receiver.history(COUNTER)[0][0] / 1000
    assert abs(time.time() - 1.5 * DAY_S - oldest_s) < 120


@pytest.mark.parametrize(
    ("duration", "says"),
    [
        ("30", "accepted: the unit is missing: write 30s for seconds"),
        ("0", "accepted: more than 0, such as 29d"),
        ("a week", "accepted: whole numbers with the units"),
    ],
)
def test_a_wrong_duration_is_told_before_anything_is_sent(
    desk: Desk, receiver: StrictReceiver, duration: str, says: str
) -> None:
    """A duration that cannot be read exits 78 and sends nothing."""
    done = desk.run("push", "--remote-write-url", receiver.url, "--backfill", duration)

    assert 78 == done.returncode
    assert f"--backfill: found '{duration}'; {says}" in done.stderr
    assert 0 == receiver.requests


def test_a_pushgateway_has_no_past_to_fill(invented: tuple[Path, Truth], desk: Desk) -> None:
    """A Pushgateway gets the values of now, and the word says so."""
    with serve(always(200)) as gateway:
        words = ("--claude-home", str(invented[0]), "--pushgateway-url", gateway.url)
        done = desk.run("push", *words, "--backfill", "29d")

    assert 0 == done.returncode
    assert "nothing to backfill: only remote-write takes a past" in done.stdout
    assert "takes no past; delivered, " in done.stdout


def test_another_machine_under_this_name_exits_78(
    invented: tuple[Path, Truth], desk: Desk, receiver: StrictReceiver, tmp_path: Path
) -> None:
    """Two machines of one name are told apart: the second sends nothing and says what to change."""
    other = Books(tmp_path / "other")
    other.now_s = time.time()
    with other.sink(receiver.url) as sink:
        assert sink.push(other.offer()).outcome == "delivered"
    before = sum(map(len, receiver.samples.values()))
    words = ("--claude-home", str(invented[0]), "--remote-write-url", receiver.url)

    done = desk.run("push", *words, "--instance", "laptop")

    assert 78 == done.returncode
    assert "another machine sends as instance 'laptop'" in done.stderr
    assert "instance: in ccpush.yml" in done.stderr
    assert before == sum(map(len, receiver.samples.values()))


def test_refused_samples_exit_1(
    invented: tuple[Path, Truth], desk: Desk, receiver: StrictReceiver
) -> None:
    """A receiver that refuses one series for good is a failure; all else has arrived."""
    refused = "claude_total_sessions"
    receiver.storage.refuse = lambda series, _: (
        "not this one" if ("__name__", refused) in series else None
    )
    words = ("--claude-home", str(invented[0]), "--remote-write-url", receiver.url)

    done = desk.run("push", *words, "--backfill", "1h")

    assert 1 == done.returncode
    assert "not this one" in done.stderr
    assert receiver.value(COUNTER) > 0


def test_what_a_person_must_do_outranks_what_time_will_heal(
    invented: tuple[Path, Truth], desk: Desk, tmp_path: Path
) -> None:
    """With one sink away and one that refuses, the exit code is that of the refusal."""
    away = f"http://127.0.0.1:{servers.free_port()}/api/v1/write"
    config = tmp_path / "config" / "ccpush" / "ccpush.yml"
    config.parent.mkdir(parents=True)
    with serve(always(400)) as gateway:
        config.write_text(
            f"remote_write: [{{name: away, url: '{away}'}}]\n"
            f"pushgateway: [{{name: refuses, url: '{gateway.url}'}}]\n"
        )
        done = desk.run("push", "--claude-home", str(invented[0]))

    assert 1 == done.returncode
    assert "sink=away" in done.stderr
    assert "sink=refuses" in done.stderr


@pytest.mark.parametrize("command", ["push", "status", "report"])
def test_who_sends_nothing_does_not_pay_for_it(desk: Desk, command: str) -> None:
    """Without a sink neither HTTP nor protobuf is loaded, whatever the command."""
    home = Home(desk.root / "claude")
    home.main().write(assistant())
    words = ("--claude-home", str(home.path))
    desk.run("push", *words)
    ran = subprocess.run(
        [sys.executable, "-I", "-X", "importtime", "-m", "ccpush", command, *words],
        env=desk.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    loaded = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}

    assert ran.returncode == 0
    assert "ccpush.app" in loaded
    assert not loaded & {"requests", "urllib3", "google.protobuf", "snappy", "prometheus_client"}
