"""What is done to metrics before they are queued for the store, in rare cases that SQL cannot do.

- Delta temporality becomes cumulative (`delta.py`).
- Exponential histograms with scales above 8 are brought down to 8, and points with scales below
  -4 are dropped: native histograms of Prometheus have no such scales.

Nearly all requests need neither. To find out, their bytes are searched for what only such requests
have, in less time than parsing takes; what else looks the same costs time only.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogramDataPoint

from belvedere.otlp.delta import MAX_STREAMS, DeltaAccumulator
from belvedere.otlp.exponential import MAX_SCALE, MIN_SCALE, Buckets

_MAY_BE_DELTA: Final = re.compile(rb"\x10\x01(?:\x18\x01)?(?:[\x0a\x12\x1a\x62]|\Z)")
"""aggregation_temporality (field 2) 1, perhaps is_monotonic (3) 1; then metadata (12) or the end of
the metric, and the tag of the next metric (2), schema_url (3) or resource (1), or nothing."""

_SCALE_FOLLOWS: Final = (
    rb"\x19.{8}\x21.{8}\x29.{8}",
    rb"\x19.{8}\x21.{8}",
    rb"\x19.{8}\x29.{8}",
    rb"\x19.{8}",
)
_MAY_BE_OUT_OF_SCALE: Final = re.compile(
    rb"\x30[\x09\x0b\x0d\x0f\x11-\xff](?:%b)"
    % b"|".join(rb"(?<=%b..)" % before for before in _SCALE_FOLLOWS),
    re.DOTALL,
)
"""A scale (6) that is, zigzag, above 8 or below -4, after the point's time (3), count (4) if it is
not 0, and sum (5) if there is one. It looks back, as the two bytes are the rarer find."""


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Normalized:
    """Metrics as the store can take them."""

    data: bytes
    """The bytes that came, unless something had to be changed."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Points taken out, by reason: `scale`, and those of `delta.Conversion`."""
    commit: Callable[[], None] = _nothing
    """To be called when `data` is accepted: the next deltas then build on these."""


class MetricsNormalizer:
    """Makes metrics fit for the store.

    Deltas are converted in the order in which they are accepted, so from `normalize` to `commit`
    a request that `needs_work` has the project for itself:

        if not normalizer.needs_work(data):
            await queue.append(data)
        else:
            async with normalizer.lock(project):
                normalized = normalizer.normalize(project, data)
                await queue.append(normalized.data)
                normalized.commit()

    If the task is cancelled while it appends, what was appended may be on disk without its totals
    being known here. So the three calls belong into a task that is shielded from cancellation.
    """

    def __init__(self, *, max_streams: int = MAX_STREAMS) -> None:
        """A normalizer that knows no streams; `max_streams` bounds those of each project."""
        self._max_streams = max_streams
        self._accumulators: dict[str, DeltaAccumulator] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    @staticmethod
    def needs_work(data: bytes) -> bool:
        """Whether `data`, canonical OTLP as `otlp.decode` makes it, may need to be changed."""
        return bool(_MAY_BE_DELTA.search(data) or _MAY_BE_OUT_OF_SCALE.search(data))

    def lock(self, project: str) -> asyncio.Lock:
        """What orders the requests of a project that need work."""
        return self._locks.setdefault(project, asyncio.Lock())

    def normalize(self, project: str, data: bytes) -> Normalized:
        """Metrics as the store can take them.

        Raises:
            DecodeError: `data` is no serialized request.
        """
        if not self.needs_work(data):
            return Normalized(data)
        message = ExportMetricsServiceRequest.FromString(data)
        dropped: Counter[str] = Counter()
        rescaled = _rescale(message, dropped)
        accumulator = self._accumulators.get(project) or DeltaAccumulator(self._max_streams)
        conversion = accumulator.convert(message)
        dropped.update(conversion.dropped)
        if not rescaled and not conversion.converted:
            return Normalized(data)

        def commit() -> None:
            conversion.commit()
            if len(accumulator):
                self._accumulators[project] = accumulator

        return Normalized(message.SerializeToString(), dropped, commit)

    @property
    def streams(self) -> int:
        """Delta streams that are known."""
        return sum(map(len, self._accumulators.values()))

    @property
    def evicted_streams(self) -> int:
        """Delta streams that had to be forgotten since the start, for want of room."""
        return sum(accumulator.evicted for accumulator in self._accumulators.values())


def _rescale(message: ExportMetricsServiceRequest, dropped: Counter[str]) -> bool:
    """Bring exponential histograms to scales that Prometheus has. Returns whether any changed."""
    changed = False
    for resource_metrics in message.resource_metrics:
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                if metric.WhichOneof("data") != "exponential_histogram":
                    continue
                points = metric.exponential_histogram.data_points
                kept = [point for point in points if point.scale >= MIN_SCALE]
                for point in kept:
                    if point.scale > MAX_SCALE:
                        _downscale(point)
                        changed = True
                if len(kept) != len(points):
                    dropped["scale"] += len(points) - len(kept)
                    changed = True
                    del points[:]
                    points.extend(kept)
    return changed


def _downscale(point: ExponentialHistogramDataPoint) -> None:
    by = point.scale - MAX_SCALE
    for field_ in (point.positive, point.negative):
        buckets = Buckets(field_.offset, tuple(field_.bucket_counts)).downscaled(by)
        field_.offset = buckets.offset
        field_.bucket_counts[:] = buckets.counts
    point.scale = MAX_SCALE
