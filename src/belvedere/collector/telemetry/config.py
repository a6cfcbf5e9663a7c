"""`service::telemetry`, after OpenTelemetry's declarative configuration of SDKs."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.header_list import Headers

_OWN_OTLP = "the Collector's own data goes out by OTLP from batch or simple processors"


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _as_milliseconds(value: float) -> float:
    return value / 1000


Milliseconds = Annotated[float, Field(ge=0), AfterValidator(_as_milliseconds)]
"""A number of milliseconds in the configuration, seconds here."""


class OwnOtlpConfig(ComponentConfig):
    """Where own spans and log records go."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "client_key": "own telemetry shows no client certificate; send it to a local Collector",
        "client_certificate": "see client_key",
        "headers_list": "write headers as a mapping",
    }

    protocol: Literal["http/protobuf", "grpc"] = Field(
        "http/protobuf", description="http/protobuf or grpc."
    )
    endpoint: str = Field(
        "", description="URL, or for grpc also host:port; empty: localhost, port 4318 or 4317."
    )
    headers: Headers = Field(
        {}, repr=False, description="Headers of each request: a mapping, or a list of name, value."
    )
    compression: Literal["gzip", "none"] = Field("none", description="gzip or none.")
    timeout: Milliseconds = Field(10.0, description="Milliseconds a request may take (10000).")
    insecure: bool | None = Field(
        None, description="grpc: without TLS; unset: as the endpoint's scheme says."
    )
    certificate: str = Field("", description="PEM file of the authorities to trust.")


class OwnExporterConfig(ComponentConfig):
    """`exporter` of a processor of own telemetry."""

    unsupported: ClassVar[Mapping[str, str]] = {"console": _OWN_OTLP}

    otlp: OwnOtlpConfig = Field(description="OTLP.")


class OwnBatchConfig(ComponentConfig):
    """`batch` of own telemetry."""

    schedule_delay: Milliseconds = Field(
        5.0, description="Milliseconds from one export to the next (5000)."
    )
    export_timeout: Milliseconds = Field(30.0, description="Milliseconds of an export (30000).")
    max_queue_size: int = Field(2048, gt=0, description="What may wait; more is dropped.")
    max_export_batch_size: int = Field(512, gt=0, description="What one export takes.")
    exporter: OwnExporterConfig = Field(description="Where it goes.")


class OwnSimpleConfig(ComponentConfig):
    """`simple` of own telemetry."""

    exporter: OwnExporterConfig = Field(description="Where it goes.")


class OwnProcessorConfig(ComponentConfig):
    """One entry of `processors` of own traces or logs."""

    batch: OwnBatchConfig | None = Field(None, description="Exports many at a time.")
    simple: OwnSimpleConfig | None = Field(None, description="Exports each at once.")

    @model_validator(mode="after")
    def _one(self) -> "OwnProcessorConfig":
        if (self.batch is None) == (self.simple is None):
            raise ValueError("a processor is either batch or simple")
        return self

    @property
    def otlp(self) -> OwnOtlpConfig:
        """Where it exports to."""
        part = self.batch or self.simple
        assert part is not None  # noqa: S101 - validated above
        return part.exporter.otlp


class LogsTelemetry(ComponentConfig):
    """`service::telemetry::logs`."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "output_paths": "the log goes to standard error; redirect it there",
        "error_output_paths": "the log goes to standard error; redirect it there",
    }
    done_anyway: ClassVar[Mapping[str, Any]] = {
        "output_paths": ["stderr"],
        "error_output_paths": ["stderr"],
    }

    level: Annotated[Literal["debug", "info", "warn", "error"], BeforeValidator(_lower)] = Field(
        "info", description="The least severe level of the Collector's own log that is written."
    )
    encoding: Literal["", "console", "json"] = Field(
        "", description="console or json; unset: console on a terminal, else json."
    )
    initial_fields: dict[str, Any] = Field({}, description="Fields that every entry gets.")
    development: bool = Field(False, description="Changes nothing here.")
    disable_caller: bool = Field(False, description="Changes nothing here: there is no caller.")
    disable_stacktrace: bool = Field(
        False, description="Changes nothing here: defects alone have a stack trace."
    )
    sampling: Any = Field(None, description="Changes nothing here: every entry is written.")
    processors: tuple[OwnProcessorConfig, ...] = Field(
        (), description="Ways of own log records to an OTLP endpoint."
    )


class PrometheusReaderConfig(ComponentConfig):
    """`prometheus` of a pull reader."""

    host: str = Field("localhost", description="Address to serve /metrics on.")
    port: int = Field(8888, ge=0, le=65535, description="Its port; 0 picks a free one.")
    without_scope_info: bool = Field(True, description="Changes nothing: there is none.")
    without_type_suffix: bool = Field(
        False, description="Changes nothing: counters end in _total, as Prometheus has them."
    )
    without_units: bool = Field(True, description="Changes nothing: names are as documented.")
    with_resource_constant_labels: Any = Field(
        None, description="Changes nothing: resource attributes are no labels."
    )


class PullExporterConfig(ComponentConfig):
    """`exporter` of a pull reader."""

    prometheus: PrometheusReaderConfig = Field(description="Serves /metrics.")


class PullConfig(ComponentConfig):
    """`pull` of a reader."""

    exporter: PullExporterConfig = Field(description="What is served.")


class ReaderConfig(ComponentConfig):
    """One entry of `readers`."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "periodic": "own metrics are pulled: scrape them with the prometheus receiver and export"
        " them from a pipeline",
    }

    pull: PullConfig = Field(description="Metrics are asked for.")


class MetricsTelemetry(ComponentConfig):
    """`service::telemetry::metrics`."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "views": "own metrics come as they are; drop some with metric_relabel_configs of the"
        " scraping side",
    }

    level: Annotated[Literal["none", "basic", "normal", "detailed"], BeforeValidator(_lower)] = (
        Field(
            "normal",
            description="How much the Collector counts about itself; `none` serves nothing.",
        )
    )
    address: str = Field(
        "", description="host:port on which /metrics is served; unset: localhost:8888, or readers."
    )
    readers: tuple[ReaderConfig, ...] | None = Field(
        None, description="Where /metrics is served, in the newer form; an empty list: nowhere."
    )

    @model_validator(mode="after")
    def _one_form(self) -> "MetricsTelemetry":
        if self.address and self.readers is not None:
            raise ValueError("address and readers exclude each other; address is the older form")
        return self


class TracesTelemetry(ComponentConfig):
    """`service::telemetry::traces`."""

    level: Annotated[Literal["none", "basic", "normal", "detailed"], BeforeValidator(_lower)] = (
        Field("normal", description="`none` records no spans of its own.")
    )
    propagators: tuple[str, ...] = Field((), description="Changes nothing: none is handed on.")
    processors: tuple[OwnProcessorConfig, ...] = Field(
        (), description="Ways of own spans to an OTLP endpoint."
    )


class Telemetry(ComponentConfig):
    """`service::telemetry`: what the Collector says about itself."""

    logs: LogsTelemetry = Field(default_factory=LogsTelemetry, description="Its log.")
    metrics: MetricsTelemetry = Field(default_factory=MetricsTelemetry, description="Its metrics.")
    traces: TracesTelemetry = Field(default_factory=TracesTelemetry, description="Its spans.")
    resource: dict[str, str | int | float | bool | None] = Field(
        {}, description="Attributes of own spans and log records; null takes a default one away."
    )
