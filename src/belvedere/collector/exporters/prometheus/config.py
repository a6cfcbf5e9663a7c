"""Keys of the exporter `prometheus`."""

import re
from collections.abc import Mapping
from typing import ClassVar, Final

from pydantic import Field, field_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.duration import PositiveDuration
from belvedere.collector.receivers.otlp.config import AuthConfig
from belvedere.collector.serving.listen import split_endpoint
from belvedere.collector.serving.tls import TlsConfig
from belvedere.otlp.prometheus import TARGET_ATTRIBUTES, Strategy, label_name
from belvedere.prometheus.from_otlp import Translation

_SERVER: Final = "the server answers GET /metrics only, which needs no such limit; remove the key"
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class ResourceConversion(ComponentConfig):
    """`resource_to_telemetry_conversion`."""

    enabled: bool = Field(False, description="Whether all resource attributes become labels.")
    exclude_service_attributes: bool = Field(
        False, description="Without service.name, .namespace and .instance.id (job and instance)."
    )

    @property
    def included(self) -> tuple[str, ...]:
        """Patterns of the attributes that become labels."""
        return ("*",) if self.enabled else ()

    @property
    def excluded(self) -> tuple[str, ...]:
        """Patterns of those that do not."""
        return tuple(sorted(TARGET_ATTRIBUTES)) if self.exclude_service_attributes else ()


class ResourceLabels(ComponentConfig):
    """`resource_constant_labels`."""

    included: tuple[str, ...] = Field(
        (), description="Patterns (with *) of the resource attributes that become labels."
    )
    excluded: tuple[str, ...] = Field(
        (), description="Patterns of those that do not; alone, all others do."
    )


def checked_labels(labels: dict[str, str]) -> dict[str, str]:
    """Configured labels, named as Prometheus has them.

    Raises:
        ValueError: one has no name or no value, or two have one name.
    """
    named = {label_name(name): value for name, value in labels.items()}
    for name, value in labels.items():
        if not name or not value or not _LABEL.fullmatch(label_name(name)):
            raise ValueError(f"the label {name!r} needs a name and a value")
    if len(named) < len(labels):
        raise ValueError(f"two of the labels {', '.join(labels)} have one name in Prometheus")
    return named


class PrometheusConfig(ComponentConfig):
    """`exporters::prometheus`."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "cors": "scrapers are no web pages; remove the key",
        "include_metadata": "nothing reads the scraper's headers; remove the key",
        "response_headers": "put a proxy in front that adds them",
        **dict.fromkeys(
            (
                "compression_algorithms",
                "idle_timeout",
                "keep_alives_enabled",
                "max_request_body_size",
                "read_header_timeout",
                "read_timeout",
                "write_timeout",
            ),
            _SERVER,
        ),
    }

    endpoint: str = Field(
        description="Address on which /metrics is served, host:port; port 0 picks a free one."
    )
    tls: TlsConfig | None = Field(None, description="Certificate; unset: no encryption.")
    auth: AuthConfig | None = Field(None, description="Who may scrape; unset: everybody.")
    namespace: str = Field("", description="Comes before each metric's name.")
    const_labels: dict[str, str] = Field(
        default_factory=dict, description="Labels of every metric that has none of the name."
    )
    send_timestamps: bool = Field(
        False, description="Whether samples carry the times of their points, not the scrape's."
    )
    metric_expiration: PositiveDuration = Field(
        300.0, description="How long a series is shown that gets no more points."
    )
    enable_open_metrics: bool = Field(
        False, description="Whether scrapers that ask for OpenMetrics get it, with exemplars."
    )
    add_metric_suffixes: bool = Field(
        True, description="Whether names end with unit and type; translation_strategy says more."
    )
    translation_strategy: Strategy | None = Field(
        None, description="How names become Prometheus's; wins over add_metric_suffixes."
    )
    resource_to_telemetry_conversion: ResourceConversion = Field(
        default_factory=ResourceConversion,
        description="All resource attributes as labels; they give way to a point's own.",
    )
    resource_constant_labels: ResourceLabels = Field(
        default_factory=ResourceLabels,
        description="Some of them; wins over resource_to_telemetry_conversion.",
    )
    without_scope_info: bool = Field(
        False, description="Whether the labels otel_scope_… are left out."
    )

    _labels = field_validator("const_labels")(checked_labels)

    @field_validator("endpoint")
    @classmethod
    def _is_endpoint(cls, value: str) -> str:
        split_endpoint(value)
        return value

    @property
    def translation(self) -> Translation:
        """How metrics become Prometheus's."""
        chosen = self.resource_constant_labels
        included, excluded = chosen.included, chosen.excluded
        if excluded and not included:
            included = ("*",)
        elif not included:
            conversion = self.resource_to_telemetry_conversion
            included, excluded = conversion.included, conversion.excluded
        return Translation(
            namespace=self.namespace,
            strategy=self.translation_strategy or strategy(suffixes=self.add_metric_suffixes),
            scope_labels=not self.without_scope_info,
            included=included,
            excluded=excluded,
            constant_labels=self.const_labels,
        )


def strategy(*, suffixes: bool) -> Strategy:
    """What `add_metric_suffixes` stands for."""
    if suffixes:
        return Strategy.UNDERSCORE_ESCAPING_WITH_SUFFIXES
    return Strategy.UNDERSCORE_ESCAPING_WITHOUT_SUFFIXES
