"""`belvedere rules`: output and exit codes are promtool's."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from prerequisites import program

_RULES = """\
groups:
- name: g
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
  - alert: Down
    expr: up == 0
    for: 2m
    labels: {severity: page}
    annotations: {summary: "{{ $labels.job }} is down"}
"""
_DUPLICATE = _RULES + "  - {record: job:up:sum, expr: sum by (job) (up)}\n"
_WRONG = "groups:\n- name: g\n  rules:\n  - {record: a, expr: 'sum(up'}\n  - {alert: B}\n"
_TESTS = """\
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
- name: down
  input_series:
  - {series: 'up{job="a"}', values: '1 0 0 0 0'}
  alert_rule_test:
  - eval_time: 3m
    alertname: Down
    exp_alerts:
    - exp_labels: {job: a, severity: SEVERITY}
      exp_annotations: {summary: a is down}
  promql_expr_test:
  - expr: job:up:sum
    eval_time: 1m
    exp_samples: [{labels: 'job:up:sum{job="a"}', value: 0}]
"""


def _ours(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    code = "from belvedere.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "rules", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _theirs(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program("promtool"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("text", "options"),
    [
        pytest.param(_RULES, [], id="good"),
        pytest.param(_DUPLICATE, [], id="duplicate"),
        pytest.param(_DUPLICATE, ["--lint-fatal"], id="duplicate-fatal"),
        pytest.param(_DUPLICATE, ["--lint=none"], id="duplicate-unseen"),
    ],
)
def test_check_says_what_promtool_says(text: str, options: list[str], tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(text)
    ours, theirs = _ours("check", *options, path), _theirs("check", "rules", *options, path)
    assert (ours.returncode, ours.stdout, ours.stderr) == (
        theirs.returncode,
        theirs.stdout,
        theirs.stderr,
    )


def test_check_says_all_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(_WRONG)
    done = _ours("check", path)
    assert done.returncode == 1 == _theirs("check", "rules", path).returncode
    assert done.stdout == f"Checking {path}\n\n"
    assert re.findall(rf"^{path}:(\d+): .*rule (\d)", done.stderr, re.MULTILINE) == [
        ("4", "1"),
        ("5", "2"),
    ]


@pytest.mark.parametrize("severity", ["page", "ticket"])
def test_test_says_what_promtool_says(severity: str, tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(_RULES)
    path = tmp_path / "tests.yml"
    path.write_text(
        _TESTS.replace("SEVERITY", severity).replace("- name: down", "- name: down\n  interval: 1m")
    )
    ours, theirs = _ours("test", path), _theirs("test", "rules", path)
    assert ours.returncode == theirs.returncode == (severity != "page")
    assert _lines(ours) == _lines(theirs)


def _lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What is said, but for empty lines: how many there are differs by version."""
    return [line for line in (done.stdout + done.stderr).splitlines() if line]


def test_only_tests_that_are_named_run(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(_RULES)
    path = tmp_path / "tests.yml"
    path.write_text(_TESTS.replace("SEVERITY", "ticket"))
    assert _ours("test", "--run=other", path).returncode == 0
    assert _ours("test", "--run=d.wn", path).returncode == 1


def test_without_a_subcommand_there_is_help() -> None:
    done = _ours()
    assert done.returncode == 0
    assert "check" in done.stdout
    assert "test" in done.stdout
