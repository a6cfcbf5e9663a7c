"""What a receiver is told: a group of alerts, at one time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from belvedere.query.labels import EMPTY, Labels
from belvedere.rules.notify.alert import ToldAlert


@dataclass(frozen=True, slots=True)
class Notification:
    """A message, before it is put into words.

    Attributes:
        receiver: The name of whom it is for.
        group_key: What group it is of.
        group_labels: The labels by which the alerts are grouped.
        alerts: At least one; those that fire first.
        now_ms: Unix milliseconds.
        external_url: Where users find this server.
    """

    receiver: str
    group_key: str
    group_labels: Labels
    alerts: Sequence[ToldAlert]
    now_ms: int
    external_url: str

    @property
    def firing(self) -> Sequence[ToldAlert]:
        """The alerts that fire."""
        return [alert for alert in self.alerts if alert.is_firing(self.now_ms)]

    @property
    def resolved(self) -> Sequence[ToldAlert]:
        """The others."""
        return [alert for alert in self.alerts if not alert.is_firing(self.now_ms)]

    @property
    def status(self) -> str:
        """`firing`, as long as one of them does, or `resolved`."""
        return "firing" if self.firing else "resolved"

    @property
    def common_labels(self) -> Labels:
        """What all alerts have."""
        return _common([alert.labels for alert in self.alerts])

    @property
    def common_annotations(self) -> Labels:
        """What all alerts have."""
        return _common([alert.annotations for alert in self.alerts])

    @property
    def title(self) -> str:
        """One line, as Alertmanager writes it: `[FIRING:2] Down (page api)`."""
        count = f":{len(self.firing)}" if self.firing else ""
        group = " ".join(value for _, value in self.group_labels)
        rest = " ".join(
            value for name, value in self.common_labels if name not in self.group_labels
        )
        words = (f"[{self.status.upper()}{count}]", group, f"({rest})" if rest else "")
        return " ".join(word for word in words if word)


def _common(several: Sequence[Labels]) -> Labels:
    if not several:
        return EMPTY
    shared = set(several[0].items()).intersection(*(labels.items() for labels in several[1:]))
    return Labels(shared)


class Integration(Protocol):
    """A way to tell somebody. All calls come from one event loop."""

    name: str
    """What counters call it: `webhook`, `slack`, `email`."""
    send_resolved: bool
    """Whether it tells of alerts that are resolved."""

    async def start(self) -> None:
        """Get ready. May raise `ConfigError`."""
        ...

    async def send(self, notification: Notification) -> None:
        """Tell. Tries again where that may help.

        Raises:
            ConsumeError: it could not be told.
        """
        ...

    async def shutdown(self) -> None:
        """Stop. Safe before `start` and when repeated."""
        ...
