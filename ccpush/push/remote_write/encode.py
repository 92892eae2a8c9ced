"""How does a batch look on the wire? A request of remote-write 1.0 or 2.0, compressed.

The block format of snappy, which the specifications prescribe; the framed one is refused by
receivers. Nothing is checked or left out here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import snappy

from ccpush.metrics.samples import Described, Labels, MetricType
from ccpush.push.remote_write.batch import Batch
from ccpush.push.remote_write.wire import nested, samples, tag_of, varint

Protocol = Literal["1.0", "2.0"]
HEADERS: Final[dict[Protocol, dict[str, str]]] = {
    "1.0": {
        "Content-Encoding": "snappy",
        "Content-Type": "application/x-protobuf",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    },
    "2.0": {
        "Content-Encoding": "snappy",
        "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        "X-Prometheus-Remote-Write-Version": "2.0.0",
    },
}
# The same numbers in both versions.
_TYPES: Final[dict[MetricType, int]] = {"untyped": 0, "counter": 1, "gauge": 2, "histogram": 3}
_V1_TIMESERIES, _V1_METADATA = tag_of(1), tag_of(3)
_V2_SYMBOLS, _V2_TIMESERIES = tag_of(4), tag_of(5)
_V2_LABELS, _V2_METADATA = tag_of(1), tag_of(5)


class EncoderV1:
    """Encodes batches for a 1.0 receiver; remembers how series look."""

    def __init__(self) -> None:
        self._heads: dict[Labels, bytes] = {}

    def encode(self, batch: Batch, metadata: Iterable[Described] = ()) -> bytes:
        """Return the body of one request: samples in time order, and what the metrics are."""
        times = [varint(ts_ms) for ts_ms in batch.timestamps_ms]
        parts = [
            nested(_V1_TIMESERIES, self._head(run.labels) + samples(run.stretches, times))
            for run in batch.runs
        ]
        parts += (_metadata_v1(described) for described in metadata)
        return bytes(snappy.compress(b"".join(parts)))

    def _head(self, labels: Labels) -> bytes:
        found = self._heads.get(labels)
        if found is None:
            from ccpush.push.remote_write.proto import remote_write_v1_pb2 as pb

            series = pb.TimeSeries()
            for name, value in labels:
                series.labels.add(name=name, value=value)
            found = self._heads[labels] = series.SerializeToString()
        return found


class EncoderV2:
    """Encodes batches for a 2.0 receiver: names once per request, metadata with every series."""

    def encode(self, batch: Batch) -> bytes:
        """Return the body of one request."""
        times = [varint(ts_ms) for ts_ms in batch.timestamps_ms]
        symbols: dict[str, int] = {"": 0}
        described: dict[str, bytes] = {}
        series = []
        for run in batch.runs:
            refs = b"".join(
                varint(symbols.setdefault(text, len(symbols)))
                for pair in run.labels
                for text in pair
            )
            metadata = described.get(run.metric.name)
            if metadata is None:
                metadata = described[run.metric.name] = _metadata_v2(run.metric, symbols)
            start_ms = run.start_ms if run.metric.type != "gauge" else 0
            body = nested(_V2_LABELS, refs) + samples(run.stretches, times, start_ms) + metadata
            series.append(nested(_V2_TIMESERIES, body))
        texts = [nested(_V2_SYMBOLS, text.encode()) for text in symbols]
        return bytes(snappy.compress(b"".join((*texts, *series))))


def _metadata_v1(described: Described) -> bytes:
    from ccpush.push.remote_write.proto import remote_write_v1_pb2 as pb

    message = pb.MetricMetadata(
        type=_TYPES[described.type],  # type: ignore[arg-type]
        metric_family_name=described.name,
        help=described.help,
        unit=described.unit,
    )
    return nested(_V1_METADATA, message.SerializeToString())


def _metadata_v2(described: Described, symbols: dict[str, int]) -> bytes:
    from ccpush.push.remote_write.proto import remote_write_v2_pb2 as pb

    message = pb.Metadata(
        type=_TYPES[described.type],  # type: ignore[arg-type]
        help_ref=symbols.setdefault(described.help, len(symbols)),
        unit_ref=symbols.setdefault(described.unit, len(symbols)),
    )
    return nested(_V2_METADATA, message.SerializeToString())
