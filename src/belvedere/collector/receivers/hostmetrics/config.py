"""The configuration of `hostmetrics`."""

from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from belvedere.collector.component import ComponentConfig
from belvedere.collector.duration import Duration, PositiveDuration
from belvedere.collector.receivers.hostmetrics.scrapers.base import ScraperConfig
from belvedere.collector.receivers.hostmetrics.scrapers.cpu import CpuConfig, LoadConfig
from belvedere.collector.receivers.hostmetrics.scrapers.disk import DiskConfig, FilesystemConfig
from belvedere.collector.receivers.hostmetrics.scrapers.memory import MemoryConfig, PagingConfig
from belvedere.collector.receivers.hostmetrics.scrapers.network import NetworkConfig
from belvedere.collector.receivers.hostmetrics.scrapers.process import ProcessConfig
from belvedere.collector.receivers.hostmetrics.scrapers.processes import (
    ProcessesConfig,
    SystemConfig,
)


class Scrapers(ComponentConfig):
    """`scrapers`: those that are written run; `cpu:` alone is enough."""

    cpu: CpuConfig | None = Field(None, description="CPU time.")
    load: LoadConfig | None = Field(None, description="CPU load averages.")
    memory: MemoryConfig | None = Field(None, description="Memory.")
    paging: PagingConfig | None = Field(None, description="Swap and page faults.")
    disk: DiskConfig | None = Field(None, description="Block devices.")
    filesystem: FilesystemConfig | None = Field(None, description="Space and inodes.")
    network: NetworkConfig | None = Field(None, description="Interfaces and TCP connections.")
    processes: ProcessesConfig | None = Field(None, description="Numbers of processes.")
    process: ProcessConfig | None = Field(None, description="Each process.")
    system: SystemConfig | None = Field(None, description="Uptime.")

    @model_validator(mode="before")
    @classmethod
    def _written_is_wanted(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: {} if keys is None else keys for name, keys in value.items()}
        return value

    def chosen(self) -> dict[str, ScraperConfig]:
        """The scrapers that run, by name."""
        return {name: each for name in type(self).model_fields if (each := getattr(self, name))}


class HostMetricsConfig(ComponentConfig):
    """`receivers::hostmetrics`."""

    collection_interval: PositiveDuration = Field(60.0, description="Time between two scrapes.")
    initial_delay: Duration = Field(1.0, description="Time before the first scrape.")
    timeout: Duration = Field(
        0.0, description="Time after which a scrape is given up and told; 0s: none."
    )
    scrapers: Scrapers = Field(description="What is measured: cpu, memory, disk, ...")
    root_path: Path | None = Field(
        None,
        description="Where the machine's root directory is mounted, for a Collector in a container;"
        " the same in all receivers.",
    )
    metadata_collection_interval: None = Field(None, description="Not in this version.")

    @field_validator("metadata_collection_interval", mode="before")
    @classmethod
    def _not_here(cls, value: Any) -> Any:
        if value is not None:
            raise ValueError("entity events are not sent; remove the key")
        return None

    @field_validator("root_path", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return None if value in ("", "/") else value

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.scrapers.chosen():
            names = ", ".join(Scrapers.model_fields)
            raise ValueError(f"scrapers: at least one is required: {names}")
        return self
