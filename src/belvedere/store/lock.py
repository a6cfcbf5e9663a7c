"""One process at a time owns a data directory."""

import fcntl
import os
from pathlib import Path
from typing import IO

from belvedere.store.errors import StoreInUse, StoreUnavailable


def lock_directory(directory: Path) -> IO[str]:
    """Own `directory`, made if need be, for as long as the returned file is open.

    The operating system lets go of it when the process ends, however it ends.

    Raises:
        StoreInUse: another process owns it.
        StoreUnavailable: it cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / "lock").open("a+")
    except OSError as error:
        raise _unwritable(directory, error) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise StoreInUse(
            f"the data directory {directory} is in use by process {owner};"
            " stop that one, or choose another directory with --data-dir"
        ) from None
    try:
        os.ftruncate(file.fileno(), 0)
        os.write(file.fileno(), str(os.getpid()).encode())
    except OSError as error:
        file.close()
        raise _unwritable(directory, error) from error
    return file


def _unwritable(directory: Path, error: OSError) -> StoreUnavailable:
    is_file = isinstance(error, FileExistsError | NotADirectoryError)
    reason = "it is a file, or below one" if is_file else error.strerror
    return StoreUnavailable(
        f"cannot write to the data directory {directory}: {reason}; choose another with --data-dir"
    )
