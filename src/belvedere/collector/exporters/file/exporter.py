"""The component `file`."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeVar

import structlog
from pydantic import Field, field_validator, model_validator

from belvedere.collector.component import ComponentConfig, Host
from belvedere.collector.duration import Duration
from belvedere.collector.errors import ConfigError, Retryable
from belvedere.collector.exporters.file.encoding import encoder, is_lines
from belvedere.collector.exporters.file.grouped import GroupByConfig, GroupedFiles
from belvedere.collector.exporters.file.rotating import RotatingFile, RotationConfig
from belvedere.collector.registry import Kind
from belvedere.internal_telemetry import EXPORTER_SEND_FAILED, EXPORTER_SENT
from belvedere.otlp.batch import Batch

log = structlog.get_logger(__name__)

_T = TypeVar("_T")

_RETRY_AFTER_S = 5.0
"""What a sender is told when the file cannot be written."""


class FileConfig(ComponentConfig):
    """`exporters::file`."""

    path: Path = Field(description="The file; with group_by, the * in it is replaced.")
    append: bool = Field(
        False,
        description="Whether what is in the file at the start stays; with rotation it always does.",
    )
    rotation: RotationConfig | None = Field(
        None, description="When a new file is begun, and which old ones are kept; absent: never."
    )
    format: Literal["json", "proto"] = Field("json", description="OTLP/JSON, or OTLP messages.")
    compression: Literal["zstd", ""] = Field(
        "", description="Compression of each batch: zstd, or none."
    )
    flush_interval: Duration = Field(
        1.0,
        description="How often what is written is forced to the device (fsync); 0s: before each"
        " batch is accepted.",
    )
    create_directory: bool = Field(
        False, description="Whether the file's directory is made where it is missing."
    )
    directory_permissions: str = Field(
        "0755", pattern=r"^0?[0-7]{3}$", description="Permissions of that directory, octal."
    )
    group_by: GroupByConfig = Field(
        GroupByConfig(),
        description="A file for each value of a resource attribute, without rotation; its"
        " directories are made.",
    )
    encoding: None = Field(
        None, description="An extension that encodes instead of format; there is none here."
    )

    @field_validator("encoding", mode="before")
    @classmethod
    def _not_here(cls, value: Any) -> Any:
        if value is not None:
            raise ValueError("this version does not have it; use format: json or format: proto")
        return None

    @field_validator("group_by", mode="before")
    @classmethod
    def _absent_is_off(cls, value: Any) -> Any:
        return GroupByConfig() if value is None else value

    @field_validator("path")
    @classmethod
    def _some_path(cls, value: Path) -> Path:
        if not value.name:
            raise ValueError("the path of a file is required")
        return value

    @model_validator(mode="after")
    def _one_asterisk(self) -> Self:
        if self.group_by.enabled:
            path = str(self.path)
            if path.count("*") != 1:
                raise ValueError("path must contain exactly one * when group_by is enabled")
            if path.startswith("*"):
                raise ValueError("path must not start with * when group_by is enabled")
        return self

    @model_validator(mode="after")
    def _append_alone(self) -> Self:
        for key in ("rotation", "compression"):
            if self.append and getattr(self, key):
                raise ValueError(f"append and {key} do not go together")
        return self


class FileExporter:
    """Writes each batch before it accepts it.

    Accepted means written to the file: it survives the end of this process. A machine that loses
    its power may lose what came in the last `flush_interval`.
    """

    Config = FileConfig
    durable: ClassVar = True

    def __init__(
        self, config: FileConfig, host: Host, *, now_s: Callable[[], float] = time.time
    ) -> None:
        self._config, self._id = config, host.component_id
        self._encode = encoder(config.format, config.compression)
        groups = config.group_by.enabled
        rotation = None if groups else config.rotation
        if groups and config.rotation:
            # As upstream, where it is documented and silent.
            log.warning("key_without_effect", component=self._id, key="rotation", with_="group_by")

        def make(path: Path, truncates: bool) -> RotatingFile:  # noqa: FBT001 - see GroupedFiles
            lines = is_lines(config.format, config.compression)
            return RotatingFile(path, lines, truncates, rotation, now_s)

        truncates = not (config.append or rotation)
        self._file = make(config.path, truncates)
        self._groups = (
            GroupedFiles(
                config.path,
                config.group_by,
                make=make,
                encode=self._encode,
                truncates=truncates,
                directory_mode=int(config.directory_permissions, 8),
            )
            if groups
            else None
        )
        # One thread: a caller that is cancelled leaves no half-written batch to the next one.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=self._id)
        self._is_running = False
        self._syncing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the file; those of group_by are opened when there is something to write.

        Raises:
            ConfigError: that cannot be.
        """
        config = self._config
        try:
            if self._groups is None:
                if config.create_directory:
                    mode = int(config.directory_permissions, 8)
                    config.path.parent.mkdir(mode, parents=True, exist_ok=True)
                self._file.open()
        except OSError as error:
            raise ConfigError(
                f"{config.path} cannot be opened: {error.strerror}",
                key=f"{Kind.EXPORTER}::{self._id}::path",
                hint="the directory must exist, or set create_directory: true"
                if isinstance(error, FileNotFoundError)
                else "",
            ) from error
        self._file.truncates = False  # when it is opened again, after a rotation
        self._is_running = True
        if config.flush_interval:
            self._syncing = asyncio.create_task(self._sync_again_and_again())

    async def consume(self, batch: Batch) -> None:
        """Returns when the batch is written.

        Raises:
            Retryable: the disk is full, or the exporter does not run.
        """
        if not self._is_running:
            raise Retryable(f"{self._id} is not running")
        try:
            dropped = await self._in_thread(self._write, batch)
        except OSError as error:
            EXPORTER_SEND_FAILED[batch.signal].labels(self._id).inc(batch.items)
            raise Retryable(
                f"{self._config.path} cannot be written: {error.strerror}",
                after_s=_RETRY_AFTER_S,
            ) from error
        EXPORTER_SENT[batch.signal].labels(self._id).inc(batch.items - dropped)
        if dropped:
            EXPORTER_SEND_FAILED[batch.signal].labels(self._id).inc(dropped)

    async def shutdown(self) -> None:
        """Force all to the device and close the file."""
        self._is_running = False
        syncing, self._syncing = self._syncing, None
        if syncing:
            syncing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await syncing
        try:
            await self._in_thread((self._groups or self._file).close)
        except OSError as error:
            self._tell(error)

    def _write(self, batch: Batch) -> int:
        """Write a batch, and return the number of items that are dropped."""
        dropped = 0
        if self._groups:
            dropped = self._groups.append(batch)
        else:
            self._file.append(self._encode(batch))
        if not self._config.flush_interval:
            (self._groups or self._file).sync()
        return dropped

    async def _sync_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(self._config.flush_interval)
            try:
                await self._in_thread((self._groups or self._file).sync)
            except OSError as error:
                self._tell(error)

    async def _in_thread(self, call: Callable[..., _T], *arguments: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)

    def _tell(self, error: OSError) -> None:
        log.error(
            "not_forced_to_the_device",
            component=self._id,
            path=str(self._config.path),
            error=error.strerror,
        )
