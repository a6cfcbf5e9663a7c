"""Belvedere's telemetry about itself: the counters behind `/metrics`, in Prometheus's client.

Names of Collector components are those of the OpenTelemetry Collector's internal telemetry
(`otelcol_receiver_accepted_spans`, ...), so that its dashboards work on ours; names that only
Belvedere has begin with `belvedere_`. What one processor or connector alone counts is defined
beside it, in the same registry.
"""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
"""The registry behind `/metrics`. Not the client library's global one: that is the embedder's."""

_ITEMS = {"traces": "spans", "metrics": "metric_points", "logs": "log_records"}
_LATENCY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(name, text, labels, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(name, text, labels, registry=REGISTRY)


def _histogram(name: str, text: str, *labels: str) -> Histogram:
    return Histogram(name, text, labels, registry=REGISTRY, buckets=_LATENCY_BUCKETS_S)


def _by_signal(name: str, text: str, *labels: str) -> Mapping[str, Counter]:
    """A counter for each signal, named as the Collector does: `{}` becomes spans, ..."""
    return {
        signal: _counter(name.format(items), text.format(items.replace("_", " ")), *labels)
        for signal, items in _ITEMS.items()
    }


# Receivers. `transport` is how data comes: grpc, http; file or host where it is read.
RECEIVER_ACCEPTED = _by_signal(
    "otelcol_receiver_accepted_{}", "Number of {} accepted.", "receiver", "transport"
)
RECEIVER_REFUSED = _by_signal(
    "otelcol_receiver_refused_{}",
    "Number of {} that the pipeline did not accept; the client was told.",
    "receiver",
    "transport",
)
RECEIVER_REJECTED = _by_signal(
    "belvedere_receiver_rejected_{}",
    "Number of invalid {} taken out of requests by partial success.",
    "receiver",
    "transport",
)
RECEIVER_REQUESTS = _counter(
    "belvedere_receiver_requests",
    "Requests by outcome: ok, or the gRPC status name of the error.",
    "receiver",
    "transport",
    "signal",
    "outcome",
)
RECEIVER_BYTES = _counter(
    "belvedere_receiver_accepted_bytes",
    "Bytes of accepted requests, uncompressed.",
    "receiver",
    "transport",
    "signal",
)
RECEIVER_DURATION = _histogram(
    "belvedere_receiver_request_duration_seconds",
    "From the last byte of a request to its answer.",
    "receiver",
    "transport",
    "signal",
)

# Receivers of files.
FILECONSUMER_OPEN_FILES = _gauge(
    "otelcol_fileconsumer_open_files", "Number of open files.", "receiver"
)
FILECONSUMER_READING_FILES = _gauge(
    "otelcol_fileconsumer_reading_files", "Number of open files that are being read.", "receiver"
)

# Receivers that scrape.
SCRAPER_SCRAPED_METRIC_POINTS = _counter(
    "otelcol_scraper_scraped_metric_points",
    "Number of metric points scraped.",
    "receiver",
    "scraper",
)
SCRAPER_ERRORED_METRIC_POINTS = _counter(
    "otelcol_scraper_errored_metric_points",
    "Number of metric points that could not be scraped; a scraper that fails counts as one.",
    "receiver",
    "scraper",
)

# Processors.
PROCESSOR_REFUSED = _by_signal(
    "otelcol_processor_refused_{}", "Number of {} refused by the processor.", "processor"
)
PROCESSOR_DROPPED = _by_signal(
    "otelcol_processor_dropped_{}",
    "Number of {} that were acknowledged and then dropped by the processor.",
    "processor",
)
# Counted for every processor where the graph is made (collector/telemetry/watch.py), so that
# processors leave these two alone.
PROCESSOR_INCOMING_ITEMS = _counter(
    "otelcol_processor_incoming_items", "Items given to the processor.", "processor", "otel_signal"
)
PROCESSOR_OUTGOING_ITEMS = _counter(
    "otelcol_processor_outgoing_items",
    "Items that the processor handed on.",
    "processor",
    "otel_signal",
)

# Exporters.
EXPORTER_SENT = _by_signal(
    "otelcol_exporter_sent_{}", "Number of {} sent to the destination.", "exporter"
)
EXPORTER_SEND_FAILED = _by_signal(
    "otelcol_exporter_send_failed_{}", "Number of {} that could not be sent.", "exporter"
)
EXPORTER_ENQUEUE_FAILED = _by_signal(
    "otelcol_exporter_enqueue_failed_{}", "Number of {} refused by a full queue.", "exporter"
)
EXPORTER_QUEUE_SIZE = _gauge(
    "otelcol_exporter_queue_size",
    "Current size of the queue, in the unit of its capacity.",
    "exporter",
)
EXPORTER_QUEUE_CAPACITY = _gauge(
    "otelcol_exporter_queue_capacity", "Capacity of the queue.", "exporter"
)

# The store.
STORE_FLUSHED = _by_signal(
    "belvedere_store_flushed_{}", "Number of {} inserted into the database.", "project"
)
STORE_FLUSHED_BYTES = _counter(
    "belvedere_store_flushed_bytes", "Bytes of OTLP inserted.", "project", "signal"
)
STORE_DROPPED = _by_signal(
    "belvedere_store_dropped_{}", "Number of {} that the store cannot keep.", "project", "reason"
)
STORE_INSERT_ERRORS = _counter(
    "belvedere_store_insert_errors",
    "Number of failed attempts to insert a segment, which is tried again, by ClickHouse's error.",
    "project",
    "signal",
    "error",
)
STORE_RETRYING_SEGMENTS = _gauge(
    "belvedere_store_retrying_segments",
    "Number of segments that wait for another attempt after a failed one.",
    "exporter",
)
STORE_INSERTING = _gauge(
    "belvedere_store_accepting_inserts",
    "1 if inserts succeed; 0 if none has succeeded since some began to fail.",
    "exporter",
)
STORE_DETACHED_PARTS = _gauge(
    "belvedere_store_detached_parts",
    "Number of detached or broken parts, at the start, whose rows are not in the table.",
    "project",
    "table",
)
STORE_INSERT_DURATION = _histogram(
    "belvedere_store_insert_duration_seconds", "Duration of one segment's insert.", "signal"
)

# Queries.
QUERIES_OVERDUE = _gauge(
    "belvedere_queries_overdue",
    "Queries that run past their time limit because ClickHouse cannot interrupt them.",
)
