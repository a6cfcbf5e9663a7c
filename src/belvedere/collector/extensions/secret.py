"""A secret of the configuration: written there, or in a file that is read again when it changes."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from belvedere.collector.errors import ConfigError

log = structlog.get_logger(__name__)

_LOOK_EVERY_S: Final = 1.0


class Secret:
    """A text; a file wins over what is written. The file is looked at once a second at most."""

    def __init__(
        self, written: str, file: Path | None, *, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._text, self._file, self._now_s = written, file, now_s
        self._looked_s = float("-inf")
        self._version: tuple[int, int, int] | None = None

    def read(self, key: str) -> None:
        """Read the file, where there is one.

        Raises:
            ConfigError: it cannot be read; `key` is named.
        """
        try:
            self._read()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ConfigError(f"cannot read {self._file}: {reason}", key=key) from None

    @property
    def text(self) -> str:
        """The text now, without white space around it; the last one if the file is gone."""
        if self._file and self._now_s() - self._looked_s >= _LOOK_EVERY_S:
            try:
                self._read()
            except (OSError, UnicodeDecodeError) as error:
                log.warning("secret_not_read", path=str(self._file), error=str(error))
        return self._text

    def _read(self) -> None:
        if self._file is None:
            return
        self._looked_s = self._now_s()
        status = self._file.stat()
        version = (status.st_mtime_ns, status.st_size, status.st_ino)
        if version != self._version:
            self._text = self._file.read_text(encoding="utf-8").strip()
            self._version = version
