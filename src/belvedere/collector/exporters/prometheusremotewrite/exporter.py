"""The component `prometheusremotewrite`."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import structlog

from belvedere.collector.component import Host
from belvedere.collector.errors import ConsumeError, Permanent, Retryable
from belvedere.collector.exporters.http_exporter import HttpExporter
from belvedere.collector.exporters.http_post import HttpAnswer, is_429_or_5xx
from belvedere.collector.exporters.prometheusremotewrite.config import Message, RemoteWriteConfig
from belvedere.collector.exporters.prometheusremotewrite.requests import (
    Request,
    RequestMaker,
    Requests,
)
from belvedere.collector.exporters.retry import Clock
from belvedere.otlp.batch import Batch
from belvedere.otlp.signal import Signal
from belvedere.prometheus.remote_write import v1, v2

log = structlog.get_logger(__name__)

_WRITTEN: Final = "x-prometheus-remote-write-{}-written"
_UNSUPPORTED_MEDIA_TYPE: Final = 415
_NO_V2: Final = (
    "the peer does not take remote write 2.0; set protobuf_message to prometheus.WriteRequest"
)
_COMPLAINTS: Final = {
    "delta": "their temporality is delta; make them cumulative (processor delta_to_cumulative)",
    "name": "they have no name",
    "scale": "their scale is below -4, which Prometheus does not have",
    "temporality": "they have no aggregation temporality",
}


@dataclass(slots=True)
class _Sending:
    """A batch on its way, kept from one attempt to the next."""

    batch: Batch
    dropped: Mapping[str, int]
    waiting: list[Request]
    rejected: int
    """Points that cannot be sent, or that the peer refused for good."""
    refusal: Permanent | None = None


class RemoteWriteExporter(HttpExporter):
    """Sends series over kept-alive connections."""

    Config = RemoteWriteConfig
    signals: ClassVar = frozenset({Signal.METRICS})

    def __init__(
        self, config: RemoteWriteConfig, host: Host, *, clock: Clock | None = None
    ) -> None:
        """An exporter, not started.

        Raises:
            ConfigError: `auth` or `sending_queue::storage` names no extension.
        """
        self._is_v2 = config.protobuf_message is Message.V2
        version = v2 if self._is_v2 else v1
        headers = {
            "content-encoding": "snappy",
            "content-type": version.CONTENT_TYPE,
            "x-prometheus-remote-write-version": version.VERSION,
        }
        delivery = config.delivery
        super().__init__(delivery, host, headers, clock)
        self._config = config
        # Without a queue any number of senders come at once.
        self._one_at_a_time = None if delivery.sending_queue.enabled else asyncio.Lock()
        self._maker = RequestMaker(config)
        self._parallel = asyncio.Semaphore(config.parallel_requests)
        self._sending: _Sending | None = None
        self._told_no_counts = False

    async def consume(self, batch: Batch) -> None:
        """See `Delivery.consume`."""
        if self._one_at_a_time is None:
            await super().consume(batch)
            return
        async with self._one_at_a_time:
            await super().consume(batch)

    async def _attempt(self, batch: Batch) -> int:
        sending = self._sending
        if sending is None or sending.batch is not batch:
            made = await asyncio.to_thread(self._requests, batch)
            rejected = sum(made.dropped.values())
            sending = _Sending(batch, made.dropped, made.requests, rejected)
            self._sending = sending
        waiting, sending.waiting = sending.waiting, []
        tasks = [asyncio.create_task(self._send(request, sending)) for request in waiting]
        try:
            failures = [each for each in await asyncio.gather(*tasks) if each]
        except BaseException:
            for task in tasks:
                task.cancel()
            raise
        if failures:
            after_s = max((each.after_s for each in failures if each.after_s), default=None)
            raise Retryable(str(failures[0]), after_s=after_s)
        self._sending = None
        self._tell(sending)
        return sending.rejected

    def _requests(self, batch: Batch) -> Requests:
        return self._maker.requests(batch.signal.request_type.FromString(batch.data))

    async def _send(self, request: Request, sending: _Sending) -> Retryable | None:
        """Send one request. What can be tried again goes back to `sending.waiting`."""
        try:
            async with self._parallel:
                answer = await self._post(self._config.endpoint, request.body)
            if answer.is_success:
                self._check_written(answer, request)
                return None
            said = _NO_V2 if self._is_v2 and answer.status == _UNSUPPORTED_MEDIA_TYPE else None
            raise answer.refusal(is_429_or_5xx, said=said)
        except Retryable as error:
            sending.waiting.append(request)
            return error
        except ConsumeError as error:
            sending.rejected += request.points
            sending.refusal = Permanent(str(error))
            return None

    def _check_written(self, answer: HttpAnswer, request: Request) -> None:
        """Version 2.0 says how much was written. It is told where that is less than was sent."""
        if not self._is_v2:
            return
        sent = {"samples": request.samples, "histograms": request.histograms}
        written = {what: answer.headers.get(_WRITTEN.format(what), "") for what in sent}
        if not any(written.values()):
            if not self._told_no_counts:
                self._told_no_counts = True
                log.warning(
                    "no_written_counts",
                    component=self._id,
                    hint="the peer may know remote write 1.0 only; set protobuf_message to"
                    " prometheus.WriteRequest",
                )
            return
        if any(text.isdecimal() and int(text) < sent[what] for what, text in written.items()):
            log.warning("written_in_part", component=self._id, sent=sent, written=written)

    def _tell(self, sending: _Sending) -> None:
        """Say what was not taken.

        Raises:
            Permanent: nothing was.
        """
        reasons = [
            f"{points} data points cannot be sent: {_COMPLAINTS[reason]}"
            for reason, points in sending.dropped.items()
        ]
        if sending.refusal:
            reasons.append(str(sending.refusal))
        if not reasons:
            return
        if sending.rejected >= sending.batch.items > 0:
            raise Permanent("; ".join(reasons))
        log.warning(
            "points_rejected",
            component=self._id,
            points=sending.rejected,
            error="; ".join(reasons),
        )
