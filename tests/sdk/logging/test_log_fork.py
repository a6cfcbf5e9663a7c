"""Children that are forked while other threads log: no deadlock, no line lost or doubled."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

PROGRAM = Path(__file__).parent / "fork_program.py"


def test_forked_children_log(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", str(PROGRAM), str(tmp_path / "out")],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.stdout == "20\n"
    said = {f"{kind} {n}" for kind in ("structlog", "logging") for n in range(20)}
    printed = Counter(json.loads(line)["event"] for line in run.stderr.splitlines())
    exported = Counter((tmp_path / "out").read_text().splitlines())
    for lines in (printed, exported):
        assert {event: count for event, count in lines.items() if event != "chatter"} == (
            dict.fromkeys(said, 1)
        )
