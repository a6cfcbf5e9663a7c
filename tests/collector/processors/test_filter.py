"""`filter`: what is dropped, what goes with it, and what is counted."""

from dataclasses import replace
from typing import Any

import pytest
from collector_samples import Recorder, batch_of, numbers_in
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import ValidationError

from belvedere.collector.component import Host
from belvedere.collector.errors import Permanent
from belvedere.collector.processors.filter import FilterProcessor
from belvedere.internal_telemetry import REGISTRY
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal


async def filtered(batch: Batch, **config: Any) -> Batch | None:
    recorder = Recorder()
    processor = FilterProcessor(
        FilterProcessor.Config.model_validate(config), Host("filter/test"), recorder
    )
    await processor.start()
    await processor.consume(batch)
    await processor.shutdown()
    return recorder.batches[0] if recorder.batches else None


def traces() -> Batch:
    request = ExportTraceServiceRequest()
    for service in ("cart", "shop"):
        resource = request.resource_spans.add()
        resource.resource.attributes.add(key="service.name").value.string_value = service
        for library in ("http", "sql"):
            scope = resource.scope_spans.add()
            scope.scope.name = library
            for number in (1, 2):
                span = scope.spans.add(name=f"{service} {library} {number}", kind=number)
                span.events.add(name="first")
                span.events.add(name="second")
    return Batch.of(Signal.TRACES, request, project="p")


def metrics() -> Batch:
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    for name in ("a", "b"):
        metric = scope.metrics.add(name=name)
        for host in ("x", "y"):
            point = metric.gauge.data_points.add(as_int=1)
            point.attributes.add(key=f"{name}_host").value.string_value = host
    return Batch.of(Signal.METRICS, request)


def spans_in(batch: Batch | None) -> list[str]:
    message: Any = batch.message if batch else ExportTraceServiceRequest()
    assert all(scope.spans for resource in message.resource_spans for scope in resource.scope_spans)
    assert all(resource.scope_spans for resource in message.resource_spans)
    return [
        span.name
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


EVERYTHING = [
    f"{service} {library} {number}"
    for service in ("cart", "shop")
    for library in ("http", "sql")
    for number in (1, 2)
]


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ({"traces": {"span": ["kind == 1"]}}, lambda name: name.endswith("2")),
        ({"trace_conditions": ["span.kind == 1"]}, lambda name: name.endswith("2")),
        (
            {"traces": {"span": ['resource.attributes["service.name"] == "cart"', "kind == 2"]}},
            lambda name: name in {"shop http 1", "shop sql 1"},
        ),
        (
            {"traces": {"resource": ['attributes["service.name"] == "cart"']}},
            lambda name: name.startswith("shop"),
        ),
        (
            {"trace_conditions": ['resource.attributes["service.name"] == "cart"']},
            lambda name: name.startswith("shop"),
        ),
        ({"trace_conditions": ['scope.name == "sql"']}, lambda name: "http" in name),
        (
            {
                "trace_conditions": [
                    {"context": "span", "conditions": ["kind == 1", "IsRootSpan() and kind == 2"]}
                ]
            },
            lambda _: False,
        ),
        (
            {
                "trace_conditions": [
                    {"conditions": ['scope.name == "sql"', 'IsMatch(span.name, "1$")']}
                ]
            },
            lambda name: name.endswith("http 2"),
        ),
        ({"trace_conditions": ["false"]}, lambda _: True),
        ({}, lambda _: True),
    ],
)
async def test_spans_are_dropped(config: Any, kept: Any) -> None:
    batch = traces()
    result = await filtered(batch, **config)
    assert spans_in(result) == [name for name in EVERYTHING if kept(name)]
    if result is not None:
        assert result.project == "p"
        assert (result is batch) is (result.items == batch.items)


async def test_a_span_stays_without_its_events() -> None:
    result = await filtered(traces(), traces={"spanevent": ["true"]})
    assert spans_in(result) == EVERYTHING
    message: Any = result.message if result else None
    assert not message.resource_spans[0].scope_spans[0].spans[0].events
    result = await filtered(traces(), trace_conditions=['spanevent.name == "first"'])
    message = result.message if result else None
    assert [event.name for event in message.resource_spans[0].scope_spans[0].spans[0].events] == [
        "second"
    ]


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ({"metrics": {"metric": ['name == "a"']}}, {"b": 2}),
        ({"metrics": {"datapoint": ['attributes["a_host"] == "x"']}}, {"a": 1, "b": 2}),
        ({"metrics": {"datapoint": ['attributes["a_host"] != nil']}}, {"b": 2}),
        ({"metrics": {"metric": ['HasAttrKeyOnDatapoint("b_host")']}}, {"a": 2}),
        ({"metrics": {"metric": ['HasAttrOnDatapoint("b_host", "y")']}}, {"a": 2}),
        ({"metrics": {"metric": ['HasAttrOnDatapoint("b_host", "z")']}}, {"a": 2, "b": 2}),
        (
            {"metric_conditions": ['metric.name == "a"', 'datapoint.attributes["b_host"] == "x"']},
            {"b": 1},
        ),
        ({"metric_conditions": ["metric.type == METRIC_DATA_TYPE_GAUGE"]}, {}),
    ],
)
async def test_metrics_are_dropped(config: Any, kept: dict[str, int]) -> None:
    result = await filtered(metrics(), **config)
    message: Any = result.message if result else ExportMetricsServiceRequest()
    found = {
        metric.name: len(metric.gauge.data_points)
        for resource in message.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert found == kept


@pytest.mark.parametrize(
    "config",
    [
        {"logs": {"log_record": ["body >= 2"]}},
        {"log_conditions": ["log.body >= 2"]},
        {"log_conditions": [{"context": "log", "conditions": ["body == 2", "body == 3"]}]},
    ],
)
async def test_logs_are_dropped(config: Any) -> None:
    result = await filtered(batch_of(Signal.LOGS, [1, 2, 3]), **config)
    assert result is not None
    assert numbers_in(result) == [1]


@pytest.mark.parametrize(
    ("signal", "items", "condition"),
    [
        (Signal.TRACES, "spans", {"trace_conditions": ['span.name != "1"']}),
        (Signal.METRICS, "datapoints", {"metric_conditions": ["datapoint.value_int != 1"]}),
        (Signal.LOGS, "logs", {"log_conditions": ["log.body != 1"]}),
    ],
)
async def test_what_is_dropped_is_counted(signal: Signal, items: str, condition: Any) -> None:
    name = f"otelcol_processor_filter_{items}_filtered_total"

    def counted() -> float:
        return REGISTRY.get_sample_value(name, {"filter": "filter/test"}) or 0

    before = counted()
    await filtered(batch_of(signal, [1, 2, 3]), **condition)
    assert counted() - before == 2


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=30), st.integers(0, 9))
async def test_items_are_dropped_or_kept(numbers: list[int], limit: int) -> None:
    result = await filtered(batch_of(Signal.LOGS, numbers), log_conditions=[f"log.body < {limit}"])
    kept = [number for number in numbers if number >= limit]
    assert (numbers_in(result) if result else []) == kept


MATCH_CART = {"match_type": "strict", "services": ["cart"]}


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ({"include": MATCH_CART}, [name for name in EVERYTHING if "cart" in name]),
        ({"exclude": MATCH_CART}, [name for name in EVERYTHING if "shop" in name]),
        (
            {
                "include": {"match_type": "regexp", "span_names": ["1$"]},
                "exclude": {
                    "match_type": "strict",
                    "services": ["shop"],
                    "libraries": [{"name": "sql"}],
                },
            },
            ["cart http 1", "cart sql 1", "shop http 1"],
        ),
    ],
    ids=["include", "exclude", "both"],
)
async def test_older_form_of_spans(config: dict[str, Any], kept: list[str]) -> None:
    assert spans_in(await filtered(traces(), spans=config)) == kept


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ({"include": {"match_type": "strict", "metric_names": ["ab"]}}, ["1 ab", "2 ab"]),
        ({"exclude": {"match_type": "regexp", "metric_names": ["^a"]}}, ["1 b", "2 b"]),
        (
            {
                "include": {"match_type": "regexp", "metric_names": ["b"]},
                "exclude": {
                    "match_type": "strict",
                    "resource_attributes": [{"key": "host", "value": "2"}],
                },
            },
            ["1 ab", "1 b"],
        ),
        (
            {
                "include": {
                    "match_type": "strict",
                    "metric_names": ["b"],
                    "resource_attributes": [{"key": "host", "value": "1"}],
                }
            },
            ["1 b"],
        ),
        (
            {
                "exclude": {
                    "match_type": "strict",
                    "metric_names": ["b"],
                    "resource_attributes": [{"key": "host", "value": "1"}],
                }
            },
            ["2 ab"],
        ),
        ({"include": {"match_type": "strict"}}, ["1 ab", "1 b", "2 ab", "2 b"]),
    ],
    ids=["names", "expressions", "resources", "include both", "exclude either", "nothing"],
)
async def test_older_form_of_metrics(config: dict[str, Any], kept: list[str]) -> None:
    request = ExportMetricsServiceRequest()
    for host in ("1", "2"):
        resource = request.resource_metrics.add()
        resource.resource.attributes.add(key="host").value.string_value = host
        scope = resource.scope_metrics.add()
        for name in ("ab", "b"):
            scope.metrics.add(name=name).gauge.data_points.add(as_int=1)
    result = await filtered(Batch.of(Signal.METRICS, request), metrics=config)
    message: Any = result.message if result else ExportMetricsServiceRequest()
    assert [
        f"{resource.resource.attributes[0].value.string_value} {metric.name}"
        for resource in message.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    ] == kept


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ({"exclude": {"match_type": "strict", "bodies": ["a"]}}, ["b", "c"]),
        ({"include": {"match_type": "regexp", "bodies": ["[ab]"]}}, ["a", "b"]),
        (
            {"include": {"match_type": "strict", "severity_number": {"min": "INFO2"}}},
            ["b"],
        ),
        (
            {
                "include": {
                    "match_type": "strict",
                    "severity_number": {"min": "ERROR", "match_undefined": True},
                }
            },
            ["c"],
        ),
        ({"exclude": {"match_type": "strict", "severity_texts": ["I2"]}}, ["a", "c"]),
        ({"include": {"severity_number": {"min": "info2"}}}, ["b"]),
        ({"include": {}}, ["a", "b", "c"]),
        ({"exclude": {}, "include": {"match_type": "strict"}}, ["a", "b", "c"]),
        (
            {
                "include": {
                    "match_type": "strict",
                    "resource_attributes": [{"key": "host", "value": "h"}],
                    "record_attributes": [{"key": "n", "value": "1"}],
                }
            },
            ["b"],
        ),
    ],
    ids=[
        "body",
        "expression",
        "severity",
        "undefined severity",
        "severity text",
        "severity without match_type",
        "empty",
        "both empty",
        "attributes",
    ],
)
async def test_older_form_of_logs(config: dict[str, Any], kept: list[str]) -> None:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.add(key="host").value.string_value = "h"
    scope = resource.scope_logs.add()
    for number, (body, severity) in enumerate({"a": 9, "b": 10, "c": 0}.items()):
        record = scope.log_records.add(severity_number=severity, severity_text=f"I{number + 1}")
        record.body.string_value = body
        record.attributes.add(key="n").value.string_value = str(number)
    result = await filtered(Batch.of(Signal.LOGS, request), logs=config)
    message: Any = result.message if result else ExportLogsServiceRequest()
    assert [
        record.body.string_value
        for each in message.resource_logs
        for scope in each.scope_logs
        for record in scope.log_records
    ] == kept


async def test_metrics_left_without_points_are_dropped() -> None:
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    scope.metrics.add(name="came without").gauge.SetInParent()
    scope.metrics.add(name="loses all").gauge.data_points.add(as_int=1)
    kept = scope.metrics.add(name="keeps")
    for number in (1, 2):
        kept.gauge.data_points.add(as_int=number)
    scope.metrics.add(name="of no type")
    result = await filtered(
        Batch.of(Signal.METRICS, request), metric_conditions=["datapoint.value_int == 1"]
    )
    assert result is not None
    message: Any = result.message
    (resource,) = message.resource_metrics
    assert [metric.name for metric in resource.scope_metrics[0].metrics] == ["keeps", "of no type"]


FAILS = 'HasPrefix(log.attributes["none"], "x")'


async def test_a_condition_that_fails() -> None:
    batch = batch_of(Signal.LOGS, [1, 2])
    with pytest.raises(Permanent, match="filter/test: a condition failed: a string is expected"):
        await filtered(batch, error_mode="propagate", log_conditions=[FAILS])
    for mode in ({}, {"error_mode": "ignore"}, {"error_mode": "silent"}):
        result = await filtered(batch, **mode, log_conditions=[FAILS, "log.body == 1"])
        assert result is not None
        assert numbers_in(result) == [2]
    grouped = [{"error_mode": "silent", "conditions": [FAILS]}]
    assert await filtered(batch, error_mode="propagate", log_conditions=grouped) is batch


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"traces": {"span": ["nam == 1"]}}, "1:1: a span has no `nam`"),
        ({"trace_conditions": ["name == 1"]}, "`name` does not say of what"),
        ({"trace_conditions": ["log.body == 1"]}, "trace_conditions"),
        ({"trace_conditions": [{"context": "log"}]}, None),
        (
            {"trace_conditions": [{"context": "log", "conditions": ["true"]}]},
            "traces have no context 'log'; there are resource, scope, span, spanevent",
        ),
        ({"metrics": {"include": {"match_type": "expr"}}}, "write what is to be dropped as OTTL"),
        (
            {"metrics": {"include": {"match_type": "strict"}, "metric": ["true"]}},
            "include and the OTTL conditions of metric exclude each other",
        ),
        (
            {"logs": {"exclude": {"bodies": ["a"]}}},
            "logs.exclude\n  Value error, missing match_type",
        ),
        ({"metrics": {"include": {"metric_names": ["a"]}}}, "missing match_type"),
        (
            {"metrics": {"include": {"match_type": "regexp", "metric_names": ["a("]}}},
            "metrics.include\n  Value error, 'a(' is no regular expression",
        ),
        (
            {
                "metrics": {
                    "exclude": {
                        "match_type": "regexp",
                        "resource_attributes": [{"key": "a", "value": "("}],
                    }
                }
            },
            "metrics.exclude\n  Value error, '(' is no regular expression",
        ),
        ({"logs": {"exclude": {"match_type": "regexp", "bodies": ["("]}}}, "missing"),
        ({"spans": {"include": {}}}, "spans"),
        ({"spans": {"include": {"match_type": "strict", "metric_names": ["a"]}}}, "do not have"),
        (
            {"spans": {"include": MATCH_CART}, "traces": {"span": ["true"]}},
            "spans is the older form of traces",
        ),
        ({"logs": {"log_record": ['HasAttrOnDatapoint("a", "b")']}}, "works on a metric"),
    ],
)
def test_what_cannot_be_compiled_is_refused_at_start(config: Any, message: str | None) -> None:
    if message is None:
        FilterProcessor.Config.model_validate(config)
        return
    with pytest.raises(ValidationError) as caught:
        FilterProcessor.Config.model_validate(config)
    assert message in str(caught.value)


@pytest.mark.parametrize(("tenant", "kept"), [("acme", False), ("other", True)])
async def test_conditions_on_the_request(tenant: str, kept: bool) -> None:  # noqa: FBT001 - a table
    batch = replace(batch_of(Signal.LOGS, [1]), metadata={"x-tenant": (tenant,)})
    condition = 'otelcol.client.metadata["X-Tenant"][0] == "acme"'
    assert (await filtered(batch, log_conditions=[condition]) is batch) is kept
