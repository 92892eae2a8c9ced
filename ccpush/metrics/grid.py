"""Which moments get a sample? A grid of minutes, coarser for what lies further back.

The grid is the same however often ccpush runs, so a timer and a resident process make the same kind
of series. No two points are further apart than Prometheus looks back for a value (five minutes).
"""

from __future__ import annotations

from typing import Final

from ccpush.ledger.booking import GRID_S

# (older than so many steps, every so many steps); a step is a minute
COARSER: Final = ((24 * 60, 4), (60, 2))
STEPS_PER_DAY: Final = 24 * 60


def due_steps(after: int, through: int) -> list[int]:
    """Return the steps ``after`` < step <= ``through`` that get a sample; the last one always."""
    steps: list[int] = []
    begin = after + 1
    for age, stride in COARSER:
        end = through - age
        steps.extend(range(begin + -begin % stride, end, stride))
        begin = max(begin, end)
    steps.extend(range(begin, through + 1))
    return steps


def step_of(ts_s: float) -> int:
    """Return the newest step that is not later than this moment."""
    return int(ts_s // GRID_S)


def ts_ms(step: int) -> int:
    """Return a step's timestamp, in milliseconds since 1970."""
    return step * GRID_S * 1000
