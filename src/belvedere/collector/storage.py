"""What components ask of a storage extension, which they find by its id in `Host.extensions`."""

from pathlib import Path
from typing import Protocol, runtime_checkable

from belvedere.collector.component import Host
from belvedere.collector.durable_queue import Sync
from belvedere.collector.errors import ConfigError
from belvedere.collector.registry import Kind


@runtime_checkable
class Storage(Protocol):
    """A folder that outlives the process."""

    sync: Sync
    """When data is to be forced to the device."""

    def folder(self, kind: Kind, component_id: str) -> Path:
        """The component's own folder; whoever uses it makes it. It exists after `start` alone."""
        ...


def find_storage(storage_id: str, host: Host, kind: Kind, key: str) -> Storage:
    """The storage extension of that id.

    Args:
        storage_id: as the configuration names it.
        host: of the component that asks.
        kind: of that component.
        key: where in the component's configuration it stands.

    Raises:
        ConfigError: no storage of that id runs.
    """
    extension = host.extensions.get(storage_id)
    if isinstance(extension, Storage):
        return extension
    running = ", ".join(sorted(host.extensions)) or "nothing"
    raise ConfigError(
        f"no extension {storage_id!r} stores anything",
        key=f"{kind}::{host.component_id}::{key}",
        hint=f"configure file_storage and name it in service::extensions, which has {running}",
    )
