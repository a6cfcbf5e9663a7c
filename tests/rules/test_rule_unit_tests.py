"""Unit tests of rules have the verdict, and the words, of Debian's promtool."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from promtool_verdict import promtool

from belvedere.collector.errors import ConfigError
from belvedere.query.promql.engine import EngineOptions
from belvedere.rules.unit_tests.run import UnitTests

_RULES = """\
groups:
- name: states
  rules:
  - alert: Pending
    expr: level > 3
    for: 3m
    labels: {severity: page, empty: '{{ $labels.nothing }}'}
    annotations: {at: '{{ $value }} in {{ $externalLabels.dc }}'}
  - alert: Kept
    expr: level > 3
    keep_firing_for: 2m
- name: chain
  rules:
  - {record: first, expr: level * 2}
  - {record: second, expr: first + 1, labels: {room: here, added: x}}
- name: limited
  limit: 1
  rules:
  - {record: few, expr: 'level{room="a"}'}
"""
_TOO_MANY = _RULES.replace('level{room="a"}', 'label_replace(level, "x", "y", "", "") or level')
_TOO_MANY_ALERTS = "groups: [{name: g, limit: 1, rules: [{alert: A, expr: '{room=~\".+\"}'}]}]"
_SAME = "groups: [{name: g, rules: [{record: a, expr: '{room=~\".+\"}'}]}]"
_BAD = "groups: [{name: g, rules: [{record: a, expr: 'sum('}]}]"
_LEVEL = [
    {"series": 'level{room="a"}', "values": "1 5 5 5 5 1 5 1 1 1 1 stale _ 1"},
    {"series": 'other{room="a"}', "values": "1x5"},
]


def _alerts(name: str, eval_time: str, *expected: dict[str, Any]) -> dict[str, Any]:
    test = {"eval_time": eval_time, "alertname": name, "exp_alerts": list(expected)}
    return {"alert_rule_test": [test]}


def _query(expr: str, eval_time: str, *expected: tuple[str, float]) -> dict[str, Any]:
    samples = [{"labels": labels, "value": value} for labels, value in expected]
    return {"promql_expr_test": [{"expr": expr, "eval_time": eval_time, "exp_samples": samples}]}


_PENDING = {
    "exp_labels": {"room": "a", "severity": "page"},
    "exp_annotations": {"at": "5 in x"},
}
_OTHER = {**_PENDING, "exp_labels": {"room": "a", "severity": "ticket"}}
_KEPT = {"exp_labels": {"room": "a"}}
_SECOND = ('second{room="here", added="x"}', 11)
_ALERTS = (
    'ALERTS{alertname="Pending",alertstate="firing",room="a",severity="page",'
    'empty="{{ $labels.nothing }}"}'
)
_CASES: dict[str, tuple[bool, dict[str, Any], dict[str, Any], str]] = {
    # id: (passes, test, other keys of the file, rules)
    "pending": (True, _alerts("Pending", "3m"), {}, _RULES),
    "firing": (True, _alerts("Pending", "4m", _PENDING), {}, _RULES),
    "firing, between evaluations": (True, _alerts("Pending", "4m30s", _PENDING), {}, _RULES),
    "firing, not expected": (False, _alerts("Pending", "4m"), {}, _RULES),
    "firing, other label": (False, _alerts("Pending", "4m", _OTHER), {}, _RULES),
    "pending, expected firing": (False, _alerts("Pending", "2m", _PENDING), {}, _RULES),
    "resolved": (True, _alerts("Pending", "5m"), {}, _RULES),
    "kept": (True, _alerts("Kept", "8m", _KEPT), {}, _RULES),
    "kept no longer": (True, _alerts("Kept", "9m"), {}, _RULES),
    "no alert's name": (False, _alerts("", "9m"), {}, _RULES),
    "recorded": (True, _query("second", "1m", _SECOND), {}, _RULES),
    "recorded, other value": (False, _query("first", "1m", ('first{room="a"}', 11.5)), {}, _RULES),
    "recorded, not expected": (False, _query("first", "1m"), {}, _RULES),
    "ended": (True, _query("first", "11m"), {}, _RULES),
    "scalar": (True, _query("1 + 1", "1m", ("{}", 2)), {}, _RULES),
    "not equal in the last bit": (False, _query("0.1 + 0.2", "1m", ("{}", 0.3)), {}, _RULES),
    "ALERTS": (True, _query("ALERTS{alertname='Pending'}", "4m", (_ALERTS, 1)), {}, _RULES),
    "ALERTS_FOR_STATE": (
        True,
        _query(
            "ALERTS_FOR_STATE{alertname='Kept'}",
            "4m",
            ('ALERTS_FOR_STATE{alertname="Kept",room="a"}', 60),
        ),
        {},
        _RULES,
    ),
    "bad query": (False, _query("sum(", "1m"), {}, _RULES),
    "too many series": (False, _query("few", "1m"), {}, _TOO_MANY),
    "too many alerts": (False, _alerts("A", "1m"), {}, _TOO_MANY_ALERTS),
    "series that become the same": (False, _query("a", "1m"), {}, _SAME),
    "order": (
        True,
        _query("second", "1m", _SECOND),
        {"group_eval_order": ["chain", "states", "limited"]},
        _RULES,
    ),
    "order, twice": (
        False,
        _query("second", "1m", _SECOND),
        {"group_eval_order": ["chain", "chain"]},
        _RULES,
    ),
    "half minutes": (
        True,
        _alerts("Pending", "4m", _PENDING),
        {"evaluation_interval": "30s"},
        _RULES,
    ),
    "unknown key": (False, _query("second", "1m", _SECOND), {"nonsense": 1}, _RULES),
    "no rule file": (False, _query("second", "1m", _SECOND), {"rule_files": ["no.yml"]}, _RULES),
    "bad rules": (False, _query("1", "1m", ("{}", 1)), {}, _BAD),
}


def _written(directory: Path, test: dict[str, Any], keys: dict[str, Any], rules: str) -> Path:
    (directory / "rules.yml").write_text(rules)
    path = directory / "tests.yml"
    group = {"interval": "1m", "input_series": _LEVEL, "external_labels": {"dc": "x"}, **test}
    path.write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "tests": [group], **keys}))
    return path


def _ours(path: Path) -> list[str]:
    try:
        tests = UnitTests(path, EngineOptions())
    except ConfigError as error:
        return [str(error)]
    found, _ = tests.rule_files()
    return asyncio.run(tests.run(found))


@pytest.mark.parametrize("name", _CASES)
def test_the_verdict_is_promtools(name: str, tmp_path: Path) -> None:
    passes, test, keys, rules = _CASES[name]
    path = _written(tmp_path, test, keys, rules)
    theirs, ours = promtool("test", "rules", path), _ours(path)
    assert (theirs.returncode == 0, not ours) == (passes, passes), (ours, theirs.stderr)
    if "exp:" in theirs.stderr:
        said = theirs.stderr.split("FAILED:\n")[1]
        assert "\n".join(ours).strip() == said.strip()


def test_the_last_bit_does_not_matter_where_comparison_is_fuzzy(tmp_path: Path) -> None:
    test = _query("0.1 + 0.2", "1m", ("{}", 0.3))
    assert not _ours(_written(tmp_path, test, {"fuzzy_compare": True}, _RULES))
    test = _query("0.1 + 0.2", "1m", ("{}", 0.30001))
    assert _ours(_written(tmp_path, test, {"fuzzy_compare": True}, _RULES))


def test_native_histograms_are_compared(tmp_path: Path) -> None:
    histogram = "{{schema:0 sum:3 count:2 buckets:[1 1]}}"
    series = [{"series": "h", "values": "{{schema:0 sum:1.5 count:1 buckets:[0.5 0.5]}}x3"}]
    test = _query("h * 2", "1m")
    test["promql_expr_test"][0]["exp_samples"] = [{"labels": "{}", "histogram": histogram}]
    assert not _ours(_written(tmp_path, {**test, "input_series": series}, {}, _RULES))
    test["promql_expr_test"][0]["exp_samples"][0]["histogram"] = histogram.replace("sum:3", "sum:4")
    assert _ours(_written(tmp_path, {**test, "input_series": series}, {}, _RULES))


def test_time_may_begin_elsewhere(tmp_path: Path) -> None:
    test = _query("time()", "1m", ("{}", 1_700_000_060))
    begin = {"start_timestamp": "2023-11-14T22:13:20Z"}
    assert not _ours(_written(tmp_path, {**test, **begin}, {}, _RULES))


_TEMPLATES = (
    *(
        "{{ $value }} {{ $labels }} {{ .Labels.room }}",
        "{{ 1e21 }} {{ 1e-7 }} {{ 'x' }} {{ 0b11 }}",
    ),
    *("{{ gt $value 1 }}", "{{ if and (gt $value 1.0) $labels.room }}a{{ else }}b{{ end }}"),
    *(
        '{{ range query "level" }}{{ .Value }}{{ .Labels.room }}{{ end }}',
        '{{ query "no" | first }}',
    ),
    *("{{- /* c */ -}} x", "a {{- 1 }} {{ 2 -}} b", "{{ with $labels.no }}a{{ else }}b{{ end }}"),
    *('{{ define "t" }}<{{ . }}>{{ end }}{{ template "t" $value }}', "{{ len $labels }}"),
    *('{{ printf "%8.3f|%-8s|%+d|%x|%t|%q|%v|%T|%d" $value "s" 5 "hi" true "q" nil 1.5 "x" }}',),
    *(
        '{{ print 1 2 "a" "b" 3.0 4 }}',
        '{{ println "a" 1 }}',
        '{{ html "<&>" }}',
        '{{ js "<\'>" }}',
    ),
    *("{{ humanize 123456.0 }} {{ humanize1024 123456.0 }} {{ humanizePercentage 0.123 }}",),
    *("{{ humanizeDuration 12345.6 }} {{ humanizeDuration 0.00012 }} {{ humanize 1e-9 }}",),
    *("{{ humanizeTimestamp 1e9 }} {{ toTime 1.25 }}", '{{ parseDuration "1h5m" }}'),
    *('{{ title "some words here" }} {{ toUpper "a" }} {{ toLower "B" }}', '{{ humanize "12k" }}'),
    *('{{ reReplaceAll "(l)(o)" "${2}$1$$" "hello" }}', '{{ match "l+" "hello" }}'),
    *('{{ stripPort "a:1" }} {{ stripPort "[::1]:2" }} {{ stripDomain "a.b:3" }}',),
    *('{{ graphLink "a b" }} {{ tableLink "up{x=\'y\'}" }}', '{{ index $labels "room" }}'),
    *("{{ index $labels 1 }}", "{{ slice `abc` 1 2 }}", "{{ (args 1 `b`).arg1 }} {{ args 2 }}"),
    *("{{ eq 1 1.0 }}", "{{ eq `a` `b` `a` }}", "{{ lt `a` `b` }}", "{{ not 0 }} {{ or 0 `x` }}"),
    *("{{ $x := 1 }}{{ range $i, $v := $labels }}{{ $x = $i }}{{ end }}{{ $x }}",),
    *("{{ range $i, $e := query `level` }}{{ $i }}{{ if $e }}{{ break }}{{ end }}{{ end }}",),
    *("{{ toUpper 1 }}", "{{ $labels.a.b }}", "{{ nil }}", "{{ true }} {{ `raw` | len }}"),
    *("{{ label `room` (query `level` | first) }} {{ query `level` | first | value }}",),
    *("{{ range query `level` | sortByLabel `room` }}{{ . | label `room` }}{{ end }}",),
    *("{{ (toTime 3.5).Format `Mon Jan _2 15:04:05.00 2006 PM` }}", "{{ (toTime 0).Unix }}"),
    *("{{ urlquery `a b/c` }}", "{{ safeHtml `<b>` }}", "{{ template `nope` }}", "{{ 1 2 }}"),
    *('{{ "\\u00e9\\x41\\101\\n" }}', "{{ block `b` 1 }}{{ . }}{{ end }}", "{{ 010 }} {{ 0x1F }}"),
)


def test_templates_say_what_promtools_say(tmp_path: Path) -> None:
    """All of them at once, in annotations of one alert that nobody expects."""
    annotations = {f"t{at:03d}": text for at, text in enumerate(_TEMPLATES)}
    rule = {"alert": "A", "expr": "level * 1.5", "annotations": annotations}
    rules = yaml.safe_dump({"groups": [{"name": "g", "rules": [rule]}]})
    path = _written(tmp_path, _alerts("A", "0m"), {}, rules)
    theirs, ours = promtool("test", "rules", path).stderr, _ours(path)[0]
    assert len(_annotations(theirs)) == len(_TEMPLATES)
    for one, other in zip(_annotations(ours), _annotations(theirs), strict=True):
        # What errors say of the place differs in parts.
        assert one == other or (_FAILED in one and _FAILED in other)


_FAILED = "<error expanding template"


def _annotations(text: str) -> list[str]:
    line = next(line for line in text.splitlines() if "Annotations:" in line)
    return re.split(r", (?=t\d{3}=)", line)
