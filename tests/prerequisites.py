"""What a machine may lack: the data of `../shared`, the programs of `peers.sh`, a certain port.

Tests that need one of these are skipped without it. CI has them all: there, they fail.
"""

import os
import shutil
import sys
from pathlib import Path
from typing import Final, NoReturn

import pytest

SHARED: Final = Path(__file__).parents[2] / "shared"
"""Data that this project shares with others; a plain clone is without it."""


def missing(what: str) -> NoReturn:
    """Skip the running test, or fail it in CI (the variable CI is `true`)."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}; CI has to have it", pytrace=False)
    pytest.skip(what)


def shared(*parts: str) -> Path:
    """Return the path of a file or folder of `../shared`."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        missing(f"{path} does not exist")
    return path


def program(name: str) -> str:
    """Return the path of a program that `peers.sh` provides."""
    path = shutil.which(name) or shutil.which(name, path=f"{sys.prefix}/peers")
    if path is None:
        missing(f"{name} is not installed (tests/peers.sh gets it where apt-get is)")
    return path
