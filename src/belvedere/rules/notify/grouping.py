"""A group of alerts of one route: what is due, and when. Times are Unix milliseconds."""

from collections.abc import Sequence

from belvedere.query.labels import Labels
from belvedere.rules.notify.alert import ToldAlert
from belvedere.rules.notify.routes import Route


class AlertGroup:
    """Alerts that are told of together, and what was told of them before. Alertmanager's rules."""

    def __init__(self, route: Route, labels: Labels) -> None:
        """A group without alerts."""
        self.route, self.labels = route, labels
        self._alerts: dict[Labels, ToldAlert] = {}
        self._told_firing: frozenset[Labels] = frozenset()
        self._told_resolved: frozenset[Labels] = frozenset()
        self._told_at_ms: int | None = None

    def __len__(self) -> int:
        return len(self._alerts)

    @property
    def key(self) -> str:
        """As Alertmanager names it in webhooks."""
        return f"{self.route.key}:{self.labels}"

    def put(self, alert: ToldAlert) -> None:
        """Take the newest state of an alert."""
        self._alerts[alert.labels] = alert

    def __contains__(self, labels: Labels) -> bool:
        return labels in self._alerts

    def due(self, now_ms: int, *, send_resolved: bool) -> list[ToldAlert] | None:
        """The alerts of a message that is due now; None where none is.

        Without an alert there is nothing to be sent, but to be remembered: see `told`.

        Args:
            now_ms: Now.
            send_resolved: Whether those who are told want to hear of resolved alerts.
        """
        alerts = sorted(
            self._alerts.values(), key=lambda alert: (not alert.is_firing(now_ms), alert.labels)
        )
        firing, resolved = _split(alerts, now_ms)
        if not send_resolved:
            alerts = [alert for alert in alerts if alert.is_firing(now_ms)]
        if self._told_at_ms is None:
            return alerts if firing else None
        if not firing:
            return alerts if self._told_firing else None
        is_new = not firing <= self._told_firing
        is_over = self._told_at_ms + self.route.repeat_interval_ms <= now_ms
        if is_new or is_over or (send_resolved and not resolved <= self._told_resolved):
            return alerts
        return None

    def told(self, alerts: Sequence[ToldAlert], now_ms: int) -> None:
        """Remember that a message of these alerts was sent."""
        self._told_firing, self._told_resolved = _split(alerts, now_ms)
        self._told_at_ms = now_ms

    def resolved(self, now_ms: int) -> list[ToldAlert]:
        """The alerts that are resolved."""
        return [alert for alert in self._alerts.values() if not alert.is_firing(now_ms)]

    def forget(self, alerts: Sequence[ToldAlert]) -> None:
        """Forget alerts, but for those of which something new is known."""
        for alert in alerts:
            if self._alerts.get(alert.labels) is alert:
                del self._alerts[alert.labels]


def _split(alerts: Sequence[ToldAlert], now_ms: int) -> tuple[frozenset[Labels], frozenset[Labels]]:
    firing = frozenset(alert.labels for alert in alerts if alert.is_firing(now_ms))
    return firing, frozenset(alert.labels for alert in alerts) - firing
