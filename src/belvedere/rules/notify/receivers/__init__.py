"""Ways to tell somebody: each file has one."""

from belvedere.rules.notify.config import ReceiverConfig
from belvedere.rules.notify.notification import Integration
from belvedere.rules.notify.receivers.email import EmailIntegration
from belvedere.rules.notify.receivers.slack import SlackIntegration
from belvedere.rules.notify.receivers.webhook import WebhookIntegration

__all__ = ["integrations"]


def integrations(receiver: ReceiverConfig) -> list[Integration]:
    """All ways of a receiver."""
    return [
        *(WebhookIntegration(config) for config in receiver.webhook_configs),
        *(SlackIntegration(config) for config in receiver.slack_configs),
        *(EmailIntegration(config) for config in receiver.email_configs),
    ]
