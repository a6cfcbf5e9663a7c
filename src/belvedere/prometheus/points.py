"""Series in the form that the store takes: the messages of `store/points.proto`.

Serialized points, one after another, are valid points with the series of all, as OTLP requests
are: they wait in the same queue and go into the database the same way. Labels and samples have the
numbers that they have in `prometheus.WriteRequest`, so that a remote write without more is points.
"""

from collections.abc import Iterable
from typing import Any, Final

from belvedere.prometheus.message_table import message_classes
from belvedere.prometheus.model import Exemplar, NativeHistogram, Series

_TABLES: Final = {
    "Points": "1 series Series*",
    "Series": """
        1 labels Label*
        2 samples Sample*
        11 type string
        12 unit string
        13 help string
        14 histograms Histogram*
        15 exemplars Exemplar*
    """,
    "Label": "1 name string\n 2 value string",
    "Sample": "1 value double\n 2 timestamp int64",
    "Histogram": """
        1 timestamp_ms int64
        2 schema sint32
        3 zero_threshold double
        4 zero_count double
        5 count double
        6 sum double
        7 positive_indexes sint32*
        8 positive_counts double*
        9 negative_indexes sint32*
        10 negative_counts double*
        11 custom_values double*
        12 reset_hint int32
    """,
    "Exemplar": """
        1 timestamp_ms int64
        2 value double
        3 trace_id string
        4 span_id string
        5 labels Label*
    """,
}
Points: Final[Any] = message_classes("belvedere.points", _TABLES)["Points"]
"""The message."""

MIN_TIME_MS: Final = -2_208_988_800_000
MAX_TIME_MS: Final = 10_413_791_999_999
"""What the store's DateTime64(3) holds: the years 1900 to 2299."""


def encode_points(series: Iterable[Series]) -> bytes:
    """Serialize series. `trace_id` and `span_id` of exemplars get fields of their own."""
    points = Points()
    for each in series:
        message = points.series.add()
        if each.metadata:
            message.type = each.metadata.type
            message.unit = each.metadata.unit
            message.help = each.metadata.help
        labels = message.labels
        for name, value in each.labels:
            labels.add(name=name, value=value)
        samples = message.samples
        for time_ms, sample in each.samples:
            samples.add(timestamp=time_ms, value=sample)
        for time_ms, histogram in each.histograms:
            _add_histogram(message, time_ms, histogram)
        for exemplar in each.exemplars:
            _add_exemplar(message, exemplar)
    data: bytes = points.SerializeToString()
    return data


def count_points(data: bytes) -> int:
    """Samples and histograms in serialized points.

    Raises:
        DecodeError: they are none.
    """
    series = Points.FromString(data).series
    return sum(len(each.samples) + len(each.histograms) for each in series)


def _add_histogram(message: Any, time_ms: int, histogram: NativeHistogram) -> None:
    message.histograms.add(
        timestamp_ms=time_ms,
        schema=histogram.schema,
        zero_threshold=histogram.zero_threshold,
        zero_count=histogram.zero_count,
        count=histogram.count,
        sum=histogram.sum,
        positive_indexes=[index for index, _ in histogram.positive],
        positive_counts=[count for _, count in histogram.positive],
        negative_indexes=[index for index, _ in histogram.negative],
        negative_counts=[count for _, count in histogram.negative],
        custom_values=histogram.custom_values,
        reset_hint=histogram.reset_hint,
    )


def _add_exemplar(message: Any, exemplar: Exemplar) -> None:
    labels = dict(exemplar.labels)
    ids = {name: labels.pop(name, "") for name in ("trace_id", "span_id")}
    added = message.exemplars.add(timestamp_ms=exemplar.time_ms, value=exemplar.value, **ids)
    for name, value in labels.items():
        added.labels.add(name=name, value=value)
