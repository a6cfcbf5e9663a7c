"""The alert rules that are shipped pass their unit tests, in Prometheus and in Belvedere."""

import subprocess
import sys
from pathlib import Path

import pytest

RULES = Path(__file__).parents[2] / "deploy" / "rules"


@pytest.mark.parametrize(
    "command",
    [
        ["promtool", "test", "rules"],
        [sys.executable, "-c", "from belvedere.cli.main import main; main()", "rules", "test"],
    ],
    ids=["promtool", "belvedere"],
)
@pytest.mark.parametrize("file", sorted(RULES.glob("*_test.yml")), ids=lambda file: file.name)
def test_unit_tests_of_the_rules(command: list[str], file: Path) -> None:
    done = subprocess.run(
        [*command, file.name], cwd=RULES, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
