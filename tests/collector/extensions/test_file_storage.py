"""`file_storage`: a directory for one process at a time."""

import stat
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from belvedere.collector.component import Host
from belvedere.collector.errors import ConfigError
from belvedere.collector.extensions.file_storage import FileStorage
from belvedere.collector.storage import Storage


def storage(directory: Path, **config: Any) -> FileStorage:
    given = {"directory": str(directory), **config}
    return FileStorage(FileStorage.Config.model_validate(given), Host("file_storage"))


async def test_makes_its_directory_if_told_to(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    with pytest.raises(ConfigError) as caught:
        await storage(directory).start()
    assert str(caught.value) == (
        f"extensions::file_storage::directory: there is no directory {directory}"
        " (make it, or set create_directory: true)"
    )
    tested = storage(directory, create_directory=True, directory_permissions="0700")
    await tested.start()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert isinstance(tested, Storage)
    await tested.shutdown()


async def test_one_process_at_a_time(tmp_path: Path) -> None:
    first = storage(tmp_path)
    await first.start()
    with pytest.raises(ConfigError, match="another process uses the directory"):
        await storage(tmp_path, timeout="10ms").start()
    await first.shutdown()
    second = storage(tmp_path)
    await second.start()
    await second.shutdown()


async def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot use the directory"):
        await storage(tmp_path / "file", create_directory=True).start()


@pytest.mark.parametrize(
    "config",
    [
        {"timeout": "5s", "fsync": True, "recreate": True},
        {"compaction": {"on_start": True, "directory": "x", "max_transaction_size": 65_536}},
        {"directory_permissions": "0755"},
    ],
    ids=str,
)
def test_keys_of_the_official_one(config: dict[str, Any], tmp_path: Path) -> None:
    storage(tmp_path, **config)


def test_permissions_are_octal(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="'rwx' are no permissions"):
        storage(tmp_path, directory_permissions="rwx")
