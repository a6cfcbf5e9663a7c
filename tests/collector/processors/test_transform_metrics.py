"""The editors that `transform` has for metrics."""

from typing import Any

import pytest
from collector_samples import Recorder
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from belvedere.collector.component import Host
from belvedere.collector.errors import Permanent
from belvedere.collector.ottl.record import data_points
from belvedere.collector.ottl.values import read_map, write_map
from belvedere.collector.processors.transform import TransformProcessor
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal


def number(kind: str, *points: tuple[dict[str, Any], float | int]) -> Metric:
    metric = Metric(name="m", description="d", unit="By")
    data = getattr(metric, kind)
    data.SetInParent()
    if kind == "sum":
        data.aggregation_temporality = 2
    for attributes, value in points:
        point = data.data_points.add(time_unix_nano=7, start_time_unix_nano=3)
        setattr(point, "as_int" if isinstance(value, int) else "as_double", value)
        write_map(point.attributes, attributes)
    return metric


def histogram(*hosts: str) -> Metric:
    metric = Metric(name="h", unit="s")
    metric.histogram.aggregation_temporality = 1  # type: ignore[assignment]
    for host in hosts:
        point = metric.histogram.data_points.add(
            count=3, sum=6.0, min=1.0, max=3.0, bucket_counts=[1, 2], explicit_bounds=[1.5]
        )
        write_map(point.attributes, {"host": host})
    return metric


def summary() -> Metric:
    metric = Metric(name="s", unit="s")
    point = metric.summary.data_points.add(count=4, sum=10.0, time_unix_nano=7)
    point.quantile_values.add(quantile=0.5, value=2.0)
    point.quantile_values.add(quantile=0.9, value=4.0)
    write_map(point.attributes, {"host": "a"})
    return metric


async def transformed(
    metric: Metric, *statements: str, mode: str = "propagate", context: str = ""
) -> list[Metric]:
    recorder = Recorder()
    groups = [{"context": context, "statements": list(statements)}]
    config = {"error_mode": mode, "metric_statements": groups if context else list(statements)}
    processor = TransformProcessor(
        TransformProcessor.Config.model_validate(config), Host("transform"), recorder
    )
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add().scope_metrics.add().metrics.append(metric)
    await processor.consume(Batch.of(Signal.METRICS, request))
    message: Any = recorder.batches[0].message
    return list(message.resource_metrics[0].scope_metrics[0].metrics)


def points_of(metric: Metric) -> list[tuple[dict[str, Any], Any]]:
    return [
        (read_map(point.attributes), getattr(point, point.WhichOneof("value")))
        for point in data_points(metric)
    ]


async def test_a_sum_becomes_a_gauge_and_back() -> None:
    (metric,) = await transformed(number("sum", ({"a": 1}, 5)), "convert_sum_to_gauge()")
    assert metric.WhichOneof("data") == "gauge"
    assert points_of(metric) == [({"a": 1}, 5)]
    (metric,) = await transformed(metric, 'convert_gauge_to_sum("delta", true)')
    assert (metric.sum.aggregation_temporality, metric.sum.is_monotonic) == (1, True)
    assert points_of(metric) == [({"a": 1}, 5)]


@pytest.mark.parametrize(
    "statement", ["convert_sum_to_gauge()", 'convert_gauge_to_sum("delta", true)']
)
async def test_other_types_stay_as_they_are(statement: str) -> None:
    assert await transformed(histogram("a"), statement) == [histogram("a")]


@pytest.mark.parametrize(
    ("metric", "statement", "name", "unit", "temporality", "points"),
    [
        (histogram("a"), "extract_count_metric(true)", "h_count", "1", 1, [({"host": "a"}, 3)]),
        (
            histogram("a"),
            'extract_sum_metric(false, ".sum")',
            "h.sum",
            "s",
            1,
            [({"host": "a"}, 6.0)],
        ),
        (summary(), "extract_count_metric(true)", "s_count", "1", 2, [({"host": "a"}, 4)]),
        (summary(), "extract_sum_metric(true)", "s_sum", "s", 2, [({"host": "a"}, 10.0)]),
        (
            summary(),
            'convert_summary_count_val_to_sum("delta", true, ".count")',
            "s.count",
            "s",
            1,
            [({"host": "a"}, 4)],
        ),
        (
            summary(),
            'convert_summary_sum_val_to_sum("cumulative", true)',
            "s_sum",
            "s",
            2,
            [({"host": "a"}, 10.0)],
        ),
    ],
)
async def test_parts_become_sums(
    *, metric: Metric, statement: str, name: str, unit: str, temporality: int, points: Any
) -> None:
    where = " where metric.type != METRIC_DATA_TYPE_SUM"
    original, new = await transformed(metric, statement + where)
    assert original == metric
    assert (new.name, new.unit, new.sum.aggregation_temporality) == (name, unit, temporality)
    assert points_of(new) == points


async def test_data_points_become_sums() -> None:
    metric = summary()
    for host, count in (("b", 5), ("c", 6)):
        point = metric.summary.data_points.add()
        point.CopyFrom(metric.summary.data_points[0])
        point.attributes[0].value.string_value, point.count = host, count
    is_chosen = ' where attributes["host"] != "b" and metric.name == "s"'
    statements = [
        f'convert_summary_{part}_val_to_sum("delta", true){is_chosen}' for part in ("count", "sum")
    ]
    _, count_metric, sum_metric = await transformed(metric, *statements, context="datapoint")
    assert points_of(count_metric) == [({"host": "a"}, 4), ({"host": "c"}, 6)]
    assert points_of(sum_metric) == [({"host": "a"}, 10.0), ({"host": "c"}, 10.0)]


async def test_a_missing_sum_is_not_extracted() -> None:
    metric = histogram("a")
    metric.histogram.data_points[0].ClearField("sum")
    where = " where metric.type == METRIC_DATA_TYPE_HISTOGRAM"
    assert await transformed(metric, "extract_sum_metric(true)" + where) == [metric]


async def test_quantiles_become_a_gauge() -> None:
    _, new = await transformed(
        summary(), 'convert_summary_quantile_val_to_gauge("q") where metric.name == "s"'
    )
    assert new.name == "s.quantiles"
    assert points_of(new) == [({"host": "a", "q": 0.5}, 2.0), ({"host": "a", "q": 0.9}, 4.0)]


async def test_a_copy_is_seen_by_the_statements() -> None:
    original, copy = await transformed(
        number("sum", ({}, 1)),
        'copy_metric(name = "copy", unit = "s") where metric.name == "m"',
        'set(metric.description, "seen") where metric.name == "copy"',
    )
    assert (original.name, original.unit, original.description) == ("m", "By", "d")
    assert (copy.name, copy.unit, copy.description) == ("copy", "s", "seen")


async def test_copying_copies_ends() -> None:
    with pytest.raises(Permanent, match="add a where clause"):
        await transformed(number("sum", ({}, 1)), "copy_metric()")


async def test_values_are_scaled() -> None:
    (metric,) = await transformed(
        number("gauge", ({}, 10), ({"a": 1}, 2.5)), 'scale_metric(0.5, "KB")'
    )
    assert (metric.unit, points_of(metric)) == ("KB", [({}, 5.0), ({"a": 1}, 1.25)])
    (metric,) = await transformed(histogram("a"), "scale_metric(10.0)")
    point = metric.histogram.data_points[0]
    assert (point.sum, point.min, point.max, list(point.explicit_bounds)) == (60, 10, 30, [15])
    (metric,) = await transformed(summary(), "scale_metric(2)")
    assert metric.summary.data_points[0].quantile_values[1].value == 8


POINTS = (({"h": "a", "c": 1}, 1), ({"h": "a", "c": 2}, 2), ({"h": "b", "c": 1}, 6))


@pytest.mark.parametrize(
    ("statement", "points"),
    [
        ('aggregate_on_attributes("sum", ["h"])', [({"h": "a"}, 3), ({"h": "b"}, 6)]),
        ('aggregate_on_attributes("max", ["h"])', [({"h": "a"}, 2), ({"h": "b"}, 6)]),
        ('aggregate_on_attributes("min", [])', [({}, 1)]),
        ('aggregate_on_attributes("mean", [])', [({}, 3.0)]),
        ('aggregate_on_attributes("median", [])', [({}, 2)]),
        ('aggregate_on_attributes("count", ["c"])', [({"c": 1}, 2), ({"c": 2}, 1)]),
        ('aggregate_on_attributes("sum")', list(POINTS)),
        (
            'aggregate_on_attribute_value("sum", "h", ["a", "b"], "all")',
            [({"h": "all", "c": 1}, 7), ({"h": "all", "c": 2}, 2)],
        ),
        ('aggregate_on_attribute_value("sum", "h", ["x"], "all")', list(POINTS)),
    ],
)
async def test_points_are_aggregated(statement: str, points: Any) -> None:
    (metric,) = await transformed(number("sum", *POINTS), statement)
    assert points_of(metric) == points


async def test_histograms_are_summed() -> None:
    (metric,) = await transformed(histogram("a", "b"), 'aggregate_on_attributes("sum", [])')
    (point,) = metric.histogram.data_points
    assert (point.count, point.sum, point.min, point.max) == (6, 12, 1, 3)
    assert list(point.bucket_counts) == [2, 4]


@pytest.mark.parametrize(
    ("metric", "statement", "message"),
    [
        (histogram("a"), 'aggregate_on_attributes("max", [])', "aggregated by sum, not by max"),
        (summary(), 'aggregate_on_attributes("sum")', "a gauge, sum or histogram is expected"),
        (number("sum"), "extract_sum_metric(true)", "a histogram or summary is expected"),
        (
            Metric(name="e", exponential_histogram={}),  # type: ignore[arg-type]
            "scale_metric(2.0)",
            "works on no exponential_histogram",
        ),
    ],
)
async def test_metrics_that_do_not_fit(metric: Metric, statement: str, message: str) -> None:
    with pytest.raises(Permanent, match=message):
        await transformed(metric, statement)
    assert await transformed(metric, statement, mode="silent") == [metric]
