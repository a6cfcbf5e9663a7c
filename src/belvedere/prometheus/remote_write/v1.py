"""Remote write 1.0: `prometheus.WriteRequest`."""

from collections.abc import Iterable
from typing import Any, Final

from google.protobuf.message import DecodeError

from belvedere.prometheus.errors import MalformedError
from belvedere.prometheus.model import Exemplar, Labels, Metadata, MetricType, Series, labels_of
from belvedere.prometheus.remote_write.histogram import read_histogram, write_histogram
from belvedere.prometheus.remote_write.messages import WriteRequest

CONTENT_TYPE: Final = "application/x-protobuf"
VERSION: Final = "0.1.0"
"""Of the header `X-Prometheus-Remote-Write-Version`."""

_TYPES: Final = (
    MetricType.UNKNOWN,
    MetricType.COUNTER,
    MetricType.GAUGE,
    MetricType.HISTOGRAM,
    MetricType.GAUGE_HISTOGRAM,
    MetricType.SUMMARY,
    MetricType.INFO,
    MetricType.STATESET,
)
"""By their numbers on the wire."""
TYPE_NUMBERS: Final = {type_: number for number, type_ in enumerate(_TYPES)}


def encode(series: Iterable[Series], metadata: Iterable[Metadata] = ()) -> bytes:
    """A request, uncompressed. Series and samples stay in their order."""
    request = WriteRequest()
    for each in series:
        message = request.timeseries.add()
        _write_labels(message.labels, each.labels)
        for time_ms, value in each.samples:
            message.samples.add(value=value, timestamp=time_ms)
        for time_ms, histogram in each.histograms:
            write_histogram(message.histograms.add(), time_ms, histogram)
        for exemplar in each.exemplars:
            written = message.exemplars.add(value=exemplar.value, timestamp=exemplar.time_ms)
            _write_labels(written.labels, exemplar.labels)
    for family in metadata:
        request.metadata.add(
            type=TYPE_NUMBERS[family.type],
            metric_family_name=family.name,
            help=family.help,
            unit=family.unit,
        )
    data: bytes = request.SerializeToString()
    return data


def decode(data: bytes) -> tuple[list[Series], list[Metadata]]:
    """The series of a request, without metadata each, and the metadata of families.

    Raises:
        MalformedError: the bytes are no such request.
    """
    try:
        request = WriteRequest.FromString(data)
    except (DecodeError, UnicodeDecodeError) as error:
        raise MalformedError(f"the body is no prometheus.WriteRequest: {error}") from None
    series = [
        Series(
            _read_labels(message.labels),
            samples=[(sample.timestamp, sample.value) for sample in message.samples],
            histograms=[read_histogram(histogram) for histogram in message.histograms],
            exemplars=[
                Exemplar(_read_labels(each.labels), each.value, each.timestamp)
                for each in message.exemplars
            ],
        )
        for message in request.timeseries
    ]
    return series, [
        Metadata(each.metric_family_name, type_of(each.type), each.help, each.unit)
        for each in request.metadata
    ]


def type_of(number: int) -> MetricType:
    """The type with a number on the wire; an unknown number is an unknown type."""
    return _TYPES[number] if 0 <= number < len(_TYPES) else MetricType.UNKNOWN


def checked_labels(pairs: list[tuple[str, str]]) -> Labels:
    """Labels as they came, in their order.

    Raises:
        MalformedError: a name is there twice, or empty.
    """
    names = {name for name, _ in pairs}
    if len(names) < len(pairs):
        raise MalformedError(f"a series has a label twice: {pairs}")
    if "" in names:
        raise MalformedError(f"a series has a label without a name: {pairs}")
    return labels_of(pairs)


def _write_labels(messages: Any, labels: Labels) -> None:
    for name, value in labels:
        messages.add(name=name, value=value)


def _read_labels(messages: Any) -> Labels:
    return checked_labels([(label.name, label.value) for label in messages])
