"""`--alerts`: what is taken, and how the rest is refused."""

import pytest

from belvedere.collector.errors import ConfigError
from belvedere.collector.source import Source
from belvedere.query.labels import Labels
from belvedere.rules.notify.config import load_alerts, parse_matcher
from belvedere.rules.notify.routes import root_route

_GOOD = """
evaluation_interval: 30s
external_labels: {dc: x}
alertmanagers:
- http://a:9093/am
- {url: "http://b:9093", headers: {authorization: "${env:TOKEN}"}}
route:
  receiver: all
  group_by: [alertname]
  routes:
  - {matchers: ['severity="page"'], receiver: pager, group_wait: 5s, continue: true}
  - matchers: [team=~a|b]
    group_by: [...]
    routes: [{matchers: [severity!=page], receiver: team}]
receivers:
- {name: all, webhook_configs: [{url: "http://h/w"}]}
- {name: pager, slack_configs: [{api_url: "http://s/x"}]}
- {name: team, email_configs: [{to: a@b, from: c@d, smarthost: "m:25"}]}
"""


def test_a_file_of_alerts_is_read() -> None:
    config = load_alerts(Source("a.yml", _GOOD), {"TOKEN": "Bearer t"})
    assert config.evaluation_interval == 30_000
    assert [each.url for each in config.alertmanagers] == ["http://a:9093/am", "http://b:9093"]
    assert config.alertmanagers[1].headers == {"authorization": "Bearer t"}
    assert config.receivers[2].email_configs[0].from_ == "c@d"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"x": "y"}, [("all", {"alertname": "A"}, 30_000)]),
        ({"severity": "page"}, [("pager", {"alertname": "A"}, 5_000)]),
        (
            {"severity": "page", "team": "a"},
            [
                ("pager", {"alertname": "A"}, 5_000),
                ("all", {"alertname": "A", "severity": "page", "team": "a"}, 30_000),
            ],
        ),
        ({"team": "b"}, [("team", {"alertname": "A", "team": "b"}, 30_000)]),
        ({"team": "bc"}, [("all", {"alertname": "A"}, 30_000)]),
    ],
)
def test_alerts_go_where_routes_say(
    labels: dict[str, str], expected: list[tuple[str, dict[str, str], int]]
) -> None:
    config = load_alerts(Source("a.yml", _GOOD), {"TOKEN": ""}).route
    assert config is not None
    route = root_route(config)
    alert = Labels({"alertname": "A", **labels})
    found = [
        (each.receiver, each.group_of(alert).to_dict(), each.group_wait_ms)
        for each in route.find(alert)
    ]
    assert found == expected


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("alertmanager: []", 1, "did you mean 'alertmanagers'?"),
        ("alertmanagers: [ftp://x]", 1, "no URL"),
        ("alertmanagers:\n- {url: 'http://x', auth: {authenticator: y}}", 2, "not supported"),
        ("receivers: [{name: a}]", 1, "no route leads to them"),
        ("route: {receiver: tean}\nreceivers: [{name: team}]", 1, "did you mean 'team'?"),
        (
            "route: {receiver: a, routes: [\n {receiver: b}]}\nreceivers: [{name: a}]",
            2,
            "no receiver 'b'",
        ),
        ("route: {}\nreceivers: [{name: a}]", 1, "the route names a receiver"),
        ("route: {receiver: a}\nreceivers: [{name: a}, {name: a}]", 2, "is there twice"),
        ("route: {receiver: a, matchers: [x=y]}\nreceivers: [{name: a}]", 1, "takes all alerts"),
        ("route: {receiver: a, match: {x: y}}\nreceivers: [{name: a}]", 1, "write matchers"),
        (
            "receivers:\n- {name: a, pagerduty_configs: [{routing_key: k}]}",
            2,
            "send to an Alertmanager",
        ),
        (
            "receivers:\n- {name: a, email_configs: [{to: a, from: b, smarthost: c}]}",
            2,
            "write host:port",
        ),
        (
            "route: {receiver: a, routes: [{matchers: [nonsense]}]}\nreceivers: [{name: a}]",
            1,
            "is no matcher",
        ),
        ("route: {receiver: a, group_interval: 0s}\nreceivers: [{name: a}]", 1, "greater than 0"),
        ("external_url: b.example", 1, "no URL"),
        ("alertmanagers:\n- '${env:UNSET}'", 2, "alertmanagers::0: a value is expected"),
        ("alertmanagers:\n- url: ${env:UNSET}", 2, "alertmanagers::0::url: the URL is empty"),
        (
            "receivers:\n- name: a\n  slack_configs:\n  - api_url: ${env:UNSET}",
            4,
            "receivers::0::slack_configs::0::api_url: the URL is empty",
        ),
        (
            "receivers:\n- name: a\n  webhook_configs:\n  - url: ''",
            4,
            "receivers::0::webhook_configs::0::url: the URL is empty",
        ),
        (
            "receivers:\n- name: a\n  email_configs:\n  - {to: a, from: b, smarthost: ''}",
            4,
            "receivers::0::email_configs::0::smarthost: the mail server is empty",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_alerts(Source("a.yml", text), {})
    assert f"a.yml:{line}: " in str(raised.value)
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("text", "matches", "other"),
    [
        ("a=b", "b", "c"),
        ('a = "b c"', "b c", "b"),
        ('a="x\\"y"', 'x"y', "x"),
        ("a!=b", "c", "b"),
        ("a=~b.*", "bcd", "abc"),
        ('a!~"b|c"', "d", "c"),
        ('service.name="x"', "x", ""),
    ],
)
def test_matchers_are_alertmanagers(text: str, matches: str, other: str) -> None:
    matcher = parse_matcher(text)
    assert matcher.matches(matches)
    assert not matcher.matches(other)


@pytest.mark.parametrize("text", ["a", "=b", 'a="', "a=~(", 'a="b"c'])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no matcher"):
        parse_matcher(text)
