"""To an Alertmanager: `POST /api/v2/alerts`. It groups, repeats and silences for itself."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Final

import orjson
import structlog

from belvedere.collector.component import Host
from belvedere.collector.errors import ConsumeError
from belvedere.collector.exporters.http_post import HttpPost, is_429_or_5xx
from belvedere.collector.exporters.retry import Clock, Retry
from belvedere.query.labels import Labels
from belvedere.rules import telemetry
from belvedere.rules.notify.alert import ToldAlert
from belvedere.rules.notify.config import AlertmanagerConfig
from belvedere.rules.notify.times import rfc3339

log = structlog.get_logger(__name__)

CAPACITY: Final = 10_000
_BATCH: Final = 256
_DRAIN_S: Final = 5.0
"""How long `shutdown` goes on sending what waits."""


class Alertmanager:
    """One Alertmanager, with the alerts that wait for it.

    Of an alert that waits only the newest state is kept. A full queue drops what waits longest,
    and counts it: rules tell of alerts that go on again, each minute.
    """

    def __init__(self, config: AlertmanagerConfig, *, clock: Clock | None = None) -> None:
        """Nothing is sent before `start`."""
        self._config = config
        self.url = config.url.rstrip("/") + "/api/v2/alerts"
        self._post = HttpPost(config, Host(self.url), {"content-type": "application/json"})
        self._retry = Retry(config.retry_on_failure, self.url, clock or Clock())
        self._waiting: dict[Labels, ToldAlert] = {}
        self._some, self._idle = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._sent = telemetry.NOTIFICATIONS_SENT.labels(self.url)
        self._errors = telemetry.NOTIFICATIONS_ERRORS.labels(self.url)
        self._dropped = telemetry.NOTIFICATIONS_DROPPED.labels(self.url)
        self._length = telemetry.NOTIFICATIONS_QUEUE_LENGTH.labels(self.url)

    async def start(self) -> None:
        """Begin to send.

        Raises:
            ConfigError: a certificate file cannot be read.
        """
        await self._post.start()
        self._task = asyncio.create_task(self._run(), name=f"alerts to {self.url}")

    def put(self, alerts: Sequence[ToldAlert]) -> None:
        """Take alerts, to be sent soon."""
        for alert in alerts:
            self._waiting.pop(alert.labels, None)
            if len(self._waiting) >= CAPACITY:
                del self._waiting[next(iter(self._waiting))]
                self._dropped.inc()
            self._waiting[alert.labels] = alert
        self._length.set(len(self._waiting))
        self._some.set()
        self._idle.clear()

    async def shutdown(self) -> None:
        """Try once more to send what waits, and stop. Safe before `start` and when repeated."""
        self._retry.stop()
        task, self._task = self._task, None
        if task:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN_S):
                    await self._idle.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._post.shutdown()

    async def _run(self) -> None:
        while True:
            if not self._waiting:
                self._some.clear()
                self._idle.set()
            await self._some.wait()
            batch = [self._waiting.pop(labels) for labels in list(self._waiting)[:_BATCH]]
            self._length.set(len(self._waiting))
            try:
                await self._retry.call(lambda batch=batch: self._send(batch))  # type: ignore[misc] # a lambda's default
                self._sent.inc(len(batch))
            except Exception as error:
                self._errors.inc(len(batch))
                self._dropped.inc(len(batch))
                log.warning(
                    "alerts_not_sent",
                    alerts=len(batch),
                    error=str(error),
                    exc_info=None if isinstance(error, ConsumeError) else error,
                )

    async def _send(self, batch: Sequence[ToldAlert]) -> None:
        answer = await self._post(self.url, orjson.dumps([_form(alert) for alert in batch]))
        if not answer.is_success:
            raise answer.refusal(is_429_or_5xx)


def _form(alert: ToldAlert) -> dict[str, Any]:
    return {
        "labels": alert.labels.to_dict(),
        "annotations": alert.annotations.to_dict(),
        "startsAt": rfc3339(alert.starts_at_ms),
        "endsAt": rfc3339(alert.ends_at_ms),
        "generatorURL": alert.generator_url,
    }
