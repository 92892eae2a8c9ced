"""How do points look on the wire? A remote-write 1.0 request, compressed.

The block format of snappy, which the specification prescribes; the framed one is refused by
receivers. Nothing is checked or left out here.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable

import snappy

from ccpush.metrics.samples import Family, Labels, MetricType
from ccpush.push.remote_write.proto import remote_write_v1_pb2 as pb
from ccpush.push.remote_write.series import Point

HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}

# Prometheus has two NaNs of its own: one that means "this series has ended", which must not be
# sent by accident, and one for a value that is not a number.
STALE_NAN_BITS = 0x7FF0000000000002
_ORDINARY_NAN: float = struct.unpack("<d", struct.pack("<Q", 0x7FF8000000000001))[0]

_TYPES: dict[MetricType, pb.MetricMetadata.MetricType] = {
    "counter": pb.MetricMetadata.COUNTER,
    "gauge": pb.MetricMetadata.GAUGE,
    "histogram": pb.MetricMetadata.HISTOGRAM,
}


def encode(points: Iterable[Point], metadata: Iterable[Family] = ()) -> bytes:
    """The body of one request: the points, which are in time order, and what the families are.

    A NaN is sent as Prometheus's ordinary one, the stale marker bit for bit as it is.
    """
    request = pb.WriteRequest()
    series: dict[Labels, pb.TimeSeries] = {}
    for point in points:
        one = series.get(point.labels)
        if one is None:
            one = series[point.labels] = request.timeseries.add()
            for name, value in point.labels:
                one.labels.add(name=name, value=value)
        one.samples.add(value=_number(point.value), timestamp=point.ts_ms)
    for family in metadata:
        request.metadata.add(
            type=_TYPES[family.type],
            metric_family_name=family.name,
            help=family.help,
            unit=family.unit,
        )
    return bytes(snappy.compress(request.SerializeToString()))


def _number(value: float) -> float:
    if not math.isnan(value):
        return value
    (bits,) = struct.unpack("<Q", struct.pack("<d", value))
    return value if bits == STALE_NAN_BITS else _ORDINARY_NAN
