"""Alerts as lines of text, for people."""

from collections.abc import Sequence

from belvedere.rules.notify.alert import ToldAlert
from belvedere.rules.notify.times import rfc3339

_SAYING = ("summary", "description", "message")


def short_lines(alerts: Sequence[ToldAlert]) -> list[str]:
    """One line an alert: what its annotations say, or its labels."""
    return [
        next((text for name in _SAYING if (text := alert.annotations.get(name))), str(alert.labels))
        for alert in alerts
    ]


def long_lines(alerts: Sequence[ToldAlert]) -> list[str]:
    """All that is known of each alert."""
    lines: list[str] = []
    for alert in alerts:
        lines += [f"  {name} = {value}" for name, value in alert.labels]
        lines += [f"  {name}: {value}" for name, value in alert.annotations]
        lines += [f"  since {rfc3339(alert.starts_at_ms)}", f"  {alert.generator_url}", ""]
    return lines
