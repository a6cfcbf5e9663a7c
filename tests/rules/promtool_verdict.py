"""The verdict of Debian's promtool on files of rules and of their tests."""

import shutil
import subprocess
from pathlib import Path


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run promtool."""
    program = shutil.which("promtool")
    assert program, "these tests need promtool: apt-get install prometheus"
    return subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
