"""Alertmanager's webhook: JSON of version 4."""

from typing import Any, Final

from belvedere.rules.notify.alert import ToldAlert
from belvedere.rules.notify.config import WebhookConfig
from belvedere.rules.notify.notification import Notification
from belvedere.rules.notify.receivers.posted import Posted
from belvedere.rules.notify.times import rfc3339

_NEVER: Final = "0001-01-01T00:00:00Z"


class WebhookIntegration:
    """See `Integration`."""

    name = "webhook"

    def __init__(self, config: WebhookConfig) -> None:
        """See `WebhookConfig`."""
        self._max_alerts = config.max_alerts
        self.send_resolved = config.send_resolved
        self._posted = Posted(config, config.url, self.name)
        self.start, self.shutdown = self._posted.start, self._posted.shutdown

    async def send(self, notification: Notification) -> None:
        """See `Integration.send`."""
        shown = notification.alerts[: self._max_alerts or None]
        await self._posted(
            {
                "version": "4",
                "groupKey": notification.group_key,
                "truncatedAlerts": len(notification.alerts) - len(shown),
                "status": notification.status,
                "receiver": notification.receiver,
                "groupLabels": notification.group_labels.to_dict(),
                "commonLabels": notification.common_labels.to_dict(),
                "commonAnnotations": notification.common_annotations.to_dict(),
                "externalURL": notification.external_url,
                "alerts": [_form(alert, notification.now_ms) for alert in shown],
            }
        )


def _form(alert: ToldAlert, now_ms: int) -> dict[str, Any]:
    is_firing = alert.is_firing(now_ms)
    return {
        "status": "firing" if is_firing else "resolved",
        "labels": alert.labels.to_dict(),
        "annotations": alert.annotations.to_dict(),
        "startsAt": rfc3339(alert.starts_at_ms),
        "endsAt": _NEVER if is_firing else rfc3339(alert.ends_at_ms),
        "generatorURL": alert.generator_url,
        "fingerprint": alert.fingerprint,
    }
