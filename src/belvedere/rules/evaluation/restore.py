"""The states of alerts before the last stop, from `ALERTS_FOR_STATE`, as upstream restores them."""

from typing import Final

import numpy as np

from belvedere.query.labels import METRIC_NAME
from belvedere.query.promql.matcher import Matcher, MatchOp
from belvedere.query.promql.source import Source
from belvedere.query.samples import STALE_BITS
from belvedere.rules.evaluation.alert import Alert
from belvedere.rules.evaluation.alerting import ALERT_NAME, FOR_STATE, AlertingRule

OUTAGE_TOLERANCE_MS: Final = 3_600_000
"""States that are older are not restored."""
GRACE_PERIOD_MS: Final = 600_000
"""After a restart no alert fires before, unless it fired before the stop or waits for less."""


def restore(rule: AlertingRule, source: Source, at_ms: int) -> None:
    """Set since when the alerts of a rule are active; from then on the rule writes its states.

    Raises:
        PromQLError: states cannot be read; the rule counts as restored nevertheless.
        StoreError: likewise.
    """
    rule.restored = True
    hold_ms = rule.config.for_
    if hold_ms < GRACE_PERIOD_MS:
        return
    matchers = [
        Matcher(METRIC_NAME, MatchOp.EQUAL, FOR_STATE),
        Matcher(ALERT_NAME, MatchOp.EQUAL, rule.name),
    ]
    samples = source.select(matchers, at_ms - OUTAGE_TOLERANCE_MS, at_ms)
    last = {labels: int(samples.offsets[row + 1]) - 1 for row, labels in enumerate(samples.labels)}
    for alert in rule.alerts:
        at = last.get(rule.for_state_labels(alert))
        if at is None or samples.values[at : at + 1].view(np.uint64)[0] == STALE_BITS:
            continue
        value = float(samples.values[at])
        _restore(alert, int(value * 1000), int(samples.timestamps_ms[at]), hold_ms, at_ms)


def _restore(alert: Alert, active_at_ms: int, down_at_ms: int, hold_ms: int, at_ms: int) -> None:
    remaining_ms = hold_ms - (down_at_ms - active_at_ms)
    if remaining_ms <= 0:  # it fired, and goes on
        alert.active_at_ms = active_at_ms
    elif remaining_ms < GRACE_PERIOD_MS:
        alert.active_at_ms = at_ms + GRACE_PERIOD_MS - hold_ms
    else:  # the time that nobody looked does not count
        alert.active_at_ms = active_at_ms + (at_ms - down_at_ms)
