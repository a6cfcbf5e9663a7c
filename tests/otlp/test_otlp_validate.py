"""Bad items are taken out and reported; their neighbours stay as they are."""

from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from otlp_strategies import SPAN_ID, TRACE_ID, trace_request

from belvedere.otlp.signal import Signal
from belvedere.otlp.validate import validate


@pytest.mark.parametrize(
    ("span", "problem"),
    [
        ({"trace_id": b""}, "trace_id has 0 bytes, not 16"),
        ({"trace_id": b"x" * 15}, "trace_id has 15 bytes, not 16"),
        ({"trace_id": b"x" * 17}, "trace_id has 17 bytes, not 16"),
        ({"trace_id": bytes(16)}, "trace_id is all zero"),
        ({"span_id": b""}, "span_id has 0 bytes, not 8"),
        ({"span_id": b"x" * 16}, "span_id has 16 bytes, not 8"),
        ({"span_id": bytes(8)}, "span_id is all zero"),
        ({"parent_span_id": b"x"}, "parent_span_id has 1 bytes, not 8 or none"),
        ({"parent_span_id": b"x" * 9}, "parent_span_id has 9 bytes, not 8 or none"),
    ],
    ids=str,
)
def test_spans_with_invalid_ids_are_rejected(span: dict[str, bytes], problem: str) -> None:
    request = trace_request({"name": "before"}, {"name": "bad", **span}, {"name": "after"})
    findings = validate(Signal.TRACES, request)
    assert request == trace_request({"name": "before"}, {"name": "after"})
    assert (findings.kept, findings.rejected) == (2, 1)
    assert findings.message == f"resource_spans[0].scope_spans[0].spans[1]: {problem}"


@pytest.mark.parametrize("parent", [b"", bytes(8), SPAN_ID], ids=["root", "zero", "id"])
def test_valid_spans_stay(parent: bytes) -> None:
    request = trace_request({"parent_span_id": parent, "kind": 99})
    findings = validate(Signal.TRACES, request)
    assert (findings.kept, findings.rejected, findings.message) == (1, 0, "")


def test_many_bad_spans_are_counted_and_a_few_described() -> None:
    good, bad = {"name": "good"}, {"trace_id": b"bad"}
    request = trace_request(*[good, bad] * 20_000)
    findings = validate(Signal.TRACES, request)
    assert request == trace_request(*[good] * 20_000)
    assert (findings.kept, findings.rejected) == (20_000, 20_000)
    assert findings.message.count("spans[") == 5 * 3
    assert findings.message.endswith("; and more")


def logs(*records: dict[str, Any]) -> ExportLogsServiceRequest:
    return ExportLogsServiceRequest(
        resource_logs=[{"scope_logs": [{"log_records": list(records)}]}]
    )


@pytest.mark.parametrize(
    ("ids", "kept", "repaired"),
    [
        ({}, {}, 0),
        ({"trace_id": TRACE_ID, "span_id": SPAN_ID}, {"trace_id": TRACE_ID, "span_id": SPAN_ID}, 0),
        ({"trace_id": b"short", "span_id": SPAN_ID}, {"span_id": SPAN_ID}, 1),
        ({"trace_id": TRACE_ID, "span_id": b"x"}, {"trace_id": TRACE_ID}, 1),
        ({"trace_id": bytes(16), "span_id": bytes(8)}, {}, 0),
    ],
    ids=["none", "valid", "bad trace_id", "bad span_id", "all zero"],
)
def test_log_records_lose_invalid_ids_only(
    ids: dict[str, bytes], kept: dict[str, bytes], repaired: int
) -> None:
    request = logs({"severity_text": "a", **ids}, {"severity_text": "b"})
    findings = validate(Signal.LOGS, request)
    assert request == logs({"severity_text": "a", **kept}, {"severity_text": "b"})
    assert (findings.kept, findings.rejected, findings.repaired) == (2, 0, repaired)
    assert bool(findings.message) == bool(repaired)


def metrics(*each: dict[str, Any]) -> ExportMetricsServiceRequest:
    return ExportMetricsServiceRequest(
        resource_metrics=[{"scope_metrics": [{"metrics": list(each)}]}]
    )


GAUGE = {"name": "g", "gauge": {"data_points": [{"as_int": 1}, {"as_double": 2}]}}


def histogram(*points: tuple[int, int]) -> dict[str, Any]:
    """Data points of so many buckets and bounds."""
    return {
        "name": "h",
        "histogram": {
            "data_points": [
                {"bucket_counts": [1] * buckets, "explicit_bounds": range(bounds)}
                for buckets, bounds in points
            ]
        },
    }


@pytest.mark.parametrize(
    ("bad", "rejected", "problem"),
    [
        ({"gauge": {"data_points": [{}, {}, {}]}}, 3, "metric has no name"),
        ({"name": "empty"}, 0, "metric 'empty' has no data"),
        ({}, 0, "metric '' has no data"),
    ],
    ids=["no name", "no data", "nothing"],
)
def test_metrics_without_name_or_data_are_rejected(
    bad: dict[str, Any], rejected: int, problem: str
) -> None:
    request = metrics(GAUGE, bad, GAUGE)
    findings = validate(Signal.METRICS, request)
    assert request == metrics(GAUGE, GAUGE)
    assert (findings.kept, findings.rejected) == (4, rejected)
    assert findings.message == f"resource_metrics[0].scope_metrics[0].metrics[1]: {problem}"


@pytest.mark.parametrize("kind", ["gauge", "sum", "histogram", "exponential_histogram", "summary"])
def test_points_of_all_kinds_count(kind: str) -> None:
    request = metrics({"name": "m", kind: {"data_points": [{"time_unix_nano": 1}] * 3}})
    assert validate(Signal.METRICS, request).kept == 3


def test_histograms_need_one_bound_less_than_buckets() -> None:
    request = metrics(histogram((3, 2), (3, 3), (1, 0), (0, 0), (2, 0)), GAUGE)
    findings = validate(Signal.METRICS, request)
    assert request == metrics(histogram((3, 2), (1, 0), (0, 0)), GAUGE)
    assert (findings.kept, findings.rejected) == (5, 2)
    assert "metrics[0] 'h'.data_points[1]: 3 bucket_counts need 2 explicit_bounds" in (
        findings.message
    )


def test_bounds_of_no_buckets_are_dropped() -> None:
    request = metrics(histogram((0, 4)))
    findings = validate(Signal.METRICS, request)
    assert request == metrics(histogram((0, 0)))
    assert (findings.kept, findings.message) == (1, "")


@pytest.mark.parametrize("signal", Signal)
def test_an_empty_request_is_valid(signal: Signal) -> None:
    findings = validate(signal, signal.request_type())
    assert (findings.kept, findings.rejected, findings.message) == (0, 0, "")
