"""`transform`: which statements run on what, and what leaves the processor."""

from typing import Any

import pytest
from collector_samples import Recorder, batch_of
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import ValidationError

from belvedere.collector.component import Host
from belvedere.collector.errors import Permanent
from belvedere.collector.processors.transform import TransformProcessor
from belvedere.otlp.any_value import text_of
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal


def spans_of_two_services() -> Batch:
    request = ExportTraceServiceRequest()
    for service in ("cart", "shop"):
        resource = request.resource_spans.add()
        resource.resource.attributes.add(key="service.name").value.string_value = service
        scope = resource.scope_spans.add()
        for number in (1, 2):
            span = scope.spans.add(name=f"{service} {number}", kind=number)
            span.events.add(name=f"event {number}")
    return Batch.of(Signal.TRACES, request, project="p", metadata={"h": ("v",)})


async def transformed(batch: Batch, **config: Any) -> Batch:
    recorder = Recorder()
    processor = TransformProcessor(
        TransformProcessor.Config.model_validate(config), Host("transform"), recorder
    )
    await processor.start()
    await processor.consume(batch)
    await processor.shutdown()
    (result,) = recorder.batches
    return result


def attributes(batch: Batch) -> list[dict[str, str]]:
    """Of each span, in order, as text."""
    return [
        {pair.key: text_of(pair.value) for pair in span.attributes}
        for resource in batch.message.resource_spans  # type: ignore[union-attr]
        for scope in resource.scope_spans
        for span in scope.spans
    ]


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(['set(span.attributes["s"], resource.attributes["service.name"])'], id="flat"),
        pytest.param(
            [
                {
                    "context": "span",
                    "statements": ['set(attributes["s"], resource.attributes["service.name"])'],
                }
            ],
            id="context",
        ),
        pytest.param(
            [{"statements": ['set(span.attributes["s"], resource.attributes["service.name"])']}],
            id="inferred group",
        ),
        pytest.param(
            [
                {"context": "resource", "statements": ['set(attributes["n"], "x")']},
                'set(span.attributes["s"], resource.attributes["service.name"])',
            ][1:],
            id="one of two",
        ),
    ],
)
async def test_statements_run_on_each_span(statements: list[Any]) -> None:
    result = await transformed(spans_of_two_services(), trace_statements=statements)
    assert attributes(result) == [{"s": "cart"}] * 2 + [{"s": "shop"}] * 2
    assert (result.project, result.metadata, result.items) == ("p", {"h": ("v",)}, 4)


async def test_statements_run_in_order_with_a_cache_of_each_record() -> None:
    result = await transformed(
        spans_of_two_services(),
        trace_statements=[
            'set(span.attributes["before"], span.cache["kind"])',
            'set(span.cache["kind"], span.kind) where span.kind == 1',
            'set(span.attributes["kind"], span.cache["kind"])',
        ],
    )
    assert attributes(result) == [{"kind": "1"}, {}] * 2


async def test_conditions_of_a_group_are_ored() -> None:
    result = await transformed(
        spans_of_two_services(),
        trace_statements=[
            {
                "conditions": ['span.name == "cart 1"', 'span.name == "shop 2"'],
                "statements": ['set(span.attributes["x"], "y")'],
            }
        ],
    )
    assert attributes(result) == [{"x": "y"}, {}, {}, {"x": "y"}]


async def test_contexts_of_traces() -> None:
    result = await transformed(
        spans_of_two_services(),
        trace_statements=[
            {"context": "resource", "statements": ['set(schema_url, "r")']},
            {"context": "scope", "statements": ['set(name, "s")']},
            {"context": "spanevent", "statements": ["set(name, span.name)"]},
        ],
    )
    resource = result.message.resource_spans[1]  # type: ignore[union-attr]
    assert resource.schema_url == "r"
    assert resource.scope_spans[0].scope.name == "s"
    assert resource.scope_spans[0].spans[1].events[0].name == "shop 2"


async def test_plain_statements_without_a_common_context_run_one_by_one() -> None:
    batch = batch_of(Signal.METRICS, [1])
    result = await transformed(
        batch,
        metric_statements=[
            'convert_gauge_to_sum("delta", true) where metric.name == "m"',
            "set(datapoint.flags, 1)",
        ],
    )
    (metric,) = result.message.resource_metrics[0].scope_metrics[0].metrics  # type: ignore[union-attr]
    assert metric.sum.is_monotonic
    assert metric.sum.data_points[0].flags == 1


@pytest.mark.parametrize("signal", Signal)
async def test_what_nothing_touches_keeps_its_bytes(signal: Signal) -> None:
    batch = batch_of(signal, [1, 2])
    result = await transformed(
        batch,
        trace_statements=['set(span.name, "x") where span.name == "none"'],
        metric_statements=['delete_key(datapoint.attributes, "none")'],
        log_statements=['set(log.body, log.attributes["none"])'],
    )
    assert result is batch


async def test_a_shared_message_is_never_changed() -> None:
    batch = spans_of_two_services()
    before = batch.message.SerializeToString()
    result = await transformed(batch, trace_statements=['set(span.name, "x")'])
    assert batch.message.SerializeToString() == before == batch.data
    assert result.data != before


FAILS = 'set(span.attributes["x"], Int("1") + span.name)'
WORKS = 'set(span.attributes["y"], "z")'


@pytest.mark.parametrize("mode", ["ignore", "silent"])
async def test_a_statement_that_fails_is_skipped(mode: str) -> None:
    result = await transformed(
        spans_of_two_services(), error_mode=mode, trace_statements=[FAILS, WORKS]
    )
    assert attributes(result) == [{"y": "z"}] * 4


async def test_a_failure_can_refuse_the_batch() -> None:
    for config in (
        {"error_mode": "propagate", "trace_statements": [FAILS]},
        {"trace_statements": [{"error_mode": "propagate", "statements": [FAILS]}]},
    ):
        with pytest.raises(Permanent, match=r"transform: a statement failed: an int . a string"):
            await transformed(spans_of_two_services(), **config)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"trace_statements": ["set(span.nam, 1)"]}, "1:5: a span has no `nam`"),
        ({"trace_statements": ['set(name, "x")']}, "`name` does not say of what"),
        ({"log_statements": ["set(span.name, 1)"]}, "log_statements"),
        (
            {"trace_statements": ["set(span.kind, 1)", {"statements": []}]},
            "write all statements plainly, or all in groups",
        ),
        (
            {"metric_statements": [{"context": "span", "statements": []}]},
            "metrics have no context 'span'; there are resource, scope, metric, datapoint",
        ),
        (
            {"metric_statements": [{"context": "exemplar", "statements": []}]},
            "statements on exemplars are not supported",
        ),
        (
            {
                "metric_statements": [
                    {"statements": ["convert_sum_to_gauge()", "set(datapoint.flags, 1)"]}
                ]
            },
            "no context has all of convert_sum_to_gauge, datapoint, set",
        ),
        (
            {"metric_statements": ["extract_percentile_metric(50.0)"]},
            "there is no editor `extract_percentile_metric`",
        ),
        (
            {"trace_statements": [{"conditions": ["span.kind ="], "statements": []}]},
            "a single = does not compare",
        ),
        ({"error_mode": "panic"}, "error_mode"),
    ],
)
def test_what_cannot_be_compiled_is_refused_at_start(config: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TransformProcessor.Config.model_validate(config)
    assert message in str(caught.value)


async def test_headers_of_the_request_become_attributes() -> None:
    text = 'set(span.attributes["h"], otelcol.client.metadata["H"][0])'
    result = await transformed(spans_of_two_services(), trace_statements=[text])
    assert attributes(result) == [{"h": "v"}] * 4
