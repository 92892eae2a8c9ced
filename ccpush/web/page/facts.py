"""What is the page told? Everything that it shows; whoever serves it has read the ledger for it."""

from __future__ import annotations

from typing import Final

import msgspec

from ccpush.ledger.query import Account
from ccpush.ledger.recent import Recent

# How far back the page looks by the day, and by the hour of the week.
DAYS: Final = 30
WEEKS: Final = 4


class Facts(msgspec.Struct, frozen=True):
    """What the page tells; ``account`` has the sinks as they are configured.

    ``recent`` reaches back DAYS and WEEKS. ``interval_s`` is the time between two passes, from
    which it follows when figures are old.
    """

    version: str
    instance: str
    account: Account
    recent: Recent
    interval_s: float = 60.0
