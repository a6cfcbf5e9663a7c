"""Keys of the receiver `prometheus`: few of its own, and Prometheus's configuration."""

from collections import Counter
from collections.abc import Mapping
from typing import ClassVar, Final, Self

from pydantic import Field, field_validator, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.receivers.prometheus.scalars import (
    PositivePromDuration,
    PromDuration,
    PromSize,
    Text,
)
from belvedere.collector.receivers.prometheus.scrape_config import (
    PROTOBUF,
    Protocol,
    ScrapeConfig,
    ScrapeProtocol,
)
from belvedere.prometheus.relabel import search

_NOT_A_RECEIVERS: Final = "the receiver scrapes only, as the official one; remove the key"


class GlobalConfig(ComponentConfig):
    """`config::global`."""

    unsupported: ClassVar[Mapping[str, str]] = PROTOBUF

    scrape_interval: PositivePromDuration = Field(60.0, description="Time between two scrapes.")
    scrape_timeout: PositivePromDuration = Field(10.0, description="How long a scrape may take.")
    scrape_protocols: tuple[ScrapeProtocol, ...] = Field(
        (Protocol.OPENMETRICS_1, Protocol.OPENMETRICS_0, Protocol.TEXT),
        description="Formats to ask for, the best first.",
    )
    evaluation_interval: PromDuration = Field(
        60.0, description="Of rules, which a receiver has none of; without effect."
    )
    rule_query_offset: PromDuration = Field(
        0.0, description="Of rules, which a receiver has none of; without effect."
    )
    query_log_file: str = Field("", description="Of queries; without effect.")
    external_labels: dict[str, Text] = Field(
        default_factory=dict, description="Labels that all series get."
    )
    body_size_limit: PromSize = Field(
        256 << 20, description="Largest answer, 256MB unless it is set; 0: no limit."
    )
    sample_limit: int = Field(0, ge=0, description="Most samples of a scrape; 0: no limit.")
    target_limit: int = Field(0, ge=0, description="Most targets of a job; 0: no limit.")
    label_limit: int = Field(0, ge=0, description="Most labels of a series; 0: no limit.")
    label_name_length_limit: int = Field(
        0, ge=0, description="Longest name of a label, in bytes; 0: no limit."
    )
    label_value_length_limit: int = Field(
        0, ge=0, description="Longest value of a label, in bytes; 0: no limit."
    )
    keep_dropped_targets: int = Field(
        0, ge=0, description="Dropped targets that are shown; 0: all."
    )
    extra_scrape_metrics: bool = Field(
        False, description="Whether scrape_timeout_seconds and others are added."
    )


class PromConfig(ComponentConfig):
    """`config`: what is in a prometheus.yml."""

    unsupported: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            (
                "alerting",
                "otlp",
                "remote_read",
                "remote_write",
                "rule_files",
                "runtime",
                "storage",
                "tracing",
            ),
            _NOT_A_RECEIVERS,
        ),
        "scrape_config_files": "write the jobs under scrape_configs",
    }

    global_: GlobalConfig = Field(
        default_factory=GlobalConfig, alias="global", description="What jobs do not say."
    )
    scrape_configs: tuple[ScrapeConfig, ...] = Field((), description="The jobs.")

    @field_validator("scrape_configs")
    @classmethod
    def _names_differ(cls, value: tuple[ScrapeConfig, ...]) -> tuple[ScrapeConfig, ...]:
        counts = Counter(job.job_name for job in value)
        if twice := [name for name, count in counts.items() if count > 1]:
            raise ValueError(f"the job_name {twice[0]!r} is there twice")
        return value

    @model_validator(mode="after")
    def _timeouts_are_within_intervals(self) -> Self:
        for job in self.scrape_configs:
            interval_s = self.global_.scrape_interval
            if not job.scrape_interval and (job.scrape_timeout or 0) > interval_s:
                raise ValueError(
                    f"scrape_timeout of the job {job.job_name!r} is longer than the global"
                    f" scrape_interval ({interval_s:g} s)"
                )
        return self

    @property
    def jobs(self) -> tuple[ScrapeConfig, ...]:
        """The jobs, with what is global where they say nothing."""
        return tuple(job.completed(self.global_) for job in self.scrape_configs)


class PrometheusReceiverConfig(ComponentConfig):
    """`receivers::prometheus`."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "target_allocator": "there is no client of the operator's allocator; list the targets in"
        " static_configs or file_sd_configs",
        "api_server": "Belvedere's own API answers /api/v1/targets",
        "enable_prometheus_ui_server": "Belvedere's own API answers /api/v1/targets",
        "buffer_period": "scrapes are not buffered; remove the key",
        "buffer_count": "scrapes are not buffered; remove the key",
    }

    config: PromConfig = Field(description="Prometheus's configuration: global, scrape_configs.")
    trim_metric_suffixes: bool = Field(
        False, description="Whether names lose the words of their type and unit."
    )
    use_start_time_metric: bool = Field(
        False, description="Whether counters start when the process did, by a metric of it."
    )
    start_time_metric_regex: str = Field(
        "^process_start_time_seconds$", description="The name of that metric."
    )
    report_extra_scrape_metrics: bool = Field(
        False, description="Whether scrape_timeout_seconds and others are added."
    )

    @field_validator("start_time_metric_regex")
    @classmethod
    def _is_expression(cls, value: str) -> str:
        search(value)
        return value
