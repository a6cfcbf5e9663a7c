"""Counters of rules and notifications: Prometheus's own names, with the project beside them."""

import contextlib

from prometheus_client import Counter, Gauge

from belvedere.internal_telemetry import REGISTRY

_GROUP = ("project", "rule_group")


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(name, text, labels, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(name, text, labels, registry=REGISTRY)


EVALUATIONS = _counter("prometheus_rule_evaluations", "Rule evaluations.", *_GROUP)
EVALUATION_FAILURES = _counter(
    "prometheus_rule_evaluation_failures", "Rule evaluations that failed.", *_GROUP
)
ITERATIONS = _counter(
    "prometheus_rule_group_iterations",
    "Scheduled evaluations of groups, whether executed or missed.",
    *_GROUP,
)
ITERATIONS_MISSED = _counter(
    "prometheus_rule_group_iterations_missed",
    "Evaluations of groups that were missed, because the one before took too long.",
    *_GROUP,
)
INTERVAL_S = _gauge("prometheus_rule_group_interval_seconds", "Interval of a group.", *_GROUP)
RULES = _gauge("prometheus_rule_group_rules", "Rules of a group.", *_GROUP)
LAST_EVALUATION_S = _gauge(
    "prometheus_rule_group_last_evaluation_timestamp_seconds",
    "When the group was evaluated last.",
    *_GROUP,
)
LAST_DURATION_S = _gauge(
    "prometheus_rule_group_last_duration_seconds",
    "How long the group's last evaluation took.",
    *_GROUP,
)
LAST_SAMPLES = _gauge(
    "prometheus_rule_group_last_evaluation_samples",
    "Samples that the group's last evaluation gave.",
    *_GROUP,
)
_OF_A_GROUP = (
    *(EVALUATIONS, EVALUATION_FAILURES, ITERATIONS, ITERATIONS_MISSED, INTERVAL_S, RULES),
    *(LAST_EVALUATION_S, LAST_DURATION_S, LAST_SAMPLES),
)

NOTIFICATIONS_SENT = _counter(
    "prometheus_notifications_sent", "Alerts sent to an Alertmanager.", "alertmanager"
)
NOTIFICATIONS_ERRORS = _counter(
    "prometheus_notifications_errors",
    "Alerts that could not be sent to an Alertmanager.",
    "alertmanager",
)
NOTIFICATIONS_DROPPED = _counter(
    "prometheus_notifications_dropped",
    "Alerts that were dropped, because the queue of an Alertmanager or of the receivers is full.",
    "alertmanager",
)
NOTIFICATIONS_QUEUE_LENGTH = _gauge(
    "prometheus_notifications_queue_length", "Alerts that wait to be sent.", "alertmanager"
)
RECEIVER_NOTIFICATIONS = _counter(
    "alertmanager_notifications", "Notifications sent by receivers.", "receiver", "integration"
)
RECEIVER_NOTIFICATIONS_FAILED = _counter(
    "alertmanager_notifications_failed",
    "Notifications that receivers could not send.",
    "receiver",
    "integration",
)


def forget_group(project: str, key: str) -> None:
    """Take away the counters of a group that is gone."""
    for metric in _OF_A_GROUP:
        with contextlib.suppress(KeyError):  # it was not counted yet
            metric.remove(project, key)
