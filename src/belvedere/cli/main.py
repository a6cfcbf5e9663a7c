"""The command `belvedere`: whatever happens, its user sees a sentence and no traceback."""

import errno
import os
import sys
from typing import Final, NoReturn

from belvedere.installation import install_command

_DEBUG: Final = "BELVEDERE_DEBUG"
_DEVICE_ERRORS: Final = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG}
"""What a disk, and no bug, is to blame for."""
_NOT_INSTALLED: Final = """\
belvedere: the server and the command line are not installed ({name} is missing).
Install them with: {command}"""


def main() -> None:
    """Run the command line in `sys.argv`, and exit with its code."""
    if sys.argv[1:2] == ["run"]:  # of the base install, and what the program raises is its own
        from belvedere.cli.run import run  # noqa: PLC0415 - the SDK, which no other command needs

        run(sys.argv[2:])
        return
    try:
        _run(sys.argv[1:])
    except KeyboardInterrupt:  # also while modules are loaded
        sys.exit(130)
    except ModuleNotFoundError as error:
        if _wanted(error) or error.name is None or error.name.startswith("belvedere"):
            raise
        _exit(_NOT_INSTALLED.format(name=error.name, command=install_command("server")))


def _run(arguments: list[str]) -> None:
    from belvedere.cli.app import build  # noqa: PLC0415 - needs typer, which may be missing
    from belvedere.cli.errors import CliError  # noqa: PLC0415 - see above
    from belvedere.collector.errors import CollectorError  # noqa: PLC0415 - see above
    from belvedere.store.errors import StoreError  # noqa: PLC0415 - see above

    try:
        build(arguments)(arguments or ["--help"], prog_name="belvedere")
    except CliError as error:
        _exit(f"belvedere: {error}" + (f"\n{error.hint}" if error.hint else ""))
    except (CollectorError, StoreError) as error:
        _exit(f"belvedere: {error}")
    except ModuleNotFoundError:
        raise
    except Exception as error:
        if _wanted(error):
            raise
        if isinstance(error, OSError) and error.errno in _DEVICE_ERRORS:
            where = f" ({error.filename})" if error.filename else ""
            _exit(f"belvedere: cannot write: {error.strerror}{where}")
        _exit(
            f"belvedere: internal error: {type(error).__name__}: {error}\n"
            f"This is a bug; please report it. {_DEBUG}=1 shows where it happened."
        )


def _wanted(_: Exception) -> bool:
    """Whether the user asked for tracebacks."""
    return bool(os.environ.get(_DEBUG))


def _exit(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(1)
