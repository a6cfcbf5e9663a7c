"""`span_metrics`: what is counted and observed, under which names, and when it is forgotten."""

from typing import Any

import pytest
from connector_samples import Made, points_in, series_of
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from pydantic import ValidationError
from telemetry_samples import put, resources_of, span, traces

from belvedere.collector.connectors.spanmetrics.config import DELTA, SpanMetricsConfig
from belvedere.collector.connectors.telemetry import DROPPED
from belvedere.collector.errors import Permanent, Retryable
from belvedere.collector.telemetry.instance import INSTANCE_ID
from belvedere.otlp.signal import Signal

MS = 1_000_000
NO_INSTANCE = {"exclude_dimensions": ["collector.instance.id"]}
ONLY_SERVICE = {
    "exclude_dimensions": ["collector.instance.id", "span.name", "span.kind", "status.code"]
}
SHOP = {"service.name": "shop"}


def made(*outcomes: BaseException | None, **config: Any) -> Made:
    return Made("span_metrics", *outcomes, **(ONLY_SERVICE | config))


def lasting(ms: float, attributes: dict[str, Any] | None = None, **fields: Any) -> Any:
    times = {"start_time_unix_nano": 10**18, "end_time_unix_nano": 10**18 + round(ms * MS)}
    return span(attributes, **(times | {"name": "GET /", "kind": Span.SPAN_KIND_SERVER} | fields))


def calls(count: int, attributes: dict[str, Any] | None = None) -> dict[Any, int]:
    return {series_of("traces.span.metrics.calls", SHOP | (attributes or {})): count}


NO_HISTOGRAM = {"histogram": {"disable": True}}


async def test_calls_and_durations_have_the_official_names_and_dimensions() -> None:
    connector = Made("span_metrics")
    failed = lasting(3, status=Status(code=Status.STATUS_CODE_ERROR))
    await connector.connector.consume(traces(lasting(3), lasting(3), failed, resource=SHOP))
    await connector.after(60)
    values = await connector.after(60)
    labels = {
        **SHOP,
        "span.name": "GET /",
        "span.kind": "SPAN_KIND_SERVER",
        "collector.instance.id": INSTANCE_ID,
    }
    for code, count in (("UNSET", 2), ("ERROR", 1)):
        own = labels | {"status.code": f"STATUS_CODE_{code}"}
        assert values[series_of("traces.span.metrics.calls", own)] == count
        duration = values[series_of("traces.span.metrics.duration", own)]
        assert (duration.count, duration.sum) == (count, 3.0 * count)
        assert list(duration.explicit_bounds)[:3] == [2.0, 4.0, 6.0]
        assert list(duration.bucket_counts)[:3] == [0, count, 0]
    (batch,) = connector.recorder.batches
    assert resources_of(batch) == [SHOP]


async def test_a_counter_begins_with_0() -> None:
    connector = made(**NO_HISTOGRAM)
    await connector.connector.consume(traces(lasting(1), resource=SHOP))
    assert await connector.after(60) == calls(0)
    await connector.connector.consume(traces(lasting(1), resource=SHOP))
    assert await connector.after(60) == calls(2)
    ((_, point),) = points_in(connector.recorder.batches[0])
    assert (point.start_time_unix_nano, point.time_unix_nano) == (1000 * 10**9, 1120 * 10**9)


@pytest.mark.parametrize(
    ("config", "attributes", "expected"),
    [
        pytest.param({"dimensions": [{"name": "a"}]}, {"a": "x"}, {"a": "x"}, id="named"),
        pytest.param({"dimensions": [{"name": "a"}]}, {"a": 7}, {"a": 7}, id="typed"),
        pytest.param({"dimensions": [{"name": "a"}]}, {}, {}, id="omitted"),
        pytest.param({"dimensions": [{"name": "a", "default": "d"}]}, {}, {"a": "d"}, id="default"),
        pytest.param({"dimensions": [{"name": "region"}]}, {}, {"region": "eu"}, id="resource"),
        pytest.param(
            {"dimensions": [{"name": "region"}]}, {"region": "us"}, {"region": "us"}, id="span_wins"
        ),
        pytest.param({"calls_dimensions": [{"name": "a"}]}, {"a": "x"}, {"a": "x"}, id="of_calls"),
        pytest.param(
            {"dimensions": [{"glob": "db.*"}]},
            {"db.name": "x", "db.name.y": "z", "other": 1},
            {"db.name": "x"},
            id="glob",
        ),
        pytest.param(
            {"dimension_names": {"service.name": "service"}}, {}, {"service": "shop"}, id="renamed"
        ),
        pytest.param(
            {"enable_metrics_sampling_method": True},
            {},
            {"sampling.method": "counted"},
            id="sampling_method",
        ),
    ],
)
async def test_dimensions(
    config: dict[str, Any], attributes: dict[str, Any], expected: dict[str, Any]
) -> None:
    connector = made(**NO_HISTOGRAM, **config)
    resource = SHOP | {"region": "eu"}
    await connector.connector.consume(traces(lasting(1, attributes), resource=resource))
    ((_, labels),) = await connector.after(60)
    service = {} if "service" in expected else SHOP
    assert dict(labels) == service | expected


async def test_series_differ_by_type_of_a_value_and_by_glob_matches() -> None:
    connector = made(**NO_HISTOGRAM, dimensions=[{"name": "a"}, {"glob": "b.*"}])
    spans = [lasting(1, each) for each in ({"a": 1}, {"a": "1"}, {"b.x": 1}, {"b.y": 1}, {"a": 1})]
    await connector.connector.consume(traces(*spans, resource=SHOP))
    await connector.after(1)
    assert sorted((await connector.after(1)).values()) == [1, 1, 1, 2]


async def test_durations_may_have_dimensions_of_their_own() -> None:
    connector = made(histogram={"dimensions": [{"name": "a"}]}, calls_dimensions=[{"name": "b"}])
    await connector.connector.consume(traces(lasting(1, {"a": "x", "b": "y"}), resource=SHOP))
    assert {name: dict(labels) for name, labels in await connector.after(1)} == {
        "traces.span.metrics.calls": {**SHOP, "b": "y"},
        "traces.span.metrics.duration": {**SHOP, "a": "x"},
    }


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        pytest.param(("lib", "1"), {"name": "lib", "version": "1"}, id="both"),
        pytest.param(("lib", ""), {"name": "lib"}, id="name"),
        pytest.param(("other", "1"), {}, id="another"),
    ],
)
async def test_scopes_as_dimensions(scope: tuple[str, str], expected: dict[str, str]) -> None:
    connector = made(**NO_HISTOGRAM, include_instrumentation_scope=["lib"])
    await connector.connector.consume(traces(lasting(1), resource=SHOP, scope=scope))
    prefixed = {f"span.instrumentation.scope.{key}": value for key, value in expected.items()}
    assert await connector.after(1) == calls(0, prefixed)


@pytest.mark.parametrize(
    ("histogram", "bounds", "total"),
    [
        pytest.param({"unit": "s"}, [0.002, 0.004], 0.003, id="seconds"),
        pytest.param({"explicit": {"buckets": ["1ms", "2500us"]}}, [1.0, 2.5], 3.0, id="ms"),
        pytest.param(
            {"unit": "s", "explicit": {"buckets": ["1ms", "3s"]}}, [0.001, 3.0], 0.003, id="s"
        ),
    ],
)
async def test_buckets(histogram: dict[str, Any], bounds: list[float], total: float) -> None:
    connector = made(histogram=histogram)
    await connector.connector.consume(traces(lasting(3), resource=SHOP))
    point = (await connector.after(1))[series_of("traces.span.metrics.duration", SHOP)]
    assert (list(point.explicit_bounds)[: len(bounds)], point.sum) == (bounds, total)
    metric = connector.recorder.batches[0].message.resource_metrics[0].scope_metrics[0].metrics[1]  # type: ignore[union-attr] # metrics
    assert metric.unit == histogram.get("unit", "ms")


async def test_exponential_buckets() -> None:
    connector = made(histogram={"exponential": {"max_size": 4}})
    spans = [lasting(ms) for ms in (1, 2, 4, 0)]
    await connector.connector.consume(traces(*spans, resource=SHOP))
    point = (await connector.after(1))[series_of("traces.span.metrics.duration", SHOP)]
    assert (point.count, point.sum, point.zero_count, point.min, point.max) == (4, 7, 1, 0, 4)
    assert (point.scale, point.positive.offset) == (0, -1)
    assert list(point.positive.bucket_counts) == [1, 1, 1]


async def test_a_span_that_ends_before_it_starts_lasts_0() -> None:
    connector = made()
    await connector.connector.consume(traces(lasting(-5), resource=SHOP))
    point = (await connector.after(1))[series_of("traces.span.metrics.duration", SHOP)]
    assert (point.count, point.sum) == (1, 0)


async def test_spans_without_a_service_are_counted_as_dropped() -> None:
    connector = made()
    dropped = DROPPED[Signal.TRACES].labels("span_metrics", "no_service_name")
    before = dropped._value.get()
    await connector.connector.consume(traces(lasting(1), lasting(1)))
    assert await connector.after(1) == {}
    assert dropped._value.get() - before == 2


async def test_delta_points_follow_one_another() -> None:
    connector = made(aggregation_temporality=DELTA, **NO_HISTOGRAM)
    intervals = []
    for seconds in (10, 20, 30):
        await connector.connector.consume(traces(lasting(1), lasting(1), resource=SHOP))
        assert await connector.after(seconds) == calls(2)
        ((_, point),) = points_in(connector.recorder.batches[0])
        intervals.append((point.start_time_unix_nano / 1e9, point.time_unix_nano / 1e9))
    assert intervals == [(1000, 1010), (1010, 1030), (1030, 1060)]
    assert await connector.after(10) == {}


async def test_delta_series_beyond_the_timestamp_cache_begin_anew() -> None:
    connector = made(
        aggregation_temporality=DELTA,
        metric_timestamp_cache_size=1,
        dimensions=[{"name": "a"}],
        **NO_HISTOGRAM,
    )
    for _ in range(2):
        await connector.connector.consume(traces({"a": 1}, {"a": 2}, resource=SHOP))
        await connector.after(10)
    starts = [
        point.start_time_unix_nano // 10**9 for _, point in points_in(connector.recorder.batches[0])
    ]
    assert starts == [1010, 1010]  # as they are first seen then; in the cache is the other one


async def test_the_limit_of_series_has_one_for_all_others() -> None:
    connector = made(aggregation_cardinality_limit=2, dimensions=[{"name": "a"}], **NO_HISTOGRAM)
    for _ in range(2):
        spans = [{"a": number} for number in range(5)]
        await connector.connector.consume(traces(*spans, resource=SHOP))
        values = await connector.after(1)
    overflow = series_of("traces.span.metrics.calls", {"otel.metric.overflow": True})
    assert values == calls(2, {"a": 0}) | calls(2, {"a": 1}) | {overflow: 6}


async def test_exemplars_are_of_one_flush_and_not_too_many() -> None:
    connector = made(exemplars={"enabled": True, "max_per_data_point": 2})
    await connector.connector.consume(traces(*[lasting(3)] * 3, resource=SHOP))
    await connector.after(1)
    for _, point in points_in(connector.recorder.batches[0]):
        assert [(each.trace_id, each.span_id, each.as_double) for each in point.exemplars] == [
            (b"t" * 16, b"s" * 8, 3.0)
        ] * 2
        assert point.exemplars[0].time_unix_nano == 10**18 + 3 * MS
    await connector.after(1)
    assert not any(point.exemplars for _, point in points_in(connector.recorder.batches[0]))


async def test_events_are_counted_by_their_attributes() -> None:
    connector = made(
        events={"enabled": True, "dimensions": [{"name": "exception.type"}]}, **NO_HISTOGRAM
    )
    one = lasting(1)
    for kind in ("ValueError", "ValueError", "OSError"):
        put(one.events.add(name="exception").attributes, {"exception.type": kind})
    await connector.connector.consume(traces(one, lasting(1), resource=SHOP))
    await connector.after(1)
    name = "traces.span.metrics.events"
    assert await connector.after(1) == calls(2) | {
        series_of(name, SHOP | {"exception.type": "ValueError"}): 2,
        series_of(name, SHOP | {"exception.type": "OSError"}): 1,
    }


@pytest.mark.parametrize(
    ("config", "resources"),
    [
        pytest.param({}, 2, id="all_attributes"),
        pytest.param({"resource_metrics_key_attributes": ["service.name"]}, 1, id="some"),
        pytest.param({"add_resource_attributes": False}, 1, id="none"),
    ],
)
async def test_what_makes_a_resource(config: dict[str, Any], resources: int) -> None:
    connector = made(**NO_HISTOGRAM, **config)
    for pid in (1, 2):
        await connector.connector.consume(traces(lasting(1), resource=SHOP | {"pid": pid}))
    await connector.connector.shutdown()
    (batch,) = connector.recorder.batches
    assert [point.as_int for _, point in points_in(batch)] == [2 // resources] * resources
    first = SHOP | {"pid": 1}
    assert resources_of(batch)[0] == ({} if "add_resource_attributes" in config else first)


async def test_services_stay_apart_without_their_resources() -> None:
    connector = made(add_resource_attributes=False, **NO_HISTOGRAM)
    for name in ("a", "b", "a"):
        await connector.connector.consume(traces(lasting(1), resource={"service.name": name}))
    await connector.after(1)
    values = await connector.after(1)
    assert {dict(labels)["service.name"]: value for (_, labels), value in values.items()} == {
        "a": 2,
        "b": 1,
    }


async def test_resources_beyond_the_cache_are_handed_on_and_forgotten() -> None:
    connector = made(resource_metrics_cache_size=1, **NO_HISTOGRAM)
    for name in ("a", "b"):
        await connector.connector.consume(traces(lasting(1), resource={"service.name": name}))
    values = await connector.after(1)
    assert {dict(labels)["service.name"]: value for (_, labels), value in values.items()} == {
        "a": 1,
        "b": 0,
    }
    assert len(await connector.after(1)) == 1


@pytest.mark.parametrize(
    ("config", "left"),
    [
        pytest.param({"metrics_expiration": "10s"}, {"a", "b"}, id="resource"),
        pytest.param({"series_expiration": "10s"}, {"a"}, id="series"),
        pytest.param({}, {"a", "b"}, id="never"),
    ],
)
async def test_expiration(config: dict[str, Any], left: set[str]) -> None:
    connector = made(**NO_HISTOGRAM, **config, dimensions=[{"name": "a"}])
    await connector.connector.consume(traces({"a": "a"}, {"a": "b"}, resource=SHOP))
    await connector.after(1)
    for _ in range(3):
        await connector.connector.consume(traces({"a": "a"}, resource=SHOP))
        await connector.after(6)
    assert {dict(labels)["a"] for _, labels in await connector.after(0)} == left
    await connector.after(11)
    assert bool(await connector.after(0)) == (not config)


async def test_a_value_is_told_before_its_series_is_forgotten() -> None:
    connector = made(metrics_expiration="1s", series_expiration="1s", **NO_HISTOGRAM)
    await connector.connector.consume(traces(lasting(1), resource=SHOP))
    assert await connector.after(60) == calls(0)
    assert await connector.after(60) == calls(1)
    assert await connector.after(60) == {}


@pytest.mark.parametrize(
    ("trace_state", "count"),
    [
        pytest.param("ot=th:c", 4, id="quarter"),
        pytest.param("other=1,ot=rv:0123456789abcd;th:8", 2, id="half"),
        pytest.param("ot=th:0", 1, id="all"),
        pytest.param("ot=th:zz", 1, id="invalid"),
        pytest.param("other=1", 1, id="not_sampled"),
    ],
)
async def test_a_sampled_span_counts_for_those_it_stands_for(trace_state: str, count: int) -> None:
    connector = made()
    await connector.connector.consume(traces(lasting(3, trace_state=trace_state), resource=SHOP))
    await connector.after(1)
    values = await connector.after(1)
    duration = values[series_of("traces.span.metrics.duration", SHOP)]
    assert (values | calls(count) == values, duration.count, duration.sum) == (
        True,
        count,
        3.0 * count,
    )


async def test_weights_are_rounded_evenly() -> None:
    connector = made(**NO_HISTOGRAM, enable_metrics_sampling_method=True)
    draws = iter([0.1, 0.9, 0.32, 0.34])
    connector.connector._weights._random = lambda: next(draws)
    sampled = [lasting(1, trace_state="ot=th:4") for _ in range(4)]  # 3 of 4 are kept: 4/3 each
    await connector.connector.consume(traces(*sampled, resource=SHOP))
    await connector.after(1)
    assert await connector.after(1) == calls(2 + 1 + 2 + 1, {"sampling.method": "extrapolated"})


async def test_projects_stay_apart() -> None:
    connector = made(**NO_HISTOGRAM)
    for project in ("one", "two"):
        await connector.connector.consume(traces(lasting(1), resource=SHOP, project=project))
    await connector.connector.flush()
    assert [batch.project for batch in connector.recorder.batches] == ["one", "two"]


async def test_what_is_aggregated_is_handed_on_at_shutdown() -> None:
    connector = made(**NO_HISTOGRAM)
    await connector.connector.start()
    await connector.connector.consume(traces(lasting(1), resource=SHOP))
    await connector.connector.shutdown()
    assert connector.values == calls(1)
    with pytest.raises(Retryable, match="shutting down"):
        await connector.connector.consume(traces(lasting(1), resource=SHOP))


async def test_deltas_that_are_not_accepted_come_again() -> None:
    connector = made(Retryable("later"), aggregation_temporality=DELTA, **NO_HISTOGRAM)
    await connector.connector.consume(traces(lasting(1), resource=SHOP))
    assert await connector.after(1) == calls(1)
    await connector.connector.consume(traces(lasting(1), resource=SHOP))
    connector.clock.now += 1
    connector.recorder.batches.clear()
    await connector.connector.flush()
    assert [
        [point.as_int for _, point in points_in(each)] for each in connector.recorder.batches
    ] == [[1], [1]]


async def test_a_flush_that_is_refused_does_not_end_the_others() -> None:
    connector = made(Permanent("never"), **NO_HISTOGRAM)
    await connector.connector.consume(traces(lasting(1), resource=SHOP))
    assert await connector.after(1) == calls(0)
    assert await connector.after(1) == calls(1)


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        pytest.param({"dimensions": [{"name": "span.name"}]}, "already", id="default_again"),
        pytest.param({"dimensions": [{"name": "a"}, {"name": "a"}]}, "already", id="twice"),
        pytest.param({"dimensions": [{}]}, "either a name or a glob", id="neither"),
        pytest.param({"dimensions": [{"name": "a", "glob": "b"}]}, "either a name", id="both"),
        pytest.param({"dimensions": [{"glob": "a", "default": "b"}]}, "default", id="glob_default"),
        pytest.param({"dimensions": [{"glob": "a["}]}, "not closed", id="bracket"),
        pytest.param({"dimensions": [{"glob": "*.name"}]}, "matches", id="glob_matches_default"),
        pytest.param({"events": {"enabled": True}}, "need dimensions", id="events"),
        pytest.param({"histogram": {"unit": "us"}}, "'ms' or 's'", id="unit"),
        pytest.param(
            {"histogram": {"explicit": {}, "exponential": {}}}, "either explicit", id="buckets"
        ),
        pytest.param({"histogram": {"explicit": {"buckets": ["2s", "1s"]}}}, "ascend", id="order"),
        pytest.param({"aggregation_temporality": "delta"}, "AGGREGATION", id="temporality"),
        pytest.param({"metrics_flush_interval": "0s"}, "greater than 0", id="interval"),
        pytest.param(
            {"dimension_names": {"service.name": "x", "span.name": "x"}},
            "two dimensions",
            id="names",
        ),
    ],
)
def test_configurations_that_cannot_be(config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        SpanMetricsConfig.model_validate(config)
