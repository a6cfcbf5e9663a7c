"""Keys of the connector `count`."""

from collections.abc import Callable, Mapping
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, Field

from belvedere.collector import ottl
from belvedere.collector.component import ComponentConfig
from belvedere.collector.ottl import Context


class AttributeConfig(ComponentConfig):
    """One attribute that is counted by."""

    key: str = Field(min_length=1, description="Name of the attribute.")
    default_value: str | int | float | None = Field(
        None, description="Value where there is none; unset, empty or 0: such items do not count."
    )


class MetricConfig(ComponentConfig):
    """One metric."""

    description: str = Field("", description="Description of the metric.")
    conditions: tuple[str, ...] = Field(
        (), description="OTTL conditions; what meets one of them is counted. None: all is."
    )
    attributes: tuple[AttributeConfig, ...] = Field(
        (),
        description="Attributes of the item, or else of its scope or resource: each combination of"
        " values is counted by itself.",
    )


Metrics: TypeAlias = Mapping[str, MetricConfig]


def _checked(context: Context) -> Callable[[Metrics], Metrics]:
    def check(metrics: Metrics) -> Metrics:
        for name, metric in metrics.items():
            if not name:
                raise ValueError("a metric needs a name")
            ottl.condition(metric.conditions, context)
            if metric.attributes and context is Context.METRIC:
                raise ValueError(
                    f"{name}: metrics have no attributes; count by those of data points"
                )
        return metrics

    return check


def _all(name: str, items: str) -> Callable[[], dict[str, MetricConfig]]:
    return lambda: {name: MetricConfig(description=f"The number of {items} observed.")}


class CountConfig(ComponentConfig):
    """`connectors::count`."""

    spans: Annotated[dict[str, MetricConfig], AfterValidator(_checked(Context.SPAN))] = Field(
        default_factory=_all("trace.span.count", "spans"),
        description="Metrics of spans, by name; unset: trace.span.count, of all.",
    )
    spanevents: Annotated[dict[str, MetricConfig], AfterValidator(_checked(Context.SPANEVENT))] = (
        Field(
            default_factory=_all("trace.span.event.count", "span events"),
            description="Metrics of span events; unset: trace.span.event.count, of all.",
        )
    )
    metrics: Annotated[dict[str, MetricConfig], AfterValidator(_checked(Context.METRIC))] = Field(
        default_factory=_all("metric.count", "metrics"),
        description="Metrics of metrics; unset: metric.count, of all.",
    )
    datapoints: Annotated[dict[str, MetricConfig], AfterValidator(_checked(Context.DATAPOINT))] = (
        Field(
            default_factory=_all("metric.datapoint.count", "data points"),
            description="Metrics of data points; unset: metric.datapoint.count, of all.",
        )
    )
    logs: Annotated[dict[str, MetricConfig], AfterValidator(_checked(Context.LOG))] = Field(
        default_factory=_all("log.record.count", "log records"),
        description="Metrics of log records; unset: log.record.count, of all.",
    )

    @property
    def by_context(self) -> Mapping[Context, Metrics]:
        """The metrics of each kind of item."""
        return {context: getattr(self, key) for context, key in _KEYS.items()}


_KEYS: Final = {
    Context.SPAN: "spans",
    Context.SPANEVENT: "spanevents",
    Context.METRIC: "metrics",
    Context.DATAPOINT: "datapoints",
    Context.LOG: "logs",
}
