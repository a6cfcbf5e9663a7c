"""Rules in a real `belvedere up`: recorded series, a real Alertmanager, states after a restart."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import yaml
from real_alertmanager import RealAlertmanager
from running_server import TIMEOUT_S, RunningServer

from belvedere.prometheus.model import Series, labels_of
from belvedere.prometheus.remote_write import v2
from belvedere.prometheus.remote_write.snappy import compress
from belvedere.query.labels import Labels
from belvedere.rules.notify.alert import ToldAlert

_RULES = """
groups:
- name: recorded
  interval: 1s
  rules:
  - {record: now, expr: vector(time())}
  - {record: now:again, expr: now, labels: {by: rule}}
- name: alerts
  interval: 1s
  rules:
  - alert: Low
    expr: level < 5
    labels: {severity: page}
    annotations: {summary: "{{ $labels.room }} is at {{ $value }}"}
  - alert: Long
    expr: level
    for: 1h
"""
_LONG = {"alertname": "Long", "room": "a"}


def _write(server: RunningServer, *series: tuple[dict[str, str], float, float]) -> None:
    """Labels, time in seconds, value."""
    written = [
        Series(labels_of(labels), samples=[(round(time_s * 1000), value)])
        for labels, time_s, value in series
    ]
    content_type = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
    httpx.post(
        f"{server.api}/prometheus/api/v1/write",
        content=compress(v2.encode(written)),
        headers={"content-type": content_type, "content-encoding": "snappy"},
    ).raise_for_status()


def _asked(server: RunningServer, path: str, **params: str) -> Any:
    answer = httpx.get(f"{server.api}/prometheus/api/v1/{path}", params=params, timeout=TIMEOUT_S)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def _when(find: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + TIMEOUT_S
    while not (found := find()):
        assert time.monotonic() < deadline, what
        time.sleep(0.2)
    return found


def _alert(server: RunningServer, name: str) -> dict[str, Any] | None:
    alerts = _asked(server, "alerts")["alerts"]
    return next((alert for alert in alerts if alert["labels"]["alertname"] == name), None)


def test_rules_record_alert_and_remember(
    start_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    rules, alerts = tmp_path / "rules.yml", tmp_path / "alerts.yml"
    rules.write_text(_RULES)
    before = start_server()
    now_s = time.time()
    # As a server leaves it that was stopped a minute ago, with an alert pending since 50 minutes.
    # The alert's series is there, too: states are restored once, soon after the start.
    for_state = {"__name__": "ALERTS_FOR_STATE", **_LONG}
    level = {"__name__": "level", "room": "a"}
    _write(before, (for_state, now_s - 60, now_s - 3000), (level, now_s, 3.0))
    before.stop()
    with RealAlertmanager(tmp_path / "alertmanager") as alertmanager:
        alerts.write_text(f"alertmanagers: ['{alertmanager.url}']\nexternal_labels: {{dc: x}}\n")
        server = start_server("--rules", str(tmp_path / "rul*.yml"), "--alerts", str(alerts))

        (told,) = _when(alertmanager.alerts, "Alertmanager hears of no alert")
        assert told["labels"] == {"alertname": "Low", "room": "a", "severity": "page", "dc": "x"}
        assert told["annotations"] == {"summary": "a is at 3"}
        assert told["generatorURL"].startswith(f"{server.api}/prometheus/graph?g0.expr=level")
        assert (
            ToldAlert(Labels(told["labels"]), Labels(), 0, 0, "").fingerprint == told["fingerprint"]
        )
        low = _alert(server, "Low")
        assert low is not None
        assert (low["state"], low["value"]) == ("firing", "3e+00")

        def restored() -> bool:
            long = _alert(server, "Long")
            return long is not None and long["activeAt"] < _rfc3339(now_s - 2800)

        _when(restored, "the state of before the restart is not restored")

        # A rule sees what the one before it recorded at the same time.
        _when(
            lambda: _asked(server, "query", query="count_over_time(now:again[1m]) > 3")["result"],
            "nothing is recorded",
        )
        (last,) = _asked(server, "query", query="timestamp(now:again)")["result"]
        end_s = float(last["value"][1])  # at this time both are written
        asked = {"start": str(end_s - 5), "end": str(end_s), "step": "1"}
        query = "now:again - ignoring(by) now"
        (series,) = _asked(server, "query_range", query=query, **asked)["result"]
        assert {value for _, value in series["values"]} == {"0"}
        shown = _asked(server, "query", query='ALERTS{alertstate="firing"}')["result"]
        assert [each["metric"]["alertname"] for each in shown] == ["Low"]

        _write(server, (level, time.time(), 7.0))
        _when(lambda: _alert(server, "Low") is None, "the alert is not resolved")
        _when(lambda: not alertmanager.alerts(), "Alertmanager hears of no resolved alert")
        _when(
            lambda: not _asked(server, "query", query='ALERTS{alertname="Low"}')["result"],
            "the series of the alert does not end",
        )

        rules.write_text(_RULES.replace("alert: Low", "alert: Lower"))
        status = httpx.get(f"{server.api}/api/status", timeout=TIMEOUT_S).json()
        assert status["rules"] == {"groups": 2, "rules": 4, "firing": 0}
        assert "4 in 2 groups" in server.said
        os.kill(server.process.pid, signal.SIGHUP)
        _when(
            lambda: _asked(server, "rules", **{"rule_name[]": "Lower"})["groups"],
            "SIGHUP does not read the rules again",
        )
        metrics = httpx.get(f"{server.api}/metrics").text
        assert (
            f'prometheus_rule_evaluations_total{{project="default",rule_group="{rules};alerts"}}'
            in metrics
        )
        code, errors = server.stop()
        assert (code, errors) == (0, "")


def test_rules_that_are_not_there_are_told_of_and_may_come_later(
    start_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    pattern, rules = str(tmp_path / "late*.yml"), tmp_path / "late.yml"
    server = start_server("--rules", pattern)
    assert f"0 in 0 groups (no file matches {pattern})" in server.said
    link = httpx.get(f"{server.api}/prometheus/graph?g0.expr=1%2B1&g0.tab=1", follow_redirects=True)
    assert link.json()["data"]["result"][1] == "2"

    def groups() -> set[str]:
        return {group["name"] for group in _asked(server, "rules")["groups"]}

    rules.write_text(_RULES)
    os.kill(server.process.pid, signal.SIGHUP)
    _when(lambda: groups() == {"alerts", "recorded"}, "SIGHUP does not read what came later")
    rules.write_text("groups: [{name: reloaded, rules: [{record: a, expr: '1'}]}]")
    assert httpx.post(f"{server.api}/prometheus/-/reload").status_code == 200
    assert groups() == {"reloaded"}
    rules.write_text("groups: [{nam: x}]")
    assert httpx.post(f"{server.api}/prometheus/-/reload").status_code == 500
    assert groups() == {"reloaded"}
    config = _asked(server, "status/config")["yaml"]
    assert yaml.safe_load(config)["rule_files"] == [pattern]
    _, errors = server.stop()
    assert "no_rule_file_matches" in errors


def _rfc3339(time_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time_s))
