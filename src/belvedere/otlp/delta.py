"""Delta temporality made cumulative, which is all that Prometheus knows.

After the OTLP data model, "Sums: Delta-to-Cumulative", with one difference: where points are
missing between two (a gap), the total goes on. Beginning anew there, as the model has it, would be
seen as growth by Prometheus, whose samples have no start times, whenever the new total is the
larger one.

A stream is the points of one resource, scope, metric and set of attributes. Totals live in this
process: after a restart the streams begin anew, which is a counter reset to Prometheus.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, MutableSequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    DataPointFlags,
    Metric,
)

from belvedere.otlp.running_totals import ADDERS, WRITERS, CannotAdd

MAX_STREAMS: Final = 200_000
"""Of one project; a stream takes some 500 bytes, a histogram's more."""

_DELTA: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_CUMULATIVE: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_NO_RECORDED_VALUE: Final = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK


@dataclass(frozen=True, slots=True)
class _Stream:
    start_ns: int
    time_ns: int
    total: Any
    """Whatever the adder of the metric's kind returns."""
    seen_s: float
    """When its last point came, by the clock of the caller."""


@dataclass(slots=True)
class _Request:
    """What a conversion has found so far."""

    now_s: float
    changed: dict[bytes, _Stream] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    new_streams: int = 0


@dataclass(frozen=True, slots=True)
class Conversion:
    """A request whose deltas became cumulative."""

    converted: int
    """Metrics that were delta."""
    dropped: Mapping[str, int]
    """Points taken out, by reason: `out_of_order`, `overlap`, `limit`, and those of `CannotAdd`."""
    commit: Callable[[], None]
    """To be called when the request is accepted, once, before the next conversion."""


class DeltaAccumulator:
    """The totals of one project's delta streams.

    `convert` changes no total, `commit` of what it returned does. If the request is refused in
    between, and the client sends it again, it is converted to the same values. So between the
    two no other request of the project may be converted: the caller holds a lock.
    """

    def __init__(
        self,
        max_streams: int = MAX_STREAMS,
        *,
        refuse_new_streams: bool = False,
        repeat_totals: bool = False,
    ) -> None:
        """An accumulator without streams, for at most `max_streams` of them.

        Args:
            max_streams: how many streams are known at most.
            refuse_new_streams: when there are so many, points of others are dropped (`limit`);
                else the longest silent streams are forgotten.
            repeat_totals: a point of the same time as its stream's last one is that one, sent
                again: it gets the total that it got before. Else it is dropped (`out_of_order`).
        """
        self._max_streams = max_streams
        self._refuse_new_streams, self._repeat_totals = refuse_new_streams, repeat_totals
        self._streams: OrderedDict[bytes, _Stream] = OrderedDict()
        self.evicted = 0
        """Streams that were forgotten, the longest silent ones first, to make room for others."""

    def __len__(self) -> int:
        """How many streams are known."""
        return len(self._streams)

    def forget(self, before_s: float) -> None:
        """Forget the streams whose last points came before that, by the clock of `convert`."""
        while self._streams and next(iter(self._streams.values())).seen_s < before_s:
            self._streams.popitem(last=False)

    def convert(self, message: ExportMetricsServiceRequest, now_s: float = 0) -> Conversion:
        """Make the deltas in `message` cumulative, in place. All else stays as it is.

        Delta metrics of which no point remains are removed.
        """
        request = _Request(now_s)
        converted = 0
        for resource_metrics in message.resource_metrics:
            for scope_metrics in resource_metrics.scope_metrics:
                without_points = []
                for index, metric in enumerate(scope_metrics.metrics):
                    kind = metric.WhichOneof("data")
                    if kind is None or kind not in ADDERS:
                        continue
                    data = getattr(metric, kind)
                    if data.aggregation_temporality != _DELTA:
                        continue
                    identity = _digest(
                        resource_metrics.resource, scope_metrics.scope, _metadata(metric, kind)
                    )
                    self._convert_points(data.data_points, identity, kind, request)
                    data.aggregation_temporality = _CUMULATIVE
                    converted += 1
                    if not data.data_points:
                        without_points.append(index)
                for index in reversed(without_points):
                    del scope_metrics.metrics[index]
        return Conversion(converted, request.dropped, lambda: self._commit(request.changed))

    def _convert_points(
        self, points: MutableSequence[Any], identity: bytes, kind: str, request: _Request
    ) -> None:
        kept = []
        for point in points:
            if not point.flags & _NO_RECORDED_VALUE:
                try:
                    self._convert_point(point, _point_key(identity, point), kind, request)
                except CannotAdd as error:
                    request.dropped[str(error)] += 1
                    continue
            kept.append(point)
        if len(kept) != len(points):
            del points[:]
            points.extend(kept)

    def _convert_point(self, point: Any, key: bytes, kind: str, request: _Request) -> None:
        before = request.changed.get(key)
        if before is None:
            before = self._streams.get(key)
            if before and self._repeat_totals and before.time_ns == point.time_unix_nano:
                WRITERS[kind](before.total, point)
                point.start_time_unix_nano = before.start_ns
                return
        if before is None and self._refuse_new_streams:
            if len(self._streams) + request.new_streams >= self._max_streams:
                raise CannotAdd("limit")
            request.new_streams += 1
        _check_order(before, point)
        total = ADDERS[kind](before and before.total, point)
        if before:
            point.start_time_unix_nano = before.start_ns
        request.changed[key] = _Stream(
            point.start_time_unix_nano, point.time_unix_nano, total, request.now_s
        )

    def _commit(self, changed: Mapping[bytes, _Stream]) -> None:
        for key, stream in changed.items():
            self._streams[key] = stream
            self._streams.move_to_end(key)
        while len(self._streams) > self._max_streams:
            self._streams.popitem(last=False)
            self.evicted += 1


def _check_order(before: _Stream | None, point: Any) -> None:
    if before is None:
        return
    if point.time_unix_nano <= before.time_ns:
        raise CannotAdd("out_of_order")
    if 0 < point.start_time_unix_nano < before.time_ns:
        raise CannotAdd("overlap")


def _metadata(metric: Metric, kind: str) -> Metric:
    """What makes a metric the same one: its name, unit and kind, without points."""
    identity = Metric(name=metric.name, unit=metric.unit)
    getattr(identity, kind).SetInParent()
    if kind == "sum":
        identity.sum.is_monotonic = metric.sum.is_monotonic
    return identity


def _digest(*messages: Any) -> bytes:
    digest = blake2b(digest_size=16)
    for message in messages:
        data = message.SerializeToString(deterministic=True)
        digest.update(len(data).to_bytes(4, "little"))
        digest.update(data)
    return digest.digest()


def _point_key(identity: bytes, point: Any) -> bytes:
    """The stream of a point; the order of its attributes does not matter."""
    attributes = sorted(attribute.SerializeToString() for attribute in point.attributes)
    digest = blake2b(identity, digest_size=16)
    for attribute in attributes:
        digest.update(len(attribute).to_bytes(4, "little"))
        digest.update(attribute)
    return digest.digest()
