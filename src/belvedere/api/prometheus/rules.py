"""Rules and alerts: `/rules`, `/alerts`, `/alertmanagers`."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from belvedere.api.auth import caller
from belvedere.api.prometheus.answers import BadData, answering, success
from belvedere.api.prometheus.parameters import Parameters
from belvedere.api.state import AppState
from belvedere.query.go_format import format_e, quote
from belvedere.query.labels import Labels
from belvedere.query.promql.matcher import Matcher
from belvedere.rules.evaluation.alert import Alert
from belvedere.rules.evaluation.alerting import AlertingRule
from belvedere.rules.evaluation.group import Group
from belvedere.rules.evaluation.rule import Rule

_NEVER: Final = "0001-01-01T00:00:00Z"
_TYPES: Final = {"": None, "alert": "alerting", "record": "recording"}
_TRUE: Final = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE: Final = frozenset(("0", "f", "F", "FALSE", "false", "False"))


def routes(state: AppState) -> list[BaseRoute]:
    """The routes of this file."""

    async def rules(request: Request) -> Response:
        parameters = await Parameters.of(request)
        groups = state.rule_groups(caller(request, state).project)
        select, with_alerts = _selection(parameters), not _truth(parameters, "exclude_alerts")
        limit, token = _page(parameters)
        found = _from_token(groups, token)
        shown: list[dict[str, Any]] = []
        answer: dict[str, Any] = {"groups": shown}
        for group in found:
            chosen = [rule for rule in group.rules if select(group, rule)]
            if not chosen:
                continue
            if limit and len(shown) == limit:
                answer["groupNextToken"] = _token(group)
                break
            shown.append(_group(group, chosen, with_alerts=with_alerts))
        return success(answer)

    async def alerts(request: Request) -> Response:
        groups = state.rule_groups(caller(request, state).project)
        return success(
            {
                "alerts": [
                    _alert(alert)
                    for group in groups
                    for rule in group.rules
                    for alert in _active(rule)
                ]
            }
        )

    async def alertmanagers(request: Request) -> Response:
        caller(request, state)
        active = [{"url": url} for url in state.alertmanagers()]
        return success({"activeAlertmanagers": active, "droppedAlertmanagers": []})

    return [
        Route("/api/v1/rules", answering(rules)),
        Route("/api/v1/alerts", answering(alerts)),
        Route("/api/v1/alertmanagers", answering(alertmanagers)),
    ]


def _selection(parameters: Parameters) -> Callable[[Group, Rule], bool]:
    """Whether a rule is asked for."""
    type_ = parameters.text("type").lower()
    if type_ not in _TYPES:
        raise BadData(f'invalid parameter "type": not supported value {quote(type_)}')
    names, groups, files = (
        set(parameters.texts(name)) for name in ("rule_name[]", "rule_group[]", "file[]")
    )
    selectors = parameters.selectors()

    def selects(group: Group, rule: Rule) -> bool:
        return (
            (not type_ or rule.type_name == _TYPES[type_])
            and (not names or rule.name in names)
            and (not groups or group.name in groups)
            and (not files or group.file in files)
            and (not selectors or any(_match(matchers, rule.labels) for matchers in selectors))
        )

    return selects


def _match(matchers: Iterable[Matcher], labels: Labels) -> bool:
    return all(matcher.matches(labels.get(matcher.name)) for matcher in matchers)


def _truth(parameters: Parameters, name: str) -> bool:
    text = parameters.text(name)
    if text and text not in _TRUE | _FALSE:
        reason = f"strconv.ParseBool: parsing {quote(text)}: invalid syntax"
        raise BadData(f"invalid parameter {quote(name)}: {reason}")
    return text in _TRUE


def _page(parameters: Parameters) -> tuple[int, str]:
    """How many groups (0: all), and the token of the first one (empty: none)."""
    limit, token = parameters.text("group_limit"), parameters.text("group_next_token")
    if token and not limit:
        raise BadData(
            'invalid parameter "group_next_token": group_limit needs to be present in order to'
            " paginate over the groups"
        )
    if not limit:
        return 0, ""
    if not limit.isascii() or not limit.isdigit():
        raise BadData('invalid parameter "group_limit": group_limit needs to be a valid number')
    if int(limit) == 0:
        raise BadData('invalid parameter "group_limit": group_limit needs to be greater than 0')
    return int(limit), token


def _token(group: Group) -> str:
    return hashlib.sha1(f"{group.file};{group.name}".encode(), usedforsecurity=False).hexdigest()


def _from_token(groups: Sequence[Group], token: str) -> Sequence[Group]:
    if not token:
        return groups
    for at, group in enumerate(groups):
        if _token(group) == token:
            return groups[at:]
    raise BadData(
        f"invalid parameter \"group_next_token\": invalid group_next_token '{token}'."
        " were rule groups changed?"
    )


def _group(group: Group, rules: Sequence[Rule], *, with_alerts: bool) -> dict[str, Any]:
    return {
        "name": group.name,
        "file": group.file,
        "rules": [_rule(rule, with_alerts=with_alerts) for rule in rules],
        "interval": group.interval_ms / 1000,
        "limit": group.config.limit,
        "evaluationTime": group.evaluation_s,
        "lastEvaluation": _time(group.evaluated_at_s),
    }


def _rule(rule: Rule, *, with_alerts: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if isinstance(rule, AlertingRule):
        shown = {
            "state": str(rule.state),
            "duration": rule.config.for_ / 1000,
            "keepFiringFor": rule.config.keep_firing_for / 1000,
            "annotations": dict(sorted(rule.config.annotations.items())),
            "alerts": [_alert(alert) for alert in _active(rule)] if with_alerts else [],
        }
    if rule.last_error:
        shown["lastError"] = rule.last_error
    return shown | {
        "name": rule.name,
        "labels": rule.labels.to_dict(),
        "query": rule.expression,
        "health": str(rule.health),
        "evaluationTime": rule.evaluation_s,
        "lastEvaluation": _time(rule.evaluated_at_s),
        "type": rule.type_name,
    }


def _active(rule: Rule) -> list[Alert]:
    return [alert for alert in rule.alerts if alert.resolved_at_ms is None]


def _alert(alert: Alert) -> dict[str, Any]:
    shown = {
        "labels": alert.labels.to_dict(),
        "annotations": alert.annotations.to_dict(),
        "state": str(alert.state),
        "activeAt": _time(alert.active_at_ms / 1000),
        "value": format_e(alert.value),
    }
    if alert.keep_firing_since_ms is not None:
        shown["keepFiringSince"] = _time(alert.keep_firing_since_ms / 1000)
    return shown


def _time(time_s: float | None) -> str:
    if time_s is None:
        return _NEVER
    return datetime.fromtimestamp(time_s, UTC).isoformat().replace("+00:00", "Z")
