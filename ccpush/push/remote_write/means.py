"""What one push to a receiver is made with; put together by the sink, used by its parts."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ccpush.config.settings import RemoteWriteConfig
from ccpush.push.remote_write.naming import Naming
from ccpush.push.remote_write.patience import Patience
from ccpush.push.remote_write.receiver import Receiver
from ccpush.push.remote_write.witness import Witness


class Means(msgspec.Struct, frozen=True):
    """The receiver and its settings, the labels, the pauses, the mark outside the ledger, time."""

    receiver: Receiver
    config: RemoteWriteConfig
    naming: Naming
    patience: Patience
    witness: Witness
    now: Callable[[], float]
