"""Groups of alerts at work: each waits, tells, waits again."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from belvedere.collector.errors import ConsumeError
from belvedere.query.labels import Labels
from belvedere.rules import telemetry
from belvedere.rules.clock import Clock
from belvedere.rules.notify.alert import ToldAlert
from belvedere.rules.notify.grouping import AlertGroup
from belvedere.rules.notify.notification import Integration, Notification
from belvedere.rules.notify.routes import Route

log = structlog.get_logger(__name__)

CAPACITY: Final = 50_000
"""Alerts in all groups; those beyond are dropped, and counted."""


class Dispatcher:
    """Routes alerts to groups, and groups to receivers. All calls come from one event loop."""

    def __init__(
        self,
        route: Route,
        receivers: Mapping[str, Sequence[Integration]],
        *,
        external_url: str,
        clock: Clock,
    ) -> None:
        """A dispatcher.

        Args:
            route: The outermost one.
            receivers: Name → the ways of a receiver.
            external_url: Where users find this server.
            clock: Time.
        """
        self._route, self._receivers = route, receivers
        self._external_url, self._clock = external_url, clock
        # For each way of a receiver a group of its own: one that fails does not hold up others.
        self._groups: dict[tuple[str, Labels, Integration], AlertGroup] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._alerts = 0
        self._dropped = telemetry.NOTIFICATIONS_DROPPED.labels("receivers")

    async def start(self) -> None:
        """Get receivers ready. May raise `ConfigError`."""
        for integration in self._integrations():
            await integration.start()

    def put(self, alerts: Sequence[ToldAlert]) -> None:
        """Take alerts."""
        for alert in alerts:
            for route in self._route.find(alert.labels):
                for integration in self._receivers[route.receiver]:
                    self._put(alert, route, integration)

    async def shutdown(self) -> None:
        """Stop. What waits is told of after the next start, as rules tell of it again."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for integration in self._integrations():
            await integration.shutdown()

    def _integrations(self) -> list[Integration]:
        return [each for several in self._receivers.values() for each in several]

    def _put(self, alert: ToldAlert, route: Route, integration: Integration) -> None:
        key = (route.key, route.group_of(alert.labels), integration)
        group = self._groups.get(key)
        if group is None or alert.labels not in group:
            if not alert.is_firing(self._clock.now_ms()):
                return  # nobody was told of it
            if self._alerts >= CAPACITY:
                self._dropped.inc()
                return
            self._alerts += 1
        if group is None:
            group = self._groups[key] = AlertGroup(route, key[1])
            task = asyncio.create_task(self._run(key, group, integration), name=group.key)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        group.put(alert)

    async def _run(
        self, key: tuple[str, Labels, Integration], group: AlertGroup, integration: Integration
    ) -> None:
        """Tell of a group, until it has no alerts."""
        clock, route = self._clock, group.route
        at_ms = clock.now_ms() + route.group_wait_ms
        while True:
            await clock.sleep_until(at_ms)
            at_ms = clock.now_ms() + route.group_interval_ms
            await self._tell(group, integration)
            if not len(group):
                del self._groups[key]
                return

    async def _tell(self, group: AlertGroup, integration: Integration) -> None:
        """Send what is due. What could not be sent stays due."""
        now_ms = self._clock.now_ms()
        alerts = group.due(now_ms, send_resolved=integration.send_resolved)
        resolved = group.resolved(now_ms)
        if alerts and not await self._send(group, integration, alerts, now_ms):
            return
        if alerts is not None:
            group.told(alerts, now_ms)
        before = len(group)
        group.forget(resolved)
        self._alerts -= before - len(group)

    async def _send(
        self,
        group: AlertGroup,
        integration: Integration,
        alerts: Sequence[ToldAlert],
        now_ms: int,
    ) -> bool:
        """Whether it was sent."""
        receiver, url = group.route.receiver, self._external_url
        names = (receiver, integration.name)
        telemetry.RECEIVER_NOTIFICATIONS.labels(*names).inc()
        try:
            await integration.send(
                Notification(receiver, group.key, group.labels, alerts, now_ms, url)
            )
        except Exception as error:
            telemetry.RECEIVER_NOTIFICATIONS_FAILED.labels(*names).inc()
            log.warning(
                "notification_not_sent",
                receiver=receiver,
                way=integration.name,
                error=str(error),
                exc_info=None if isinstance(error, ConsumeError) else error,
            )
            return False
        return True
