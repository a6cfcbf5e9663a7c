"""Which temporality and which histograms the variables choose."""

import pytest
from opentelemetry.sdk.metrics import Counter, Histogram, ObservableCounter, UpDownCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality
from opentelemetry.sdk.metrics.view import Aggregation, ExponentialBucketHistogramAggregation

from belvedere.sdk.export.destination import cannot_be_used, destination
from belvedere.sdk.export.metrics import OtlpMetricExporter

P = "OTEL_EXPORTER_OTLP_METRICS_"
DELTA, CUMULATIVE = AggregationTemporality.DELTA, AggregationTemporality.CUMULATIVE


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", (CUMULATIVE, CUMULATIVE, CUMULATIVE, CUMULATIVE)),
        ("cumulative", (CUMULATIVE, CUMULATIVE, CUMULATIVE, CUMULATIVE)),
        ("Delta", (DELTA, DELTA, DELTA, CUMULATIVE)),
        ("LowMemory", (DELTA, DELTA, CUMULATIVE, CUMULATIVE)),
    ],
)
def test_temporality(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: tuple[AggregationTemporality, ...]
) -> None:
    monkeypatch.setenv(P + "TEMPORALITY_PREFERENCE", value)
    chosen = OtlpMetricExporter(destination("metrics"))._preferred_temporality
    kinds = (Counter, Histogram, ObservableCounter, UpDownCounter)
    assert tuple(chosen[kind] for kind in kinds) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", None),
        ("explicit_bucket_histogram", None),
        ("BASE2_exponential_bucket_histogram", ExponentialBucketHistogramAggregation),
    ],
)
def test_histograms(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: type[Aggregation] | None
) -> None:
    monkeypatch.setenv(P + "DEFAULT_HISTOGRAM_AGGREGATION", value)
    preferred = OtlpMetricExporter(destination("metrics"))._preferred_aggregation or {}
    assert {type(each) for each in preferred.values()} == ({expected} if expected else set())


@pytest.mark.parametrize("name", ["TEMPORALITY_PREFERENCE", "DEFAULT_HISTOGRAM_AGGREGATION"])
def test_an_unknown_word_is_said_and_counts_as_unset(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    cannot_be_used.cache_clear()
    monkeypatch.setenv(P + name, "tides")
    chosen = OtlpMetricExporter(destination("metrics"))
    assert chosen._preferred_temporality[Counter] is CUMULATIVE
    assert f"{P}{name} is 'tides', which cannot be used; there are " in caplog.text
