"""Keys of the exporter `prometheusremotewrite`."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.exporters.http_post import HttpPostConfig, checked_url
from belvedere.collector.exporters.prometheus.config import (
    ResourceConversion,
    checked_labels,
    strategy,
)
from belvedere.collector.exporters.retry import RetryConfig
from belvedere.collector.exporters.room import QueueConfig
from belvedere.otlp.prometheus import Strategy
from belvedere.prometheus.from_otlp import Translation

FIXED_HEADERS: Final = frozenset(
    {"content-encoding", "content-type", "user-agent", "x-prometheus-remote-write-version"}
)
"""What the protocol says, not the configuration."""


class Message(StrEnum):
    """The version of remote write, by its message."""

    V1 = "prometheus.WriteRequest"
    V2 = "io.prometheus.write.v2.Request"


class Switch(ComponentConfig):
    """Something that is done or not."""

    enabled: bool = Field(False, description="Whether it is sent.")


class SwitchedOn(ComponentConfig):
    """The same, done unless it is switched off."""

    enabled: bool = Field(True, description="Whether it is sent.")


class RemoteWriteQueue(ComponentConfig):
    """`remote_write_queue`."""

    enabled: bool = Field(
        True, description="Whether batches wait in a queue; without it, senders wait for the peer."
    )
    queue_size: int = Field(10_000, ge=1, description="Batches that may wait.")
    num_consumers: int = Field(
        5, ge=1, description="Requests of a batch at once; batches go one after the other."
    )


class RemoteWriteConfig(HttpPostConfig):
    """`exporters::prometheusremotewrite`."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "wal": "set sending_queue::storage to a file_storage extension, which keeps the queue on"
        " disk, instead of remote_write_queue",
        "http": "write its keys beside endpoint",
    }

    endpoint: str = Field(
        description="URL that takes remote write: http://prometheus:9090/api/v1/write."
    )
    protobuf_message: Message = Field(
        Message.V1, description="Version 1.0 (prometheus.WriteRequest) or 2.0 of the protocol."
    )
    namespace: str = Field("", description="Comes before each metric's name.")
    external_labels: dict[str, str] = Field(
        default_factory=dict, description="Labels of every series that has none of the name."
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
    disable_scope_info: bool = Field(
        False, description="Whether the labels otel_scope_… are left out."
    )
    target_info: SwitchedOn = Field(
        default_factory=SwitchedOn, description="The series target_info, of each resource."
    )
    export_created_metric: Switch = Field(
        default_factory=Switch, description="The series …_created, with the start of counters."
    )
    send_metadata: bool = Field(
        False, description="Whether 1.0 sends type, help and unit; 2.0 always does."
    )
    max_batch_size_bytes: int = Field(
        3_000_000, ge=1, description="Size of a request, before compression, that is not exceeded."
    )
    max_batch_request_parallelism: int | None = Field(
        None, ge=1, description="Requests of a batch at once; unset: num_consumers of the queue."
    )
    remote_write_queue: RemoteWriteQueue = Field(
        default_factory=RemoteWriteQueue, description="The queue before the peer, in memory."
    )
    retry_on_failure: RetryConfig = Field(
        default_factory=lambda: RetryConfig.model_validate({"initial_interval": "50ms"}),
        description="What happens after a failed attempt.",
    )
    compression: Literal["snappy"] = Field(
        "snappy", description="Of requests: snappy, which is all that the protocol has."
    )

    _labels = field_validator("external_labels")(checked_labels)

    @field_validator("endpoint")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if not value:
            raise ValueError("endpoint is required: http://host:9090/api/v1/write")
        return checked_url(value)

    @field_validator("headers")
    @classmethod
    def _not_the_protocols(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if name.lower() in FIXED_HEADERS:
                raise ValueError(f"the header {name} is the protocol's to set; remove it")
        return value

    @model_validator(mode="after")
    def _one_queue(self) -> Self:
        if {"sending_queue", "remote_write_queue"} <= self.model_fields_set:
            raise ValueError("sending_queue and remote_write_queue are one queue: set one of them")
        return self

    @property
    def parallel_requests(self) -> int:
        """Requests of a batch at once."""
        if self.max_batch_request_parallelism:
            return self.max_batch_request_parallelism
        if "sending_queue" in self.model_fields_set:
            return self.sending_queue.num_consumers
        return self.remote_write_queue.num_consumers

    @property
    def delivery(self) -> Self:
        """The same with the queue that is meant, for one batch at a time."""
        if "sending_queue" in self.model_fields_set:
            queue = self.sending_queue.model_copy(update={"num_consumers": 1})
        else:
            own = self.remote_write_queue
            queue = QueueConfig(enabled=own.enabled, queue_size=own.queue_size, num_consumers=1)
        return self.model_copy(update={"sending_queue": queue})

    @property
    def translation(self) -> Translation:
        """How metrics become Prometheus's."""
        conversion = self.resource_to_telemetry_conversion
        return Translation(
            namespace=self.namespace,
            strategy=self.translation_strategy or strategy(suffixes=self.add_metric_suffixes),
            scope_labels=not self.disable_scope_info,
            included=conversion.included,
            excluded=conversion.excluded,
            constant_labels=self.external_labels,
            target_info=self.target_info.enabled,
        )
