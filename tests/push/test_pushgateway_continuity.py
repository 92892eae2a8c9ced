"""Counters in a Pushgateway's group never fall: not after a lost, copied or restored ledger."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import homes
import msgspec
import pytest
import servers
from laptop_status import Laptop
from push_gateway import NO_GROUPS, pushed
from receivers import Answer, Conversation, Script, serve

from ccpush.config.settings import HttpConfig, PushgatewayConfig, RelabelRule

TOKENS = "claude_code_token_usage_tokens_total"
SESSIONS = "claude_code_session_count_total"
TURNS = "claude_turn_duration_seconds"


def laptop_at(root: Path, url: str, **config: Any) -> Laptop:
    """A laptop that pushes to one Pushgateway."""
    http = HttpConfig(url, timeout_s=5.0)
    return Laptop(root, pushgateway=(PushgatewayConfig("gateway", http, **config),))


def there(gateway: servers.Server, name: str, **labels: str) -> float | None:
    """The value of the one series of this name and labels that the gateway has."""
    found = []
    for line in gateway.get("/metrics").splitlines():
        if match := re.fullmatch(name + r"\{(.*)\} (\S+)", line):
            pairs = dict(re.findall(r'(\w+)="([^"]*)"', match[1]))
            if labels.items() <= pairs.items():
                found.append(float(match[2]))
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.integration
def test_after_a_lost_ledger_counters_go_on(tmp_path: Path) -> None:
    """What the group had and no transcript tells any more stays; what is new is added to it."""
    with servers.pushgateway(tmp_path) as gateway:
        laptop = laptop_at(tmp_path / "laptop", gateway.url)
        laptop.home.main("one").write(
            homes.assistant("msg_1", output=7), homes.turn_duration(40_500, uuid="t1")
        )
        old = laptop.home.main("two").write(homes.assistant("msg_2", session="two", model=OTHER))
        laptop.push()
        before = [there(gateway, TURNS + part) for part in ("_sum", "_count")]
        old.unlink()
        laptop.lose_ledger()
        laptop.home.main("one").append(
            homes.assistant("msg_3", output=100), homes.turn_duration(1_000, uuid="t2")
        )
        results = [laptop.push().outcome for _ in range(2)]

        assert (["delivered"] * 2, [40.5, 1.0]) == (results, before)
        assert 107 == there(gateway, TOKENS, type="output", model=homes.OPUS)
        # of this model nobody knows but the group
        assert 10 == there(gateway, TOKENS, type="input", model=OTHER)
        assert 2 == there(gateway, SESSIONS)
        assert 41.5 == there(gateway, f"{TURNS}_sum")
        assert 2 == there(gateway, f"{TURNS}_count")
        assert 1 == there(gateway, f"{TURNS}_bucket", le="30")
        assert 2 == there(gateway, f"{TURNS}_bucket", le="+Inf")
        # a gauge is what it is
        assert 1 == there(gateway, "claude_total_sessions")


OTHER = "claude-haiku-4-5-20251001"


@pytest.mark.integration
def test_a_ledger_from_a_backup_takes_nothing_back(tmp_path: Path) -> None:
    """A ledger restored from a copy finds out that the group has more than it remembers."""
    with servers.pushgateway(tmp_path) as gateway:
        laptop = laptop_at(tmp_path / "laptop", gateway.url)
        laptop.push()
        shutil.copytree(laptop.settings.state_dir, tmp_path / "backup")
        gone = laptop.home.main("two").write(homes.assistant("msg_2", session="two", output=5))
        laptop.now_s += 86_400
        laptop.push()
        gone.unlink()
        shutil.rmtree(laptop.settings.state_dir)
        shutil.copytree(tmp_path / "backup", laptop.settings.state_dir)
        laptop.now_s += 86_400
        laptop.push()

        assert 2 == there(gateway, SESSIONS)
        assert 12 == there(gateway, TOKENS, type="output")


@pytest.mark.integration
def test_a_group_of_another_machine_is_left_alone(tmp_path: Path) -> None:
    """The second machine of one name pushes nothing, and is told what to do."""
    with servers.pushgateway(tmp_path) as gateway:
        laptop_at(tmp_path / "one", gateway.url).push()
        other = laptop_at(tmp_path / "two", gateway.url)
        other.home.main("two").write(homes.assistant("msg_2", session="two", output=5))
        other.persona = "other"
        result = other.push()
        had = there(gateway, SESSIONS)
        other.settings = msgspec.structs.replace(other.settings, instance="other")
        renamed = other.push()

        assert ("stopped", 0) == (result.outcome, result.sent)
        assert result.error is not None
        assert result.error.startswith("another machine sends as instance 'laptop' (its id is ")
        assert "instance: in ccpush.yml" in str(result.hint)
        assert 1 == had
        assert "delivered" == renamed.outcome
        assert 2 == there(gateway, SESSIONS, instance="other")


@pytest.mark.integration
def test_relabelled_counters_are_found_again(tmp_path: Path) -> None:
    """The group is matched by the labels as the rules leave them."""
    rules = (
        RelabelRule("labeldrop", regex="user"),
        RelabelRule(source_labels=("type",), target_label="kind", regex="(.*)"),
        RelabelRule("labeldrop", regex="type"),
        RelabelRule(source_labels=("__name__",), regex=TOKENS, target_label="__name__",
                    replacement="used_total"),
    )  # fmt: skip
    with servers.pushgateway(tmp_path) as gateway:
        laptop = laptop_at(tmp_path / "laptop", gateway.url, write_relabel_configs=rules)
        old = laptop.home.main("two").write(homes.assistant("msg_2", session="two", output=5))
        laptop.push()
        old.unlink()
        laptop.lose_ledger()
        laptop.push()

        assert 12 == there(gateway, "used_total", kind="output")


@pytest.mark.integration
def test_the_group_is_the_one_with_all_its_labels(tmp_path: Path) -> None:
    """A group with further labels is another group: its values are nobody else's."""
    with servers.pushgateway(tmp_path) as gateway:
        laptop = laptop_at(tmp_path / "laptop", gateway.url, grouping_key={"site": "a", "x": ""})
        old = laptop.home.main("two").write(homes.assistant("msg_2", session="two", output=5))
        laptop.push()
        old.unlink()
        laptop.lose_ledger()
        site_a = laptop.settings
        (config,) = site_a.pushgateway
        site_b = msgspec.structs.replace(config, grouping_key={"site": "b"})
        laptop.settings = msgspec.structs.replace(site_a, pushgateway=(site_b,))
        laptop.push()
        laptop.settings = site_a
        laptop.push()

        assert 1 == there(gateway, SESSIONS, site="b")
        assert 2 == there(gateway, SESSIONS, site="a")


def gateway_that(answers: Answer) -> Script:
    """A Pushgateway that gives questions this answer and takes everything else."""

    def script(conversation: Conversation) -> None:
        while (request := conversation.read()) is not None:
            conversation.answer(answers if request.method == "GET" else Answer(200))

    return script


@pytest.mark.parametrize(
    "answer",
    [
        Answer(403),
        Answer(404),
        Answer(200, {}, b"not JSON"),
        Answer(
            200, {"Content-Type": "application/json"}, b'{"status":"success","data":[{"x":{}}]}'
        ),
    ],
)
def test_a_gateway_that_cannot_be_asked_is_pushed_to(tmp_path: Path, answer: Answer) -> None:
    """Where only pushing is allowed that is done, and nobody is asked again."""
    with serve(gateway_that(answer)) as server:
        laptop = laptop_at(tmp_path, server.url)
        outcomes = [laptop.push().outcome for _ in range(2)]

    assert ["delivered", "delivered"] == outcomes
    assert ["GET", "PUT", "PUT"] == [request.method for request in server.requests]


@pytest.mark.parametrize(
    "answer", [Answer(503), Answer(429), Answer(200, {"Content-Type": "text/html"})]
)
def test_a_gateway_that_may_answer_later_is_asked_later(tmp_path: Path, answer: Answer) -> None:
    """Before it is known what the group holds nothing is put in its place."""
    with serve(gateway_that(answer)) as server:
        laptop = laptop_at(tmp_path, server.url)
        result = laptop.push()

    assert "retry" == result.outcome
    assert result.retried > 0
    assert ["GET"] == [request.method for request in server.requests]


def test_a_wrong_password_settles_nothing(tmp_path: Path) -> None:
    """With the right one later the group is read back first all the same."""
    answers = [Answer(401), Answer(401), NO_GROUPS, Answer(200)]

    def script(conversation: Conversation) -> None:
        while conversation.read() is not None:
            conversation.answer(answers.pop(0))

    with serve(script) as server:
        laptop = laptop_at(tmp_path, server.url)
        outcomes = [laptop.push().outcome for _ in range(2)]

    assert ["retry", "delivered"] == outcomes
    assert ["GET", "PUT", "GET", "PUT"] == [request.method for request in server.requests]


def test_a_copied_ledger_that_nobody_can_vouch_for_is_not_pushed(tmp_path: Path) -> None:
    """A ledger of another machine, no name given, a gateway that cannot be asked: stopped."""
    with serve(gateway_that(Answer(403))) as server:
        laptop = laptop_at(tmp_path, server.url)
        laptop.settings = msgspec.structs.replace(laptop.settings, instance=None)
        laptop.push()
        laptop.persona = "other"
        result = laptop.push()

    assert "stopped" == result.outcome
    assert "instance: in ccpush.yml" in str(result.hint)
    assert pushed(server.requests).method == "PUT"
