"""`debug`: what it writes."""

from typing import Any

import pytest
from collector_samples import batch_of
from inline_snapshot import snapshot
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import ValidationError
from structlog.testing import capture_logs
from structlog.typing import EventDict

from belvedere.collector.component import Host
from belvedere.collector.exporters.debug import DebugConfig, DebugExporter
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

START_NS = 1_700_000_000_123_456_789


def traces() -> Batch:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "shop"
    scope = resource.scope_spans.add()
    scope.scope.name = "lib"
    span = scope.spans.add(
        name="GET /", trace_id=b"\x01" * 16, span_id=b"\x02" * 8, kind=2,
        start_time_unix_nano=START_NS, end_time_unix_nano=2**64 - 1,
    )  # fmt: skip
    span.attributes.add(key="n").value.int_value = 0
    span.attributes.add(key="raw").value.bytes_value = b"\xff\x00"
    nested = span.attributes.add(key="nested").value.kvlist_value
    nested.values.add(key="a").value.array_value.values.add().bool_value = True
    span.attributes.add(key="empty")
    span.events.add(name="e", time_unix_nano=START_NS)
    span.status.code = 2  # type: ignore[assignment]  # STATUS_CODE_ERROR
    return Batch.of(Signal.TRACES, request)


def logs() -> Batch:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    first = records.add(time_unix_nano=START_NS, severity_text="WARN")
    first.body.string_value = "hello"
    first.attributes.add(key="k").value.double_value = 1.5
    records.add(observed_time_unix_nano=START_NS).body.string_value = "no time of its own"
    return Batch.of(Signal.LOGS, request)


def metrics() -> Batch:
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    point = metrics.add(name="gauge").gauge.data_points.add(as_double=0.5)
    point.attributes.add(key="k").value.string_value = "v"
    metrics.add(name="sum").sum.data_points.add(as_int=3)
    metrics.add(name="missing").sum.data_points.add(flags=1)
    metrics.add(name="histogram").histogram.data_points.add(count=2, sum=2.5)
    metrics.add(name="summary").summary.data_points.add(count=4, sum=10)
    metrics.add(name="no data")
    return Batch.of(Signal.METRICS, request)


async def written(batch: Batch, times: int = 1, now_s: float = 0, **config: Any) -> list[EventDict]:
    tested = DebugExporter(DebugConfig.model_validate(config), Host("debug"), now_s=lambda: now_s)
    with capture_logs() as entries:
        for _ in range(times):
            await tested.consume(batch)
    return list(entries)


@pytest.mark.parametrize("signal", list(Signal))
async def test_basic_counts_without_parsing(signal: Signal) -> None:
    (entry,) = await written(Batch(signal, b"not parsed", 3))
    assert entry == {
        "event": signal.value,
        "log_level": "info",
        "component": "debug",
        "project": "default",
        "items": 3,
        "bytes": 10,
    }


async def test_normal_traces() -> None:
    (entry,) = await written(traces(), verbosity="normal")
    assert entry["text"] == snapshot(
        "GET / 01010101010101010101010101010101 0202020202020202"
        " n=0 raw=ff00 nested={a=[True]} empty="
    )


async def test_normal_logs() -> None:
    (entry,) = await written(logs(), verbosity="normal")
    assert entry["text"] == snapshot("""\
2023-11-14T22:13:20.123456789Z WARN hello k=1.5
2023-11-14T22:13:20.123456789Z no time of its own\
""")


async def test_normal_metrics() -> None:
    (entry,) = await written(metrics(), verbosity="normal")
    assert entry["text"] == snapshot("""\
gauge{k=v} 0.5
sum{} 3
missing{} no value
histogram{} count=2 sum=2.5
summary{} count=4 sum=10\
""")


async def test_detailed_traces() -> None:
    (entry,) = await written(traces(), verbosity="detailed")
    assert entry["text"] == snapshot("""\
resource_spans:
  resource:
    attributes: service.name=shop
  scope_spans:
    scope:
      name: lib
    spans:
      trace_id: 01010101010101010101010101010101
      span_id: 0202020202020202
      name: GET /
      kind: SPAN_KIND_SERVER
      start_time_unix_nano: 2023-11-14T22:13:20.123456789Z
      end_time_unix_nano: 2554-07-21T23:34:33.709551615Z
      attributes: n=0
      attributes: raw=ff00
      attributes: nested={a=[True]}
      attributes: empty=
      events:
        time_unix_nano: 2023-11-14T22:13:20.123456789Z
        name: e
      status:
        code: STATUS_CODE_ERROR\
""")


@pytest.mark.parametrize(
    ("config", "lines"),
    [
        ({}, 10),
        ({"sampling_initial": 3, "sampling_thereafter": 0}, 3),
        ({"sampling_initial": 2, "sampling_thereafter": 4}, 4),
        ({"sampling_initial": 0, "sampling_thereafter": 5}, 2),
    ],
    ids=str,
)
async def test_sampling_within_a_second(config: dict[str, int], lines: int) -> None:
    assert len(await written(batch_of(Signal.LOGS), times=10, **config)) == lines


async def test_sampling_begins_anew_each_second() -> None:
    seconds = iter([0.1, 0.5, 0.9, 1.0, 1.1, 5.0])
    config = DebugConfig(sampling_initial=1, sampling_thereafter=0)
    tested = DebugExporter(config, Host("debug"), now_s=lambda: next(seconds))
    with capture_logs() as entries:
        for number in range(6):
            await tested.consume(batch_of(Signal.LOGS, range(number)))
    assert [entry["items"] for entry in entries] == [0, 3, 5]


def test_it_writes_to_the_log_and_nowhere_else() -> None:
    assert DebugConfig.model_validate({"use_internal_logger": True}) == DebugConfig()
    with pytest.raises(ValidationError, match="use the exporter file"):
        DebugConfig.model_validate({"use_internal_logger": False})
