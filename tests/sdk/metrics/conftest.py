"""A provider of the real SDK that the named metrics record to."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricReader
from opentelemetry.sdk.resources import Resource

from belvedere.sdk.metrics.instruments import bind
from belvedere.sdk.metrics.prometheus import PrometheusReader
from belvedere.sdk.metrics.views import views

RESOURCE = Resource({"service.name": "agentstack", "process.pid": 1})


def _bound(reader: MetricReader) -> Iterator[None]:
    provider = MeterProvider([reader], RESOURCE, shutdown_on_exit=False, views=views(3))
    undo = bind(provider)
    yield
    undo()
    provider.shutdown()


@pytest.fixture
def memory() -> Iterator[InMemoryMetricReader]:
    """What the named metrics record, with at most three attribute sets each."""
    reader = InMemoryMetricReader()
    for _ in _bound(reader):
        yield reader


@pytest.fixture
def prometheus() -> Iterator[PrometheusReader]:
    """The same as `/metrics` shows it."""
    reader = PrometheusReader()
    for _ in _bound(reader):
        yield reader
