"""How many samples does a receiver not have yet? Reckoned from the ledger; nothing is sent.

What the next push would offer it: the steps after its cursors, times the series there are.
"""

from __future__ import annotations

import sqlite3

from ccpush.config.settings import RemoteWriteConfig
from ccpush.ledger.cursors import read_shifts
from ccpush.ledger.sinks import SinkState
from ccpush.metrics.evaluate import Identity
from ccpush.metrics.grid import due_steps, step_of
from ccpush.metrics.history import Span, Walk
from ccpush.push.remote_write.groups import all_cursors, groups
from ccpush.push.remote_write.reach import known_horizon_s, reach_steps


def due_samples(
    connection: sqlite3.Connection,
    config: RemoteWriteConfig,
    state: SinkState,
    identity: Identity,
    now_s: float,
) -> int:
    """Return how many samples of the grid are due at one sink as of now."""
    step = step_of(now_s)
    reach = reach_steps(config, known_horizon_s(state, now_s))
    shifts = read_shifts(connection, config.name)
    due = 0
    for group in groups(all_cursors(connection, config.name, step, reach), step):
        through = max(group.through, step - reach - 1)
        walk = Walk(connection, Span(group.metrics, step, step, None, shifts), identity)
        due += walk.size * len(due_steps(through, step))
    return due
