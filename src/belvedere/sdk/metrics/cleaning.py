"""Metrics as they may leave the process: without secrets in attributes and resources.

A measurement is cleaned before it is aggregated: attribute sets that are the same without their
secrets are one series. What is clean is remembered (`sdk/export/cleaning.py`), so that a
measurement costs one look-up more.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, MetricsData

from belvedere.sdk.export.cleaning import Cleaner
from belvedere.sdk.metrics.duplicate_measurements import storage_of


def clean_metrics(provider: MeterProvider, reader: MetricReader, cleaner: Cleaner) -> None:
    """Let `reader`, which `provider` has, see cleaned measurements and resources."""
    storage = storage_of(provider, reader)
    if storage is not None:
        storage.consume_measurement = partial(_measure, cleaner, storage.consume_measurement)
        storage.collect = partial(_collect, cleaner, storage.collect)


def _measure(
    cleaner: Cleaner,
    then: Callable[[Any, bool], None],
    measurement: Any,
    should_sample_exemplar: bool = True,  # noqa: FBT001, FBT002 - the SDK's
) -> None:
    given = measurement.attributes
    if given:
        attributes = cleaner.measured(given)
        if attributes is not given:
            measurement = replace(measurement, attributes=attributes)
    then(measurement, should_sample_exemplar)


def _collect(cleaner: Cleaner, collect: Callable[[], MetricsData | None]) -> MetricsData | None:
    data = collect()
    if data is None:
        return None
    return MetricsData(
        [replace(each, resource=cleaner.resource(each.resource)) for each in data.resource_metrics]
    )
