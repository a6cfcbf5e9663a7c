"""One process at a time owns a data directory, and no other user reads it."""

import fcntl
import os
import stat
from pathlib import Path
from typing import IO

import structlog

from belvedere.store.errors import StoreInUse, StoreUnavailable

log = structlog.get_logger(__name__)


def lock_directory(directory: Path) -> IO[str]:
    """Own `directory`, made if need be, for as long as the returned file is open.

    Its mode becomes 0700, which guards all that lies below.

    The operating system lets go of it when the process ends, however it ends.

    Raises:
        StoreInUse: another process owns it.
        StoreUnavailable: it cannot be written.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _keep_private(directory)
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


def _keep_private(directory: Path) -> None:
    """Take other users' rights away from a directory that is there already, or warn of them."""
    mode = stat.S_IMODE(directory.stat().st_mode)
    if not mode & 0o077:
        return
    problem = "it is shared by all users, as /tmp is"
    if not mode & stat.S_ISVTX:
        try:
            directory.chmod(0o700)
        except OSError as error:  # another user's, or a file system without modes
            problem = str(error.strerror)
        else:
            return
    log.warning(
        "data_directory_not_private",
        directory=str(directory),
        mode=f"{mode:04o}",
        problem=problem,
        hint="other users may read what is stored; give --data-dir a directory of its own",
    )


def _unwritable(directory: Path, error: OSError) -> StoreUnavailable:
    is_file = isinstance(error, FileExistsError | NotADirectoryError)
    reason = "it is a file, or below one" if is_file else error.strerror
    return StoreUnavailable(
        f"cannot write to the data directory {directory}: {reason}; choose another with --data-dir"
    )
