"""`Notifier`: all who are told of alerts."""

from collections.abc import Sequence

from belvedere.otlp.batch import DEFAULT_PROJECT
from belvedere.rules.clock import Clock
from belvedere.rules.evaluation.alert import Alert
from belvedere.rules.evaluation.rule import Rule
from belvedere.rules.notify.alert import told
from belvedere.rules.notify.alertmanager import Alertmanager
from belvedere.rules.notify.config import AlertsConfig
from belvedere.rules.notify.dispatch import Dispatcher
from belvedere.rules.notify.receivers import integrations
from belvedere.rules.notify.routes import root_route


class Notifier:
    """Alertmanagers, and receivers of our own. All calls come from one event loop."""

    def __init__(
        self, config: AlertsConfig, *, external_url: str, clock: Clock | None = None
    ) -> None:
        """A notifier.

        Args:
            config: Who is told.
            external_url: Where users find this server.
            clock: Time.
        """
        self._external_labels, self._external_url = config.external_labels, external_url
        self._alertmanagers = [Alertmanager(each) for each in config.alertmanagers]
        self._dispatcher: Dispatcher | None = None
        if config.route:
            self._dispatcher = Dispatcher(
                root_route(config.route),
                {receiver.name: integrations(receiver) for receiver in config.receivers},
                external_url=external_url,
                clock=clock or Clock(),
            )

    @property
    def alertmanagers(self) -> Sequence[str]:
        """Where alerts are posted to."""
        return [alertmanager.url for alertmanager in self._alertmanagers]

    async def start(self) -> None:
        """Get ready.

        Raises:
            ConfigError: what the configuration asks for cannot be had.
        """
        for alertmanager in self._alertmanagers:
            await alertmanager.start()
        if self._dispatcher:
            await self._dispatcher.start()

    def notify(self, project: str, rule: Rule, alerts: Sequence[Alert]) -> None:
        """Take alerts that fire or are resolved; does not block.

        Those of other projects than the default one have a label `project`.
        """
        labels = dict(self._external_labels)
        if project != DEFAULT_PROJECT:
            labels["project"] = project
        several = [told(rule, alert, labels, self._external_url) for alert in alerts]
        for alertmanager in self._alertmanagers:
            alertmanager.put(several)
        if self._dispatcher:
            self._dispatcher.put(several)

    async def shutdown(self) -> None:
        """Stop. Safe before `start` and when repeated."""
        for alertmanager in self._alertmanagers:
            await alertmanager.shutdown()
        if self._dispatcher:
            await self._dispatcher.shutdown()
