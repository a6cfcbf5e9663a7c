"""The files of Prometheus's own tests, and the runner itself."""

import subprocess
import sys
from pathlib import Path

import pytest
from prerequisites import shared

ROOT = Path(__file__).parents[3]
RUNNER = ROOT / "conformance" / "promql" / "main.py"


def run(*files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(RUNNER), *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_all_given_files_pass() -> None:
    files = sorted(shared("conformance", "promqltest").glob("*.test"))
    assert files
    done = run(*files)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("script", "table", "reason"),
    [
        (
            'load 1m\n  m{a="1"} 1+1x3\n\neval instant at 2m m\n  m{a="1"} 3\n',
            "1      1      0",
            "",
        ),
        (
            (
                "load 1m\n  m{a='1'}@st -50s -20sx1 _ -10s-20sx1\n  m{a='1'} 5x5\n\n"
                "eval range from 0 to 5m step 1m start_timestamp(m)\n"
                "  {a='1'} -50 40 100 0 230 270\n"
            ),
            "1      1      0",
            "",
        ),
        (
            "load 1m\n  m 1 2\n\neval range from 0 to 1m step 1m m\n  m 1 3\n",
            "1      0      1",
            'expected 3.0 for {__name__="m"} at 60000 ms, got 2.0',
        ),
        (
            "eval instant at 0 1 + 1\n  3\n",
            "1      0      1",
            "expected scalar 3.0, got 2.0",
        ),
        (
            "load 1m\n  m 1\n\neval instant at 0 m\n",
            "1      0      1",
            'unexpected series {__name__="m"}: 1.0 @ 0 ms',
        ),
        (
            "eval instant at 0 m\n  m 1\n",
            "1      0      1",
            'expected series {__name__="m"} not found',
        ),
        (
            "eval instant at 0 sum(\n  expect fail msg: unexpected end\n",
            "1      0      1",
            "expected error unexpected end, got: 1:5: parse error: unclosed left parenthesis",
        ),
        (
            "load 1m\n  m 1 2\n\neval instant at 1m rate(m[5m])\n  expect no_info\n  {} 1\n",
            "1      0      1",
            "unexpected info: PromQL info: metric might not be a counter",
        ),
        (
            (
                "load 1m\n  m{a='1'} 1\n  m{a='2'} 2\n\neval instant at 0 sort(m)\n"
                "  expect ordered\n  m{a='2'} 2\n  m{a='1'} 1\n"
            ),
            "1      0      1",
            'expected {__name__="m", a="1"} at position 2, got 1',
        ),
    ],
    ids=[
        "pass",
        "start times",
        "value",
        "scalar",
        "surplus",
        "missing",
        "error",
        "annotation",
        "order",
    ],
)
def test_the_runner_tells_what_is_wrong(
    tmp_path: Path, script: str, table: str, reason: str
) -> None:
    path = tmp_path / "own.test"
    path.write_text(script)
    done = run(path)
    assert done.returncode == (1 if reason else 0)
    assert f"own.test {table:>20}" in done.stdout, done.stdout + done.stderr
    assert reason in done.stdout


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("lode 1m\n", "own.test:1: invalid command 'lode 1m'"),
        (
            "\nload 1m\n  m 1 x\n",
            'own.test:2: expected a value, a sequence or a histogram, got "x"',
        ),
        ("load 1m\n  m@st 1m+x\n  m 1\n", "own.test:1: invalid start time '1m+x'"),
        ("load 1m\n  m@st -1m\n  m 1 2\n", "own.test:1: expected after start times as many"),
        ("load 1m\n  m@st -1m\n  n 1\n", "own.test:1: expected after start times as many"),
        ("load 1m\n  m@st -1m\n", "own.test:1: expected after start times as many"),
        ("eval instant at 0 m\n  expect nothing\n", "invalid expect statement 'expect nothing'"),
    ],
)
def test_the_runner_names_the_line_that_is_not_in_the_language(
    tmp_path: Path, script: str, message: str
) -> None:
    path = tmp_path / "own.test"
    path.write_text(script)
    done = run(path)
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"eval instant at 0 1\n  1\n\nlode 1m\n", "bad.test:4: invalid command 'lode 1m'"),
        (b"eval instant at 0 \xff\n", "bad.test: 'utf-8' codec can't decode"),
        (None, "no such file: "),
    ],
    ids=["language", "encoding", "missing"],
)
def test_the_other_files_run_if_one_is_unreadable(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    bad, good = tmp_path / "bad.test", tmp_path / "good.test"
    if content is not None:
        bad.write_bytes(content)
    good.write_text("eval instant at 0 1 + 1\n  2\n")
    done = run(bad, good)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "good.test      1      1      0" in done.stdout


def test_the_runner_needs_its_files(tmp_path: Path) -> None:
    done = run(tmp_path / "none.test")
    assert done.returncode == 2
    assert "no such file" in done.stderr
