"""Scrapes in protobuf, which alone carries native histograms and created times."""

from collections.abc import Iterable
from typing import Any, Final

from belvedere.otlp.varint import write_varint
from belvedere.prometheus.exposition import messages
from belvedere.prometheus.exposition.family import Family
from belvedere.prometheus.exposition.messages import MetricFamily
from belvedere.prometheus.exposition.write import escaped_label, escaped_name
from belvedere.prometheus.from_otlp.point import Point
from belvedere.prometheus.model import Exemplar, MetricType
from belvedere.prometheus.spans import deltas, is_whole, write_spans

CONTENT_TYPE: Final = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)
_TYPES: Final = {
    MetricType.COUNTER: messages.COUNTER,
    MetricType.HISTOGRAM: messages.HISTOGRAM,
    MetricType.SUMMARY: messages.SUMMARY,
    MetricType.UNKNOWN: messages.UNTYPED,
}


def write_protobuf(
    families: Iterable[Family], *, timestamps: bool = False, utf8_names: bool = False
) -> bytes:
    """The bytes of a scrape. Families stay in their order."""
    parts: list[bytes] = []
    for family in families:
        metadata = family.metadata
        type_ = _TYPES.get(metadata.type, messages.GAUGE)
        name = escaped_name(metadata.name, utf8=utf8_names)
        message = MetricFamily(name=name, help=metadata.help, type=type_)
        if metadata.unit:
            message.unit = metadata.unit
        for point in family.points:
            metric = message.metric.add()
            for label, value in point.labels:
                metric.label.add(name=escaped_label(label, utf8=utf8_names), value=value)
            if timestamps:
                metric.timestamp_ms = point.time_ms
            _WRITE[type_](metric, point)
        data = message.SerializeToString()
        parts += (write_varint(len(data)), data)
    return b"".join(parts)


def _write_counter(metric: Any, point: Point) -> None:
    (line,) = point.lines
    metric.counter.value = line.value
    if line.exemplars:
        _write_exemplar(metric.counter.exemplar, line.exemplars[-1])
    _write_time(metric.counter, "created_timestamp", point.created_ms)


def _write_gauge(metric: Any, point: Point) -> None:
    metric.gauge.value = point.lines[0].value


def _write_untyped(metric: Any, point: Point) -> None:
    metric.untyped.value = point.lines[0].value


def _write_summary(metric: Any, point: Point) -> None:
    for line in point.lines:
        if line.suffix == "_count":
            metric.summary.sample_count = int(line.value)
        elif line.suffix == "_sum":
            metric.summary.sample_sum = line.value
        elif line.label:
            metric.summary.quantile.add(quantile=float(line.label[1]), value=line.value)
    _write_time(metric.summary, "created_timestamp", point.created_ms)


def _write_histogram(metric: Any, point: Point) -> None:
    histogram = metric.histogram
    for line in point.lines:
        if line.suffix == "_count":
            histogram.sample_count = int(line.value)
        elif line.suffix == "_sum":
            histogram.sample_sum = line.value
        elif line.label:
            bucket = histogram.bucket.add(
                cumulative_count=int(line.value), upper_bound=float(line.label[1])
            )
            if line.exemplars:
                _write_exemplar(bucket.exemplar, line.exemplars[-1])
    _write_native(histogram, point)
    _write_time(histogram, "created_timestamp", point.created_ms)


def _write_native(message: Any, point: Point) -> None:
    histogram = point.histogram
    if histogram is None:
        return
    message.schema = histogram.schema
    message.sample_sum = histogram.sum
    message.zero_threshold = histogram.zero_threshold
    signs = (("positive", histogram.positive), ("negative", histogram.negative))
    whole = is_whole(histogram)
    if whole:
        message.sample_count = int(histogram.count)
        message.zero_count = int(histogram.zero_count)
    else:
        message.sample_count_float = histogram.count
        message.zero_count_float = histogram.zero_count
    for sign, buckets in signs:
        spans = getattr(message, f"{sign}_span")
        counts = write_spans(spans, buckets)
        if whole:
            getattr(message, f"{sign}_delta").extend(deltas(counts))
        else:
            getattr(message, f"{sign}_count").extend(counts)
    if not message.positive_span and not message.negative_span:
        # A span without buckets says that the histogram is a native one, though empty.
        message.positive_span.add(offset=0, length=0)
    for exemplar in point.exemplars:
        _write_exemplar(message.exemplars.add(), exemplar)


def _write_exemplar(message: Any, exemplar: Exemplar) -> None:
    for name, value in exemplar.labels:
        message.label.add(name=name, value=value)
    message.value = exemplar.value
    _write_time(message, "timestamp", exemplar.time_ms)


def _write_time(message: Any, name: str, time_ms: int) -> None:
    if time_ms:
        written = getattr(message, name)
        written.seconds, milliseconds = divmod(time_ms, 1000)
        written.nanos = milliseconds * 1_000_000


_WRITE: Final = {
    messages.COUNTER: _write_counter,
    messages.GAUGE: _write_gauge,
    messages.UNTYPED: _write_untyped,
    messages.SUMMARY: _write_summary,
    messages.HISTOGRAM: _write_histogram,
}
