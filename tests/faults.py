"""What can happen to a request on its way, and which of it happens when? For ``fault_proxy.py``."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from enum import Enum

from receivers import Request


class Fault(Enum):
    """What may happen to a request; True for those that the server sees whole."""

    PASS = ("pass", True)
    CUT_BEFORE = ("cut before the server sees anything", False)
    CUT_BODY = ("cut when half of the body is through", False)
    CUT_ANSWER = ("the server has answered, the client never hears of it", True)
    SLOW_BODY = ("the body trickles", True)
    SLOW_ANSWER = ("the answer trickles", True)
    ERROR_BEFORE = ("500, not forwarded", False)
    ERROR_AFTER = ("500 in place of the server's answer", True)
    BUSY_SECONDS = ("429 with Retry-After in seconds", False)
    BUSY_DATE = ("429 with Retry-After as a date", False)
    TRUNCATED = ("the answer ends somewhere in the middle", True)
    PORTAL = ("200 with a sign-in page", False)
    REDIRECT = ("302 to another place", False)

    def __init__(self, words: str, forwarded: bool) -> None:
        self.words = words
        self.forwarded = forwarded


# What is decided for a request, of which only the head has been read.
Decide = Callable[[Request], Fault]


def in_turn(faults: Iterable[Fault]) -> Decide:
    """These one after the other, and nothing bad when they are used up."""
    left = iter(faults)
    return lambda _: next(left, Fault.PASS)


def at_random(rng: random.Random, weights: Mapping[Fault, float] | None = None) -> Decide:
    """By weight; without weights all alike, but for PASS, which is as likely as all others."""
    weights = weights or dict.fromkeys(Fault, 1.0) | {Fault.PASS: len(Fault) - 1.0}
    faults, shares = list(weights), list(weights.values())
    return lambda _: rng.choices(faults, shares)[0]
