"""`file_storage`: a folder in which components keep what outlives the process.

Each component that uses it has a folder of its own below, named as the Collector names its file:
`exporter_otlp_grpc_name`. One process uses a directory at a time.
"""

import asyncio
import fcntl
import os
import re
import sys
import time
from pathlib import Path
from typing import Any, Final

from pydantic import Field, field_validator

from belvedere.collector.component import ComponentConfig, Host
from belvedere.collector.durable_queue import Sync
from belvedere.collector.duration import Duration
from belvedere.collector.errors import ConfigError
from belvedere.collector.registry import Kind, current_name

_DEFAULT: Final = (
    Path(os.environ.get("PROGRAMDATA", "C:/ProgramData")) / "Otelcol" / "FileStorage"
    if sys.platform == "win32"
    else Path("/var/lib/otelcol/file_storage")
)
_LOCK: Final = "lock"
_LOCK_PAUSE_S: Final = 0.05
_NOT_NEEDED: Final = "Changes nothing: what is done is deleted, so files need no compaction."


class CompactionConfig(ComponentConfig):
    """`compaction`, for configurations that have it: segments that are done are deleted."""

    on_start: bool = Field(False, description=_NOT_NEEDED)
    on_rebound: bool = Field(False, description=_NOT_NEEDED)
    directory: Path | None = Field(None, description=_NOT_NEEDED)
    max_transaction_size: int = Field(65536, ge=0, description=_NOT_NEEDED)
    cleanup_on_start: bool = Field(False, description=_NOT_NEEDED)
    rebound_needed_threshold_mib: int = Field(100, ge=0, description=_NOT_NEEDED)
    rebound_trigger_threshold_mib: int = Field(10, ge=0, description=_NOT_NEEDED)
    check_interval: Duration = Field(5.0, description=_NOT_NEEDED)


class FileStorageConfig(ComponentConfig):
    """`extensions::file_storage`."""

    directory: Path = Field(_DEFAULT, description="Where it is; it must exist.")
    create_directory: bool = Field(False, description="Whether the directory is made if need be.")
    directory_permissions: str = Field(
        "0750", description="Permissions of a directory that is made, in octal."
    )
    timeout: Duration = Field(
        1.0, description="How long to wait for another process to leave the directory."
    )
    fsync: bool = Field(
        False,
        description="Whether data is on the device before it is acknowledged: survives a power"
        " loss. Without it, data survives a killed process, and a power loss costs some 50 ms.",
    )
    compaction: CompactionConfig = Field(CompactionConfig(), description=_NOT_NEEDED)
    recreate: bool = Field(
        False, description="Changes nothing: damaged data is told and left out, never the start."
    )

    @field_validator("directory_permissions", mode="before")
    @classmethod
    def _is_octal(cls, value: Any) -> str:
        text = str(value)
        if not re.fullmatch(r"0?[0-7]{3}", text):
            raise ValueError(f"{text!r} are no permissions; write them in octal, like '0750'")
        return text


class FileStorage:
    """Gives components their folders, and keeps other processes out."""

    Config = FileStorageConfig

    def __init__(self, config: FileStorageConfig, host: Host) -> None:
        self._config, self._key = config, f"extensions::{host.component_id}::directory"
        self._lock: int | None = None
        self._users: dict[Path, str] = {}
        self.directory = config.directory
        self.sync = Sync.ALWAYS if config.fsync else Sync.INTERVAL

    async def start(self) -> None:
        """Take the directory.

        Raises:
            ConfigError: it is not there, cannot be used, or another process uses it.
        """
        directory, mode = self.directory, int(self._config.directory_permissions, 8)
        try:
            if self._config.create_directory:
                await asyncio.to_thread(directory.mkdir, mode, parents=True, exist_ok=True)
            self._lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o640)
        except FileNotFoundError:
            raise ConfigError(
                f"there is no directory {directory}",
                key=self._key,
                hint="make it, or set create_directory: true",
            ) from None
        except OSError as error:
            raise ConfigError(
                f"cannot use the directory {directory}: {error.strerror}", key=self._key
            ) from None
        await self._take(self._lock)

    async def shutdown(self) -> None:
        """Leave the directory to others."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def folder(self, kind: Kind, component_id: str) -> Path:
        """See `Storage.folder`. What was kept under an older name of the type is found again.

        Raises:
            ConfigError: another component has it, under another name of the same type.
        """
        type_name, _, name = component_id.partition("/")
        folder = self.directory / f"{kind[:-1]}_{current_name(kind, type_name)}_{_safe(name)}"
        if (other := self._users.setdefault(folder, component_id)) != component_id:
            raise ConfigError(
                f"{component_id} and {other} would keep their data in one folder",
                key=f"{kind}::{component_id}",
                hint=f"their types are one; give this one a name, like {type_name}/2",
            )
        return folder

    async def _take(self, lock: int) -> None:
        deadline_s = time.monotonic() + self._config.timeout
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() >= deadline_s:
                    await self.shutdown()
                    raise ConfigError(
                        f"another process uses the directory {self.directory}",
                        key=self._key,
                        hint="each process needs a directory of its own",
                    ) from None
                await asyncio.sleep(_LOCK_PAUSE_S)
            else:
                return


def _safe(name: str) -> str:
    """A name as part of a file's name: what is not allowed there becomes ~ and its number."""
    return re.sub(r"[^A-Za-z0-9._-]", lambda found: f"~{ord(found[0]):04X}", name)
