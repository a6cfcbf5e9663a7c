"""The messages of scrapes in protobuf, from tables of their fields.

Names and numbers are those of `io.prometheus.client`. A scrape is one `MetricFamily` after another,
each after its length.
"""

from typing import Any, Final

from belvedere.prometheus.message_table import message_classes

_TABLES: Final = {
    "MetricFamily": """
        1 name string
        2 help string
        3 type int32
        4 metric Metric*
        5 unit string
    """,
    "Metric": """
        1 label LabelPair*
        2 gauge Gauge
        3 counter Counter
        4 summary Summary
        5 untyped Untyped
        6 timestamp_ms int64
        7 histogram Histogram
    """,
    "LabelPair": "1 name string\n 2 value string",
    "Gauge": "1 value double",
    "Untyped": "1 value double",
    "Counter": "1 value double\n 2 exemplar Exemplar\n 3 created_timestamp Timestamp",
    "Summary": """
        1 sample_count uint64
        2 sample_sum double
        3 quantile Quantile*
        4 created_timestamp Timestamp
    """,
    "Quantile": "1 quantile double\n 2 value double",
    "Histogram": """
        1 sample_count uint64
        2 sample_sum double
        3 bucket Bucket*
        4 sample_count_float double
        5 schema sint32
        6 zero_threshold double
        7 zero_count uint64
        8 zero_count_float double
        9 negative_span BucketSpan*
        10 negative_delta sint64*
        11 negative_count double*
        12 positive_span BucketSpan*
        13 positive_delta sint64*
        14 positive_count double*
        15 created_timestamp Timestamp
        16 exemplars Exemplar*
    """,
    "Bucket": """
        1 cumulative_count uint64
        2 upper_bound double
        3 exemplar Exemplar
        4 cumulative_count_float double
    """,
    "BucketSpan": "1 offset sint32\n 2 length uint32",
    "Exemplar": "1 label LabelPair*\n 2 value double\n 3 timestamp Timestamp",
    "Timestamp": "1 seconds int64\n 2 nanos int32",
}

MetricFamily: Final[Any] = message_classes("io.prometheus.client", _TABLES, syntax="proto2")[
    "MetricFamily"
]
COUNTER, GAUGE, SUMMARY, UNTYPED, HISTOGRAM = range(5)
GAUGE_HISTOGRAM: Final = 5
"""The values of `MetricFamily.type`."""
