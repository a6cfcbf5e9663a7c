"""Batches in pieces."""

from typing import Any

import pytest
from collector_samples import batch_of, numbers_in
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from belvedere.collector.processors.split import split, split_by_bytes
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal

KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")


def nested_traces(shape: list[list[int]]) -> Batch:
    """Spans numbered throughout; `shape`: resources of scopes of so many spans."""
    request, number = ExportTraceServiceRequest(), 0
    for r, scopes in enumerate(shape):
        resource = request.resource_spans.add(schema_url=f"resource {r}")
        resource.resource.attributes.add(key="r").value.int_value = r
        for s, spans in enumerate(scopes):
            scope = resource.scope_spans.add(schema_url=f"scope {r} {s}")
            scope.scope.name = f"{r} {s}"
            for _ in range(spans):
                scope.spans.add(name=str(number), trace_state=f"{r} {s}")
                number += 1
    return Batch.of(Signal.TRACES, request, project="p", metadata={"k": ("v",)})


def metrics(counts: list[int]) -> Batch:
    """Metrics of all types in turn, each with so many data points, numbered by start time."""
    request, number = ExportMetricsServiceRequest(), 0
    scope = request.resource_metrics.add().scope_metrics.add()
    for index, count in enumerate(counts):
        metric = scope.metrics.add(name=str(index), unit="s", description="d")
        kind = KINDS[index % len(KINDS)]
        data = getattr(metric, kind)
        data.SetInParent()
        if hasattr(data, "aggregation_temporality"):
            data.aggregation_temporality = 2
        for _ in range(count):
            data.data_points.add(start_time_unix_nano=number)
            number += 1
    return Batch.of(Signal.METRICS, request)


def points_in(batch: Batch) -> list[tuple[str, int]]:
    message: Any = batch.message
    return [
        (metric.name, point.start_time_unix_nano)
        for metric in message.resource_metrics[0].scope_metrics[0].metrics
        for point in getattr(metric, metric.WhichOneof("data")).data_points
    ]


@pytest.mark.parametrize("signal", list(Signal))
def test_a_small_batch_stays_as_it_is(signal: Signal) -> None:
    batch = Batch(signal, b"not even parsed", 3)
    assert list(split(batch, 3)) == [batch]


@pytest.mark.parametrize("signal", list(Signal))
def test_pieces_are_full_and_in_order(signal: Signal) -> None:
    pieces = list(split(batch_of(signal, range(10)), 4))
    assert [piece.items for piece in pieces] == [4, 4, 2]
    assert [numbers_in(piece) for piece in pieces] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.integers(0, 5), max_size=3), max_size=4),
    st.integers(1, 8),
)
def test_spans_keep_their_number_resource_and_scope(shape: list[list[int]], maximum: int) -> None:
    batch = nested_traces(shape)
    pieces = list(split(batch, maximum))
    assert [number for piece in pieces for number in numbers_in(piece)] == numbers_in(batch)
    assert all(piece.items <= maximum for piece in pieces)
    assert {(piece.project, piece.metadata["k"]) for piece in pieces} <= {("p", ("v",))}
    for piece in pieces:
        message: Any = piece.message
        for resource in message.resource_spans:
            r = resource.resource.attributes[0].value.int_value
            assert resource.schema_url == f"resource {r}"
            for scope in resource.scope_spans:
                assert scope.schema_url == f"scope {scope.scope.name}"
                assert {span.trace_state for span in scope.spans} <= {scope.scope.name}
                assert scope.scope.name.startswith(f"{r} ")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.integers(1, 7))
def test_data_points_keep_their_number_and_metric(counts: list[int], maximum: int) -> None:
    batch = metrics(counts)
    pieces = list(split(batch, maximum))
    assert [point for piece in pieces for point in points_in(piece)] == points_in(batch)
    assert all(piece.items <= maximum for piece in pieces)
    for piece in pieces:
        message: Any = piece.message
        for metric in message.resource_metrics[0].scope_metrics[0].metrics:
            assert (metric.unit, metric.description) == ("s", "d")
            kind = KINDS[int(metric.name) % len(KINDS)]
            assert metric.WhichOneof("data") == kind
            temporality = getattr(getattr(metric, kind), "aggregation_temporality", 2)
            assert temporality == 2


def test_a_metric_without_points_is_not_lost() -> None:
    pieces = list(split(metrics([3, 0]), 2))
    message: Any = pieces[-1].message
    names = [metric.name for metric in message.resource_metrics[0].scope_metrics[0].metrics]
    assert names == ["0", "1"]


def test_a_resource_that_is_not_set_stays_so() -> None:
    message: Any = next(split(batch_of(Signal.TRACES, range(3)), 2)).message
    assert not message.resource_spans[0].HasField("resource")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=30), st.integers(1, 500))
def test_bytes_bound_pieces_but_for_an_item_that_is_larger_alone(
    sizes: list[int], maximum: int
) -> None:
    request = Signal.LOGS.request_type()
    scope = request.resource_logs.add().scope_logs.add()
    for number, size in enumerate(sizes):
        scope.log_records.add(time_unix_nano=number + 1).body.string_value = "x" * size
    batch = Batch.of(Signal.LOGS, request)
    pieces = list(split_by_bytes(batch, maximum))
    times = [
        record.time_unix_nano
        for piece in pieces
        for record in piece.message.resource_logs[0].scope_logs[0].log_records  # type: ignore[union-attr]
    ]
    assert times == list(range(1, len(sizes) + 1))
    assert all(len(piece.data) <= maximum or piece.items == 1 for piece in pieces)
