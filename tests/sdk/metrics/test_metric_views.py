"""A metric has at most so many series, and the log says once when it would have more."""

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    InMemoryMetricReader,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)

from belvedere.sdk import metrics
from belvedere.sdk.metrics import overflow
from belvedere.sdk.metrics.overflow import AnnouncedOverflow
from belvedere.sdk.metrics.prometheus import PrometheusReader
from belvedere.sdk.metrics.views import views

OVERFLOW = ({"otel.metric.overflow": True}, 2)


class Kept(MetricExporter):
    """An exporter that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.exported: list[MetricsData] = []
        self.calls: list[str] = []

    def export(self, metrics_data: MetricsData, *_: Any, **__: Any) -> MetricExportResult:
        self.exported.append(metrics_data)
        return MetricExportResult.SUCCESS

    def force_flush(self, *_: Any, **__: Any) -> bool:
        self.calls.append("force_flush")
        return True

    def shutdown(self, *_: Any, **__: Any) -> None:
        self.calls.append("shutdown")


@pytest.fixture(autouse=True)
def _nothing_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overflow, "_announced", set())


def use_five_models() -> None:
    for number in range(5):
        metrics.llm_calls_total.add(model=f"model-{number}")


def points(data: MetricsData | None) -> list[tuple[dict[str, Any], Any]]:
    assert data is not None
    return [
        (dict(point.attributes or {}), getattr(point, "value", None))
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    ]


def test_further_attribute_sets_are_one_series(memory: InMemoryMetricReader) -> None:
    use_five_models()
    found = points(memory.get_metrics_data())
    assert found == [*(({"model": f"model-{number}"}, 1) for number in range(3)), OVERFLOW]


def test_an_exporter_announces_overflow_once(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept()
    reader = PeriodicExportingMetricReader(AnnouncedOverflow(kept), 3_600_000)
    provider = MeterProvider([reader], shutdown_on_exit=False, views=views(3))
    counter = provider.get_meter("application").create_counter("visits")
    for number in range(5):
        counter.add(1, {"user": number})
    provider.force_flush()
    provider.force_flush()
    provider.shutdown()
    assert points(kept.exported[0])[-1] == OVERFLOW
    assert len(kept.exported) == 3
    assert kept.calls == ["force_flush", "force_flush", "shutdown"]
    [record] = caplog.records
    assert record.getMessage().startswith(
        "Metric visits (of application) has reached its limit of 3 attribute sets"
    )


def test_the_prometheus_reader_announces_overflow_once(
    prometheus: PrometheusReader, caplog: pytest.LogCaptureFixture
) -> None:
    use_five_models()
    prometheus.families()
    prometheus.families()
    assert len([r for r in caplog.records if "llm_calls_total" in r.getMessage()]) == 1


def test_no_overflow_is_not_announced(
    prometheus: PrometheusReader, caplog: pytest.LogCaptureFixture
) -> None:
    metrics.llm_calls_total.add(model="m")
    prometheus.families()
    assert caplog.records == []


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_is_positive(limit: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        views(limit)


@pytest.mark.parametrize("limit", [3, 2000])
def test_scopes_with_an_instrument_of_one_name_are_no_conflict(
    limit: int, caplog: pytest.LogCaptureFixture
) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False, views=views(limit))
    for scope in ("openai", "anthropic"):
        provider.get_meter(scope).create_histogram("duration", "s").record(1, {"model": scope})
    data = points(reader.get_metrics_data())
    provider.shutdown()
    assert [attributes["model"] for attributes, _ in data] == ["openai", "anthropic"]
    assert caplog.records == []
