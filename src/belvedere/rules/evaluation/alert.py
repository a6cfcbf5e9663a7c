"""One alert: a series of an alerting rule's vector, and what became of it."""

from dataclasses import dataclass
from enum import StrEnum

from belvedere.query.labels import Labels

RESOLVED_RETENTION_MS = 15 * 60_000
"""How long a resolved alert is kept, and told of again and again, as upstream."""


class AlertState(StrEnum):
    """In the order of their weight."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"

    @property
    def weight(self) -> int:
        """A rule is in the heaviest state of its alerts."""
        return list(AlertState).index(self)


@dataclass(slots=True)
class Alert:
    """An alert. Times are Unix milliseconds; None where it did not happen."""

    labels: Labels
    annotations: Labels
    value: float
    """At the last evaluation."""
    active_at_ms: int
    state: AlertState = AlertState.PENDING
    fired_at_ms: int | None = None
    resolved_at_ms: int | None = None
    last_sent_at_ms: int | None = None
    keep_firing_since_ms: int | None = None
    valid_until_ms: int = 0
    """When those who are told may take it for resolved, if they hear no more."""

    def needs_sending(self, at_ms: int, resend_delay_ms: int) -> bool:
        """Whether it is to be told of: it is new, resolved since, or was told of a while ago."""
        if self.state is AlertState.PENDING:
            return False
        sent = self.last_sent_at_ms
        if sent is None:
            return True
        if self.resolved_at_ms is not None and self.resolved_at_ms > sent:
            return True
        return sent + resend_delay_ms < at_ms
