"""How often a request is tried within one push, and how long in between; with pauses of our own."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from ccpush.push.failure import FailureKind
from ccpush.push.outcome import Verdict
from ccpush.push.remote_write import patience
from ccpush.push.remote_write.patience import Patience

DELIVERED = Verdict("delivered", status=204)


class Trial:
    """A request that gets these verdicts in turn, the last for ever, and the pauses between."""

    def __init__(self, *verdicts: Verdict, stop_after: int = 100) -> None:
        self._verdicts = list(verdicts)
        self._stop_after = stop_after
        self.tries = 0
        self.pauses: list[float] = []

    def send(self) -> Verdict:
        self.tries += 1
        return self._verdicts.pop(0) if len(self._verdicts) > 1 else self._verdicts[0]

    def pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return len(self.pauses) < self._stop_after

    def patience(
        self,
        random: Callable[[], float] = lambda: 0.5,
        within_s: float = 60.0,
        waking_s: float = 0.0,
    ) -> Patience:
        return Patience(self.pause, random, time.monotonic() + within_s, waking_s)


def _answer(status: int, retry_after_s: float | None = None) -> Verdict:
    return Verdict("retry", status=status, error="no", retry_after_s=retry_after_s)


def _failed(kind: FailureKind) -> Verdict:
    return Verdict("retry", error="no", failure=kind)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_in_a_moment_is_tried_three_times(status: int) -> None:
    """With pauses that double, then it is left to the next push."""
    trial = Trial(_answer(status))
    verdict = trial.patience().until_settled(trial.send)

    assert verdict == _answer(status)
    assert (trial.tries, trial.pauses) == (3, [0.5, 1.0])


def test_a_connection_that_was_cut_is_tried_again() -> None:
    """A server that closes an idle connection has lost nothing but this request."""
    trial = Trial(_failed("cut"), DELIVERED)

    assert trial.patience().until_settled(trial.send) == DELIVERED
    assert trial.tries == 2


@pytest.mark.parametrize(
    "verdict",
    [
        DELIVERED,
        Verdict("rejected", status=400, reason="status_400"),
        _answer(401),
        _answer(404),
        _answer(302),
        Verdict("retry", status=200, error="a web page"),
        _failed("dns"),
        _failed("unreachable"),
        _failed("tls"),
        _failed("timeout"),
        _failed("aborted"),
        _failed("setup"),
    ],
)
def test_what_will_not_change_in_seconds_is_tried_once(verdict: Verdict) -> None:
    """Another try would cost time and get the same."""
    trial = Trial(verdict)

    assert trial.patience().until_settled(trial.send) == verdict
    assert (trial.tries, trial.pauses) == (1, [])


def test_the_first_clear_answer_ends_it() -> None:
    """A refusal after an error is a refusal."""
    refused = Verdict("rejected", status=400, reason="status_400")
    trial = Trial(_answer(503), refused, DELIVERED)

    assert trial.patience().until_settled(trial.send) == refused
    assert trial.tries == 2


@pytest.mark.parametrize("chance", [0.0, 0.25, 0.999])
def test_pauses_are_unequal(chance: float) -> None:
    """A fleet that met the same trouble does not come back in step."""
    trial = Trial(_answer(503))
    trial.patience(lambda: chance).until_settled(trial.send)

    assert trial.pauses == [0.5 * (0.5 + chance), 1.0 * (0.5 + chance)]


def test_a_short_retry_after_is_waited_for_and_a_little_longer() -> None:
    """Not before the time that the receiver asked for, and not all at once after it."""
    trial = Trial(_answer(429, 2.0), DELIVERED)

    assert trial.patience().until_settled(trial.send) == DELIVERED
    assert trial.pauses == [2.5]


@pytest.mark.parametrize(("retry_after_s", "within_s"), [(30.0, 60.0), (None, 0.2), (2.0, 1.0)])
def test_a_long_wait_is_left_to_the_next_push(retry_after_s: float | None, within_s: float) -> None:
    """A push ends in its time; nobody sleeps within it for half a minute."""
    trial = Trial(_answer(503, retry_after_s))
    verdict = trial.patience(within_s=within_s).until_settled(trial.send)

    assert verdict.retry_after_s == retry_after_s
    assert (trial.tries, trial.pauses) == (1, [])


def test_a_stop_ends_the_waiting() -> None:
    """When the pause was cut short nothing is sent any more."""
    trial = Trial(_answer(503), stop_after=1)
    trial.patience().until_settled(trial.send)

    assert (trial.tries, len(trial.pauses)) == (1, 1)


@pytest.mark.parametrize("kind", ["dns", "unreachable"])
def test_after_waking_a_network_has_time_to_come(kind: FailureKind) -> None:
    """Names cannot be looked up for the first seconds after a laptop was opened."""
    trial = Trial(*[_failed(kind)] * 4, DELIVERED)

    assert trial.patience(waking_s=60.0).until_answered(trial.send) == DELIVERED
    assert (trial.tries, trial.pauses) == (5, [patience.WAKING_PAUSE_S] * 4)


def test_without_waking_nobody_waits_for_a_network() -> None:
    """A laptop that is offline costs one try a tick."""
    trial = Trial(_failed("dns"))
    trial.patience().until_answered(trial.send)

    assert (trial.tries, trial.pauses) == (1, [])


def test_only_a_missing_network_is_waited_for_after_waking() -> None:
    """An answer is an answer, and a stop is a stop."""
    refused, stopped = Trial(_answer(401)), Trial(_failed("dns"), stop_after=2)
    refused.patience(waking_s=60.0).until_answered(refused.send)
    stopped.patience(waking_s=60.0).until_answered(stopped.send)

    assert (refused.tries, stopped.tries) == (1, 2)


def test_waking_is_over_some_day() -> None:
    """When the time is up the failure is the answer."""
    trial = Trial(_failed("dns"))
    made = trial.patience(waking_s=0.02)
    time.sleep(0.03)

    assert made.until_answered(trial.send) == _failed("dns")
    assert trial.tries == 1


def test_a_long_pause_is_jittered_around_what_it_should_be() -> None:
    """Between half of it and one and a half."""
    made = [
        Trial(DELIVERED).patience(iter([at]).__next__).jittered(300.0) for at in (0.0, 0.5, 1.0)
    ]

    assert made == [150.0, 300.0, 450.0]
