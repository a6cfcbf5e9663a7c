"""The verdict of Debian's promtool on files of rules and of their tests."""

import subprocess
from pathlib import Path

from prerequisites import program


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run promtool."""
    return subprocess.run(
        [program("promtool"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
