"""The messages of remote write 1.0 and 2.0, from tables of their fields.

Names and numbers are those of the specifications ("Prometheus Remote-Write 1.0" and "2.0", with
the messages `prometheus.WriteRequest` and `io.prometheus.write.v2.Request`).
"""

from typing import Any, Final

from belvedere.prometheus.message_table import message_classes

_HISTOGRAM: Final = """
    1 count:count_int uint64
    2 count:count_float double
    3 sum double
    4 schema sint32
    5 zero_threshold double
    6 zero_count:zero_count_int uint64
    7 zero_count:zero_count_float double
    8 negative_spans BucketSpan*
    9 negative_deltas sint64*
    10 negative_counts double*
    11 positive_spans BucketSpan*
    12 positive_deltas sint64*
    13 positive_counts double*
    14 reset_hint int32
    15 timestamp int64
    16 custom_values double*
"""
_SAMPLE: Final = "1 value double\n 2 timestamp int64"
_SPAN: Final = "1 offset sint32\n 2 length uint32"

_V1: Final = {
    "WriteRequest": "1 timeseries TimeSeries*\n 3 metadata MetricMetadata*",
    "TimeSeries": """
        1 labels Label*
        2 samples Sample*
        3 exemplars Exemplar*
        4 histograms Histogram*
    """,
    "Label": "1 name string\n 2 value string",
    "Sample": _SAMPLE,
    "Exemplar": "1 labels Label*\n 2 value double\n 3 timestamp int64",
    "MetricMetadata": """
        1 type int32
        2 metric_family_name string
        4 help string
        5 unit string
    """,
    "Histogram": _HISTOGRAM,
    "BucketSpan": _SPAN,
}
_V2: Final = {
    "Request": "4 symbols string*\n 5 timeseries TimeSeries*",
    "TimeSeries": """
        1 labels_refs uint32*
        2 samples Sample*
        3 histograms Histogram*
        4 exemplars Exemplar*
        5 metadata Metadata
        6 created_timestamp int64
    """,
    "Sample": f"{_SAMPLE}\n 3 start_timestamp int64",
    "Exemplar": "1 labels_refs uint32*\n 2 value double\n 3 timestamp int64",
    "Metadata": "1 type int32\n 3 help_ref uint32\n 4 unit_ref uint32",
    "Histogram": f"{_HISTOGRAM}\n 17 start_timestamp int64",
    "BucketSpan": _SPAN,
}

WriteRequest: Final[Any] = message_classes("prometheus", _V1)["WriteRequest"]
"""Remote write 1.0."""
Request: Final[Any] = message_classes("io.prometheus.write.v2", _V2)["Request"]
"""Remote write 2.0."""
