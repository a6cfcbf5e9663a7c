"""How far files were read, on disk."""

import base64
import binascii
import os
from collections.abc import Iterable
from pathlib import Path

import orjson

from belvedere.collector.errors import ConfigError
from belvedere.collector.receivers.filelog.files import FileState


class Checkpoints:
    """One JSON file in a folder, which is replaced as a whole."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "checkpoints.json"

    def load(self) -> list[FileState]:
        """What was saved last; nothing before the first time.

        Raises:
            ConfigError: the file is none of ours, or cannot be read.
        """
        try:
            saved = orjson.loads(self._path.read_bytes())["files"]
            return [
                FileState(
                    file["path"],
                    base64.b64decode(file["fingerprint"]),
                    file["offset"],
                    file["device"],
                    file["inode"],
                    file["records"],
                )
                for file in saved
            ]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConfigError(f"{self._path} cannot be read: {error.strerror}") from error
        except (orjson.JSONDecodeError, binascii.Error, KeyError, TypeError) as error:
            raise ConfigError(
                f"{self._path} is no file of checkpoints",
                hint="move it away: files are then read as start_at says",
            ) from error

    def save(self, files: Iterable[tuple[FileState, int]]) -> None:
        """Replace what was saved; each file with the offset up to which it was delivered.

        Raises:
            OSError: it cannot be written; what was saved before is still there.
        """
        content = {
            "files": [
                {
                    "path": state.path,
                    "fingerprint": base64.b64encode(state.fingerprint).decode(),
                    "offset": offset,
                    "device": state.device,
                    "inode": state.inode,
                    "records": state.records,
                }
                for state, offset in files
            ]
        }
        self._path.parent.mkdir(mode=0o750, exist_ok=True)
        new = self._path.with_name(f"{self._path.name}.new")
        with new.open("wb") as file:
            file.write(orjson.dumps(content))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
