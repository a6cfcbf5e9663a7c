"""Metrics leave without secrets, in attributes and resources; equal sets are one series."""

from collections.abc import Iterable

import pytest
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, ResourceMetrics
from opentelemetry.sdk.resources import Resource
from secret_samples import SECRETS

from belvedere.sdk.agents.content import Settings
from belvedere.sdk.export.cleaning import Cleaner
from belvedere.sdk.metrics.cleaning import clean_metrics

KEYS = ("sk-proj-abcdefgh12345678", "sk-proj-zyxwvuts87654321")


class Measured:
    """A provider with one reader, cleaned."""

    def __init__(self, resource: Resource | None = None) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader], resource=resource or Resource({}))
        settings = Settings(capture=False, on_logs=False)
        clean_metrics(self.provider, self.reader, Cleaner(settings, capture=False))
        self.meter = self.provider.get_meter("test")

    def collected(self) -> ResourceMetrics:
        data = self.reader.get_metrics_data()
        assert data is not None
        (found,) = data.resource_metrics
        return found

    def points(self) -> list[tuple[dict[str, object], float]]:
        """(attributes, value) of each point of the only metric."""
        ((metric,),) = (scope.metrics for scope in self.collected().scope_metrics)
        return [(dict(point.attributes), point.value) for point in metric.data.data_points]


@pytest.mark.parametrize(("written", "secret"), SECRETS.values(), ids=SECRETS)
def test_no_attribute_has_a_secret(written: str, secret: str) -> None:
    measured = Measured()
    measured.meter.create_counter("c").add(1, {"tenant": f"of {written}", "n": 1})
    ((attributes, value),) = measured.points()
    assert secret not in str(attributes)
    assert (attributes["n"], value) == (1, 1)


def test_sets_that_are_equal_without_secrets_are_one_series() -> None:
    measured = Measured()
    counter = measured.meter.create_counter("c")
    for key in (*KEYS, *KEYS):
        counter.add(1, {"key.name": key})
    ((_, value),) = measured.points()
    assert value == 4


def test_observations_are_cleaned_too() -> None:
    measured = Measured()

    def observe(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(3, {"tenant": KEYS[0]})]

    measured.meter.create_observable_gauge("g", [observe])
    ((attributes, value),) = measured.points()
    assert KEYS[0] not in str(attributes)
    assert value == 3


def test_attributes_of_content_are_left_out() -> None:
    measured = Measured()
    measured.meter.create_counter("c").add(1, {"gen_ai.input.messages": "hello", "model": "m"})
    assert measured.points() == [({"model": "m"}, 1)]


def test_resources_are_cleaned() -> None:
    command = f"serve --api-key {KEYS[0]}"
    measured = Measured(Resource({"process.command": command, "service.name": "shop"}))
    measured.meter.create_counter("c").add(1)
    resource = measured.collected().resource
    assert KEYS[0] not in str(resource.attributes)
    assert resource.attributes["service.name"] == "shop"


def test_what_is_clean_is_as_it_was() -> None:
    measured = Measured()
    attributes = {"http.route": "/v1/{id}", "status": 200, "ok": True}
    measured.meter.create_counter("c").add(1, attributes)
    assert measured.points() == [(attributes, 1)]
