"""Connectors with a clock that stands still, and what they hand on as plain values."""

from collections.abc import Mapping
from typing import Any

from collector_samples import Recorder
from telemetry_samples import plain_attributes

from belvedere.collector.component import Host
from belvedere.collector.registry import Kind, component_class
from belvedere.otlp.batch import Batch
from belvedere.otlp.levels import points_of
from belvedere.otlp.signal import Signal

Series = tuple[str, tuple[tuple[str, Any], ...]]
"""Name and attributes, sorted."""


class Clock:
    """Both clocks of a connector."""

    def __init__(self) -> None:
        self.now = 1000.0

    def seconds(self) -> float:
        return self.now

    def nanoseconds(self) -> int:
        return int(self.now * 1e9)


class Made:
    """A connector to metrics, not started: tests flush it."""

    def __init__(self, name: str, *outcomes: BaseException | None, **config: Any) -> None:
        self.clock, self.recorder = Clock(), Recorder(*outcomes)
        connector = component_class(Kind.CONNECTOR, name)
        clocks = {"now_ns": self.clock.nanoseconds}
        if name != "count":
            clocks["now_s"] = self.clock.seconds
        self.connector: Any = connector(
            connector.Config.model_validate(config),
            Host(name),
            {Signal.METRICS: {"metrics": self.recorder}},
            **clocks,
        )

    async def after(self, seconds: float) -> dict[Series, Any]:
        """What a flush hands on then."""
        self.clock.now += seconds
        self.recorder.batches.clear()
        await self.connector.flush()
        return self.values

    @property
    def values(self) -> dict[Series, Any]:
        """What was handed on: the number of a counter, the point of a histogram."""
        found: dict[Series, Any] = {}
        for batch in self.recorder.batches:
            for series, point in points_in(batch):
                assert series not in found
                is_number = hasattr(point, "as_int")
                found[series] = point.as_int if is_number else point
        return found


def points_in(batch: Batch) -> list[tuple[Series, Any]]:
    """The points of a batch's bytes."""
    message: Any = batch.signal.request_type.FromString(batch.data)
    return [
        (series_of(metric.name, plain_attributes(point.attributes)), point)
        for resource in message.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in points_of(metric)
    ]


def series_of(name: str, attributes: Mapping[str, Any]) -> Series:
    return name, tuple(sorted(attributes.items()))
