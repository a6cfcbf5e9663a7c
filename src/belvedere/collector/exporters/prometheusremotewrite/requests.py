"""From a batch to the requests that carry it."""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from belvedere.collector.exporters.prometheusremotewrite.config import Message, RemoteWriteConfig
from belvedere.prometheus.from_otlp import Line, Point, series_of, translate
from belvedere.prometheus.model import Labels, Series
from belvedere.prometheus.remote_write import snappy, v1, v2

_MAX_TARGETS: Final = 10_000
_LABEL_BYTES: Final = 8
_SAMPLE_BYTES: Final = 24
_HISTOGRAM_BYTES: Final = 80
_BUCKET_BYTES: Final = 14
"""Upper bounds of what each takes beside its texts."""


@dataclass(frozen=True, slots=True)
class Request:
    """What one POST carries."""

    body: bytes
    points: int
    """Data points of the batch whose first sample is in it."""
    samples: int
    histograms: int


@dataclass(frozen=True, slots=True)
class Requests:
    """What a batch became."""

    requests: list[Request]
    dropped: Mapping[str, int]
    """Data points that cannot be sent, by reason; see `translate`, and `delta`."""


class RequestMaker:
    """Makes requests. Batches are to be given in the order in which they are sent."""

    def __init__(self, config: RemoteWriteConfig) -> None:
        """Nothing was sent yet."""
        self._translation = config.translation
        self._is_v2 = config.protobuf_message is Message.V2
        self._metadata, self._created = config.send_metadata, config.export_created_metric.enabled
        self._max_bytes = config.max_batch_size_bytes
        self._told_ms: OrderedDict[Labels, int] = OrderedDict()
        """target_info → the time of its newest sample."""

    def requests(self, message: Any) -> Requests:
        """The requests of an `ExportMetricsServiceRequest`, each with other series."""
        translated = translate(message, self._translation)
        dropped = Counter(translated.dropped)
        points: list[Point] = []
        weights: Counter[Labels] = Counter()
        for point in translated.points:
            if point.is_delta:
                dropped["delta"] += 1
                continue
            if point.is_target_info:
                if not self._is_news(point):
                    continue
            else:
                first = point.lines[0] if point.lines else Line("", None, 0)
                weights[point.labels_of(first)] += 1
            points.append(self._with_created(point) if self._created else point)
        requests = [self._request(chunk, weights) for chunk in self._chunks(series_of(points))]
        return Requests(requests, dropped)

    def _is_news(self, target_info: Point) -> bool:
        """Whether it is newer than what was sent: batches of one resource may overlap in time."""
        told_ms = self._told_ms
        if target_info.time_ms <= told_ms.get(target_info.labels, 0):
            return False
        told_ms[target_info.labels] = target_info.time_ms
        told_ms.move_to_end(target_info.labels)
        if len(told_ms) > _MAX_TARGETS:
            told_ms.popitem(last=False)
        return True

    def _with_created(self, point: Point) -> Point:
        if not point.created_ms or not point.lines or point.is_stale:
            return point
        created = Line("_created", None, point.created_ms / 1000)
        return replace(point, lines=(*point.lines, created))

    def _chunks(self, series: Iterable[Series]) -> Iterator[list[Series]]:
        """Series that fit into one request; one that is too large is alone."""
        chunk: list[Series] = []
        size = 0
        for each in series:
            bytes_ = _size_bytes(each)
            if chunk and size + bytes_ > self._max_bytes:
                yield chunk
                chunk, size = [], 0
            chunk.append(each)
            size += bytes_
        if chunk:
            yield chunk

    def _request(self, chunk: list[Series], weights: Mapping[Labels, int]) -> Request:
        if self._is_v2:
            data = v2.encode(chunk)
        else:
            families = {each.metadata for each in chunk if each.metadata and self._metadata}
            data = v1.encode(chunk, sorted(families, key=lambda family: family.name))
        return Request(
            snappy.compress(data),
            points=sum(weights.get(each.labels, 0) for each in chunk),
            samples=sum(len(each.samples) for each in chunk),
            histograms=sum(len(each.histograms) for each in chunk),
        )


def _size_bytes(series: Series) -> int:
    """About what it takes in a request, rather too much."""
    size = _labels_bytes(series.labels) + _SAMPLE_BYTES * (len(series.samples) + 1)
    for _, histogram in series.histograms:
        buckets = len(histogram.positive) + len(histogram.negative)
        size += _HISTOGRAM_BYTES + _BUCKET_BYTES * buckets
    for exemplar in series.exemplars:
        size += _SAMPLE_BYTES + _labels_bytes(exemplar.labels)
    if series.metadata:
        size += len(series.metadata.help) + len(series.metadata.unit) + _LABEL_BYTES
    return size


def _labels_bytes(labels: Labels) -> int:
    return sum(len(name) + len(value.encode()) + _LABEL_BYTES for name, value in labels)
