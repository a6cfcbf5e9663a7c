"""Metrics: one request an interval with all series of all services.

The request is serialized once, with a mark in place of each time and number (all are 8 bytes wide
in OTLP), and each interval's own are written over the marks.
"""

import re
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    Histogram,
    Metric,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)

from payloads import shape
from payloads.request import Times, attribute, resource, scope
from payloads.vocabulary import SEED, SERVICES

_MARK: Final = 0x5EAC0DE5
_MARKED: Final = re.compile(rb"(?s)....\xe5\x0d\xac\x5e")
"""A mark: which kind of number it is, and a word that occurs nowhere else; little endian."""
_TIME, _START, _FLOAT, _COUNTER, _COUNT, _SUM, _BUCKET = range(7)
_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_ROUTES: Final = tuple(f"/api/v1/{word}/{{id}}" for word in ("orders", "carts", "users", "items"))


def requests(first: int, count: int, times: Times) -> Iterator[bytes]:
    """Requests `first` to `first + count`: intervals, each later by `times.step_ns`."""
    message = ExportMetricsServiceRequest(resource_metrics=map(_service, SERVICES))
    template = np.frombuffer(message.SerializeToString(), dtype=np.uint8)
    marks = [match.start() for match in _MARKED.finditer(template.tobytes())]
    at = np.array(marks)[:, None] + np.arange(8)
    kinds = template[np.array(marks)].astype(int)
    for number in range(first, first + count):
        numbers = np.zeros(len(marks), dtype=np.uint64)
        numbers[kinds == _TIME] = times.of(number)
        numbers[kinds == _START] = times.begin_ns
        for kind, found in _numbers(number, kinds).items():
            numbers[kinds == kind] = found.view(np.uint64)
        data = template.copy()
        data[at] = numbers.view(np.uint8).reshape(-1, 8)
        yield data.tobytes()


def _numbers(interval: int, kinds: NDArray[np.int64]) -> dict[int, NDArray[np.generic]]:
    """The numbers of each kind in an interval. Those of counters never fall."""
    fixed = np.random.default_rng(SEED)
    drawn = np.random.default_rng([SEED, interval])
    size = {kind: int((kinds == kind).sum()) for kind in range(7)}
    rates = fixed.lognormal(3, 1.5, size[_COUNTER])
    jitter = drawn.random(size[_COUNTER])
    levels = fixed.lognormal(4, 2, size[_FLOAT])
    observations = fixed.integers(0, 40, (size[_COUNT], shape.BUCKETS))
    # Whole steps of `observations` plus a part of the next one: rising, and not by rule.
    part = drawn.integers(0, 1 + observations)
    buckets = np.where(observations > 0, interval * observations + part, 0)
    counts = buckets.sum(axis=1)
    return {
        _COUNTER: np.floor((interval + jitter) * rates).astype(np.int64),
        _FLOAT: np.round(levels * (1 + 0.1 * drawn.standard_normal(size[_FLOAT])), 3),
        _BUCKET: buckets.astype(np.uint64).reshape(-1),
        _COUNT: counts.astype(np.uint64),
        _SUM: np.round(counts * 0.137 + drawn.random(size[_SUM]), 6),
    }


def _marked(kind: int) -> int:
    return _MARK << 32 | kind


def _marked_float(kind: int) -> float:
    return float(np.array([_marked(kind)], dtype=np.uint64).view(np.float64)[0])


def _service(name: str) -> ResourceMetrics:
    metrics = [_counter(number) for number in range(shape.COUNTERS[0])]
    metrics += [_gauge(number) for number in range(shape.GAUGES[0])]
    metrics += [_histogram(number) for number in range(shape.HISTOGRAMS[0])]
    scoped = ScopeMetrics(scope=scope(name), metrics=metrics)
    return ResourceMetrics(resource=resource(name), scope_metrics=[scoped])


def _attributes(number: int) -> list[object]:
    return [
        attribute("http.route", _ROUTES[number % 4]),
        attribute("http.response.status_code", 200 + 100 * (number // 4)),
        attribute("server.address", f"pod-{number}.shop.svc.cluster.local"),
    ]


def _counter(number: int) -> Metric:
    metric = Metric(
        name=f"app.requests.kind_{number}",
        description="Requests handled.",
        unit="{request}",
        sum=Sum(
            is_monotonic=True,
            aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE,
        ),
    )
    for which in range(shape.COUNTERS[1]):
        metric.sum.data_points.add(
            attributes=_attributes(which),
            start_time_unix_nano=_marked(_START),
            time_unix_nano=_marked(_TIME),
            as_int=_marked(_COUNTER),
        )
    return metric


def _gauge(number: int) -> Metric:
    metric = Metric(name=f"app.level.kind_{number}", description="A level.", unit="By")
    for which in range(shape.GAUGES[1]):
        metric.gauge.data_points.add(
            attributes=_attributes(which),
            time_unix_nano=_marked(_TIME),
            as_double=_marked_float(_FLOAT),
        )
    return metric


def _histogram(number: int) -> Metric:
    metric = Metric(
        name=f"app.request.duration.kind_{number}",
        description="How long requests take.",
        unit="s",
        histogram=Histogram(aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE),
    )
    for which in range(shape.HISTOGRAMS[1]):
        metric.histogram.data_points.add(
            attributes=_attributes(which),
            start_time_unix_nano=_marked(_START),
            time_unix_nano=_marked(_TIME),
            count=_marked(_COUNT),
            sum=_marked_float(_SUM),
            bucket_counts=[_marked(_BUCKET)] * shape.BUCKETS,
            explicit_bounds=_BOUNDS,
        )
    return metric
