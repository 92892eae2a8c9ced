"""One remote-write receiver: takes a batch, says what became of it, and tells its clock.

Speaks 2.0 where that is configured and the receiver shows that it understands it, else 1.0: a 1.0
receiver decodes a 2.0 message to nothing and answers 204, so only the headers that say how much was
written tell. Sends what it is given, once; remembers nothing but the protocol and the clock.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from ccpush.config.settings import RemoteWriteConfig
from ccpush.metrics.samples import Described
from ccpush.push.failure import Failure
from ccpush.push.http import HttpClient, Reply
from ccpush.push.outcome import Verdict, judge
from ccpush.push.remote_write.batch import Batch
from ccpush.push.remote_write.encode import HEADERS, EncoderV1, EncoderV2, Protocol

# The receiver's clock is asked again after so long, or when ours has jumped.
CLOCK_HOLDS_S: Final = 300.0
CLOCK_DRIFT_S: Final = 1.0
WRITTEN: Final = "X-Prometheus-Remote-Write-Samples-Written"
_EMPTY: Final = Batch((), ())


class Receiver:
    """The receiver of one block of ``remote_write:``; for one thread, but ``abort`` for any."""

    def __init__(
        self,
        config: RemoteWriteConfig,
        user_agent: str,
        *,
        now: Callable[[], float] = time.time,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._url = config.http.url
        self._now = now
        self._client = HttpClient(config.http, user_agent, now=now, environ=environ)
        self.wanted: Protocol = "2.0" if config.protobuf_message == "2.0" else "1.0"
        self.protocol: Protocol = self.wanted
        self._v1 = EncoderV1()
        self._v2 = EncoderV2()
        # (our monotonic clock, our wall clock, ours minus the receiver's)
        self._clock: tuple[float, float, float] | None = None

    def send(self, batch: Batch, metadata: Sequence[Described] = ()) -> Verdict:
        """Send a batch once. ``rejected`` is for the whole of it, whatever the receiver kept."""
        if self.protocol == "2.0":
            answer = self._post("2.0", self._v2.encode(batch))
            verdict = self._judge(answer)
            if not _lacks_v2(answer, verdict):
                return _with_written(verdict, answer, batch.size)
            # An answer that was cut within its head may look the same: nothing is asked again.
            if batch.runs and not self._is_v1():
                return Verdict("retry", error="the receiver's answer was cut", failure="cut")
            self.protocol = "1.0"
        return self._judge(self._post("1.0", self._v1.encode(batch, metadata)))

    def probe(self) -> Verdict:
        """Send nothing, to hear whether the receiver is there, and its clock; no side effects."""
        return self.send(_EMPTY)

    def get(self, url: str, max_body_bytes: int) -> Reply | Failure:
        """Ask with the same credentials, over the same connection where it is the same host."""
        return self._client.request("GET", url, {}, b"", max_body_bytes=max_body_bytes)

    def skew_s(self) -> float | None:
        """Return our clock minus the receiver's as far as it is known at this moment."""
        if self._clock is None:
            return None
        at_s, wall_s, skew_s = self._clock
        age_s = time.monotonic() - at_s
        drift_s = self._now() - wall_s - age_s
        if age_s > CLOCK_HOLDS_S or abs(drift_s) > CLOCK_DRIFT_S:
            return None
        return skew_s

    @property
    def last_skew_s(self) -> float | None:
        """Our clock minus the receiver's when it was last heard."""
        return None if self._clock is None else self._clock[2]

    def abort(self) -> None:
        """End a request under way in another thread, and every later one, at once."""
        self._client.abort()

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _is_v1(self) -> bool:
        answer = self._post("2.0", self._v2.encode(_EMPTY))
        return _lacks_v2(answer, self._judge(answer))

    def _post(self, protocol: Protocol, body: bytes) -> Reply | Failure:
        return self._client.request("POST", self._url, HEADERS[protocol], body)

    def _judge(self, answer: Reply | Failure) -> Verdict:
        now_s = self._now()
        verdict = judge(answer, "remote_write", self._url, now_s)
        if verdict.skew_s is not None:
            self._clock = (time.monotonic(), now_s, verdict.skew_s)
        return verdict


def _lacks_v2(answer: Reply | Failure, verdict: Verdict) -> bool:
    """Whether the receiver shows that it does not know 2.0 (specification 2.0, Response)."""
    if isinstance(answer, Failure):
        return False
    if answer.status == 415:
        return True
    return verdict.outcome == "delivered" and not any(
        f"X-Prometheus-Remote-Write-{kind}-Written" in answer.headers
        for kind in ("Samples", "Histograms", "Exemplars")
    )


def _with_written(verdict: Verdict, answer: Reply | Failure, size: int) -> Verdict:
    """Add how many samples the receiver says it wrote, when that is not all of them."""
    if isinstance(answer, Failure) or verdict.outcome != "delivered":
        return verdict
    text = answer.headers.get(WRITTEN, "0").strip()
    written = int(text) if text.isascii() and text.isdigit() else 0
    return msgspec.structs.replace(verdict, lost=max(0, size - written))
