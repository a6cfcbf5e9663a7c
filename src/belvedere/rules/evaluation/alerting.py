"""An alerting rule: each series of its vector is an alert, which is pending, fires, is resolved."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

import structlog

from belvedere.query.histogram.native import NativeHistogram
from belvedere.query.labels import METRIC_NAME, Labels
from belvedere.rules.evaluation.alert import RESOLVED_RETENTION_MS, Alert, AlertState
from belvedere.rules.evaluation.rule import Rule, RuleError
from belvedere.rules.evaluation.vector import Query, VectorSample
from belvedere.rules.template.errors import TemplateError
from belvedere.rules.template.expand import expand
from belvedere.rules.template.functions import Surroundings
from belvedere.rules.template.values import AlertData, Sample, StringMap

log = structlog.get_logger(__name__)

ALERTS: Final = "ALERTS"
FOR_STATE: Final = "ALERTS_FOR_STATE"
ALERT_NAME: Final = "alertname"
ALERT_STATE: Final = "alertstate"


@dataclass(slots=True)
class AlertingRule(Rule):
    """See `Rule`.

    Attributes:
        external_labels: For templates.
        external_url: Where users find this server, for templates.
        restored: The states of before the last stop are restored: from then on states are
            written.
        active: Labels → alert.
    """

    type_name: ClassVar[str] = "alerting"

    external_labels: Mapping[str, str] = field(default_factory=dict)
    external_url: str = ""
    restored: bool = True
    active: dict[Labels, Alert] = field(default_factory=dict)

    @property
    def alerts(self) -> Sequence[Alert]:
        """All alerts, those that are resolved as well."""
        return list(self.active.values())

    @property
    def state(self) -> AlertState:
        """The heaviest state of its alerts."""
        states = (alert.state for alert in self.alerts)
        return max(states, key=lambda state: state.weight, default=AlertState.INACTIVE)

    def evaluate(
        self, query: Query, at_ms: int, *, query_offset_ms: int, limit: int
    ) -> list[VectorSample]:
        """See `Rule.evaluate`."""
        queried_ms = at_ms - query_offset_ms
        found: dict[Labels, Alert] = {}
        for sample in query(self.expression, queried_ms):
            alert = self._alert(sample, lambda text: query(text, queried_ms), at_ms)
            if alert.labels in found:
                raise RuleError(
                    "vector contains metrics with the same labelset after applying alert labels"
                )
            found[alert.labels] = alert
        # Copies change, so that whoever lists alerts meanwhile sees no half of an evaluation.
        active = dict(self.active)
        for labels, alert in found.items():
            known = active.get(labels)
            if known is None or known.state is AlertState.INACTIVE:
                active[labels] = alert
            else:
                known.value, known.annotations = alert.value, alert.annotations
        going_on = [
            alert
            for labels, alert in list(active.items())
            if self._goes_on(active, labels, alert, at_ms, is_there=labels in found)
        ]
        if limit and len(going_on) > limit:
            self.active = {}
            raise RuleError(f"exceeded limit of {limit} with {len(going_on)} alerts")
        self.active = active
        if not self.restored:
            return []
        return [sample for alert in going_on for sample in self._samples(alert)]

    def for_state_labels(self, alert: Alert) -> Labels:
        """The series of `ALERTS_FOR_STATE` that holds since when the alert is active."""
        return self._series(alert, {METRIC_NAME: FOR_STATE})

    def _goes_on(
        self,
        active: dict[Labels, Alert],
        labels: Labels,
        alert: Alert,
        at_ms: int,
        *,
        is_there: bool,
    ) -> bool:
        """Whether the alert is pending or firing, after it has taken its next state."""
        config = self.config
        if is_there:
            alert.keep_firing_since_ms = None
        else:
            keeps = False
            if alert.state is AlertState.FIRING and config.keep_firing_for:
                if alert.keep_firing_since_ms is None:
                    alert.keep_firing_since_ms = at_ms
                keeps = at_ms - alert.keep_firing_since_ms < config.keep_firing_for
            resolved = alert.resolved_at_ms
            if alert.state is AlertState.PENDING or (
                resolved is not None and at_ms - resolved > RESOLVED_RETENTION_MS
            ):
                del active[labels]
            if not keeps:
                if alert.state is not AlertState.INACTIVE:
                    alert.state, alert.resolved_at_ms = AlertState.INACTIVE, at_ms
                return False
        if alert.state is AlertState.PENDING and at_ms - alert.active_at_ms >= config.for_:
            alert.state, alert.fired_at_ms = AlertState.FIRING, at_ms
        elif alert.state is AlertState.FIRING and at_ms - alert.active_at_ms < config.for_:
            # The rule was changed, and waits longer now.
            alert.state = AlertState.PENDING
            alert.fired_at_ms = alert.last_sent_at_ms = alert.keep_firing_since_ms = None
        return True

    def _alert(
        self, sample: VectorSample, query: Callable[[str], list[VectorSample]], at_ms: int
    ) -> Alert:
        data = AlertData(
            StringMap(sample.labels.to_dict()),
            StringMap(self.external_labels),
            self.external_url,
            sample.value,
        )
        around = Surroundings(
            lambda text: [
                Sample(StringMap(each.labels.to_dict()), each.value) for each in query(text)
            ],
            at_ms,
            self.external_url,
        )

        def expanded(text: str) -> str:
            try:
                return expand(self.name, text, data, around)
            except TemplateError as error:
                log.warning("alert_template_failed", alert=self.name, error=str(error))
                return f"<error expanding template: {error}>"

        labels = sample.labels.to_dict()
        labels.pop(METRIC_NAME, None)
        labels |= {name: expanded(text) for name, text in self.labels}
        annotations = {name: expanded(text) for name, text in self.config.annotations.items()}
        return Alert(
            Labels({**labels, ALERT_NAME: self.name}),
            Labels(annotations),
            0.0 if isinstance(sample.value, NativeHistogram) else sample.value,
            at_ms,
        )

    def _samples(self, alert: Alert) -> list[VectorSample]:
        state = {METRIC_NAME: ALERTS, ALERT_STATE: str(alert.state)}
        return [
            VectorSample(self._series(alert, state), 1.0),
            VectorSample(self.for_state_labels(alert), float(alert.active_at_ms // 1000)),
        ]

    def _series(self, alert: Alert, more: Mapping[str, str]) -> Labels:
        # Upstream starts from the labels of the rule: where one of them became empty for the
        # alert, its template is the label's value.
        return Labels({**dict(self.labels), **dict(alert.labels), **more, ALERT_NAME: self.name})
