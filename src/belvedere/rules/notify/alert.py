"""An alert as those who are told see it."""

from collections.abc import Mapping
from dataclasses import dataclass

from belvedere.otlp.fnv import FNV64_OFFSET, fnv1a_64
from belvedere.query.labels import Labels
from belvedere.rules.evaluation.alert import Alert
from belvedere.rules.evaluation.rule import Rule
from belvedere.rules.template.functions import table_link


@dataclass(frozen=True, slots=True)
class ToldAlert:
    """An alert at one time. Times are Unix milliseconds."""

    labels: Labels
    annotations: Labels
    starts_at_ms: int
    ends_at_ms: int
    """Of one that fires: when it counts as resolved if nothing more is heard of it."""
    generator_url: str

    def is_firing(self, now_ms: int) -> bool:
        """Whether it is not resolved."""
        return self.ends_at_ms > now_ms

    @property
    def fingerprint(self) -> str:
        """Prometheus's hash of the labels."""
        state = FNV64_OFFSET
        for name, value in self.labels:
            state = fnv1a_64(name.encode(errors="surrogateescape") + b"\xff", state)
            state = fnv1a_64(value.encode(errors="surrogateescape") + b"\xff", state)
        return f"{state:016x}"


def told(
    rule: Rule, alert: Alert, external_labels: Mapping[str, str], external_url: str
) -> ToldAlert:
    """The alert of a rule. Its own labels go before the external ones."""
    resolved_ms = alert.resolved_at_ms
    return ToldAlert(
        Labels({**external_labels, **dict(alert.labels)}),
        alert.annotations,
        alert.fired_at_ms or alert.active_at_ms,
        alert.valid_until_ms if resolved_ms is None else resolved_ms,
        external_url + table_link(rule.expression),
    )
