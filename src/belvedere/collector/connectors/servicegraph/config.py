"""Keys of the connector `service_graph`."""

from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.duration import Duration, PositiveDuration


def _ascending(bounds_s: tuple[float, ...]) -> tuple[float, ...]:
    if not bounds_s or any(left >= right for left, right in pairwise(bounds_s)):
        raise ValueError("buckets must ascend, and there must be some")
    return bounds_s


class StoreConfig(ComponentConfig):
    """`store`."""

    ttl: PositiveDuration = Field(2.0, description="How long a span waits for its pair.")
    max_items: int = Field(
        1000, gt=0, description="Spans that wait at most; others are dropped, and counted."
    )


class MetricNames(ComponentConfig):
    """`metric_names`."""

    request_total: str = Field("request_total", description="Name of the count of requests.")
    request_failed_total: str = Field(
        "request_failed_total", description="Name of the count of failed requests."
    )
    request_server: str = Field(
        "request_server", description="Name of the durations that servers saw."
    )
    request_client: str = Field(
        "request_client", description="Name of the durations that clients saw."
    )
    unpaired_spans_total: str = Field(
        "unpaired_spans_total", description="Name of the count of spans without a pair."
    )
    dropped_spans_total: str = Field(
        "dropped_spans_total", description="Name of the count of spans that had no room to wait."
    )


class ServiceGraphConfig(ComponentConfig):
    """`connectors::service_graph`."""

    latency_histogram_buckets: (
        Annotated[tuple[Duration, ...], AfterValidator(_ascending)] | None
    ) = Field(None, description="Upper bounds of the buckets, as durations; unset: 2ms to 15s.")
    exponential_histogram_max_size: int = Field(
        0,
        ge=0,
        description="Buckets of exponential histograms, which there are then instead of fixed"
        " bounds; 0: none.",
    )
    dimensions: tuple[str, ...] = Field(
        (),
        description="Attributes that become labels, with client_ or server_ before them by the"
        " span that they come from.",
    )
    store: StoreConfig = Field(
        default_factory=StoreConfig, description="Spans that wait for their pair."
    )
    cache_loop: PositiveDuration = Field(
        60.0, description="How often edges without requests for 15 minutes are forgotten."
    )
    store_expiration_loop: PositiveDuration = Field(
        2.0, description="How often spans that waited too long are looked for."
    )
    virtual_node_peer_attributes: tuple[str, ...] = Field(
        ("peer.service", "db.name", "db.system"),
        description="Attributes of a client's span that name a server which sends no spans, in"
        " order of preference; none: spans without a pair are no edges.",
    )
    virtual_node_extra_label: bool = Field(
        False, description="Whether the label virtual_node says which side sends no spans."
    )
    metrics_flush_interval: Duration = Field(
        60.0, description="How often metrics are handed on; 0s: after each batch of spans."
    )
    metrics_timestamp_offset: Duration = Field(
        0.0, description="How far in the past the times of points are."
    )
    database_name_attributes: tuple[str, ...] = Field(
        ("db.name",),
        min_length=1,
        description="Attributes of a client's span that name a database, in order of preference.",
    )
    database_name_attribute: str = Field(
        "", description="Older form of database_name_attributes, for one."
    )
    metrics_exporter: str = Field(
        "", description="Without effect, as in the Collector: pipelines say where metrics go."
    )
    namespace: str = Field(
        "traces_service_graph",
        min_length=1,
        description="Comes before the metrics' names, with an underscore. Belvedere's own key.",
    )
    metric_names: MetricNames = Field(
        default_factory=MetricNames,
        description="Names after the namespace. Belvedere's own key.",
    )
    label_names: dict[str, str] = Field(
        default_factory=dict,
        description="Label to the name that it has instead, such as connection_type: type."
        " Belvedere's own key.",
    )

    @model_validator(mode="after")
    def _one_kind_of_buckets(self) -> Self:
        if self.latency_histogram_buckets is not None and self.exponential_histogram_max_size:
            raise ValueError(
                "use either latency_histogram_buckets or exponential_histogram_max_size"
            )
        if self.exponential_histogram_max_size == 1:
            raise ValueError("exponential_histogram_max_size must be at least 2")
        if len(set(self.label_names.values())) < len(self.label_names):
            raise ValueError("label_names gives two labels one name")
        return self

    @property
    def databases(self) -> tuple[str, ...]:
        """The attributes that name a database."""
        older = self.database_name_attribute
        if older and "database_name_attributes" not in self.model_fields_set:
            return (older,)
        return self.database_name_attributes
