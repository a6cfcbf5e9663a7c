"""OTLP metrics become the series that Prometheus would have."""

from typing import Any

import pytest
from otlp_metrics import DELTA, STALE_FLAG, Metrics, all_kinds, attributes
from real_prometheus import series_text

from belvedere.otlp.prometheus import Strategy
from belvedere.prometheus.from_otlp import Translation, series_of, translate
from belvedere.prometheus.model import Labels, MetricType, NativeHistogram, Series, is_stale

BARE = Translation(scope_labels=False, target_info=False)


def series(metrics: Metrics, chosen: Translation = BARE) -> list[Series]:
    return series_of(translate(metrics.request, chosen).points)


def values(metrics: Metrics, chosen: Translation = BARE) -> dict[str, float]:
    return {
        series_text(dict(each.labels)): v
        for each in series(metrics, chosen)
        for _, v in each.samples
    }


TARGET = 'instance="i-1", job="shop/api"'
SCOPED = f'{TARGET}, otel_scope_name="lib"'


BUCKET = f'latency_seconds_bucket{{{TARGET}, le="LE", otel_scope_name="lib", route="/"}}'


def test_each_kind_has_its_samples() -> None:
    found = values(all_kinds(), Translation())
    assert found == {
        'queue_depth{instance="i-1", job="shop/api", otel_scope_name="lib", queue="a"}': 3.0,
        f'temperature_celsius{{{SCOPED}, text="qu"ote\\ and\nline"}}': -15.0,
        f'requests_total{{http_method="GET", {SCOPED}}}': 7.0,
        f"inflight{{{SCOPED}}}": 2.5,
        BUCKET.replace("LE", "0.1"): 1.0,
        BUCKET.replace("LE", "0.5"): 1.0,
        BUCKET.replace("LE", "1"): 3.0,
        BUCKET.replace("LE", "+Inf"): 4.0,
        f'latency_seconds_sum{{{SCOPED}, route="/"}}': 3.5,
        f'latency_seconds_count{{{SCOPED}, route="/"}}': 4.0,
        f'rpc{{{SCOPED}, quantile="0.5"}}': 0.2,
        f'rpc{{{SCOPED}, quantile="0.99"}}': 0.9,
        f"rpc_sum{{{SCOPED}}}": 5.5,
        f"rpc_count{{{SCOPED}}}": 10.0,
        f'target_info{{host_name="h1", {TARGET}}}': 1.0,
    }


def test_labels_are_sorted_and_carry_the_name() -> None:
    metrics = Metrics({}, time_ms=5)
    metrics.gauge("m", 1, Upper="u", lower="l")
    (found,) = series(metrics)
    assert found.labels == (("Upper", "u"), ("__name__", "m"), ("lower", "l"))
    assert found.name == "m"


def test_an_exponential_histogram_is_native() -> None:
    metrics = Metrics()
    metrics.exponential("size", 1, -2, [1, 2, 0, 0, 0, 4], 12.5, zero=3)
    (found,) = series(metrics)
    ((time_ms, histogram),) = found.histograms
    assert time_ms == metrics.time_ms
    assert histogram == NativeHistogram(
        schema=1,
        count=10,
        sum=12.5,
        zero_threshold=1e-128,
        zero_count=3,
        positive=((-1, 1), (0, 2), (4, 4)),
    )
    assert found.created_ms == metrics.time_ms - 60_000
    assert found.metadata is not None
    assert found.metadata.type is MetricType.HISTOGRAM


def test_scales_above_8_are_brought_down() -> None:
    metrics = Metrics()
    metrics.exponential("size", 10, 0, [1] * 8, 1.0)
    ((_, histogram),) = series(metrics)[0].histograms
    assert (histogram.schema, histogram.positive) == (8, ((1, 4), (2, 4)))


@pytest.mark.parametrize(
    ("add", "reason"),
    [
        pytest.param(lambda m: m.exponential("h", -5, 0, [1], 1.0), "scale", id="scale below -4"),
        pytest.param(lambda m: m.sum("s", 1, temporality=0), "temporality", id="no temporality"),
        pytest.param(lambda m: m.gauge("", 1), "name", id="no name"),
    ],
)
def test_what_prometheus_has_no_form_for_is_counted(add: Any, reason: str) -> None:
    metrics = Metrics()
    add(metrics)
    translated = translate(metrics.request, BARE)
    assert (translated.points, translated.dropped) == ([], {reason: 1})


def test_a_point_without_value_is_stale_in_all_its_samples() -> None:
    metrics = Metrics()
    metrics.gauge("g", 1).flags = STALE_FLAG
    metrics.histogram("h", [1], [], 1.0).flags = STALE_FLAG
    metrics.exponential("e", 0, 0, [1], 1.0).flags = STALE_FLAG
    metrics.summary("s", 1, 1.0, {0.5: 1.0}).flags = STALE_FLAG
    found = series(metrics)
    assert len(found) == 1 + 3 + 1 + 3
    assert all(is_stale(value) for each in found for _, value in each.samples)
    assert all(histogram.is_stale for each in found for _, histogram in each.histograms)


def test_deltas_are_marked() -> None:
    metrics = Metrics()
    metrics.sum("s", 1, temporality=DELTA)
    assert [point.is_delta for point in translate(metrics.request, BARE).points] == [True]


def test_exemplars_go_to_the_lowest_bucket_with_their_value() -> None:
    metrics = Metrics()
    point = metrics.histogram("h", [1, 1, 1], [1.0, 2.0], None)
    for value, time_ms in ((1.5, 2), (1.2, 1), (9.0, 3)):
        exemplar = point.exemplars.add(
            as_double=value, time_unix_nano=time_ms * 1_000_000, trace_id=b"\xab" * 16
        )
        exemplar.filtered_attributes.extend(
            attributes({"user.id": "u", "long": "x" * 100 if value == 9 else ""})
        )
    found = {dict(each.labels).get("le", each.name): each.exemplars for each in series(metrics)}
    trace = ("trace_id", "ab" * 16)
    assert [(e.time_ms, e.value, e.labels) for e in found["2"]] == [
        (1, 1.2, (trace, ("user_id", "u"))),
        (2, 1.5, (trace, ("user_id", "u"))),
    ]
    assert [e.labels for e in found["+Inf"]] == [(trace,)], "no room for the attributes"
    assert found["1"] == []
    assert "h_sum" not in found, "a point without a sum has none"


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        pytest.param(Translation(namespace="ns"), "ns_a_b_seconds_total", id="namespace"),
        pytest.param(Translation(strategy=Strategy.NO_TRANSLATION), "a.b", id="no translation"),
    ],
)
def test_names(chosen: Translation, expected: str) -> None:
    metrics = Metrics({})
    metrics.sum("a.b", 1, "s")
    assert [each.name for each in series(metrics, chosen)] == [expected]


def labels_with(chosen: Translation) -> Labels:
    metrics = Metrics({"service.name": "api", "k8s.pod.name": "p", "k8s.node.name": "n"})
    metrics.gauge("g", 1, own="o")
    return tuple(pair for pair in series(metrics, chosen)[0].labels if pair[0] != "__name__")


@pytest.mark.parametrize(
    ("included", "excluded", "expected"),
    [
        pytest.param((), (), {"own", "job"}, id="none"),
        pytest.param(
            ("*",), (), {"own", "job", "service_name", "k8s_pod_name", "k8s_node_name"}, id="all"
        ),
        pytest.param(("k8s.*",), ("*.node.*",), {"own", "job", "k8s_pod_name"}, id="some"),
    ],
)
def test_resource_attributes_become_labels(
    included: tuple[str, ...], excluded: tuple[str, ...], expected: set[str]
) -> None:
    chosen = Translation(
        scope_labels=False, target_info=False, included=included, excluded=excluded
    )
    assert {name for name, _ in labels_with(chosen)} == expected


def test_constant_labels_give_way() -> None:
    chosen = Translation(
        target_info=False, constant_labels={"own": "no", "job": "no", "c.d": "yes"}
    )
    assert dict(labels_with(chosen)) == {"own": "o", "job": "api", "c_d": "yes"}


def test_samples_of_a_series_are_in_the_order_of_time() -> None:
    metrics = Metrics({})
    for time_ms, value in ((3, 30), (1, 10), (2, 20), (3, 31)):
        metrics.time_ms = time_ms
        metrics.gauge("g", value)
    (found,) = series(metrics)
    assert found.samples == [(1, 10.0), (2, 20.0), (3, 31.0)]


@pytest.mark.parametrize(
    ("field", "said", "expected"),
    [
        ("gauge", "unknown", MetricType.UNKNOWN),
        ("gauge", "counter", MetricType.GAUGE),
        ("sum", "info", MetricType.INFO),
        ("sum", "stateset", MetricType.STATESET),
    ],
)
def test_a_type_that_prometheus_knew_comes_back(
    field: str, said: str, expected: MetricType
) -> None:
    metrics = Metrics({})
    if field == "gauge":
        metrics.gauge("m", 1)
    else:
        metrics.sum("m", 1, monotonic=False)
    metrics.scope.metrics[0].metadata.extend(attributes({"prometheus.type": said}))
    (found,) = series(metrics)
    assert found.metadata is not None
    assert found.metadata.type is expected
