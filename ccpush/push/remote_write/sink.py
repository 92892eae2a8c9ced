"""The remote-write sink: one block of ``remote_write:``, pushed to again and again.

Keeps the connection, the receiver's clock and the time of the last metadata between pushes; all
else is in the ledger, of which every push opens a connection of its own, because sinks push in
threads of their own.
"""

from __future__ import annotations

import hashlib
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from ccpush.config.settings import RemoteWriteConfig, Settings
from ccpush.ledger import cursors, store
from ccpush.ledger.sinks import SinkState, note, read_sink
from ccpush.push.remote_write.delivery import Delivery
from ccpush.push.remote_write.means import Means
from ccpush.push.remote_write.naming import Naming
from ccpush.push.remote_write.patience import Patience
from ccpush.push.remote_write.receiver import Receiver
from ccpush.push.remote_write.witness import Witness
from ccpush.push.sink import Offer, PushResult, SinkKind

# The three paths never share a label set; this is remote-write's job.
JOB: Final = "ccpush"
METADATA_INTERVAL_S: Final = 60.0
# A receiver that did not know 2.0 may have been upgraded since.
FALLBACK_HOLDS_S: Final = 86_400.0


class RemoteWriteSink:
    """Sends offers to one block of ``remote_write:``; see :class:`ccpush.push.sink.Sink`."""

    kind: SinkKind = "remote_write"

    def __init__(
        self,
        config: RemoteWriteConfig,
        settings: Settings,
        user_agent: str,
        *,
        now: Callable[[], float] = time.time,
        environ: Mapping[str, str] = os.environ,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.name = config.name
        self._config = config
        self._settings = settings
        self._now = now
        self._chance = chance
        self._receiver = Receiver(config, user_agent, now=now, environ=environ)
        self._aborted = threading.Event()
        self._metadata_at_s: float | None = None

    def push(self, offer: Offer) -> PushResult:
        """Deliver what the receiver does not have yet; raises LedgerError."""
        with store.open_ledger(self._settings.state_dir, write=True) as connection:
            state = self._state(connection)
            self._remember_protocol(state)
            common = {"job": JOB, "instance": offer.instance}
            means = Means(
                receiver=self._receiver,
                config=self._config,
                naming=Naming(common, self._config.write_relabel_configs),
                patience=Patience(self._pause, self._chance, offer.until_s, offer.patience_s),
                witness=Witness(
                    self._settings.cache_dir, offer.identity.id, offer.instance, self._destination
                ),
                now=self._now,
            )
            delivery = Delivery(connection, offer, state, means)
            with_metadata = self._metadata_due()
            result = delivery.run(with_metadata=with_metadata)
            if with_metadata and result.sent:
                self._metadata_at_s = self._now()
            return result

    def abort(self) -> None:
        """End a push under way in another thread, and every later one, at once."""
        self._aborted.set()
        self._receiver.abort()

    def close(self) -> None:
        """Let go of connections."""
        self._receiver.close()

    @property
    def _destination(self) -> str:
        return hashlib.sha256(self._config.http.url.encode()).hexdigest()[:16]

    def _state(self, connection: sqlite3.Connection) -> SinkState:
        """Return what is known of this sink; nothing when its address is another one now."""
        state = read_sink(connection, self.name, self.kind)
        if state.destination != self._destination:
            with store.transaction(connection):
                if state.destination is not None:
                    cursors.forget(connection, self.name)
                note(connection, self.name, self.kind, destination=self._destination)
            state = read_sink(connection, self.name, self.kind)
        return state

    def _remember_protocol(self, state: SinkState) -> None:
        age_s = self._now() - (state.protocol_at_s or 0.0)
        if state.protocol == "1.0" and 0 <= age_s < FALLBACK_HOLDS_S:
            self._receiver.protocol = "1.0"
        else:
            self._receiver.protocol = self._receiver.wanted

    def _metadata_due(self) -> bool:
        if self._metadata_at_s is None:
            return True
        # A clock that was set back says nothing about the age.
        return not 0.0 <= self._now() - self._metadata_at_s < METADATA_INTERVAL_S

    def _pause(self, seconds: float) -> bool:
        return not self._aborted.wait(seconds)
