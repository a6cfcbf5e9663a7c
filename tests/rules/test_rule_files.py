"""Rule files: what is taken as it is, and how everything else is refused."""

from pathlib import Path

import pytest
from promtool_verdict import promtool

from belvedere.collector.errors import ConfigError
from belvedere.collector.source import Source
from belvedere.rules.files.read import RuleFileError, load_rule_file, rule_paths

_GOOD = """
groups:
- name: g
  interval: 30s
  query_offset: 1m
  limit: 10
  labels: {team: a}
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
    labels: {version: 1.10, on: true}
  - alert: Down
    expr: up == 0
    for: 5m
    keep_firing_for: 1m
    labels:
    annotations:
      summary: "{{ $labels.instance }} is down"
- name: empty
  rules:
"""


def test_a_rule_file_is_read() -> None:
    file = load_rule_file(Source("r.yml", _GOOD)).file
    group, empty = file.groups
    assert (group.name, group.interval, group.query_offset, group.limit) == (
        "g",
        30_000,
        60_000,
        10,
    )
    recording, alerting = group.rules
    assert (recording.name, recording.labels) == ("job:up:sum", {"version": "1.10", "on": "true"})
    assert (alerting.name, alerting.for_, alerting.keep_firing_for) == ("Down", 300_000, 60_000)
    assert alerting.annotations == {"summary": "{{ $labels.instance }} is down"}
    assert empty.rules == []


def test_an_empty_file_has_no_groups() -> None:
    assert load_rule_file(Source("r.yml", "")).file.groups == []


def _rule(text: str) -> str:
    indented = text.replace("\n", "\n    ")
    return f"groups:\n- name: g\n  rules:\n  - {indented}\n"


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("- a", 1, "a rule file is a mapping with the key groups"),
        ("groups: {", 1, "no valid YAML"),
        ("groups:\n- nme: g", 2, "did you mean 'name'?"),
        ("groups:\n- rules: []", 2, "a name, which must not be empty"),
        ("groups:\n- name: g\n- name: g", 3, 'groupname: "g" is repeated in the same file'),
        ("groups:\n- name: g\n  interval: 5x", 3, 'unknown unit "x"'),
        (_rule("alert: A\nexprr: up"), 5, "did you mean 'expr'?"),
        (_rule("alert: A"), 4, "field 'expr' must be set in rule"),
        (_rule("expr: up"), 4, "one of 'record' or 'alert' must be set"),
        (_rule("expr: up\nalert: a\nrecord: b"), 6, "only one of 'record' and 'alert' must be set"),
        (_rule("alert: A\nexpr: up{"), 5, "could not parse expression: 1:4: parse error"),
        (_rule("record: a{b}\nexpr: up"), 4, "braces present in the recording rule name"),
        (_rule("record: a\nexpr: up\nfor: 1m"), 6, "invalid field 'for' in recording rule"),
        (_rule("alert: A\nexpr: up\nlabels: {__name__: x}"), 6, "invalid label name: __name__"),
        (
            _rule("alert: A\nexpr: up\nannotations:\n  a: '{{ nope }}'"),
            7,
            'annotation "a": template: __alert_A:1: function "nope" not defined',
        ),
        (_rule("alert: A\nexpr: up\nexpr: up"), 6, "this key is there twice"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    text: str, line: int, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "r.yml"
    path.write_text(text)
    with pytest.raises(RuleFileError) as raised:
        load_rule_file(Source.file(path))
    assert f"{path}:{line}: " in str(raised.value)
    assert problem in str(raised.value)
    assert promtool("check", "rules", path).returncode == 1


def test_all_problems_of_a_file_are_said() -> None:
    text = _rule("alert: A\nexpr: up{\nlabels: {__name__: x}\nannotations: {b: '{{'}")
    with pytest.raises(RuleFileError) as raised:
        load_rule_file(Source("r.yml", text))
    assert len(raised.value.problems) == 3
    assert str(raised.value).count("\n") == 2


def test_globs_may_match_nothing_and_names_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text("")
    (tmp_path / "a.yml").write_text("")
    found = rule_paths([str(tmp_path / "b.yml"), str(tmp_path / "*.yml"), str(tmp_path / "no*")])
    assert [path.name for path in found] == ["b.yml", "a.yml"]
    with pytest.raises(ConfigError, match="there is no such rule file"):
        rule_paths([str(tmp_path / "c.yml")])
