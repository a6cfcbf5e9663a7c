"""A webhook as Slack has them: one attachment, red or green."""

from typing import Any

from belvedere.rules.notify.config import SlackConfig
from belvedere.rules.notify.notification import Notification
from belvedere.rules.notify.receivers.posted import Posted
from belvedere.rules.notify.receivers.words import short_lines

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class SlackIntegration:
    """See `Integration`."""

    name = "slack"

    def __init__(self, config: SlackConfig) -> None:
        """See `SlackConfig`."""
        self.send_resolved = config.send_resolved
        self._own = {
            key: value
            for key, value in (
                ("channel", config.channel),
                ("username", config.username),
                ("icon_emoji", config.icon_emoji),
            )
            if value
        }
        self._posted = Posted(config, config.api_url, self.name)
        self.start, self.shutdown = self._posted.start, self._posted.shutdown

    async def send(self, notification: Notification) -> None:
        """See `Integration.send`."""
        lines = [f"• {line}" for line in short_lines(notification.firing)]
        lines += [f"• resolved: {line}" for line in short_lines(notification.resolved)]
        title = notification.title.translate(_ESCAPES)
        attachment: dict[str, Any] = {
            "fallback": title,
            "title": title,
            "title_link": notification.alerts[0].generator_url,
            "text": "\n".join(lines).translate(_ESCAPES),
            "color": "danger" if notification.firing else "good",
            "mrkdwn_in": ["fallback", "pretext", "text"],
        }
        await self._posted({**self._own, "attachments": [attachment]})
