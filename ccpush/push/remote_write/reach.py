"""How far back does a receiver take samples? What is asked before anything is sent, and by status.

Three limits: what any receiver that takes the past can be trusted to take, what the configuration
allows, and what the receiver itself was found to refuse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ccpush.config.settings import RemoteWriteConfig
from ccpush.ledger.sinks import SinkState

if TYPE_CHECKING:
    from ccpush.push.outcome import Verdict

# Receivers that take the past keep a window of 31 days; two days are for clocks and queues.
REACH_S: Final = 29 * 86_400.0
# Found out again after a day: an operator may have widened the window.
HORIZON_HOLDS_S: Final = 86_400.0


def known_horizon_s(state: SinkState, now_s: float) -> float | None:
    """Return the greatest age that the receiver takes, None when that is not known or too old."""
    if state.horizon_at_s is None or not 0 <= now_s - state.horizon_at_s < HORIZON_HOLDS_S:
        return None
    return state.horizon_s


def reach_steps(config: RemoteWriteConfig, horizon_s: float | None) -> int:
    """Return how many grid steps back samples are offered."""
    limits = (REACH_S, config.sample_age_limit_s, horizon_s)
    return int(min(limit for limit in limits if limit is not None)) // 60


def too_old(config: RemoteWriteConfig, horizon_s: float | None) -> Verdict:
    """Return the words for what was given up as too old, and whose limit it is."""
    # Who only asks how far back does not pay for HTTP.
    from ccpush.push.outcome import Verdict

    steps = reach_steps(config, horizon_s)
    days, hours = round(steps / 1440), round(steps / 60)
    reach = f"{days} days" if days >= 2 else "an hour" if hours == 1 else f"{hours} hours"
    if horizon_s is not None and int(horizon_s) // 60 == steps:
        why = "the receiver does not take it"
        hint = "let it take the past: storage.tsdb.out_of_order_time_window: 31d in prometheus.yml"
    elif config.sample_age_limit_s is not None and int(config.sample_age_limit_s) // 60 == steps:
        why, hint = "queue_config.sample_age_limit says so", None
    else:
        why = "no receiver can be trusted to take it"
        hint = "ccpush export writes all of it, for receivers that can be given blocks"
    error = f"what is older than {reach} was not sent: {why}"
    return Verdict("rejected", error=error, hint=hint)
