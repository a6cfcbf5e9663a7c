"""Keys of the connector `span_metrics`."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.connectors.aggregation.attributes import SERVICE_NAME
from belvedere.collector.connectors.aggregation.globs import regex_of
from belvedere.collector.duration import Duration, PositiveDuration

SPAN_NAME: Final = "span.name"
SPAN_KIND: Final = "span.kind"
STATUS_CODE: Final = "status.code"
INSTANCE: Final = "collector.instance.id"
DEFAULT_DIMENSIONS: Final = (SERVICE_NAME, SPAN_NAME, SPAN_KIND, STATUS_CODE, INSTANCE)

CUMULATIVE: Final = "AGGREGATION_TEMPORALITY_CUMULATIVE"
DELTA: Final = "AGGREGATION_TEMPORALITY_DELTA"


def _is_glob(pattern: str) -> str:
    regex_of(pattern)
    return pattern


class DimensionConfig(ComponentConfig):
    """One dimension: an attribute of the span, or else of its resource."""

    name: str = Field("", description="Name of the attribute; either name or glob.")
    default: str | None = Field(
        None, description="Value where there is no such attribute; unset: no dimension there."
    )
    glob: Annotated[str, AfterValidator(_is_glob)] = Field(
        "",
        description="Pattern of names: each attribute that matches is a dimension. A * stops at"
        " dots, ** does not.",
    )

    @model_validator(mode="after")
    def _name_or_glob(self) -> Self:
        if bool(self.name) == bool(self.glob):
            raise ValueError("a dimension needs either a name or a glob")
        if self.glob and self.default is not None:
            raise ValueError(f"the glob {self.glob!r} cannot have a default; a name can")
        return self


def _distinct(dimensions: tuple[DimensionConfig, ...]) -> tuple[DimensionConfig, ...]:
    names = [*DEFAULT_DIMENSIONS, *(each.name for each in dimensions if each.name)]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"there is a dimension {name!r} already")
        for pattern in (each.glob for each in dimensions if each.glob):
            if regex_of(pattern).fullmatch(name):
                raise ValueError(f"the glob {pattern!r} matches the dimension {name!r}")
    return dimensions


Dimensions = Annotated[tuple[DimensionConfig, ...], AfterValidator(_distinct)]


def _ascending(bounds_s: tuple[float, ...]) -> tuple[float, ...]:
    if any(left >= right for left, right in pairwise(bounds_s)):
        raise ValueError("buckets must ascend")
    return bounds_s


Bounds = Annotated[tuple[Duration, ...], AfterValidator(_ascending)]


class ExplicitConfig(ComponentConfig):
    """`histogram::explicit`."""

    buckets: Bounds | None = Field(
        None, description="Upper bounds of the buckets, as durations; unset: 2ms to 15s."
    )


class ExponentialConfig(ComponentConfig):
    """`histogram::exponential`."""

    max_size: int = Field(160, ge=2, description="Buckets that a histogram has at most.")


class HistogramConfig(ComponentConfig):
    """`histogram`."""

    disable: bool = Field(False, description="Whether there is no metric of durations.")
    unit: Literal["ms", "s"] = Field("ms", description="Unit of the durations.")
    explicit: ExplicitConfig | None = Field(
        None, description="Buckets with fixed bounds, which is the default."
    )
    exponential: ExponentialConfig | None = Field(
        None, description="Buckets that adapt to what is observed, instead of fixed ones."
    )
    dimensions: Dimensions = Field((), description="More dimensions of the metric of durations.")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.explicit is not None and self.exponential is not None:
            raise ValueError("use either explicit or exponential buckets")
        return self


class ExemplarsConfig(ComponentConfig):
    """`exemplars`."""

    enabled: bool = Field(False, description="Whether points carry the ids of some spans.")
    max_per_data_point: int = Field(
        5, ge=0, description="Exemplars of a point at most; each flush begins anew."
    )


class EventsConfig(ComponentConfig):
    """`events`."""

    enabled: bool = Field(False, description="Whether there is a metric of span events.")
    dimensions: Dimensions = Field(
        (), description="Attributes of events that are dimensions of it; needed if enabled."
    )

    @model_validator(mode="after")
    def _has_dimensions(self) -> Self:
        if self.enabled and not self.dimensions:
            raise ValueError("events need dimensions, such as [{name: exception.type}]")
        return self


class MetricNames(ComponentConfig):
    """`metric_names`."""

    calls: str = Field("calls", min_length=1, description="Name of the metric of calls.")
    duration: str = Field("duration", min_length=1, description="Name of that of durations.")
    events: str = Field("events", min_length=1, description="Name of that of span events.")


class SpanMetricsConfig(ComponentConfig):
    """`connectors::span_metrics`."""

    namespace: str = Field(
        "traces.span.metrics", description="Comes before the metrics' names, with a dot."
    )
    dimensions: Dimensions = Field(
        (), description="Dimensions of all metrics, beside service, span name, kind and status."
    )
    calls_dimensions: Dimensions = Field((), description="More dimensions of the metric of calls.")
    exclude_dimensions: tuple[str, ...] = Field(
        (), description=f"Of the default dimensions, those that are left out: {SERVICE_NAME}, ..."
    )
    include_instrumentation_scope: tuple[str, ...] = Field(
        (),
        description="Scopes whose name and version are dimensions of their spans' metrics"
        " (span.instrumentation.scope.name, .version).",
    )
    histogram: HistogramConfig = Field(
        default_factory=HistogramConfig, description="The metric of durations."
    )
    exemplars: ExemplarsConfig = Field(
        default_factory=ExemplarsConfig, description="Spans as examples of a point."
    )
    events: EventsConfig = Field(
        default_factory=EventsConfig, description="The metric of span events."
    )
    aggregation_temporality: Literal[
        "AGGREGATION_TEMPORALITY_CUMULATIVE", "AGGREGATION_TEMPORALITY_DELTA"
    ] = Field(CUMULATIVE, description="Whether points are totals, or what came since the last.")
    metrics_flush_interval: PositiveDuration = Field(
        60.0, description="How often metrics are handed on."
    )
    metrics_expiration: Duration = Field(
        0.0, description="Time after which a resource without spans is forgotten; 0s: never."
    )
    series_expiration: Duration = Field(
        0.0, description="The same for each series by itself; 0s: never."
    )
    metric_timestamp_cache_size: int = Field(
        1000,
        gt=0,
        description="Series of delta temporality whose last time is known, so that the next point"
        " begins there.",
    )
    resource_metrics_key_attributes: tuple[str, ...] = Field(
        (),
        description="Resource attributes that tell resources apart; empty: all do.",
    )
    resource_metrics_cache_size: int = Field(
        1000,
        gt=0,
        description="Resources that are held; beyond, the one without spans for longest is handed"
        " on and forgotten.",
    )
    aggregation_cardinality_limit: int = Field(
        0,
        ge=0,
        description="Series of a metric and resource; what is beyond counts in one series with"
        " otel.metric.overflow. 0: no limit.",
    )
    add_resource_attributes: bool = Field(
        True,
        description="Whether metrics have the spans' resources. (The Collector's default has a"
        " feature gate before it, and the same effect.) If not, the resources of a service are"
        " one.",
    )
    enable_metrics_sampling_method: bool = Field(
        False,
        description="Whether sampling.method tells spans that stand for others (extrapolated) from"
        " those that do not (counted).",
    )
    dimensions_cache_size: int | None = Field(
        None, description="Without effect, as in the Collector: aggregation_cardinality_limit."
    )
    metric_names: MetricNames = Field(
        default_factory=MetricNames,
        description="Names after the namespace. Belvedere's own key: Tempo's metrics have others.",
    )
    dimension_names: dict[str, str] = Field(
        default_factory=dict,
        description="Dimension to the name of its attribute, such as service.name: service."
        " Belvedere's own key.",
    )

    @model_validator(mode="after")
    def _renames_apart(self) -> Self:
        for more in (self.calls_dimensions, self.histogram.dimensions, self.events.dimensions):
            _apart(
                self.dimension_names.get(name, name)
                for name in dict.fromkeys(
                    (
                        *(set(DEFAULT_DIMENSIONS) - set(self.exclude_dimensions)),
                        *(each.name for each in (*self.dimensions, *more) if each.name),
                    )
                )
            )
        return self

    @property
    def is_delta(self) -> bool:
        """Whether points are what came since the last flush."""
        return self.aggregation_temporality == DELTA


def _apart(names: Iterable[str]) -> None:
    known: set[str] = set()
    for name in names:
        if name in known:
            raise ValueError(f"dimension_names makes two dimensions {name!r}")
        known.add(name)
