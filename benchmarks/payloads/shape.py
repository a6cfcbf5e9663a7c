"""The shape of what is sent, in one place. All of it is printed with the results."""

from typing import Final

SPANS_PER_TRACE: Final = 10
OPERATIONS_PER_SERVICE: Final = 10
ATTRIBUTES_PER_SPAN: Final = 10
"""Besides the sequence number."""
VALUES: Final = 1000
RECORDS_PER_REQUEST: Final = 512
LOG_TEMPLATES: Final = 200
LOG_LINES_PER_TRACE: Final = 8

METRIC_INTERVAL_S: Final = 1
COUNTERS: Final = (13, 10)
"""Metrics of a service, attribute sets of each: one Prometheus series a set."""
GAUGES: Final = (11, 10)
HISTOGRAMS: Final = (2, 10)
BUCKETS: Final = 11
SERIES_PER_HISTOGRAM: Final = BUCKETS + 2
"""Its buckets, _sum and _count."""
SERIES_PER_SERVICE: Final = (
    COUNTERS[0] * COUNTERS[1]
    + GAUGES[0] * GAUGES[1]
    + HISTOGRAMS[0] * HISTOGRAMS[1] * SERIES_PER_HISTOGRAM
    + 1  # target_info
)
SERIES: Final = 10 * SERIES_PER_SERVICE
POINTS: Final = 10 * sum(metrics * sets for metrics, sets in (COUNTERS, GAUGES, HISTOGRAMS))

TRACES: Final = (
    f"10 services, {SPANS_PER_TRACE} spans a trace, each of another service, in a tree;"
    f" {ATTRIBUTES_PER_SPAN + 1} attributes a span from 97 keys: which {ATTRIBUTES_PER_SPAN} is"
    f" up to its operation (100 of them), each value is any of {VALUES}, equally likely; the last"
    f" is the sequence number; random ids; {RECORDS_PER_REQUEST} spans a request"
)
LOGS: Final = (
    f"10 services, {LOG_TEMPLATES} message templates with a variable after each six words, trace"
    f" and span ids ({LOG_LINES_PER_TRACE} lines a trace), 4 attributes with the sequence number;"
    f" {RECORDS_PER_REQUEST} records a request"
)
METRICS: Final = (
    f"{SERIES:,} Prometheus series of 10 services: {10 * COUNTERS[0] * COUNTERS[1]:,} counters,"
    f" {10 * GAUGES[0] * GAUGES[1]:,} gauges, {10 * HISTOGRAMS[0] * HISTOGRAMS[1]:,} histograms of"
    f" {BUCKETS} buckets ({SERIES_PER_HISTOGRAM} series each), 10 target_info; cumulative; a"
    f" request is one interval of {METRIC_INTERVAL_S} s: {POINTS:,} data points, {SERIES:,} samples"
)
