"""Telemetry of a fixed time, for output that a test can spell out."""

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

T0_NS = 1_760_000_000_000_000_000  # 2025-10-09T08:53:20Z
MS = 10**6
RUN = bytes.fromhex("5b8aa5a2d2c872e8321cf37308d69df2")
PING = bytes.fromhex("5b8aa5a2ffffffffffffffffffffffff")


def attributes(**texts: str) -> list[KeyValue]:
    """Attributes; `__` in a name stands for a dot."""
    return [
        KeyValue(key=key.replace("__", "."), value=AnyValue(string_value=text))
        for key, text in texts.items()
    ]


def traces() -> ExportTraceServiceRequest:
    """An agent run over two services with a failing tool, and a ping a second before it."""
    request = ExportTraceServiceRequest()
    gateway = request.resource_spans.add()
    gateway.resource.attributes.extend(attributes(service__name="gateway"))
    spans = gateway.scope_spans.add().spans
    spans.add(
        trace_id=RUN,
        span_id=b"\1" * 8,
        name="POST /chat",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=T0_NS,
        end_time_unix_nano=T0_NS + 2_000 * MS,
        attributes=attributes(http__response__status_code="200"),
    )
    spans.add(
        trace_id=PING,
        span_id=b"\7" * 8,
        name="GET /ping",
        start_time_unix_nano=T0_NS - 1_000 * MS,
        end_time_unix_nano=T0_NS - 999 * MS,
    )
    agent = request.resource_spans.add()
    agent.resource.attributes.extend(attributes(service__name="agent", host__name="h1"))
    scope = agent.scope_spans.add()
    scope.scope.name = "lib"
    scope.spans.add(
        trace_id=RUN,
        span_id=b"\2" * 8,
        parent_span_id=b"\1" * 8,
        name="chat model-1",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=T0_NS + 100 * MS,
        end_time_unix_nano=T0_NS + 1_100 * MS,
        attributes=attributes(gen_ai__request__model="model-1", gen_ai__usage__input_tokens="812"),
    )
    tool = scope.spans.add(
        trace_id=RUN,
        span_id=b"\3" * 8,
        parent_span_id=b"\1" * 8,
        name="execute_tool search",
        start_time_unix_nano=T0_NS + 1_200 * MS,
        end_time_unix_nano=T0_NS + 1_700 * MS,
        status=Status(code=Status.STATUS_CODE_ERROR, message="no\nanswer"),
    )
    tool.events.add(
        time_unix_nano=T0_NS + 1_600 * MS,
        name="exception",
        attributes=attributes(exception__type="TimeoutError", exception__stacktrace="a\nb"),
    )
    tool.links.add(trace_id=PING, span_id=b"\7" * 8, attributes=attributes(why="earlier"))
    return request


def logs() -> ExportLogsServiceRequest:
    """Lines of each level; two of them belong to the run, one has escape sequences."""
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.extend(attributes(service__name="agent"))
    records = resource.scope_logs.add().log_records
    lines = (
        (10, 5, "DEBUG", "starting", b"", b""),
        (1_650, 17, "ERROR", "tool failed", RUN, b"\3" * 8),
        (1_900, 13, "WARN", "slow", RUN, b"\x99" * 8),
        (2_000, 9, "", "evil \x1b[2J title", b"", b""),
        (2_100, 0, "warning", "by its text alone", b"", b""),
        (2_200, 0, "", "two\nlines", b"", b""),
    )
    for offset_ms, number, severity, body, trace_id, span_id in lines:
        records.append(
            LogRecord(
                time_unix_nano=T0_NS + offset_ms * MS,
                severity_number=number,
                severity_text=severity,
                body=AnyValue(string_value=body),
                trace_id=trace_id,
                span_id=span_id,
                attributes=attributes(tool="search") if number == 17 else [],
            )
        )
    return request


def metrics() -> ExportMetricsServiceRequest:
    """A counter, a gauge with two series, a histogram, an exponential one and a summary."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.extend(attributes(service__name="agent"))
    made = resource.scope_metrics.add().metrics
    times = {"start_time_unix_nano": T0_NS - 10**9, "time_unix_nano": T0_NS}
    counter = made.add(name="calls", unit="{call}", description="Calls made").sum
    counter.aggregation_temporality, counter.is_monotonic = 2, True
    for model, count in (("a", 3), ("b", 4)):
        counter.data_points.add(**times, as_int=count, attributes=attributes(model=model))
    gauge = made.add(name="queue.size", description="Waiting").gauge
    for queue, size in (("x", 1.5), ("y", 7)):
        gauge.data_points.add(**times, as_double=size, attributes=attributes(queue=queue))
    histogram = made.add(name="latency", unit="s").histogram
    histogram.aggregation_temporality = 2
    histogram.data_points.add(**times, count=4, sum=2, bucket_counts=[1, 3], explicit_bounds=[0.25])
    native = made.add(name="size", unit="By").exponential_histogram
    native.aggregation_temporality = 2
    point = native.data_points.add(**times, count=2, sum=10, scale=0)
    point.positive.bucket_counts.extend([1, 1])
    summary = made.add(name="pause", unit="ms").summary
    summary.data_points.add(**times, count=5, sum=10).quantile_values.add(quantile=0.5, value=2)
    return request
